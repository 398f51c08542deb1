//! The consumer's half of the ring buffer protocol: positions, headers, bounds and memory ordering, over any
//! [`RingMemory`].
//!
//! # The protocol
//!
//! The producers' half is `__bpf_ringbuf_reserve` and `bpf_ringbuf_commit` in `kernel/bpf/ringbuf.c`. For one
//! record at position `P`, they come to
//!
//! ```text
//! reserve:  if producer_pos + step - consumer_pos > size - 1: fail     consumer_pos with acquire
//!           header(P).len  = len | BUSY
//!           producer_pos  += step                                      release
//!           … the program writes the record …
//! commit:   header(P).len  = len [| DISCARD]                           xchg: a full barrier
//!           if consumer_pos == P (modulo size): wake the waiters       or as the program's flags say
//! ```
//!
//! and the consumer's half, for a record at its own position `C`, to
//!
//! ```text
//! look:     C == producer_pos                → nothing there           producer_pos with acquire
//!           header(C).len has BUSY           → nothing there yet       len with acquire
//!           otherwise                        → a record of len bytes at C + 8
//! release:  consumer_pos = C + step                                    release
//! ```
//!
//! **What a record's bytes rest on.** The acquire on a header without BUSY pairs with the commit's `xchg`, so the
//! program's writes are visible. Producers write again to those bytes only after `reserve` has seen a
//! `consumer_pos` beyond the record, and that is stored, with release, only once nobody holds the bytes
//! any more: in [`Record`]'s drop, or after the callback that was lent them has returned. In between they do not
//! change, and a `&[u8]` over them is an ordinary shared slice.
//!
//! **No wake-up is lost.** A producer wakes waiters only if it finds the consumer *at* its record. So a
//! consumer that goes to sleep at `C` must be sure that whoever commits `C` will see `consumer_pos == C`. The
//! danger is store buffering: our store of `consumer_pos` and our look at `C` may pass each other, as may the
//! producer's store of the header and its look at `consumer_pos`, and then both see the past: we sleep, and
//! nobody wakes us. The producer has a full barrier between the two (its `xchg`); the consumer needs one as well:
//!
//! ```text
//! consumer_pos = C;  fence(SeqCst);  look at C once more;  only then report "nothing there"
//! ```
//!
//! With both barriers at least one side sees the other's store: either the second look finds the record, or
//! its commit comes after and finds us at `C`. Positions may thus be published late (once a batch, here)
//! but never after the last look. `settled` below remembers that the fence was done for the published position,
//! and "nothing there" is reported in no other state. It holds for waiters of any kind; those that
//! are level-triggered would survive without, because `ringbuf_map_poll_kern` compares the positions again.
//!
//! # Hostile contents
//!
//! Nothing read from the ring is believed: a header is read at `C & (size - 1)` with `C` a multiple of 8, so
//! it lies in the first copy of the data; a record must end at or before `producer_pos`, which must be at most `size`
//! ahead, so it lies in the two copies. Each step is at least 8 bytes, so a walk ends. What contradicts this
//! is an error that leaves the position where it is.

use std::fmt;
use std::ops::{ControlFlow, Deref};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

use crate::Error;
use crate::memory::{BUSY_BIT, DISCARD_BIT, HEADER_SIZE, LEN_MASK, RECORD_ALIGN, RingMemory, RingPointers};

/// What a call consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumed<B = ()> {
    /// Records handed to the callback, the one at which it stopped included. Discarded records are not counted.
    pub records: usize,
    /// What the callback broke off with, if it did.
    pub stopped: Option<B>,
}

impl<B> Consumed<B> {
    pub(crate) fn none() -> Self {
        Self { records: 0, stopped: None }
    }

    /// Whether the callback was never called.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }
}

/// When a walk ends although there may be more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// After so many records.
    pub(crate) records: usize,
    /// After the first batch at whose end so many bytes have been consumed.
    pub(crate) bytes: usize,
}

impl Limit {
    pub(crate) const NONE: Self = Self { records: usize::MAX, bytes: usize::MAX };
}

/// How a walk ended.
#[derive(Debug)]
pub(crate) struct Walk<B> {
    pub(crate) consumed: Consumed<B>,
    /// The last look found nothing, in the sense that the commit of the next record wakes waiters. Having handed out no
    /// records does not say so: they may all have been discarded ones, up to a limit in bytes.
    pub(crate) seen_empty: bool,
}

/// A consumer's place in a ring.
#[derive(Debug)]
pub struct Cursor<M> {
    ring: RingPointers,
    place: Place,
    /// The producer position as last looked at, at most `size` bytes ahead of `place.pos`. Reading one by one looks
    /// again only when it gets here: the cache line is the producers'.
    end: usize,
    /// Bytes after which a walk publishes its position, so that producers do not wait for the end of a batch.
    publish_every: usize,
    /// Keeps what `ring` points to.
    memory: M,
}

/// The consumer position, ours and the published one.
#[derive(Debug)]
struct Place {
    /// The next record to look at; a multiple of [`RECORD_ALIGN`]. Ours alone: what others write
    /// to the shared position does not move it.
    pos: usize,
    /// What was last stored in the shared consumer position.
    published: usize,
    /// A full barrier has been executed since `published` was stored (see the module's text).
    settled: bool,
    /// The shared consumer position.
    shared: NonNull<AtomicUsize>,
}

/// A committed record, as [`Cursor::peek`] finds it at the cursor's position.
#[derive(Clone, Copy)]
struct Found {
    data: NonNull<u8>,
    len: usize,
    /// The position behind the record.
    next: usize,
}

// SAFETY: the pointers lead into `memory`, which is sent along and whose contract lets them be used for as long as it
// exists. Nothing in them is tied to a thread: positions are atomic, and records are read under `&mut self` only.
unsafe impl<M: Send> Send for Cursor<M> {}
// SAFETY: through `&Cursor` only atomic loads of the positions can be reached.
unsafe impl<M: Sync> Sync for Cursor<M> {}

// SAFETY: a pointer to an atomic that outlives the place (see `Cursor`), stored to under `&mut` only.
unsafe impl Send for Place {}
// SAFETY: as above; `&Place` gives no access to the shared position.
unsafe impl Sync for Place {}

impl Place {
    /// Gives everything before `pos` back to the producers.
    #[inline]
    fn publish(&mut self) {
        // SAFETY: `RingMemory` keeps the position valid for atomic stores while the cursor, of which this is a part,
        // owns it. Release: our reads of the released records stay before the store.
        unsafe { self.shared.as_ref() }.store(self.pos, Ordering::Release);
        self.published = self.pos;
        self.settled = false;
    }

    #[inline]
    fn publish_if_moved(&mut self) {
        if self.pos != self.published {
            self.publish();
        }
    }

    /// Called when nothing was found at `pos`: true if that is final, false if one more look is due.
    #[inline]
    fn settle(&mut self) -> bool {
        self.publish_if_moved();
        if self.settled {
            return true;
        }
        fence(Ordering::SeqCst);
        self.settled = true;
        false
    }
}

/// A walk's place in a batch. Publishes on every way out, unwinding from a callback included: its record counts as
/// consumed.
struct Batch<'a> {
    place: &'a mut Place,
    /// The producer position where the batch ends.
    end: usize,
    /// From `end`, in bytes: at most 0.
    at: isize,
}

impl Batch<'_> {
    /// Moves past a record of `len` bytes.
    #[inline]
    fn pass(&mut self, len: usize) -> Result<(), Error> {
        let next = self.at + step(len) as isize;
        if next > 0 {
            return Err(corrupt_record(self.end.wrapping_add_signed(self.at), len, self.at.unsigned_abs()));
        }
        self.at = next;
        Ok(())
    }

    #[inline]
    fn publish_if_moved(&mut self) {
        self.place.pos = self.end.wrapping_add_signed(self.at);
        self.place.publish_if_moved();
    }
}

impl Drop for Batch<'_> {
    #[inline]
    fn drop(&mut self) {
        self.publish_if_moved();
    }
}

/// A load with acquire ordering from memory that may be mapped read-only.
///
/// The language promises that only relaxed loads work there (`core::sync::atomic`, "Atomic accesses to read-only
/// memory"), hence the fence, which costs nothing on x86 and a `dmb ishld` on arm64.
///
/// # Safety
///
/// `position` is valid for atomic loads.
#[inline]
unsafe fn load_acquire(position: NonNull<AtomicUsize>) -> usize {
    // SAFETY: the caller's promise.
    let value = unsafe { position.as_ref() }.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    value
}

impl RingPointers {
    /// The header at `pos`. The header and what follows it, `size` bytes in all, are inside the data.
    ///
    /// # Safety
    ///
    /// `self` comes from a [`RingMemory`] that still exists.
    #[inline]
    unsafe fn at(&self, pos: usize) -> NonNull<u8> {
        // SAFETY: the offset is below `size`, and the data is `2 * size` long.
        unsafe { self.data.add(pos & (self.size - 1)) }
    }
}

/// The first word of a header, with acquire ordering.
///
/// # Safety
///
/// `header` points to 8 bytes of a ring's data, at a position that is a multiple of [`RECORD_ALIGN`].
#[inline]
unsafe fn header_word(header: NonNull<u8>) -> u32 {
    // SAFETY: valid for reads by the caller's promise, and aligned to 8 as data and position are. First words of
    // headers are written atomically only. Relaxed, since the memory may be mapped read-only: see `load_acquire`.
    let word = unsafe { header.cast::<AtomicU32>().as_ref() }.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    word
}

/// Bytes that a record of `len` bytes takes, its header included.
#[inline]
const fn step(len: usize) -> usize {
    (len + HEADER_SIZE + (RECORD_ALIGN - 1)) & !(RECORD_ALIGN - 1)
}

#[cold]
fn corrupt_record(position: usize, len: usize, available: usize) -> Error {
    Error::CorruptRecord { position, len, available }
}

impl<M: RingMemory> Cursor<M> {
    /// A cursor at the ring's consumer position: the first record that no consumer has released.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptPositions`] if the two positions cannot belong to a ring of this size.
    pub fn new(memory: M) -> Result<Self, Error> {
        let ring = memory.pointers();
        // SAFETY: `RingMemory` keeps both positions valid.
        let (pos, producer_pos) = unsafe { (load_acquire(ring.consumer_pos), load_acquire(ring.producer_pos)) };
        if pos % RECORD_ALIGN != 0 || producer_pos.wrapping_sub(pos) > ring.size {
            return Err(Error::CorruptPositions { consumer_pos: pos, producer_pos, size: ring.size });
        }
        Ok(Self {
            ring,
            place: Place {
                pos,
                published: pos,
                // An earlier cursor of this thread may have stored the position just now.
                settled: false,
                shared: ring.consumer_pos,
            },
            end: producer_pos,
            publish_every: (ring.size / 8).min(4096),
            memory,
        })
    }

    /// The memory the cursor walks.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// The ring's size in bytes.
    pub fn size(&self) -> usize {
        self.ring.size
    }

    /// Bytes consumed since the ring was created, as producers see them. Within a batch this lags behind the
    /// records handed out.
    pub fn consumer_pos(&self) -> usize {
        self.place.published
    }

    /// Bytes reserved since the ring was created, records not committed yet included.
    #[inline]
    pub fn producer_pos(&self) -> usize {
        // SAFETY: `RingMemory` keeps the position valid.
        unsafe { load_acquire(self.ring.producer_pos) }
    }

    /// Bytes reserved and not consumed, headers and uncommitted records included.
    pub fn available_data(&self) -> usize {
        self.producer_pos().wrapping_sub(self.place.pos)
    }

    /// Looks at the producer position.
    #[inline]
    fn look(&mut self) -> Result<(), Error> {
        let producer_pos = self.producer_pos();
        if producer_pos.wrapping_sub(self.place.pos) > self.ring.size {
            return Err(self.corrupt_positions(producer_pos));
        }
        self.end = producer_pos;
        Ok(())
    }

    #[cold]
    fn corrupt_positions(&self, producer_pos: usize) -> Error {
        Error::CorruptPositions { consumer_pos: self.place.pos, producer_pos, size: self.ring.size }
    }

    /// The next committed record, without moving to it; discarded records before it are passed over.
    #[inline]
    fn peek(&mut self) -> Result<Option<Found>, Error> {
        loop {
            if self.place.pos == self.end {
                self.look()?;
            }
            while self.place.pos != self.end {
                let pos = self.place.pos;
                // SAFETY: `self.memory` exists.
                let at = unsafe { self.ring.at(pos) };
                // SAFETY: `pos` is a multiple of 8 at the start and grows by multiples of 8, so below `size` there are
                // 8 bytes.
                let header = unsafe { header_word(at) };
                if header & BUSY_BIT != 0 {
                    break;
                }
                let len = (header & LEN_MASK) as usize;
                let available = self.end.wrapping_sub(pos);
                if step(len) > available {
                    self.place.publish_if_moved();
                    return Err(corrupt_record(pos, len, available));
                }
                let next = pos.wrapping_add(step(len));
                if header & DISCARD_BIT != 0 {
                    self.place.pos = next;
                    continue;
                }
                return Ok(Some(Found {
                    // SAFETY: behind the header, inside the data.
                    data: unsafe { at.add(HEADER_SIZE) },
                    len,
                    next,
                }));
            }
            if self.place.settle() {
                return Ok(None);
            }
        }
    }

    /// Whether there is a committed record to read now. If not, the commit of the next one wakes waiters.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn has_record(&mut self) -> Result<bool, Error> {
        Ok(self.peek()?.is_some())
    }

    /// The next committed record, or `None` if the ring is empty or its oldest record is not committed yet;
    /// then the commit of the next one wakes waiters, edge-triggered ones included.
    ///
    /// The record's space is given back when the [`Record`] is dropped. A record that is leaked is not consumed: the
    /// next call gives it again.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptPositions`] and [`Error::CorruptRecord`], now and on every later call.
    // Inlined, or a record goes through memory as a `Result` of an `Option`, which costs more than finding it.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "a record borrows the cursor, which an Iterator's item cannot")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        let Some(found) = self.peek()? else {
            return Ok(None);
        };
        Ok(Some(Record {
            // SAFETY: `peek` found `step(len)` bytes between the header and a producer position at most `size` bytes
            // ahead, so the record ends within `2 * size`, readable and initialised by `RingMemory`'s
            // contract. The header has been seen committed, with acquire: no producer writes to these bytes
            // until the consumer position passes them, and the position that does so is stored by
            // `Record`'s drop. The lifetime is that of the exclusive borrow of the cursor, so nothing else
            // can store it meanwhile, and the memory outlives it.
            bytes: unsafe { slice::from_raw_parts(found.data.as_ptr(), found.len) },
            next: found.next,
            place: &mut self.place,
        }))
    }

    /// Hands every record to `callback` until the ring is empty or its oldest record is not committed yet; then the
    /// commit of the next one wakes waiters, edge-triggered ones included.
    ///
    /// Records begin at multiples of 8 bytes. Space is given back in batches, at the latest after an eighth
    /// of the ring, when the callback breaks off, and at the end. The record at which it breaks off or panics counts as
    /// consumed, as in libbpf. After breaking off, and then only, records may be left for which no wake-up
    /// will come: call again before waiting.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next). What came before the fault has been handed out and given back.
    pub fn drain<B>(&mut self, callback: impl FnMut(&[u8]) -> ControlFlow<B>) -> Result<Consumed<B>, Error> {
        Ok(self.walk(Limit::NONE, callback)?.consumed)
    }

    /// Like [`drain`](Self::drain), ending after `limit` records at the latest.
    ///
    /// # Errors
    ///
    /// As [`drain`](Self::drain).
    pub fn drain_n<B>(
        &mut self,
        limit: usize,
        callback: impl FnMut(&[u8]) -> ControlFlow<B>,
    ) -> Result<Consumed<B>, Error> {
        Ok(self.walk(Limit { records: limit, ..Limit::NONE }, callback)?.consumed)
    }

    /// The fast path.
    ///
    /// What a record costs is, first, the chain from one header to the next (load, round up, add), and, second, the
    /// cache lines of the two positions. So, for a batch up to one look at the producer position:
    ///
    /// 1. It begins below `size` and is at most `size` long. The data is there twice, hence the whole batch is in one
    ///    piece and needs no masking, not even for headers.
    /// 2. It is walked with an index that counts up to 0 from the negative length of the batch. Whether a record is
    ///    longer than what is left is then the sign of the next index.
    /// 3. A header without flags is the length. One comparison finds those with flags, which are rare, and told apart
    ///    on the side.
    /// 4. The consumer position is published at the end, and after the first record in every `publish_every` bytes.
    #[inline]
    pub(crate) fn walk<B>(
        &mut self,
        limit: Limit,
        mut callback: impl FnMut(&[u8]) -> ControlFlow<B>,
    ) -> Result<Walk<B>, Error> {
        let ended = |records, stopped, seen_empty| Ok(Walk { consumed: Consumed { records, stopped }, seen_empty });
        if limit.records == 0 {
            return ended(0, None, false);
        }
        let start = self.place.pos;
        let mut left = limit.records;
        loop {
            self.look()?;
            let (pos, end) = (self.place.pos, self.end);
            let available = end.wrapping_sub(pos);
            // SAFETY: `self.memory` exists. `look` has checked that `available` is at most `size`, which is how much
            // there is from `at(pos)` on.
            let batch_end = unsafe { self.ring.at(pos).add(available) };
            // Sizes are at most isize::MAX / 2.
            let mut batch = Batch { end, at: -(available as isize), place: &mut self.place };
            let unpublished = pos.wrapping_sub(batch.place.published);
            let mut publish_at = batch.at.saturating_add_unsigned(self.publish_every.saturating_sub(unpublished));
            while batch.at < 0 {
                // SAFETY: `batch.at` is between `-available` and 0, so this is in the batch.
                let header = unsafe { batch_end.offset(batch.at) };
                // SAFETY: positions are multiples of 8, and at most 8 bytes end at `batch_end` or, if the producer
                // position is no multiple of 8, less than 8 bytes after, which is below `2 * size` as
                // that is a multiple of 8.
                let word = unsafe { header_word(header) };
                if word > LEN_MASK {
                    if word & BUSY_BIT != 0 {
                        break;
                    }
                    batch.pass((word & LEN_MASK) as usize)?;
                    continue;
                }
                let len = word as usize;
                // Before the callback, so that unwinding from it gives its record back.
                batch.pass(len)?;
                // SAFETY: as in `next`: the record ends at or before the batch, and the position beyond it is stored
                // below, or when `batch` is dropped, after the callback has returned or unwound, and
                // the slice's lifetime with it.
                let bytes = unsafe { slice::from_raw_parts(header.add(HEADER_SIZE).as_ptr(), len) };
                let flow = callback(bytes);
                left -= 1;
                if let ControlFlow::Break(value) = flow {
                    return ended(limit.records - left, Some(value), false);
                }
                if left == 0 {
                    return ended(limit.records, None, false);
                }
                if batch.at >= publish_at {
                    batch.publish_if_moved();
                    publish_at = batch.at.saturating_add_unsigned(self.publish_every);
                }
            }
            drop(batch);
            let seen_empty = self.place.settle();
            if seen_empty || self.place.pos.wrapping_sub(start) >= limit.bytes {
                return ended(limit.records - left, None, seen_empty);
            }
        }
    }
}

/// A committed record, read in place. Dropping it gives its space back to the producers.
///
/// Its bytes begin at a multiple of 8 and are as many as the program reserved.
pub struct Record<'a> {
    bytes: &'a [u8],
    next: usize,
    place: &'a mut Place,
}

impl Record<'_> {
    /// The record's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
    }
}

impl Deref for Record<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl AsRef<[u8]> for Record<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Record").field(&self.bytes).finish()
    }
}

impl Drop for Record<'_> {
    #[inline]
    fn drop(&mut self) {
        self.place.pos = self.next;
        self.place.publish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap_ring::HeapRing;

    /// Programs that give up nearly every record are ordinary filters. A walk over as many discarded records as the ring
    /// holds hands nothing out, and yet there may be a record behind them whose producer found the consumer elsewhere
    /// and woke nobody: who waits after it may wait for ever.
    #[test]
    fn a_walk_that_ends_for_its_bytes_has_not_seen_the_ring_empty() {
        let (producer, ring) = HeapRing::new(64).unwrap();
        let mut cursor = Cursor::new(ring).unwrap();
        let limit = Limit { bytes: 48, ..Limit::NONE };
        for _ in 0..3 {
            producer.reserve(8).unwrap().discard();
        }
        let walk = cursor.walk(limit, |_| ControlFlow::<()>::Continue(())).unwrap();
        assert!(walk.consumed.is_empty() && !walk.seen_empty);
        let walk = cursor.walk(limit, |_| ControlFlow::<()>::Continue(())).unwrap();
        assert!(walk.consumed.is_empty() && walk.seen_empty);
        // Reserved and not committed is as good as empty: its commit finds the consumer there.
        let reserved = producer.reserve(8).unwrap();
        assert!(cursor.walk(limit, |_| ControlFlow::<()>::Continue(())).unwrap().seen_empty);
        assert!(reserved.submit());
        let walk = cursor.walk(limit, |_| ControlFlow::Break(())).unwrap();
        assert!(walk.consumed.records == 1 && !walk.seen_empty);
    }
}
