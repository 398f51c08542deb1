//! The table: every section name that libbpf 1.8 knows, in its order, with what each says about a program.
//!
//! Order matters, because the first row that matches wins (see [`find_in`](super::find_in)). The columns are those of
//! libbpf's `section_defs`; `section_table` in `tests/` compares them with a list taken from its source.

use super::{AutoAttach, Extras, SectionDef, SectionFlags};
use purebpf_sys::uapi::{AttachType, ProgType};

macro_rules! attach_type {
    (_) => {
        None
    };
    ($name:ident) => {
        Some(AttachType::$name)
    };
}

macro_rules! sections {
    ($($name:literal, $prog:ident, $attach:tt, [$($flag:ident)|*], $extras:ident, $auto:ident;)*) => {
        &[$(SectionDef {
            name: $name,
            extras: Extras::$extras,
            prog_type: ProgType::$prog,
            expected_attach_type: attach_type!($attach),
            flags: SectionFlags::empty()$(.union(SectionFlags::$flag))*,
            auto_attach: AutoAttach::$auto,
        }),*]
    };
}

/// All built-in sections, in the order in which they are tried.
///
/// Columns: name, program type, expected attach type (`_` for none), flags, what may follow the name, how it is attached.
#[doc(alias = "section_defs")]
pub static SECTIONS: &[SectionDef] = sections! {
    "socket", SOCKET_FILTER, _, [], None, None;
    "sk_reuseport/migrate", SK_REUSEPORT, SK_REUSEPORT_SELECT_OR_MIGRATE, [ATTACHABLE], None, None;
    "sk_reuseport", SK_REUSEPORT, SK_REUSEPORT_SELECT, [ATTACHABLE], None, None;
    "kprobe", KPROBE, _, [], Kprobe, Kprobe;
    "uprobe", KPROBE, _, [], Uprobe, Uprobe;
    "uprobe.s", KPROBE, _, [SLEEPABLE], Uprobe, Uprobe;
    "kretprobe", KPROBE, _, [], Kprobe, Kprobe;
    "uretprobe", KPROBE, _, [], Uprobe, Uprobe;
    "uretprobe.s", KPROBE, _, [SLEEPABLE], Uprobe, Uprobe;
    "kprobe.multi", KPROBE, TRACE_KPROBE_MULTI, [], KprobeMulti, KprobeMulti;
    "kretprobe.multi", KPROBE, TRACE_KPROBE_MULTI, [], KprobeMulti, KprobeMulti;
    "kprobe.session", KPROBE, TRACE_KPROBE_SESSION, [], KprobeMulti, KprobeSession;
    "uprobe.multi", KPROBE, TRACE_UPROBE_MULTI, [], UprobeMulti, UprobeMulti;
    "uretprobe.multi", KPROBE, TRACE_UPROBE_MULTI, [], UprobeMulti, UprobeMulti;
    "uprobe.session", KPROBE, TRACE_UPROBE_SESSION, [], UprobeMulti, UprobeMulti;
    "uprobe.multi.s", KPROBE, TRACE_UPROBE_MULTI, [SLEEPABLE], UprobeMulti, UprobeMulti;
    "uretprobe.multi.s", KPROBE, TRACE_UPROBE_MULTI, [SLEEPABLE], UprobeMulti, UprobeMulti;
    "uprobe.session.s", KPROBE, TRACE_UPROBE_SESSION, [SLEEPABLE], UprobeMulti, UprobeMulti;
    "ksyscall", KPROBE, _, [], Ksyscall, Ksyscall;
    "kretsyscall", KPROBE, _, [], Ksyscall, Ksyscall;
    "usdt", KPROBE, _, [USDT], Usdt, Usdt;
    "usdt.s", KPROBE, _, [USDT | SLEEPABLE], Usdt, Usdt;
    "tc/ingress", SCHED_CLS, TCX_INGRESS, [], None, None;
    "tc/egress", SCHED_CLS, TCX_EGRESS, [], None, None;
    "tcx/ingress", SCHED_CLS, TCX_INGRESS, [], None, None;
    "tcx/egress", SCHED_CLS, TCX_EGRESS, [], None, None;
    "tc", SCHED_CLS, _, [], None, None;
    "classifier", SCHED_CLS, _, [], None, None;
    "action", SCHED_ACT, _, [], None, None;
    "netkit/primary", SCHED_CLS, NETKIT_PRIMARY, [], None, None;
    "netkit/peer", SCHED_CLS, NETKIT_PEER, [], None, None;
    "tracepoint", TRACEPOINT, _, [], Tracepoint, Tracepoint;
    "tp", TRACEPOINT, _, [], Tracepoint, Tracepoint;
    "tracepoint.s", TRACEPOINT, _, [SLEEPABLE], Tracepoint, Tracepoint;
    "tp.s", TRACEPOINT, _, [SLEEPABLE], Tracepoint, Tracepoint;
    "raw_tracepoint", RAW_TRACEPOINT, _, [], RawTracepoint, RawTracepoint;
    "raw_tp", RAW_TRACEPOINT, _, [], RawTracepoint, RawTracepoint;
    "raw_tracepoint.s", RAW_TRACEPOINT, _, [SLEEPABLE], RawTracepoint, RawTracepoint;
    "raw_tp.s", RAW_TRACEPOINT, _, [SLEEPABLE], RawTracepoint, RawTracepoint;
    "raw_tracepoint.w", RAW_TRACEPOINT_WRITABLE, _, [], RawTracepoint, RawTracepoint;
    "raw_tp.w", RAW_TRACEPOINT_WRITABLE, _, [], RawTracepoint, RawTracepoint;
    "tp_btf", TRACING, TRACE_RAW_TP, [ATTACH_BTF], Tracing, Tracing;
    "tp_btf.s", TRACING, TRACE_RAW_TP, [ATTACH_BTF | SLEEPABLE], Tracing, Tracing;
    "fentry", TRACING, TRACE_FENTRY, [ATTACH_BTF], Tracing, Tracing;
    "fmod_ret", TRACING, MODIFY_RETURN, [ATTACH_BTF], Tracing, Tracing;
    "fexit", TRACING, TRACE_FEXIT, [ATTACH_BTF], Tracing, Tracing;
    "fentry.s", TRACING, TRACE_FENTRY, [ATTACH_BTF | SLEEPABLE], Tracing, Tracing;
    "fmod_ret.s", TRACING, MODIFY_RETURN, [ATTACH_BTF | SLEEPABLE], Tracing, Tracing;
    "fexit.s", TRACING, TRACE_FEXIT, [ATTACH_BTF | SLEEPABLE], Tracing, Tracing;
    "fsession", TRACING, TRACE_FSESSION, [ATTACH_BTF], Tracing, Tracing;
    "fsession.s", TRACING, TRACE_FSESSION, [ATTACH_BTF | SLEEPABLE], Tracing, Tracing;
    "fsession.multi", TRACING, TRACE_FSESSION_MULTI, [], TracingMulti, TracingMulti;
    "fsession.multi.s", TRACING, TRACE_FSESSION_MULTI, [SLEEPABLE], TracingMulti, TracingMulti;
    "fentry.multi", TRACING, TRACE_FENTRY_MULTI, [], TracingMulti, TracingMulti;
    "fexit.multi", TRACING, TRACE_FEXIT_MULTI, [], TracingMulti, TracingMulti;
    "fentry.multi.s", TRACING, TRACE_FENTRY_MULTI, [SLEEPABLE], TracingMulti, TracingMulti;
    "fexit.multi.s", TRACING, TRACE_FEXIT_MULTI, [SLEEPABLE], TracingMulti, TracingMulti;
    "freplace", EXT, _, [ATTACH_BTF], Function, Tracing;
    "lsm", LSM, LSM_MAC, [ATTACH_BTF], Lsm, Lsm;
    "lsm.s", LSM, LSM_MAC, [ATTACH_BTF | SLEEPABLE], Lsm, Lsm;
    "lsm_cgroup", LSM, LSM_CGROUP, [ATTACH_BTF], Lsm, None;
    "iter", TRACING, TRACE_ITER, [ATTACH_BTF], Iter, Iter;
    "iter.s", TRACING, TRACE_ITER, [ATTACH_BTF | SLEEPABLE], Iter, Iter;
    "syscall", SYSCALL, _, [SLEEPABLE], None, None;
    "xdp.frags/devmap", XDP, XDP_DEVMAP, [XDP_FRAGS], None, None;
    "xdp/devmap", XDP, XDP_DEVMAP, [ATTACHABLE], None, None;
    "xdp.frags/cpumap", XDP, XDP_CPUMAP, [XDP_FRAGS], None, None;
    "xdp/cpumap", XDP, XDP_CPUMAP, [ATTACHABLE], None, None;
    "xdp.frags", XDP, XDP, [XDP_FRAGS], None, None;
    "xdp", XDP, XDP, [ATTACHABLE | EXP_ATTACH_OPT], None, None;
    "perf_event", PERF_EVENT, _, [], None, None;
    "lwt_in", LWT_IN, _, [], None, None;
    "lwt_out", LWT_OUT, _, [], None, None;
    "lwt_xmit", LWT_XMIT, _, [], None, None;
    "lwt_seg6local", LWT_SEG6LOCAL, _, [], None, None;
    "sockops", SOCK_OPS, CGROUP_SOCK_OPS, [ATTACHABLE | EXP_ATTACH_OPT], None, None;
    "sk_skb/stream_parser", SK_SKB, SK_SKB_STREAM_PARSER, [ATTACHABLE | EXP_ATTACH_OPT], None, None;
    "sk_skb/stream_verdict", SK_SKB, SK_SKB_STREAM_VERDICT, [ATTACHABLE | EXP_ATTACH_OPT], None, None;
    "sk_skb/verdict", SK_SKB, SK_SKB_VERDICT, [ATTACHABLE | EXP_ATTACH_OPT], None, None;
    "sk_skb", SK_SKB, _, [], None, None;
    "sk_msg", SK_MSG, SK_MSG_VERDICT, [ATTACHABLE | EXP_ATTACH_OPT], None, None;
    "lirc_mode2", LIRC_MODE2, LIRC_MODE2, [ATTACHABLE | EXP_ATTACH_OPT], None, None;
    "flow_dissector", FLOW_DISSECTOR, FLOW_DISSECTOR, [ATTACHABLE | EXP_ATTACH_OPT], None, None;
    "cgroup_skb/ingress", CGROUP_SKB, CGROUP_INET_INGRESS, [ATTACHABLE | EXP_ATTACH_OPT], None, None;
    "cgroup_skb/egress", CGROUP_SKB, CGROUP_INET_EGRESS, [ATTACHABLE | EXP_ATTACH_OPT], None, None;
    "cgroup/skb", CGROUP_SKB, _, [], None, None;
    "cgroup/sock_create", CGROUP_SOCK, CGROUP_INET_SOCK_CREATE, [ATTACHABLE], None, None;
    "cgroup/sock_release", CGROUP_SOCK, CGROUP_INET_SOCK_RELEASE, [ATTACHABLE], None, None;
    "cgroup/sock", CGROUP_SOCK, CGROUP_INET_SOCK_CREATE, [ATTACHABLE | EXP_ATTACH_OPT], None, None;
    "cgroup/post_bind4", CGROUP_SOCK, CGROUP_INET4_POST_BIND, [ATTACHABLE], None, None;
    "cgroup/post_bind6", CGROUP_SOCK, CGROUP_INET6_POST_BIND, [ATTACHABLE], None, None;
    "cgroup/bind4", CGROUP_SOCK_ADDR, CGROUP_INET4_BIND, [ATTACHABLE], None, None;
    "cgroup/bind6", CGROUP_SOCK_ADDR, CGROUP_INET6_BIND, [ATTACHABLE], None, None;
    "cgroup/connect4", CGROUP_SOCK_ADDR, CGROUP_INET4_CONNECT, [ATTACHABLE], None, None;
    "cgroup/connect6", CGROUP_SOCK_ADDR, CGROUP_INET6_CONNECT, [ATTACHABLE], None, None;
    "cgroup/connect_unix", CGROUP_SOCK_ADDR, CGROUP_UNIX_CONNECT, [ATTACHABLE], None, None;
    "cgroup/sendmsg4", CGROUP_SOCK_ADDR, CGROUP_UDP4_SENDMSG, [ATTACHABLE], None, None;
    "cgroup/sendmsg6", CGROUP_SOCK_ADDR, CGROUP_UDP6_SENDMSG, [ATTACHABLE], None, None;
    "cgroup/sendmsg_unix", CGROUP_SOCK_ADDR, CGROUP_UNIX_SENDMSG, [ATTACHABLE], None, None;
    "cgroup/recvmsg4", CGROUP_SOCK_ADDR, CGROUP_UDP4_RECVMSG, [ATTACHABLE], None, None;
    "cgroup/recvmsg6", CGROUP_SOCK_ADDR, CGROUP_UDP6_RECVMSG, [ATTACHABLE], None, None;
    "cgroup/recvmsg_unix", CGROUP_SOCK_ADDR, CGROUP_UNIX_RECVMSG, [ATTACHABLE], None, None;
    "cgroup/getpeername4", CGROUP_SOCK_ADDR, CGROUP_INET4_GETPEERNAME, [ATTACHABLE], None, None;
    "cgroup/getpeername6", CGROUP_SOCK_ADDR, CGROUP_INET6_GETPEERNAME, [ATTACHABLE], None, None;
    "cgroup/getpeername_unix", CGROUP_SOCK_ADDR, CGROUP_UNIX_GETPEERNAME, [ATTACHABLE], None, None;
    "cgroup/getsockname4", CGROUP_SOCK_ADDR, CGROUP_INET4_GETSOCKNAME, [ATTACHABLE], None, None;
    "cgroup/getsockname6", CGROUP_SOCK_ADDR, CGROUP_INET6_GETSOCKNAME, [ATTACHABLE], None, None;
    "cgroup/getsockname_unix", CGROUP_SOCK_ADDR, CGROUP_UNIX_GETSOCKNAME, [ATTACHABLE], None, None;
    "cgroup/sysctl", CGROUP_SYSCTL, CGROUP_SYSCTL, [ATTACHABLE], None, None;
    "cgroup/getsockopt", CGROUP_SOCKOPT, CGROUP_GETSOCKOPT, [ATTACHABLE], None, None;
    "cgroup/setsockopt", CGROUP_SOCKOPT, CGROUP_SETSOCKOPT, [ATTACHABLE], None, None;
    "cgroup/dev", CGROUP_DEVICE, CGROUP_DEVICE, [ATTACHABLE | EXP_ATTACH_OPT], None, None;
    "struct_ops", STRUCT_OPS, _, [], Ignored, None;
    "struct_ops.s", STRUCT_OPS, _, [SLEEPABLE], Ignored, None;
    "sk_lookup", SK_LOOKUP, SK_LOOKUP, [ATTACHABLE], None, None;
    "netfilter", NETFILTER, NETFILTER, [], None, None;
};
