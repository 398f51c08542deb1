//! BPF_TOKEN_CREATE and BPF_ENABLE_STATS: what concerns the caller's rights and the whole system.

#![allow(unsafe_code)]

use crate::{
    error::Result,
    syscall::{bpf_fd, fd_number},
    uapi::{Cmd, StatsType, bpf_attr_enable_stats, bpf_attr_token_create},
};
use std::os::fd::{BorrowedFd, OwnedFd};

/// A token with the rights that were delegated to a bpffs (from 6.9). `bpffs` is its mount point, opened.
///
/// # Errors
///
/// `bpf_token_create`: ENOENT when nothing was delegated; EINVAL where `bpffs` is no bpffs's root, and before 6.9; EPERM outside its user
/// namespace and without CAP_BPF in it; EOPNOTSUPP in the first user namespace, which needs none.
#[doc(alias = "bpf_token_create")]
pub fn token_create(bpffs: BorrowedFd<'_>) -> Result<OwnedFd> {
    let mut attr = bpf_attr_token_create { flags: 0, bpffs_fd: fd_number(bpffs) };
    // SAFETY: no addresses; the command returns a descriptor.
    unsafe { bpf_fd(Cmd::TOKEN_CREATE, &mut attr) }
}

/// Has the kernel count runs and run time of all programs while the descriptor is open.
///
/// # Errors
///
/// EPERM without CAP_SYS_ADMIN; EINVAL for other statistics (`bpf_enable_stats`); EBUSY when too many have them on.
#[doc(alias = "bpf_enable_stats")]
pub fn enable_stats(stats: StatsType) -> Result<OwnedFd> {
    let mut attr = bpf_attr_enable_stats { type_: stats.0 };
    // SAFETY: no addresses; the command returns a descriptor.
    unsafe { bpf_fd(Cmd::ENABLE_STATS, &mut attr) }
}
