//! One perf event's ring and its consumer.

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use purebpf_sys::perf_event;

use super::cursor::{HeldRecord, PerfCursor};
use super::mapping::PerfMapping;
use super::record::PerfRecord;
use crate::Error;
use crate::cursor::{Consumed, Limit, Walk};

/// The consumer of one perf event's ring: [`PerfBuffer`](super::PerfBuffer) has one for each CPU.
///
/// It owns the event, borrows nothing, and can be sent to another thread. Its [`AsFd`] descriptor becomes readable when
/// records wake their reader; it may be waited for edge-triggered, after a call that has seen the ring empty: `next`
/// returning `None`, or `consume`.
pub struct PerfRing {
    cursor: PerfCursor<PerfMapping>,
    event: OwnedFd,
}

impl PerfRing {
    /// Maps `pages` pages (a power of two) for the records of `event`, which is then enabled. The event must be of the
    /// caller's own opening: a second ring over it would give back what this one reads.
    ///
    /// # Errors
    ///
    /// [`Error::BadPageCount`], [`Error::Mapping`] if it cannot be mapped, [`Error::Enable`].
    pub(super) fn new(event: OwnedFd, pages: usize) -> Result<Self, Error> {
        let mapping = PerfMapping::new(event.as_fd(), pages)?;
        let cursor = PerfCursor::new(mapping)?;
        perf_event::enable(event.as_fd()).map_err(|cause| Error::Enable { cause })?;
        Ok(Self { cursor, event })
    }

    /// Bytes of data that the ring holds.
    pub fn size(&self) -> usize {
        self.cursor.size()
    }

    /// Bytes written since the ring was made (`data_head`).
    pub fn head(&self) -> u64 {
        self.cursor.head()
    }

    /// Bytes consumed since the ring was made (`data_tail`). Inside a callback this lags behind.
    pub fn tail(&self) -> u64 {
        self.cursor.tail()
    }

    /// The ring's memory, for those who read past this consumer: a page of `struct perf_event_mmap_page`, then
    /// [`size`](Self::size) bytes of data. Valid for as long as `self` exists; the kernel may change it at any moment,
    /// and nothing may be written to it.
    #[doc(alias = "perf_buffer__buffer")]
    pub fn as_ptr(&self) -> *const u8 {
        self.cursor.memory().as_ptr()
    }

    /// The next record, in place unless it crosses the end of the ring, or `None` if there is none now. Its space is
    /// given back when it is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptPositions`] and [`Error::CorruptRecord`] if something else has written to the ring.
    #[expect(clippy::should_implement_trait, reason = "a record borrows the ring, which no iterator's item can")]
    pub fn next(&mut self) -> Result<Option<HeldRecord<'_>>, Error> {
        self.cursor.next()
    }

    /// Hands records to `callback` until the ring is seen empty; how many there were. Space is given back in batches.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next). The records before the fault have been handed out.
    #[doc(alias = "perf_buffer__consume_buffer")]
    pub fn consume(&mut self, mut callback: impl FnMut(PerfRecord<'_>)) -> Result<usize, Error> {
        let consumed = self.try_consume(|record| {
            callback(record);
            ControlFlow::<Infallible>::Continue(())
        })?;
        Ok(consumed.records)
    }

    /// Like [`consume`](Self::consume), until `callback` breaks off. The record at which it does counts as consumed.
    ///
    /// # Errors
    ///
    /// As [`consume`](Self::consume).
    pub fn try_consume<B>(
        &mut self,
        callback: impl FnMut(PerfRecord<'_>) -> ControlFlow<B>,
    ) -> Result<Consumed<B>, Error> {
        self.cursor.drain(callback)
    }

    /// One read of about as much as the ring holds.
    pub(super) fn turn<B>(&mut self, callback: impl FnMut(PerfRecord<'_>) -> ControlFlow<B>) -> Result<Walk<B>, Error> {
        let limit = Limit { bytes: self.cursor.size(), ..Limit::NONE };
        self.cursor.walk(limit, callback)
    }
}

/// Nothing more is written to a ring that is going away, whoever else has the event.
impl Drop for PerfRing {
    fn drop(&mut self) {
        // There is nobody to tell; the last descriptor's closing ends it anyway.
        let _ = perf_event::disable(self.event.as_fd());
    }
}

/// The perf event's descriptor.
impl AsFd for PerfRing {
    #[doc(alias = "perf_buffer__buffer_fd")]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

impl fmt::Debug for PerfRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerfRing")
            .field("event", &self.event)
            .field("head", &self.head())
            .field("tail", &self.tail())
            .finish()
    }
}
