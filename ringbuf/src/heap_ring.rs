//! A ring in ordinary memory, with the kernel's half of the protocol in Rust: for testing what consumes records,
//! and for measuring it, without a kernel or root.
//!
//! [`HeapProducer`] does what `__bpf_ringbuf_reserve` and `bpf_ringbuf_commit` of `kernel/bpf/ringbuf.c` do, in their
//! order and with their barriers, and reports whether the kernel would have sent a wake-up.
//! [`HeapRing::from_contents`] holds any bytes at all.

use std::cell::UnsafeCell;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Error;
use crate::memory::{BUSY_BIT, DISCARD_BIT, HEADER_SIZE, LEN_MASK, RECORD_ALIGN, RingMemory, RingPointers};

/// The consumer's end of a ring on the heap, to be walked by a [`Cursor`](crate::Cursor).
pub struct HeapRing(Arc<Shared>);

/// A producer's end of a ring on the heap. Clones produce into the same ring, from any thread.
#[derive(Clone)]
pub struct HeapProducer(Arc<Shared>);

/// Space reserved for a record. The consumer does not pass it until it is submitted or discarded; dropping it
/// discards it.
#[derive(Debug)]
pub struct Reservation<'a> {
    producer: &'a HeapProducer,
    pos: usize,
    len: usize,
    committed: bool,
}

/// On a cache line of its own each, as they are on pages of their own in the kernel.
#[repr(align(128))]
struct Position(AtomicUsize);

struct Shared {
    consumer_pos: Position,
    producer_pos: Position,
    /// The kernel's spin lock around a reservation; taken for commits too (see `commit`).
    reserving: Mutex<()>,
    /// The data twice, in words for their alignment.
    words: Box<[UnsafeCell<u64>]>,
    size: usize,
}

// SAFETY: `words` is the only part that is not `Sync` by itself. Each of its bytes has one owner at a time: the holder
// of the reservation that spans it, from `reserve` (which hands out space once, under the lock) to the commit (under
// the lock); then the consumer, until it stores a consumer position beyond it, which `reserve` reads with acquire
// before it hands the space out again. First words of headers are accessed atomically.
unsafe impl Sync for Shared {}
// SAFETY: as above; nothing in it is tied to a thread.
unsafe impl Send for Shared {}

impl Shared {
    fn new(size: usize, consumer_pos: usize, producer_pos: usize) -> Result<Self, Error> {
        if !size.is_power_of_two() || size < RECORD_ALIGN || size > isize::MAX as usize / 2 {
            return Err(Error::BadSize { size: size as u64 });
        }
        Ok(Self {
            consumer_pos: Position(AtomicUsize::new(consumer_pos)),
            producer_pos: Position(AtomicUsize::new(producer_pos)),
            reserving: Mutex::new(()),
            words: (0..2 * size / 8).map(|_| UnsafeCell::new(0)).collect(),
            size,
        })
    }

    fn data(&self) -> NonNull<u8> {
        NonNull::from(&*self.words).cast()
    }

    /// Writes the first word of the header at `pos`, which is a multiple of [`RECORD_ALIGN`], to both copies.
    fn store_header(&self, pos: usize, word: u32) {
        let offset = pos & (self.size - 1) & !(RECORD_ALIGN - 1);
        for copy in [offset, offset + self.size] {
            // SAFETY: `copy` is below `2 * size` and a multiple of 8; first words of headers are only accessed
            // atomically.
            let header = unsafe { AtomicU32::from_ptr(self.data().as_ptr().add(copy).cast()) };
            header.store(word, Ordering::Release);
        }
    }

    /// Writes to both copies.
    ///
    /// # Safety
    ///
    /// The caller owns the `bytes.len()` bytes from `pos` on (see `Sync` above), at most `size`.
    unsafe fn write(&self, pos: usize, bytes: &[u8]) {
        let offset = pos & (self.size - 1);
        let before_end = bytes.len().min(self.size - offset);
        let (head, tail) = bytes.split_at(before_end);
        for (offset, part) in [(offset, head), (0, tail)] {
            for copy in [offset, offset + self.size] {
                // SAFETY: `offset + part.len()` is at most `size`, so both copies' ends are at most `2 * size`; `bytes`
                // cannot overlap them, as no slice of theirs exists while the caller owns them.
                unsafe {
                    let to = self.data().as_ptr().add(copy);
                    to.copy_from_nonoverlapping(part.as_ptr(), part.len());
                }
            }
        }
    }
}

// SAFETY: the words are behind a `Box` in an `Arc`, so they stay where they are, and so do the positions. `new` has
// checked the size and initialised twice as many bytes, aligned as `u64`. The last point is `Shared`'s `Sync`.
unsafe impl RingMemory for HeapRing {
    fn pointers(&self) -> RingPointers {
        RingPointers {
            consumer_pos: NonNull::from(&self.0.consumer_pos.0),
            producer_pos: NonNull::from(&self.0.producer_pos.0),
            data: self.0.data(),
            size: self.0.size,
        }
    }
}

impl HeapRing {
    /// An empty ring of `size` bytes and a producer for it.
    ///
    /// # Errors
    ///
    /// [`Error::BadSize`] unless `size` is a power of two and at least 8.
    pub fn new(size: usize) -> Result<(HeapProducer, Self), Error> {
        Self::starting_at(size, 0)
    }

    /// An empty ring of which `pos` bytes have already been produced and consumed; for positions about to wrap around.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn starting_at(size: usize, pos: usize) -> Result<(HeapProducer, Self), Error> {
        let pos = pos & !(RECORD_ALIGN - 1);
        let shared = Arc::new(Shared::new(size, pos, pos)?);
        Ok((HeapProducer(Arc::clone(&shared)), Self(shared)))
    }

    /// A ring that holds `contents`, with both positions as given, and no producer. Nothing has to make sense.
    ///
    /// # Errors
    ///
    /// [`Error::BadSize`] unless `contents` has a length that is a power of two and at least 8.
    pub fn from_contents(contents: &[u8], consumer_pos: usize, producer_pos: usize) -> Result<Self, Error> {
        let shared = Shared::new(contents.len(), consumer_pos, producer_pos)?;
        // SAFETY: nobody else has the ring yet.
        unsafe { shared.write(0, contents) };
        Ok(Self(Arc::new(shared)))
    }
}

impl HeapProducer {
    /// Reserves `len` bytes, or nothing if there is no room now (`bpf_ringbuf_reserve`).
    #[doc(alias = "bpf_ringbuf_reserve")]
    pub fn reserve(&self, len: usize) -> Option<Reservation<'_>> {
        let ring = &*self.0;
        if len > LEN_MASK as usize {
            return None;
        }
        let step = (len + HEADER_SIZE).next_multiple_of(RECORD_ALIGN);
        let consumer_pos = ring.consumer_pos.0.load(Ordering::Acquire);
        let _reserving = ring.reserving.lock().unwrap_or_else(PoisonError::into_inner);
        let pos = ring.producer_pos.0.load(Ordering::Relaxed);
        let next = pos.wrapping_add(step);
        if next.wrapping_sub(consumer_pos) > ring.size - 1 {
            return None;
        }
        ring.store_header(pos, len as u32 | BUSY_BIT);
        ring.producer_pos.0.store(next, Ordering::Release);
        Some(Reservation { producer: self, pos, len, committed: false })
    }

    /// Produces one record (`bpf_ringbuf_output`). `None` if there is no room; otherwise whether the kernel would
    /// have woken waiters.
    #[doc(alias = "bpf_ringbuf_output")]
    pub fn output(&self, record: &[u8]) -> Option<bool> {
        let mut reservation = self.reserve(record.len())?;
        reservation.write(record);
        Some(reservation.submit())
    }
}

impl Reservation<'_> {
    /// Fills the record from its start; what does not fit is left out.
    pub fn write(&mut self, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(self.len)];
        // SAFETY: the record's bytes belong to this reservation until it is committed, and they are fewer than `size`.
        unsafe {
            self.producer.0.write(self.pos.wrapping_add(HEADER_SIZE), bytes);
        }
    }

    /// Commits the record (`bpf_ringbuf_submit`): whether the kernel would have woken waiters.
    #[doc(alias = "bpf_ringbuf_submit")]
    pub fn submit(mut self) -> bool {
        self.commit(false)
    }

    /// Gives the record up (`bpf_ringbuf_discard`): whether the kernel would have woken waiters.
    #[doc(alias = "bpf_ringbuf_discard")]
    pub fn discard(mut self) -> bool {
        self.commit(true)
    }

    fn commit(&mut self, discard: bool) -> bool {
        self.committed = true;
        let ring = &*self.producer.0;
        let word = self.len as u32 | if discard { DISCARD_BIT } else { 0 };
        // The kernel has one word to store and takes no lock. Here a consumer may pass after the first of two stores,
        // and without the lock the second could land in space that `reserve` has handed out again.
        let reserving = ring.reserving.lock().unwrap_or_else(PoisonError::into_inner);
        ring.store_header(self.pos, word);
        drop(reserving);
        // The kernel stores with xchg, which is a full barrier.
        fence(Ordering::SeqCst);
        let consumer_pos = ring.consumer_pos.0.load(Ordering::Acquire);
        let mask = ring.size - 1;
        consumer_pos & mask == self.pos & mask
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.committed {
            self.commit(true);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeapRing")
            .field("size", &self.size)
            .field("consumer_pos", &self.consumer_pos.0)
            .field("producer_pos", &self.producer_pos.0)
            .finish()
    }
}

impl fmt::Debug for HeapRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for HeapProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
