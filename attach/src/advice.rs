//! What to do about an errno: the privilege a mechanism needs, and since when kernels have it.

use crate::error::{Error, Mechanism};
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

/// What to do about a refusal; empty when only the errno is known.
pub(crate) fn advice(mechanism: Mechanism, errno: i32) -> String {
    match errno {
        libc::EPERM | libc::EACCES if mechanism != Mechanism::Socket => privilege(mechanism),
        libc::EINVAL | libc::EOPNOTSUPP | libc::E2BIG => match since(mechanism) {
            Some((needed, what)) if kernel_version() != 0 && kernel_version() < needed => {
                format!("{what} came with Linux {}, this is {}", dotted(needed), dotted(kernel_version()))
            }
            _ => String::new(),
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
        libc::EPERM if mechanism == Mechanism::Socket => "the socket's filter is locked (SO_LOCK_FILTER)".into(),
        // The kernel's own number for "not supported".
        524 if mechanism == Mechanism::Tracing => "this kernel has no trampolines on this architecture".into(),
        _ => String::new(),
    }
}

fn privilege(mechanism: Mechanism) -> String {
    match mechanism {
        Mechanism::Xdp | Mechanism::Tcx => NET_PRIVILEGE.into(),
        Mechanism::Cgroup => format!("{NET_PRIVILEGE}; or a cgroup above has a program and allows none below it"),
        Mechanism::Kprobe | Mechanism::Uprobe | Mechanism::Tracepoint | Mechanism::PerfEvent => {
            let paranoid = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
            format!(
                "{PERF_PRIVILEGE}; kernel.perf_event_paranoid is {}{}",
                match paranoid.trim() {
                    "" => "not known",
                    value => value,
                },
                lockdown()
            )
        }
        _ => format!("{PERF_PRIVILEGE}{}", lockdown()),
    }
}

const NET_PRIVILEGE: &str = "CAP_NET_ADMIN and CAP_BPF are needed (before Linux 5.8 CAP_SYS_ADMIN)";
const PERF_PRIVILEGE: &str = "CAP_PERFMON and CAP_BPF are needed (before Linux 5.8 CAP_SYS_ADMIN)";

/// What no capability helps against: lockdown(7), which refuses tracing to all at its stricter level.
fn lockdown() -> &'static str {
    let state = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    if state.contains("[confidentiality]") { "; the kernel is locked down (lockdown=confidentiality)" } else { "" }
}

/// What to do when a perf event refuses a program: the errnos of `perf_event_set_bpf_prog` and what it calls.
pub(crate) fn event_advice(mechanism: Mechanism, errno: i32) -> String {
    match errno {
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
        errno => advice(mechanism, errno),
    }
}

/// An [`Error::Attach`] with what is known of the errno.
pub(crate) fn refused(mechanism: Mechanism, target: impl Into<String>, cause: purebpf_sys::Error) -> Error {
    Error::Attach { mechanism, target: target.into(), advice: advice(mechanism, cause.errno()), cause }
}

/// `6.12` of a `KERNEL_VERSION`.
pub(crate) fn dotted(version: u32) -> String {
    format!("{}.{}", version >> 16, version >> 8 & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_privilege() {
        assert!(advice(Mechanism::Xdp, libc::EPERM).contains("CAP_NET_ADMIN"));
        assert!(advice(Mechanism::Kprobe, libc::EACCES).contains("perf_event_paranoid"));
        assert!(advice(Mechanism::Socket, libc::EPERM).contains("SO_LOCK_FILTER"));
        assert!(event_advice(Mechanism::Kprobe, libc::EPERM).contains("CAP_PERFMON"));
        assert!(!event_advice(Mechanism::Tracepoint, libc::EACCES).contains("CAP_PERFMON"));
        assert_eq!(advice(Mechanism::Socket, libc::EINTR), "");
        assert_eq!(advice(Mechanism::Kprobe, libc::ENODEV), "");
    }

    #[test]
    fn versions_read_as_people_write_them() {
        assert_eq!(dotted(version(6, 12, 107)), "6.12");
    }
}
