//! The pages of a perf event.
//!
//! `struct perf_event_mmap_page` of `linux/perf_event.h`, one page, then the data:
//!
//! ```text
//! offset  0       what perf tells about the event; 1024: data_head, 1032: data_tail
//!         page    data     a power of two of pages
//! ```

use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use purebpf_sys::mapping::{Mapping, Protection};
use purebpf_sys::system::page_size;

use super::cursor::{PerfMemory, PerfPointers};
use crate::Error;

/// Where `data_head` stands, in bytes from the start; `data_tail` is behind it.
const DATA_HEAD: usize = 1024;
const DATA_TAIL: usize = DATA_HEAD + 8;

/// A perf event's pages, mapped for its consumer.
#[derive(Debug)]
pub struct PerfMapping {
    mapping: Mapping,
    pointers: PerfPointers,
}

impl PerfMapping {
    /// Maps `event` with `pages` pages of data. Writable, which makes the kernel keep what has not been read.
    ///
    /// # Errors
    ///
    /// [`Error::BadPageCount`]; [`Error::Mapping`] if it cannot be mapped: EPERM beyond what `perf_event_mlock_kb` lets
    /// a user without CAP_IPC_LOCK lock, EINVAL if the event has been mapped with another size.
    pub(super) fn new(event: BorrowedFd<'_>, pages: usize) -> Result<Self, Error> {
        let page = page_size();
        let bad_count = || Error::BadPageCount { pages };
        let size = pages.checked_mul(page).filter(|size| pages.is_power_of_two() && size.is_power_of_two());
        let size = size.ok_or_else(bad_count)?;
        let len = size.checked_add(page).filter(|&len| isize::try_from(len).is_ok()).ok_or_else(bad_count)?;
        let mapping = Mapping::new(event, 0, len, Protection::ReadWrite)
            .map_err(|cause| Error::Mapping { part: "perf event's pages", cause })?;
        let start = NonNull::new(mapping.as_ptr()).ok_or_else(bad_count)?;
        // SAFETY: the mapping is longer than a page, and a page than these offsets.
        let pointers = unsafe {
            PerfPointers {
                head: start.add(DATA_HEAD).cast(),
                tail: start.add(DATA_TAIL).cast(),
                data: start.add(page),
                size,
            }
        };
        Ok(Self { mapping, pointers })
    }

    /// The first of the pages, for those who read past the consumer: what perf tells about the event, then the data.
    /// Valid for as long as `self` exists; what is read there may change at any moment, and nothing may be written.
    pub fn as_ptr(&self) -> *const u8 {
        self.mapping.as_ptr()
    }
}

// SAFETY: addresses of the process, used by `PerfCursor` as `PerfMemory` says; nothing in them is tied to a thread.
unsafe impl Send for PerfMapping {}
// SAFETY: as above; `&PerfMapping` gives out addresses, and accesses that are volatile or atomic.
unsafe impl Sync for PerfMapping {}

// SAFETY: the pages stay mapped, at the same addresses, for as long as the value exists. Both positions are aligned; `new`
// has checked that `size` is a power of two, and mapped as many bytes after the first page. The kernel keeps the last
// point for rings that are mapped writable (see `cursor`). Whoever else has the event's descriptor and maps it once more
// can move `data_tail`, and make the kernel overwrite what is being read, as one can with any file that is mapped;
// reading a ring assumes that nobody does.
unsafe impl PerfMemory for PerfMapping {
    fn pointers(&self) -> PerfPointers {
        self.pointers
    }
}
