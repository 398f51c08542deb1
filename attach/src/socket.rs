//! Socket filters: programs that say how much of each packet a socket receives.

use crate::{
    advice::refused,
    error::{Mechanism, Result},
    guarded_fd::GuardedFd,
    link::Link,
};
use purebpf_sys::error::{Errno, Error as SysError};
use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
};

/// Attaches `prog` (of type SOCKET_FILTER) to `socket`.
///
/// The kernel has no link for this. The [`Link`] holds a duplicate of the socket's descriptor, so that the socket stays
/// open as long as the link, and takes the filter away when it is dropped, be it this one or one that replaced it.
///
/// # Errors
///
/// [`Error::Attach`](crate::Error::Attach): EPERM for a socket whose filter is locked (`SO_LOCK_FILTER`), EINVAL for a
/// program of another type, ENOTSOCK.
#[doc(alias = "SO_ATTACH_BPF")]
pub fn attach_socket_filter(prog: BorrowedFd<'_>, socket: BorrowedFd<'_>) -> Result<Link> {
    let failed = |source| refused(Mechanism::Socket, "filter", source);
    // The duplicate comes first: what was attached could not be undone for want of a descriptor.
    let own = socket.try_clone_to_owned().map_err(|error| {
        failed(SysError::Syscall { call: "fcntl(F_DUPFD_CLOEXEC)", errno: Errno(error.raw_os_error().unwrap_or(libc::EIO)) })
    })?;
    set_option(own.as_fd(), libc::SO_ATTACH_BPF, prog.as_raw_fd(), "setsockopt(SO_ATTACH_BPF)").map_err(failed)?;
    Ok(Link::socket(GuardedFd::new(own, detach)))
}

/// Takes a socket's filter away, which by another's doing may be gone.
fn detach(socket: BorrowedFd<'_>) -> purebpf_sys::Result<()> {
    match set_option(socket, libc::SO_DETACH_BPF, 0, "setsockopt(SO_DETACH_BPF)") {
        Err(error) if error.errno() == libc::ENOENT => Ok(()),
        result => result,
    }
}

#[expect(unsafe_code, reason = "setsockopt")]
fn set_option(socket: BorrowedFd<'_>, option: i32, value: i32, call: &'static str) -> purebpf_sys::Result<()> {
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes at the address of `value`.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const value).cast(), length)
    };
    if result == 0 {
        return Ok(());
    }
    let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    Err(SysError::Syscall { call, errno: Errno(errno) })
}
