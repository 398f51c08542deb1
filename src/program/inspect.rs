//! What the kernel tells of a program that is loaded: its code as verified and as compiled, its source lines, its streams.

use std::os::fd::AsFd;
use std::os::fd::OwnedFd;

use purebpf_btf::{Btf, StrOffset};
use purebpf_sys::Insn;
use purebpf_sys::id::btf_get_fd_by_id;
use purebpf_sys::info;
use purebpf_sys::prog::{Stream, prog_stream_read};
use purebpf_sys::uapi::StatsType;

use super::Program;
use crate::{Error, Result};

/// Bytes of a stream that are asked for at once.
const STREAM_PIECE: usize = 4096;

/// Bytes of a stream that one call takes: more than the kernel holds of one, 100,000 (`BPF_STREAM_MAX_CAPACITY`).
const STREAM_MOST: usize = 1 << 20;

/// A line of source, and the first instruction that was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "bpf_line_info")]
pub struct SourceLine {
    /// Index of the instruction, in 8-byte instructions as [`Program::xlated`] gives them.
    pub insn: u32,
    /// The file, as the compiler was given it.
    pub file: String,
    /// The line's number, from 1; 0 when the compiler told none.
    pub line: u32,
    /// The column, from 1; 0 when the compiler told none.
    pub column: u32,
    /// The line's text, as it was when it was compiled.
    pub text: String,
}

/// Has the kernel count runs and run time of all programs, until it is dropped; [`Program::info`] then tells them.
///
/// Costs each run of each program two readings of the clock: for looking, not for always.
#[derive(Debug)]
#[doc(alias = "bpf_enable_stats")]
pub struct RunStats {
    _fd: OwnedFd,
}

impl RunStats {
    /// Turns counting on, or keeps it on.
    ///
    /// # Errors
    /// When the kernel refuses: it takes `CAP_SYS_ADMIN`.
    pub fn enable() -> Result<RunStats> {
        match purebpf_sys::token::enable_stats(StatsType::RUN_TIME) {
            Ok(fd) => Ok(RunStats { _fd: fd }),
            Err(cause) => Err(Error::Stats { cause }),
        }
    }
}

impl Program {
    /// Its instructions as the verifier left them: relocated to the kernel, with inlined helpers.
    ///
    /// Empty when the kernel does not tell (`kernel.kptr_restrict` and the capabilities decide).
    ///
    /// # Errors
    /// When the kernel refuses.
    #[doc(alias = "xlated_prog_insns")]
    pub fn xlated(&self) -> Result<Vec<Insn>> {
        info::prog_xlated_insns(self.as_fd()).map_err(|cause| self.fault(cause))
    }

    /// Its machine code; empty when it was not compiled, or the kernel does not tell.
    ///
    /// # Errors
    /// When the kernel refuses.
    #[doc(alias = "jited_prog_insns")]
    pub fn jited(&self) -> Result<Vec<u8>> {
        info::prog_jited_insns(self.as_fd()).map_err(|cause| self.fault(cause))
    }

    /// Its source lines, in the order of its instructions; none when it was compiled or loaded without them.
    ///
    /// # Errors
    /// When the kernel refuses, or its BTF cannot be read back.
    #[doc(alias = "bpf_program__line_info")]
    pub fn source_lines(&self) -> Result<Vec<SourceLine>> {
        let records = info::prog_line_info(self.as_fd()).map_err(|cause| self.fault(cause))?;
        let btf_id = self.info()?.btf_id;
        if records.is_empty() || btf_id == 0 {
            return Ok(Vec::new());
        }
        let btf = btf_get_fd_by_id(btf_id).and_then(|fd| info::btf_data(fd.as_fd()));
        let btf = btf.map_err(|cause| self.fault(cause))?;
        let btf = Btf::parse(btf).map_err(|cause| Error::Btf {
            path: format!("BTF of program '{}' (id {btf_id})", self.name()).into(),
            cause,
        })?;
        let text = |offset| String::from_utf8_lossy(btf.string(StrOffset(offset)).unwrap_or_default()).into_owned();
        let lines = records.iter().map(|record| SourceLine {
            insn: record.insn_off,
            file: text(record.file_name_off),
            // BPF_LINE_INFO_LINE_NUM and BPF_LINE_INFO_LINE_COL of linux/bpf.h.
            line: record.line_col >> 10,
            column: record.line_col & 0x3ff,
            text: text(record.line_off).trim().to_owned(),
        });
        Ok(lines.collect())
    }

    /// Takes what it has printed to one of its streams since last time (at most about 1 MiB of it): with `bpf_stream_printk`, and, to
    /// [`Stderr`](Stream::Stderr), what the kernel reports of it.
    ///
    /// # Errors
    /// When the kernel refuses: it has streams from Linux 6.17 on.
    #[doc(alias = "bpf_prog_stream_read")]
    pub fn read_stream(&self, stream: Stream) -> Result<Vec<u8>> {
        let mut output = Vec::new();
        let mut piece = vec![0; STREAM_PIECE];
        loop {
            let len = match prog_stream_read(self.as_fd(), stream, &mut piece) {
                Ok(len) => len,
                Err(cause) if output.is_empty() => return Err(self.fault(cause)),
                // What was taken is not lost; the next call tells.
                Err(_) => return Ok(output),
            };
            output.extend_from_slice(piece.get(..len).unwrap_or_default());
            // Less than there was room for is all there is. A program that prints on and on is not waited for.
            if len < piece.len() || output.len() >= STREAM_MOST {
                return Ok(output);
            }
        }
    }
}
