//! Whether a descriptor is a map of the kind that is wanted, and how large it is.

use std::os::fd::BorrowedFd;

use purebpf_sys::info;
use purebpf_sys::uapi::{MapFlags, MapType};

use crate::Error;

/// A map, as the kernel describes it.
pub(crate) struct BufferInfo {
    /// The map's id.
    pub(crate) id: u32,
    /// `max_entries`: a ring's size in bytes, the number of slots of a perf event array.
    pub(crate) max_entries: u32,
}

/// The flags with which a ring's records stay as they are until they are consumed. `RINGBUF_CREATE_FLAG_MASK` of
/// `kernel/bpf/ringbuf.c` has these and, from 6.19, `BPF_F_RB_OVERWRITE`, with which they do not. What a later kernel
/// adds has to be looked at first.
const STABLE_RECORDS: MapFlags = MapFlags::NUMA_NODE;

/// Describes `map`, or says why it is not a ring buffer that can be read.
pub(crate) fn ring_buffer(map: BorrowedFd<'_>) -> Result<BufferInfo, Error> {
    of_type(map, MapType::RINGBUF, STABLE_RECORDS)
}

/// Describes `map`, or says why it is not a user ring buffer.
pub(crate) fn user_ring_buffer(map: BorrowedFd<'_>) -> Result<BufferInfo, Error> {
    of_type(map, MapType::USER_RINGBUF, STABLE_RECORDS)
}

/// Describes `map`, or says why it is not a perf event array. Its flags change nothing about the buffers.
pub(crate) fn perf_event_array(map: BorrowedFd<'_>) -> Result<BufferInfo, Error> {
    of_type(map, MapType::PERF_EVENT_ARRAY, MapFlags::from_bits_retain(u32::MAX))
}

fn of_type(map: BorrowedFd<'_>, expected: MapType, allowed: MapFlags) -> Result<BufferInfo, Error> {
    let info = info::map_info(map).map_err(Error::MapInfo)?;
    if info.map_type != expected {
        return Err(Error::WrongMapType { map_id: info.id, map_type: info.map_type, expected });
    }
    let flags = info.map_flags.bits() & !allowed.bits();
    if flags != 0 {
        return Err(Error::UnsupportedFlags { map_id: info.id, flags: MapFlags::from_bits_retain(flags) });
    }
    Ok(BufferInfo { id: info.id, max_entries: info.max_entries })
}
