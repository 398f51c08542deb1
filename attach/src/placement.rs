//! Where among several programs at one hook a new one goes: tcx, and (from 6.17) cgroups.

use purebpf_sys::{prog::Relative, uapi::AttachFlags};

/// A place among the programs of one hook, which run in order.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum Placement<'a> {
    /// Where the kernel puts it: behind the others.
    #[default]
    Default,
    /// Before all others.
    #[doc(alias = "BPF_F_BEFORE")]
    First,
    /// Behind all others.
    #[doc(alias = "BPF_F_AFTER")]
    Last,
    /// Before this one.
    Before(Relative<'a>),
    /// Behind this one.
    After(Relative<'a>),
}

impl<'a> Placement<'a> {
    pub(crate) fn flags(self) -> AttachFlags {
        match self {
            Placement::Default => AttachFlags::empty(),
            Placement::First | Placement::Before(_) => AttachFlags::BEFORE,
            Placement::Last | Placement::After(_) => AttachFlags::AFTER,
        }
    }

    pub(crate) fn relative(self) -> Relative<'a> {
        match self {
            Placement::Before(relative) | Placement::After(relative) => relative,
            _ => Relative::None,
        }
    }

    pub(crate) fn is_default(self) -> bool {
        matches!(self, Placement::Default)
    }
}
