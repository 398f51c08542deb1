//! The consumer's half of the perf ring's protocol: positions, bounds and memory ordering, over any [`PerfMemory`].
//!
//! # The protocol
//!
//! The kernel's half is `__perf_output_begin` and `perf_output_put_handle` in `kernel/events/ring_buffer.c`, which has
//! the picture of it. Records go from `data_tail` to `data_head`, both counted in bytes since the ring was made:
//!
//! ```text
//! kernel:    if no room between data_tail and data_head: count it as lost
//!            write the record                                  after the look at data_tail: control dependency
//!            data_head += size                                 smp_wmb
//!            wake the waiters, every wakeup_events records
//! consumer:  C == data_head  → nothing there                   data_head with acquire
//!            read the record
//!            data_tail = C + size                              release
//! ```
//!
//! **What a record's bytes rest on.** The acquire on `data_head` pairs with the kernel's write barrier, so the record is
//! visible. The kernel writes again to its bytes only after it has seen a `data_tail` beyond them, which is stored, with
//! release, once nobody holds the bytes any more. In between they do not change, and a `&[u8]` over them is an ordinary
//! shared slice. That holds for rings that are mapped writable, which tells the kernel that there is a consumer to
//! wait for; one that is mapped read-only overwrites what has not been read, and is not served here.
//!
//! The picture in the kernel asks for a full barrier before `data_tail`, to keep our reads before that store. Release
//! ordering says just that; libbpf relies on it as well.
//!
//! **No wake-up is lost.** The kernel wakes waiters after it has published `data_head`, whatever the consumer's
//! position: who looks, finds nothing and waits is woken for what came after the look, as long as every record wakes
//! (`wakeup_events` of 1). With a larger number, up to so many records less one may lie there until somebody looks.
//!
//! **Wrapping.** Unlike a BPF ring buffer, the data is mapped once. Records begin and end at multiples of 8, so that a
//! header is never split; a record that crosses the end is copied together, and only such a one.
//!
//! # Hostile contents
//!
//! Nothing read from the ring is believed: `data_head` must be at most a ring ahead, a record at least as long as its
//! header and end at or before `data_head`. What contradicts this is an error that leaves the position where it is.

use std::ops::ControlFlow;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use super::record::{HEADER_SIZE, PerfEvent, PerfRecord};
use crate::Error;
use crate::cursor::{Consumed, Limit, Walk};

/// Where the parts of a perf ring are.
#[derive(Clone, Copy, Debug)]
pub struct PerfPointers {
    /// `data_head`: bytes written since the ring was made.
    pub head: NonNull<AtomicU64>,
    /// `data_tail`: bytes consumed since the ring was made.
    pub tail: NonNull<AtomicU64>,
    /// The data, once.
    pub data: NonNull<u8>,
    /// Bytes of data; a power of two.
    pub size: usize,
}

/// Memory that holds a perf ring.
///
/// # Safety
///
/// For as long as the value exists, whether it is moved or not:
///
/// - [`pointers`](Self::pointers) always gives the same answer;
/// - `head` is valid for atomic loads, `tail` for atomic loads and stores;
/// - `size` is a power of two, at least 8 and at most `isize::MAX`; `data` is aligned to 8 and valid for reads of `size`
///   bytes, all of them initialised;
/// - bytes between `tail` and `head` are not written to, once `head` has been loaded with acquire ordering. Any
///   *contents* are allowed, in the data and in the positions alike.
pub unsafe trait PerfMemory {
    /// Where the parts of the ring are.
    fn pointers(&self) -> PerfPointers;
}

/// A consumer's place in a perf ring.
#[derive(Debug)]
pub struct PerfCursor<M> {
    ring: PerfPointers,
    place: Place,
    /// `data_head` as last looked at, at most `size` bytes ahead of `place.pos`.
    end: u64,
    /// A record that crosses the end of the ring, put together. Words, for their alignment.
    copy: Vec<u64>,
    /// Keeps what `ring` points to.
    memory: M,
}

/// The consumer's position, ours and the published one.
#[derive(Debug)]
struct Place {
    /// The next record to look at. Ours alone: what others write to the shared position does not move it.
    pos: u64,
    /// What was last stored in `data_tail`.
    published: u64,
    /// `data_tail`.
    shared: NonNull<AtomicU64>,
}

// SAFETY: the pointers lead into `memory`, which is sent along and whose contract lets them be used for as long as it
// exists. Nothing in them is tied to a thread.
unsafe impl<M: Send> Send for PerfCursor<M> {}
// SAFETY: through `&PerfCursor` only atomic loads of the positions can be reached.
unsafe impl<M: Sync> Sync for PerfCursor<M> {}
// SAFETY: a pointer to an atomic that outlives the place (see `PerfCursor`), stored to under `&mut` only.
unsafe impl Send for Place {}
// SAFETY: as above; `&Place` gives no access to the shared position.
unsafe impl Sync for Place {}

impl Place {
    /// Gives everything before `pos` back to the kernel.
    #[inline]
    fn publish_if_moved(&mut self) {
        if self.pos != self.published {
            // SAFETY: `PerfMemory` keeps the position valid for atomic stores while the cursor, of which this is a part,
            // owns it. Release: our reads of the released records stay before the store.
            unsafe { self.shared.as_ref() }.store(self.pos, Ordering::Release);
            self.published = self.pos;
        }
    }
}

/// Publishes on every way out of a walk, unwinding from a callback included: its record counts as consumed.
struct Publishing<'a>(&'a mut Place);

impl Drop for Publishing<'_> {
    fn drop(&mut self) {
        self.0.publish_if_moved();
    }
}

impl<M: PerfMemory> PerfCursor<M> {
    /// A cursor at the ring's `data_tail`: the first record that no consumer has released.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptPositions`] if the two positions cannot belong to a ring of this size.
    pub fn new(memory: M) -> Result<Self, Error> {
        let ring = memory.pointers();
        // SAFETY: `PerfMemory` keeps the position valid.
        let pos = unsafe { ring.tail.as_ref() }.load(Ordering::Relaxed);
        let place = Place { pos, published: pos, shared: ring.tail };
        let mut cursor = Self { ring, place, end: pos, copy: Vec::new(), memory };
        if pos % HEADER_SIZE as u64 != 0 {
            return Err(cursor.corrupt_positions(cursor.head()));
        }
        cursor.look()?;
        Ok(cursor)
    }

    /// The memory the cursor walks.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Bytes of data in the ring.
    pub fn size(&self) -> usize {
        self.ring.size
    }

    /// `data_head`: bytes written since the ring was made.
    pub fn head(&self) -> u64 {
        // SAFETY: `PerfMemory` keeps the position valid. The mapping is writable, so an acquire load is defined.
        unsafe { self.ring.head.as_ref() }.load(Ordering::Acquire)
    }

    /// `data_tail`: bytes consumed since the ring was made, as the kernel sees them.
    pub fn tail(&self) -> u64 {
        self.place.published
    }

    fn look(&mut self) -> Result<(), Error> {
        let head = self.head();
        if head.wrapping_sub(self.place.pos) > self.ring.size as u64 {
            return Err(self.corrupt_positions(head));
        }
        self.end = head;
        Ok(())
    }

    #[cold]
    fn corrupt_positions(&self, head: u64) -> Error {
        Error::CorruptPositions {
            consumer_pos: self.place.pos as usize,
            producer_pos: head as usize,
            size: self.ring.size,
        }
    }

    /// The next record, or `None` if there is none now. Its space is given back when it is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptPositions`] and [`Error::CorruptRecord`] if something else has written to the ring.
    #[expect(clippy::should_implement_trait, reason = "a record borrows the cursor, which no iterator's item can")]
    pub fn next(&mut self) -> Result<Option<HeldRecord<'_>>, Error> {
        if self.place.pos == self.end {
            self.look()?;
        }
        if self.place.pos == self.end {
            return Ok(None);
        }
        let available = self.end.wrapping_sub(self.place.pos) as usize;
        let bytes = record_at(&self.ring, &mut self.copy, self.place.pos, available)?;
        Ok(Some(HeldRecord { bytes, place: &mut self.place }))
    }

    /// Hands records to `callback` until the ring is seen empty or `callback` breaks off. The record at which it does
    /// counts as consumed.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next). The records before the fault have been handed out.
    pub fn drain<B>(&mut self, callback: impl FnMut(PerfRecord<'_>) -> ControlFlow<B>) -> Result<Consumed<B>, Error> {
        Ok(self.walk(Limit::NONE, callback)?.consumed)
    }

    pub(crate) fn walk<B>(
        &mut self,
        limit: Limit,
        mut callback: impl FnMut(PerfRecord<'_>) -> ControlFlow<B>,
    ) -> Result<Walk<B>, Error> {
        let start = self.place.pos;
        let publish_every = (self.ring.size / 8).max(1) as u64;
        let mut left = limit.records;
        let ended = |left, stopped, seen_empty| {
            Ok(Walk { consumed: Consumed { records: limit.records - left, stopped }, seen_empty })
        };
        loop {
            self.look()?;
            if self.place.pos == self.end {
                return ended(left, None, true);
            }
            let batch = Publishing(&mut self.place);
            let mut pos = batch.0.pos;
            let mut publish_at = pos.wrapping_add(publish_every);
            // What is left of the batch: counted down, as positions wrap around.
            let mut available = self.end.wrapping_sub(pos) as usize;
            while available != 0 {
                let bytes = record_at(&self.ring, &mut self.copy, pos, available)?;
                available -= bytes.len();
                pos = pos.wrapping_add(bytes.len() as u64);
                // Before the callback, so that unwinding from it gives its record back. Published after it.
                batch.0.pos = pos;
                let flow = callback(PerfRecord::new(bytes));
                left -= 1;
                if let ControlFlow::Break(value) = flow {
                    return ended(left, Some(value), false);
                }
                if left == 0 {
                    return ended(left, None, false);
                }
                if pos.wrapping_sub(publish_at) as i64 >= 0 {
                    batch.0.publish_if_moved();
                    publish_at = pos.wrapping_add(publish_every);
                }
            }
            drop(batch);
            if self.place.pos.wrapping_sub(start) >= limit.bytes as u64 {
                return ended(left, None, false);
            }
        }
    }
}

/// The bytes of the record at `pos`, header included, of `available` that there are: in place, or in `copy` where they
/// cross the end of the ring.
#[inline]
fn record_at<'a>(ring: &PerfPointers, copy: &'a mut Vec<u64>, pos: u64, available: usize) -> Result<&'a [u8], Error> {
    let offset = pos as usize & (ring.size - 1);
    if available < HEADER_SIZE {
        return Err(corrupt_record(pos, 0, available));
    }
    // SAFETY: `pos` is a multiple of 8, as it began as one and records are, so that 8 bytes from `offset` on are within
    // the data, and aligned. They lie before a `data_head` that was loaded with acquire ordering, and after `data_tail`,
    // so that nobody writes to them.
    let header = unsafe { ring.data.add(offset).cast::<u64>().read() };
    // Its last two bytes.
    let len = (if cfg!(target_endian = "little") { header >> 48 } else { header & 0xffff }) as usize;
    if len % HEADER_SIZE != 0 || len < HEADER_SIZE || len > available {
        return Err(corrupt_record(pos, len, available));
    }
    if offset + len <= ring.size {
        // SAFETY: within the data; not written to, as above, until `data_tail` is stored beyond, which those who get
        // this slice do after its last use.
        return Ok(unsafe { slice::from_raw_parts(ring.data.add(offset).as_ptr(), len) });
    }
    // SAFETY: `offset` is within the data and `len` reaches beyond its end, but not further than `available`, which is at
    // most `size`, and a multiple of 8. Not written to, as above.
    Ok(unsafe { put_together(ring, copy, offset, len) })
}

/// A record that crosses the end of the ring, in one piece.
///
/// # Safety
///
/// `ring` comes from a [`PerfMemory`] that still exists; `offset` is below its `size`, `offset + len` above it, `len` at most
/// it and a multiple of [`HEADER_SIZE`]; nobody writes to those bytes.
#[cold]
unsafe fn put_together<'a>(ring: &PerfPointers, copy: &'a mut Vec<u64>, offset: usize, len: usize) -> &'a [u8] {
    let before_end = ring.size - offset;
    copy.resize(len / HEADER_SIZE, 0);
    // SAFETY: `copy` has `len` bytes, and no reference to them is alive; both parts are within the data, by the caller's
    // promise, and not written to.
    unsafe {
        let to = copy.as_mut_ptr().cast::<u8>();
        to.copy_from_nonoverlapping(ring.data.add(offset).as_ptr(), before_end);
        to.add(before_end).copy_from_nonoverlapping(ring.data.as_ptr(), len - before_end);
    }
    // SAFETY: `len` bytes of `copy`, initialised.
    unsafe { slice::from_raw_parts(copy.as_ptr().cast(), len) }
}

#[cold]
fn corrupt_record(pos: u64, len: usize, available: usize) -> Error {
    Error::CorruptRecord { position: pos as usize, len, available }
}

/// A record that is held. Dropping it gives its space back to the kernel.
#[derive(Debug)]
pub struct HeldRecord<'a> {
    bytes: &'a [u8],
    place: &'a mut Place,
}

impl HeldRecord<'_> {
    /// The record, for as long as it is held.
    // Not by `Deref`: a copy of what that leads to would outlive this.
    pub fn record(&self) -> PerfRecord<'_> {
        PerfRecord::new(self.bytes)
    }

    /// What it says: see [`PerfRecord::event`].
    pub fn event(&self) -> PerfEvent<'_> {
        self.record().event()
    }
}

impl Drop for HeldRecord<'_> {
    fn drop(&mut self) {
        self.place.pos = self.place.pos.wrapping_add(self.bytes.len() as u64);
        self.place.publish_if_moved();
    }
}
