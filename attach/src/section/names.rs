//! Types by section name, as libbpf's functions of these names give them.

use super::{SECTIONS, SectionFlags, find_in};
use purebpf_sys::uapi::{AttachType, ProgType};

/// The program type and expected attach type that a section name stands for; `AttachType(0)` where there is none, which
/// is what libbpf loads with. `None` for a name that no row matches (libbpf: ESRCH).
///
/// ```
/// # use purebpf_attach::section::prog_type_by_name;
/// # use purebpf_sys::uapi::{AttachType, ProgType};
/// assert_eq!(prog_type_by_name("lsm/file_open"), Some((ProgType::LSM, AttachType::LSM_MAC)));
/// ```
#[doc(alias = "libbpf_prog_type_by_name")]
pub fn prog_type_by_name(name: &str) -> Option<(ProgType, AttachType)> {
    let (def, _) = find_in(SECTIONS, name)?;
    Some((def.prog_type, def.expected_attach_type.unwrap_or_default()))
}

/// The attach type that a section name stands for. Only the rows that libbpf marks as attachable are known, which are
/// those of hooks that BPF_PROG_ATTACH serves; `None` for the others (libbpf: EINVAL).
#[doc(alias = "libbpf_attach_type_by_name")]
pub fn attach_type_by_name(name: &str) -> Option<AttachType> {
    let (def, _) = find_in(SECTIONS, name)?;
    if def.flags.contains(SectionFlags::ATTACHABLE) { def.expected_attach_type } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expectations from libbpf 1.8's section_defs and the two functions in libbpf.c.
    #[test]
    fn as_libbpf_gives_them() {
        assert_eq!(prog_type_by_name("kprobe/x"), Some((ProgType::KPROBE, AttachType(0))));
        assert_eq!(prog_type_by_name("xdp"), Some((ProgType::XDP, AttachType::XDP)));
        assert_eq!(prog_type_by_name("fexit.s/x"), Some((ProgType::TRACING, AttachType::TRACE_FEXIT)));
        assert_eq!(prog_type_by_name("?xdp"), None);
        assert_eq!(attach_type_by_name("cgroup/skb"), None);
        assert_eq!(attach_type_by_name("cgroup_skb/egress"), Some(AttachType::CGROUP_INET_EGRESS));
        assert_eq!(attach_type_by_name("xdp"), Some(AttachType::XDP));
        assert_eq!(attach_type_by_name("xdp.frags"), None);
        assert_eq!(attach_type_by_name("fentry/x"), None);
    }
}
