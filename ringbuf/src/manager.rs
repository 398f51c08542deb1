//! Several rings behind one descriptor, each with its own callback: libbpf's `struct ring_buffer`.

use std::fmt;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::cursor::{Consumed, Walk};
use crate::epoll::{Deadline, Epoll, Wake};
use crate::{Error, Ring};

type Callback<B> = Box<dyn FnMut(&[u8]) -> ControlFlow<B> + Send>;

/// Ring buffers that are read together.
///
/// It owns its rings and callbacks and can be sent to another thread. `B` is what a callback may break off with, an
/// error for instance; a manager whose callbacks never break off can ignore it.
///
/// Its [`AsFd`] descriptor, an epoll instance, becomes readable when one of the rings does, and can be handed to any
/// event loop. Edge-triggered ones may wait after a [`consume`](Self::consume) that no callback has broken off, or a
/// [`poll`](Self::poll) that gave no records.
///
/// ```no_run
/// use std::time::Duration;
///
/// # fn example(execs: std::os::fd::OwnedFd, exits: std::os::fd::OwnedFd) -> Result<(), purebpf_ringbuf::Error> {
/// let mut rings: purebpf_ringbuf::RingBufferManager = purebpf_ringbuf::RingBufferManager::new()?;
/// rings.add(execs, |record| println!("exec: {record:?}"))?;
/// rings.add(exits, |record| println!("exit: {record:?}"))?;
/// loop {
///     rings.poll(Duration::from_millis(100))?;
/// }
/// # }
/// ```
#[doc(alias = "ring_buffer")]
#[doc(alias = "ring_buffer__free")]
pub struct RingBufferManager<B = ()> {
    /// Declared before the rings, so that it goes first.
    epoll: Epoll,
    rings: Vec<Managed<B>>,
}

struct Managed<B> {
    ring: Ring,
    callback: Callback<B>,
}

impl<B> RingBufferManager<B> {
    /// A manager without rings.
    ///
    /// # Errors
    ///
    /// [`Error::Syscall`] if no epoll instance can be made.
    #[doc(alias = "ring_buffer__new")]
    pub fn new() -> Result<Self, Error> {
        Ok(Self { epoll: Epoll::new()?, rings: Vec::new() })
    }

    /// Adds the ring buffer behind `map`, whose records go to `callback`; its number, counted from 0. The descriptor is
    /// duplicated.
    ///
    /// # Errors
    ///
    /// As [`Ring::new`], and [`Error::Syscall`] if it cannot be waited for. The manager is then as before.
    #[doc(alias = "ring_buffer__add")]
    pub fn add(&mut self, map: impl AsFd, mut callback: impl FnMut(&[u8]) + Send + 'static) -> Result<usize, Error> {
        self.try_add(map, move |record| {
            callback(record);
            ControlFlow::Continue(())
        })
    }

    /// Like [`add`](Self::add), with a callback that may break off. The record at which it does counts as consumed, and
    /// rings after it are not read in that call.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn try_add(
        &mut self,
        map: impl AsFd,
        callback: impl FnMut(&[u8]) -> ControlFlow<B> + Send + 'static,
    ) -> Result<usize, Error> {
        self.add_ring(Ring::new(map)?, callback)
    }

    /// Like [`try_add`](Self::try_add), for a [`Ring`] that exists already.
    ///
    /// # Errors
    ///
    /// [`Error::Syscall`] if it cannot be waited for. The ring is then gone.
    pub fn add_ring(
        &mut self,
        ring: Ring,
        callback: impl FnMut(&[u8]) -> ControlFlow<B> + Send + 'static,
    ) -> Result<usize, Error> {
        self.epoll.add(ring.as_fd())?;
        self.rings.push(Managed { ring, callback: Box::new(callback) });
        Ok(self.rings.len() - 1)
    }

    /// The number of rings.
    pub fn len(&self) -> usize {
        self.rings.len()
    }

    /// Whether there are no rings.
    pub fn is_empty(&self) -> bool {
        self.rings.is_empty()
    }

    /// Ring number `index`, in the order of adding.
    #[doc(alias = "ring_buffer__ring")]
    pub fn ring(&self, index: usize) -> Option<&Ring> {
        self.rings.get(index).map(|managed| &managed.ring)
    }

    /// Ring number `index`, to read from it past its callback.
    #[doc(alias = "ring_buffer__ring")]
    pub fn ring_mut(&mut self, index: usize) -> Option<&mut Ring> {
        self.rings.get_mut(index).map(|managed| &mut managed.ring)
    }

    /// Reads every ring until it is seen empty, without waiting.
    ///
    /// # Errors
    ///
    /// As [`Ring::consume`]. A corrupt ring does not keep those before it in the order from being read; it does those
    /// after it.
    #[doc(alias = "ring_buffer__consume")]
    pub fn consume(&mut self) -> Result<Consumed<B>, Error> {
        self.each(usize::MAX, |managed, _| managed.ring.try_consume(&mut managed.callback))
    }

    /// Reads at most `limit` records, from the first rings first, without waiting.
    ///
    /// # Errors
    ///
    /// As [`consume`](Self::consume).
    #[doc(alias = "ring_buffer__consume_n")]
    pub fn consume_n(&mut self, limit: usize) -> Result<Consumed<B>, Error> {
        self.each(limit, |managed, left| managed.ring.try_consume_n(left, &mut managed.callback))
    }

    /// Reads ring number `index` until it is seen empty, without waiting.
    ///
    /// # Errors
    ///
    /// As [`Ring::consume`], and [`Error::NoSuchRing`].
    pub fn consume_ring(&mut self, index: usize) -> Result<Consumed<B>, Error> {
        let count = self.rings.len();
        let managed = self.rings.get_mut(index).ok_or(Error::NoSuchRing { index, count })?;
        managed.ring.try_consume(&mut managed.callback)
    }

    /// Reads all rings, after waiting for the first record if there is none.
    ///
    /// Returns when there was something and it has been read, or with 0 records when `timeout` is over (`None` waits
    /// for ever) or a signal has come. Reads of each ring about as much as it holds, so that a busy one does not
    /// keep others waiting.
    ///
    /// # Errors
    ///
    /// As [`consume`](Self::consume), and [`Error::Syscall`] if waiting fails.
    #[doc(alias = "ring_buffer__poll")]
    pub fn poll(&mut self, timeout: impl Into<Option<Duration>>) -> Result<Consumed<B>, Error> {
        let deadline = Deadline::after(timeout.into());
        loop {
            let Walk { consumed, seen_empty } = self.turn()?;
            if !consumed.is_empty() || deadline.is_over() {
                return Ok(consumed);
            }
            // Only if every ring has been seen empty does the next commit in any of them send an edge.
            if !seen_empty {
                continue;
            }
            match self.epoll.wait(deadline)? {
                Wake::Ready => {}
                Wake::Over => return Ok(self.turn()?.consumed),
            }
        }
    }

    /// One turn of every ring: `seen_empty` if all were.
    fn turn(&mut self) -> Result<Walk<B>, Error> {
        let mut seen_empty = true;
        let consumed = self.each(usize::MAX, |managed, _| {
            let walk = managed.ring.turn(&mut managed.callback)?;
            seen_empty &= walk.seen_empty;
            Ok(walk.consumed)
        })?;
        Ok(Walk { consumed, seen_empty })
    }

    /// Applies `read` to each ring and adds up, until `limit` records or a callback's breaking off.
    fn each(
        &mut self,
        limit: usize,
        mut read: impl FnMut(&mut Managed<B>, usize) -> Result<Consumed<B>, Error>,
    ) -> Result<Consumed<B>, Error> {
        let mut total = Consumed::none();
        for managed in &mut self.rings {
            if total.records == limit {
                break;
            }
            let consumed = read(managed, limit - total.records)?;
            total.records = total.records.saturating_add(consumed.records);
            if consumed.stopped.is_some() {
                total.stopped = consumed.stopped;
                break;
            }
        }
        Ok(total)
    }
}

/// The epoll instance, readable when a ring is.
impl<B> AsFd for RingBufferManager<B> {
    #[doc(alias = "ring_buffer__epoll_fd")]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl<B> fmt::Debug for RingBufferManager<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rings: Vec<_> = self.rings.iter().map(|managed| &managed.ring).collect();
        f.debug_struct("RingBufferManager").field("rings", &rings).finish()
    }
}
