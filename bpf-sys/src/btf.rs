//! BPF_BTF_LOAD: type information handed to the kernel.

#![allow(unsafe_code)]

use crate::{
    error::Result,
    prog::Loaded,
    syscall::{address, address_mut, bpf_fd, fd_number, length, log_len},
    system,
    uapi::{BPF_F_TOKEN_FD, Cmd, bpf_attr_btf_load},
};
use std::os::fd::{BorrowedFd, OwnedFd};

/// What BPF_BTF_LOAD takes.
#[derive(Clone, Debug)]
#[doc(alias = "bpf_btf_load_opts")]
pub struct BtfLoad<'a> {
    btf: &'a [u8],
    token: Option<BorrowedFd<'a>>,
}

impl<'a> BtfLoad<'a> {
    /// Raw BTF, in the machine's byte order.
    pub fn new(btf: &'a [u8]) -> Self {
        BtfLoad { btf, token: None }
    }

    /// The BPF token that allows the load.
    pub fn token(mut self, token: BorrowedFd<'a>) -> Self {
        self.token = Some(token);
        self
    }

    /// Loads the BTF, without a log.
    ///
    /// # Errors
    ///
    /// EINVAL for BTF that the kernel does not take (a kind it does not know, a name it forbids: load again with a log;
    /// `btf_parse`), ENOTSUPP for a version or layout of the header that it does not know, E2BIG above 16 MiB or for a longer
    /// header with more in it than zeroes, EPERM.
    #[doc(alias = "bpf_btf_load")]
    pub fn load(&self) -> Result<OwnedFd> {
        self.load_with_log(0, &mut []).result
    }

    /// Loads the BTF with the checks' log written to `log`; see [`crate::prog::log_text`].
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); ENOSPC when the log did not fit.
    pub fn load_with_log(&self, log_level: u32, log: &mut [u8]) -> Loaded {
        // No log is an empty one, also when the kernel refuses before it writes any.
        if let Some(first) = log.first_mut() {
            *first = 0;
        }
        let mut log_true_size = 0;
        let result = length("BTF is too long", self.btf).and_then(|btf_size| {
            let mut attr = bpf_attr_btf_load {
                btf: address(self.btf),
                btf_size,
                btf_token_fd: self.token.map_or(0, fd_number) as i32,
                btf_flags: if self.token.is_some() { BPF_F_TOKEN_FD } else { 0 },
                ..Default::default()
            };
            if log_level != 0 {
                attr.btf_log_level = log_level;
                attr.btf_log_size = log_len(log);
                attr.btf_log_buf = address_mut(log);
            }
            system::with_memlock(|| {
                let mut attr = attr;
                // SAFETY: the kernel reads btf_size bytes of BTF and writes at most btf_log_size of the log.
                let result = unsafe { bpf_fd(Cmd::BTF_LOAD, &mut attr) };
                log_true_size = attr.btf_log_true_size;
                result
            })
        });
        Loaded { result, log_true_size }
    }
}
