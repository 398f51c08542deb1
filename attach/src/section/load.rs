//! What a section says to whoever loads its program.

use super::{BtfTarget, SectionFlags, SectionName, Target};
use crate::error::Error;
use purebpf_sys::uapi::{AttachType, ProgFlags, ProgType};

/// The part of BPF_PROG_LOAD's attributes that comes from a section name: libbpf's `libbpf_prepare_prog_load`, without
/// the questions it asks the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadAttributes<'n> {
    /// Program type.
    pub prog_type: ProgType,
    /// Expected attach type; 0 where there is none.
    pub expected_attach_type: Option<AttachType>,
    /// The expected attach type is left out (0) on kernels without that attribute (before 4.17).
    pub expected_attach_type_optional: bool,
    /// On kernels with uprobe.multi links the expected attach type is `TRACE_UPROBE_MULTI` instead.
    pub uprobe_multi_if_supported: bool,
    /// `BPF_F_SLEEPABLE` and `BPF_F_XDP_HAS_FRAGS`, where the section says so.
    pub prog_flags: ProgFlags,
    /// A BTF id is needed: of [`attach_btf`](Self::attach_btf), or, when that is `None`, of what the user gives.
    pub needs_attach_btf: bool,
    /// What to look for in BTF.
    pub attach_btf: Option<BtfTarget<'n>>,
}

impl<'n> LoadAttributes<'n> {
    pub(super) fn of(section: &SectionName<'n>) -> Result<LoadAttributes<'n>, Error> {
        let def = section.def;
        let needs_attach_btf = def.flags.contains(SectionFlags::ATTACH_BTF);
        // Other sections' extras matter only when they are attached by them: a name that cannot be attached loads.
        let target = if needs_attach_btf { section.target()? } else { Target::Unspecified };
        let mut prog_flags = ProgFlags::empty();
        prog_flags.set(ProgFlags::SLEEPABLE, def.flags.contains(SectionFlags::SLEEPABLE));
        prog_flags.set(
            ProgFlags::XDP_HAS_FRAGS,
            def.prog_type == ProgType::XDP && def.flags.contains(SectionFlags::XDP_FRAGS),
        );
        Ok(LoadAttributes {
            prog_type: def.prog_type,
            expected_attach_type: def.expected_attach_type,
            expected_attach_type_optional: def.flags.contains(SectionFlags::EXP_ATTACH_OPT),
            uprobe_multi_if_supported: def.flags.contains(SectionFlags::USDT),
            prog_flags,
            needs_attach_btf,
            attach_btf: BtfTarget::of(def.prog_type, def.expected_attach_type, target),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use purebpf_btf::Kind;

    fn of(name: &str) -> LoadAttributes<'_> {
        SectionName::parse(name).unwrap().load_attributes().unwrap()
    }

    // Expectations from libbpf_prepare_prog_load and btf_get_kernel_prefix_kind.
    #[test]
    fn btf_targets_carry_the_kernels_prefixes() {
        let target = |name| of(name).attach_btf.map(|btf| (btf.module, btf.type_name(), btf.kind, btf.in_program));
        assert_eq!(
            target("tp_btf/sched_switch"),
            Some((None, "btf_trace_sched_switch".to_owned(), Kind::Typedef, false))
        );
        assert_eq!(target("fentry/do_exit"), Some((None, "do_exit".to_owned(), Kind::Func, false)));
        assert_eq!(target("fexit.s/xfs:xfs_f"), Some((Some("xfs"), "xfs_f".to_owned(), Kind::Func, false)));
        assert_eq!(target("lsm.s/file_open"), Some((None, "bpf_lsm_file_open".to_owned(), Kind::Func, false)));
        assert_eq!(target("lsm_cgroup/socket_bind"), Some((None, "bpf_lsm_socket_bind".to_owned(), Kind::Func, false)));
        assert_eq!(target("iter/task"), Some((None, "bpf_iter_task".to_owned(), Kind::Func, false)));
        assert_eq!(target("freplace/helper"), Some((None, "helper".to_owned(), Kind::Func, true)));
        assert_eq!(target("kprobe/do_exit"), None);
        assert_eq!(target("fentry"), None);
        assert!(of("fentry").needs_attach_btf);
    }

    #[test]
    fn flags_follow_the_section() {
        assert_eq!(of("uprobe.s//bin/x:f").prog_flags, ProgFlags::SLEEPABLE);
        assert_eq!(of("syscall").prog_flags, ProgFlags::SLEEPABLE);
        assert_eq!(of("xdp.frags/devmap").prog_flags, ProgFlags::XDP_HAS_FRAGS);
        assert_eq!(of("xdp").prog_flags, ProgFlags::empty());
        assert!(of("xdp").expected_attach_type_optional);
        assert!(!of("xdp/devmap").expected_attach_type_optional);
        assert!(of("usdt.s/x:y:z").uprobe_multi_if_supported);
        assert!(!of("uprobe").uprobe_multi_if_supported);
    }

    #[test]
    fn only_targets_that_decide_the_load_must_parse() {
        assert_eq!(of("kprobe/not a function").prog_type, ProgType::KPROBE);
        assert!(SectionName::parse("fentry/not a function").unwrap().load_attributes().is_err());
    }
}
