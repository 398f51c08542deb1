//! BPF_TASK_FD_QUERY: which program runs at a process's perf event or raw tracepoint.

use super::name;
use crate::{
    error::Result,
    syscall::{address_mut, bpf_attr},
    uapi::{Cmd, TaskFdType, bpf_attr_task_fd_query},
};
use std::os::fd::RawFd;

/// What a descriptor of some process is tied to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskFd {
    /// The program.
    pub prog_id: u32,
    /// What the program is attached to.
    pub fd_type: TaskFdType,
    /// The tracepoint, the function or the binary; empty for a kprobe by address.
    pub name: String,
    /// Offset in the function or the binary.
    pub probe_offset: u64,
    /// Address of a kprobe that has no function.
    pub probe_addr: u64,
}

/// What the descriptor `fd` of process `pid` is tied to.
///
/// # Errors
///
/// ENOENT for a process that is none, EBADF for a descriptor that it has not, ENOTSUPP for one that is no such event; EPERM without
/// CAP_SYS_ADMIN.
#[doc(alias = "bpf_task_fd_query")]
pub fn task_fd_query(pid: u32, fd: RawFd) -> Result<TaskFd> {
    let mut text = vec![0u8; libc::PATH_MAX as usize];
    let mut attr = bpf_attr_task_fd_query {
        pid,
        fd: fd as u32,
        buf_len: text.len() as u32,
        buf: address_mut(&mut text),
        ..Default::default()
    };
    // SAFETY: `buf` has room for buf_len bytes.
    unsafe { bpf_attr(Cmd::TASK_FD_QUERY, &mut attr)? };
    Ok(TaskFd {
        prog_id: attr.prog_id,
        fd_type: TaskFdType(attr.fd_type),
        name: name(&text),
        probe_offset: attr.probe_offset,
        probe_addr: attr.probe_addr,
    })
}
