//! Consumers of BPF ring buffers over a map file descriptor.
//!
//! # What it does
//!
//! - [`Ring`] reads one `BPF_MAP_TYPE_RINGBUF` map: record by record or in batches, in place, without copying; and
//!   waits for records, or lets any event loop wait.
//! - [`RingBufferManager`] reads several, each with a callback of its own, behind one descriptor.
//! - [`Cursor`] is the protocol by itself, over any [`memory`]; [`heap_ring`] is a ring without a kernel, for testing
//!   what consumes records.
//!
//! It needs a descriptor and nothing else, so it serves maps from wherever they come. The values own what they need,
//! have no lifetime parameters, and can be sent to other threads. Nothing that stands in a ring can make them panic,
//! hang or read beyond it: a ring that contradicts itself is an [`Error`].
//!
//! # What it does not do
//!
//! It creates no maps, loads no programs, and does not know what the records mean: they are `&[u8]`, aligned to 8
//! bytes. Rings in overwrite mode (`BPF_F_RB_OVERWRITE`) are refused, since their records can change while they are
//! read. A process must have the kernel's word size, because the positions that it shares with the kernel have.
//!
//! # Example
//!
//! ```no_run
//! use std::time::Duration;
//! use purebpf_ringbuf::Ring;
//!
//! # fn example(map: std::os::fd::OwnedFd) -> Result<(), purebpf_ringbuf::Error> {
//! let mut ring = Ring::new(&map)?;
//! loop {
//!     ring.poll(Duration::from_millis(100), |record| {
//!         println!("{} bytes: {record:02x?}", record.len());
//!     })?;
//! }
//! # }
//! ```
//!
//! # Waiting elsewhere
//!
//! [`Ring`] and [`RingBufferManager`] implement [`AsFd`](std::os::fd::AsFd); their descriptors become readable. An
//! event loop waits for that and calls [`Ring::consume`], or [`Ring::next`] until it returns `None`. Waiting
//! edge-triggered, as most async runtimes do, is fine after either: no wake-up is lost, as [`cursor`] argues.
//!
//! # Safety
//!
//! `unsafe` stands in [`cursor`] (reading the ring), [`mapping`] (mmap), [`heap_ring`] (the ring without a kernel) and
//! in the calls of epoll.

pub mod cursor;
mod epoll;
pub mod error;
pub mod heap_ring;
pub mod manager;
mod map_info;
pub mod mapping;
pub mod memory;
pub mod perf;
pub mod ring;
mod sole;
pub mod user;

pub use cursor::{Consumed, Cursor, Record};
pub use error::Error;
pub use manager::RingBufferManager;
pub use perf::{PerfBuffer, PerfBufferOptions, PerfEvent, PerfRecord, PerfRing};
pub use ring::Ring;
pub use user::{UserRing, UserSample};
