//! BPF ring buffers, user ring buffers and perf buffers, over a map file descriptor.
//!
//! # What it does
//!
//! - [`Ring`] reads one `BPF_MAP_TYPE_RINGBUF` map: record by record or in batches, in place, without copying; and
//!   waits for records, or lets any event loop wait.
//! - [`RingBufferManager`] reads several, each with a callback of its own, behind one descriptor.
//! - [`PerfBuffer`] reads what programs put out with `bpf_perf_event_output`: a [`PerfRing`] for each CPU, in a
//!   `BPF_MAP_TYPE_PERF_EVENT_ARRAY` map, behind one descriptor. Records are read in place, but for those that cross the
//!   end of a ring.
//! - [`UserRing`] gives samples to programs through a `BPF_MAP_TYPE_USER_RINGBUF` map, written in place.
//! - [`Cursor`], [`PerfCursor`](perf::PerfCursor) and [`SampleWriter`](user::SampleWriter) are the protocols by
//!   themselves, over any memory; [`heap_ring`], [`perf::heap`] and [`user::heap`] are rings without a kernel, for testing
//!   what consumes records or produces samples.
//!
//! It needs a descriptor and nothing else, so it serves maps from wherever they come. The values own what they need,
//! have no lifetime parameters, and can be sent to other threads. Nothing that stands in a ring can make them panic,
//! hang or read beyond it: a ring that contradicts itself is an [`Error`].
//!
//! # What it does not do
//!
//! It creates no maps, loads no programs, and does not know what the records mean: they are `&[u8]`. Those of a ring buffer
//! are aligned to 8 bytes, those of a perf buffer to 4. Rings in overwrite mode (`BPF_F_RB_OVERWRITE`, and `write_backward`
//! of perf events) are not served, since their records can change while they are read. A process must have the kernel's
//! word size, because the positions that it shares with the kernel have.
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
//! [`Ring`], [`RingBufferManager`], [`PerfRing`] and [`PerfBuffer`] implement [`AsFd`](std::os::fd::AsFd); their
//! descriptors become readable. An event loop waits for that and calls [`Ring::consume`], or [`Ring::next`] until it
//! returns `None`. Waiting edge-triggered, as most async runtimes do, is fine after either: no wake-up is lost, as
//! [`cursor`] and [`perf::cursor`] argue.
//!
//! # Safety
//!
//! `unsafe` stands in [`cursor`] and [`perf::cursor`] (reading a ring), [`user::writer`] (writing to one), [`mapping`] and
//! its like (mmap), [`heap_ring`] and its like (rings without a kernel) and in the calls of epoll.

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
