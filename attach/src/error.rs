//! The crate's error: what was to be attached to what, why that failed, and what to do about it where that is known.

use std::{fmt, io, path::PathBuf};

/// The result of what this crate does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A way of attaching a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// Kernel functions and their returns.
    Kprobe,
    /// Functions of binaries and their returns.
    Uprobe,
    /// Tracepoints.
    Tracepoint,
    /// Raw tracepoints.
    RawTracepoint,
    /// fentry, fexit, fmod_ret, fsession, tp_btf, freplace.
    Tracing,
    /// LSM hooks.
    Lsm,
    /// Perf events that the caller opened.
    PerfEvent,
    /// XDP of a network device.
    Xdp,
    /// tcx of a network device.
    Tcx,
    /// cgroups.
    Cgroup,
    /// Sockets.
    Socket,
    /// System calls.
    Ksyscall,
    /// Many kernel functions.
    KprobeMulti,
    /// Many functions of a binary.
    UprobeMulti,
    /// Probes that a binary declares.
    Usdt,
    /// Many kernel functions that BTF describes.
    TracingMulti,
    /// Iterators.
    Iter,
    /// Tables of operations that the kernel calls.
    StructOps,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Mechanism::Kprobe => "kprobe",
            Mechanism::Uprobe => "uprobe",
            Mechanism::Tracepoint => "tracepoint",
            Mechanism::RawTracepoint => "raw tracepoint",
            Mechanism::Tracing => "tracing",
            Mechanism::Lsm => "lsm",
            Mechanism::PerfEvent => "perf event",
            Mechanism::Xdp => "xdp",
            Mechanism::Tcx => "tcx",
            Mechanism::Cgroup => "cgroup",
            Mechanism::Socket => "socket",
            Mechanism::Ksyscall => "ksyscall",
            Mechanism::KprobeMulti => "kprobe.multi",
            Mechanism::UprobeMulti => "uprobe.multi",
            Mechanism::Usdt => "usdt",
            Mechanism::TracingMulti => "tracing.multi",
            Mechanism::Iter => "iter",
            Mechanism::StructOps => "struct_ops",
        })
    }
}

/// Why a section name means nothing, or a program could not be attached.
///
/// The text is whole, down to what the kernel said, and so there is no [`source`](std::error::Error::source): a printed chain says
/// it once. The error below, where there is one, is the variant's `cause`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What follows a section's name does not parse.
    #[error("section \"{}\": {} at byte {position}, expected {expected}", .section.escape_debug(), Found(.section, *.position))]
    Section {
        /// The whole name.
        section: String,
        /// Byte offset in it of the first character that does not fit; its length if something is missing.
        position: usize,
        /// What was expected there.
        expected: &'static str,
    },
    /// A section whose program cannot be attached by its section alone.
    #[error("section \"{section}\" does not say where to attach its program")]
    NoTarget {
        /// The whole name.
        section: String,
    },
    /// Attaching by this section is not built yet.
    #[error("{mechanism} programs cannot be attached by this version of purebpf (section \"{section}\")")]
    NotBuilt {
        /// The mechanism.
        mechanism: Mechanism,
        /// The whole name.
        section: String,
    },
    /// BTF has no such function or tracepoint.
    #[error(
        "no {kind} {target} in the {}{}",
        Place(.unknown_module.as_deref(), .kind),
        Nearest(.nearest)
    )]
    NoBtfTarget {
        /// `[MODULE:]NAME`.
        target: String,
        /// `function` or `tracepoint`, or `function of the target program`.
        kind: &'static str,
        /// The module, if there is no BTF of a module of this name.
        unknown_module: Option<String>,
        /// The names most like it.
        nearest: Vec<String>,
    },
    /// A module's BTF is damaged.
    #[error("BTF of module {module}: {cause}")]
    Btf {
        /// The module.
        module: String,
        /// What is wrong with it.
        cause: purebpf_btf::Error,
    },
    /// The kernel has no such function.
    #[error("no function {function} in this kernel or its modules{}", Nearest(.nearest))]
    NoFunction {
        /// The function.
        function: String,
        /// The names most like it.
        nearest: Vec<String>,
    },
    /// The kernel has no such tracepoint.
    #[error("no tracepoint {tracepoint} in this kernel{}", Nearest(.nearest))]
    NoTracepoint {
        /// `CATEGORY/NAME`, or the bare name of a raw tracepoint.
        tracepoint: String,
        /// The names most like it.
        nearest: Vec<String>,
    },
    /// A binary has no such function.
    #[error("no function {symbol} in {}{}{}", .path.display(), Symbols(*.symbols, *.indirect), Nearest(.nearest))]
    NoSymbol {
        /// The binary.
        path: PathBuf,
        /// The function, with its version if one was asked for.
        symbol: String,
        /// How many functions it has symbols of: 0 when it is stripped.
        symbols: usize,
        /// It is an indirect one (IFUNC): the symbol's code chooses the function when the binary is loaded.
        indirect: bool,
        /// The names most like it.
        nearest: Vec<String>,
    },
    /// Several functions of a binary have this name.
    #[error("{symbol} is ambiguous in {}: {} have that name; name a version or attach by offset", .path.display(), Listed(.candidates))]
    AmbiguousSymbol {
        /// The binary.
        path: PathBuf,
        /// The function.
        symbol: String,
        /// Each with its version and offset in the file.
        candidates: Vec<String>,
    },
    /// A library or program given by name is in none of the folders where such are looked for.
    #[error("no file {name} in {}", Listed(.searched))]
    NoBinary {
        /// The name.
        name: String,
        /// The folders, in the order of the search.
        searched: Vec<String>,
    },
    /// A binary is not an ELF file, or a damaged one.
    #[error("{}: {reason}", .path.display())]
    Elf {
        /// The binary.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// tracefs is mounted neither at its own place nor below debugfs.
    #[error("tracefs is not mounted: run `mount -t tracefs nodev /sys/kernel/tracing`")]
    TracefsNotMounted,
    /// A file could not be opened, read or written.
    #[error("{}: {cause}{}", .path.display(), Advice(.advice))]
    File {
        /// The file.
        path: PathBuf,
        /// What to do; empty where it is not known.
        advice: String,
        /// Why.
        cause: io::Error,
    },
    /// Options that do not go together, or a value out of range.
    #[error("{mechanism} {target}: {reason}")]
    Options {
        /// The mechanism.
        mechanism: Mechanism,
        /// What was to be attached to.
        target: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// This kernel does not have what was asked for.
    #[error("{mechanism} {target}: {what}")]
    Unsupported {
        /// The mechanism.
        mechanism: Mechanism,
        /// What was to be attached to.
        target: String,
        /// What is missing, and since when kernels have it or with which configuration.
        what: String,
    },
    /// The kernel refused to attach.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[error("{mechanism} {target}: {cause}{}", Advice(.advice))]
    Attach {
        /// The mechanism.
        mechanism: Mechanism,
        /// What was to be attached to.
        target: String,
        /// What to do; empty where it is not known.
        advice: String,
        /// The call and its errno.
        cause: purebpf_sys::Error,
    },
    /// An operation on a link failed.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[error("link: {operation}: {cause}{}", Advice(.advice))]
    Link {
        /// The operation.
        operation: &'static str,
        /// What to do; empty where it is not known.
        advice: String,
        /// The call and its errno.
        cause: purebpf_sys::Error,
    },
    /// An operation that only links of the kernel have, on an attachment that is none.
    #[error("cannot {operation} {attachment}: it is no BPF link")]
    NotALink {
        /// The operation.
        operation: &'static str,
        /// What it is instead.
        attachment: &'static str,
    },
    /// A link that is pinned already, or one that is not.
    #[error("cannot {operation}: the link is {state}")]
    Pin {
        /// The operation.
        operation: &'static str,
        /// `pinned at PATH` or `not pinned`.
        state: String,
    },
}

impl Error {
    pub(crate) fn section(section: &str, position: usize, expected: &'static str) -> Error {
        Error::Section { section: section.into(), position, expected }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, cause: io::Error) -> Error {
        Error::File { path: path.into(), advice: String::new(), cause }
    }

    /// The errno that libbpf's functions would return here.
    pub fn errno(&self) -> i32 {
        match self {
            Error::Section { .. }
            | Error::Options { .. }
            | Error::NotALink { .. }
            | Error::Btf { .. }
            | Error::AmbiguousSymbol { .. }
            | Error::Elf { .. } => libc::EINVAL,
            Error::NoTarget { .. } | Error::NotBuilt { .. } | Error::Unsupported { .. } => libc::EOPNOTSUPP,
            Error::NoBtfTarget { .. } => libc::ESRCH,
            Error::NoFunction { .. }
            | Error::NoTracepoint { .. }
            | Error::NoSymbol { .. }
            | Error::NoBinary { .. }
            | Error::TracefsNotMounted => libc::ENOENT,
            Error::File { cause, .. } => cause.raw_os_error().unwrap_or(libc::EIO),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Error::Attach { cause, .. } | Error::Link { cause, .. } => cause.errno(),
            Error::Pin { operation: "unpin", .. } => libc::EINVAL,
            Error::Pin { .. } => libc::EBUSY,
        }
    }

    /// Whether privilege is what is missing.
    pub fn is_permission(&self) -> bool {
        matches!(self.errno(), libc::EPERM | libc::EACCES)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(io::Error::from_raw_os_error(error.errno()).kind(), error)
    }
}

/// The character that did not fit, or the end.
struct Found<'a>(&'a str, usize);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get(self.1..).and_then(|rest| rest.chars().next()) {
            Some(c) => write!(f, "'{}'", c.escape_debug()),
            None => f.write_str("the end"),
        }
    }
}

struct Place<'a>(Option<&'a str>, &'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place(Some(module), _) => write!(f, "kernel's BTF: no module {module} is loaded, or it has no BTF"),
            Place(None, kind) if kind.ends_with("program") => f.write_str("program's BTF"),
            Place(None, _) => f.write_str("kernel's BTF"),
        }
    }
}

struct Nearest<'a>(&'a [String]);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            [one] => write!(f, "; the nearest name is {one}"),
            names => write!(f, "; the nearest names are {}", Listed(names)),
        }
    }
}

struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

struct Symbols(usize, bool);

impl fmt::Display for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Symbols(_, true) => {
                f.write_str(": it is indirect (IFUNC), and stands for one of several that are chosen from at run time")
            }
            Symbols(0, false) => f.write_str(", which has no symbols of functions (stripped?)"),
            _ => Ok(()),
        }
    }
}

struct Advice<'a>(&'a str);

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_at_the_character() {
        let error = Error::section("kprobe/foo bar", 10, "the end of the section's name");
        assert_eq!(
            error.to_string(),
            "section \"kprobe/foo bar\": ' ' at byte 10, expected the end of the section's name"
        );
        let error = Error::section("tp/sched", 8, "'/' and a name after the category");
        assert!(error.to_string().contains("the end at byte 8"), "{error}");
        assert_eq!(error.errno(), libc::EINVAL);
    }

    #[test]
    fn names_what_is_near() {
        let error = Error::NoFunction { function: "vfs_raed".into(), nearest: vec!["vfs_read".into()] };
        assert_eq!(
            error.to_string(),
            "no function vfs_raed in this kernel or its modules; the nearest name is vfs_read"
        );
        let error = Error::NoBtfTarget {
            target: "xsf:f".into(),
            kind: "function",
            unknown_module: Some("xsf".into()),
            nearest: vec![],
        };
        assert_eq!(
            error.to_string(),
            "no function xsf:f in the kernel's BTF: no module xsf is loaded, or it has no BTF"
        );
    }
}
