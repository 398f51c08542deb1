//! An edge-triggered epoll instance of the test's own, as an async runtime has one.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

pub(crate) struct Edges(OwnedFd);

impl Edges {
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Self {
        // SAFETY: the descriptor is new, and the event is read during the call.
        unsafe {
            let epoll = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            assert!(epoll >= 0);
            let epoll = OwnedFd::from_raw_fd(epoll);
            let mut event = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: 0 };
            let added = libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event);
            assert_eq!(added, 0);
            Self(epoll)
        }
    }

    /// Whether there has been an edge.
    pub(crate) fn has_one(&self) -> bool {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: there is room for the one event that the call may write.
        unsafe { libc::epoll_wait(self.0.as_raw_fd(), &raw mut event, 1, 0) == 1 }
    }

    /// Waits for an edge, and fails if there is none in `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        loop {
            // SAFETY: there is room for the one event that the call may write.
            let count = unsafe {
                libc::epoll_wait(self.0.as_raw_fd(), &raw mut event, 1, timeout.as_millis().try_into().unwrap())
            };
            match count {
                1 => return,
                0 => panic!("no wake-up in {timeout:?}"),
                _ => assert_eq!(std::io::Error::last_os_error().kind(), std::io::ErrorKind::Interrupted),
            }
        }
    }
}
