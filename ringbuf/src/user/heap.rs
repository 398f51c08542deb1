//! A user ring in ordinary memory, with the kernel's half of the protocol in Rust: for testing what produces samples
//! without a kernel or root.
//!
//! [`HeapConsumer`] does what `__bpf_user_ringbuf_peek` and `__bpf_user_ringbuf_sample_release` of
//! `kernel/bpf/ringbuf.c` do.

use std::cell::UnsafeCell;
use std::fmt;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::writer::UserRingMemory;
use crate::Error;
use crate::memory::{BUSY_BIT, DISCARD_BIT, HEADER_SIZE, LEN_MASK, RECORD_ALIGN, RingPointers};

/// The producer's end of a user ring on the heap, to be written to by a [`SampleWriter`](super::SampleWriter).
pub struct HeapUserRing(Arc<Shared>);

/// The consumer's end of a user ring on the heap: what the kernel is of a map.
pub struct HeapConsumer(Arc<Shared>);

struct Shared {
    consumer_pos: AtomicUsize,
    producer_pos: AtomicUsize,
    /// The data, and as much again. Both ends reach a sample by the address of its header in the first half, so that
    /// what is in one half need not show in the other.
    words: Box<[UnsafeCell<u64>]>,
    size: usize,
}

// SAFETY: `words` is the only part that is not `Sync` by itself. Each of its bytes has one owner at a time: the
// reservation that spans it until its header is stored with release and without BUSY, then the consumer, of which there
// is one and which has loaded that with acquire, until it stores a consumer position beyond, with release.
unsafe impl Sync for Shared {}
// SAFETY: as above; nothing in it is tied to a thread.
unsafe impl Send for Shared {}

impl Shared {
    fn data(&self) -> NonNull<u8> {
        NonNull::from(&*self.words).cast()
    }
}

// SAFETY: the words are behind a `Box` in an `Arc`, so they stay where they are, and so do the positions. `new` has
// checked the size and initialised twice as many bytes, aligned as `u64`. The last point is `Shared`'s `Sync`.
unsafe impl UserRingMemory for HeapUserRing {
    fn pointers(&self) -> RingPointers {
        RingPointers {
            consumer_pos: NonNull::from(&self.0.consumer_pos),
            producer_pos: NonNull::from(&self.0.producer_pos),
            data: self.0.data(),
            size: self.0.size,
        }
    }
}

impl HeapUserRing {
    /// An empty ring of `size` bytes, of which `pos` have already been produced and consumed, and its consumer.
    ///
    /// # Errors
    ///
    /// [`Error::BadSize`] unless `size` is a power of two and at least 8.
    pub fn starting_at(size: usize, pos: usize) -> Result<(HeapConsumer, Self), Error> {
        if !size.is_power_of_two() || size < RECORD_ALIGN || size > isize::MAX as usize / 2 {
            return Err(Error::BadSize { size: size as u64 });
        }
        let pos = pos & !(RECORD_ALIGN - 1);
        let shared = Arc::new(Shared {
            consumer_pos: AtomicUsize::new(pos),
            producer_pos: AtomicUsize::new(pos),
            words: (0..2 * size / 8).map(|_| UnsafeCell::new(0)).collect(),
            size,
        });
        Ok((HeapConsumer(Arc::clone(&shared)), Self(shared)))
    }
}

impl HeapConsumer {
    /// Hands samples to `callback` until there is none that is committed (`bpf_user_ringbuf_drain`); how many there
    /// were.
    #[doc(alias = "bpf_user_ringbuf_drain")]
    pub fn drain(&mut self, mut callback: impl FnMut(&[u8])) -> usize {
        let ring = &*self.0;
        let mut samples = 0;
        loop {
            let pos = ring.consumer_pos.load(Ordering::Relaxed);
            if pos == ring.producer_pos.load(Ordering::Acquire) {
                return samples;
            }
            // SAFETY: below `size`, and a multiple of 8 as positions are. First words of headers are accessed atomically.
            let header = unsafe { ring.data().add(pos & (ring.size - 1)) };
            // SAFETY: as above.
            let word = unsafe { AtomicU32::from_ptr(header.as_ptr().cast()) }.load(Ordering::Acquire);
            if word & BUSY_BIT != 0 {
                return samples;
            }
            let len = (word & LEN_MASK) as usize;
            if word & DISCARD_BIT == 0 {
                // SAFETY: a sample that a writer has committed, of a length that it has checked: at most `size` bytes
                // from the header on. They are the consumer's until the store below.
                callback(unsafe { slice::from_raw_parts(header.add(HEADER_SIZE).as_ptr(), len) });
                samples += 1;
            }
            let step = (len + HEADER_SIZE).next_multiple_of(RECORD_ALIGN);
            ring.consumer_pos.store(pos.wrapping_add(step), Ordering::Release);
        }
    }
}

impl fmt::Debug for HeapUserRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeapUserRing").field("size", &self.0.size).finish_non_exhaustive()
    }
}

impl fmt::Debug for HeapConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeapConsumer").field("size", &self.0.size).finish_non_exhaustive()
    }
}
