//! One ring buffer map and its consumer: reading, waiting, or both.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::cursor::{Consumed, Cursor, Limit, Record, Walk};
use crate::epoll::{Deadline, Epoll, Wake};
use crate::mapping::RingMapping;
use crate::sole::Sole;
use crate::{Error, map_info};

/// The consumer of one `BPF_MAP_TYPE_RINGBUF` map.
///
/// It owns a descriptor of the map and the map's pages, borrows nothing, and can be sent to another thread. Consuming
/// takes `&mut self`, because a ring buffer has one consumer; what takes `&self` only loads positions, so a `Ring` may
/// also be looked at through shared references. A second `Ring` for the same map in the same process is refused; a
/// consumer in another process cannot be seen, and there must be none: each would give space back that the other reads.
///
/// There are three ways to use it:
///
/// - [`poll`](Self::poll) waits and reads;
/// - [`consume`](Self::consume), [`consume_n`](Self::consume_n) and [`next`](Self::next) only read, for those who wait
///   by other means: the [`AsFd`] descriptor becomes readable when there are records. It may be waited for
///   edge-triggered, after a call that has *seen the ring empty*: `next` returning `None`, or `consume` returning
///   without its callback having broken off;
/// - [`wait`](Self::wait) only waits.
///
/// Programs that submit with `BPF_RB_NO_WAKEUP` wake nobody: their records are found by the next call that reads, and
/// at the latest when a `poll` or `wait` times out.
#[doc(alias = "ring")]
#[derive(Debug)]
pub struct Ring {
    /// Declared before the map, so that it goes first.
    epoll: Option<Epoll>,
    cursor: Cursor<RingMapping>,
    map: OwnedFd,
    _sole: Sole,
}

impl Ring {
    /// A consumer for the ring buffer behind `map`, which is duplicated: the caller's descriptor can be closed.
    ///
    /// # Errors
    ///
    /// [`Error::MapInfo`] if `map` is no BPF map, [`Error::WrongMapType`] and [`Error::UnsupportedFlags`] if it is
    /// not a ring buffer that can be read, [`Error::AlreadyConsumed`], [`Error::Mapping`] if it cannot be mapped.
    #[doc(alias = "ring_buffer__new")]
    pub fn new(map: impl AsFd) -> Result<Self, Error> {
        let map = map.as_fd().try_clone_to_owned();
        Self::from_owned(map.map_err(|cause| Error::Syscall { call: "fcntl(F_DUPFD_CLOEXEC)", cause })?)
    }

    /// Like [`new`](Self::new), with a descriptor that the ring may keep.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); the descriptor is closed.
    pub fn from_owned(map: OwnedFd) -> Result<Self, Error> {
        let info = map_info::ring_buffer(map.as_fd())?;
        let sole = Sole::of(info.id, 0).ok_or(Error::AlreadyConsumed { map_id: info.id })?;
        let mapping = RingMapping::new(map.as_fd(), info.max_entries.into())?;
        Ok(Self { epoll: None, cursor: Cursor::new(mapping)?, map, _sole: sole })
    }

    /// The ring's size in bytes (`max_entries`).
    #[doc(alias = "ring__size")]
    pub fn size(&self) -> usize {
        self.cursor.size()
    }

    /// Bytes consumed since the map was created, headers included, as programs see them (`BPF_RB_CONS_POS`). Inside a
    /// callback this lags behind.
    #[doc(alias = "ring__consumer_pos")]
    pub fn consumer_pos(&self) -> usize {
        self.cursor.consumer_pos()
    }

    /// Bytes reserved since the map was created, headers and records not committed yet included (`BPF_RB_PROD_POS`).
    #[doc(alias = "ring__producer_pos")]
    pub fn producer_pos(&self) -> usize {
        self.cursor.producer_pos()
    }

    /// Bytes reserved and not consumed yet, headers and records not committed yet included (`BPF_RB_AVAIL_DATA`).
    #[doc(alias = "ring__avail_data_size")]
    pub fn available_data(&self) -> usize {
        self.cursor.available_data()
    }

    /// The next record, read in place, or `None` if there is none now. Its space is given back when it is dropped.
    ///
    /// After `None`, the next record's commit makes the descriptor readable, edge-triggered waiters included.
    ///
    /// ```no_run
    /// # fn show(_: &[u8]) {}
    /// # fn example(map: std::os::fd::OwnedFd) -> Result<(), purebpf_ringbuf::Error> {
    /// let mut ring = purebpf_ringbuf::Ring::new(map)?;
    /// while let Some(record) = ring.next()? {
    ///     show(&record);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::CorruptPositions`] and [`Error::CorruptRecord`] if something else has written to the ring.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "a record borrows the ring, which an Iterator's item cannot")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        self.cursor.next()
    }

    /// Hands every record to `callback` until the ring is seen empty; how many there were.
    ///
    /// This is the fastest way to read. A record's bytes begin at a multiple of 8 and are those that the program
    /// submitted, read in place. Space is given back in batches.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next). The records before the fault have been handed out.
    #[doc(alias = "ring__consume")]
    #[doc(alias = "ring_buffer__consume")]
    pub fn consume(&mut self, callback: impl FnMut(&[u8])) -> Result<usize, Error> {
        let consumed = self.try_consume(never_breaking(callback))?;
        Ok(consumed.records)
    }

    /// Like [`consume`](Self::consume), until `callback` breaks off. The record at which it does counts as consumed, as
    /// in libbpf.
    ///
    /// # Errors
    ///
    /// As [`consume`](Self::consume).
    pub fn try_consume<B>(&mut self, callback: impl FnMut(&[u8]) -> ControlFlow<B>) -> Result<Consumed<B>, Error> {
        self.cursor.drain(callback)
    }

    /// Like [`consume`](Self::consume), for at most `limit` records; how many there were. Fewer than `limit` means that
    /// the ring was seen empty.
    ///
    /// # Errors
    ///
    /// As [`consume`](Self::consume).
    #[doc(alias = "ring__consume_n")]
    pub fn consume_n(&mut self, limit: usize, callback: impl FnMut(&[u8])) -> Result<usize, Error> {
        let consumed = self.try_consume_n(limit, never_breaking(callback))?;
        Ok(consumed.records)
    }

    /// Like [`consume_n`](Self::consume_n), until `callback` breaks off.
    ///
    /// # Errors
    ///
    /// As [`consume`](Self::consume).
    pub fn try_consume_n<B>(
        &mut self,
        limit: usize,
        callback: impl FnMut(&[u8]) -> ControlFlow<B>,
    ) -> Result<Consumed<B>, Error> {
        self.cursor.drain_n(limit, callback)
    }

    /// Hands records to `callback`, after waiting for the first if there is none; how many there were.
    ///
    /// Returns when there was something and it has been read, or 0 when `timeout` is over (`None` waits for ever) or a
    /// signal has come, so that a loop around it sees a flag that a signal handler sets. A `timeout` of zero does not
    /// wait, and does not enter the kernel. Reads about as much as the ring holds, also if programs keep filling
    /// it.
    ///
    /// # Errors
    ///
    /// As [`consume`](Self::consume), and [`Error::Syscall`] if waiting fails.
    #[doc(alias = "ring_buffer__poll")]
    pub fn poll(&mut self, timeout: impl Into<Option<Duration>>, callback: impl FnMut(&[u8])) -> Result<usize, Error> {
        let consumed = self.try_poll(timeout, never_breaking(callback))?;
        Ok(consumed.records)
    }

    /// Like [`poll`](Self::poll), until `callback` breaks off. The record at which it does counts as consumed; records
    /// after it are read by the next call, without waiting.
    ///
    /// # Errors
    ///
    /// As [`poll`](Self::poll).
    pub fn try_poll<B>(
        &mut self,
        timeout: impl Into<Option<Duration>>,
        mut callback: impl FnMut(&[u8]) -> ControlFlow<B>,
    ) -> Result<Consumed<B>, Error> {
        let deadline = Deadline::after(timeout.into());
        loop {
            let Walk { consumed, seen_empty } = self.turn(&mut callback)?;
            if !consumed.is_empty() || deadline.is_over() {
                return Ok(consumed);
            }
            // Only what has been seen empty sends an edge with its next commit.
            if !seen_empty {
                continue;
            }
            match self.epoll()?.wait(deadline)? {
                Wake::Ready => {}
                Wake::Over => return Ok(self.turn(&mut callback)?.consumed),
            }
        }
    }

    /// Waits until there is a record to read: whether there is one. False when `timeout` is over (`None` waits for
    /// ever) or a signal has come.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next), and [`Error::Syscall`] if waiting fails.
    pub fn wait(&mut self, timeout: impl Into<Option<Duration>>) -> Result<bool, Error> {
        let deadline = Deadline::after(timeout.into());
        loop {
            if self.cursor.has_record()? {
                return Ok(true);
            }
            if deadline.is_over() {
                return Ok(false);
            }
            match self.epoll()?.wait(deadline)? {
                Wake::Ready => {}
                Wake::Over => return self.cursor.has_record(),
            }
        }
    }

    /// One read for whoever looks after the waiting, of about as much as the ring holds, so that programs that are
    /// faster than their reader do not keep it from returning, or from its other rings.
    pub(crate) fn turn<B>(&mut self, callback: impl FnMut(&[u8]) -> ControlFlow<B>) -> Result<Walk<B>, Error> {
        let limit = Limit { bytes: self.cursor.size(), ..Limit::NONE };
        self.cursor.walk(limit, callback)
    }

    /// The epoll instance of `poll` and `wait`, made when first needed: those who wait by other means need none.
    fn epoll(&mut self) -> Result<&Epoll, Error> {
        let epoll = match self.epoll.take() {
            Some(epoll) => epoll,
            None => {
                let epoll = Epoll::new()?;
                epoll.add(self.map.as_fd())?;
                epoll
            }
        };
        Ok(self.epoll.insert(epoll))
    }
}

/// The ring buffer map's descriptor. It polls readable while there is unconsumed data, records not committed yet
/// included.
impl AsFd for Ring {
    #[doc(alias = "ring__map_fd")]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}

impl TryFrom<OwnedFd> for Ring {
    type Error = Error;

    fn try_from(map: OwnedFd) -> Result<Self, Error> {
        Self::from_owned(map)
    }
}

/// A callback that could break off, from one that cannot.
fn never_breaking(mut callback: impl FnMut(&[u8])) -> impl FnMut(&[u8]) -> ControlFlow<Infallible> {
    move |record| {
        callback(record);
        ControlFlow::Continue(())
    }
}
