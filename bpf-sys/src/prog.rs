//! Programs: loading, test runs, attachment without a link, queries of a hook.

#![allow(unsafe_code)]

mod attach;
mod load;
mod test_run;

pub use attach::{AttachTarget, AttachedProg, ProgAttach, ProgDetach, ProgQuery, ProgQueryResult, Relative};
pub use load::{Loaded, ProgLoad, log_text};
pub use test_run::{TestRun, TestRunResult};

use crate::{
    error::Result,
    syscall::{address_mut, bpf_attr, fd_number, length},
    uapi::{
        BPF_STREAM_STDERR, BPF_STREAM_STDOUT, Cmd, bpf_attr_prog_assoc_struct_ops, bpf_attr_prog_bind_map,
        bpf_attr_prog_stream_read,
    },
};
use std::os::fd::BorrowedFd;

/// Ties a map's life to a program's, although no instruction refers to it (as libbpf does for `.rodata`).
///
/// # Errors
///
/// EINVAL before 5.10, and for descriptors of other things (`bpf_prog_bind_map`); EBADF; ENOMEM. A map that is bound already
/// stays so, without an error.
#[doc(alias = "bpf_prog_bind_map")]
pub fn prog_bind_map(prog: BorrowedFd<'_>, map: BorrowedFd<'_>) -> Result<()> {
    let mut attr = bpf_attr_prog_bind_map { prog_fd: fd_number(prog), map_fd: fd_number(map), flags: 0 };
    // SAFETY: no addresses.
    unsafe { bpf_attr(Cmd::PROG_BIND_MAP, &mut attr)? };
    Ok(())
}

/// Which of a program's two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// What the program printed with `bpf_stream_printk` to BPF_STDOUT.
    Stdout,
    /// The same to BPF_STDERR, and what the kernel reports of the program (arena faults, a killed loop).
    Stderr,
}

/// Takes what is in a program's output stream (from 6.17); returns the bytes put into `buffer`, 0 when the stream is empty.
///
/// # Errors
///
/// EINVAL before 6.17, and for a descriptor that is no program's; ENOENT for a stream the program has not
/// (`bpf_prog_stream_read`).
#[doc(alias = "bpf_prog_stream_read")]
pub fn prog_stream_read(prog: BorrowedFd<'_>, stream: Stream, buffer: &mut [u8]) -> Result<usize> {
    let mut attr = bpf_attr_prog_stream_read {
        stream_buf: address_mut(buffer),
        stream_buf_len: length("a stream is read in pieces below 4 GiB", buffer)?,
        stream_id: match stream {
            Stream::Stdout => BPF_STREAM_STDOUT,
            Stream::Stderr => BPF_STREAM_STDERR,
        },
        prog_fd: fd_number(prog),
        ..Default::default()
    };
    // SAFETY: the kernel writes at most stream_buf_len bytes to the buffer.
    let read = unsafe { bpf_attr(Cmd::PROG_STREAM_READ_BY_FD, &mut attr)? };
    Ok(read as usize)
}

/// Says which struct_ops map the kernel functions of this program mean (from 6.19).
///
/// # Errors
///
/// EINVAL on older kernels, for a struct_ops program and for a map that is no struct_ops map (`prog_assoc_struct_ops`); EBUSY
/// when the program is associated with another one.
#[doc(alias = "bpf_prog_assoc_struct_ops")]
pub fn prog_assoc_struct_ops(prog: BorrowedFd<'_>, map: BorrowedFd<'_>) -> Result<()> {
    let mut attr = bpf_attr_prog_assoc_struct_ops { map_fd: fd_number(map), prog_fd: fd_number(prog), flags: 0 };
    // SAFETY: no addresses.
    unsafe { bpf_attr(Cmd::PROG_ASSOC_STRUCT_OPS, &mut attr)? };
    Ok(())
}
