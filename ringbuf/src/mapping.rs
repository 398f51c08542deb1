//! The pages of a ring buffer map.
//!
//! `struct bpf_ringbuf` of `kernel/bpf/ringbuf.c` can be mapped from its consumer page on, and the data pages
//! appear in it twice in a row:
//!
//! ```text
//! offset  0               consumer position      one page, the only one that user space may write
//!         page            producer position      one page
//!         2 pages         data                   size bytes
//!         2 pages + size  the same data again    size bytes
//! ```
//!
//! For `BPF_MAP_TYPE_RINGBUF` the first page is mapped read-write (`ringbuf_map_mmap_kern` allows exactly that
//! one) and the rest read-only.

use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use purebpf_sys::mapping::{Mapping, Protection};
use purebpf_sys::system::page_size;

use crate::Error;
use crate::memory::{RingMemory, RingPointers};

/// The pages of a ring buffer map of either direction.
#[derive(Debug)]
pub(crate) struct RingPages {
    /// Keep mapped what the pointers lead to.
    _consumer: Mapping,
    _producer_and_data: Mapping,
    pub(crate) pointers: RingPointers,
}

impl RingPages {
    /// Maps `map`, a ring of `size` bytes (its `max_entries`).
    pub(crate) fn new(
        map: BorrowedFd<'_>,
        size: u64,
        consumer: Protection,
        producer_and_data: Protection,
    ) -> Result<Self, Error> {
        let page = page_size();
        let bad_size = || Error::BadSize { size };
        let size = usize::try_from(size).map_err(|_| bad_size())?;
        if !size.is_power_of_two() || size % page != 0 {
            return Err(bad_size());
        }
        let len = size.checked_mul(2).and_then(|data| data.checked_add(page)).ok_or_else(bad_size)?;
        if isize::try_from(len).is_err() {
            return Err(bad_size());
        }

        let consumer =
            Mapping::new(map, 0, page, consumer).map_err(|cause| Error::Mapping { part: "consumer page", cause })?;
        let producer_and_data = Mapping::new(map, page as u64, len, producer_and_data)
            .map_err(|cause| Error::Mapping { part: "producer page and data", cause })?;
        let (Some(first), Some(second)) = (NonNull::new(consumer.as_ptr()), NonNull::new(producer_and_data.as_ptr()))
        else {
            return Err(bad_size());
        };
        let pointers = RingPointers {
            consumer_pos: first.cast(),
            producer_pos: second.cast(),
            // SAFETY: the mapping is longer than a page.
            data: unsafe { second.add(page) },
            size,
        };
        Ok(Self { _consumer: consumer, _producer_and_data: producer_and_data, pointers })
    }
}

// SAFETY: addresses of the process; nothing in them is tied to a thread.
unsafe impl Send for RingPages {}
// SAFETY: as above; `&RingPages` gives out addresses and no access.
unsafe impl Sync for RingPages {}

/// A `BPF_MAP_TYPE_RINGBUF` map's pages, mapped for its consumer.
#[derive(Debug)]
pub struct RingMapping(RingPages);

impl RingMapping {
    /// Maps `map`, a ring buffer of `size` bytes (its `max_entries`).
    ///
    /// # Errors
    ///
    /// [`Error::BadSize`] if no ring buffer has that size or it exceeds the address space; [`Error::Mapping`] if the
    /// map cannot be mapped: EACCES for a read-only descriptor, EPERM for a frozen map, EINVAL if the map is smaller.
    pub(crate) fn new(map: BorrowedFd<'_>, size: u64) -> Result<Self, Error> {
        Ok(Self(RingPages::new(map, size, Protection::ReadWrite, Protection::ReadOnly)?))
    }
}

// SAFETY: the pages stay mapped, at the same addresses, for as long as the value exists. Each position is the first
// word of a page, so it is aligned; `RingPages::new` has checked that `size` is a power of two and a multiple of the page size,
// and mapped `2 * size` bytes after the page of the producer position. The kernel keeps the rest of the contract for
// `BPF_MAP_TYPE_RINGBUF` without `BPF_F_RB_OVERWRITE` (see `cursor`), which is why only `Ring` makes these; its
// positions are `unsigned long`s, as large as `usize` where kernel and process have the same word size.
//
// The contract also says that nobody else moves the consumer position. Among consumers in this process `Ring` sees to
// it. Whoever else holds a writable descriptor of the map, in another process or to map that page once more by hand,
// can break it, as one can with any file that is mapped or any process that is traced; reading a ring assumes that
// nobody does.
unsafe impl RingMemory for RingMapping {
    fn pointers(&self) -> RingPointers {
        self.0.pointers
    }
}
