//! bpf(2) itself, and the two things that make its arguments safe to build: the list of structures that are nothing but
//! bytes, and the rule for file descriptors.
//!
//! # Safety
//!
//! The kernel reads and writes through pointers that stand as integers in `bpf_attr`. Each caller in this crate says why
//! its pointers are good for as many bytes as the command moves; [`bpf`] is the way past this crate for what it lacks.

#![allow(unsafe_code)]

use crate::{
    error::{Error, Result},
    uapi::{self, Cmd},
};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// A UAPI structure: `repr(C)`, integers and arrays of them only, no implicit padding.
///
/// # Safety
///
/// Every byte of the type is initialised in every value, and every pattern of bytes is a value.
pub(crate) unsafe trait Pod: Copy + Default {}

macro_rules! pods {
    ($($name:ident)*) => {$(
        // SAFETY: generated as repr(C) with integer fields only and every byte of padding a field, which the layout tests
        // check against the C compiler.
        unsafe impl Pod for uapi::$name {}
    )*};
}

pods! {
    bpf_attr_map_create bpf_attr_map_elem bpf_attr_batch bpf_attr_prog_load bpf_attr_obj bpf_attr_prog_attach bpf_attr_test
    bpf_attr_get_id bpf_attr_info bpf_attr_query bpf_attr_raw_tracepoint bpf_attr_btf_load bpf_attr_task_fd_query
    bpf_attr_link_create_target_btf_id bpf_attr_link_create_iter_info bpf_attr_link_create_perf_event
    bpf_attr_link_create_kprobe_multi bpf_attr_link_create_tracing bpf_attr_link_create_netfilter bpf_attr_link_create_tcx
    bpf_attr_link_create_uprobe_multi bpf_attr_link_create_tracing_multi bpf_attr_link_update bpf_attr_link_detach
    bpf_attr_enable_stats bpf_attr_iter_create bpf_attr_prog_bind_map bpf_attr_token_create bpf_attr_prog_stream_read
    bpf_attr_prog_assoc_struct_ops bpf_common_attr
    bpf_prog_info bpf_map_info bpf_btf_info bpf_token_info
    bpf_link_info bpf_link_info_raw_tracepoint bpf_link_info_tracing bpf_link_info_cgroup bpf_link_info_iter_cgroup
    bpf_link_info_iter_task bpf_link_info_netns bpf_link_info_xdp bpf_link_info_struct_ops bpf_link_info_netfilter
    bpf_link_info_kprobe_multi bpf_link_info_uprobe_multi bpf_link_info_perf_event_uprobe bpf_link_info_perf_event_kprobe
    bpf_link_info_perf_event_tracepoint bpf_link_info_perf_event_event bpf_link_info_tcx bpf_link_info_netkit
    bpf_link_info_sockmap
    bpf_iter_link_info_map bpf_iter_link_info_cgroup bpf_iter_link_info_task
    bpf_func_info bpf_line_info bpf_core_relo
}

/// The bytes of a UAPI structure.
pub(crate) fn bytes_of<T: Pod>(value: &T) -> &[u8] {
    // SAFETY: Pod has no uninitialised bytes, and the reference is good for size_of::<T>() of them.
    unsafe { std::slice::from_raw_parts((value as *const T).cast(), size_of::<T>()) }
}

/// The structure at the start of `bytes`; what is missing is zero.
pub(crate) fn from_bytes<T: Pod>(bytes: &[u8]) -> T {
    let mut value = T::default();
    let len = bytes.len().min(size_of::<T>());
    // SAFETY: `value` is good for `len` bytes and every pattern of bytes is a T; the two do not overlap.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut value).cast(), len) };
    value
}

/// Instructions as the bytes that the kernel reads.
pub(crate) fn insn_bytes(insns: &[crate::Insn]) -> &[u8] {
    // SAFETY: Insn is repr(C), of 8 bytes, with integer fields and no padding (asserted beside it).
    unsafe { std::slice::from_raw_parts(insns.as_ptr().cast(), size_of_val(insns)) }
}

/// The address of a buffer that the kernel reads, 0 (NULL) for an empty one.
///
/// Empty slices dangle, and the kernel takes a few pointers seriously even when the size beside them is 0.
pub(crate) fn address<T>(buffer: &[T]) -> u64 {
    if buffer.is_empty() { 0 } else { buffer.as_ptr() as usize as u64 }
}

/// The address of a buffer that the kernel writes, 0 (NULL) for an empty one.
pub(crate) fn address_mut<T>(buffer: &mut [T]) -> u64 {
    if buffer.is_empty() { 0 } else { buffer.as_mut_ptr() as usize as u64 }
}

/// A buffer's length as the UAPI holds it.
pub(crate) fn length<T>(what: &'static str, buffer: &[T]) -> Result<u32> {
    u32::try_from(buffer.len()).map_err(|_| Error::invalid(what, buffer.len()))
}

/// A file descriptor as the UAPI holds it.
pub(crate) fn fd_number(fd: BorrowedFd<'_>) -> u32 {
    // An open file's number is not negative.
    fd.as_raw_fd() as u32
}

/// The largest `bpf_attr` this crate hands over, with room to spare for kernels that know larger ones.
const ATTR_ROOM: usize = 512;

#[repr(C, align(8))]
struct AttrBuffer([u8; ATTR_ROOM]);

/// bpf(2) with a typed `bpf_attr`; what the kernel wrote comes back in `attr`.
///
/// # Safety
///
/// Each address in `attr` is good for what the command reads or writes through it.
pub(crate) unsafe fn bpf_attr<T: Pod>(cmd: Cmd, attr: &mut T) -> Result<i32> {
    // Some commands answer in fields without looking at the size they were given (BPF_PROG_QUERY's revision for one), so
    // the kernel works on a buffer that has room for more than the structure.
    const { assert!(size_of::<T>() <= ATTR_ROOM) };
    let mut buffer = AttrBuffer([0; ATTR_ROOM]);
    let bytes = bytes_of(attr);
    buffer.0[..bytes.len()].copy_from_slice(bytes);
    // SAFETY: the buffer is good for ATTR_ROOM bytes; the addresses within are the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, cmd.0, buffer.0.as_mut_ptr(), size_of::<T>()) };
    // errno is read before anything else can change it.
    let result = if result < 0 { Err(Error::last_bpf(cmd)) } else { Ok(result as i32) };
    *attr = from_bytes(&buffer.0);
    result
}

/// Like [`bpf_attr`], for commands that return a file descriptor.
///
/// # Safety
///
/// As for `bpf_attr`; and the command returns a new file descriptor.
pub(crate) unsafe fn bpf_fd<T: Pod>(cmd: Cmd, attr: &mut T) -> Result<OwnedFd> {
    // SAFETY: the caller's promises are ours.
    let fd = unsafe { bpf_attr(cmd, attr)? };
    // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    above_stdio(fd)
}

/// Like [`bpf_fd`], with the log that any command may have (from 7.2): returns what the command did, and the log's true size.
///
/// # Safety
///
/// As for `bpf_fd`.
pub(crate) unsafe fn bpf_fd_logged<T: Pod>(
    cmd: Cmd, attr: &mut T, log_level: u32, log: &mut [u8],
) -> (Result<OwnedFd>, u32) {
    let mut common = uapi::bpf_common_attr {
        log_buf: address_mut(log),
        log_size: log_len(log),
        log_level,
        ..Default::default()
    };
    let number = cmd.0 | Cmd::COMMON_ATTRS.0;
    // SAFETY: `attr` is good for its size, `common` for its own, the log for log_size bytes; the addresses within `attr` are
    // the caller's promise.
    let fd = unsafe {
        let (attr, common) = (&raw mut *attr, &raw mut common);
        libc::syscall(libc::SYS_bpf, number, attr, size_of::<T>(), common, size_of_val(&*common))
    };
    let result = if fd < 0 {
        Err(Error::last_bpf(cmd))
    } else {
        // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
        above_stdio(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
    };
    (result, common.log_true_size)
}

/// A log's length as the kernel takes it: sizes above UINT_MAX / 4 are refused (`bpf_verifier_log_attr_valid`).
pub(crate) fn log_len(log: &[u8]) -> u32 {
    log.len().min((u32::MAX >> 2) as usize) as u32
}

/// Any command of bpf(2): the escape hatch for what this crate does not cover.
///
/// `attr` is a `bpf_attr` (or its beginning) in words of 8 bytes; its length is the size given to the kernel. Returns what
/// the kernel returned, which for some commands is a file descriptor that the caller then owns.
///
/// # Errors
///
/// The command's errno.
///
/// # Safety
///
/// Every address within `attr` is good for what the command reads or writes through it; file descriptors within are open.
/// The kernel may write to all of `attr`, and some commands write past a short `attr`: give whole ones. `cmd` is without
/// `BPF_COMMON_ATTRS`, which goes with two arguments more.
#[doc(alias = "sys_bpf")]
pub unsafe fn bpf(cmd: Cmd, attr: &mut [u64]) -> Result<i32> {
    // SAFETY: the slice is good for its length; the rest is the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, cmd.0, attr.as_mut_ptr(), size_of_val(attr)) };
    if result < 0 { Err(Error::last_bpf(cmd)) } else { Ok(result as i32) }
}

/// Moves a descriptor above 2, so that none of ours is ever taken for stdin, stdout or stderr (libbpf's `ensure_good_fd`).
pub(crate) fn above_stdio(fd: OwnedFd) -> Result<OwnedFd> {
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    // SAFETY: fcntl on an open descriptor; the result is new and nobody else's.
    let moved: RawFd = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) };
    if moved < 0 {
        return Err(Error::last("fcntl(F_DUPFD_CLOEXEC)"));
    }
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(moved) })
}
