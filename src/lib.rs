//! Load, relocate, attach and read from compiled BPF objects: libbpf rebuilt in Rust, with no C underneath.
//!
//! This crate is the facade over smaller ones, each useful alone and re-exported here: [`btf`], [`sys`], [`core_reloc`],
//! [`elf_loader`], [`attach`], [`ringbuf`].
//!
//! # The phases
//!
//! 1. [`Object::open`] parses a file and gives an [`OpenObject`]: nothing is in the kernel; programs can be turned off,
//!    globals set, maps resized, values of the kernel's configuration given.
//! 2. [`OpenObject::load`] gives an [`Object`]: maps exist, programs are verified. The open object stays as it was, to be
//!    changed and loaded again.
//! 3. [`Object::attach`], or a method of [`Program`], gives [`Link`]s. Dropping a link detaches.
//!
//! From then on: [`Map`] and its [views](map) share data with the programs, [`Global`] is a variable of theirs, live;
//! [`RingBuffer`], [`PerfBuffer`] and [`UserRingBuffer`] carry records; [`Program::test_run`] runs one by hand.
//!
//! Everything owns what it needs; nothing has a lifetime parameter. File descriptors close on drop.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! let mut open = purebpf::Object::open("execsnoop.bpf.o")?;
//! open.global_mut("min_duration_ns")?.set(5_000_000u64)?;
//! let object = open.load()?;
//! let _links = object.attach()?;
//! let mut ring = purebpf::RingBuffer::new(object.map("events")?)?;
//! loop {
//!     ring.poll(Duration::from_millis(100), |record| println!("{} bytes", record.len()))?;
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does not do
//!
//! It compiles no C (a compiler makes the object), and it writes no log anywhere but to the [`log`] facade.
#![forbid(unsafe_code)]

mod error;
mod global;
pub mod kernel;
pub mod map;
mod object;
mod open;
mod pinning;
mod program;

pub use error::{Error, PinFault, Result};
pub use global::{Global, GlobalMut};
pub use map::{Map, TypedMap};
pub use object::Object;
pub use open::{MapKey, OpenObject, OpenProgram, PreparedObject, ProgramKey, StructOpsMut};
pub use program::{Program, RunStats, SourceLine};

pub use bytemuck;
pub use purebpf_attach as attach;
pub use purebpf_attach::Link;
pub use purebpf_btf as btf;
pub use purebpf_core_reloc as core_reloc;
pub use purebpf_elf_loader as elf_loader;
pub use purebpf_elf_loader::object::{MapId, MapKind, ProgramId};
pub use purebpf_ringbuf as ringbuf;
pub use purebpf_ringbuf::{
    PerfBuffer, PerfBufferOptions, PerfEvent, Ring as RingBuffer, RingBufferManager, UserRing as UserRingBuffer,
};
pub use purebpf_sys as sys;

// The example in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
