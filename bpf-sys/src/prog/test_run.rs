//! BPF_PROG_TEST_RUN: a program run on data that the caller makes up.

use crate::{
    error::Result,
    syscall::{address, address_mut, bpf_attr, fd_number, length},
    uapi::{Cmd, TestRunFlags, bpf_attr_test},
};
use std::os::fd::BorrowedFd;

/// What BPF_PROG_TEST_RUN takes. Which of data and context a program wants is its type's business.
#[derive(Debug, Default)]
#[doc(alias = "bpf_test_run_opts")]
pub struct TestRun<'a> {
    data_in: &'a [u8],
    data_out: &'a mut [u8],
    ctx_in: &'a mut [u8],
    ctx_out: &'a mut [u8],
    repeat: u32,
    flags: TestRunFlags,
    cpu: u32,
    batch_size: u32,
}

/// What a test run gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TestRunResult {
    /// What the program returned.
    pub retval: u32,
    /// Mean time of one run, in nanoseconds.
    pub duration_ns: u32,
    /// Bytes of data after the run; when they did not fit (ENOSPC), more than `data_out` holds.
    pub data_size_out: u32,
    /// Bytes of context after the run.
    pub ctx_size_out: u32,
}

impl<'a> TestRun<'a> {
    /// Nothing set: no data, no context, one run.
    pub fn new() -> Self {
        Self::default()
    }

    /// The packet, or other data, that the program sees; at least 14 bytes for programs on packets.
    pub fn data_in(mut self, data: &'a [u8]) -> Self {
        self.data_in = data;
        self
    }

    /// Where the data after the run goes.
    pub fn data_out(mut self, data: &'a mut [u8]) -> Self {
        self.data_out = data;
        self
    }

    /// The context: `__sk_buff`, `xdp_md` or `bpf_sk_lookup` from `uapi`, the arguments of a raw tracepoint, or what a
    /// `syscall` program takes. The kernel writes it back for `syscall` programs, so it is lent mutably.
    pub fn ctx_in(mut self, ctx: &'a mut [u8]) -> Self {
        self.ctx_in = ctx;
        self
    }

    /// Where the context after the run goes.
    pub fn ctx_out(mut self, ctx: &'a mut [u8]) -> Self {
        self.ctx_out = ctx;
        self
    }

    /// How often the program runs; 0 is once.
    pub fn repeat(mut self, repeat: u32) -> Self {
        self.repeat = repeat;
        self
    }

    /// Flags; `ON_CPU` comes with [`cpu`](Self::cpu).
    pub fn flags(mut self, flags: TestRunFlags) -> Self {
        self.flags |= flags;
        self
    }

    /// The CPU to run on; sets `ON_CPU` (raw tracepoints only).
    pub fn cpu(mut self, cpu: u32) -> Self {
        self.cpu = cpu;
        self.flags |= TestRunFlags::ON_CPU;
        self
    }

    /// Live XDP frames: how many go through at a time.
    pub fn batch_size(mut self, batch_size: u32) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Runs `prog`.
    ///
    /// # Errors
    ///
    /// EINVAL for data or context that the type does not take or that is too short, ENOTSUPP for types without test runs
    /// (`bpf_prog_test_run`), ENOSPC when an output did not fit (`bpf_test_finish`), EINTR when a signal came between two of the
    /// repeated runs (`bpf_test_timer_continue`), ENXIO for a CPU that is not online. Nothing is tried again: what was run, was.
    #[doc(alias = "bpf_prog_test_run_opts")]
    pub fn run(self, prog: BorrowedFd<'_>) -> Result<TestRunResult> {
        let (told, result) = self.try_run(prog);
        result.map(|()| told)
    }

    /// As [`run`](Self::run), with what the kernel told also where it failed: on ENOSPC, how long the outputs would be.
    pub fn try_run(self, prog: BorrowedFd<'_>) -> (TestRunResult, Result<()>) {
        let mut told = TestRunResult::default();
        let result = self.run_into(prog, &mut told);
        (told, result)
    }

    fn run_into(self, prog: BorrowedFd<'_>, told: &mut TestRunResult) -> Result<()> {
        let mut attr = bpf_attr_test {
            prog_fd: fd_number(prog),
            data_size_in: length("data_in is too long", self.data_in)?,
            data_size_out: length("data_out is too long", self.data_out)?,
            data_in: address(self.data_in),
            data_out: address_mut(self.data_out),
            repeat: self.repeat,
            ctx_size_in: length("ctx_in is too long", self.ctx_in)?,
            ctx_size_out: length("ctx_out is too long", self.ctx_out)?,
            ctx_in: address_mut(self.ctx_in),
            ctx_out: address_mut(self.ctx_out),
            flags: self.flags.bits(),
            cpu: self.cpu,
            batch_size: self.batch_size,
            ..Default::default()
        };
        // SAFETY: each address is that of a slice with its length beside it. An empty output stands as NULL: with a length
        // of 0 beside another address the kernel would write all it has (`bpf_test_finish`).
        let result = unsafe { bpf_attr(Cmd::PROG_TEST_RUN, &mut attr) };
        *told = TestRunResult {
            retval: attr.retval,
            duration_ns: attr.duration,
            data_size_out: attr.data_size_out,
            ctx_size_out: attr.ctx_size_out,
        };
        result.map(drop)
    }
}
