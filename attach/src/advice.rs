//! What to do about an errno: the privilege a mechanism needs, and since when kernels have it.

use crate::error::{Error, Mechanism};
use crate::symbols::kernel::{Known, is_traceable, look_up};
use purebpf_sys::{kernel_version, system::version};
use std::fs;

/// The kernel that brought a mechanism in the form used here, as `KERNEL_VERSION`; and its name in a sentence.
fn since(mechanism: Mechanism) -> Option<(u32, &'static str)> {
    Some(match mechanism {
        Mechanism::Tracing => (version(5, 5, 0), "BPF trampolines"),
        Mechanism::Lsm => (version(5, 7, 0), "LSM programs"),
        Mechanism::Cgroup => (version(5, 7, 0), "links to cgroups"),
        Mechanism::Xdp => (version(5, 9, 0), "links to XDP"),
        Mechanism::Tcx => (version(6, 6, 0), "tcx"),
        Mechanism::RawTracepoint => (version(4, 17, 0), "raw tracepoints"),
        _ => return None,
    })
}

/// What to do about a refusal; empty when only the errno is known. What this crate knows of the mechanism comes before what
/// purebpf-sys knows of the call; of privileges the latter knows everything.
pub(crate) fn advice(mechanism: Mechanism, cause: &purebpf_sys::Error) -> String {
    let of_call = || cause.advice().unwrap_or_default();
    match cause.errno() {
        libc::EPERM if mechanism == Mechanism::Socket => "the socket's filter is locked (SO_LOCK_FILTER)".into(),
        libc::EINVAL | libc::EOPNOTSUPP | libc::E2BIG => match since(mechanism) {
            Some((needed, what)) if kernel_version() != 0 && kernel_version() < needed => {
                format!("{what} came with Linux {}, this is {}", dotted(needed), dotted(kernel_version()))
            }
            _ => of_call(),
        },
        libc::EBUSY if mechanism == Mechanism::Xdp => "another program is attached to the device".into(),
        libc::EEXIST if mechanism == Mechanism::Xdp => {
            "another program is attached to the device without a link (`ip link set dev DEVICE xdp off` removes it)".into()
        }
        libc::EBUSY if mechanism == Mechanism::Tracing => {
            "another program is attached in its place, or the function is patched".into()
        }
        libc::ENODEV if matches!(mechanism, Mechanism::Xdp | Mechanism::Tcx) => {
            "no such network device in this network namespace".into()
        }
        libc::EBADF if mechanism == Mechanism::Cgroup => "the descriptor is not that of a folder of cgroup2".into(),
        libc::ESTALE if matches!(mechanism, Mechanism::Tcx | Mechanism::Cgroup) => {
            "programs have come or gone since the hook had the expected revision".into()
        }
        libc::ENOENT if matches!(mechanism, Mechanism::Tcx | Mechanism::Cgroup) => {
            "the program or link to be placed beside is not attached there".into()
        }
        // The kernel's own number for "not supported".
        524 if mechanism == Mechanism::Tracing => "this kernel has no trampolines on this architecture".into(),
        _ => of_call(),
    }
}

/// What to do when a file of tracefs refuses to be read or written.
pub(crate) fn tracefs_advice(errno: i32) -> String {
    match errno {
        libc::EPERM | libc::EACCES => format!("tracefs is root's alone, unless it was mounted with another mode or gid{}", lockdown()),
        _ => String::new(),
    }
}

/// What no capability helps against: lockdown(7), which refuses tracefs to all at its stricter level.
fn lockdown() -> &'static str {
    let state = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    if state.contains("[confidentiality]") { "; kernel lockdown is at confidentiality" } else { "" }
}

/// Why ftrace cannot stop at a function that the kernel has; `None` when it can, or when that cannot be told.
pub(crate) fn not_traceable(function: &str) -> Option<String> {
    let exists = matches!(look_up(function), Known::Times(1..));
    (exists && is_traceable(function) == Some(false)).then(|| {
        format!(
            "{function} is in /proc/kallsyms and not in available_filter_functions: it is marked notrace, or part of tracing \
             itself, or compiled without a place to trace it at"
        )
    })
}

/// What to do when a perf event refuses a program: the errnos of `perf_event_set_bpf_prog` and what it calls.
pub(crate) fn event_advice(mechanism: Mechanism, cause: &purebpf_sys::Error) -> String {
    match cause.errno() {
        libc::EPROTO => "the program takes stack traces, and the event excludes call chains".into(),
        libc::EACCES if matches!(mechanism, Mechanism::Tracepoint | Mechanism::PerfEvent) => {
            "the program reads beyond the fields of the tracepoint (`format` in tracefs has them)".into()
        }
        libc::EEXIST => "the event has a program, or this program is attached to it already".into(),
        libc::E2BIG => "no more programs can be attached there (64)".into(),
        libc::EINVAL if mechanism == Mechanism::Kprobe => {
            "only programs of type KPROBE run there, and only functions marked ALLOW_ERROR_INJECTION can be overridden".into()
        }
        libc::EINVAL => "the program is not of the type that such events run, or is sleepable".into(),
        _ => advice(mechanism, cause),
    }
}

/// An [`Error::Attach`] with what is known of the errno.
pub(crate) fn refused(mechanism: Mechanism, target: impl Into<String>, cause: purebpf_sys::Error) -> Error {
    Error::Attach { mechanism, target: target.into(), advice: advice(mechanism, &cause), cause }
}

/// `6.12` of a `KERNEL_VERSION`.
pub(crate) fn dotted(version: u32) -> String {
    format!("{}.{}", version >> 16, version >> 8 & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use purebpf_sys::{error::Errno, uapi::Cmd};

    fn error(cmd: Cmd, errno: i32) -> purebpf_sys::Error {
        purebpf_sys::Error::Bpf { cmd, errno: Errno(errno) }
    }

    #[test]
    fn says_which_privilege() {
        let perf = purebpf_sys::Error::Syscall { call: "perf_event_open", errno: Errno(libc::EACCES) };
        assert!(advice(Mechanism::Kprobe, &perf).contains("perf_event_paranoid"));
        let link = |errno| error(Cmd::LINK_CREATE, errno);
        assert!(advice(Mechanism::Xdp, &link(libc::EPERM)).contains("CAP_NET_ADMIN"));
        assert!(event_advice(Mechanism::Kprobe, &link(libc::EPERM)).contains("CAP_PERFMON"));
        assert!(!event_advice(Mechanism::Tracepoint, &link(libc::EACCES)).contains("CAP_PERFMON"));
        let socket = |errno| purebpf_sys::Error::Syscall { call: "setsockopt", errno: Errno(errno) };
        assert!(advice(Mechanism::Socket, &socket(libc::EPERM)).contains("SO_LOCK_FILTER"));
        assert_eq!(advice(Mechanism::Socket, &socket(libc::EINTR)), "");
    }

    /// Each from one of the two that know: what it takes is not told twice.
    #[test]
    fn the_mechanism_comes_before_the_call() {
        let link = |errno| error(Cmd::LINK_CREATE, errno);
        assert_eq!(advice(Mechanism::Xdp, &link(libc::EBUSY)), "another program is attached to the device");
        assert_eq!(advice(Mechanism::Tcx, &link(libc::EBUSY)), link(libc::EBUSY).advice().unwrap());
        assert_eq!(advice(Mechanism::Kprobe, &link(libc::ENODEV)), "");
    }

    #[test]
    fn versions_read_as_people_write_them() {
        assert_eq!(dotted(version(6, 12, 107)), "6.12");
    }
}
