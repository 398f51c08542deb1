//! What can go wrong between a map file descriptor and its records.

use std::io;

use purebpf_sys::uapi::{MapFlags, MapType};

/// Why a ring buffer could not be opened, waited for, read or written to.
///
/// The text is whole, down to what the kernel said, and so there is no [`source`](std::error::Error::source): a printed chain says
/// it once. The error below, where there is one, is the variant's `cause`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel would not describe the map behind the file descriptor
    /// (`BPF_OBJ_GET_INFO_BY_FD`): usually because the descriptor is not a BPF map.
    #[error("cannot read the ring buffer map's description: {0}")]
    MapInfo(#[source] purebpf_sys::Error),

    /// The map is of another type than the consumer reads.
    #[error("map {map_id} is a {map_type:?}, not a {expected:?}")]
    WrongMapType {
        /// The map's id.
        map_id: u32,
        /// The map's type.
        map_type: MapType,
        /// The type that was needed.
        expected: MapType,
    },

    /// The map was created with flags under which the kernel may rewrite records that have not been
    /// consumed (`BPF_F_RB_OVERWRITE`), or with flags whose meaning this crate does not know.
    #[error(
        "ring buffer map {map_id} has flags {flags:?} under which its records may change while they are read; \
         create it without BPF_F_RB_OVERWRITE"
    )]
    UnsupportedFlags {
        /// The map's id.
        map_id: u32,
        /// Those of its flags that cannot be served.
        flags: MapFlags,
    },

    /// The map cannot be mapped into memory.
    #[error("cannot map the ring buffer's {part}: {cause}")]
    Mapping {
        /// Which of its pages.
        part: &'static str,
        /// mmap's answer: EACCES for a read-only descriptor, EPERM for a frozen map.
        cause: purebpf_sys::Error,
    },

    /// The map's size is none that the kernel gives a ring buffer: a power of two and a multiple of the page size.
    #[error("ring buffer size {size} is not a power of two that can be mapped")]
    BadSize {
        /// The size in bytes (`max_entries`).
        size: u64,
    },

    /// Another consumer in this process is reading the map. A ring buffer has one consumer position: two
    /// readers would take each other's records, and free space that the other still reads.
    #[error("ring buffer map {map_id} is already being consumed in this process")]
    AlreadyConsumed {
        /// The map's id.
        map_id: u32,
    },

    /// Another producer in this process is writing to the map. A user ring buffer has one producer position: two
    /// writers would overwrite each other's samples.
    #[error("user ring buffer map {map_id} is already being written to in this process")]
    AlreadyProduced {
        /// The map's id.
        map_id: u32,
    },

    /// A sample is longer than its ring can ever take.
    #[error("a sample of {len} bytes does not fit a user ring buffer that takes {most}")]
    TooLong {
        /// The sample's length in bytes.
        len: usize,
        /// The longest that the ring takes.
        most: usize,
    },

    /// There is no room for a sample now: programs have yet to drain the ring (ENOSPC).
    #[error("no room for a sample of {len} bytes in a user ring buffer with {available} bytes left, headers included")]
    NoSpace {
        /// The sample's length in bytes.
        len: usize,
        /// The bytes that are free, of which a header of 8 and padding to a multiple of 8 take some.
        available: usize,
    },

    /// A perf buffer of a number of pages that the kernel does not give: it must be a power of two.
    #[error("a perf buffer of {pages} pages is not possible: the number must be a power of two")]
    BadPageCount {
        /// The number asked for.
        pages: usize,
    },

    /// The CPUs that are online could not be told.
    #[error("cannot tell which CPUs are online: {cause}")]
    OnlineCpus {
        /// Why not.
        cause: purebpf_sys::Error,
    },

    /// The perf event of a CPU could not be opened.
    #[error("cannot open the perf buffer of CPU {cpu}: {cause}")]
    PerfEvent {
        /// The CPU.
        cpu: u32,
        /// The kernel's answer: EACCES or EPERM without CAP_PERFMON where `perf_event_paranoid` asks for it, ENODEV for a
        /// CPU that is not online.
        cause: purebpf_sys::Error,
    },

    /// A perf event could not be enabled.
    #[error("cannot enable a perf event: {cause}")]
    Enable {
        /// The kernel's answer.
        cause: purebpf_sys::Error,
    },

    /// The perf event of a CPU could not be put into the map.
    #[error("cannot put the perf buffer of CPU {cpu} into slot {key} of the map: {cause}")]
    MapSlot {
        /// The CPU.
        cpu: u32,
        /// The slot.
        key: u32,
        /// The kernel's answer: E2BIG for a slot that the map does not have.
        cause: purebpf_sys::Error,
    },

    /// The two positions contradict each other: they can be at most `size` bytes apart, and the consumer
    /// position moves in steps of 8. Something other than this consumer and the kernel has written to the ring.
    #[error(
        "corrupt ring buffer: consumer position {consumer_pos:#x} and producer position {producer_pos:#x} \
         in a ring of {size} bytes"
    )]
    CorruptPositions {
        /// Where this consumer stands, in bytes since the ring was created.
        consumer_pos: usize,
        /// Where the producers stand, in bytes since the ring was created.
        producer_pos: usize,
        /// The ring's size in bytes.
        size: usize,
    },

    /// A record's header says that it is longer than what the producers have reserved.
    #[error(
        "corrupt ring buffer: the record at position {position:#x} claims {len} bytes \
         where {available} are left, its header included"
    )]
    CorruptRecord {
        /// The record's position, in bytes since the ring was created.
        position: usize,
        /// The length in its header.
        len: usize,
        /// The bytes between the record's header and the producer position.
        available: usize,
    },

    /// There is no ring of that number in the manager.
    #[error("ring {index} does not exist: the manager has {count}")]
    NoSuchRing {
        /// The number asked for.
        index: usize,
        /// How many rings there are.
        count: usize,
    },

    /// Another system call failed.
    #[error("{call}: {cause}")]
    Syscall {
        /// The call, and what it was for.
        call: &'static str,
        /// The kernel's answer.
        cause: io::Error,
    },
}

impl Error {
    /// The last system call's error, to be made right after `call` failed.
    pub(crate) fn last_os_error(call: &'static str) -> Self {
        Self::Syscall { call, cause: io::Error::last_os_error() }
    }
}
