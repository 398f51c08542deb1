//! tcx: programs at the ingress and egress of a network device, without a qdisc (from 6.6).

use crate::{
    advice::refused,
    error::{Mechanism, Result},
    link::Link,
    placement::Placement,
};
use purebpf_sys::{
    link::{LinkCreate, LinkTarget},
    uapi::AttachType,
};
use std::os::fd::BorrowedFd;

/// How a program is attached to tcx.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[doc(alias = "bpf_tcx_opts")]
pub struct TcxOptions<'a> {
    /// Where among the others.
    pub placement: Placement<'a>,
    /// The revision of the hook that the placement was chosen for: ESTALE if it has changed since. 0 for any.
    pub expected_revision: u64,
}

impl<'a> TcxOptions<'a> {
    /// Sets [`placement`](Self::placement).
    pub fn placement(mut self, placement: Placement<'a>) -> Self {
        self.placement = placement;
        self
    }

    /// Sets [`expected_revision`](Self::expected_revision).
    pub fn expected_revision(mut self, revision: u64) -> Self {
        self.expected_revision = revision;
        self
    }
}

/// Attaches `prog` (of type SCHED_CLS) to the network device `ifindex`. `attach_type` is `TCX_INGRESS` or `TCX_EGRESS`.
///
/// # Errors
///
/// [`Error::Attach`](crate::Error::Attach): EINVAL before 6.6, ENODEV, ESTALE.
#[doc(alias = "bpf_program__attach_tcx")]
pub fn attach_tcx(
    prog: BorrowedFd<'_>,
    ifindex: u32,
    attach_type: AttachType,
    options: &TcxOptions<'_>,
) -> Result<Link> {
    LinkCreate::new(prog, LinkTarget::Ifindex(ifindex), attach_type)
        .flags(options.placement.flags())
        .relative(options.placement.relative(), options.expected_revision)
        .create()
        .map(Link::kernel)
        .map_err(|source| refused(Mechanism::Tcx, format!("{attach_type} of device {ifindex}"), source))
}
