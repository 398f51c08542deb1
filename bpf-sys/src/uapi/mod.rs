//! The words of `linux/bpf.h`: enumerations, constants and structures, as the kernel spells them.
//!
//! Everything here is plain data and builds on every operating system, so that tools which only read objects can name
//! program types without a kernel. Enumerations are open: a value that this crate does not know yet (a newer kernel's)
//! is carried through unchanged and has no name.

mod flags;
mod generated;
mod since;

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

#[cfg(test)]
mod tests {
    use super::*;

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
