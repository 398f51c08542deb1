//! The words of `linux/bpf.h`: enumerations, constants and structures, as the kernel spells them.
//!
//! Everything here is plain data and builds on every operating system, so that tools which only read objects can name
//! program types without a kernel. Enumerations are open: a value that this crate does not know yet (a newer kernel's)
//! is carried through unchanged and has no name.

mod flags;
mod generated;

pub use flags::*;
pub use generated::*;

use core::fmt;

/// What every open enumeration of the UAPI can do: names both ways, and a `Debug` that shows the name.
macro_rules! open_enum {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        impl $name {
            $(#[$doc])*
            ///
            /// `None` for a value that this crate does not know.
            pub fn name(self) -> Option<&'static str> {
                // Values are dense from 0 in all but a few enumerations: try the direct slot first.
                match Self::NAMES.get(self.0 as usize) {
                    Some((value, name)) if *value == self => Some(name),
                    _ => Self::NAMES.iter().find(|(value, _)| *value == self).map(|(_, name)| *name),
                }
            }

            /// The value whose [`name`](Self::name) is `name`.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::NAMES.iter().find(|(_, known)| *known == name).map(|(value, _)| *value)
            }

            /// All values this crate knows, each once, in the order of the header.
            pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
                Self::NAMES.iter().map(|(value, _)| *value)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => write!(f, concat!(stringify!($name), "({})"), name),
                    None => write!(f, concat!(stringify!($name), "({})"), self.0),
                }
            }
        }

        /// The name, or the number when there is none.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => fmt::Display::fmt(&self.0, f),
                }
            }
        }

        impl From<$name> for u32 {
            fn from(value: $name) -> u32 {
                value.0
            }
        }
    )*};
}

open_enum! {
    /// The command's name, such as `map_create`.
    Cmd,
    /// The map type's name as libbpf and bpftool print it, such as `hash`.
    #[doc(alias = "libbpf_bpf_map_type_str")]
    MapType,
    /// The program type's name as libbpf and bpftool print it, such as `raw_tracepoint`.
    #[doc(alias = "libbpf_bpf_prog_type_str")]
    ProgType,
    /// The attach type's name as libbpf and bpftool print it, such as `cgroup_inet_ingress`.
    #[doc(alias = "libbpf_bpf_attach_type_str")]
    AttachType,
    /// The link type's name as libbpf and bpftool print it, such as `perf_event`.
    #[doc(alias = "libbpf_bpf_link_type_str")]
    LinkType,
    /// The name of the kind of perf event behind a perf_event link, such as `kprobe`.
    PerfEventType,
    /// The name of the statistics, such as `run_time`.
    StatsType,
    /// The helper's name without `bpf_`, such as `map_lookup_elem`.
    HelperId,
    /// The XDP verdict's name, such as `pass`.
    XdpAction,
    /// What a perf event's fd was opened on, such as `tracepoint`.
    TaskFdType,
    /// The CO-RE relocation kind's name, such as `field_byte_offset`.
    CoreReloKind,
    /// The order in which a cgroup iterator walks, such as `self_only`.
    CgroupIterOrder,
}

impl Cmd {
    /// The enumerator as the header spells it, such as `BPF_MAP_CREATE`: what error messages show.
    pub fn c_name(self) -> Option<&'static str> {
        C_NAMES.get(self.0 as usize).copied()
    }
}

/// The C spelling of each command, in order; `c_names_follow_the_enumeration` keeps it in step with the header.
const C_NAMES: &[&str] = &[
    "BPF_MAP_CREATE",
    "BPF_MAP_LOOKUP_ELEM",
    "BPF_MAP_UPDATE_ELEM",
    "BPF_MAP_DELETE_ELEM",
    "BPF_MAP_GET_NEXT_KEY",
    "BPF_PROG_LOAD",
    "BPF_OBJ_PIN",
    "BPF_OBJ_GET",
    "BPF_PROG_ATTACH",
    "BPF_PROG_DETACH",
    "BPF_PROG_TEST_RUN",
    "BPF_PROG_GET_NEXT_ID",
    "BPF_MAP_GET_NEXT_ID",
    "BPF_PROG_GET_FD_BY_ID",
    "BPF_MAP_GET_FD_BY_ID",
    "BPF_OBJ_GET_INFO_BY_FD",
    "BPF_PROG_QUERY",
    "BPF_RAW_TRACEPOINT_OPEN",
    "BPF_BTF_LOAD",
    "BPF_BTF_GET_FD_BY_ID",
    "BPF_TASK_FD_QUERY",
    "BPF_MAP_LOOKUP_AND_DELETE_ELEM",
    "BPF_MAP_FREEZE",
    "BPF_BTF_GET_NEXT_ID",
    "BPF_MAP_LOOKUP_BATCH",
    "BPF_MAP_LOOKUP_AND_DELETE_BATCH",
    "BPF_MAP_UPDATE_BATCH",
    "BPF_MAP_DELETE_BATCH",
    "BPF_LINK_CREATE",
    "BPF_LINK_UPDATE",
    "BPF_LINK_GET_FD_BY_ID",
    "BPF_LINK_GET_NEXT_ID",
    "BPF_ENABLE_STATS",
    "BPF_ITER_CREATE",
    "BPF_LINK_DETACH",
    "BPF_PROG_BIND_MAP",
    "BPF_TOKEN_CREATE",
    "BPF_PROG_STREAM_READ_BY_FD",
    "BPF_PROG_ASSOC_STRUCT_OPS",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_names_follow_the_enumeration() {
        for cmd in Cmd::all().filter(|cmd| *cmd != Cmd::COMMON_ATTRS) {
            let lower = cmd.c_name().expect("every command has a C name").trim_start_matches("BPF_").to_lowercase();
            assert_eq!(Some(lower.as_str()), cmd.name());
        }
    }

    // The expectations are the strings of libbpf's tables (attach_type_name, map_type_name, prog_type_name).
    #[test]
    fn names_are_libbpfs() {
        assert_eq!(ProgType::RAW_TRACEPOINT.name(), Some("raw_tracepoint"));
        assert_eq!(ProgType(0).name(), Some("unspec"));
        assert_eq!(ProgType::NETFILTER.name(), Some("netfilter"));
        assert_eq!(AttachType::TRACE_RAW_TP.name(), Some("trace_raw_tp"));
        assert_eq!(AttachType::CGROUP_INET_INGRESS.name(), Some("cgroup_inet_ingress"));
        assert_eq!(AttachType::CGROUP_UDP4_RECVMSG.name(), Some("cgroup_udp4_recvmsg"));
        assert_eq!(MapType::CGROUP_STORAGE.name(), Some("cgroup_storage"));
        assert_eq!(MapType::PERCPU_CGROUP_STORAGE.name(), Some("percpu_cgroup_storage"));
        assert_eq!(MapType::RINGBUF.name(), Some("ringbuf"));
        assert_eq!(LinkType::KPROBE_MULTI.name(), Some("kprobe_multi"));
        assert_eq!(ProgType(9999).name(), None);
        assert_eq!(MapType::from_name("lru_percpu_hash"), Some(MapType::LRU_PERCPU_HASH));
        assert_eq!(MapType::from_name("nonesuch"), None);
        assert_eq!(format!("{:?} {} {}", MapType::ARENA, MapType(77), MapType::HASH), "MapType(arena) 77 hash");
    }

    #[test]
    fn names_go_both_ways() {
        for value in AttachType::all() {
            assert_eq!(value.name().and_then(AttachType::from_name), Some(value));
        }
        for value in HelperId::all() {
            assert_eq!(value.name().and_then(HelperId::from_name), Some(value));
        }
    }
}
