//! Perf buffers: what programs give `bpf_perf_event_output`, a ring for each CPU.
//!
//! - [`PerfBuffer`] opens a perf event on each CPU, puts them into a `BPF_MAP_TYPE_PERF_EVENT_ARRAY` map, and reads them
//!   all behind one descriptor.
//! - [`PerfRing`] is one of its rings.
//! - [`cursor`] is the protocol by itself, over any [`PerfMemory`](cursor::PerfMemory); [`heap`] is a ring without a
//!   kernel.
//!
//! Rings that overwrite what has not been read (`write_backward`) are not served: their records may change while they are
//! looked at, unless the event is paused, and then records are lost.

mod buffer;
pub mod cursor;
pub mod heap;
pub mod mapping;
mod record;
mod ring;

pub use buffer::{CpuRing, PerfBuffer, PerfBufferOptions};
pub use cursor::{HeldRecord, PerfCursor};
pub use record::{PerfEvent, PerfRecord};
pub use ring::PerfRing;
