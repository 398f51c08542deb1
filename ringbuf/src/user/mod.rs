//! User ring buffers: what user space gives to programs, which take it with `bpf_user_ringbuf_drain`.
//!
//! - [`UserRing`] writes to one `BPF_MAP_TYPE_USER_RINGBUF` map (Linux 6.1 and later).
//! - [`SampleWriter`] is the protocol by itself, over any [`UserRingMemory`]; [`heap`] is a ring without a kernel.

pub mod heap;
pub mod mapping;
mod ring;
pub mod writer;

pub use ring::UserRing;
pub use writer::{SampleWriter, UserRingMemory, UserSample};
