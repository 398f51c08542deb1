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
        let bytes = record_at(&self.ring, &mut self.copy, self.place.pos, self.end)?;
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
        let mut consumed = Consumed::none();
        loop {
            self.look()?;
            if self.place.pos == self.end {
                return Ok(Walk { consumed, seen_empty: true });
            }
            let batch = Publishing(&mut self.place);
            while batch.0.pos != self.end {
                let bytes = record_at(&self.ring, &mut self.copy, batch.0.pos, self.end)?;
                // Before the callback, so that unwinding from it gives its record back. Published after it.
                batch.0.pos = batch.0.pos.wrapping_add(bytes.len() as u64);
                let flow = callback(PerfRecord::new(bytes));
                consumed.records += 1;
                if let ControlFlow::Break(value) = flow {
                    consumed.stopped = Some(value);
                    return Ok(Walk { consumed, seen_empty: false });
                }
                if consumed.records >= limit.records {
                    return Ok(Walk { consumed, seen_empty: false });
                }
                if batch.0.pos.wrapping_sub(batch.0.published) >= publish_every {
                    batch.0.publish_if_moved();
                }
            }
            drop(batch);
            if self.place.pos.wrapping_sub(start) >= limit.bytes as u64 {
                return Ok(Walk { consumed, seen_empty: false });
            }
        }
    }
}

/// The bytes of the record at `pos`, header included, of those that end at `end`: in place, or in `copy` where they
/// cross the end of the ring.
#[inline]
fn record_at<'a>(ring: &PerfPointers, copy: &'a mut Vec<u64>, pos: u64, end: u64) -> Result<&'a [u8], Error> {
    let available = end.wrapping_sub(pos) as usize;
    let offset = pos as usize & (ring.size - 1);
    let corrupt = |len| Error::CorruptRecord { position: pos as usize, len, available };
    if available < HEADER_SIZE {
        return Err(corrupt(0));
    }
    // SAFETY: `pos` is a multiple of 8, as it began as one and records are, so that 8 bytes from `offset` on are within
    // the data, and aligned. They lie before `end`, a `data_head` that was loaded with acquire ordering, and after
    // `data_tail`, so that nobody writes to them.
    let header = unsafe { ring.data.add(offset).cast::<[u8; HEADER_SIZE]>().read() };
    let len = usize::from(u16::from_ne_bytes([header[6], header[7]]));
    if len < HEADER_SIZE || len % HEADER_SIZE != 0 || len > available {
        return Err(corrupt(len));
    }
    let before_end = ring.size - offset;
    if len <= before_end {
        // SAFETY: within the data; not written to, as above, until `data_tail` is stored beyond, which those who get
        // this slice do after its last use.
        return Ok(unsafe { slice::from_raw_parts(ring.data.add(offset).as_ptr(), len) });
    }
    copy.resize(len / HEADER_SIZE, 0);
    // SAFETY: `copy` has `len` bytes, and no reference to them is alive; both parts are within the data, as `len` is at
    // most `available` and that at most `size`, and not written to, as above.
    unsafe {
        let to = copy.as_mut_ptr().cast::<u8>();
        to.copy_from_nonoverlapping(ring.data.add(offset).as_ptr(), before_end);
        to.add(before_end).copy_from_nonoverlapping(ring.data.as_ptr(), len - before_end);
    }
    // SAFETY: `len` bytes of `copy`, initialised.
    Ok(unsafe { slice::from_raw_parts(copy.as_ptr().cast(), len) })
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
