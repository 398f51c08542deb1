//! The crate's error: which call failed, with which errno, or which of the caller's sizes was wrong before any call.

mod advice;

use crate::uapi::Cmd;
use std::{fmt, io, path::PathBuf};

/// The result of everything that asks the kernel.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
///
/// The text is whole, down to what the kernel said, and so there is no [`source`](std::error::Error::source): a printed chain says
/// it once. The error below, where there is one, is the variant's `cause`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A command of bpf(2) failed.
    #[error("bpf({}): {errno}", CmdName(*.cmd))]
    Bpf {
        /// The command.
        cmd: Cmd,
        /// What the kernel returned.
        errno: Errno,
    },
    /// Another system call failed.
    #[error("{call}: {errno}")]
    Syscall {
        /// The call as a manual page names it, such as `perf_event_open`, or an ioctl's request.
        call: &'static str,
        /// What the kernel returned.
        errno: Errno,
    },
    /// A file could not be opened or read.
    #[error("{}: {cause}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A buffer is not as long as the kernel will read or write.
    #[error("{what} takes {expected} bytes, {given} were given")]
    Length {
        /// What the buffer holds, such as `the key of map 17`.
        what: &'static str,
        /// The length that the kernel will read or write.
        expected: usize,
        /// The buffer's length.
        given: usize,
    },
    /// An argument that no kernel accepts, or that cannot be handed over.
    #[error("{what}: {value}")]
    Invalid {
        /// What is wrong with which argument.
        what: &'static str,
        /// Its value.
        value: String,
    },
}

impl Error {
    /// The errno of the failed call; EINVAL for arguments refused before any call, as libbpf does.
    pub fn errno(&self) -> i32 {
        match self {
            Error::Bpf { errno, .. } | Error::Syscall { errno, .. } => errno.0,
            Error::File { cause, .. } => cause.raw_os_error().unwrap_or(libc::EIO),
            Error::Length { .. } | Error::Invalid { .. } => libc::EINVAL,
        }
    }

    /// Whether the call was refused for want of privilege (EPERM or EACCES).
    pub fn is_permission(&self) -> bool {
        matches!(self.errno(), libc::EPERM | libc::EACCES)
    }

    pub(crate) fn last_bpf(cmd: Cmd) -> Error {
        Error::Bpf { cmd, errno: Errno::last() }
    }

    pub(crate) fn last(call: &'static str) -> Error {
        Error::Syscall { call, errno: Errno::last() }
    }

    pub(crate) fn invalid(what: &'static str, value: impl fmt::Display) -> Error {
        Error::Invalid { what, value: value.to_string() }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(io::Error::from_raw_os_error(error.errno()).kind(), error)
    }
}

/// A command as the header spells it: its name in capitals, after `BPF_`.
struct CmdName(Cmd);

impl fmt::Display for CmdName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.name() {
            Some(name) => write!(f, "BPF_{}", name.to_ascii_uppercase()),
            None => write!(f, "{}", self.0.0),
        }
    }
}

/// An error number, shown with the C library's text and the symbol: `Operation not permitted (EPERM)`.
#[doc(alias = "libbpf_strerror")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl Errno {
    /// The calling thread's errno.
    pub(crate) fn last() -> Errno {
        Errno(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
    }

    /// The symbol, such as `EPERM`.
    pub fn name(self) -> Option<&'static str> {
        ERRNO_NAMES.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ENOTSUPP is the kernel's own; it leaks out of bpf(2), and no C library has words for it.
        if self.0 == ENOTSUPP {
            return f.write_str("Operation is not supported (ENOTSUPP)");
        }
        let text = io::Error::from_raw_os_error(self.0).to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        match self.name() {
            Some(name) => write!(f, "{text} ({name})"),
            None => write!(f, "{text} (errno {})", self.0),
        }
    }
}

impl std::error::Error for Errno {}

/// `include/linux/errno.h`: not meant for user space, returned by bpf(2) nevertheless.
pub const ENOTSUPP: i32 = 524;

macro_rules! errno_names {
    ($($name:ident)*) => { &[$((libc::$name, stringify!($name)),)* (ENOTSUPP, "ENOTSUPP")] };
}

/// Names by number. Numbers differ between architectures, so they come from libc; the first of two names for one number stands.
const ERRNO_NAMES: &[(i32, &str)] = errno_names! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV
    ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK
    ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENODATA ETIME EPROTO EBADMSG EOVERFLOW EILSEQ EUSERS ENOTSOCK EDESTADDRREQ
    EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE
    EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETIMEDOUT
    ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EDQUOT ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED
    EKEYREJECTED EBADFD EUCLEAN
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_command_and_errno() {
        let error = Error::Bpf { cmd: Cmd::MAP_CREATE, errno: Errno(libc::EPERM) };
        assert_eq!(error.to_string(), "bpf(BPF_MAP_CREATE): Operation not permitted (EPERM)");
        assert_eq!(error.errno(), libc::EPERM);
        assert!(error.is_permission());
        let io = io::Error::from(error);
        assert_eq!(io.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(io.to_string(), "bpf(BPF_MAP_CREATE): Operation not permitted (EPERM)");
    }

    #[test]
    fn unknown_commands_and_numbers_are_shown_as_numbers() {
        let error = Error::Bpf { cmd: Cmd(4711), errno: Errno(524) };
        assert_eq!(error.to_string(), "bpf(4711): Operation is not supported (ENOTSUPP)");
        assert_eq!(Errno(5000).name(), None);
        assert!(Errno(5000).to_string().ends_with("(errno 5000)"));
    }
}
