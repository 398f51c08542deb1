//! BPF_PROG_ATTACH, BPF_PROG_DETACH and BPF_PROG_QUERY: attachment that belongs to the hook and outlives the process.

use crate::{
    error::Result,
    syscall::{address_mut, bpf_attr, fd_number},
    uapi::{AttachFlags, AttachType, Cmd, QueryFlags, bpf_attr_prog_attach, bpf_attr_query},
};
use std::os::fd::BorrowedFd;

/// What a program is attached to without a link.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum AttachTarget<'a> {
    /// A cgroup, a socket map, a network namespace, a lirc device.
    Fd(BorrowedFd<'a>),
    /// A network device (tcx, netkit).
    Ifindex(u32),
    /// The caller's own network namespace, for flow dissectors: the only hook that needs no target.
    None,
}

impl AttachTarget<'_> {
    pub(crate) fn number(self) -> u32 {
        match self {
            AttachTarget::Fd(fd) => fd_number(fd),
            AttachTarget::Ifindex(ifindex) => ifindex,
            AttachTarget::None => 0,
        }
    }
}

/// The program or link at the same hook before or after which the new one goes (with `BEFORE`, `AFTER` or `REPLACE`).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum Relative<'a> {
    /// None: first with `BEFORE`, last with `AFTER`.
    #[default]
    None,
    /// A program.
    ProgFd(BorrowedFd<'a>),
    /// A program, by id.
    ProgId(u32),
    /// A link.
    LinkFd(BorrowedFd<'a>),
    /// A link, by id.
    LinkId(u32),
}

impl Relative<'_> {
    /// The field's value, and the flags that say what it is.
    pub(crate) fn field(self) -> (u32, AttachFlags) {
        match self {
            Relative::None => (0, AttachFlags::empty()),
            Relative::ProgFd(fd) => (fd_number(fd), AttachFlags::empty()),
            Relative::ProgId(id) => (id, AttachFlags::ID),
            Relative::LinkFd(fd) => (fd_number(fd), AttachFlags::LINK),
            Relative::LinkId(id) => (id, AttachFlags::ID | AttachFlags::LINK),
        }
    }
}

/// What BPF_PROG_ATTACH takes.
#[derive(Clone, Debug)]
#[doc(alias = "bpf_prog_attach_opts")]
pub struct ProgAttach<'a> {
    target: AttachTarget<'a>,
    prog: BorrowedFd<'a>,
    attach_type: AttachType,
    flags: AttachFlags,
    replace: Option<BorrowedFd<'a>>,
    relative: Relative<'a>,
    expected_revision: u64,
}

impl<'a> ProgAttach<'a> {
    /// Attachment of `prog` to `target`.
    pub fn new(prog: BorrowedFd<'a>, target: AttachTarget<'a>, attach_type: AttachType) -> Self {
        ProgAttach {
            target,
            prog,
            attach_type,
            flags: AttachFlags::empty(),
            replace: None,
            relative: Relative::None,
            expected_revision: 0,
        }
    }

    /// Place and company; what says what the relative is, comes with [`relative`](Self::relative).
    pub fn flags(mut self, flags: AttachFlags) -> Self {
        self.flags |= flags;
        self
    }

    /// cgroups: the program whose place this one takes; sets `REPLACE`.
    pub fn replace(mut self, prog: BorrowedFd<'a>) -> Self {
        self.replace = Some(prog);
        self.flags |= AttachFlags::REPLACE;
        self
    }

    /// The neighbour; with `BEFORE` or `AFTER`.
    pub fn relative(mut self, relative: Relative<'a>) -> Self {
        self.relative = relative;
        self
    }

    /// The revision that [`ProgQuery`] gave: ESTALE if the hook has changed since. 0 for any.
    pub fn expected_revision(mut self, revision: u64) -> Self {
        self.expected_revision = revision;
        self
    }

    /// Attaches.
    ///
    /// # Errors
    ///
    /// BPF_PROG_ATTACH's errno (`bpf_prog_attach`): EINVAL for a type that does not fit the program or the target, EPERM when another
    /// attachment excludes this one (`hierarchy_allows_attach`), EEXIST or EINVAL when it is attached already, E2BIG for more
    /// programs than a hook takes (64 in a cgroup), ESTALE and ENOENT for a revision or a neighbour that is not there
    /// (`bpf_mprog_attach`), EBADF for a target that is none.
    #[doc(alias = "bpf_prog_attach")]
    #[doc(alias = "bpf_prog_attach_opts")]
    pub fn attach(&self) -> Result<()> {
        let (relative_fd, relative_flags) = self.relative.field();
        let mut attr = bpf_attr_prog_attach {
            target_fd: self.target.number(),
            attach_bpf_fd: fd_number(self.prog),
            attach_type: self.attach_type.0,
            attach_flags: (self.flags | relative_flags).bits(),
            replace_bpf_fd: self.replace.map_or(0, fd_number),
            relative_fd,
            expected_revision: self.expected_revision,
        };
        // SAFETY: no addresses.
        unsafe { bpf_attr(Cmd::PROG_ATTACH, &mut attr)? };
        Ok(())
    }
}

/// What BPF_PROG_DETACH takes.
#[derive(Clone, Debug)]
#[doc(alias = "bpf_prog_detach_opts")]
pub struct ProgDetach<'a> {
    target: AttachTarget<'a>,
    prog: Option<BorrowedFd<'a>>,
    attach_type: AttachType,
    flags: AttachFlags,
    relative: Relative<'a>,
    expected_revision: u64,
}

impl<'a> ProgDetach<'a> {
    /// Detachment from `target` of what is attached there alone; name the program where there may be several.
    pub fn new(target: AttachTarget<'a>, attach_type: AttachType) -> Self {
        ProgDetach {
            target,
            prog: None,
            attach_type,
            flags: AttachFlags::empty(),
            relative: Relative::None,
            expected_revision: 0,
        }
    }

    /// The program to detach.
    pub fn prog(mut self, prog: BorrowedFd<'a>) -> Self {
        self.prog = Some(prog);
        self
    }

    /// Place and company.
    pub fn flags(mut self, flags: AttachFlags) -> Self {
        self.flags |= flags;
        self
    }

    /// The neighbour.
    pub fn relative(mut self, relative: Relative<'a>) -> Self {
        self.relative = relative;
        self
    }

    /// The revision that [`ProgQuery`] gave; 0 for any.
    pub fn expected_revision(mut self, revision: u64) -> Self {
        self.expected_revision = revision;
        self
    }

    /// Detaches.
    ///
    /// # Errors
    ///
    /// ENOENT or EINVAL when it is not attached (`bpf_prog_detach`); EPERM or EBUSY for what a link holds; ESTALE for another
    /// revision.
    #[doc(alias = "bpf_prog_detach")]
    #[doc(alias = "bpf_prog_detach2")]
    #[doc(alias = "bpf_prog_detach_opts")]
    pub fn detach(&self) -> Result<()> {
        let (relative_fd, relative_flags) = self.relative.field();
        let mut attr = bpf_attr_prog_attach {
            target_fd: self.target.number(),
            attach_bpf_fd: self.prog.map_or(0, fd_number),
            attach_type: self.attach_type.0,
            attach_flags: (self.flags | relative_flags).bits(),
            replace_bpf_fd: 0,
            relative_fd,
            expected_revision: self.expected_revision,
        };
        // SAFETY: no addresses.
        unsafe { bpf_attr(Cmd::PROG_DETACH, &mut attr)? };
        Ok(())
    }
}

/// What BPF_PROG_QUERY takes.
#[derive(Clone, Debug)]
#[doc(alias = "bpf_prog_query_opts")]
pub struct ProgQuery<'a> {
    target: AttachTarget<'a>,
    attach_type: AttachType,
    flags: QueryFlags,
    prog_attach_flags: bool,
}

/// One program at a hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttachedProg {
    /// The program's id.
    pub prog_id: u32,
    /// The link that holds it, 0 for none; tcx and netkit tell, cgroups do not.
    pub link_id: u32,
    /// How it was attached; tcx and netkit tell, and cgroups when [asked](ProgQuery::prog_attach_flags).
    pub prog_attach_flags: AttachFlags,
    /// How its link was attached.
    pub link_attach_flags: AttachFlags,
}

/// What is attached to a hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgQueryResult {
    /// cgroups: the flags that govern the hook.
    pub attach_flags: AttachFlags,
    /// tcx, netkit and (from 6.17) cgroups: grows with each change.
    pub revision: u64,
    /// The programs, in the order in which they run.
    pub progs: Vec<AttachedProg>,
}

/// Where the first query of a hook makes room: more programs are rare, and asked for again.
const FIRST_ROOM: usize = 64;

impl<'a> ProgQuery<'a> {
    /// A query of `target`.
    pub fn new(target: AttachTarget<'a>, attach_type: AttachType) -> Self {
        ProgQuery { target, attach_type, flags: QueryFlags::empty(), prog_attach_flags: false }
    }

    /// Query flags.
    pub fn flags(mut self, flags: QueryFlags) -> Self {
        self.flags |= flags;
        self
    }

    /// Asks cgroups for the flags of each program as well (from 6.0; older kernels refuse the query, as all do for
    /// `EFFECTIVE`). tcx and netkit are asked without this.
    pub fn prog_attach_flags(mut self) -> Self {
        self.prog_attach_flags = true;
        self
    }

    /// Asks the kernel.
    ///
    /// # Errors
    ///
    /// EINVAL for a hook that has no queries, or flags that it does not take (`bpf_prog_query`); EPERM without CAP_NET_ADMIN; EBADF
    /// and ENODEV for a target that is none.
    #[doc(alias = "bpf_prog_query")]
    #[doc(alias = "bpf_prog_query_opts")]
    pub fn query(&self) -> Result<ProgQueryResult> {
        let mut room = FIRST_ROOM;
        loop {
            match self.query_room(room) {
                // The kernel says how many there are; more may come between two calls.
                Err((error, count)) if error.errno() == libc::ENOSPC && count > room => {
                    room = count.saturating_add(16);
                }
                result => return result.map_err(|(error, _)| error),
            }
        }
    }

    fn query_room(&self, room: usize) -> Result<ProgQueryResult, (crate::Error, usize)> {
        let mut prog_ids = vec![0u32; room];
        // Per-program flags and link ids are newer than the command, and each hook takes only those it knows: tcx and
        // netkit all of them; cgroups the programs' flags (from 6.0, not for effective queries), which the caller has to ask
        // for as older kernels refuse the whole query; the others none.
        let multi = matches!(
            self.attach_type,
            AttachType::TCX_INGRESS | AttachType::TCX_EGRESS | AttachType::NETKIT_PRIMARY | AttachType::NETKIT_PEER
        );
        let extra = if multi { room } else { 0 };
        let mut prog_flags = vec![0u32; if self.prog_attach_flags { room } else { extra }];
        let (mut link_ids, mut link_flags) = (vec![0u32; extra], vec![0u32; extra]);
        let mut attr = bpf_attr_query {
            target_fd: self.target.number(),
            attach_type: self.attach_type.0,
            query_flags: self.flags.bits(),
            prog_ids: address_mut(&mut prog_ids),
            prog_cnt: room as u32,
            prog_attach_flags: address_mut(&mut prog_flags),
            link_ids: address_mut(&mut link_ids),
            link_attach_flags: address_mut(&mut link_flags),
            ..Default::default()
        };
        // SAFETY: each of the four arrays has room for prog_cnt words or is NULL.
        if let Err(error) = unsafe { bpf_attr(Cmd::PROG_QUERY, &mut attr) } {
            return Err((error, attr.prog_cnt as usize));
        }
        let count = (attr.prog_cnt as usize).min(room);
        let at = |words: &[u32], index: usize| words.get(index).copied().unwrap_or(0);
        let progs = (0..count).map(|index| AttachedProg {
            prog_id: prog_ids[index],
            link_id: at(&link_ids, index),
            prog_attach_flags: AttachFlags::from_bits_retain(at(&prog_flags, index)),
            link_attach_flags: AttachFlags::from_bits_retain(at(&link_flags, index)),
        });
        Ok(ProgQueryResult {
            attach_flags: AttachFlags::from_bits_retain(attr.attach_flags),
            revision: attr.revision,
            progs: progs.collect(),
        })
    }
}
