//! perf_event_open(2) and the ioctls that tie a BPF program to a perf event.
//!
//! Kprobes, uprobes and tracepoints are perf events when a program is attached to them; a perf buffer reads
//! `PERF_COUNT_SW_BPF_OUTPUT` events. Sampling and counting without BPF are left to other crates.

#![allow(unsafe_code)]

use crate::{
    error::{Error, Result},
    syscall::{above_stdio, fd_number},
};
use std::{
    ffi::CStr,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

/// `struct perf_event_attr` of `linux/perf_event.h`, as far as `PERF_ATTR_SIZE_VER5` (kernel 4.1): no field beyond is
/// needed here, and every kernel takes a shorter structure.
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
}

const _: () = assert!(size_of::<RawAttr>() == 112);

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

// `flags` of perf_event_open itself, from the same header.
const PERF_FLAG_PID_CGROUP: libc::c_ulong = 1 << 2;
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 1 << 3;

const FLAG_DISABLED: u64 = bitfield(0);
const FLAG_INHERIT: u64 = bitfield(1);
const FLAG_FREQ: u64 = bitfield(10);
const FLAG_WATERMARK: u64 = bitfield(14);

/// A one-bit field of the word of flags. C bitfields are counted from the machine's first bit.
const fn bitfield(number: u32) -> u64 {
    if cfg!(target_endian = "big") { 1 << (63 - number) } else { 1 << number }
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
    name: Option<&'a CStr>,
    pid: i32,
    cpu: i32,
    cgroup: Option<BorrowedFd<'a>>,
    group: Option<BorrowedFd<'a>>,
    open_flags: libc::c_ulong,
}

impl<'a> PerfEvent<'a> {
    /// An event of `kind` and `config`, on every process (`pid` -1) and CPU 0 until told otherwise.
    pub fn new(kind: PerfType, config: u64) -> Self {
        let attr = RawAttr { kind: kind.0, size: size_of::<RawAttr>() as u32, config, ..Default::default() };
        PerfEvent {
            attr,
            name: None,
            pid: -1,
            cpu: 0,
            cgroup: None,
            group: None,
            open_flags: PERF_FLAG_FD_CLOEXEC,
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

    /// `config1`, for other PMUs; the name of a probe stands in its place where there is one.
    pub fn config1(mut self, value: u64) -> Self {
        self.attr.config1 = value;
        self
    }

    /// `config2`.
    pub fn config2(mut self, value: u64) -> Self {
        self.attr.config2 = value;
        self
    }

    /// A sample (and a run of the BPF program) every `period` counts.
    pub fn sample_period(mut self, period: u64) -> Self {
        self.attr.sample_period = period;
        self.attr.flags &= !FLAG_FREQ;
        self
    }

    /// Samples at `hertz`.
    pub fn sample_freq(mut self, hertz: u64) -> Self {
        self.attr.sample_period = hertz;
        self.attr.flags |= FLAG_FREQ;
        self
    }

    /// What a sample in the event's ring holds: bits of [`mod@sample`].
    pub fn sample_type(mut self, sample_type: u64) -> Self {
        self.attr.sample_type = sample_type;
        self
    }

    /// Readers of the ring are woken every `events` samples.
    pub fn wakeup_events(mut self, events: u32) -> Self {
        self.attr.wakeup_events = events;
        self.attr.flags &= !FLAG_WATERMARK;
        self
    }

    /// Readers of the ring are woken when `bytes` are in it.
    pub fn wakeup_watermark(mut self, bytes: u32) -> Self {
        self.attr.wakeup_events = bytes;
        self.attr.flags |= FLAG_WATERMARK;
        self
    }

    /// Does not count until [`enable`].
    pub fn disabled(mut self) -> Self {
        self.attr.flags |= FLAG_DISABLED;
        self
    }

    /// Children of the process count too.
    pub fn inherit(mut self) -> Self {
        self.attr.flags |= FLAG_INHERIT;
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

    /// Opens the event.
    ///
    /// # Errors
    ///
    /// perf_event_open's errno: ENOENT for a PMU or event that is not there, EACCES or EPERM by `perf_event_paranoid`
    /// and privilege, EINVAL for a probe that cannot be placed.
    pub fn open(&self) -> Result<OwnedFd> {
        let mut attr = self.attr;
        if let Some(name) = self.name {
            attr.config1 = name.as_ptr() as usize as u64;
        }
        let (pid, flags) = match self.cgroup {
            Some(cgroup) => (fd_number(cgroup) as i32, self.open_flags | PERF_FLAG_PID_CGROUP),
            None => (self.pid, self.open_flags),
        };
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

// `_IO('$', n)`, with the direction bits of architectures that do not have 0 for none.
const fn request(number: u32) -> u32 {
    let none = if cfg!(any(
        target_arch = "mips",
        target_arch = "mips64",
        target_arch = "powerpc",
        target_arch = "powerpc64",
        target_arch = "sparc",
        target_arch = "sparc64"
    )) {
        1 << 29
    } else {
        0
    };
    none | (b'$' as u32) << 8 | number
}

const IOC_ENABLE: u32 = request(0);
const IOC_DISABLE: u32 = request(1);
/// `_IOW('$', 8, __u32)`: the only one here with a direction.
const IOC_SET_BPF: u32 = {
    let write = if request(0) == (b'$' as u32) << 8 { 1 << 30 } else { 1 << 31 };
    write | 4 << 16 | (b'$' as u32) << 8 | 8
};

/// Starts counting.
///
/// # Errors
///
/// ioctl's errno, here and below.
#[doc(alias = "PERF_EVENT_IOC_ENABLE")]
pub fn enable(event: BorrowedFd<'_>) -> Result<()> {
    ioctl(event, IOC_ENABLE, "ioctl(PERF_EVENT_IOC_ENABLE)", 0)
}

/// Stops counting.
#[doc(alias = "PERF_EVENT_IOC_DISABLE")]
pub fn disable(event: BorrowedFd<'_>) -> Result<()> {
    ioctl(event, IOC_DISABLE, "ioctl(PERF_EVENT_IOC_DISABLE)", 0)
}

/// Has `prog` run at every event: what links of type perf_event do on kernels before 5.15.
///
/// EEXIST when the event has a program already.
#[doc(alias = "PERF_EVENT_IOC_SET_BPF")]
pub fn set_bpf(event: BorrowedFd<'_>, prog: BorrowedFd<'_>) -> Result<()> {
    ioctl(event, IOC_SET_BPF, "ioctl(PERF_EVENT_IOC_SET_BPF)", fd_number(prog))
}

fn ioctl(event: BorrowedFd<'_>, request: u32, call: &'static str, argument: u32) -> Result<()> {
    // SAFETY: the three requests take their argument by value.
    let result = unsafe { libc::ioctl(event.as_raw_fd(), request as _, argument as libc::c_ulong) };
    if result < 0 { Err(Error::last(call)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    // Offsets from `offsetof(struct perf_event_attr, ...)` of linux/perf_event.h (clang, x86_64; the same on every
    // architecture, as the header intends), and the requests' numbers from the same header.
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
        if cfg!(target_arch = "x86_64") {
            assert_eq!((IOC_ENABLE, IOC_DISABLE, IOC_SET_BPF), (0x2400, 0x2401, 0x4004_2408));
        }
    }
}
