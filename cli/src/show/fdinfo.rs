//! `/proc/PID/fdinfo/FD`: what the kernel says of a descriptor and tells nowhere else, such as a map's memory.

use std::fs;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The lines of one descriptor, each `name:\tvalue`.
pub(super) struct FdInfo(String);

impl FdInfo {
    /// Of a descriptor of this process; without /proc nothing is known.
    pub(super) fn of(fd: BorrowedFd<'_>) -> FdInfo {
        FdInfo(fs::read_to_string(format!("/proc/thread-self/fdinfo/{}", fd.as_raw_fd())).unwrap_or_default())
    }

    pub(super) fn from_text(text: String) -> FdInfo {
        FdInfo(text)
    }

    /// The number on the line of this name.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        let value = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.trim().parse().ok()
    }
}
