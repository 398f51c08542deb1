//! The ioctls of a perf event, all twelve of `linux/perf_event.h`.

#![allow(unsafe_code)]

use super::PerfEvent;
use crate::{
    error::{Error, Result},
    syscall::fd_number,
};
use std::{
    ffi::CStr,
    os::fd::{AsRawFd, BorrowedFd},
};

/// Direction bits of a request's number, which some architectures have three of (`_IOC_NONE` is not 0 there).
const LEGACY_BITS: bool = cfg!(any(
    target_arch = "mips",
    target_arch = "mips64",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "sparc",
    target_arch = "sparc64"
));
const NONE: u32 = if LEGACY_BITS { 1 << 29 } else { 0 };
const READ: u32 = if LEGACY_BITS { 2 << 29 } else { 2 << 30 };
const WRITE: u32 = if LEGACY_BITS { 4 << 29 } else { 1 << 30 };

/// `_IOC(direction, '$', number, size)`.
const fn request(direction: u32, number: u32, size: usize) -> u32 {
    direction | (size as u32) << 16 | (b'$' as u32) << 8 | number
}

const POINTER: usize = size_of::<usize>();
const ENABLE: u32 = request(NONE, 0, 0);
const DISABLE: u32 = request(NONE, 1, 0);
const REFRESH: u32 = request(NONE, 2, 0);
const RESET: u32 = request(NONE, 3, 0);
const PERIOD: u32 = request(WRITE, 4, 8);
const SET_OUTPUT: u32 = request(NONE, 5, 0);
const SET_FILTER: u32 = request(WRITE, 6, POINTER);
const ID: u32 = request(READ, 7, POINTER);
const SET_BPF: u32 = request(WRITE, 8, 4);
const PAUSE_OUTPUT: u32 = request(WRITE, 9, 4);
const QUERY_BPF: u32 = request(READ | WRITE, 10, POINTER);
const MODIFY_ATTRIBUTES: u32 = request(WRITE, 11, POINTER);

/// PERF_IOC_FLAG_GROUP.
const GROUP: usize = 1;

/// Starts counting.
///
/// # Errors
///
/// ioctl's errno, here and below: ENOTTY for a descriptor that is no perf event's; ENODEV where the processor of the event went
/// offline, with its events.
#[doc(alias = "PERF_EVENT_IOC_ENABLE")]
pub fn enable(event: BorrowedFd<'_>) -> Result<()> {
    by_value(event, ENABLE, "ioctl(PERF_EVENT_IOC_ENABLE)", 0)
}

/// As [`enable`], with the event's group.
pub fn enable_group(event: BorrowedFd<'_>) -> Result<()> {
    by_value(event, ENABLE, "ioctl(PERF_EVENT_IOC_ENABLE)", GROUP)
}

/// Stops counting.
#[doc(alias = "PERF_EVENT_IOC_DISABLE")]
pub fn disable(event: BorrowedFd<'_>) -> Result<()> {
    by_value(event, DISABLE, "ioctl(PERF_EVENT_IOC_DISABLE)", 0)
}

/// As [`disable`], with the event's group.
pub fn disable_group(event: BorrowedFd<'_>) -> Result<()> {
    by_value(event, DISABLE, "ioctl(PERF_EVENT_IOC_DISABLE)", GROUP)
}

/// Counts for `count` overflows more, and is disabled then.
///
/// # Errors
///
/// EINVAL for events that take no samples, or that children inherit.
#[doc(alias = "PERF_EVENT_IOC_REFRESH")]
pub fn refresh(event: BorrowedFd<'_>, count: u32) -> Result<()> {
    by_value(event, REFRESH, "ioctl(PERF_EVENT_IOC_REFRESH)", count as usize)
}

/// Sets the count to 0.
#[doc(alias = "PERF_EVENT_IOC_RESET")]
pub fn reset(event: BorrowedFd<'_>) -> Result<()> {
    by_value(event, RESET, "ioctl(PERF_EVENT_IOC_RESET)", 0)
}

/// As [`reset`], with the event's group.
pub fn reset_group(event: BorrowedFd<'_>) -> Result<()> {
    by_value(event, RESET, "ioctl(PERF_EVENT_IOC_RESET)", GROUP)
}

/// Changes the period, or the frequency, of samples.
///
/// # Errors
///
/// EINVAL for 0, for events that take no samples, and for a frequency above `kernel.perf_event_max_sample_rate`.
#[doc(alias = "PERF_EVENT_IOC_PERIOD")]
pub fn set_period(event: BorrowedFd<'_>, period: u64) -> Result<()> {
    // SAFETY: the kernel reads 8 bytes.
    unsafe { by_address(event, PERIOD, "ioctl(PERF_EVENT_IOC_PERIOD)", (&raw const period).cast()) }
}

/// Has the event write to `output`'s ring, or, with `None`, to its own again.
///
/// # Errors
///
/// EINVAL for events of different processors, tasks, clocks or directions, and for an event that has a ring mapped.
#[doc(alias = "PERF_EVENT_IOC_SET_OUTPUT")]
pub fn set_output(event: BorrowedFd<'_>, output: Option<BorrowedFd<'_>>) -> Result<()> {
    let output = output.map_or(-1, |output| output.as_raw_fd());
    by_value(event, SET_OUTPUT, "ioctl(PERF_EVENT_IOC_SET_OUTPUT)", output as usize)
}

/// Tracepoints: counts only what the filter (of tracefs's language) lets through. PMUs with address filters: those.
///
/// # Errors
///
/// EINVAL for a filter that is none, or an event that has no filters; EEXIST when a tracepoint's event has one already.
#[doc(alias = "PERF_EVENT_IOC_SET_FILTER")]
pub fn set_filter(event: BorrowedFd<'_>, filter: &CStr) -> Result<()> {
    // SAFETY: the kernel reads a terminated string.
    unsafe { by_address(event, SET_FILTER, "ioctl(PERF_EVENT_IOC_SET_FILTER)", filter.as_ptr().cast()) }
}

/// The event's number, by which records name it.
#[doc(alias = "PERF_EVENT_IOC_ID")]
pub fn event_id(event: BorrowedFd<'_>) -> Result<u64> {
    let mut id = 0u64;
    // SAFETY: the kernel writes 8 bytes.
    unsafe { by_address(event, ID, "ioctl(PERF_EVENT_IOC_ID)", (&raw mut id).cast())? };
    Ok(id)
}

/// Has `prog` run at every event: what links of type perf_event do on kernels before 5.15.
///
/// # Errors
///
/// EEXIST when the event has a program already; EINVAL for a program of a type that does not go with it.
#[doc(alias = "PERF_EVENT_IOC_SET_BPF")]
pub fn set_bpf(event: BorrowedFd<'_>, prog: BorrowedFd<'_>) -> Result<()> {
    by_value(event, SET_BPF, "ioctl(PERF_EVENT_IOC_SET_BPF)", fd_number(prog) as usize)
}

/// Stops the event from writing to its ring, or lets it write again.
///
/// # Errors
///
/// EINVAL without a ring mapped.
#[doc(alias = "PERF_EVENT_IOC_PAUSE_OUTPUT")]
pub fn pause_output(event: BorrowedFd<'_>, pause: bool) -> Result<()> {
    by_value(event, PAUSE_OUTPUT, "ioctl(PERF_EVENT_IOC_PAUSE_OUTPUT)", usize::from(pause))
}

/// Ids of the programs at the event's tracepoint, whoever attached them.
///
/// # Errors
///
/// EINVAL for events that are no tracepoints, EPERM without CAP_PERFMON.
#[doc(alias = "PERF_EVENT_IOC_QUERY_BPF")]
pub fn query_bpf(event: BorrowedFd<'_>) -> Result<Vec<u32>> {
    // BPF_TRACE_MAX_PROGS is the most that a tracepoint can have.
    const MOST: usize = 64;
    // struct perf_event_query_bpf: room for ids, how many there are, ids.
    let mut query = [0u32; 2 + MOST];
    query[0] = MOST as u32;
    // SAFETY: the kernel writes the count and at most as many ids as the first word says.
    unsafe { by_address(event, QUERY_BPF, "ioctl(PERF_EVENT_IOC_QUERY_BPF)", query.as_mut_ptr().cast())? };
    Ok(query[2..].iter().take(query[1] as usize).copied().collect())
}

/// Changes an event to be as `wanted` describes, whose target does not matter. Breakpoints only.
///
/// # Errors
///
/// EINVAL for another type than the event's, EOPNOTSUPP for events that are no breakpoints.
#[doc(alias = "PERF_EVENT_IOC_MODIFY_ATTRIBUTES")]
pub fn modify_attributes(event: BorrowedFd<'_>, wanted: &PerfEvent<'_>) -> Result<()> {
    let attr = wanted.attr();
    // SAFETY: the kernel reads a perf_event_attr of the size it says.
    unsafe {
        by_address(event, MODIFY_ATTRIBUTES, "ioctl(PERF_EVENT_IOC_MODIFY_ATTRIBUTES)", (&raw const attr).cast())
    }
}

/// A request whose argument is a number.
fn by_value(event: BorrowedFd<'_>, request: u32, call: &'static str, argument: usize) -> Result<()> {
    // SAFETY: the requests of the callers take their argument by value.
    let result = unsafe { libc::ioctl(event.as_raw_fd(), request as _, argument) };
    if result < 0 { Err(Error::last(call)) } else { Ok(()) }
}

/// A request whose argument is an address.
///
/// # Safety
///
/// `argument` is good for what the request reads or writes through it.
unsafe fn by_address(
    event: BorrowedFd<'_>, request: u32, call: &'static str, argument: *const libc::c_void,
) -> Result<()> {
    // SAFETY: the caller's promise.
    let result = unsafe { libc::ioctl(event.as_raw_fd(), request as _, argument) };
    if result < 0 { Err(Error::last(call)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // As the C compiler computes them from linux/perf_event.h (clang, x86_64).
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn numbers_are_the_headers() {
        assert_eq!((ENABLE, DISABLE, REFRESH, RESET), (0x2400, 0x2401, 0x2402, 0x2403));
        assert_eq!((PERIOD, SET_OUTPUT, SET_FILTER, ID), (0x4008_2404, 0x2405, 0x4008_2406, 0x8008_2407));
        assert_eq!((SET_BPF, PAUSE_OUTPUT), (0x4004_2408, 0x4004_2409));
        assert_eq!((QUERY_BPF, MODIFY_ATTRIBUTES), (0xc008_240a, 0x4008_240b));
    }
}
