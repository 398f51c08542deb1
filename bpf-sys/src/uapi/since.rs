//! Which mainline kernel brought each program type, map type, attach type and helper.
//!
//! From the history of `enum bpf_prog_type`, `bpf_map_type`, `bpf_attach_type` and `bpf_func_id` in `linux/bpf.h`, release by release;
//! checked on the kernels of the matrix, where a probe that says "no" from this version on, or "yes" before it, fails the tests.
//! Between Linux 6.19 and 7.2 the matrix has no kernel: what came there and is not known better stands at 7.2.

use super::{AttachType, HelperId, MapType, ProgType};

/// `KERNEL_VERSION(major, minor, 0)`.
const fn release(major: u32, minor: u32) -> u32 {
    major << 16 | minor << 8
}

/// Lists of values by release, each value in one of them.
macro_rules! since {
    ($self:ident as $name:ident: $($major:literal $minor:literal => $($value:ident)+;)*) => {
        const RELEASES: &[(u32, &[$name])] = &[$((release($major, $minor), &[$($name::$value),+]),)*];
        RELEASES.iter().find(|(_, values)| values.contains(&$self)).map(|(release, _)| *release)
    };
}

impl ProgType {
    /// The mainline kernel that brought the program type, as `KERNEL_VERSION`; `None` for `UNSPEC` and unknown ones.
    /// Distributions may have it earlier.
    pub fn since(self) -> Option<u32> {
        since! { self as ProgType:
            3 19 => SOCKET_FILTER;
            4 1 => KPROBE SCHED_CLS SCHED_ACT;
            4 7 => TRACEPOINT;
            4 8 => XDP;
            4 9 => PERF_EVENT;
            4 10 => CGROUP_SKB CGROUP_SOCK LWT_IN LWT_OUT LWT_XMIT;
            4 13 => SOCK_OPS;
            4 14 => SK_SKB;
            4 15 => CGROUP_DEVICE;
            4 17 => SK_MSG RAW_TRACEPOINT CGROUP_SOCK_ADDR;
            4 18 => LWT_SEG6LOCAL LIRC_MODE2;
            4 19 => SK_REUSEPORT;
            4 20 => FLOW_DISSECTOR;
            5 2 => CGROUP_SYSCTL RAW_TRACEPOINT_WRITABLE;
            5 3 => CGROUP_SOCKOPT;
            5 5 => TRACING;
            5 6 => STRUCT_OPS EXT;
            5 7 => LSM;
            5 9 => SK_LOOKUP;
            5 14 => SYSCALL;
            6 4 => NETFILTER;
        }
    }
}

impl MapType {
    /// The mainline kernel that brought the map type, as `KERNEL_VERSION`; `None` for `UNSPEC` and unknown ones.
    /// Distributions may have it earlier.
    pub fn since(self) -> Option<u32> {
        since! { self as MapType:
            3 19 => HASH ARRAY;
            4 2 => PROG_ARRAY;
            4 3 => PERF_EVENT_ARRAY;
            4 6 => PERCPU_HASH PERCPU_ARRAY STACK_TRACE;
            4 8 => CGROUP_ARRAY;
            4 10 => LRU_HASH LRU_PERCPU_HASH;
            4 11 => LPM_TRIE;
            4 12 => ARRAY_OF_MAPS HASH_OF_MAPS;
            4 14 => DEVMAP SOCKMAP;
            4 15 => CPUMAP;
            4 18 => XSKMAP SOCKHASH;
            4 19 => CGROUP_STORAGE REUSEPORT_SOCKARRAY;
            4 20 => PERCPU_CGROUP_STORAGE QUEUE STACK;
            5 2 => SK_STORAGE;
            5 4 => DEVMAP_HASH;
            5 6 => STRUCT_OPS;
            5 8 => RINGBUF;
            5 10 => INODE_STORAGE;
            5 11 => TASK_STORAGE;
            5 16 => BLOOM_FILTER;
            6 1 => USER_RINGBUF;
            6 2 => CGRP_STORAGE;
            6 9 => ARENA;
            6 19 => INSN_ARRAY;
            7 2 => RHASH;
        }
    }
}

impl AttachType {
    /// The mainline kernel that brought the attach type, as `KERNEL_VERSION`; `None` for unknown ones. Distributions may
    /// have it earlier.
    pub fn since(self) -> Option<u32> {
        since! { self as AttachType:
            4 10 => CGROUP_INET_INGRESS CGROUP_INET_EGRESS CGROUP_INET_SOCK_CREATE;
            4 13 => CGROUP_SOCK_OPS;
            4 14 => SK_SKB_STREAM_PARSER SK_SKB_STREAM_VERDICT;
            4 15 => CGROUP_DEVICE;
            4 17 => SK_MSG_VERDICT CGROUP_INET4_BIND CGROUP_INET6_BIND CGROUP_INET4_CONNECT CGROUP_INET6_CONNECT
                CGROUP_INET4_POST_BIND CGROUP_INET6_POST_BIND;
            4 18 => CGROUP_UDP4_SENDMSG CGROUP_UDP6_SENDMSG LIRC_MODE2;
            4 20 => FLOW_DISSECTOR;
            5 2 => CGROUP_SYSCTL CGROUP_UDP4_RECVMSG CGROUP_UDP6_RECVMSG;
            5 3 => CGROUP_GETSOCKOPT CGROUP_SETSOCKOPT;
            5 5 => TRACE_RAW_TP TRACE_FENTRY TRACE_FEXIT;
            5 7 => MODIFY_RETURN LSM_MAC;
            5 8 => TRACE_ITER CGROUP_INET4_GETPEERNAME CGROUP_INET6_GETPEERNAME CGROUP_INET4_GETSOCKNAME
                CGROUP_INET6_GETSOCKNAME XDP_DEVMAP;
            5 9 => CGROUP_INET_SOCK_RELEASE XDP_CPUMAP SK_LOOKUP XDP;
            5 13 => SK_SKB_VERDICT;
            5 14 => SK_REUSEPORT_SELECT SK_REUSEPORT_SELECT_OR_MIGRATE;
            5 15 => PERF_EVENT;
            5 18 => TRACE_KPROBE_MULTI;
            6 0 => LSM_CGROUP;
            6 4 => STRUCT_OPS NETFILTER;
            6 6 => TCX_INGRESS TCX_EGRESS TRACE_UPROBE_MULTI;
            6 7 => CGROUP_UNIX_CONNECT CGROUP_UNIX_SENDMSG CGROUP_UNIX_RECVMSG CGROUP_UNIX_GETPEERNAME
                CGROUP_UNIX_GETSOCKNAME NETKIT_PRIMARY NETKIT_PEER;
            6 10 => TRACE_KPROBE_SESSION;
            6 13 => TRACE_UPROBE_SESSION;
            7 0 => TRACE_FSESSION;
            7 2 => TRACE_FENTRY_MULTI TRACE_FEXIT_MULTI TRACE_FSESSION_MULTI;
        }
    }
}

/// The last helper of each release that brought some: ids are given out in order, and none has come since.
const LAST_HELPERS: &[(u32, HelperId)] = &[
    (release(3, 19), HelperId::MAP_DELETE_ELEM),
    (release(4, 1), HelperId::L4_CSUM_REPLACE),
    (release(4, 2), HelperId::GET_CURRENT_COMM),
    (release(4, 3), HelperId::PERF_EVENT_READ),
    (release(4, 4), HelperId::PERF_EVENT_OUTPUT),
    (release(4, 5), HelperId::SKB_LOAD_BYTES),
    (release(4, 6), HelperId::SKB_SET_TUNNEL_OPT),
    (release(4, 8), HelperId::PROBE_WRITE_USER),
    (release(4, 9), HelperId::SET_HASH_INVALID),
    (release(4, 10), HelperId::XDP_ADJUST_HEAD),
    (release(4, 11), HelperId::PROBE_READ_STR),
    (release(4, 12), HelperId::GET_SOCKET_UID),
    (release(4, 13), HelperId::SKB_ADJUST_ROOM),
    (release(4, 14), HelperId::SOCK_MAP_UPDATE),
    (release(4, 15), HelperId::GETSOCKOPT),
    (release(4, 16), HelperId::SOCK_OPS_CB_FLAGS_SET),
    (release(4, 17), HelperId::BIND),
    (release(4, 18), HelperId::GET_CURRENT_CGROUP_ID),
    (release(4, 19), HelperId::SKB_ANCESTOR_CGROUP_ID),
    (release(4, 20), HelperId::MSG_PUSH_DATA),
    (release(5, 0), HelperId::RC_POINTER_REL),
    (release(5, 1), HelperId::GET_LISTENER_SOCK),
    (release(5, 2), HelperId::SK_STORAGE_DELETE),
    (release(5, 3), HelperId::SEND_SIGNAL),
    (release(5, 4), HelperId::TCP_GEN_SYNCOOKIE),
    (release(5, 5), HelperId::PROBE_READ_KERNEL_STR),
    (release(5, 6), HelperId::JIFFIES64),
    (release(5, 7), HelperId::SK_ASSIGN),
    (release(5, 8), HelperId::CSUM_LEVEL),
    (release(5, 9), HelperId::GET_TASK_STACK),
    (release(5, 10), HelperId::REDIRECT_PEER),
    (release(5, 11), HelperId::SOCK_FROM_FILE),
    (release(5, 12), HelperId::CHECK_MTU),
    (release(5, 13), HelperId::SNPRINTF),
    (release(5, 14), HelperId::SYS_CLOSE),
    (release(5, 15), HelperId::TASK_PT_REGS),
    (release(5, 16), HelperId::KALLSYMS_LOOKUP_NAME),
    (release(5, 17), HelperId::GET_FUNC_ARG_CNT),
    (release(5, 18), HelperId::IMA_FILE_HASH),
    (release(5, 19), HelperId::DYNPTR_DATA),
    (release(6, 0), HelperId::TCP_RAW_CHECK_SYNCOOKIE_IPV6),
    (release(6, 1), HelperId::USER_RINGBUF_DRAIN),
    (release(6, 2), HelperId::CGRP_STORAGE_DELETE),
];

impl HelperId {
    /// The mainline kernel that brought the helper, as `KERNEL_VERSION`; `None` for `UNSPEC` and unknown ones. Which types of
    /// programs may call it has grown since. Distributions may have it earlier.
    pub fn since(self) -> Option<u32> {
        if self.0 == 0 {
            return None;
        }
        LAST_HELPERS.iter().find(|(_, last)| self.0 <= last.0).map(|(release, _)| *release)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_release() {
        for prog_type in ProgType::all() {
            assert_eq!(prog_type.since().is_some(), prog_type != ProgType::UNSPEC, "{prog_type}");
        }
        for map_type in MapType::all() {
            assert_eq!(map_type.since().is_some(), map_type != MapType::UNSPEC, "{map_type}");
        }
        for attach_type in AttachType::all() {
            assert!(attach_type.since().is_some(), "{attach_type}");
        }
        for helper in HelperId::all() {
            assert_eq!(helper.since().is_some(), helper != HelperId::UNSPEC, "{helper}");
        }
        assert_eq!((ProgType(9999).since(), HelperId(9999).since()), (None, None));
    }

    #[test]
    fn values_are_given_out_in_order() {
        let rises = |releases: Vec<Option<u32>>| releases.is_sorted();
        assert!(rises(ProgType::all().map(ProgType::since).collect()));
        assert!(rises(MapType::all().map(MapType::since).collect()));
        assert!(rises(HelperId::all().map(HelperId::since).collect()));
        assert!(LAST_HELPERS.is_sorted_by(|a, b| a.0 < b.0 && a.1.0 < b.1.0));
    }

    // From the pages of the kernel's history: the release whose linux/bpf.h first had the helper.
    #[test]
    fn helpers_by_release() {
        assert_eq!(HelperId::MAP_LOOKUP_ELEM.since(), Some(release(3, 19)));
        assert_eq!(HelperId::GET_CURRENT_TASK.since(), Some(release(4, 8)));
        assert_eq!(HelperId::PROBE_READ_KERNEL.since(), Some(release(5, 5)));
        assert_eq!(HelperId::RINGBUF_OUTPUT.since(), Some(release(5, 8)));
        assert_eq!(HelperId::KTIME_GET_COARSE_NS.since(), Some(release(5, 11)));
        assert_eq!(HelperId::GET_ATTACH_COOKIE.since(), Some(release(5, 15)));
        assert_eq!(HelperId::LOOP.since(), Some(release(5, 17)));
    }
}
