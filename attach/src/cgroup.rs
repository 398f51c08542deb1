//! cgroups: programs at the hooks of a cgroup and its descendants.

use crate::{
    advice::{dotted, refused},
    error::{Error, Mechanism, Result},
    link::Link,
    placement::Placement,
};
use purebpf_sys::{
    kernel_version,
    link::{LinkCreate, LinkTarget},
    system::version,
    uapi::AttachType,
};
use std::os::fd::BorrowedFd;

/// How a program is attached to a cgroup.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[doc(alias = "bpf_cgroup_opts")]
pub struct CgroupOptions<'a> {
    /// Where among the others of the same cgroup and hook (from 6.17, and 6.12 as Debian has it).
    pub placement: Placement<'a>,
    /// The revision of the hook that the placement was chosen for: ESTALE if it has changed since. 0 for any (from 6.17).
    pub expected_revision: u64,
}

impl<'a> CgroupOptions<'a> {
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

/// Attaches `prog` to the hook `attach_type` of the cgroup whose folder is open as `cgroup`, with a link (from 5.7).
/// `attach_type` is the one the program was loaded with; for `cgroup/skb`, which has none, `CGROUP_INET_INGRESS` or
/// `CGROUP_INET_EGRESS`.
///
/// # Errors
///
/// [`Error::Attach`](crate::Error::Attach): EBADF when `cgroup` is no folder of cgroup2, EPERM without CAP_NET_ADMIN or
/// below a cgroup that allows no more programs, EINVAL for an attach type that does not fit the program.
#[doc(alias = "bpf_program__attach_cgroup")]
#[doc(alias = "bpf_program__attach_cgroup_opts")]
pub fn attach_cgroup(
    prog: BorrowedFd<'_>,
    cgroup: BorrowedFd<'_>,
    attach_type: AttachType,
    options: &CgroupOptions<'_>,
) -> Result<Link> {
    let mut create = LinkCreate::new(prog, LinkTarget::Fd(cgroup), attach_type);
    let placed = !options.placement.is_default() || options.expected_revision != 0;
    if placed {
        create = create
            .flags(options.placement.flags())
            .relative(options.placement.relative(), options.expected_revision);
    }
    create
        .create()
        .map(Link::kernel)
        .map_err(|cause| {
            let target = format!("{attach_type} of a cgroup");
            let running = kernel_version();
            match cause.errno() {
                libc::EINVAL | libc::E2BIG if placed && running != 0 && running < version(6, 17, 0) => Error::Attach {
                    mechanism: Mechanism::Cgroup,
                    target,
                    advice: format!("programs of a cgroup have an order since Linux 6.17, this is {}", dotted(running)),
                    cause,
                },
                _ => refused(Mechanism::Cgroup, target, cause),
            }
        })
}
