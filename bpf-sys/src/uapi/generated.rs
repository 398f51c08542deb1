// Generated from linux/bpf.h of Linux 7.2 by `cargo xtask codegen`; do not edit.
//
// Enumerations become open newtypes, anonymous enumerators and object-like macros become constants,
// structures keep their C names and layouts, with every byte of padding a named field.
#![allow(missing_docs, non_camel_case_types)]

/// `enum bpf_cgroup_iter_order`; values newer than this crate pass through unchanged.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CgroupIterOrder(pub u32);

impl CgroupIterOrder {
    /// `BPF_CGROUP_ITER_ORDER_UNSPEC`
    pub const ORDER_UNSPEC: CgroupIterOrder = CgroupIterOrder(0);
    /// `BPF_CGROUP_ITER_SELF_ONLY`
    pub const SELF_ONLY: CgroupIterOrder = CgroupIterOrder(1);
    /// `BPF_CGROUP_ITER_DESCENDANTS_PRE`
    pub const DESCENDANTS_PRE: CgroupIterOrder = CgroupIterOrder(2);
    /// `BPF_CGROUP_ITER_DESCENDANTS_POST`
    pub const DESCENDANTS_POST: CgroupIterOrder = CgroupIterOrder(3);
    /// `BPF_CGROUP_ITER_ANCESTORS_UP`
    pub const ANCESTORS_UP: CgroupIterOrder = CgroupIterOrder(4);
    /// `BPF_CGROUP_ITER_CHILDREN`
    pub const CHILDREN: CgroupIterOrder = CgroupIterOrder(5);
}

impl CgroupIterOrder {
    /// Each value with its name: the lower-case enumerator without `BPF_CGROUP_ITER_`. Where two enumerators share a
    /// value, the first stands, unless it is marked deprecated.
    pub(super) const NAMES: &'static [(CgroupIterOrder, &'static str)] = &[
        (CgroupIterOrder(0), "order_unspec"),
        (CgroupIterOrder(1), "self_only"),
        (CgroupIterOrder(2), "descendants_pre"),
        (CgroupIterOrder(3), "descendants_post"),
        (CgroupIterOrder(4), "ancestors_up"),
        (CgroupIterOrder(5), "children"),
    ];
}

/// `enum bpf_cmd`; values newer than this crate pass through unchanged.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cmd(pub u32);

impl Cmd {
    /// `BPF_MAP_CREATE`
    pub const MAP_CREATE: Cmd = Cmd(0);
    /// `BPF_MAP_LOOKUP_ELEM`
    pub const MAP_LOOKUP_ELEM: Cmd = Cmd(1);
    /// `BPF_MAP_UPDATE_ELEM`
    pub const MAP_UPDATE_ELEM: Cmd = Cmd(2);
    /// `BPF_MAP_DELETE_ELEM`
    pub const MAP_DELETE_ELEM: Cmd = Cmd(3);
    /// `BPF_MAP_GET_NEXT_KEY`
    pub const MAP_GET_NEXT_KEY: Cmd = Cmd(4);
    /// `BPF_PROG_LOAD`
    pub const PROG_LOAD: Cmd = Cmd(5);
    /// `BPF_OBJ_PIN`
    pub const OBJ_PIN: Cmd = Cmd(6);
    /// `BPF_OBJ_GET`
    pub const OBJ_GET: Cmd = Cmd(7);
    /// `BPF_PROG_ATTACH`
    pub const PROG_ATTACH: Cmd = Cmd(8);
    /// `BPF_PROG_DETACH`
    pub const PROG_DETACH: Cmd = Cmd(9);
    /// `BPF_PROG_TEST_RUN`
    pub const PROG_TEST_RUN: Cmd = Cmd(10);
    /// `BPF_PROG_RUN`
    pub const PROG_RUN: Cmd = Cmd(10);
    /// `BPF_PROG_GET_NEXT_ID`
    pub const PROG_GET_NEXT_ID: Cmd = Cmd(11);
    /// `BPF_MAP_GET_NEXT_ID`
    pub const MAP_GET_NEXT_ID: Cmd = Cmd(12);
    /// `BPF_PROG_GET_FD_BY_ID`
    pub const PROG_GET_FD_BY_ID: Cmd = Cmd(13);
    /// `BPF_MAP_GET_FD_BY_ID`
    pub const MAP_GET_FD_BY_ID: Cmd = Cmd(14);
    /// `BPF_OBJ_GET_INFO_BY_FD`
    pub const OBJ_GET_INFO_BY_FD: Cmd = Cmd(15);
    /// `BPF_PROG_QUERY`
    pub const PROG_QUERY: Cmd = Cmd(16);
    /// `BPF_RAW_TRACEPOINT_OPEN`
    pub const RAW_TRACEPOINT_OPEN: Cmd = Cmd(17);
    /// `BPF_BTF_LOAD`
    pub const BTF_LOAD: Cmd = Cmd(18);
    /// `BPF_BTF_GET_FD_BY_ID`
    pub const BTF_GET_FD_BY_ID: Cmd = Cmd(19);
    /// `BPF_TASK_FD_QUERY`
    pub const TASK_FD_QUERY: Cmd = Cmd(20);
    /// `BPF_MAP_LOOKUP_AND_DELETE_ELEM`
    pub const MAP_LOOKUP_AND_DELETE_ELEM: Cmd = Cmd(21);
    /// `BPF_MAP_FREEZE`
    pub const MAP_FREEZE: Cmd = Cmd(22);
    /// `BPF_BTF_GET_NEXT_ID`
    pub const BTF_GET_NEXT_ID: Cmd = Cmd(23);
    /// `BPF_MAP_LOOKUP_BATCH`
    pub const MAP_LOOKUP_BATCH: Cmd = Cmd(24);
    /// `BPF_MAP_LOOKUP_AND_DELETE_BATCH`
    pub const MAP_LOOKUP_AND_DELETE_BATCH: Cmd = Cmd(25);
    /// `BPF_MAP_UPDATE_BATCH`
    pub const MAP_UPDATE_BATCH: Cmd = Cmd(26);
    /// `BPF_MAP_DELETE_BATCH`
    pub const MAP_DELETE_BATCH: Cmd = Cmd(27);
    /// `BPF_LINK_CREATE`
    pub const LINK_CREATE: Cmd = Cmd(28);
    /// `BPF_LINK_UPDATE`
    pub const LINK_UPDATE: Cmd = Cmd(29);
    /// `BPF_LINK_GET_FD_BY_ID`
    pub const LINK_GET_FD_BY_ID: Cmd = Cmd(30);
    /// `BPF_LINK_GET_NEXT_ID`
    pub const LINK_GET_NEXT_ID: Cmd = Cmd(31);
    /// `BPF_ENABLE_STATS`
    pub const ENABLE_STATS: Cmd = Cmd(32);
    /// `BPF_ITER_CREATE`
    pub const ITER_CREATE: Cmd = Cmd(33);
    /// `BPF_LINK_DETACH`
    pub const LINK_DETACH: Cmd = Cmd(34);
    /// `BPF_PROG_BIND_MAP`
    pub const PROG_BIND_MAP: Cmd = Cmd(35);
    /// `BPF_TOKEN_CREATE`
    pub const TOKEN_CREATE: Cmd = Cmd(36);
    /// `BPF_PROG_STREAM_READ_BY_FD`
    pub const PROG_STREAM_READ_BY_FD: Cmd = Cmd(37);
    /// `BPF_PROG_ASSOC_STRUCT_OPS`
    pub const PROG_ASSOC_STRUCT_OPS: Cmd = Cmd(38);
    /// `BPF_COMMON_ATTRS`
    pub const COMMON_ATTRS: Cmd = Cmd(65536);
}

impl Cmd {
    /// Each value with its name: the lower-case enumerator without `BPF_`. Where two enumerators share a
    /// value, the first stands, unless it is marked deprecated.
    pub(super) const NAMES: &'static [(Cmd, &'static str)] = &[
        (Cmd(0), "map_create"),
        (Cmd(1), "map_lookup_elem"),
        (Cmd(2), "map_update_elem"),
        (Cmd(3), "map_delete_elem"),
        (Cmd(4), "map_get_next_key"),
        (Cmd(5), "prog_load"),
        (Cmd(6), "obj_pin"),
        (Cmd(7), "obj_get"),
        (Cmd(8), "prog_attach"),
        (Cmd(9), "prog_detach"),
        (Cmd(10), "prog_test_run"),
        (Cmd(11), "prog_get_next_id"),
        (Cmd(12), "map_get_next_id"),
        (Cmd(13), "prog_get_fd_by_id"),
        (Cmd(14), "map_get_fd_by_id"),
        (Cmd(15), "obj_get_info_by_fd"),
        (Cmd(16), "prog_query"),
        (Cmd(17), "raw_tracepoint_open"),
        (Cmd(18), "btf_load"),
        (Cmd(19), "btf_get_fd_by_id"),
        (Cmd(20), "task_fd_query"),
        (Cmd(21), "map_lookup_and_delete_elem"),
        (Cmd(22), "map_freeze"),
        (Cmd(23), "btf_get_next_id"),
        (Cmd(24), "map_lookup_batch"),
        (Cmd(25), "map_lookup_and_delete_batch"),
        (Cmd(26), "map_update_batch"),
        (Cmd(27), "map_delete_batch"),
        (Cmd(28), "link_create"),
        (Cmd(29), "link_update"),
        (Cmd(30), "link_get_fd_by_id"),
        (Cmd(31), "link_get_next_id"),
        (Cmd(32), "enable_stats"),
        (Cmd(33), "iter_create"),
        (Cmd(34), "link_detach"),
        (Cmd(35), "prog_bind_map"),
        (Cmd(36), "token_create"),
        (Cmd(37), "prog_stream_read_by_fd"),
        (Cmd(38), "prog_assoc_struct_ops"),
        (Cmd(65536), "common_attrs"),
    ];
}

/// `enum bpf_map_type`; values newer than this crate pass through unchanged.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MapType(pub u32);

impl MapType {
    /// `BPF_MAP_TYPE_UNSPEC`
    pub const UNSPEC: MapType = MapType(0);
    /// `BPF_MAP_TYPE_HASH`
    pub const HASH: MapType = MapType(1);
    /// `BPF_MAP_TYPE_ARRAY`
    pub const ARRAY: MapType = MapType(2);
    /// `BPF_MAP_TYPE_PROG_ARRAY`
    pub const PROG_ARRAY: MapType = MapType(3);
    /// `BPF_MAP_TYPE_PERF_EVENT_ARRAY`
    pub const PERF_EVENT_ARRAY: MapType = MapType(4);
    /// `BPF_MAP_TYPE_PERCPU_HASH`
    pub const PERCPU_HASH: MapType = MapType(5);
    /// `BPF_MAP_TYPE_PERCPU_ARRAY`
    pub const PERCPU_ARRAY: MapType = MapType(6);
    /// `BPF_MAP_TYPE_STACK_TRACE`
    pub const STACK_TRACE: MapType = MapType(7);
    /// `BPF_MAP_TYPE_CGROUP_ARRAY`
    pub const CGROUP_ARRAY: MapType = MapType(8);
    /// `BPF_MAP_TYPE_LRU_HASH`
    pub const LRU_HASH: MapType = MapType(9);
    /// `BPF_MAP_TYPE_LRU_PERCPU_HASH`
    pub const LRU_PERCPU_HASH: MapType = MapType(10);
    /// `BPF_MAP_TYPE_LPM_TRIE`
    pub const LPM_TRIE: MapType = MapType(11);
    /// `BPF_MAP_TYPE_ARRAY_OF_MAPS`
    pub const ARRAY_OF_MAPS: MapType = MapType(12);
    /// `BPF_MAP_TYPE_HASH_OF_MAPS`
    pub const HASH_OF_MAPS: MapType = MapType(13);
    /// `BPF_MAP_TYPE_DEVMAP`
    pub const DEVMAP: MapType = MapType(14);
    /// `BPF_MAP_TYPE_SOCKMAP`
    pub const SOCKMAP: MapType = MapType(15);
    /// `BPF_MAP_TYPE_CPUMAP`
    pub const CPUMAP: MapType = MapType(16);
    /// `BPF_MAP_TYPE_XSKMAP`
    pub const XSKMAP: MapType = MapType(17);
    /// `BPF_MAP_TYPE_SOCKHASH`
    pub const SOCKHASH: MapType = MapType(18);
    /// `BPF_MAP_TYPE_CGROUP_STORAGE_DEPRECATED`
    pub const CGROUP_STORAGE_DEPRECATED: MapType = MapType(19);
    /// `BPF_MAP_TYPE_CGROUP_STORAGE`
    pub const CGROUP_STORAGE: MapType = MapType(19);
    /// `BPF_MAP_TYPE_REUSEPORT_SOCKARRAY`
    pub const REUSEPORT_SOCKARRAY: MapType = MapType(20);
    /// `BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE_DEPRECATED`
    pub const PERCPU_CGROUP_STORAGE_DEPRECATED: MapType = MapType(21);
    /// `BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE`
    pub const PERCPU_CGROUP_STORAGE: MapType = MapType(21);
    /// `BPF_MAP_TYPE_QUEUE`
    pub const QUEUE: MapType = MapType(22);
    /// `BPF_MAP_TYPE_STACK`
    pub const STACK: MapType = MapType(23);
    /// `BPF_MAP_TYPE_SK_STORAGE`
    pub const SK_STORAGE: MapType = MapType(24);
    /// `BPF_MAP_TYPE_DEVMAP_HASH`
    pub const DEVMAP_HASH: MapType = MapType(25);
    /// `BPF_MAP_TYPE_STRUCT_OPS`
    pub const STRUCT_OPS: MapType = MapType(26);
    /// `BPF_MAP_TYPE_RINGBUF`
    pub const RINGBUF: MapType = MapType(27);
    /// `BPF_MAP_TYPE_INODE_STORAGE`
    pub const INODE_STORAGE: MapType = MapType(28);
    /// `BPF_MAP_TYPE_TASK_STORAGE`
    pub const TASK_STORAGE: MapType = MapType(29);
    /// `BPF_MAP_TYPE_BLOOM_FILTER`
    pub const BLOOM_FILTER: MapType = MapType(30);
    /// `BPF_MAP_TYPE_USER_RINGBUF`
    pub const USER_RINGBUF: MapType = MapType(31);
    /// `BPF_MAP_TYPE_CGRP_STORAGE`
    pub const CGRP_STORAGE: MapType = MapType(32);
    /// `BPF_MAP_TYPE_ARENA`
    pub const ARENA: MapType = MapType(33);
    /// `BPF_MAP_TYPE_INSN_ARRAY`
    pub const INSN_ARRAY: MapType = MapType(34);
    /// `BPF_MAP_TYPE_RHASH`
    pub const RHASH: MapType = MapType(35);
}

impl MapType {
    /// Each value with its name: the lower-case enumerator without `BPF_MAP_TYPE_`. Where two enumerators share a
    /// value, the first stands, unless it is marked deprecated.
    pub(super) const NAMES: &'static [(MapType, &'static str)] = &[
        (MapType(0), "unspec"),
        (MapType(1), "hash"),
        (MapType(2), "array"),
        (MapType(3), "prog_array"),
        (MapType(4), "perf_event_array"),
        (MapType(5), "percpu_hash"),
        (MapType(6), "percpu_array"),
        (MapType(7), "stack_trace"),
        (MapType(8), "cgroup_array"),
        (MapType(9), "lru_hash"),
        (MapType(10), "lru_percpu_hash"),
        (MapType(11), "lpm_trie"),
        (MapType(12), "array_of_maps"),
        (MapType(13), "hash_of_maps"),
        (MapType(14), "devmap"),
        (MapType(15), "sockmap"),
        (MapType(16), "cpumap"),
        (MapType(17), "xskmap"),
        (MapType(18), "sockhash"),
        (MapType(19), "cgroup_storage"),
        (MapType(20), "reuseport_sockarray"),
        (MapType(21), "percpu_cgroup_storage"),
        (MapType(22), "queue"),
        (MapType(23), "stack"),
        (MapType(24), "sk_storage"),
        (MapType(25), "devmap_hash"),
        (MapType(26), "struct_ops"),
        (MapType(27), "ringbuf"),
        (MapType(28), "inode_storage"),
        (MapType(29), "task_storage"),
        (MapType(30), "bloom_filter"),
        (MapType(31), "user_ringbuf"),
        (MapType(32), "cgrp_storage"),
        (MapType(33), "arena"),
        (MapType(34), "insn_array"),
        (MapType(35), "rhash"),
    ];
}

/// `enum bpf_prog_type`; values newer than this crate pass through unchanged.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ProgType(pub u32);

impl ProgType {
    /// `BPF_PROG_TYPE_UNSPEC`
    pub const UNSPEC: ProgType = ProgType(0);
    /// `BPF_PROG_TYPE_SOCKET_FILTER`
    pub const SOCKET_FILTER: ProgType = ProgType(1);
    /// `BPF_PROG_TYPE_KPROBE`
    pub const KPROBE: ProgType = ProgType(2);
    /// `BPF_PROG_TYPE_SCHED_CLS`
    pub const SCHED_CLS: ProgType = ProgType(3);
    /// `BPF_PROG_TYPE_SCHED_ACT`
    pub const SCHED_ACT: ProgType = ProgType(4);
    /// `BPF_PROG_TYPE_TRACEPOINT`
    pub const TRACEPOINT: ProgType = ProgType(5);
    /// `BPF_PROG_TYPE_XDP`
    pub const XDP: ProgType = ProgType(6);
    /// `BPF_PROG_TYPE_PERF_EVENT`
    pub const PERF_EVENT: ProgType = ProgType(7);
    /// `BPF_PROG_TYPE_CGROUP_SKB`
    pub const CGROUP_SKB: ProgType = ProgType(8);
    /// `BPF_PROG_TYPE_CGROUP_SOCK`
    pub const CGROUP_SOCK: ProgType = ProgType(9);
    /// `BPF_PROG_TYPE_LWT_IN`
    pub const LWT_IN: ProgType = ProgType(10);
    /// `BPF_PROG_TYPE_LWT_OUT`
    pub const LWT_OUT: ProgType = ProgType(11);
    /// `BPF_PROG_TYPE_LWT_XMIT`
    pub const LWT_XMIT: ProgType = ProgType(12);
    /// `BPF_PROG_TYPE_SOCK_OPS`
    pub const SOCK_OPS: ProgType = ProgType(13);
    /// `BPF_PROG_TYPE_SK_SKB`
    pub const SK_SKB: ProgType = ProgType(14);
    /// `BPF_PROG_TYPE_CGROUP_DEVICE`
    pub const CGROUP_DEVICE: ProgType = ProgType(15);
    /// `BPF_PROG_TYPE_SK_MSG`
    pub const SK_MSG: ProgType = ProgType(16);
    /// `BPF_PROG_TYPE_RAW_TRACEPOINT`
    pub const RAW_TRACEPOINT: ProgType = ProgType(17);
    /// `BPF_PROG_TYPE_CGROUP_SOCK_ADDR`
    pub const CGROUP_SOCK_ADDR: ProgType = ProgType(18);
    /// `BPF_PROG_TYPE_LWT_SEG6LOCAL`
    pub const LWT_SEG6LOCAL: ProgType = ProgType(19);
    /// `BPF_PROG_TYPE_LIRC_MODE2`
    pub const LIRC_MODE2: ProgType = ProgType(20);
    /// `BPF_PROG_TYPE_SK_REUSEPORT`
    pub const SK_REUSEPORT: ProgType = ProgType(21);
    /// `BPF_PROG_TYPE_FLOW_DISSECTOR`
    pub const FLOW_DISSECTOR: ProgType = ProgType(22);
    /// `BPF_PROG_TYPE_CGROUP_SYSCTL`
    pub const CGROUP_SYSCTL: ProgType = ProgType(23);
    /// `BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE`
    pub const RAW_TRACEPOINT_WRITABLE: ProgType = ProgType(24);
    /// `BPF_PROG_TYPE_CGROUP_SOCKOPT`
    pub const CGROUP_SOCKOPT: ProgType = ProgType(25);
    /// `BPF_PROG_TYPE_TRACING`
    pub const TRACING: ProgType = ProgType(26);
    /// `BPF_PROG_TYPE_STRUCT_OPS`
    pub const STRUCT_OPS: ProgType = ProgType(27);
    /// `BPF_PROG_TYPE_EXT`
    pub const EXT: ProgType = ProgType(28);
    /// `BPF_PROG_TYPE_LSM`
    pub const LSM: ProgType = ProgType(29);
    /// `BPF_PROG_TYPE_SK_LOOKUP`
    pub const SK_LOOKUP: ProgType = ProgType(30);
    /// `BPF_PROG_TYPE_SYSCALL`
    pub const SYSCALL: ProgType = ProgType(31);
    /// `BPF_PROG_TYPE_NETFILTER`
    pub const NETFILTER: ProgType = ProgType(32);
}

impl ProgType {
    /// Each value with its name: the lower-case enumerator without `BPF_PROG_TYPE_`. Where two enumerators share a
    /// value, the first stands, unless it is marked deprecated.
    pub(super) const NAMES: &'static [(ProgType, &'static str)] = &[
        (ProgType(0), "unspec"),
        (ProgType(1), "socket_filter"),
        (ProgType(2), "kprobe"),
        (ProgType(3), "sched_cls"),
        (ProgType(4), "sched_act"),
        (ProgType(5), "tracepoint"),
        (ProgType(6), "xdp"),
        (ProgType(7), "perf_event"),
        (ProgType(8), "cgroup_skb"),
        (ProgType(9), "cgroup_sock"),
        (ProgType(10), "lwt_in"),
        (ProgType(11), "lwt_out"),
        (ProgType(12), "lwt_xmit"),
        (ProgType(13), "sock_ops"),
        (ProgType(14), "sk_skb"),
        (ProgType(15), "cgroup_device"),
        (ProgType(16), "sk_msg"),
        (ProgType(17), "raw_tracepoint"),
        (ProgType(18), "cgroup_sock_addr"),
        (ProgType(19), "lwt_seg6local"),
        (ProgType(20), "lirc_mode2"),
        (ProgType(21), "sk_reuseport"),
        (ProgType(22), "flow_dissector"),
        (ProgType(23), "cgroup_sysctl"),
        (ProgType(24), "raw_tracepoint_writable"),
        (ProgType(25), "cgroup_sockopt"),
        (ProgType(26), "tracing"),
        (ProgType(27), "struct_ops"),
        (ProgType(28), "ext"),
        (ProgType(29), "lsm"),
        (ProgType(30), "sk_lookup"),
        (ProgType(31), "syscall"),
        (ProgType(32), "netfilter"),
    ];
}

/// `enum bpf_attach_type`; values newer than this crate pass through unchanged.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AttachType(pub u32);

impl AttachType {
    /// `BPF_CGROUP_INET_INGRESS`
    pub const CGROUP_INET_INGRESS: AttachType = AttachType(0);
    /// `BPF_CGROUP_INET_EGRESS`
    pub const CGROUP_INET_EGRESS: AttachType = AttachType(1);
    /// `BPF_CGROUP_INET_SOCK_CREATE`
    pub const CGROUP_INET_SOCK_CREATE: AttachType = AttachType(2);
    /// `BPF_CGROUP_SOCK_OPS`
    pub const CGROUP_SOCK_OPS: AttachType = AttachType(3);
    /// `BPF_SK_SKB_STREAM_PARSER`
    pub const SK_SKB_STREAM_PARSER: AttachType = AttachType(4);
    /// `BPF_SK_SKB_STREAM_VERDICT`
    pub const SK_SKB_STREAM_VERDICT: AttachType = AttachType(5);
    /// `BPF_CGROUP_DEVICE`
    pub const CGROUP_DEVICE: AttachType = AttachType(6);
    /// `BPF_SK_MSG_VERDICT`
    pub const SK_MSG_VERDICT: AttachType = AttachType(7);
    /// `BPF_CGROUP_INET4_BIND`
    pub const CGROUP_INET4_BIND: AttachType = AttachType(8);
    /// `BPF_CGROUP_INET6_BIND`
    pub const CGROUP_INET6_BIND: AttachType = AttachType(9);
    /// `BPF_CGROUP_INET4_CONNECT`
    pub const CGROUP_INET4_CONNECT: AttachType = AttachType(10);
    /// `BPF_CGROUP_INET6_CONNECT`
    pub const CGROUP_INET6_CONNECT: AttachType = AttachType(11);
    /// `BPF_CGROUP_INET4_POST_BIND`
    pub const CGROUP_INET4_POST_BIND: AttachType = AttachType(12);
    /// `BPF_CGROUP_INET6_POST_BIND`
    pub const CGROUP_INET6_POST_BIND: AttachType = AttachType(13);
    /// `BPF_CGROUP_UDP4_SENDMSG`
    pub const CGROUP_UDP4_SENDMSG: AttachType = AttachType(14);
    /// `BPF_CGROUP_UDP6_SENDMSG`
    pub const CGROUP_UDP6_SENDMSG: AttachType = AttachType(15);
    /// `BPF_LIRC_MODE2`
    pub const LIRC_MODE2: AttachType = AttachType(16);
    /// `BPF_FLOW_DISSECTOR`
    pub const FLOW_DISSECTOR: AttachType = AttachType(17);
    /// `BPF_CGROUP_SYSCTL`
    pub const CGROUP_SYSCTL: AttachType = AttachType(18);
    /// `BPF_CGROUP_UDP4_RECVMSG`
    pub const CGROUP_UDP4_RECVMSG: AttachType = AttachType(19);
    /// `BPF_CGROUP_UDP6_RECVMSG`
    pub const CGROUP_UDP6_RECVMSG: AttachType = AttachType(20);
    /// `BPF_CGROUP_GETSOCKOPT`
    pub const CGROUP_GETSOCKOPT: AttachType = AttachType(21);
    /// `BPF_CGROUP_SETSOCKOPT`
    pub const CGROUP_SETSOCKOPT: AttachType = AttachType(22);
    /// `BPF_TRACE_RAW_TP`
    pub const TRACE_RAW_TP: AttachType = AttachType(23);
    /// `BPF_TRACE_FENTRY`
    pub const TRACE_FENTRY: AttachType = AttachType(24);
    /// `BPF_TRACE_FEXIT`
    pub const TRACE_FEXIT: AttachType = AttachType(25);
    /// `BPF_MODIFY_RETURN`
    pub const MODIFY_RETURN: AttachType = AttachType(26);
    /// `BPF_LSM_MAC`
    pub const LSM_MAC: AttachType = AttachType(27);
    /// `BPF_TRACE_ITER`
    pub const TRACE_ITER: AttachType = AttachType(28);
    /// `BPF_CGROUP_INET4_GETPEERNAME`
    pub const CGROUP_INET4_GETPEERNAME: AttachType = AttachType(29);
    /// `BPF_CGROUP_INET6_GETPEERNAME`
    pub const CGROUP_INET6_GETPEERNAME: AttachType = AttachType(30);
    /// `BPF_CGROUP_INET4_GETSOCKNAME`
    pub const CGROUP_INET4_GETSOCKNAME: AttachType = AttachType(31);
    /// `BPF_CGROUP_INET6_GETSOCKNAME`
    pub const CGROUP_INET6_GETSOCKNAME: AttachType = AttachType(32);
    /// `BPF_XDP_DEVMAP`
    pub const XDP_DEVMAP: AttachType = AttachType(33);
    /// `BPF_CGROUP_INET_SOCK_RELEASE`
    pub const CGROUP_INET_SOCK_RELEASE: AttachType = AttachType(34);
    /// `BPF_XDP_CPUMAP`
    pub const XDP_CPUMAP: AttachType = AttachType(35);
    /// `BPF_SK_LOOKUP`
    pub const SK_LOOKUP: AttachType = AttachType(36);
    /// `BPF_XDP`
    pub const XDP: AttachType = AttachType(37);
    /// `BPF_SK_SKB_VERDICT`
    pub const SK_SKB_VERDICT: AttachType = AttachType(38);
    /// `BPF_SK_REUSEPORT_SELECT`
    pub const SK_REUSEPORT_SELECT: AttachType = AttachType(39);
    /// `BPF_SK_REUSEPORT_SELECT_OR_MIGRATE`
    pub const SK_REUSEPORT_SELECT_OR_MIGRATE: AttachType = AttachType(40);
    /// `BPF_PERF_EVENT`
    pub const PERF_EVENT: AttachType = AttachType(41);
    /// `BPF_TRACE_KPROBE_MULTI`
    pub const TRACE_KPROBE_MULTI: AttachType = AttachType(42);
    /// `BPF_LSM_CGROUP`
    pub const LSM_CGROUP: AttachType = AttachType(43);
    /// `BPF_STRUCT_OPS`
    pub const STRUCT_OPS: AttachType = AttachType(44);
    /// `BPF_NETFILTER`
    pub const NETFILTER: AttachType = AttachType(45);
    /// `BPF_TCX_INGRESS`
    pub const TCX_INGRESS: AttachType = AttachType(46);
    /// `BPF_TCX_EGRESS`
    pub const TCX_EGRESS: AttachType = AttachType(47);
    /// `BPF_TRACE_UPROBE_MULTI`
    pub const TRACE_UPROBE_MULTI: AttachType = AttachType(48);
    /// `BPF_CGROUP_UNIX_CONNECT`
    pub const CGROUP_UNIX_CONNECT: AttachType = AttachType(49);
    /// `BPF_CGROUP_UNIX_SENDMSG`
    pub const CGROUP_UNIX_SENDMSG: AttachType = AttachType(50);
    /// `BPF_CGROUP_UNIX_RECVMSG`
    pub const CGROUP_UNIX_RECVMSG: AttachType = AttachType(51);
    /// `BPF_CGROUP_UNIX_GETPEERNAME`
    pub const CGROUP_UNIX_GETPEERNAME: AttachType = AttachType(52);
    /// `BPF_CGROUP_UNIX_GETSOCKNAME`
    pub const CGROUP_UNIX_GETSOCKNAME: AttachType = AttachType(53);
    /// `BPF_NETKIT_PRIMARY`
    pub const NETKIT_PRIMARY: AttachType = AttachType(54);
    /// `BPF_NETKIT_PEER`
    pub const NETKIT_PEER: AttachType = AttachType(55);
    /// `BPF_TRACE_KPROBE_SESSION`
    pub const TRACE_KPROBE_SESSION: AttachType = AttachType(56);
    /// `BPF_TRACE_UPROBE_SESSION`
    pub const TRACE_UPROBE_SESSION: AttachType = AttachType(57);
    /// `BPF_TRACE_FSESSION`
    pub const TRACE_FSESSION: AttachType = AttachType(58);
    /// `BPF_TRACE_FENTRY_MULTI`
    pub const TRACE_FENTRY_MULTI: AttachType = AttachType(59);
    /// `BPF_TRACE_FEXIT_MULTI`
    pub const TRACE_FEXIT_MULTI: AttachType = AttachType(60);
    /// `BPF_TRACE_FSESSION_MULTI`
    pub const TRACE_FSESSION_MULTI: AttachType = AttachType(61);
}

impl AttachType {
    /// Each value with its name: the lower-case enumerator without `BPF_`. Where two enumerators share a
    /// value, the first stands, unless it is marked deprecated.
    pub(super) const NAMES: &'static [(AttachType, &'static str)] = &[
        (AttachType(0), "cgroup_inet_ingress"),
        (AttachType(1), "cgroup_inet_egress"),
        (AttachType(2), "cgroup_inet_sock_create"),
        (AttachType(3), "cgroup_sock_ops"),
        (AttachType(4), "sk_skb_stream_parser"),
        (AttachType(5), "sk_skb_stream_verdict"),
        (AttachType(6), "cgroup_device"),
        (AttachType(7), "sk_msg_verdict"),
        (AttachType(8), "cgroup_inet4_bind"),
        (AttachType(9), "cgroup_inet6_bind"),
        (AttachType(10), "cgroup_inet4_connect"),
        (AttachType(11), "cgroup_inet6_connect"),
        (AttachType(12), "cgroup_inet4_post_bind"),
        (AttachType(13), "cgroup_inet6_post_bind"),
        (AttachType(14), "cgroup_udp4_sendmsg"),
        (AttachType(15), "cgroup_udp6_sendmsg"),
        (AttachType(16), "lirc_mode2"),
        (AttachType(17), "flow_dissector"),
        (AttachType(18), "cgroup_sysctl"),
        (AttachType(19), "cgroup_udp4_recvmsg"),
        (AttachType(20), "cgroup_udp6_recvmsg"),
        (AttachType(21), "cgroup_getsockopt"),
        (AttachType(22), "cgroup_setsockopt"),
        (AttachType(23), "trace_raw_tp"),
        (AttachType(24), "trace_fentry"),
        (AttachType(25), "trace_fexit"),
        (AttachType(26), "modify_return"),
        (AttachType(27), "lsm_mac"),
        (AttachType(28), "trace_iter"),
        (AttachType(29), "cgroup_inet4_getpeername"),
        (AttachType(30), "cgroup_inet6_getpeername"),
        (AttachType(31), "cgroup_inet4_getsockname"),
        (AttachType(32), "cgroup_inet6_getsockname"),
        (AttachType(33), "xdp_devmap"),
        (AttachType(34), "cgroup_inet_sock_release"),
        (AttachType(35), "xdp_cpumap"),
        (AttachType(36), "sk_lookup"),
        (AttachType(37), "xdp"),
        (AttachType(38), "sk_skb_verdict"),
        (AttachType(39), "sk_reuseport_select"),
        (AttachType(40), "sk_reuseport_select_or_migrate"),
        (AttachType(41), "perf_event"),
        (AttachType(42), "trace_kprobe_multi"),
        (AttachType(43), "lsm_cgroup"),
        (AttachType(44), "struct_ops"),
        (AttachType(45), "netfilter"),
        (AttachType(46), "tcx_ingress"),
        (AttachType(47), "tcx_egress"),
        (AttachType(48), "trace_uprobe_multi"),
        (AttachType(49), "cgroup_unix_connect"),
        (AttachType(50), "cgroup_unix_sendmsg"),
        (AttachType(51), "cgroup_unix_recvmsg"),
        (AttachType(52), "cgroup_unix_getpeername"),
        (AttachType(53), "cgroup_unix_getsockname"),
        (AttachType(54), "netkit_primary"),
        (AttachType(55), "netkit_peer"),
        (AttachType(56), "trace_kprobe_session"),
        (AttachType(57), "trace_uprobe_session"),
        (AttachType(58), "trace_fsession"),
        (AttachType(59), "trace_fentry_multi"),
        (AttachType(60), "trace_fexit_multi"),
        (AttachType(61), "trace_fsession_multi"),
    ];
}

/// `enum bpf_link_type`; values newer than this crate pass through unchanged.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LinkType(pub u32);

impl LinkType {
    /// `BPF_LINK_TYPE_UNSPEC`
    pub const UNSPEC: LinkType = LinkType(0);
    /// `BPF_LINK_TYPE_RAW_TRACEPOINT`
    pub const RAW_TRACEPOINT: LinkType = LinkType(1);
    /// `BPF_LINK_TYPE_TRACING`
    pub const TRACING: LinkType = LinkType(2);
    /// `BPF_LINK_TYPE_CGROUP`
    pub const CGROUP: LinkType = LinkType(3);
    /// `BPF_LINK_TYPE_ITER`
    pub const ITER: LinkType = LinkType(4);
    /// `BPF_LINK_TYPE_NETNS`
    pub const NETNS: LinkType = LinkType(5);
    /// `BPF_LINK_TYPE_XDP`
    pub const XDP: LinkType = LinkType(6);
    /// `BPF_LINK_TYPE_PERF_EVENT`
    pub const PERF_EVENT: LinkType = LinkType(7);
    /// `BPF_LINK_TYPE_KPROBE_MULTI`
    pub const KPROBE_MULTI: LinkType = LinkType(8);
    /// `BPF_LINK_TYPE_STRUCT_OPS`
    pub const STRUCT_OPS: LinkType = LinkType(9);
    /// `BPF_LINK_TYPE_NETFILTER`
    pub const NETFILTER: LinkType = LinkType(10);
    /// `BPF_LINK_TYPE_TCX`
    pub const TCX: LinkType = LinkType(11);
    /// `BPF_LINK_TYPE_UPROBE_MULTI`
    pub const UPROBE_MULTI: LinkType = LinkType(12);
    /// `BPF_LINK_TYPE_NETKIT`
    pub const NETKIT: LinkType = LinkType(13);
    /// `BPF_LINK_TYPE_SOCKMAP`
    pub const SOCKMAP: LinkType = LinkType(14);
    /// `BPF_LINK_TYPE_TRACING_MULTI`
    pub const TRACING_MULTI: LinkType = LinkType(15);
}

impl LinkType {
    /// Each value with its name: the lower-case enumerator without `BPF_LINK_TYPE_`. Where two enumerators share a
    /// value, the first stands, unless it is marked deprecated.
    pub(super) const NAMES: &'static [(LinkType, &'static str)] = &[
        (LinkType(0), "unspec"),
        (LinkType(1), "raw_tracepoint"),
        (LinkType(2), "tracing"),
        (LinkType(3), "cgroup"),
        (LinkType(4), "iter"),
        (LinkType(5), "netns"),
        (LinkType(6), "xdp"),
        (LinkType(7), "perf_event"),
        (LinkType(8), "kprobe_multi"),
        (LinkType(9), "struct_ops"),
        (LinkType(10), "netfilter"),
        (LinkType(11), "tcx"),
        (LinkType(12), "uprobe_multi"),
        (LinkType(13), "netkit"),
        (LinkType(14), "sockmap"),
        (LinkType(15), "tracing_multi"),
    ];
}

/// `enum bpf_perf_event_type`; values newer than this crate pass through unchanged.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PerfEventType(pub u32);

impl PerfEventType {
    /// `BPF_PERF_EVENT_UNSPEC`
    pub const UNSPEC: PerfEventType = PerfEventType(0);
    /// `BPF_PERF_EVENT_UPROBE`
    pub const UPROBE: PerfEventType = PerfEventType(1);
    /// `BPF_PERF_EVENT_URETPROBE`
    pub const URETPROBE: PerfEventType = PerfEventType(2);
    /// `BPF_PERF_EVENT_KPROBE`
    pub const KPROBE: PerfEventType = PerfEventType(3);
    /// `BPF_PERF_EVENT_KRETPROBE`
    pub const KRETPROBE: PerfEventType = PerfEventType(4);
    /// `BPF_PERF_EVENT_TRACEPOINT`
    pub const TRACEPOINT: PerfEventType = PerfEventType(5);
    /// `BPF_PERF_EVENT_EVENT`
    pub const EVENT: PerfEventType = PerfEventType(6);
}

impl PerfEventType {
    /// Each value with its name: the lower-case enumerator without `BPF_PERF_EVENT_`. Where two enumerators share a
    /// value, the first stands, unless it is marked deprecated.
    pub(super) const NAMES: &'static [(PerfEventType, &'static str)] = &[
        (PerfEventType(0), "unspec"),
        (PerfEventType(1), "uprobe"),
        (PerfEventType(2), "uretprobe"),
        (PerfEventType(3), "kprobe"),
        (PerfEventType(4), "kretprobe"),
        (PerfEventType(5), "tracepoint"),
        (PerfEventType(6), "event"),
    ];
}

/// `enum bpf_stats_type`; values newer than this crate pass through unchanged.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StatsType(pub u32);

impl StatsType {
    /// `BPF_STATS_RUN_TIME`
    pub const RUN_TIME: StatsType = StatsType(0);
}

impl StatsType {
    /// Each value with its name: the lower-case enumerator without `BPF_STATS_`. Where two enumerators share a
    /// value, the first stands, unless it is marked deprecated.
    pub(super) const NAMES: &'static [(StatsType, &'static str)] = &[(StatsType(0), "run_time")];
}

/// `enum bpf_func_id`; values newer than this crate pass through unchanged.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HelperId(pub u32);

impl HelperId {
    /// `BPF_FUNC_unspec`
    pub const UNSPEC: HelperId = HelperId(0);
    /// `BPF_FUNC_map_lookup_elem`
    pub const MAP_LOOKUP_ELEM: HelperId = HelperId(1);
    /// `BPF_FUNC_map_update_elem`
    pub const MAP_UPDATE_ELEM: HelperId = HelperId(2);
    /// `BPF_FUNC_map_delete_elem`
    pub const MAP_DELETE_ELEM: HelperId = HelperId(3);
    /// `BPF_FUNC_probe_read`
    pub const PROBE_READ: HelperId = HelperId(4);
    /// `BPF_FUNC_ktime_get_ns`
    pub const KTIME_GET_NS: HelperId = HelperId(5);
    /// `BPF_FUNC_trace_printk`
    pub const TRACE_PRINTK: HelperId = HelperId(6);
    /// `BPF_FUNC_get_prandom_u32`
    pub const GET_PRANDOM_U32: HelperId = HelperId(7);
    /// `BPF_FUNC_get_smp_processor_id`
    pub const GET_SMP_PROCESSOR_ID: HelperId = HelperId(8);
    /// `BPF_FUNC_skb_store_bytes`
    pub const SKB_STORE_BYTES: HelperId = HelperId(9);
    /// `BPF_FUNC_l3_csum_replace`
    pub const L3_CSUM_REPLACE: HelperId = HelperId(10);
    /// `BPF_FUNC_l4_csum_replace`
    pub const L4_CSUM_REPLACE: HelperId = HelperId(11);
    /// `BPF_FUNC_tail_call`
    pub const TAIL_CALL: HelperId = HelperId(12);
    /// `BPF_FUNC_clone_redirect`
    pub const CLONE_REDIRECT: HelperId = HelperId(13);
    /// `BPF_FUNC_get_current_pid_tgid`
    pub const GET_CURRENT_PID_TGID: HelperId = HelperId(14);
    /// `BPF_FUNC_get_current_uid_gid`
    pub const GET_CURRENT_UID_GID: HelperId = HelperId(15);
    /// `BPF_FUNC_get_current_comm`
    pub const GET_CURRENT_COMM: HelperId = HelperId(16);
    /// `BPF_FUNC_get_cgroup_classid`
    pub const GET_CGROUP_CLASSID: HelperId = HelperId(17);
    /// `BPF_FUNC_skb_vlan_push`
    pub const SKB_VLAN_PUSH: HelperId = HelperId(18);
    /// `BPF_FUNC_skb_vlan_pop`
    pub const SKB_VLAN_POP: HelperId = HelperId(19);
    /// `BPF_FUNC_skb_get_tunnel_key`
    pub const SKB_GET_TUNNEL_KEY: HelperId = HelperId(20);
    /// `BPF_FUNC_skb_set_tunnel_key`
    pub const SKB_SET_TUNNEL_KEY: HelperId = HelperId(21);
    /// `BPF_FUNC_perf_event_read`
    pub const PERF_EVENT_READ: HelperId = HelperId(22);
    /// `BPF_FUNC_redirect`
    pub const REDIRECT: HelperId = HelperId(23);
    /// `BPF_FUNC_get_route_realm`
    pub const GET_ROUTE_REALM: HelperId = HelperId(24);
    /// `BPF_FUNC_perf_event_output`
    pub const PERF_EVENT_OUTPUT: HelperId = HelperId(25);
    /// `BPF_FUNC_skb_load_bytes`
    pub const SKB_LOAD_BYTES: HelperId = HelperId(26);
    /// `BPF_FUNC_get_stackid`
    pub const GET_STACKID: HelperId = HelperId(27);
    /// `BPF_FUNC_csum_diff`
    pub const CSUM_DIFF: HelperId = HelperId(28);
    /// `BPF_FUNC_skb_get_tunnel_opt`
    pub const SKB_GET_TUNNEL_OPT: HelperId = HelperId(29);
    /// `BPF_FUNC_skb_set_tunnel_opt`
    pub const SKB_SET_TUNNEL_OPT: HelperId = HelperId(30);
    /// `BPF_FUNC_skb_change_proto`
    pub const SKB_CHANGE_PROTO: HelperId = HelperId(31);
    /// `BPF_FUNC_skb_change_type`
    pub const SKB_CHANGE_TYPE: HelperId = HelperId(32);
    /// `BPF_FUNC_skb_under_cgroup`
    pub const SKB_UNDER_CGROUP: HelperId = HelperId(33);
    /// `BPF_FUNC_get_hash_recalc`
    pub const GET_HASH_RECALC: HelperId = HelperId(34);
    /// `BPF_FUNC_get_current_task`
    pub const GET_CURRENT_TASK: HelperId = HelperId(35);
    /// `BPF_FUNC_probe_write_user`
    pub const PROBE_WRITE_USER: HelperId = HelperId(36);
    /// `BPF_FUNC_current_task_under_cgroup`
    pub const CURRENT_TASK_UNDER_CGROUP: HelperId = HelperId(37);
    /// `BPF_FUNC_skb_change_tail`
    pub const SKB_CHANGE_TAIL: HelperId = HelperId(38);
    /// `BPF_FUNC_skb_pull_data`
    pub const SKB_PULL_DATA: HelperId = HelperId(39);
    /// `BPF_FUNC_csum_update`
    pub const CSUM_UPDATE: HelperId = HelperId(40);
    /// `BPF_FUNC_set_hash_invalid`
    pub const SET_HASH_INVALID: HelperId = HelperId(41);
    /// `BPF_FUNC_get_numa_node_id`
    pub const GET_NUMA_NODE_ID: HelperId = HelperId(42);
    /// `BPF_FUNC_skb_change_head`
    pub const SKB_CHANGE_HEAD: HelperId = HelperId(43);
    /// `BPF_FUNC_xdp_adjust_head`
    pub const XDP_ADJUST_HEAD: HelperId = HelperId(44);
    /// `BPF_FUNC_probe_read_str`
    pub const PROBE_READ_STR: HelperId = HelperId(45);
    /// `BPF_FUNC_get_socket_cookie`
    pub const GET_SOCKET_COOKIE: HelperId = HelperId(46);
    /// `BPF_FUNC_get_socket_uid`
    pub const GET_SOCKET_UID: HelperId = HelperId(47);
    /// `BPF_FUNC_set_hash`
    pub const SET_HASH: HelperId = HelperId(48);
    /// `BPF_FUNC_setsockopt`
    pub const SETSOCKOPT: HelperId = HelperId(49);
    /// `BPF_FUNC_skb_adjust_room`
    pub const SKB_ADJUST_ROOM: HelperId = HelperId(50);
    /// `BPF_FUNC_redirect_map`
    pub const REDIRECT_MAP: HelperId = HelperId(51);
    /// `BPF_FUNC_sk_redirect_map`
    pub const SK_REDIRECT_MAP: HelperId = HelperId(52);
    /// `BPF_FUNC_sock_map_update`
    pub const SOCK_MAP_UPDATE: HelperId = HelperId(53);
    /// `BPF_FUNC_xdp_adjust_meta`
    pub const XDP_ADJUST_META: HelperId = HelperId(54);
    /// `BPF_FUNC_perf_event_read_value`
    pub const PERF_EVENT_READ_VALUE: HelperId = HelperId(55);
    /// `BPF_FUNC_perf_prog_read_value`
    pub const PERF_PROG_READ_VALUE: HelperId = HelperId(56);
    /// `BPF_FUNC_getsockopt`
    pub const GETSOCKOPT: HelperId = HelperId(57);
    /// `BPF_FUNC_override_return`
    pub const OVERRIDE_RETURN: HelperId = HelperId(58);
    /// `BPF_FUNC_sock_ops_cb_flags_set`
    pub const SOCK_OPS_CB_FLAGS_SET: HelperId = HelperId(59);
    /// `BPF_FUNC_msg_redirect_map`
    pub const MSG_REDIRECT_MAP: HelperId = HelperId(60);
    /// `BPF_FUNC_msg_apply_bytes`
    pub const MSG_APPLY_BYTES: HelperId = HelperId(61);
    /// `BPF_FUNC_msg_cork_bytes`
    pub const MSG_CORK_BYTES: HelperId = HelperId(62);
    /// `BPF_FUNC_msg_pull_data`
    pub const MSG_PULL_DATA: HelperId = HelperId(63);
    /// `BPF_FUNC_bind`
    pub const BIND: HelperId = HelperId(64);
    /// `BPF_FUNC_xdp_adjust_tail`
    pub const XDP_ADJUST_TAIL: HelperId = HelperId(65);
    /// `BPF_FUNC_skb_get_xfrm_state`
    pub const SKB_GET_XFRM_STATE: HelperId = HelperId(66);
    /// `BPF_FUNC_get_stack`
    pub const GET_STACK: HelperId = HelperId(67);
    /// `BPF_FUNC_skb_load_bytes_relative`
    pub const SKB_LOAD_BYTES_RELATIVE: HelperId = HelperId(68);
    /// `BPF_FUNC_fib_lookup`
    pub const FIB_LOOKUP: HelperId = HelperId(69);
    /// `BPF_FUNC_sock_hash_update`
    pub const SOCK_HASH_UPDATE: HelperId = HelperId(70);
    /// `BPF_FUNC_msg_redirect_hash`
    pub const MSG_REDIRECT_HASH: HelperId = HelperId(71);
    /// `BPF_FUNC_sk_redirect_hash`
    pub const SK_REDIRECT_HASH: HelperId = HelperId(72);
    /// `BPF_FUNC_lwt_push_encap`
    pub const LWT_PUSH_ENCAP: HelperId = HelperId(73);
    /// `BPF_FUNC_lwt_seg6_store_bytes`
    pub const LWT_SEG6_STORE_BYTES: HelperId = HelperId(74);
    /// `BPF_FUNC_lwt_seg6_adjust_srh`
    pub const LWT_SEG6_ADJUST_SRH: HelperId = HelperId(75);
    /// `BPF_FUNC_lwt_seg6_action`
    pub const LWT_SEG6_ACTION: HelperId = HelperId(76);
    /// `BPF_FUNC_rc_repeat`
    pub const RC_REPEAT: HelperId = HelperId(77);
    /// `BPF_FUNC_rc_keydown`
    pub const RC_KEYDOWN: HelperId = HelperId(78);
    /// `BPF_FUNC_skb_cgroup_id`
    pub const SKB_CGROUP_ID: HelperId = HelperId(79);
    /// `BPF_FUNC_get_current_cgroup_id`
    pub const GET_CURRENT_CGROUP_ID: HelperId = HelperId(80);
    /// `BPF_FUNC_get_local_storage`
    pub const GET_LOCAL_STORAGE: HelperId = HelperId(81);
    /// `BPF_FUNC_sk_select_reuseport`
    pub const SK_SELECT_REUSEPORT: HelperId = HelperId(82);
    /// `BPF_FUNC_skb_ancestor_cgroup_id`
    pub const SKB_ANCESTOR_CGROUP_ID: HelperId = HelperId(83);
    /// `BPF_FUNC_sk_lookup_tcp`
    pub const SK_LOOKUP_TCP: HelperId = HelperId(84);
    /// `BPF_FUNC_sk_lookup_udp`
    pub const SK_LOOKUP_UDP: HelperId = HelperId(85);
    /// `BPF_FUNC_sk_release`
    pub const SK_RELEASE: HelperId = HelperId(86);
    /// `BPF_FUNC_map_push_elem`
    pub const MAP_PUSH_ELEM: HelperId = HelperId(87);
    /// `BPF_FUNC_map_pop_elem`
    pub const MAP_POP_ELEM: HelperId = HelperId(88);
    /// `BPF_FUNC_map_peek_elem`
    pub const MAP_PEEK_ELEM: HelperId = HelperId(89);
    /// `BPF_FUNC_msg_push_data`
    pub const MSG_PUSH_DATA: HelperId = HelperId(90);
    /// `BPF_FUNC_msg_pop_data`
    pub const MSG_POP_DATA: HelperId = HelperId(91);
    /// `BPF_FUNC_rc_pointer_rel`
    pub const RC_POINTER_REL: HelperId = HelperId(92);
    /// `BPF_FUNC_spin_lock`
    pub const SPIN_LOCK: HelperId = HelperId(93);
    /// `BPF_FUNC_spin_unlock`
    pub const SPIN_UNLOCK: HelperId = HelperId(94);
    /// `BPF_FUNC_sk_fullsock`
    pub const SK_FULLSOCK: HelperId = HelperId(95);
    /// `BPF_FUNC_tcp_sock`
    pub const TCP_SOCK: HelperId = HelperId(96);
    /// `BPF_FUNC_skb_ecn_set_ce`
    pub const SKB_ECN_SET_CE: HelperId = HelperId(97);
    /// `BPF_FUNC_get_listener_sock`
    pub const GET_LISTENER_SOCK: HelperId = HelperId(98);
    /// `BPF_FUNC_skc_lookup_tcp`
    pub const SKC_LOOKUP_TCP: HelperId = HelperId(99);
    /// `BPF_FUNC_tcp_check_syncookie`
    pub const TCP_CHECK_SYNCOOKIE: HelperId = HelperId(100);
    /// `BPF_FUNC_sysctl_get_name`
    pub const SYSCTL_GET_NAME: HelperId = HelperId(101);
    /// `BPF_FUNC_sysctl_get_current_value`
    pub const SYSCTL_GET_CURRENT_VALUE: HelperId = HelperId(102);
    /// `BPF_FUNC_sysctl_get_new_value`
    pub const SYSCTL_GET_NEW_VALUE: HelperId = HelperId(103);
    /// `BPF_FUNC_sysctl_set_new_value`
    pub const SYSCTL_SET_NEW_VALUE: HelperId = HelperId(104);
    /// `BPF_FUNC_strtol`
    pub const STRTOL: HelperId = HelperId(105);
    /// `BPF_FUNC_strtoul`
    pub const STRTOUL: HelperId = HelperId(106);
    /// `BPF_FUNC_sk_storage_get`
    pub const SK_STORAGE_GET: HelperId = HelperId(107);
    /// `BPF_FUNC_sk_storage_delete`
    pub const SK_STORAGE_DELETE: HelperId = HelperId(108);
    /// `BPF_FUNC_send_signal`
    pub const SEND_SIGNAL: HelperId = HelperId(109);
    /// `BPF_FUNC_tcp_gen_syncookie`
    pub const TCP_GEN_SYNCOOKIE: HelperId = HelperId(110);
    /// `BPF_FUNC_skb_output`
    pub const SKB_OUTPUT: HelperId = HelperId(111);
    /// `BPF_FUNC_probe_read_user`
    pub const PROBE_READ_USER: HelperId = HelperId(112);
    /// `BPF_FUNC_probe_read_kernel`
    pub const PROBE_READ_KERNEL: HelperId = HelperId(113);
    /// `BPF_FUNC_probe_read_user_str`
    pub const PROBE_READ_USER_STR: HelperId = HelperId(114);
    /// `BPF_FUNC_probe_read_kernel_str`
    pub const PROBE_READ_KERNEL_STR: HelperId = HelperId(115);
    /// `BPF_FUNC_tcp_send_ack`
    pub const TCP_SEND_ACK: HelperId = HelperId(116);
    /// `BPF_FUNC_send_signal_thread`
    pub const SEND_SIGNAL_THREAD: HelperId = HelperId(117);
    /// `BPF_FUNC_jiffies64`
    pub const JIFFIES64: HelperId = HelperId(118);
    /// `BPF_FUNC_read_branch_records`
    pub const READ_BRANCH_RECORDS: HelperId = HelperId(119);
    /// `BPF_FUNC_get_ns_current_pid_tgid`
    pub const GET_NS_CURRENT_PID_TGID: HelperId = HelperId(120);
    /// `BPF_FUNC_xdp_output`
    pub const XDP_OUTPUT: HelperId = HelperId(121);
    /// `BPF_FUNC_get_netns_cookie`
    pub const GET_NETNS_COOKIE: HelperId = HelperId(122);
    /// `BPF_FUNC_get_current_ancestor_cgroup_id`
    pub const GET_CURRENT_ANCESTOR_CGROUP_ID: HelperId = HelperId(123);
    /// `BPF_FUNC_sk_assign`
    pub const SK_ASSIGN: HelperId = HelperId(124);
    /// `BPF_FUNC_ktime_get_boot_ns`
    pub const KTIME_GET_BOOT_NS: HelperId = HelperId(125);
    /// `BPF_FUNC_seq_printf`
    pub const SEQ_PRINTF: HelperId = HelperId(126);
    /// `BPF_FUNC_seq_write`
    pub const SEQ_WRITE: HelperId = HelperId(127);
    /// `BPF_FUNC_sk_cgroup_id`
    pub const SK_CGROUP_ID: HelperId = HelperId(128);
    /// `BPF_FUNC_sk_ancestor_cgroup_id`
    pub const SK_ANCESTOR_CGROUP_ID: HelperId = HelperId(129);
    /// `BPF_FUNC_ringbuf_output`
    pub const RINGBUF_OUTPUT: HelperId = HelperId(130);
    /// `BPF_FUNC_ringbuf_reserve`
    pub const RINGBUF_RESERVE: HelperId = HelperId(131);
    /// `BPF_FUNC_ringbuf_submit`
    pub const RINGBUF_SUBMIT: HelperId = HelperId(132);
    /// `BPF_FUNC_ringbuf_discard`
    pub const RINGBUF_DISCARD: HelperId = HelperId(133);
    /// `BPF_FUNC_ringbuf_query`
    pub const RINGBUF_QUERY: HelperId = HelperId(134);
    /// `BPF_FUNC_csum_level`
    pub const CSUM_LEVEL: HelperId = HelperId(135);
    /// `BPF_FUNC_skc_to_tcp6_sock`
    pub const SKC_TO_TCP6_SOCK: HelperId = HelperId(136);
    /// `BPF_FUNC_skc_to_tcp_sock`
    pub const SKC_TO_TCP_SOCK: HelperId = HelperId(137);
    /// `BPF_FUNC_skc_to_tcp_timewait_sock`
    pub const SKC_TO_TCP_TIMEWAIT_SOCK: HelperId = HelperId(138);
    /// `BPF_FUNC_skc_to_tcp_request_sock`
    pub const SKC_TO_TCP_REQUEST_SOCK: HelperId = HelperId(139);
    /// `BPF_FUNC_skc_to_udp6_sock`
    pub const SKC_TO_UDP6_SOCK: HelperId = HelperId(140);
    /// `BPF_FUNC_get_task_stack`
    pub const GET_TASK_STACK: HelperId = HelperId(141);
    /// `BPF_FUNC_load_hdr_opt`
    pub const LOAD_HDR_OPT: HelperId = HelperId(142);
    /// `BPF_FUNC_store_hdr_opt`
    pub const STORE_HDR_OPT: HelperId = HelperId(143);
    /// `BPF_FUNC_reserve_hdr_opt`
    pub const RESERVE_HDR_OPT: HelperId = HelperId(144);
    /// `BPF_FUNC_inode_storage_get`
    pub const INODE_STORAGE_GET: HelperId = HelperId(145);
    /// `BPF_FUNC_inode_storage_delete`
    pub const INODE_STORAGE_DELETE: HelperId = HelperId(146);
    /// `BPF_FUNC_d_path`
    pub const D_PATH: HelperId = HelperId(147);
    /// `BPF_FUNC_copy_from_user`
    pub const COPY_FROM_USER: HelperId = HelperId(148);
    /// `BPF_FUNC_snprintf_btf`
    pub const SNPRINTF_BTF: HelperId = HelperId(149);
    /// `BPF_FUNC_seq_printf_btf`
    pub const SEQ_PRINTF_BTF: HelperId = HelperId(150);
    /// `BPF_FUNC_skb_cgroup_classid`
    pub const SKB_CGROUP_CLASSID: HelperId = HelperId(151);
    /// `BPF_FUNC_redirect_neigh`
    pub const REDIRECT_NEIGH: HelperId = HelperId(152);
    /// `BPF_FUNC_per_cpu_ptr`
    pub const PER_CPU_PTR: HelperId = HelperId(153);
    /// `BPF_FUNC_this_cpu_ptr`
    pub const THIS_CPU_PTR: HelperId = HelperId(154);
    /// `BPF_FUNC_redirect_peer`
    pub const REDIRECT_PEER: HelperId = HelperId(155);
    /// `BPF_FUNC_task_storage_get`
    pub const TASK_STORAGE_GET: HelperId = HelperId(156);
    /// `BPF_FUNC_task_storage_delete`
    pub const TASK_STORAGE_DELETE: HelperId = HelperId(157);
    /// `BPF_FUNC_get_current_task_btf`
    pub const GET_CURRENT_TASK_BTF: HelperId = HelperId(158);
    /// `BPF_FUNC_bprm_opts_set`
    pub const BPRM_OPTS_SET: HelperId = HelperId(159);
    /// `BPF_FUNC_ktime_get_coarse_ns`
    pub const KTIME_GET_COARSE_NS: HelperId = HelperId(160);
    /// `BPF_FUNC_ima_inode_hash`
    pub const IMA_INODE_HASH: HelperId = HelperId(161);
    /// `BPF_FUNC_sock_from_file`
    pub const SOCK_FROM_FILE: HelperId = HelperId(162);
    /// `BPF_FUNC_check_mtu`
    pub const CHECK_MTU: HelperId = HelperId(163);
    /// `BPF_FUNC_for_each_map_elem`
    pub const FOR_EACH_MAP_ELEM: HelperId = HelperId(164);
    /// `BPF_FUNC_snprintf`
    pub const SNPRINTF: HelperId = HelperId(165);
    /// `BPF_FUNC_sys_bpf`
    pub const SYS_BPF: HelperId = HelperId(166);
    /// `BPF_FUNC_btf_find_by_name_kind`
    pub const BTF_FIND_BY_NAME_KIND: HelperId = HelperId(167);
    /// `BPF_FUNC_sys_close`
    pub const SYS_CLOSE: HelperId = HelperId(168);
    /// `BPF_FUNC_timer_init`
    pub const TIMER_INIT: HelperId = HelperId(169);
    /// `BPF_FUNC_timer_set_callback`
    pub const TIMER_SET_CALLBACK: HelperId = HelperId(170);
    /// `BPF_FUNC_timer_start`
    pub const TIMER_START: HelperId = HelperId(171);
    /// `BPF_FUNC_timer_cancel`
    pub const TIMER_CANCEL: HelperId = HelperId(172);
    /// `BPF_FUNC_get_func_ip`
    pub const GET_FUNC_IP: HelperId = HelperId(173);
    /// `BPF_FUNC_get_attach_cookie`
    pub const GET_ATTACH_COOKIE: HelperId = HelperId(174);
    /// `BPF_FUNC_task_pt_regs`
    pub const TASK_PT_REGS: HelperId = HelperId(175);
    /// `BPF_FUNC_get_branch_snapshot`
    pub const GET_BRANCH_SNAPSHOT: HelperId = HelperId(176);
    /// `BPF_FUNC_trace_vprintk`
    pub const TRACE_VPRINTK: HelperId = HelperId(177);
    /// `BPF_FUNC_skc_to_unix_sock`
    pub const SKC_TO_UNIX_SOCK: HelperId = HelperId(178);
    /// `BPF_FUNC_kallsyms_lookup_name`
    pub const KALLSYMS_LOOKUP_NAME: HelperId = HelperId(179);
    /// `BPF_FUNC_find_vma`
    pub const FIND_VMA: HelperId = HelperId(180);
    /// `BPF_FUNC_loop`
    pub const LOOP: HelperId = HelperId(181);
    /// `BPF_FUNC_strncmp`
    pub const STRNCMP: HelperId = HelperId(182);
    /// `BPF_FUNC_get_func_arg`
    pub const GET_FUNC_ARG: HelperId = HelperId(183);
    /// `BPF_FUNC_get_func_ret`
    pub const GET_FUNC_RET: HelperId = HelperId(184);
    /// `BPF_FUNC_get_func_arg_cnt`
    pub const GET_FUNC_ARG_CNT: HelperId = HelperId(185);
    /// `BPF_FUNC_get_retval`
    pub const GET_RETVAL: HelperId = HelperId(186);
    /// `BPF_FUNC_set_retval`
    pub const SET_RETVAL: HelperId = HelperId(187);
    /// `BPF_FUNC_xdp_get_buff_len`
    pub const XDP_GET_BUFF_LEN: HelperId = HelperId(188);
    /// `BPF_FUNC_xdp_load_bytes`
    pub const XDP_LOAD_BYTES: HelperId = HelperId(189);
    /// `BPF_FUNC_xdp_store_bytes`
    pub const XDP_STORE_BYTES: HelperId = HelperId(190);
    /// `BPF_FUNC_copy_from_user_task`
    pub const COPY_FROM_USER_TASK: HelperId = HelperId(191);
    /// `BPF_FUNC_skb_set_tstamp`
    pub const SKB_SET_TSTAMP: HelperId = HelperId(192);
    /// `BPF_FUNC_ima_file_hash`
    pub const IMA_FILE_HASH: HelperId = HelperId(193);
    /// `BPF_FUNC_kptr_xchg`
    pub const KPTR_XCHG: HelperId = HelperId(194);
    /// `BPF_FUNC_map_lookup_percpu_elem`
    pub const MAP_LOOKUP_PERCPU_ELEM: HelperId = HelperId(195);
    /// `BPF_FUNC_skc_to_mptcp_sock`
    pub const SKC_TO_MPTCP_SOCK: HelperId = HelperId(196);
    /// `BPF_FUNC_dynptr_from_mem`
    pub const DYNPTR_FROM_MEM: HelperId = HelperId(197);
    /// `BPF_FUNC_ringbuf_reserve_dynptr`
    pub const RINGBUF_RESERVE_DYNPTR: HelperId = HelperId(198);
    /// `BPF_FUNC_ringbuf_submit_dynptr`
    pub const RINGBUF_SUBMIT_DYNPTR: HelperId = HelperId(199);
    /// `BPF_FUNC_ringbuf_discard_dynptr`
    pub const RINGBUF_DISCARD_DYNPTR: HelperId = HelperId(200);
    /// `BPF_FUNC_dynptr_read`
    pub const DYNPTR_READ: HelperId = HelperId(201);
    /// `BPF_FUNC_dynptr_write`
    pub const DYNPTR_WRITE: HelperId = HelperId(202);
    /// `BPF_FUNC_dynptr_data`
    pub const DYNPTR_DATA: HelperId = HelperId(203);
    /// `BPF_FUNC_tcp_raw_gen_syncookie_ipv4`
    pub const TCP_RAW_GEN_SYNCOOKIE_IPV4: HelperId = HelperId(204);
    /// `BPF_FUNC_tcp_raw_gen_syncookie_ipv6`
    pub const TCP_RAW_GEN_SYNCOOKIE_IPV6: HelperId = HelperId(205);
    /// `BPF_FUNC_tcp_raw_check_syncookie_ipv4`
    pub const TCP_RAW_CHECK_SYNCOOKIE_IPV4: HelperId = HelperId(206);
    /// `BPF_FUNC_tcp_raw_check_syncookie_ipv6`
    pub const TCP_RAW_CHECK_SYNCOOKIE_IPV6: HelperId = HelperId(207);
    /// `BPF_FUNC_ktime_get_tai_ns`
    pub const KTIME_GET_TAI_NS: HelperId = HelperId(208);
    /// `BPF_FUNC_user_ringbuf_drain`
    pub const USER_RINGBUF_DRAIN: HelperId = HelperId(209);
    /// `BPF_FUNC_cgrp_storage_get`
    pub const CGRP_STORAGE_GET: HelperId = HelperId(210);
    /// `BPF_FUNC_cgrp_storage_delete`
    pub const CGRP_STORAGE_DELETE: HelperId = HelperId(211);
}

impl HelperId {
    /// Each value with its name: the lower-case enumerator without `BPF_FUNC_`. Where two enumerators share a
    /// value, the first stands, unless it is marked deprecated.
    pub(super) const NAMES: &'static [(HelperId, &'static str)] = &[
        (HelperId(0), "unspec"),
        (HelperId(1), "map_lookup_elem"),
        (HelperId(2), "map_update_elem"),
        (HelperId(3), "map_delete_elem"),
        (HelperId(4), "probe_read"),
        (HelperId(5), "ktime_get_ns"),
        (HelperId(6), "trace_printk"),
        (HelperId(7), "get_prandom_u32"),
        (HelperId(8), "get_smp_processor_id"),
        (HelperId(9), "skb_store_bytes"),
        (HelperId(10), "l3_csum_replace"),
        (HelperId(11), "l4_csum_replace"),
        (HelperId(12), "tail_call"),
        (HelperId(13), "clone_redirect"),
        (HelperId(14), "get_current_pid_tgid"),
        (HelperId(15), "get_current_uid_gid"),
        (HelperId(16), "get_current_comm"),
        (HelperId(17), "get_cgroup_classid"),
        (HelperId(18), "skb_vlan_push"),
        (HelperId(19), "skb_vlan_pop"),
        (HelperId(20), "skb_get_tunnel_key"),
        (HelperId(21), "skb_set_tunnel_key"),
        (HelperId(22), "perf_event_read"),
        (HelperId(23), "redirect"),
        (HelperId(24), "get_route_realm"),
        (HelperId(25), "perf_event_output"),
        (HelperId(26), "skb_load_bytes"),
        (HelperId(27), "get_stackid"),
        (HelperId(28), "csum_diff"),
        (HelperId(29), "skb_get_tunnel_opt"),
        (HelperId(30), "skb_set_tunnel_opt"),
        (HelperId(31), "skb_change_proto"),
        (HelperId(32), "skb_change_type"),
        (HelperId(33), "skb_under_cgroup"),
        (HelperId(34), "get_hash_recalc"),
        (HelperId(35), "get_current_task"),
        (HelperId(36), "probe_write_user"),
        (HelperId(37), "current_task_under_cgroup"),
        (HelperId(38), "skb_change_tail"),
        (HelperId(39), "skb_pull_data"),
        (HelperId(40), "csum_update"),
        (HelperId(41), "set_hash_invalid"),
        (HelperId(42), "get_numa_node_id"),
        (HelperId(43), "skb_change_head"),
        (HelperId(44), "xdp_adjust_head"),
        (HelperId(45), "probe_read_str"),
        (HelperId(46), "get_socket_cookie"),
        (HelperId(47), "get_socket_uid"),
        (HelperId(48), "set_hash"),
        (HelperId(49), "setsockopt"),
        (HelperId(50), "skb_adjust_room"),
        (HelperId(51), "redirect_map"),
        (HelperId(52), "sk_redirect_map"),
        (HelperId(53), "sock_map_update"),
        (HelperId(54), "xdp_adjust_meta"),
        (HelperId(55), "perf_event_read_value"),
        (HelperId(56), "perf_prog_read_value"),
        (HelperId(57), "getsockopt"),
        (HelperId(58), "override_return"),
        (HelperId(59), "sock_ops_cb_flags_set"),
        (HelperId(60), "msg_redirect_map"),
        (HelperId(61), "msg_apply_bytes"),
        (HelperId(62), "msg_cork_bytes"),
        (HelperId(63), "msg_pull_data"),
        (HelperId(64), "bind"),
        (HelperId(65), "xdp_adjust_tail"),
        (HelperId(66), "skb_get_xfrm_state"),
        (HelperId(67), "get_stack"),
        (HelperId(68), "skb_load_bytes_relative"),
        (HelperId(69), "fib_lookup"),
        (HelperId(70), "sock_hash_update"),
        (HelperId(71), "msg_redirect_hash"),
        (HelperId(72), "sk_redirect_hash"),
        (HelperId(73), "lwt_push_encap"),
        (HelperId(74), "lwt_seg6_store_bytes"),
        (HelperId(75), "lwt_seg6_adjust_srh"),
        (HelperId(76), "lwt_seg6_action"),
        (HelperId(77), "rc_repeat"),
        (HelperId(78), "rc_keydown"),
        (HelperId(79), "skb_cgroup_id"),
        (HelperId(80), "get_current_cgroup_id"),
        (HelperId(81), "get_local_storage"),
        (HelperId(82), "sk_select_reuseport"),
        (HelperId(83), "skb_ancestor_cgroup_id"),
        (HelperId(84), "sk_lookup_tcp"),
        (HelperId(85), "sk_lookup_udp"),
        (HelperId(86), "sk_release"),
        (HelperId(87), "map_push_elem"),
        (HelperId(88), "map_pop_elem"),
        (HelperId(89), "map_peek_elem"),
        (HelperId(90), "msg_push_data"),
        (HelperId(91), "msg_pop_data"),
        (HelperId(92), "rc_pointer_rel"),
        (HelperId(93), "spin_lock"),
        (HelperId(94), "spin_unlock"),
        (HelperId(95), "sk_fullsock"),
        (HelperId(96), "tcp_sock"),
        (HelperId(97), "skb_ecn_set_ce"),
        (HelperId(98), "get_listener_sock"),
        (HelperId(99), "skc_lookup_tcp"),
        (HelperId(100), "tcp_check_syncookie"),
        (HelperId(101), "sysctl_get_name"),
        (HelperId(102), "sysctl_get_current_value"),
        (HelperId(103), "sysctl_get_new_value"),
        (HelperId(104), "sysctl_set_new_value"),
        (HelperId(105), "strtol"),
        (HelperId(106), "strtoul"),
        (HelperId(107), "sk_storage_get"),
        (HelperId(108), "sk_storage_delete"),
        (HelperId(109), "send_signal"),
        (HelperId(110), "tcp_gen_syncookie"),
        (HelperId(111), "skb_output"),
        (HelperId(112), "probe_read_user"),
        (HelperId(113), "probe_read_kernel"),
        (HelperId(114), "probe_read_user_str"),
        (HelperId(115), "probe_read_kernel_str"),
        (HelperId(116), "tcp_send_ack"),
        (HelperId(117), "send_signal_thread"),
        (HelperId(118), "jiffies64"),
        (HelperId(119), "read_branch_records"),
        (HelperId(120), "get_ns_current_pid_tgid"),
        (HelperId(121), "xdp_output"),
        (HelperId(122), "get_netns_cookie"),
        (HelperId(123), "get_current_ancestor_cgroup_id"),
        (HelperId(124), "sk_assign"),
        (HelperId(125), "ktime_get_boot_ns"),
        (HelperId(126), "seq_printf"),
        (HelperId(127), "seq_write"),
        (HelperId(128), "sk_cgroup_id"),
        (HelperId(129), "sk_ancestor_cgroup_id"),
        (HelperId(130), "ringbuf_output"),
        (HelperId(131), "ringbuf_reserve"),
        (HelperId(132), "ringbuf_submit"),
        (HelperId(133), "ringbuf_discard"),
        (HelperId(134), "ringbuf_query"),
        (HelperId(135), "csum_level"),
        (HelperId(136), "skc_to_tcp6_sock"),
        (HelperId(137), "skc_to_tcp_sock"),
        (HelperId(138), "skc_to_tcp_timewait_sock"),
        (HelperId(139), "skc_to_tcp_request_sock"),
        (HelperId(140), "skc_to_udp6_sock"),
        (HelperId(141), "get_task_stack"),
        (HelperId(142), "load_hdr_opt"),
        (HelperId(143), "store_hdr_opt"),
        (HelperId(144), "reserve_hdr_opt"),
        (HelperId(145), "inode_storage_get"),
        (HelperId(146), "inode_storage_delete"),
        (HelperId(147), "d_path"),
        (HelperId(148), "copy_from_user"),
        (HelperId(149), "snprintf_btf"),
        (HelperId(150), "seq_printf_btf"),
        (HelperId(151), "skb_cgroup_classid"),
        (HelperId(152), "redirect_neigh"),
        (HelperId(153), "per_cpu_ptr"),
        (HelperId(154), "this_cpu_ptr"),
        (HelperId(155), "redirect_peer"),
        (HelperId(156), "task_storage_get"),
        (HelperId(157), "task_storage_delete"),
        (HelperId(158), "get_current_task_btf"),
        (HelperId(159), "bprm_opts_set"),
        (HelperId(160), "ktime_get_coarse_ns"),
        (HelperId(161), "ima_inode_hash"),
        (HelperId(162), "sock_from_file"),
        (HelperId(163), "check_mtu"),
        (HelperId(164), "for_each_map_elem"),
        (HelperId(165), "snprintf"),
        (HelperId(166), "sys_bpf"),
        (HelperId(167), "btf_find_by_name_kind"),
        (HelperId(168), "sys_close"),
        (HelperId(169), "timer_init"),
        (HelperId(170), "timer_set_callback"),
        (HelperId(171), "timer_start"),
        (HelperId(172), "timer_cancel"),
        (HelperId(173), "get_func_ip"),
        (HelperId(174), "get_attach_cookie"),
        (HelperId(175), "task_pt_regs"),
        (HelperId(176), "get_branch_snapshot"),
        (HelperId(177), "trace_vprintk"),
        (HelperId(178), "skc_to_unix_sock"),
        (HelperId(179), "kallsyms_lookup_name"),
        (HelperId(180), "find_vma"),
        (HelperId(181), "loop"),
        (HelperId(182), "strncmp"),
        (HelperId(183), "get_func_arg"),
        (HelperId(184), "get_func_ret"),
        (HelperId(185), "get_func_arg_cnt"),
        (HelperId(186), "get_retval"),
        (HelperId(187), "set_retval"),
        (HelperId(188), "xdp_get_buff_len"),
        (HelperId(189), "xdp_load_bytes"),
        (HelperId(190), "xdp_store_bytes"),
        (HelperId(191), "copy_from_user_task"),
        (HelperId(192), "skb_set_tstamp"),
        (HelperId(193), "ima_file_hash"),
        (HelperId(194), "kptr_xchg"),
        (HelperId(195), "map_lookup_percpu_elem"),
        (HelperId(196), "skc_to_mptcp_sock"),
        (HelperId(197), "dynptr_from_mem"),
        (HelperId(198), "ringbuf_reserve_dynptr"),
        (HelperId(199), "ringbuf_submit_dynptr"),
        (HelperId(200), "ringbuf_discard_dynptr"),
        (HelperId(201), "dynptr_read"),
        (HelperId(202), "dynptr_write"),
        (HelperId(203), "dynptr_data"),
        (HelperId(204), "tcp_raw_gen_syncookie_ipv4"),
        (HelperId(205), "tcp_raw_gen_syncookie_ipv6"),
        (HelperId(206), "tcp_raw_check_syncookie_ipv4"),
        (HelperId(207), "tcp_raw_check_syncookie_ipv6"),
        (HelperId(208), "ktime_get_tai_ns"),
        (HelperId(209), "user_ringbuf_drain"),
        (HelperId(210), "cgrp_storage_get"),
        (HelperId(211), "cgrp_storage_delete"),
    ];
}

/// `enum xdp_action`; values newer than this crate pass through unchanged.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct XdpAction(pub u32);

impl XdpAction {
    /// `XDP_ABORTED`
    pub const ABORTED: XdpAction = XdpAction(0);
    /// `XDP_DROP`
    pub const DROP: XdpAction = XdpAction(1);
    /// `XDP_PASS`
    pub const PASS: XdpAction = XdpAction(2);
    /// `XDP_TX`
    pub const TX: XdpAction = XdpAction(3);
    /// `XDP_REDIRECT`
    pub const REDIRECT: XdpAction = XdpAction(4);
}

impl XdpAction {
    /// Each value with its name: the lower-case enumerator without `XDP_`. Where two enumerators share a
    /// value, the first stands, unless it is marked deprecated.
    pub(super) const NAMES: &'static [(XdpAction, &'static str)] = &[
        (XdpAction(0), "aborted"),
        (XdpAction(1), "drop"),
        (XdpAction(2), "pass"),
        (XdpAction(3), "tx"),
        (XdpAction(4), "redirect"),
    ];
}

/// `enum bpf_task_fd_type`; values newer than this crate pass through unchanged.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TaskFdType(pub u32);

impl TaskFdType {
    /// `BPF_FD_TYPE_RAW_TRACEPOINT`
    pub const RAW_TRACEPOINT: TaskFdType = TaskFdType(0);
    /// `BPF_FD_TYPE_TRACEPOINT`
    pub const TRACEPOINT: TaskFdType = TaskFdType(1);
    /// `BPF_FD_TYPE_KPROBE`
    pub const KPROBE: TaskFdType = TaskFdType(2);
    /// `BPF_FD_TYPE_KRETPROBE`
    pub const KRETPROBE: TaskFdType = TaskFdType(3);
    /// `BPF_FD_TYPE_UPROBE`
    pub const UPROBE: TaskFdType = TaskFdType(4);
    /// `BPF_FD_TYPE_URETPROBE`
    pub const URETPROBE: TaskFdType = TaskFdType(5);
}

impl TaskFdType {
    /// Each value with its name: the lower-case enumerator without `BPF_FD_TYPE_`. Where two enumerators share a
    /// value, the first stands, unless it is marked deprecated.
    pub(super) const NAMES: &'static [(TaskFdType, &'static str)] = &[
        (TaskFdType(0), "raw_tracepoint"),
        (TaskFdType(1), "tracepoint"),
        (TaskFdType(2), "kprobe"),
        (TaskFdType(3), "kretprobe"),
        (TaskFdType(4), "uprobe"),
        (TaskFdType(5), "uretprobe"),
    ];
}

/// `enum bpf_core_relo_kind`; values newer than this crate pass through unchanged.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CoreReloKind(pub u32);

impl CoreReloKind {
    /// `BPF_CORE_FIELD_BYTE_OFFSET`
    pub const FIELD_BYTE_OFFSET: CoreReloKind = CoreReloKind(0);
    /// `BPF_CORE_FIELD_BYTE_SIZE`
    pub const FIELD_BYTE_SIZE: CoreReloKind = CoreReloKind(1);
    /// `BPF_CORE_FIELD_EXISTS`
    pub const FIELD_EXISTS: CoreReloKind = CoreReloKind(2);
    /// `BPF_CORE_FIELD_SIGNED`
    pub const FIELD_SIGNED: CoreReloKind = CoreReloKind(3);
    /// `BPF_CORE_FIELD_LSHIFT_U64`
    pub const FIELD_LSHIFT_U64: CoreReloKind = CoreReloKind(4);
    /// `BPF_CORE_FIELD_RSHIFT_U64`
    pub const FIELD_RSHIFT_U64: CoreReloKind = CoreReloKind(5);
    /// `BPF_CORE_TYPE_ID_LOCAL`
    pub const TYPE_ID_LOCAL: CoreReloKind = CoreReloKind(6);
    /// `BPF_CORE_TYPE_ID_TARGET`
    pub const TYPE_ID_TARGET: CoreReloKind = CoreReloKind(7);
    /// `BPF_CORE_TYPE_EXISTS`
    pub const TYPE_EXISTS: CoreReloKind = CoreReloKind(8);
    /// `BPF_CORE_TYPE_SIZE`
    pub const TYPE_SIZE: CoreReloKind = CoreReloKind(9);
    /// `BPF_CORE_ENUMVAL_EXISTS`
    pub const ENUMVAL_EXISTS: CoreReloKind = CoreReloKind(10);
    /// `BPF_CORE_ENUMVAL_VALUE`
    pub const ENUMVAL_VALUE: CoreReloKind = CoreReloKind(11);
    /// `BPF_CORE_TYPE_MATCHES`
    pub const TYPE_MATCHES: CoreReloKind = CoreReloKind(12);
}

impl CoreReloKind {
    /// Each value with its name: the lower-case enumerator without `BPF_CORE_`. Where two enumerators share a
    /// value, the first stands, unless it is marked deprecated.
    pub(super) const NAMES: &'static [(CoreReloKind, &'static str)] = &[
        (CoreReloKind(0), "field_byte_offset"),
        (CoreReloKind(1), "field_byte_size"),
        (CoreReloKind(2), "field_exists"),
        (CoreReloKind(3), "field_signed"),
        (CoreReloKind(4), "field_lshift_u64"),
        (CoreReloKind(5), "field_rshift_u64"),
        (CoreReloKind(6), "type_id_local"),
        (CoreReloKind(7), "type_id_target"),
        (CoreReloKind(8), "type_exists"),
        (CoreReloKind(9), "type_size"),
        (CoreReloKind(10), "enumval_exists"),
        (CoreReloKind(11), "enumval_value"),
        (CoreReloKind(12), "type_matches"),
    ];
}

// enum bpf_cond_pseudo_jmp
pub const BPF_MAY_GOTO: u32 = 0;

pub const BPF_REG_0: u32 = 0;
pub const BPF_REG_1: u32 = 1;
pub const BPF_REG_2: u32 = 2;
pub const BPF_REG_3: u32 = 3;
pub const BPF_REG_4: u32 = 4;
pub const BPF_REG_5: u32 = 5;
pub const BPF_REG_6: u32 = 6;
pub const BPF_REG_7: u32 = 7;
pub const BPF_REG_8: u32 = 8;
pub const BPF_REG_9: u32 = 9;
pub const BPF_REG_10: u32 = 10;

pub const BPF_F_KPROBE_MULTI_RETURN: u32 = 1;

pub const BPF_F_UPROBE_MULTI_RETURN: u32 = 1;
pub const BPF_F_UPROBE_MULTI_PATH_FD: u32 = 2;

// enum bpf_addr_space_cast
pub const BPF_ADDR_SPACE_CAST: u32 = 1;

pub const BPF_ANY: u32 = 0;
pub const BPF_NOEXIST: u32 = 1;
pub const BPF_EXIST: u32 = 2;
pub const BPF_F_LOCK: u32 = 4;
pub const BPF_F_CPU: u32 = 8;
pub const BPF_F_ALL_CPUS: u32 = 16;

pub const BPF_F_NO_PREALLOC: u32 = 1;
pub const BPF_F_NO_COMMON_LRU: u32 = 2;
pub const BPF_F_NUMA_NODE: u32 = 4;
pub const BPF_F_RDONLY: u32 = 8;
pub const BPF_F_WRONLY: u32 = 16;
pub const BPF_F_STACK_BUILD_ID: u32 = 32;
pub const BPF_F_ZERO_SEED: u32 = 64;
pub const BPF_F_RDONLY_PROG: u32 = 128;
pub const BPF_F_WRONLY_PROG: u32 = 256;
pub const BPF_F_CLONE: u32 = 512;
pub const BPF_F_MMAPABLE: u32 = 1024;
pub const BPF_F_PRESERVE_ELEMS: u32 = 2048;
pub const BPF_F_INNER_MAP: u32 = 4096;
pub const BPF_F_LINK: u32 = 8192;
pub const BPF_F_PATH_FD: u32 = 16384;
pub const BPF_F_VTYPE_BTF_OBJ_FD: u32 = 32768;
pub const BPF_F_TOKEN_FD: u32 = 0x10000;
pub const BPF_F_SEGV_ON_FAULT: u32 = 0x20000;
pub const BPF_F_NO_USER_CONV: u32 = 0x40000;
pub const BPF_F_RB_OVERWRITE: u32 = 0x80000;

// enum bpf_stack_build_id_status
pub const BPF_STACK_BUILD_ID_EMPTY: u32 = 0;
pub const BPF_STACK_BUILD_ID_VALID: u32 = 1;
pub const BPF_STACK_BUILD_ID_IP: u32 = 2;

pub const BPF_STREAM_STDOUT: u32 = 1;
pub const BPF_STREAM_STDERR: u32 = 2;

pub const BPF_F_RECOMPUTE_CSUM: u32 = 1;
pub const BPF_F_INVALIDATE_HASH: u32 = 2;

pub const BPF_F_HDR_FIELD_MASK: u32 = 15;

pub const BPF_F_PSEUDO_HDR: u32 = 16;
pub const BPF_F_MARK_MANGLED_0: u32 = 32;
pub const BPF_F_MARK_ENFORCE: u32 = 64;
pub const BPF_F_IPV6: u32 = 128;

pub const BPF_F_TUNINFO_IPV6: u32 = 1;

pub const BPF_F_SKIP_FIELD_MASK: u32 = 255;
pub const BPF_F_USER_STACK: u32 = 256;
pub const BPF_F_FAST_STACK_CMP: u32 = 512;
pub const BPF_F_REUSE_STACKID: u32 = 1024;
pub const BPF_F_USER_BUILD_ID: u32 = 2048;

pub const BPF_F_ZERO_CSUM_TX: u32 = 2;
pub const BPF_F_DONT_FRAGMENT: u32 = 4;
pub const BPF_F_SEQ_NUMBER: u32 = 8;
pub const BPF_F_NO_TUNNEL_KEY: u32 = 16;

pub const BPF_F_TUNINFO_FLAGS: u32 = 16;

pub const BPF_F_INDEX_MASK: u64 = 0xffffffff;
pub const BPF_F_CURRENT_CPU: u64 = 0xffffffff;
pub const BPF_F_CTXLEN_MASK: u64 = 0xfffff00000000;

pub const BPF_F_CURRENT_NETNS: i64 = -1;

pub const BPF_CSUM_LEVEL_QUERY: u32 = 0;
pub const BPF_CSUM_LEVEL_INC: u32 = 1;
pub const BPF_CSUM_LEVEL_DEC: u32 = 2;
pub const BPF_CSUM_LEVEL_RESET: u32 = 3;

pub const BPF_F_ADJ_ROOM_FIXED_GSO: u32 = 1;
pub const BPF_F_ADJ_ROOM_ENCAP_L3_IPV4: u32 = 2;
pub const BPF_F_ADJ_ROOM_ENCAP_L3_IPV6: u32 = 4;
pub const BPF_F_ADJ_ROOM_ENCAP_L4_GRE: u32 = 8;
pub const BPF_F_ADJ_ROOM_ENCAP_L4_UDP: u32 = 16;
pub const BPF_F_ADJ_ROOM_NO_CSUM_RESET: u32 = 32;
pub const BPF_F_ADJ_ROOM_ENCAP_L2_ETH: u32 = 64;
pub const BPF_F_ADJ_ROOM_DECAP_L3_IPV4: u32 = 128;
pub const BPF_F_ADJ_ROOM_DECAP_L3_IPV6: u32 = 256;

pub const BPF_ADJ_ROOM_ENCAP_L2_MASK: u32 = 255;
pub const BPF_ADJ_ROOM_ENCAP_L2_SHIFT: u32 = 56;

pub const BPF_F_SYSCTL_BASE_NAME: u32 = 1;

pub const BPF_LOCAL_STORAGE_GET_F_CREATE: u32 = 1;
pub const BPF_SK_STORAGE_GET_F_CREATE: u32 = 1;

pub const BPF_F_GET_BRANCH_RECORDS_SIZE: u32 = 1;

pub const BPF_RB_NO_WAKEUP: u32 = 1;
pub const BPF_RB_FORCE_WAKEUP: u32 = 2;

pub const BPF_RB_AVAIL_DATA: u32 = 0;
pub const BPF_RB_RING_SIZE: u32 = 1;
pub const BPF_RB_CONS_POS: u32 = 2;
pub const BPF_RB_PROD_POS: u32 = 3;
pub const BPF_RB_OVERWRITE_POS: u32 = 4;

pub const BPF_RINGBUF_BUSY_BIT: u32 = 0x80000000;
pub const BPF_RINGBUF_DISCARD_BIT: u32 = 0x40000000;
pub const BPF_RINGBUF_HDR_SZ: u32 = 8;

pub const BPF_SK_LOOKUP_F_REPLACE: u32 = 1;
pub const BPF_SK_LOOKUP_F_NO_REUSEPORT: u32 = 2;

// enum bpf_adj_room_mode
pub const BPF_ADJ_ROOM_NET: u32 = 0;
pub const BPF_ADJ_ROOM_MAC: u32 = 1;

// enum bpf_hdr_start_off
pub const BPF_HDR_START_MAC: u32 = 0;
pub const BPF_HDR_START_NET: u32 = 1;

// enum bpf_lwt_encap_mode
pub const BPF_LWT_ENCAP_SEG6: u32 = 0;
pub const BPF_LWT_ENCAP_SEG6_INLINE: u32 = 1;
pub const BPF_LWT_ENCAP_IP: u32 = 2;

pub const BPF_F_BPRM_SECUREEXEC: u32 = 1;

pub const BPF_F_INGRESS: u32 = 1;
pub const BPF_F_BROADCAST: u32 = 8;
pub const BPF_F_EXCLUDE_INGRESS: u32 = 16;

pub const BPF_SKB_TSTAMP_UNSPEC: u32 = 0;
pub const BPF_SKB_TSTAMP_DELIVERY_MONO: u32 = 1;
pub const BPF_SKB_CLOCK_REALTIME: u32 = 0;
pub const BPF_SKB_CLOCK_MONOTONIC: u32 = 1;
pub const BPF_SKB_CLOCK_TAI: u32 = 2;

// enum bpf_ret_code
pub const BPF_OK: u32 = 0;
pub const BPF_DROP: u32 = 2;
pub const BPF_REDIRECT: u32 = 7;
pub const BPF_LWT_REROUTE: u32 = 128;
pub const BPF_FLOW_DISSECTOR_CONTINUE: u32 = 129;

// enum tcx_action_base
pub const TCX_NEXT: i64 = -1;
pub const TCX_PASS: i64 = 0;
pub const TCX_DROP: i64 = 2;
pub const TCX_REDIRECT: i64 = 7;

// enum sk_action
pub const SK_DROP: u32 = 0;
pub const SK_PASS: u32 = 1;

pub const BPF_SOCK_OPS_RTO_CB_FLAG: u32 = 1;
pub const BPF_SOCK_OPS_RETRANS_CB_FLAG: u32 = 2;
pub const BPF_SOCK_OPS_STATE_CB_FLAG: u32 = 4;
pub const BPF_SOCK_OPS_RTT_CB_FLAG: u32 = 8;
pub const BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG: u32 = 16;
pub const BPF_SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG: u32 = 32;
pub const BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG: u32 = 64;
pub const BPF_SOCK_OPS_ALL_CB_FLAGS: u32 = 127;

pub const SK_BPF_CB_TX_TIMESTAMPING: u32 = 1;
pub const SK_BPF_CB_MASK: u32 = 1;

pub const BPF_SOCK_OPS_VOID: u32 = 0;
pub const BPF_SOCK_OPS_TIMEOUT_INIT: u32 = 1;
pub const BPF_SOCK_OPS_RWND_INIT: u32 = 2;
pub const BPF_SOCK_OPS_TCP_CONNECT_CB: u32 = 3;
pub const BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB: u32 = 4;
pub const BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB: u32 = 5;
pub const BPF_SOCK_OPS_NEEDS_ECN: u32 = 6;
pub const BPF_SOCK_OPS_BASE_RTT: u32 = 7;
pub const BPF_SOCK_OPS_RTO_CB: u32 = 8;
pub const BPF_SOCK_OPS_RETRANS_CB: u32 = 9;
pub const BPF_SOCK_OPS_STATE_CB: u32 = 10;
pub const BPF_SOCK_OPS_TCP_LISTEN_CB: u32 = 11;
pub const BPF_SOCK_OPS_RTT_CB: u32 = 12;
pub const BPF_SOCK_OPS_PARSE_HDR_OPT_CB: u32 = 13;
pub const BPF_SOCK_OPS_HDR_OPT_LEN_CB: u32 = 14;
pub const BPF_SOCK_OPS_WRITE_HDR_OPT_CB: u32 = 15;
pub const BPF_SOCK_OPS_TSTAMP_SCHED_CB: u32 = 16;
pub const BPF_SOCK_OPS_TSTAMP_SND_SW_CB: u32 = 17;
pub const BPF_SOCK_OPS_TSTAMP_SND_HW_CB: u32 = 18;
pub const BPF_SOCK_OPS_TSTAMP_ACK_CB: u32 = 19;
pub const BPF_SOCK_OPS_TSTAMP_SENDMSG_CB: u32 = 20;

pub const BPF_TCP_ESTABLISHED: u32 = 1;
pub const BPF_TCP_SYN_SENT: u32 = 2;
pub const BPF_TCP_SYN_RECV: u32 = 3;
pub const BPF_TCP_FIN_WAIT1: u32 = 4;
pub const BPF_TCP_FIN_WAIT2: u32 = 5;
pub const BPF_TCP_TIME_WAIT: u32 = 6;
pub const BPF_TCP_CLOSE: u32 = 7;
pub const BPF_TCP_CLOSE_WAIT: u32 = 8;
pub const BPF_TCP_LAST_ACK: u32 = 9;
pub const BPF_TCP_LISTEN: u32 = 10;
pub const BPF_TCP_CLOSING: u32 = 11;
pub const BPF_TCP_NEW_SYN_RECV: u32 = 12;
pub const BPF_TCP_BOUND_INACTIVE: u32 = 13;
pub const BPF_TCP_MAX_STATES: u32 = 14;

pub const TCP_BPF_IW: u32 = 1001;
pub const TCP_BPF_SNDCWND_CLAMP: u32 = 1002;
pub const TCP_BPF_DELACK_MAX: u32 = 1003;
pub const TCP_BPF_RTO_MIN: u32 = 1004;
pub const TCP_BPF_SYN: u32 = 1005;
pub const TCP_BPF_SYN_IP: u32 = 1006;
pub const TCP_BPF_SYN_MAC: u32 = 1007;
pub const TCP_BPF_SOCK_OPS_CB_FLAGS: u32 = 1008;
pub const SK_BPF_CB_FLAGS: u32 = 1009;
pub const SK_BPF_BYPASS_PROT_MEM: u32 = 1010;

pub const BPF_LOAD_HDR_OPT_TCP_SYN: u32 = 1;

pub const BPF_WRITE_HDR_TCP_CURRENT_MSS: u32 = 1;
pub const BPF_WRITE_HDR_TCP_SYNACK_COOKIE: u32 = 2;

pub const BPF_DEVCG_ACC_MKNOD: u32 = 1;
pub const BPF_DEVCG_ACC_READ: u32 = 2;
pub const BPF_DEVCG_ACC_WRITE: u32 = 4;

pub const BPF_DEVCG_DEV_BLOCK: u32 = 1;
pub const BPF_DEVCG_DEV_CHAR: u32 = 2;

pub const BPF_FIB_LOOKUP_DIRECT: u32 = 1;
pub const BPF_FIB_LOOKUP_OUTPUT: u32 = 2;
pub const BPF_FIB_LOOKUP_SKIP_NEIGH: u32 = 4;
pub const BPF_FIB_LOOKUP_TBID: u32 = 8;
pub const BPF_FIB_LOOKUP_SRC: u32 = 16;
pub const BPF_FIB_LOOKUP_MARK: u32 = 32;

pub const BPF_FIB_LKUP_RET_SUCCESS: u32 = 0;
pub const BPF_FIB_LKUP_RET_BLACKHOLE: u32 = 1;
pub const BPF_FIB_LKUP_RET_UNREACHABLE: u32 = 2;
pub const BPF_FIB_LKUP_RET_PROHIBIT: u32 = 3;
pub const BPF_FIB_LKUP_RET_NOT_FWDED: u32 = 4;
pub const BPF_FIB_LKUP_RET_FWD_DISABLED: u32 = 5;
pub const BPF_FIB_LKUP_RET_UNSUPP_LWT: u32 = 6;
pub const BPF_FIB_LKUP_RET_NO_NEIGH: u32 = 7;
pub const BPF_FIB_LKUP_RET_FRAG_NEEDED: u32 = 8;
pub const BPF_FIB_LKUP_RET_NO_SRC_ADDR: u32 = 9;

// enum bpf_check_mtu_flags
pub const BPF_MTU_CHK_SEGS: u32 = 1;

// enum bpf_check_mtu_ret
pub const BPF_MTU_CHK_RET_SUCCESS: u32 = 0;
pub const BPF_MTU_CHK_RET_FRAG_NEEDED: u32 = 1;
pub const BPF_MTU_CHK_RET_SEGS_TOOBIG: u32 = 2;

pub const BPF_FLOW_DISSECTOR_F_PARSE_1ST_FRAG: u32 = 1;
pub const BPF_FLOW_DISSECTOR_F_STOP_AT_FLOW_LABEL: u32 = 2;
pub const BPF_FLOW_DISSECTOR_F_STOP_AT_ENCAP: u32 = 4;

pub const BTF_F_COMPACT: u32 = 1;
pub const BTF_F_NONAME: u32 = 2;
pub const BTF_F_PTR_RAW: u32 = 4;
pub const BTF_F_ZERO: u32 = 8;

pub const BPF_F_TIMER_ABS: u32 = 1;
pub const BPF_F_TIMER_CPU_PIN: u32 = 2;

// enum bpf_kfunc_flags
pub const BPF_F_PAD_ZEROS: u32 = 1;

// Object-like macros.
pub const BPF_ABS: u32 = 0x20;
pub const BPF_ADD: u32 = 0;
pub const BPF_ALU: u32 = 4;
pub const BPF_ALU64: u32 = 7;
pub const BPF_AND: u32 = 0x50;
pub const BPF_ARSH: u32 = 0xc0;
pub const BPF_ATOMIC: u32 = 0xc0;
pub const BPF_B: u32 = 0x10;
pub const BPF_BUILD_ID_SIZE: u32 = 0x14;
pub const BPF_CALL: u32 = 0x80;
pub const BPF_CMPXCHG: u32 = 0xf1;
pub const BPF_DIV: u32 = 0x30;
pub const BPF_DW: u32 = 0x18;
pub const BPF_END: u32 = 0xd0;
pub const BPF_EXIT: u32 = 0x90;
pub const BPF_FETCH: u32 = 1;
pub const BPF_FROM_BE: u32 = 8;
pub const BPF_FROM_LE: u32 = 0;
pub const BPF_F_AFTER: u32 = 0x10;
pub const BPF_F_ALLOW_MULTI: u32 = 2;
pub const BPF_F_ALLOW_OVERRIDE: u32 = 1;
pub const BPF_F_ANY_ALIGNMENT: u32 = 2;
pub const BPF_F_BEFORE: u32 = 8;
pub const BPF_F_ID: u32 = 0x20;
pub const BPF_F_NETFILTER_IP_DEFRAG: u32 = 1;
pub const BPF_F_PREORDER: u32 = 0x40;
pub const BPF_F_QUERY_EFFECTIVE: u32 = 1;
pub const BPF_F_REDIRECT_FLAGS: u32 = 0x19;
pub const BPF_F_REPLACE: u32 = 4;
pub const BPF_F_SLEEPABLE: u32 = 0x10;
pub const BPF_F_STRICT_ALIGNMENT: u32 = 1;
pub const BPF_F_TEST_REG_INVARIANTS: u32 = 0x80;
pub const BPF_F_TEST_RND_HI32: u32 = 4;
pub const BPF_F_TEST_RUN_ON_CPU: u32 = 1;
pub const BPF_F_TEST_SKB_CHECKSUM_COMPLETE: u32 = 4;
pub const BPF_F_TEST_STATE_FREQ: u32 = 8;
pub const BPF_F_TEST_XDP_LIVE_FRAMES: u32 = 2;
pub const BPF_F_XDP_DEV_BOUND_ONLY: u32 = 0x40;
pub const BPF_F_XDP_HAS_FRAGS: u32 = 0x20;
pub const BPF_H: u32 = 8;
pub const BPF_IMM: u32 = 0;
pub const BPF_IND: u32 = 0x40;
pub const BPF_JA: u32 = 0;
pub const BPF_JCOND: u32 = 0xe0;
pub const BPF_JEQ: u32 = 0x10;
pub const BPF_JGE: u32 = 0x30;
pub const BPF_JGT: u32 = 0x20;
pub const BPF_JLE: u32 = 0xb0;
pub const BPF_JLT: u32 = 0xa0;
pub const BPF_JMP: u32 = 5;
pub const BPF_JMP32: u32 = 6;
pub const BPF_JNE: u32 = 0x50;
pub const BPF_JSET: u32 = 0x40;
pub const BPF_JSGE: u32 = 0x70;
pub const BPF_JSGT: u32 = 0x60;
pub const BPF_JSLE: u32 = 0xd0;
pub const BPF_JSLT: u32 = 0xc0;
pub const BPF_K: u32 = 0;
pub const BPF_LD: u32 = 0;
pub const BPF_LDX: u32 = 1;
pub const BPF_LEN: u32 = 0x80;
pub const BPF_LOAD_ACQ: u32 = 0x100;
pub const BPF_LSH: u32 = 0x60;
pub const BPF_MAXINSNS: u32 = 0x1000;
pub const BPF_MEM: u32 = 0x60;
pub const BPF_MEMSX: u32 = 0x80;
pub const BPF_MISC: u32 = 7;
pub const BPF_MOD: u32 = 0x90;
pub const BPF_MOV: u32 = 0xb0;
pub const BPF_MSH: u32 = 0xa0;
pub const BPF_MUL: u32 = 0x20;
pub const BPF_NEG: u32 = 0x80;
pub const BPF_OBJ_NAME_LEN: u32 = 0x10;
pub const BPF_OR: u32 = 0x40;
pub const BPF_PSEUDO_BTF_ID: u32 = 3;
pub const BPF_PSEUDO_CALL: u32 = 1;
pub const BPF_PSEUDO_FUNC: u32 = 4;
pub const BPF_PSEUDO_KFUNC_CALL: u32 = 2;
pub const BPF_PSEUDO_MAP_FD: u32 = 1;
pub const BPF_PSEUDO_MAP_IDX: u32 = 5;
pub const BPF_PSEUDO_MAP_IDX_VALUE: u32 = 6;
pub const BPF_PSEUDO_MAP_VALUE: u32 = 2;
pub const BPF_RET: u32 = 6;
pub const BPF_RSH: u32 = 0x70;
pub const BPF_ST: u32 = 2;
pub const BPF_STORE_REL: u32 = 0x110;
pub const BPF_STX: u32 = 3;
pub const BPF_SUB: u32 = 0x10;
pub const BPF_TAG_SIZE: u32 = 8;
pub const BPF_TO_BE: u32 = 8;
pub const BPF_TO_LE: u32 = 0;
pub const BPF_W: u32 = 0;
pub const BPF_X: u32 = 8;
pub const BPF_XADD: u32 = 0xc0;
pub const BPF_XCHG: u32 = 0xe1;
pub const BPF_XOR: u32 = 0xa0;
pub const XDP_PACKET_HEADROOM: u32 = 0x100;

/// `union bpf_attr`, the members of `map_create`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_map_create {
    pub map_type: u32,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
    pub map_flags: u32,
    pub inner_map_fd: u32,
    pub numa_node: u32,
    pub map_name: [u8; 16],
    pub map_ifindex: u32,
    pub btf_fd: u32,
    pub btf_key_type_id: u32,
    pub btf_value_type_id: u32,
    pub btf_vmlinux_value_type_id: u32,
    pub map_extra: u64,
    pub value_type_btf_obj_fd: i32,
    pub map_token_fd: i32,
    pub excl_prog_hash: u64,
    pub excl_prog_hash_size: u32,
    pub _pad0: [u8; 4],
}

/// `union bpf_attr`, the members of `map_elem`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_map_elem {
    pub map_fd: u32,
    pub _pad0: [u8; 4],
    pub key: u64,
    pub value: u64,
    pub flags: u64,
}

/// `union bpf_attr`, the members of `batch`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_batch {
    pub in_batch: u64,
    pub out_batch: u64,
    pub keys: u64,
    pub values: u64,
    pub count: u32,
    pub map_fd: u32,
    pub elem_flags: u64,
    pub flags: u64,
}

/// `union bpf_attr`, the members of `prog_load`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_prog_load {
    pub prog_type: u32,
    pub insn_cnt: u32,
    pub insns: u64,
    pub license: u64,
    pub log_level: u32,
    pub log_size: u32,
    pub log_buf: u64,
    pub kern_version: u32,
    pub prog_flags: u32,
    pub prog_name: [u8; 16],
    pub prog_ifindex: u32,
    pub expected_attach_type: u32,
    pub prog_btf_fd: u32,
    pub func_info_rec_size: u32,
    pub func_info: u64,
    pub func_info_cnt: u32,
    pub line_info_rec_size: u32,
    pub line_info: u64,
    pub line_info_cnt: u32,
    pub attach_btf_id: u32,
    pub attach_prog_fd: u32,
    pub core_relo_cnt: u32,
    pub fd_array: u64,
    pub core_relos: u64,
    pub core_relo_rec_size: u32,
    pub log_true_size: u32,
    pub prog_token_fd: i32,
    pub fd_array_cnt: u32,
    pub signature: u64,
    pub signature_size: u32,
    pub keyring_id: i32,
}

/// `union bpf_attr`, the members of `obj`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_obj {
    pub pathname: u64,
    pub bpf_fd: u32,
    pub file_flags: u32,
    pub path_fd: i32,
    pub _pad0: [u8; 4],
}

/// `union bpf_attr`, the members of `prog_attach`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_prog_attach {
    pub target_fd: u32,
    pub attach_bpf_fd: u32,
    pub attach_type: u32,
    pub attach_flags: u32,
    pub replace_bpf_fd: u32,
    pub relative_fd: u32,
    pub expected_revision: u64,
}

/// `union bpf_attr`, the members of `test`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_test {
    pub prog_fd: u32,
    pub retval: u32,
    pub data_size_in: u32,
    pub data_size_out: u32,
    pub data_in: u64,
    pub data_out: u64,
    pub repeat: u32,
    pub duration: u32,
    pub ctx_size_in: u32,
    pub ctx_size_out: u32,
    pub ctx_in: u64,
    pub ctx_out: u64,
    pub flags: u32,
    pub cpu: u32,
    pub batch_size: u32,
    pub _pad0: [u8; 4],
}

/// `union bpf_attr`, the members of `get_id`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_get_id {
    pub start_id: u32,
    pub next_id: u32,
    pub open_flags: u32,
    pub fd_by_id_token_fd: i32,
}

/// `union bpf_attr`, the members of `info`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_info {
    pub bpf_fd: u32,
    pub info_len: u32,
    pub info: u64,
}

/// `union bpf_attr`, the members of `query`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_query {
    pub target_fd: u32,
    pub attach_type: u32,
    pub query_flags: u32,
    pub attach_flags: u32,
    pub prog_ids: u64,
    pub prog_cnt: u32,
    pub _pad0: [u8; 4],
    pub prog_attach_flags: u64,
    pub link_ids: u64,
    pub link_attach_flags: u64,
    pub revision: u64,
}

/// `union bpf_attr`, the members of `raw_tracepoint`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_raw_tracepoint {
    pub name: u64,
    pub prog_fd: u32,
    pub _pad0: [u8; 4],
    pub cookie: u64,
}

/// `union bpf_attr`, the members of `btf_load`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_btf_load {
    pub btf: u64,
    pub btf_log_buf: u64,
    pub btf_size: u32,
    pub btf_log_size: u32,
    pub btf_log_level: u32,
    pub btf_log_true_size: u32,
    pub btf_flags: u32,
    pub btf_token_fd: i32,
}

/// `union bpf_attr`, the members of `task_fd_query`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_task_fd_query {
    pub pid: u32,
    pub fd: u32,
    pub flags: u32,
    pub buf_len: u32,
    pub buf: u64,
    pub prog_id: u32,
    pub fd_type: u32,
    pub probe_offset: u64,
    pub probe_addr: u64,
}

/// `union bpf_attr`, the members of `link_create` with `target_btf_id`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_create_target_btf_id {
    pub prog_fd: u32,
    pub target_fd: u32,
    pub attach_type: u32,
    pub flags: u32,
    pub target_btf_id: u32,
}

/// `union bpf_attr`, the members of `link_create` with `iter_info`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_create_iter_info {
    pub prog_fd: u32,
    pub target_fd: u32,
    pub attach_type: u32,
    pub flags: u32,
    pub iter_info: u64,
    pub iter_info_len: u32,
    pub _pad0: [u8; 4],
}

/// `union bpf_attr`, the members of `link_create` with `perf_event`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_create_perf_event {
    pub prog_fd: u32,
    pub target_fd: u32,
    pub attach_type: u32,
    pub flags: u32,
    pub perf_event_bpf_cookie: u64,
}

/// `union bpf_attr`, the members of `link_create` with `kprobe_multi`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_create_kprobe_multi {
    pub prog_fd: u32,
    pub target_fd: u32,
    pub attach_type: u32,
    pub flags: u32,
    pub kprobe_multi_flags: u32,
    pub kprobe_multi_cnt: u32,
    pub kprobe_multi_syms: u64,
    pub kprobe_multi_addrs: u64,
    pub kprobe_multi_cookies: u64,
}

/// `union bpf_attr`, the members of `link_create` with `tracing`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_create_tracing {
    pub prog_fd: u32,
    pub target_fd: u32,
    pub attach_type: u32,
    pub flags: u32,
    pub tracing_target_btf_id: u32,
    pub _pad0: [u8; 4],
    pub tracing_cookie: u64,
}

/// `union bpf_attr`, the members of `link_create` with `netfilter`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_create_netfilter {
    pub prog_fd: u32,
    pub target_fd: u32,
    pub attach_type: u32,
    pub flags: u32,
    pub netfilter_pf: u32,
    pub netfilter_hooknum: u32,
    pub netfilter_priority: i32,
    pub netfilter_flags: u32,
}

/// `union bpf_attr`, the members of `link_create` with `tcx`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_create_tcx {
    pub prog_fd: u32,
    pub target_fd: u32,
    pub attach_type: u32,
    pub flags: u32,
    pub tcx_relative_fd: u32,
    pub _pad0: [u8; 4],
    pub tcx_expected_revision: u64,
}

/// `union bpf_attr`, the members of `link_create` with `uprobe_multi`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_create_uprobe_multi {
    pub prog_fd: u32,
    pub target_fd: u32,
    pub attach_type: u32,
    pub flags: u32,
    pub uprobe_multi_path: u64,
    pub uprobe_multi_offsets: u64,
    pub uprobe_multi_ref_ctr_offsets: u64,
    pub uprobe_multi_cookies: u64,
    pub uprobe_multi_cnt: u32,
    pub uprobe_multi_flags: u32,
    pub uprobe_multi_pid: u32,
    pub uprobe_multi_path_fd: u32,
}

/// `union bpf_attr`, the members of `link_create` with `netkit`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_create_netkit {
    pub prog_fd: u32,
    pub target_fd: u32,
    pub attach_type: u32,
    pub flags: u32,
    pub netkit_relative_fd: u32,
    pub _pad0: [u8; 4],
    pub netkit_expected_revision: u64,
}

/// `union bpf_attr`, the members of `link_create` with `cgroup`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_create_cgroup {
    pub prog_fd: u32,
    pub target_fd: u32,
    pub attach_type: u32,
    pub flags: u32,
    pub cgroup_relative_fd: u32,
    pub _pad0: [u8; 4],
    pub cgroup_expected_revision: u64,
}

/// `union bpf_attr`, the members of `link_create` with `tracing_multi`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_create_tracing_multi {
    pub prog_fd: u32,
    pub target_fd: u32,
    pub attach_type: u32,
    pub flags: u32,
    pub tracing_multi_ids: u64,
    pub tracing_multi_cookies: u64,
    pub tracing_multi_cnt: u32,
    pub _pad0: [u8; 4],
}

/// `union bpf_attr`, the members of `link_update`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_update {
    pub link_fd: u32,
    pub new_prog_fd: u32,
    pub flags: u32,
    pub old_prog_fd: u32,
}

/// `union bpf_attr`, the members of `link_detach`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_link_detach {
    pub link_fd: u32,
}

/// `union bpf_attr`, the members of `enable_stats`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_enable_stats {
    pub type_: u32,
}

/// `union bpf_attr`, the members of `iter_create`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_iter_create {
    pub link_fd: u32,
    pub flags: u32,
}

/// `union bpf_attr`, the members of `prog_bind_map`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_prog_bind_map {
    pub prog_fd: u32,
    pub map_fd: u32,
    pub flags: u32,
}

/// `union bpf_attr`, the members of `token_create`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_token_create {
    pub flags: u32,
    pub bpffs_fd: u32,
}

/// `union bpf_attr`, the members of `prog_stream_read`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_prog_stream_read {
    pub stream_buf: u64,
    pub stream_buf_len: u32,
    pub stream_id: u32,
    pub prog_fd: u32,
    pub _pad0: [u8; 4],
}

/// `union bpf_attr`, the members of `prog_assoc_struct_ops`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_attr_prog_assoc_struct_ops {
    pub map_fd: u32,
    pub prog_fd: u32,
    pub flags: u32,
}

/// `union bpf_iter_link_info` with `map`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_iter_link_info_map {
    pub map_map_fd: u32,
    pub _pad0: [u8; 12],
}

/// `union bpf_iter_link_info` with `cgroup`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_iter_link_info_cgroup {
    pub cgroup_order: u32,
    pub cgroup_cgroup_fd: u32,
    pub cgroup_cgroup_id: u64,
}

/// `union bpf_iter_link_info` with `task`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_iter_link_info_task {
    pub task_tid: u32,
    pub task_pid: u32,
    pub task_pid_fd: u32,
    pub _pad0: [u8; 4],
}

/// `struct bpf_common_attr`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_common_attr {
    pub log_buf: u64,
    pub log_size: u32,
    pub log_level: u32,
    pub log_true_size: u32,
    pub _pad0: [u8; 4],
}

/// `struct bpf_stack_build_id`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_stack_build_id {
    pub status: i32,
    pub build_id: [u8; 20],
    pub offset: u64,
}

/// `struct bpf_lpm_trie_key_hdr`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_lpm_trie_key_hdr {
    pub prefixlen: u32,
}

/// `struct bpf_cgroup_storage_key`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_cgroup_storage_key {
    pub cgroup_inode_id: u64,
    pub attach_type: u32,
    pub _pad0: [u8; 4],
}

/// `struct __sk_buff`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct __sk_buff {
    pub len: u32,
    pub pkt_type: u32,
    pub mark: u32,
    pub queue_mapping: u32,
    pub protocol: u32,
    pub vlan_present: u32,
    pub vlan_tci: u32,
    pub vlan_proto: u32,
    pub priority: u32,
    pub ingress_ifindex: u32,
    pub ifindex: u32,
    pub tc_index: u32,
    pub cb: [u32; 5],
    pub hash: u32,
    pub tc_classid: u32,
    pub data: u32,
    pub data_end: u32,
    pub napi_id: u32,
    pub family: u32,
    pub remote_ip4: u32,
    pub local_ip4: u32,
    pub remote_ip6: [u32; 4],
    pub local_ip6: [u32; 4],
    pub remote_port: u32,
    pub local_port: u32,
    pub data_meta: u32,
    pub flow_keys: u64,
    pub tstamp: u64,
    pub wire_len: u32,
    pub gso_segs: u32,
    pub sk: u64,
    pub gso_size: u32,
    pub tstamp_type: u8,
    pub _pad0: [u8; 3],
    pub hwtstamp: u64,
}

/// `struct xdp_md`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct xdp_md {
    pub data: u32,
    pub data_end: u32,
    pub data_meta: u32,
    pub ingress_ifindex: u32,
    pub rx_queue_index: u32,
    pub egress_ifindex: u32,
}

/// `struct bpf_devmap_val`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_devmap_val {
    pub ifindex: u32,
    pub bpf_prog_fd: i32,
}

/// `struct bpf_cpumap_val`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_cpumap_val {
    pub qsize: u32,
    pub bpf_prog_fd: i32,
}

/// `struct bpf_insn_array_value`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_insn_array_value {
    pub orig_off: u32,
    pub xlated_off: u32,
    pub jitted_off: u32,
    pub _pad0: [u8; 4],
}

/// `struct sk_msg_md`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct sk_msg_md {
    pub data: u64,
    pub data_end: u64,
    pub family: u32,
    pub remote_ip4: u32,
    pub local_ip4: u32,
    pub remote_ip6: [u32; 4],
    pub local_ip6: [u32; 4],
    pub remote_port: u32,
    pub local_port: u32,
    pub size: u32,
    pub sk: u64,
}

/// `struct bpf_prog_info`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_prog_info {
    pub type_: u32,
    pub id: u32,
    pub tag: [u8; 8],
    pub jited_prog_len: u32,
    pub xlated_prog_len: u32,
    pub jited_prog_insns: u64,
    pub xlated_prog_insns: u64,
    pub load_time: u64,
    pub created_by_uid: u32,
    pub nr_map_ids: u32,
    pub map_ids: u64,
    pub name: [u8; 16],
    pub ifindex: u32,
    pub gpl_compatible: u32,
    pub netns_dev: u64,
    pub netns_ino: u64,
    pub nr_jited_ksyms: u32,
    pub nr_jited_func_lens: u32,
    pub jited_ksyms: u64,
    pub jited_func_lens: u64,
    pub btf_id: u32,
    pub func_info_rec_size: u32,
    pub func_info: u64,
    pub nr_func_info: u32,
    pub nr_line_info: u32,
    pub line_info: u64,
    pub jited_line_info: u64,
    pub nr_jited_line_info: u32,
    pub line_info_rec_size: u32,
    pub jited_line_info_rec_size: u32,
    pub nr_prog_tags: u32,
    pub prog_tags: u64,
    pub run_time_ns: u64,
    pub run_cnt: u64,
    pub recursion_misses: u64,
    pub verified_insns: u32,
    pub attach_btf_obj_id: u32,
    pub attach_btf_id: u32,
    pub _pad0: [u8; 4],
}

/// `struct bpf_map_info`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_map_info {
    pub type_: u32,
    pub id: u32,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
    pub map_flags: u32,
    pub name: [u8; 16],
    pub ifindex: u32,
    pub btf_vmlinux_value_type_id: u32,
    pub netns_dev: u64,
    pub netns_ino: u64,
    pub btf_id: u32,
    pub btf_key_type_id: u32,
    pub btf_value_type_id: u32,
    pub btf_vmlinux_id: u32,
    pub map_extra: u64,
    pub hash: u64,
    pub hash_size: u32,
    pub _pad0: [u8; 4],
}

/// `struct bpf_btf_info`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_btf_info {
    pub btf: u64,
    pub btf_size: u32,
    pub id: u32,
    pub name: u64,
    pub name_len: u32,
    pub kernel_btf: u32,
}

/// `struct bpf_link_info`: what every link type has
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 32],
    pub _pad1: [u8; 20],
}

/// `struct bpf_link_info` with `raw_tracepoint`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_raw_tracepoint {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub raw_tracepoint_tp_name: u64,
    pub raw_tracepoint_tp_name_len: u32,
    pub _pad1: [u8; 4],
    pub raw_tracepoint_cookie: u64,
    pub _pad2: [u8; 24],
}

/// `struct bpf_link_info` with `tracing`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_tracing {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub tracing_attach_type: u32,
    pub tracing_target_obj_id: u32,
    pub tracing_target_btf_id: u32,
    pub _pad1: [u8; 4],
    pub tracing_cookie: u64,
    pub _pad2: [u8; 24],
}

/// `struct bpf_link_info` with `cgroup`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_cgroup {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub cgroup_cgroup_id: u64,
    pub cgroup_attach_type: u32,
    pub _pad1: [u8; 32],
    pub _pad2: [u8; 4],
}

/// `struct bpf_link_info` with `iter.cgroup`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_iter_cgroup {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub iter_target_name: u64,
    pub iter_target_name_len: u32,
    pub iter_map_map_id: u32,
    pub iter_cgroup_cgroup_id: u64,
    pub iter_cgroup_order: u32,
    pub _pad1: [u8; 20],
}

/// `struct bpf_link_info` with `iter.task`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_iter_task {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub iter_target_name: u64,
    pub iter_target_name_len: u32,
    pub iter_map_map_id: u32,
    pub iter_task_tid: u32,
    pub iter_task_pid: u32,
    pub _pad1: [u8; 24],
}

/// `struct bpf_link_info` with `netns`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_netns {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub netns_netns_ino: u32,
    pub netns_attach_type: u32,
    pub _pad1: [u8; 32],
    pub _pad2: [u8; 8],
}

/// `struct bpf_link_info` with `xdp`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_xdp {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub xdp_ifindex: u32,
    pub _pad1: [u8; 32],
    pub _pad2: [u8; 12],
}

/// `struct bpf_link_info` with `struct_ops`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_struct_ops {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub struct_ops_map_id: u32,
    pub _pad1: [u8; 32],
    pub _pad2: [u8; 12],
}

/// `struct bpf_link_info` with `netfilter`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_netfilter {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub netfilter_pf: u32,
    pub netfilter_hooknum: u32,
    pub netfilter_priority: i32,
    pub netfilter_flags: u32,
    pub _pad1: [u8; 32],
}

/// `struct bpf_link_info` with `kprobe_multi`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_kprobe_multi {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub kprobe_multi_addrs: u64,
    pub kprobe_multi_count: u32,
    pub kprobe_multi_flags: u32,
    pub kprobe_multi_missed: u64,
    pub kprobe_multi_cookies: u64,
    pub _pad1: [u8; 16],
}

/// `struct bpf_link_info` with `uprobe_multi`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_uprobe_multi {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub uprobe_multi_path: u64,
    pub uprobe_multi_offsets: u64,
    pub uprobe_multi_ref_ctr_offsets: u64,
    pub uprobe_multi_cookies: u64,
    pub uprobe_multi_path_size: u32,
    pub uprobe_multi_count: u32,
    pub uprobe_multi_flags: u32,
    pub uprobe_multi_pid: u32,
}

/// `struct bpf_link_info` with `perf_event.uprobe`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_perf_event_uprobe {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub perf_event_type: u32,
    pub _pad1: [u8; 4],
    pub perf_event_uprobe_file_name: u64,
    pub perf_event_uprobe_name_len: u32,
    pub perf_event_uprobe_offset: u32,
    pub perf_event_uprobe_cookie: u64,
    pub perf_event_uprobe_ref_ctr_offset: u64,
    pub _pad2: [u8; 8],
}

/// `struct bpf_link_info` with `perf_event.kprobe`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_perf_event_kprobe {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub perf_event_type: u32,
    pub _pad1: [u8; 4],
    pub perf_event_kprobe_func_name: u64,
    pub perf_event_kprobe_name_len: u32,
    pub perf_event_kprobe_offset: u32,
    pub perf_event_kprobe_addr: u64,
    pub perf_event_kprobe_missed: u64,
    pub perf_event_kprobe_cookie: u64,
}

/// `struct bpf_link_info` with `perf_event.tracepoint`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_perf_event_tracepoint {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub perf_event_type: u32,
    pub _pad1: [u8; 4],
    pub perf_event_tracepoint_tp_name: u64,
    pub perf_event_tracepoint_name_len: u32,
    pub _pad2: [u8; 4],
    pub perf_event_tracepoint_cookie: u64,
    pub _pad3: [u8; 16],
}

/// `struct bpf_link_info` with `perf_event.event`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_perf_event_event {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub perf_event_type: u32,
    pub _pad1: [u8; 4],
    pub perf_event_event_config: u64,
    pub perf_event_event_type: u32,
    pub _pad2: [u8; 4],
    pub perf_event_event_cookie: u64,
    pub _pad3: [u8; 16],
}

/// `struct bpf_link_info` with `tcx`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_tcx {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub tcx_ifindex: u32,
    pub tcx_attach_type: u32,
    pub _pad1: [u8; 32],
    pub _pad2: [u8; 8],
}

/// `struct bpf_link_info` with `netkit`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_netkit {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub netkit_ifindex: u32,
    pub netkit_attach_type: u32,
    pub _pad1: [u8; 32],
    pub _pad2: [u8; 8],
}

/// `struct bpf_link_info` with `sockmap`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_link_info_sockmap {
    pub type_: u32,
    pub id: u32,
    pub prog_id: u32,
    pub _pad0: [u8; 4],
    pub sockmap_map_id: u32,
    pub sockmap_attach_type: u32,
    pub _pad1: [u8; 32],
    pub _pad2: [u8; 8],
}

/// `struct bpf_token_info`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_token_info {
    pub allowed_cmds: u64,
    pub allowed_maps: u64,
    pub allowed_progs: u64,
    pub allowed_attachs: u64,
}

/// `struct bpf_perf_event_value`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_perf_event_value {
    pub counter: u64,
    pub enabled: u64,
    pub running: u64,
}

/// `struct bpf_flow_keys` with `ipv4_src`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_flow_keys_ipv4_src {
    pub nhoff: u16,
    pub thoff: u16,
    pub addr_proto: u16,
    pub is_frag: u8,
    pub is_first_frag: u8,
    pub is_encap: u8,
    pub ip_proto: u8,
    pub n_proto: u16,
    pub sport: u16,
    pub dport: u16,
    pub ipv4_src: u32,
    pub ipv4_dst: u32,
    pub _pad0: [u8; 24],
    pub flags: u32,
    pub flow_label: u32,
}

/// `struct bpf_flow_keys` with `ipv6_src`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_flow_keys_ipv6_src {
    pub nhoff: u16,
    pub thoff: u16,
    pub addr_proto: u16,
    pub is_frag: u8,
    pub is_first_frag: u8,
    pub is_encap: u8,
    pub ip_proto: u8,
    pub n_proto: u16,
    pub sport: u16,
    pub dport: u16,
    pub ipv6_src: [u32; 4],
    pub ipv6_dst: [u32; 4],
    pub flags: u32,
    pub flow_label: u32,
}

/// `struct bpf_func_info`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_func_info {
    pub insn_off: u32,
    pub type_id: u32,
}

/// `struct bpf_line_info`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_line_info {
    pub insn_off: u32,
    pub file_name_off: u32,
    pub line_off: u32,
    pub line_col: u32,
}

/// `struct bpf_sk_lookup` with `sk`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_sk_lookup_sk {
    pub sk: u64,
    pub family: u32,
    pub protocol: u32,
    pub remote_ip4: u32,
    pub remote_ip6: [u32; 4],
    pub remote_port: u16,
    pub _pad0: [u8; 2],
    pub local_ip4: u32,
    pub local_ip6: [u32; 4],
    pub local_port: u32,
    pub ingress_ifindex: u32,
    pub _pad1: [u8; 4],
}

/// `struct bpf_sk_lookup` with `cookie`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_sk_lookup_cookie {
    pub cookie: u64,
    pub family: u32,
    pub protocol: u32,
    pub remote_ip4: u32,
    pub remote_ip6: [u32; 4],
    pub remote_port: u16,
    pub _pad0: [u8; 2],
    pub local_ip4: u32,
    pub local_ip6: [u32; 4],
    pub local_port: u32,
    pub ingress_ifindex: u32,
    pub _pad1: [u8; 4],
}

/// `struct bpf_core_relo`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct bpf_core_relo {
    pub insn_off: u32,
    pub type_id: u32,
    pub access_str_off: u32,
    pub kind: u32,
}
