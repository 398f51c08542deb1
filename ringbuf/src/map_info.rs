//! Whether a descriptor is a ring buffer that can be read, and how large it is.

use std::os::fd::BorrowedFd;

use purebpf_sys::info;
use purebpf_sys::uapi::{MapFlags, MapType};

use crate::Error;

/// A ring buffer map, as the kernel describes it.
pub(crate) struct RingBufferInfo {
    /// The map's id.
    pub(crate) id: u32,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// The flags with which a ring's records stay as they are until they are consumed. `RINGBUF_CREATE_FLAG_MASK` of
/// `kernel/bpf/ringbuf.c` has these and, from 6.19, `BPF_F_RB_OVERWRITE`, with which they do not. What a later kernel
/// adds has to be looked at first.
const STABLE_RECORDS: MapFlags = MapFlags::NUMA_NODE;

/// Describes `map`, or says why it is not a ring buffer that can be read.
pub(crate) fn ring_buffer(map: BorrowedFd<'_>) -> Result<RingBufferInfo, Error> {
    let info = info::map_info(map).map_err(Error::MapInfo)?;
    if info.map_type != MapType::RINGBUF {
        return Err(Error::WrongMapType { map_id: info.id, map_type: info.map_type, expected: MapType::RINGBUF });
    }
    let flags = info.map_flags.bits() & !STABLE_RECORDS.bits();
    if flags != 0 {
        return Err(Error::UnsupportedFlags { map_id: info.id, flags: MapFlags::from_bits_retain(flags) });
    }
    Ok(RingBufferInfo { id: info.id, size: u64::from(info.max_entries) })
}
