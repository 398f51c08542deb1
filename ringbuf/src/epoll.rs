//! Waiting for rings: the three epoll calls, edge-triggered.
//!
//! Edge-triggered, because `ringbuf_map_poll_kern` calls a ring readable from the moment a record is reserved. A
//! level-triggered waiter whose oldest record is still being written would not sleep at all. An edge is enough for a
//! waiter that has seen the ring empty in the sense of [`cursor`](crate::cursor).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::Error;

/// A point in time up to which to wait; `None` is for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Now plus `timeout`.
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        // A sum that no clock can show is as good as for ever.
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    /// Whether it has passed.
    pub(crate) fn is_over(self) -> bool {
        self.milliseconds() == 0
    }

    /// What is left, in milliseconds and rounded up, as epoll_wait(2) takes it; 0 when it has passed.
    fn milliseconds(self) -> i32 {
        let Some(end) = self.0 else { return -1 };
        let left = end.saturating_duration_since(Instant::now());
        i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
    }
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A ring sent a wake-up, or had something in it when it was added.
    Ready,
    /// Time is up, or a signal came.
    Over,
}

/// An epoll instance over ring buffer maps.
#[derive(Debug)]
pub(crate) struct Epoll(OwnedFd);

impl Epoll {
    pub(crate) fn new() -> Result<Self, Error> {
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(Error::last_os_error("epoll_create1"));
        }
        // SAFETY: a new descriptor that nobody else knows.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // As bpf-sys's descriptors, none of ours is taken for stdin, stdout or stderr: duplicates are above.
        let duplicate = |cause| Error::Syscall { call: "fcntl(F_DUPFD_CLOEXEC)", cause };
        Ok(Self(if fd.as_raw_fd() > 2 { fd } else { fd.try_clone().map_err(duplicate)? }))
    }

    /// Waits for `ring`, a map or a perf event, as well. If something is in it already, that counts as its first edge.
    pub(crate) fn add(&self, ring: BorrowedFd<'_>) -> Result<(), Error> {
        self.add_for(ring, libc::EPOLLIN)
    }

    /// Waits until programs have taken something out of the user ring buffer `map`.
    pub(crate) fn add_writable(&self, map: BorrowedFd<'_>) -> Result<(), Error> {
        self.add_for(map, libc::EPOLLOUT)
    }

    fn add_for(&self, fd: BorrowedFd<'_>, events: i32) -> Result<(), Error> {
        let mut event = libc::epoll_event { events: (events | libc::EPOLLET) as u32, u64: 0 };
        // SAFETY: `event` is a valid epoll_event that the call reads.
        let result =
            unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event) };
        if result < 0 {
            return Err(Error::last_os_error("epoll_ctl(EPOLL_CTL_ADD)"));
        }
        Ok(())
    }

    /// Sleeps until a ring has had an edge since it was last reported, the deadline passes or a signal comes. Does not
    /// enter the kernel when the deadline has passed.
    pub(crate) fn wait(&self, deadline: Deadline) -> Result<Wake, Error> {
        // Which rings they were does not matter: all are looked at. An edge left over ends the next wait early.
        const EVENTS: usize = 32;
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        loop {
            let timeout = deadline.milliseconds();
            if timeout == 0 {
                return Ok(Wake::Over);
            }
            // SAFETY: `events` is valid for writes of as many events as the call is told.
            let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), EVENTS as i32, timeout) };
            match count {
                // Early only if the time left is more than epoll_wait can be told.
                0 => {}
                1.. => return Ok(Wake::Ready),
                _ => {
                    let error = io::Error::last_os_error();
                    if error.kind() == io::ErrorKind::Interrupted {
                        return Ok(Wake::Over);
                    }
                    return Err(Error::Syscall { call: "epoll_wait", cause: error });
                }
            }
        }
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
