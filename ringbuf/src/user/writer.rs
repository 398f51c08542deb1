//! The producer's half of the user ring buffer's protocol, over any [`UserRingMemory`].
//!
//! # The protocol
//!
//! The roles of a ring buffer, swapped: user space reserves and commits, the kernel consumes
//! (`__bpf_user_ringbuf_peek` and `__bpf_user_ringbuf_sample_release` in `kernel/bpf/ringbuf.c`). For one sample
//! at position `P`:
//!
//! ```text
//! reserve:  if consumer_pos and P + step are more than a ring apart: no space    consumer_pos with acquire
//!           header(P).len  = len | BUSY
//!           producer_pos  += step                                      release
//!           … the sample is written …
//! commit:   header(P).len  = len [| DISCARD]                           release
//!
//! drain:    C == producer_pos                → nothing there           producer_pos with acquire
//!           header(C).len has BUSY           → nothing there yet       len with acquire
//!           otherwise                        → len bytes at C + 8 for the callback, unless DISCARD
//!           consumer_pos = C + step                                    release
//!           wake the waiters, once a drain that took something
//! ```
//!
//! Samples are drained in the order in which they were reserved: one that is still being written holds up those behind
//! it, committed or not.
//!
//! **What a sample's bytes rest on.** They belong to the reservation from the acquire on `consumer_pos`, with which the
//! kernel has given them up, to the release on the header, with which it gets them. Reservations do not overlap: the
//! producer position moves past each, and never more than a ring ahead of the consumer. So a `&mut [u8]` over them is
//! an ordinary exclusive slice. Data appears twice in a row in the mapping, so that a sample that crosses the ring's end
//! is in one piece; no two reservations meet in different copies, since they do not meet in the ring.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use crate::Error;
use crate::memory::{BUSY_BIT, DISCARD_BIT, HEADER_SIZE, RECORD_ALIGN, RingPointers};

/// The longest sample that programs can be given: `DYNPTR_MAX_SIZE` of `kernel/bpf/helpers.c`. A longer one would stop the
/// ring, as draining it fails again and again.
const MAX_SAMPLE: usize = (1 << 24) - 1;

/// Memory that holds a user ring.
///
/// # Safety
///
/// For as long as the value exists, whether it is moved or not:
///
/// - [`pointers`](Self::pointers) always gives the same answer;
/// - both positions are valid for atomic loads, and `producer_pos` for atomic stores;
/// - `size` is a power of two, at least [`RECORD_ALIGN`] and at most `isize::MAX / 2`; `data` is aligned to
///   [`RECORD_ALIGN`] and valid for reads and writes of `2 * size` bytes, all of them initialised;
/// - nobody but the consumer and one [`SampleWriter`] uses the data, and the consumer uses only samples between the two
///   positions whose header is not [`BUSY_BIT`] when loaded with acquire ordering. Any value of `consumer_pos` is allowed
///   that goes forward.
pub unsafe trait UserRingMemory {
    /// Where the parts of the ring are.
    fn pointers(&self) -> RingPointers;
}

/// The producer's place in a user ring.
///
/// Not for several threads at once (`!Sync`), as in libbpf; it can be sent to another, or kept in a mutex.
#[derive(Debug)]
pub struct SampleWriter<M> {
    ring: RingPointers,
    /// The producer position. Ours alone: what others write to the shared one does not move it.
    pos: Cell<usize>,
    /// Keeps what `ring` points to.
    memory: M,
}

// SAFETY: the pointers lead into `memory`, which is sent along and whose contract lets them be used for as long as it
// exists. Nothing in them is tied to a thread. Reservations borrow the writer, so that none is alive when it is sent.
unsafe impl<M: Send> Send for SampleWriter<M> {}

/// Bytes that a sample of `len` bytes takes, its header included.
const fn step(len: usize) -> usize {
    (len + HEADER_SIZE + (RECORD_ALIGN - 1)) & !(RECORD_ALIGN - 1)
}

impl<M: UserRingMemory> SampleWriter<M> {
    /// A writer at the ring's producer position.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptPositions`] if the two positions cannot belong to a ring of this size.
    pub fn new(memory: M) -> Result<Self, Error> {
        let ring = memory.pointers();
        // SAFETY: `UserRingMemory` keeps the position valid. Only producers store to it.
        let pos = unsafe { ring.producer_pos.as_ref() }.load(Ordering::Relaxed);
        let writer = Self { ring, pos: Cell::new(pos), memory };
        if pos % RECORD_ALIGN != 0 {
            return Err(writer.corrupt_positions(writer.consumer_pos()));
        }
        writer.available_space()?;
        Ok(writer)
    }

    /// The memory the writer writes to.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// The ring's size in bytes.
    pub fn size(&self) -> usize {
        self.ring.size
    }

    /// Bytes drained since the ring was created.
    #[inline]
    pub fn consumer_pos(&self) -> usize {
        // SAFETY: `UserRingMemory` keeps the position valid. Relaxed and a fence, since the memory may be mapped
        // read-only, where only relaxed loads are promised to work.
        let pos = unsafe { self.ring.consumer_pos.as_ref() }.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        pos
    }

    /// Bytes reserved since the ring was created.
    pub fn producer_pos(&self) -> usize {
        self.pos.get()
    }

    /// Bytes that are free, of which a sample takes its length and 8, rounded up to a multiple of 8.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptPositions`] if something else has written to the ring.
    #[inline]
    pub fn available_space(&self) -> Result<usize, Error> {
        let consumer_pos = self.consumer_pos();
        let used = self.pos.get().wrapping_sub(consumer_pos);
        self.ring.size.checked_sub(used).ok_or_else(|| self.corrupt_positions(consumer_pos))
    }

    #[cold]
    fn corrupt_positions(&self, consumer_pos: usize) -> Error {
        Error::CorruptPositions { consumer_pos, producer_pos: self.pos.get(), size: self.ring.size }
    }

    /// The longest sample that the ring can take when it is empty, and that programs can be given.
    pub fn max_len(&self) -> usize {
        self.ring.size.saturating_sub(HEADER_SIZE).min(MAX_SAMPLE)
    }

    /// Reserves `len` bytes, to be filled and submitted. Several reservations may be held at a time; programs get
    /// them in the order of reserving. The bytes are what was there before.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the ring never has room for so many, [`Error::NoSpace`] if it has none now,
    /// [`Error::CorruptPositions`] if something else has written to the ring.
    #[inline]
    pub fn reserve(&self, len: usize) -> Result<UserSample<'_>, Error> {
        if len > self.max_len() {
            return Err(Error::TooLong { len, most: self.max_len() });
        }
        let available = self.available_space()?;
        if step(len) > available {
            return Err(Error::NoSpace { len, available });
        }
        let pos = self.pos.get();
        // SAFETY: the offset is below `size`, and the data is `2 * size` long.
        let header = unsafe { self.ring.data.add(pos & (self.ring.size - 1)) };
        // SAFETY: `pos` is a multiple of 8, as it began as one and grows by multiples of 8: 8 bytes from here on are in the
        // data and aligned. They are between the positions' ends, so that nobody else uses them. The second word is
        // only the kernel's in its own ring buffers; libbpf clears it.
        unsafe {
            AtomicU32::from_ptr(header.as_ptr().cast()).store(len as u32 | BUSY_BIT, Ordering::Relaxed);
            header.add(4).cast::<u32>().write(0);
        }
        let next = pos.wrapping_add(step(len));
        self.pos.set(next);
        // SAFETY: `UserRingMemory` keeps the position valid for atomic stores. Release: the header is there before it.
        unsafe { self.ring.producer_pos.as_ref() }.store(next, Ordering::Release);
        Ok(UserSample { header, len, committed: false, writer: PhantomData })
    }

    /// Reserves, fills and submits a sample.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve).
    pub fn output(&self, sample: &[u8]) -> Result<(), Error> {
        let mut reserved = self.reserve(sample.len())?;
        reserved.copy_from_slice(sample);
        reserved.submit();
        Ok(())
    }
}

/// Space reserved for a sample, to be filled. Dropping it discards it; forgetting it stops the ring there.
pub struct UserSample<'a> {
    header: NonNull<u8>,
    len: usize,
    committed: bool,
    /// The ring stays for as long as this does.
    writer: PhantomData<&'a ()>,
}

impl UserSample<'_> {
    /// Gives the sample to programs.
    #[doc(alias = "user_ring_buffer__submit")]
    #[inline]
    pub fn submit(mut self) {
        self.commit(0);
    }

    /// Gives the space back: programs pass over it.
    #[doc(alias = "user_ring_buffer__discard")]
    #[inline]
    pub fn discard(self) {}

    #[inline]
    fn commit(&mut self, flag: u32) {
        self.committed = true;
        // SAFETY: the header of `reserve`, which is ours until this store. Release: what was written to the sample is
        // there before it.
        unsafe { AtomicU32::from_ptr(self.header.as_ptr().cast()) }.store(self.len as u32 | flag, Ordering::Release);
    }

    #[inline]
    fn data(&self) -> *mut u8 {
        // SAFETY: a sample is behind its header, in the data.
        unsafe { self.header.add(HEADER_SIZE) }.as_ptr()
    }
}

impl Deref for UserSample<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `len` bytes of the data, initialised, and this reservation's until it is committed.
        unsafe { slice::from_raw_parts(self.data(), self.len) }
    }
}

impl DerefMut for UserSample<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and no other reference is alive while `self` is borrowed.
        unsafe { slice::from_raw_parts_mut(self.data(), self.len) }
    }
}

impl Drop for UserSample<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.committed {
            self.commit(DISCARD_BIT);
        }
    }
}

impl fmt::Debug for UserSample<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserSample").field("len", &self.len).finish_non_exhaustive()
    }
}
