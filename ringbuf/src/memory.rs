//! What a ring is made of: two positions and the data between them, wherever they are.
//!
//! [`Cursor`](crate::cursor::Cursor) walks any [`RingMemory`]: the pages of a map
//! ([`RingMapping`](crate::mapping::RingMapping)) or a ring in ordinary memory
//! ([`HeapRing`](crate::heap_ring::HeapRing)).

use std::ptr::NonNull;
use std::sync::atomic::AtomicUsize;

/// Bytes of the header before each record (`BPF_RINGBUF_HDR_SZ`, `struct bpf_ringbuf_hdr` of
/// `kernel/bpf/ringbuf.c`): the length with two flags, then a page offset that only the kernel uses.
#[doc(alias = "BPF_RINGBUF_HDR_SZ")]
pub const HEADER_SIZE: usize = 8;

/// Records, header included, begin at and are rounded up to multiples of this.
pub const RECORD_ALIGN: usize = 8;

/// Set in a header's length while its record is reserved and not committed yet.
#[doc(alias = "BPF_RINGBUF_BUSY_BIT")]
pub const BUSY_BIT: u32 = 1 << 31;

/// Set in a header's length when the program gave the record up (`bpf_ringbuf_discard`).
#[doc(alias = "BPF_RINGBUF_DISCARD_BIT")]
pub const DISCARD_BIT: u32 = 1 << 30;

/// The bits of a header's first word that are the record's length in bytes.
pub const LEN_MASK: u32 = !(BUSY_BIT | DISCARD_BIT);

/// Where the parts of a ring are.
#[derive(Clone, Copy, Debug)]
pub struct RingPointers {
    /// Bytes consumed since the ring was created; written by the consumer only.
    pub consumer_pos: NonNull<AtomicUsize>,
    /// Bytes reserved since the ring was created; written by producers only.
    pub producer_pos: NonNull<AtomicUsize>,
    /// The data area: `size` bytes, followed by the same `size` bytes again, headers included, so that what crosses
    /// the end of the ring can be read in one piece.
    pub data: NonNull<u8>,
    /// Bytes in the ring; a power of two.
    pub size: usize,
}

/// Memory that holds a ring.
///
/// # Safety
///
/// For as long as the value exists, whether it is moved or not:
///
/// - [`pointers`](Self::pointers) always gives the same answer;
/// - both positions are valid for atomic loads, and `consumer_pos` for atomic stores;
/// - `size` is a power of two, at least [`RECORD_ALIGN`] and at most `isize::MAX / 2`; `data` is aligned to
///   [`RECORD_ALIGN`] and valid for reads of `2 * size` bytes, all of them initialised;
/// - the bytes between the consumer position and the producer position are written only inside records whose header is
///   [`BUSY_BIT`], and the first word of a header is written only atomically. Any *contents* are allowed, in the data
///   and in the positions alike.
pub unsafe trait RingMemory {
    /// Where the parts of the ring are.
    fn pointers(&self) -> RingPointers;
}
