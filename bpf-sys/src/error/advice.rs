//! What an errno means for a command, and what refuses a process without the rights: the kernel has one number for many
//! reasons, and the rest stands in procfs.
//!
//! Which command asks for which capability is in `kernel/bpf/syscall.c`.

use super::{ENOTSUPP, Error};
use crate::{
    system::{kernel_version, version},
    uapi::Cmd,
};
use std::fs;

const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

impl Error {
    /// What the errno means for this command and what to do about it, where that is known: `needs CAP_BPF; this thread
    /// has not; kernel.unprivileged_bpf_disabled is 2`. Not part of the error's own text, for callers who know more.
    ///
    /// For a want of privilege, reads what this thread may do and what the system forbids from /proc and /sys, now.
    pub fn advice(&self) -> Option<String> {
        match self {
            Error::Bpf { cmd, errno } => match meaning(*cmd, errno.0) {
                Some(meaning) => Some(meaning.into()),
                None if self.is_permission() => Some(Surroundings::read().refusal(needs(*cmd)?)),
                None => None,
            },
            Error::Syscall { call: "perf_event_open", .. } if self.is_permission() => {
                let surroundings = Surroundings::read();
                let needs = Needs { any: &[CAP_PERFMON, CAP_SYS_ADMIN], ..Needs::default() };
                let mut text = surroundings.refusal(needs);
                if let Some(value) = first_line("/proc/sys/kernel/perf_event_paranoid") {
                    text += "; kernel.perf_event_paranoid is ";
                    text += &value;
                }
                Some(text)
            }
            Error::Syscall { call: "setrlimit(RLIMIT_MEMLOCK)", .. } if self.is_permission() => {
                Some("above the hard limit, it needs CAP_SYS_RESOURCE".into())
            }
            _ => None,
        }
    }
}

/// What an errno of a command comes from, if it is always the same.
fn meaning(cmd: Cmd, errno: i32) -> Option<&'static str> {
    Some(match (cmd, errno) {
        (_, libc::ENOSYS) => "a kernel without bpf(2) (CONFIG_BPF_SYSCALL), or a seccomp filter that hides it",
        (Cmd::MAP_CREATE, libc::EINVAL) => "this kernel does not take the type, a flag or a size",
        (Cmd::MAP_CREATE, libc::E2BIG) => {
            "a size is larger than the kernel allows, or a field is set that it does not know"
        }
        (Cmd::MAP_LOOKUP_ELEM | Cmd::MAP_LOOKUP_BATCH | Cmd::MAP_GET_NEXT_KEY, libc::EPERM) => {
            "the map's descriptor is write-only"
        }
        (
            Cmd::MAP_UPDATE_ELEM
            | Cmd::MAP_DELETE_ELEM
            | Cmd::MAP_UPDATE_BATCH
            | Cmd::MAP_DELETE_BATCH
            | Cmd::MAP_LOOKUP_AND_DELETE_ELEM
            | Cmd::MAP_LOOKUP_AND_DELETE_BATCH,
            libc::EPERM,
        ) => "the map is frozen, or its descriptor is read-only",
        (Cmd::MAP_UPDATE_ELEM | Cmd::MAP_UPDATE_BATCH, libc::E2BIG) => "the map is full, or the key lies beyond its end",
        (Cmd::MAP_FREEZE, libc::EBUSY) => "the map is mapped writable, being written, or frozen already",
        (Cmd::PROG_LOAD, libc::EACCES | libc::EINVAL) => {
            "the verifier rejects the program, or this kernel does not take its type or a field: load with a log to learn \
             which"
        }
        (Cmd::PROG_LOAD, libc::E2BIG) => "too many instructions, or a field is set that this kernel does not know",
        (Cmd::BTF_LOAD, libc::EINVAL) => "BTF that this kernel does not take: load with a log to learn why",
        (Cmd::PROG_LOAD | Cmd::BTF_LOAD, libc::ENOSPC) => "the log did not fit in its buffer",
        (Cmd::LINK_CREATE, libc::EINVAL) => {
            "the attach type does not fit the program or the target, or this kernel has no such links"
        }
        (Cmd::LINK_CREATE | Cmd::PROG_ATTACH, libc::EBUSY | libc::EEXIST) => "the hook is taken, or this is attached already",
        (Cmd::LINK_UPDATE, libc::EPERM) => "the link holds another program than the one to replace",
        (Cmd::LINK_UPDATE, libc::EINVAL | libc::EOPNOTSUPP) => {
            "the program does not fit the link, or links of this kind take no other program"
        }
        (Cmd::LINK_DETACH, libc::EOPNOTSUPP) => "links of this kind go with their last descriptor",
        (Cmd::LINK_CREATE, libc::EOPNOTSUPP) => "this kernel is built without what the link needs",
        (Cmd::LINK_CREATE | Cmd::PROG_ATTACH | Cmd::PROG_DETACH, libc::ESTALE) => {
            "what is attached has changed since its revision was asked for"
        }
        (Cmd::PROG_DETACH, libc::ENOENT) => "the program is not attached there",
        (Cmd::PROG_QUERY, libc::EINVAL) => "this kernel does not tell what is attached to such a hook",
        (Cmd::RAW_TRACEPOINT_OPEN, libc::ENOENT) => "this kernel has no raw tracepoint of that name",
        (Cmd::RAW_TRACEPOINT_OPEN, libc::EINVAL) => "the program's type does not go with a raw tracepoint",
        (Cmd::ITER_CREATE, libc::EINVAL) => "the link is not an iterator's",
        (
            Cmd::MAP_LOOKUP_AND_DELETE_ELEM
            | Cmd::MAP_LOOKUP_BATCH
            | Cmd::MAP_LOOKUP_AND_DELETE_BATCH
            | Cmd::MAP_UPDATE_BATCH
            | Cmd::MAP_DELETE_BATCH,
            ENOTSUPP,
        )
        | (Cmd::MAP_LOOKUP_ELEM, libc::EOPNOTSUPP) => "maps of this type have no such operation, in this kernel",
        (Cmd::MAP_LOOKUP_BATCH | Cmd::MAP_LOOKUP_AND_DELETE_BATCH, libc::ENOSPC) => {
            "one bucket holds more elements than there is room for: walk with larger batches"
        }
        (Cmd::MAP_LOOKUP_BATCH | Cmd::MAP_LOOKUP_AND_DELETE_BATCH, libc::EAGAIN) => {
            "the element that the walk stood at is gone: begin again"
        }
        (Cmd::PROG_TEST_RUN, ENOTSUPP) => "programs of this type have no test runs, in this kernel",
        (Cmd::PROG_TEST_RUN, libc::ENOSPC) => "an output is longer than the room for it",
        (Cmd::PROG_TEST_RUN, libc::EINTR) => "a signal came between two of the runs",
        (Cmd::PROG_TEST_RUN, libc::EINVAL) => {
            "data, context, flags or the number of runs are not what programs of this type take"
        }
        (Cmd::TASK_FD_QUERY, libc::ENOENT) => "no process has that number",
        (Cmd::TASK_FD_QUERY, libc::EBADF) => "the process has no such descriptor",
        (Cmd::TASK_FD_QUERY, ENOTSUPP) => "the descriptor is no perf event's or raw tracepoint's with a program",
        (
            Cmd::PROG_GET_FD_BY_ID | Cmd::MAP_GET_FD_BY_ID | Cmd::BTF_GET_FD_BY_ID | Cmd::LINK_GET_FD_BY_ID,
            libc::ENOENT,
        ) => "nothing has this id (any longer)",
        (Cmd::PROG_ASSOC_STRUCT_OPS, libc::EBUSY) => "the program is associated with another map",
        (Cmd::PROG_ASSOC_STRUCT_OPS | Cmd::PROG_STREAM_READ_BY_FD | Cmd::PROG_BIND_MAP, libc::EINVAL) => {
            "this kernel has no such command, or a descriptor is of another kind"
        }
        (Cmd::OBJ_PIN, libc::EPERM) => "the path is not in a bpffs (`mount -t bpf bpf /sys/fs/bpf`)",
        (Cmd::OBJ_GET, libc::EACCES) => "the pin's permissions, or no pin at that path",
        (Cmd::TOKEN_CREATE, libc::ENOENT) => "nothing is delegated to this bpffs (its mount options `delegate_…`)",
        // bpf_check_uarg_tail_zero, before anything else is looked at.
        (_, libc::E2BIG) => "a field is set that this kernel does not know",
        _ => return None,
    })
}

/// The capabilities that a command asks for.
#[derive(Clone, Copy, Default)]
struct Needs {
    /// Each of these.
    all: &'static [u32],
    /// And, by the type of map or program, one of these.
    any: &'static [u32],
    /// Whether `kernel.unprivileged_bpf_disabled` decides for processes without.
    unprivileged: bool,
    /// What else the command refuses with the same errno, whoever asks.
    or: &'static str,
}

fn needs(cmd: Cmd) -> Option<Needs> {
    let by_type: &[u32] = &[CAP_PERFMON, CAP_NET_ADMIN];
    Some(match cmd {
        Cmd::MAP_CREATE => Needs { all: &[CAP_BPF], unprivileged: true, ..Needs::default() },
        Cmd::PROG_LOAD => Needs { all: &[CAP_BPF], any: by_type, unprivileged: true, ..Needs::default() },
        Cmd::BTF_LOAD => Needs { all: &[CAP_BPF], ..Needs::default() },
        Cmd::RAW_TRACEPOINT_OPEN => Needs { any: by_type, ..Needs::default() },
        // `hierarchy_allows_attach` of kernel/bpf/cgroup.c.
        Cmd::LINK_CREATE | Cmd::PROG_ATTACH => Needs {
            any: by_type,
            or: ", or what is attached to the cgroup, or above it, allows no other",
            ..Needs::default()
        },
        Cmd::PROG_DETACH => Needs { any: by_type, or: ", or a link holds the program", ..Needs::default() },
        Cmd::PROG_QUERY => Needs { all: &[CAP_NET_ADMIN], ..Needs::default() },
        Cmd::PROG_GET_NEXT_ID
        | Cmd::MAP_GET_NEXT_ID
        | Cmd::BTF_GET_NEXT_ID
        | Cmd::LINK_GET_NEXT_ID
        | Cmd::PROG_GET_FD_BY_ID
        | Cmd::MAP_GET_FD_BY_ID
        | Cmd::BTF_GET_FD_BY_ID
        | Cmd::LINK_GET_FD_BY_ID
        | Cmd::TASK_FD_QUERY
        | Cmd::ENABLE_STATS => Needs { all: &[CAP_SYS_ADMIN], ..Needs::default() },
        _ => return None,
    })
}

/// What decides over this thread's privileges.
#[derive(Clone, Default)]
struct Surroundings {
    /// `CapEff` of the thread; `None` when it cannot be read.
    capabilities: Option<u64>,
    /// Whether the thread is in another user namespace than the first.
    in_user_namespace: bool,
    /// `kernel.unprivileged_bpf_disabled`.
    unprivileged_bpf_disabled: Option<String>,
    /// The level of kernel lockdown, unless none.
    lockdown: Option<String>,
    /// The kernel's version.
    kernel_version: u32,
}

impl Surroundings {
    fn read() -> Surroundings {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        let lockdown = first_line("/sys/kernel/security/lockdown");
        Surroundings {
            capabilities: effective_capabilities(&status),
            in_user_namespace: fs::read_to_string("/proc/thread-self/uid_map").is_ok_and(|map| !is_initial(&map)),
            unprivileged_bpf_disabled: first_line("/proc/sys/kernel/unprivileged_bpf_disabled"),
            lockdown: lockdown.as_deref().and_then(lockdown_level),
            kernel_version: kernel_version(),
        }
    }

    fn refusal(&self, needs: Needs) -> String {
        // CAP_BPF and CAP_PERFMON were parts of CAP_SYS_ADMIN before 5.8, which still stands for them.
        let split = self.kernel_version >= version(5, 8, 0);
        let has = |capability: u32| {
            let bit = |number: u32| self.capabilities.is_some_and(|set| set >> number & 1 != 0);
            bit(CAP_SYS_ADMIN) || (bit(capability) && (split || capability == CAP_NET_ADMIN))
        };
        let name = |capability: &u32| match *capability {
            CAP_BPF if split => "CAP_BPF",
            CAP_PERFMON if split => "CAP_PERFMON",
            CAP_NET_ADMIN => "CAP_NET_ADMIN",
            _ => "CAP_SYS_ADMIN",
        };
        let all: Vec<&str> = needs.all.iter().map(name).collect();
        let mut any: Vec<&str> = needs.any.iter().map(name).collect();
        any.dedup();
        let mut text = match (all.is_empty(), any.is_empty()) {
            (false, false) => format!("needs {} and, by its type, {}", all.join(" and "), any.join(" or ")),
            (false, true) => format!("needs {}", all.join(" and ")),
            (true, _) => format!("needs {}", any.join(" or ")),
        };
        let mut has_all = needs.all.iter().all(|capability| has(*capability));
        has_all &= needs.any.is_empty() || needs.any.iter().any(|capability| has(*capability));
        if self.capabilities.is_none() {
            // Nothing is known of the thread.
        } else if !has_all {
            text += "; this thread has not";
            if let (true, Some(value)) = (needs.unprivileged, &self.unprivileged_bpf_disabled) {
                text += "; kernel.unprivileged_bpf_disabled is ";
                text += value;
            }
        } else if self.in_user_namespace {
            text += " in the first user namespace; this thread is in another, where only a BPF token helps";
        } else {
            text += "; this thread has it, so a security module, a seccomp filter or lockdown refuses";
            text += needs.or;
        }
        if let Some(level) = &self.lockdown {
            text += "; kernel lockdown is at ";
            text += level;
        }
        text
    }
}

fn first_line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()?.lines().next().map(|line| line.trim().to_owned())
}

fn effective_capabilities(status: &str) -> Option<u64> {
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

/// `none [integrity] confidentiality`: the level in brackets.
fn lockdown_level(levels: &str) -> Option<String> {
    let (_, rest) = levels.split_once('[')?;
    let (level, _) = rest.split_once(']')?;
    (level != "none").then(|| level.to_owned())
}

/// The first user namespace maps every id to itself.
fn is_initial(uid_map: &str) -> bool {
    uid_map.split_whitespace().eq(["0", "0", "4294967295"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Errno;

    fn error(cmd: Cmd, errno: i32) -> Error {
        Error::Bpf { cmd, errno: Errno(errno) }
    }

    #[test]
    fn one_errno_means_different_things() {
        let advice = |cmd, errno| error(cmd, errno).advice().unwrap();
        assert_eq!(advice(Cmd::MAP_UPDATE_ELEM, libc::EPERM), "the map is frozen, or its descriptor is read-only");
        assert!(advice(Cmd::OBJ_PIN, libc::EPERM).contains("bpffs"));
        assert!(advice(Cmd::PROG_LOAD, libc::EPERM).starts_with("needs CAP_"));
        assert_eq!(error(Cmd::MAP_LOOKUP_ELEM, libc::EFAULT).advice(), None);
        let perf = Error::Syscall { call: "perf_event_open", errno: Errno(libc::EACCES) };
        assert!(perf.advice().unwrap().contains("CAP_PERFMON"));
    }

    #[test]
    fn a_refusal_names_what_is_missing() {
        let unprivileged = Surroundings {
            capabilities: Some(0),
            unprivileged_bpf_disabled: Some("2".into()),
            kernel_version: version(6, 12, 0),
            ..Default::default()
        };
        let load = needs(Cmd::PROG_LOAD).unwrap();
        assert_eq!(
            unprivileged.refusal(load),
            "needs CAP_BPF and, by its type, CAP_PERFMON or CAP_NET_ADMIN; this thread has not; \
             kernel.unprivileged_bpf_disabled is 2"
        );
        let ids = needs(Cmd::PROG_GET_NEXT_ID).unwrap();
        assert_eq!(unprivileged.refusal(ids), "needs CAP_SYS_ADMIN; this thread has not");
        let old = Surroundings { kernel_version: version(5, 4, 0), ..unprivileged.clone() };
        assert!(old.refusal(load).starts_with("needs CAP_SYS_ADMIN and, by its type, CAP_SYS_ADMIN or CAP_NET_ADMIN;"));
        let only_bpf = Surroundings { capabilities: Some(1 << CAP_BPF), ..unprivileged.clone() };
        assert!(only_bpf.refusal(load).contains("this thread has not"));

        let root = Surroundings { capabilities: Some(u64::MAX), ..unprivileged };
        let locked = Surroundings { lockdown: lockdown_level("none [integrity] confidentiality"), ..root.clone() };
        assert_eq!(
            locked.refusal(load),
            "needs CAP_BPF and, by its type, CAP_PERFMON or CAP_NET_ADMIN; this thread has it, so a security module, a \
             seccomp filter or lockdown refuses; kernel lockdown is at integrity"
        );
        let contained = Surroundings { in_user_namespace: !is_initial("0 100000 65536\n"), ..root };
        assert!(contained.refusal(load).ends_with("where only a BPF token helps"));
    }

    #[test]
    fn reads_what_the_kernel_prints() {
        assert_eq!(effective_capabilities("Name:\tx\nCapEff:\t000001ffffffffff\n"), Some(0x1ff_ffff_ffff));
        assert_eq!(effective_capabilities(""), None);
        assert_eq!(lockdown_level("[none] integrity confidentiality"), None);
        assert!(is_initial("         0          0 4294967295\n"));
    }
}
