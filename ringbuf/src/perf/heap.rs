//! A perf ring in ordinary memory, with the kernel's half of the protocol in Rust: for testing what consumes records
//! without a kernel or root.
//!
//! [`HeapProducer`] does what `__perf_output_begin` and `perf_output_put_handle` of `kernel/events/ring_buffer.c` do for
//! one CPU, the record of what was lost included. [`HeapPerfRing::from_contents`] holds any bytes at all.

use std::cell::UnsafeCell;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::cursor::{PerfMemory, PerfPointers};
use super::record::{HEADER_SIZE, LOST, SAMPLE};
use crate::Error;

/// The consumer's end of a perf ring on the heap, to be walked by a [`PerfCursor`](super::PerfCursor).
pub struct HeapPerfRing(Arc<Shared>);

/// The producer's end of a perf ring on the heap. Clones produce into the same ring, from any thread.
#[derive(Clone)]
pub struct HeapProducer(Arc<Shared>);

struct Shared {
    head: AtomicU64,
    tail: AtomicU64,
    /// Samples that found no room since the last that did.
    lost: Mutex<u64>,
    /// The data, in words for their alignment.
    words: Box<[UnsafeCell<u64>]>,
    size: usize,
}

// SAFETY: `words` is the only part that is not `Sync` by itself. Bytes between the tail and the head are read by the
// consumer only, until it stores a tail beyond them; the others are written to by whoever holds the lock around `lost`,
// which has read the tail with acquire ordering, and stores the head with release ordering after it.
unsafe impl Sync for Shared {}
// SAFETY: as above; nothing in it is tied to a thread.
unsafe impl Send for Shared {}

impl Shared {
    fn new(size: usize, tail: u64, head: u64) -> Result<Self, Error> {
        if !size.is_power_of_two() || size < HEADER_SIZE || isize::try_from(size).is_err() {
            return Err(Error::BadSize { size: size as u64 });
        }
        let words = (0..size / 8).map(|_| UnsafeCell::new(0)).collect();
        Ok(Self { head: AtomicU64::new(head), tail: AtomicU64::new(tail), lost: Mutex::new(0), words, size })
    }

    fn data(&self) -> NonNull<u8> {
        NonNull::from(&*self.words).cast()
    }

    /// # Safety
    ///
    /// The caller owns the bytes from `pos` on (see `Sync` above), which are at most `size`.
    unsafe fn write(&self, pos: u64, bytes: &[u8]) {
        let offset = pos as usize & (self.size - 1);
        let (before_end, wrapped) = bytes.split_at(bytes.len().min(self.size - offset));
        for (offset, part) in [(offset, before_end), (0, wrapped)] {
            // SAFETY: the parts end at or before `size`, and `bytes` cannot overlap them, as no slice of theirs exists
            // while the caller owns them.
            unsafe { self.data().as_ptr().add(offset).copy_from_nonoverlapping(part.as_ptr(), part.len()) };
        }
    }
}

// SAFETY: the words are behind a `Box` in an `Arc`, so they stay where they are, and so do the positions. `new` has
// checked the size and initialised as many bytes, aligned as `u64`. The last point is `Shared`'s `Sync`.
unsafe impl PerfMemory for HeapPerfRing {
    fn pointers(&self) -> PerfPointers {
        PerfPointers {
            head: NonNull::from(&self.0.head),
            tail: NonNull::from(&self.0.tail),
            data: self.0.data(),
            size: self.0.size,
        }
    }
}

impl HeapPerfRing {
    /// An empty ring of `size` bytes, of which `pos` have already been produced and consumed, and a producer for it.
    ///
    /// # Errors
    ///
    /// [`Error::BadSize`] unless `size` is a power of two and at least 8.
    pub fn starting_at(size: usize, pos: u64) -> Result<(HeapProducer, Self), Error> {
        let pos = pos & !(HEADER_SIZE as u64 - 1);
        let shared = Arc::new(Shared::new(size, pos, pos)?);
        Ok((HeapProducer(Arc::clone(&shared)), Self(shared)))
    }

    /// A ring that holds `contents`, with both positions as given, and no producer. Nothing has to make sense.
    ///
    /// # Errors
    ///
    /// [`Error::BadSize`] unless `contents` has a length that is a power of two and at least 8.
    pub fn from_contents(contents: &[u8], tail: u64, head: u64) -> Result<Self, Error> {
        let shared = Shared::new(contents.len(), tail, head)?;
        // SAFETY: nobody else has the ring yet.
        unsafe { shared.write(0, contents) };
        Ok(Self(Arc::new(shared)))
    }
}

impl HeapProducer {
    /// Produces a sample (`bpf_perf_event_output`): whether there was room. If not, it counts as lost, which the next
    /// one that finds room tells before itself.
    #[doc(alias = "bpf_perf_event_output")]
    pub fn output(&self, sample: &[u8]) -> bool {
        // perf_event_output takes no more than a header's 16 bits can say.
        let Some(size) = u16::try_from(sample.len() + 12).ok().and_then(|size| size.checked_next_multiple_of(8)) else {
            return false;
        };
        let mut body = (u32::from(size) - 12).to_ne_bytes().to_vec();
        body.extend(sample);
        self.record(SAMPLE, &body)
    }

    /// Produces a record of any type, padded to a multiple of 8: whether there was room. None is longer than 64 KiB.
    pub fn record(&self, kind: u32, body: &[u8]) -> bool {
        if body.len() + HEADER_SIZE > usize::from(u16::MAX) {
            return false;
        }
        let ring = &*self.0;
        let mut lost = ring.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        if *lost > 0 {
            bytes.extend(record_bytes(LOST, &[0u64.to_ne_bytes(), lost.to_ne_bytes()].concat()));
        }
        bytes.extend(record_bytes(kind, body));
        let head = ring.head.load(Ordering::Relaxed);
        let tail = ring.tail.load(Ordering::Acquire);
        // CIRC_SPACE leaves a byte free, so that full and empty differ.
        let space = (ring.size as u64 - 1).checked_sub(head.wrapping_sub(tail));
        if space.is_none_or(|space| space < bytes.len() as u64) {
            *lost += 1;
            return false;
        }
        *lost = 0;
        // SAFETY: the bytes are neither the consumer's nor, under the lock, another producer's.
        unsafe { ring.write(head, &bytes) };
        ring.head.store(head.wrapping_add(bytes.len() as u64), Ordering::Release);
        true
    }
}

fn record_bytes(kind: u32, body: &[u8]) -> Vec<u8> {
    let size = (body.len() + HEADER_SIZE).next_multiple_of(HEADER_SIZE);
    let mut bytes = kind.to_ne_bytes().to_vec();
    bytes.extend(0u16.to_ne_bytes());
    bytes.extend((size as u16).to_ne_bytes());
    bytes.extend(body);
    bytes.resize(size, 0);
    bytes
}

impl fmt::Debug for HeapPerfRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeapPerfRing")
            .field("size", &self.0.size)
            .field("head", &self.0.head)
            .field("tail", &self.0.tail)
            .finish()
    }
}

impl fmt::Debug for HeapProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeapProducer").field("size", &self.0.size).finish_non_exhaustive()
    }
}
