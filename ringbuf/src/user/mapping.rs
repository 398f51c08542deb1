//! The pages of a user ring buffer map: those of a ring buffer (see [`mapping`](crate::mapping)) with the rights swapped.
//! The consumer page is mapped read-only, the producer page and the data, which appears twice in a row, read-write:
//! `ringbuf_map_mmap_user` lets user space write to anything but the first page.

use std::os::fd::BorrowedFd;

use purebpf_sys::mapping::Protection;

use super::writer::UserRingMemory;
use crate::Error;
use crate::mapping::RingPages;
use crate::memory::RingPointers;

/// A `BPF_MAP_TYPE_USER_RINGBUF` map's pages, mapped for its producer.
#[derive(Debug)]
pub struct UserRingMapping(RingPages);

impl UserRingMapping {
    /// Maps `map`, a user ring buffer of `size` bytes (its `max_entries`).
    ///
    /// # Errors
    ///
    /// [`Error::BadSize`] if no ring buffer has that size or it exceeds the address space; [`Error::Mapping`] if the
    /// map cannot be mapped.
    pub(super) fn new(map: BorrowedFd<'_>, size: u64) -> Result<Self, Error> {
        Ok(Self(RingPages::new(map, size, Protection::ReadOnly, Protection::ReadWrite)?))
    }
}

// SAFETY: the pages stay mapped, at the same addresses, for as long as the value exists. Each position is the first
// word of a page, so it is aligned, and the producer's is mapped writable, as is the data; `RingPages::new` has checked
// that `size` is a power of two and a multiple of the page size, and mapped `2 * size` bytes after the page of the producer
// position. The kernel consumes as `writer` says, and its consumer position goes forward. That there is one producer
// `UserRing` sees to within this process; whoever else has a writable descriptor of the map can break it, as one can with
// any file that is mapped; writing to a ring assumes that nobody does.
unsafe impl UserRingMemory for UserRingMapping {
    fn pointers(&self) -> RingPointers {
        self.0.pointers
    }
}
