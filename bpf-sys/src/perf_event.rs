//! perf_event_open(2) with every field of its argument, and the ioctls of a perf event.
//!
//! Kprobes, uprobes and tracepoints are perf events when a program is attached to them; a perf buffer reads
//! `PERF_COUNT_SW_BPF_OUTPUT` events. What is read from a counter or a ring without BPF is left to other crates.

#![allow(unsafe_code)]

mod ioctl;

pub use ioctl::{
    disable, disable_group, enable, enable_group, event_id, modify_attributes, pause_output, query_bpf, refresh, reset,
    reset_group, set_bpf, set_filter, set_output, set_period,
};

use crate::{
    error::{Error, Result},
    syscall::{above_stdio, fd_number},
};
use bitflags::bitflags;
use std::{
    ffi::CStr,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

/// `struct perf_event_attr` of `linux/perf_event.h` as of Linux 7.2 (`PERF_ATTR_SIZE_VER9`). Kernels that know a shorter one
/// take it as long as the rest is zero (`perf_copy_attr`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct RawAttr {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    config1: u64,
    config2: u64,
    branch_sample_type: u64,
    sample_regs_user: u64,
    sample_stack_user: u32,
    clockid: i32,
    sample_regs_intr: u64,
    aux_watermark: u32,
    sample_max_stack: u16,
    reserved_2: u16,
    aux_sample_size: u32,
    aux_action: u32,
    sig_data: u64,
    config3: u64,
    config4: u64,
}

const _: () = assert!(size_of::<RawAttr>() == 144);

/// `type` of an event: a number fixed in the header, or one that sysfs gives for a dynamic PMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PerfType(pub u32);

impl PerfType {
    /// Counters of the processor.
    pub const HARDWARE: PerfType = PerfType(0);
    /// Counters of the kernel.
    pub const SOFTWARE: PerfType = PerfType(1);
    /// Tracepoints; `config` is the id that tracefs gives.
    pub const TRACEPOINT: PerfType = PerfType(2);
    /// Counters of the caches.
    pub const HW_CACHE: PerfType = PerfType(3);
    /// Counters by the processor's own numbers.
    pub const RAW: PerfType = PerfType(4);
    /// Breakpoints.
    pub const BREAKPOINT: PerfType = PerfType(5);
}

/// `config` of [`PerfType::SOFTWARE`] events.
pub mod software {
    /// Wall time on a CPU, in nanoseconds; samples by a timer.
    pub const CPU_CLOCK: u64 = 0;
    /// Time of a task, in nanoseconds.
    pub const TASK_CLOCK: u64 = 1;
    /// Page faults.
    pub const PAGE_FAULTS: u64 = 2;
    /// Context switches.
    pub const CONTEXT_SWITCHES: u64 = 3;
    /// Moves to another CPU.
    pub const CPU_MIGRATIONS: u64 = 4;
    /// Counts nothing: only carries side-band records.
    pub const DUMMY: u64 = 9;
    /// What BPF programs write with `bpf_perf_event_output`.
    pub const BPF_OUTPUT: u64 = 10;
}

/// Bits of `sample_type`.
pub mod sample {
    /// The raw data of the event: what `bpf_perf_event_output` was given.
    pub const RAW: u64 = 1 << 10;
    /// The time.
    pub const TIME: u64 = 1 << 2;
}

bitflags! {
    /// The one-bit fields of `perf_event_attr`. Bits that this crate does not know are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct EventFlags: u64 {
        /// Does not count until [`enable`].
        const DISABLED = 1 << 0;
        /// Children of the process count too.
        const INHERIT = 1 << 1;
        /// Always on its counter.
        const PINNED = 1 << 2;
        /// Alone on its counters.
        const EXCLUSIVE = 1 << 3;
        /// Not in user space.
        const EXCLUDE_USER = 1 << 4;
        /// Not in the kernel.
        const EXCLUDE_KERNEL = 1 << 5;
        /// Not in a hypervisor.
        const EXCLUDE_HV = 1 << 6;
        /// Not when idle.
        const EXCLUDE_IDLE = 1 << 7;
        /// Records of executable mappings.
        const MMAP = 1 << 8;
        /// Records of names of processes.
        const COMM = 1 << 9;
        /// `sample_period` is a frequency.
        const FREQ = 1 << 10;
        /// Counts are saved and restored with children.
        const INHERIT_STAT = 1 << 11;
        /// Counts from the next exec.
        const ENABLE_ON_EXEC = 1 << 12;
        /// Records of forks and exits.
        const TASK = 1 << 13;
        /// `wakeup_events` are bytes.
        const WATERMARK = 1 << 14;
        /// Records of mappings that are not executable.
        const MMAP_DATA = 1 << 17;
        /// All records say what samples say of time and place.
        const SAMPLE_ID_ALL = 1 << 18;
        /// Not on the host.
        const EXCLUDE_HOST = 1 << 19;
        /// Not in guests.
        const EXCLUDE_GUEST = 1 << 20;
        /// Call chains without the kernel's part.
        const EXCLUDE_CALLCHAIN_KERNEL = 1 << 21;
        /// Call chains without the user's part.
        const EXCLUDE_CALLCHAIN_USER = 1 << 22;
        /// Records of mappings with inodes.
        const MMAP2 = 1 << 23;
        /// Records of names say which come from an exec.
        const COMM_EXEC = 1 << 24;
        /// Times are those of `clockid`.
        const USE_CLOCKID = 1 << 25;
        /// Records of context switches.
        const CONTEXT_SWITCH = 1 << 26;
        /// The ring is written from its end.
        const WRITE_BACKWARD = 1 << 27;
        /// Records of namespaces.
        const NAMESPACES = 1 << 28;
        /// Records of the kernel's new symbols, BPF programs among them.
        const KSYMBOL = 1 << 29;
        /// Records of BPF programs that are loaded and go.
        const BPF_EVENT = 1 << 30;
        /// Writes to the AUX area instead of the ring.
        const AUX_OUTPUT = 1 << 31;
        /// Records of cgroups.
        const CGROUP = 1 << 32;
        /// Records of changes to the kernel's code.
        const TEXT_POKE = 1 << 33;
        /// Records of mappings with build ids.
        const BUILD_ID = 1 << 34;
        /// Only threads inherit.
        const INHERIT_THREAD = 1 << 35;
        /// Goes with an exec.
        const REMOVE_ON_EXEC = 1 << 36;
        /// SIGTRAP at each event.
        const SIGTRAP = 1 << 37;
        /// Asks for call chains of user space later.
        const DEFER_CALLCHAIN = 1 << 38;
        /// Takes call chains that come later.
        const DEFER_OUTPUT = 1 << 39;
        const _ = !0;
    }

    /// `flags` of perf_event_open itself. `FD_CLOEXEC` and `PID_CGROUP` come with [`PerfEvent`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct OpenFlags: u32 {
        /// Not in the group of the leader, whose descriptor then only says where to write.
        const FD_NO_GROUP = 1 << 0;
        /// Writes to the leader's ring.
        const FD_OUTPUT = 1 << 1;
        /// `pid` is a cgroup.
        const PID_CGROUP = 1 << 2;
        /// Close on exec.
        const FD_CLOEXEC = 1 << 3;
        const _ = !0;
    }
}

impl EventFlags {
    /// The word as C's bitfields lay it out: from the machine's first bit.
    const fn word(self) -> u64 {
        if cfg!(target_endian = "big") { self.bits().reverse_bits() } else { self.bits() }
    }
}

/// What perf_event_open takes.
///
/// ```no_run
/// # use purebpf_sys::perf_event::{PerfEvent, PerfType};
/// # let tracepoint_id = 0;
/// let event = PerfEvent::new(PerfType::TRACEPOINT, tracepoint_id).pid(-1).cpu(0).open()?;
/// # Ok::<(), purebpf_sys::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "perf_event_attr")]
pub struct PerfEvent<'a> {
    attr: RawAttr,
    flags: EventFlags,
    precise_ip: u8,
    name: Option<&'a CStr>,
    pid: i32,
    cpu: i32,
    cgroup: Option<BorrowedFd<'a>>,
    group: Option<BorrowedFd<'a>>,
    open_flags: OpenFlags,
}

/// Setters of fields that stand for themselves.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        pub fn $field(mut self, value: $type) -> Self {
            self.attr.$field = value;
            self
        }
    )*};
}

impl<'a> PerfEvent<'a> {
    /// An event of `kind` and `config`, on every process (`pid` -1) and CPU 0 until told otherwise.
    pub fn new(kind: PerfType, config: u64) -> Self {
        let attr = RawAttr { kind: kind.0, size: size_of::<RawAttr>() as u32, config, ..Default::default() };
        PerfEvent {
            attr,
            flags: EventFlags::empty(),
            precise_ip: 0,
            name: None,
            pid: -1,
            cpu: 0,
            cgroup: None,
            group: None,
            open_flags: OpenFlags::FD_CLOEXEC,
        }
    }

    /// A kprobe of the PMU `kind` (`/sys/bus/event_source/devices/kprobe/type`): `offset` bytes into the kernel function
    /// `func`. `config` holds the PMU's `retprobe` bit.
    #[doc(alias = "kprobe_func")]
    pub fn kprobe(kind: PerfType, config: u64, func: &'a CStr, offset: u64) -> Self {
        Self::probe(kind, config, Some(func), offset)
    }

    /// A kprobe at an address instead of a function.
    pub fn kprobe_addr(kind: PerfType, config: u64, addr: u64) -> Self {
        Self::probe(kind, config, None, addr)
    }

    /// A uprobe of the PMU `kind` (`/sys/bus/event_source/devices/uprobe/type`): at `offset` in the file `path`. `config`
    /// holds the PMU's `retprobe` bit and, from bit 32, the offset of a reference counter (USDT semaphore).
    #[doc(alias = "uprobe_path")]
    pub fn uprobe(kind: PerfType, config: u64, path: &'a CStr, offset: u64) -> Self {
        Self::probe(kind, config, Some(path), offset)
    }

    fn probe(kind: PerfType, config: u64, name: Option<&'a CStr>, offset: u64) -> Self {
        let mut event = PerfEvent::new(kind, config);
        event.name = name;
        // config1 is kprobe_func or uprobe_path, config2 probe_offset or kprobe_addr.
        event.attr.config2 = offset;
        event
    }

    fields! {
        /// `config1`, for other PMUs; the name of a probe stands in its place where there is one. Also `bp_addr`.
        config1: u64;
        /// `config2`. Also `bp_len`.
        config2: u64;
        /// `config3` (from 6.3).
        config3: u64;
        /// `config4` (from 6.18).
        config4: u64;
        /// What a sample in the event's ring holds: bits of [`mod@sample`].
        sample_type: u64;
        /// What reading the event gives: `PERF_FORMAT_*`.
        read_format: u64;
        /// Breakpoints: reads, writes or execution, `HW_BREAKPOINT_*`.
        bp_type: u32;
        /// Which branches are recorded: `PERF_SAMPLE_BRANCH_*`.
        branch_sample_type: u64;
        /// Registers of user space in samples, a bit each.
        sample_regs_user: u64;
        /// Bytes of the user's stack in samples.
        sample_stack_user: u32;
        /// Registers at the interrupt in samples, a bit each.
        sample_regs_intr: u64;
        /// Bytes in the AUX area that wake a reader.
        aux_watermark: u32;
        /// Frames of a call chain.
        sample_max_stack: u16;
        /// Bytes of the AUX area in samples.
        aux_sample_size: u32;
        /// Whether the event pauses or resumes the AUX area (from 6.13).
        aux_action: u32;
        /// What SIGTRAP brings along.
        sig_data: u64;
    }

    /// The clock of all times; sets `USE_CLOCKID`.
    pub fn clockid(mut self, clockid: i32) -> Self {
        self.attr.clockid = clockid;
        self.flags |= EventFlags::USE_CLOCKID;
        self
    }

    /// A breakpoint: `bp_type` at `len` bytes from `addr`.
    pub fn breakpoint(bp_type: u32, addr: u64, len: u64) -> Self {
        PerfEvent::new(PerfType::BREAKPOINT, 0).bp_type(bp_type).config1(addr).config2(len)
    }

    /// One-bit fields, added to those that are set.
    pub fn flags(mut self, flags: EventFlags) -> Self {
        self.flags |= flags;
        self
    }

    /// How far a sample's address may lie behind what happened: 0 for anywhere to 3 for nowhere.
    pub fn precise_ip(mut self, precise_ip: u8) -> Self {
        self.precise_ip = precise_ip & 3;
        self
    }

    /// How the descriptor of the group's leader is meant.
    pub fn open_flags(mut self, flags: OpenFlags) -> Self {
        self.open_flags |= flags;
        self
    }

    /// A sample (and a run of the BPF program) every `period` counts.
    pub fn sample_period(mut self, period: u64) -> Self {
        self.attr.sample_period = period;
        self.flags -= EventFlags::FREQ;
        self
    }

    /// Samples at `hertz`.
    pub fn sample_freq(mut self, hertz: u64) -> Self {
        self.attr.sample_period = hertz;
        self.flags |= EventFlags::FREQ;
        self
    }

    /// Readers of the ring are woken every `events` samples.
    pub fn wakeup_events(mut self, events: u32) -> Self {
        self.attr.wakeup_events = events;
        self.flags -= EventFlags::WATERMARK;
        self
    }

    /// Readers of the ring are woken when `bytes` are in it.
    pub fn wakeup_watermark(mut self, bytes: u32) -> Self {
        self.attr.wakeup_events = bytes;
        self.flags |= EventFlags::WATERMARK;
        self
    }

    /// Does not count until [`enable`].
    pub fn disabled(mut self) -> Self {
        self.flags |= EventFlags::DISABLED;
        self
    }

    /// Children of the process count too.
    pub fn inherit(mut self) -> Self {
        self.flags |= EventFlags::INHERIT;
        self
    }

    /// The process; 0 for the caller, -1 for all.
    pub fn pid(mut self, pid: i32) -> Self {
        self.pid = pid;
        self
    }

    /// The CPU; -1 for whichever the process is on. Not both -1.
    pub fn cpu(mut self, cpu: i32) -> Self {
        self.cpu = cpu;
        self
    }

    /// The processes of a cgroup, instead of [`pid`](Self::pid).
    pub fn cgroup(mut self, cgroup: BorrowedFd<'a>) -> Self {
        self.cgroup = Some(cgroup);
        self
    }

    /// The event that leads the group.
    pub fn group(mut self, leader: BorrowedFd<'a>) -> Self {
        self.group = Some(leader);
        self
    }

    fn attr(&self) -> RawAttr {
        let mut attr = self.attr;
        if let Some(name) = self.name {
            attr.config1 = name.as_ptr() as usize as u64;
        }
        // The two bits of precise_ip follow the 15 before it.
        let precise_ip = u64::from(self.precise_ip) << if cfg!(target_endian = "big") { 47 } else { 15 };
        attr.flags = self.flags.word() | precise_ip;
        attr
    }

    /// Opens the event.
    ///
    /// # Errors
    ///
    /// perf_event_open's errno: ENOENT for a PMU or event that is not there, EACCES or EPERM by `perf_event_paranoid`
    /// and privilege, EINVAL for a probe that cannot be placed.
    pub fn open(&self) -> Result<OwnedFd> {
        let mut attr = self.attr();
        let (pid, flags) = match self.cgroup {
            Some(cgroup) => (fd_number(cgroup) as i32, self.open_flags | OpenFlags::PID_CGROUP),
            None => (self.pid, self.open_flags),
        };
        let flags = libc::c_ulong::from(flags.bits());
        let group = self.group.map_or(-1, |leader| leader.as_raw_fd());
        loop {
            // SAFETY: `attr` is a perf_event_attr of the size it says; config1 is the address of a terminated string where
            // the event is a probe by name, and elsewhere a number, from which a probe's PMU would at most read a string,
            // as it may from any address of ours.
            let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, &raw mut attr, pid, self.cpu, group, flags) };
            if fd >= 0 {
                // SAFETY: a new descriptor that nobody else knows.
                return above_stdio(unsafe { OwnedFd::from_raw_fd(fd as i32) });
            }
            let error = Error::last("perf_event_open");
            // A signal came while it waited for the process's exec to end (`exec_update_lock`).
            if error.errno() != libc::EINTR {
                return Err(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    // Offsets from `offsetof(struct perf_event_attr, ...)` of linux/perf_event.h (clang, x86_64; the same on every
    // architecture, as the header intends).
    #[test]
    fn layout_is_the_headers() {
        assert_eq!(offset_of!(RawAttr, config), 8);
        assert_eq!(offset_of!(RawAttr, sample_period), 16);
        assert_eq!(offset_of!(RawAttr, sample_type), 24);
        assert_eq!(offset_of!(RawAttr, flags), 40);
        assert_eq!(offset_of!(RawAttr, wakeup_events), 48);
        assert_eq!(offset_of!(RawAttr, config1), 56);
        assert_eq!(offset_of!(RawAttr, config2), 64);
        assert_eq!(offset_of!(RawAttr, sample_max_stack), 108);
        assert_eq!(offset_of!(RawAttr, sig_data), 120);
        assert_eq!(offset_of!(RawAttr, config3), 128);
        assert_eq!(offset_of!(RawAttr, config4), 136);
    }

    // The first bitfield of the word is `disabled`, the 16th and 17th are `precise_ip`, the 40th is `defer_output`.
    #[test]
    fn bitfields_begin_at_the_machines_first_bit() {
        let event = PerfEvent::new(PerfType::SOFTWARE, 0).disabled().precise_ip(2).flags(EventFlags::DEFER_OUTPUT);
        let expected = if cfg!(target_endian = "big") { 1 << 63 | 2 << 47 | 1 << 24 } else { 1 | 2 << 15 | 1 << 39 };
        assert_eq!(event.attr().flags, expected);
        assert_eq!(event.sample_freq(9).sample_period(1).attr().flags, expected, "a period is no frequency");
    }
}
