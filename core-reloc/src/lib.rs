//! CO-RE, "compile once, run everywhere": what a BPF relocation comes to against another kernel's types.
//!
//! A compiler that reads `task->pid` for CO-RE leaves a record behind: the local type, the path to the field, and what the
//! instruction holds of it (an offset, a size, whether it exists). What it does:
//! - [`Resolver::resolve`] finds the same field, type or enumerator among the types of the kernel that the program is to
//!   run on and gives a [`Fixup`]. It is a pure function of types.
//! - [`apply`] writes a fixup into the instruction, in either byte order. It touches 8 bytes (16 of a 64-bit constant)
//!   and nothing else, and nothing at all when it fails.
//! - [`types_are_compat`] compares two types as is done for type relocations; typed externs need it too.
//!
//! All thirteen [kinds](Kind) of relocations are known. The rules are libbpf's: candidates by essential name
//! (`task_struct___mine` stands for `task_struct`), in vmlinux or, if that has none, in its modules; fields by name and
//! compatible type, through anonymous members and arrays; and all candidates must agree. No relocation scans the kernel's
//! types: [`Resolver::expect`] finds the candidates of a whole object in one pass over the names of structs and their like, and where
//! an index of all names has been made they come from that. What is not found is no error: the instruction is
//! [poisoned](POISON), and the program loads where it cannot be reached.
//!
//! What it does not do: it reads no ELF file, makes no system call and opens nothing; where relocations and types come
//! from is the caller's business, and so is what to do about an [`Error`]. `purebpf-elf-loader` does both for whole
//! objects.
//!
//! Types may come from anywhere. Nothing in them makes it panic, and no relocation, nor the sum of an object's, takes
//! longer than the size of the input warrants ([`Error::TooComplex`]).
//!
//! The crate builds without `std` (it needs `alloc`); `std` is a default feature.
//!
//! ```
//! use purebpf_btf::{Btf, IntEncoding, KernelBtf, builder::Builder};
//! use purebpf_core_reloc::{Kind, Relocation, Resolver, apply};
//!
//! // The program was compiled for `struct task { int pid; }` ...
//! let mut local = Builder::new();
//! let int = local.add_int("int", 4, IntEncoding::SIGNED)?;
//! let task = local.add_struct("task", 4)?;
//! local.add_member("pid", int, 0)?;
//! let local = Btf::parse(local.finish())?;
//!
//! // ... and runs where `pid` is the second member.
//! let mut kernel = Builder::new();
//! let int = kernel.add_int("int", 4, IntEncoding::SIGNED)?;
//! kernel.add_struct("task", 8)?;
//! kernel.add_member("flags", int, 0)?.add_member("pid", int, 32)?;
//! let kernel = KernelBtf::new(Btf::parse(kernel.finish())?);
//!
//! let mut resolver = Resolver::new(&local, Some(&kernel));
//! let relocation = Relocation { local_type: task, access: "0:0", kind: Kind::FieldByteOffset };
//! let fixup = resolver.resolve(&relocation)?;
//! assert_eq!((fixup.local_value, fixup.new_value()), (0, Some(4)));
//!
//! // r1 = *(u32 *)(r2 + 0) becomes r1 = *(u32 *)(r2 + 4).
//! let mut insn = [0x61, 0x21, 0, 0, 0, 0, 0, 0];
//! apply(&fixup, &mut insn, false, 0)?;
//! assert_eq!(insn, [0x61, 0x21, 4, 0, 0, 0, 0, 0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod candidates;
mod compat;
mod error;
mod kind;
mod patch;
mod resolve;
mod spec;
mod value;

pub use compat::types_are_compat;
pub use error::{Error, Warning};
pub use kind::Kind;
pub use patch::{Applied, POISON, apply};
pub use resolve::{Fixup, Outcome, Relocation, Resize, Resolver};
