//! A descriptor with something to be done before it is closed.

use std::{
    mem::ManuallyDrop,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    ptr,
};

/// Detaches on drop what closing the descriptor alone might not.
#[derive(Debug)]
pub(crate) struct GuardedFd {
    fd: OwnedFd,
    before_close: fn(BorrowedFd<'_>) -> purebpf_sys::Result<()>,
    finished: bool,
}

impl GuardedFd {
    pub(crate) fn new(fd: OwnedFd, before_close: fn(BorrowedFd<'_>) -> purebpf_sys::Result<()>) -> GuardedFd {
        GuardedFd { fd, before_close, finished: false }
    }

    /// Does now, and once, what is to be done; tells if it failed.
    pub(crate) fn finish(&mut self) -> purebpf_sys::Result<()> {
        if std::mem::replace(&mut self.finished, true) { Ok(()) } else { (self.before_close)(self.fd.as_fd()) }
    }

    /// The descriptor, with nothing done.
    #[expect(unsafe_code, reason = "a field cannot be moved out of a value that has a destructor")]
    pub(crate) fn into_fd(self) -> OwnedFd {
        let this = ManuallyDrop::new(self);
        // SAFETY: the field is read out of a value that is never dropped nor used again, so the descriptor has one owner.
        unsafe { ptr::read(&raw const this.fd) }
    }
}

impl AsFd for GuardedFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for GuardedFd {
    fn drop(&mut self) {
        // Nobody could do anything about a failure here; closing follows in any case.
        let _ = self.finish();
    }
}
