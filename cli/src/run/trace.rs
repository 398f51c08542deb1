//! What programs say with `bpf_printk`: the kernel's trace_pipe.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use purebpf::attach::tracefs;
use rustix::fs::OFlags;

use crate::Result;

/// The pipe, and the beginning of a line whose end has not come yet.
pub(super) struct TracePipe {
    file: File,
    begun: Vec<u8>,
}

impl TracePipe {
    pub(super) fn open() -> Result<TracePipe> {
        let path = tracefs::root()?.join("trace_pipe");
        let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(&path);
        let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(TracePipe { file, begun: Vec::new() })
    }

    /// The lines that are there now.
    pub(super) fn read(&mut self, mut line: impl FnMut(&str) -> Result) -> Result {
        let mut buffer = [0; 1 << 14];
        loop {
            match self.file.read(&mut buffer) {
                // Nothing is traced any more.
                Ok(0) => return Ok(()),
                Ok(count) => self.begun.extend(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("trace_pipe: {error}").into()),
            }
            while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
                let whole: Vec<u8> = self.begun.drain(..=end).collect();
                line(String::from_utf8_lossy(&whole).trim_end())?;
            }
        }
    }
}

impl AsFd for TracePipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
