//! Links: attachment that lasts as long as its file descriptor (or its pin).

#![allow(unsafe_code)]

use crate::{
    error::{Error, Result},
    prog::Relative,
    syscall::{Pod, address, bpf_attr, bpf_fd, bytes_of, fd_number, length},
    uapi::{
        AttachFlags, AttachType, BPF_F_REPLACE, CgroupIterOrder, Cmd, KprobeMultiFlags, NetfilterFlags,
        UprobeMultiFlags, XdpFlags, bpf_attr_iter_create, bpf_attr_link_create_iter_info, bpf_attr_link_create_kprobe_multi,
        bpf_attr_link_create_netfilter, bpf_attr_link_create_perf_event, bpf_attr_link_create_target_btf_id,
        bpf_attr_link_create_tcx, bpf_attr_link_create_tracing, bpf_attr_link_create_tracing_multi,
        bpf_attr_link_create_uprobe_multi, bpf_attr_link_detach, bpf_attr_link_update, bpf_attr_raw_tracepoint,
        bpf_iter_link_info_cgroup, bpf_iter_link_info_map, bpf_iter_link_info_task,
    },
};
use std::{
    ffi::CStr,
    os::fd::{BorrowedFd, OwnedFd},
};

pub use crate::prog::AttachTarget as LinkTarget;

/// What BPF_LINK_CREATE takes.
///
/// What every link has comes with [`new`](Self::new); what one kind of link takes besides, with one of the methods below,
/// of which the last one called counts.
///
/// ```no_run
/// # use purebpf_sys::{link::{LinkCreate, LinkTarget}, uapi::AttachType};
/// # fn attach(prog: std::os::fd::BorrowedFd<'_>) -> Result<(), purebpf_sys::Error> {
/// let link = LinkCreate::new(prog, LinkTarget::Ifindex(1), AttachType::XDP).create()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "bpf_link_create_opts")]
pub struct LinkCreate<'a> {
    prog: BorrowedFd<'a>,
    target: LinkTarget<'a>,
    attach_type: AttachType,
    flags: AttachFlags,
    more: More<'a>,
}

/// The part of `link_create` that depends on the kind of link.
#[derive(Clone, Debug)]
enum More<'a> {
    Nothing,
    TargetBtfId(u32),
    Tracing { target_btf_id: u32, cookie: u64 },
    PerfEvent { bpf_cookie: u64 },
    Relative { relative: Relative<'a>, expected_revision: u64 },
    Iter(IterTarget<'a>),
    KprobeMulti(KprobeMulti<'a>),
    UprobeMulti(UprobeMulti<'a>),
    Netfilter(Netfilter),
    TracingMulti { ids: &'a [u32], cookies: &'a [u64] },
}

/// What an iterator walks over, where it does not walk over all.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[doc(alias = "bpf_iter_link_info")]
pub enum IterTarget<'a> {
    /// The elements of a map.
    Map(BorrowedFd<'a>),
    /// A cgroup and its relatives in an order.
    Cgroup {
        /// The order.
        order: CgroupIterOrder,
        /// The cgroup's directory; the root with neither this nor an id.
        fd: Option<BorrowedFd<'a>>,
        /// The cgroup's id; 0 with `fd`.
        id: u64,
    },
    /// One thread, or all threads of one process (from 6.1).
    Task {
        /// The thread's id, 0 with another.
        tid: u32,
        /// The process's id, 0 with another.
        pid: u32,
        /// The process by pidfd.
        pid_fd: Option<BorrowedFd<'a>>,
    },
}

/// A program at the entry or return of many kernel functions (from 5.18).
#[derive(Clone, Copy, Debug, Default)]
#[doc(alias = "kprobe_multi")]
pub struct KprobeMulti<'a> {
    /// Names; instead of addresses.
    pub syms: &'a [&'a CStr],
    /// Addresses; instead of names.
    pub addrs: &'a [u64],
    /// What `bpf_get_attach_cookie` gives at each; none or one for each.
    pub cookies: &'a [u64],
    /// Entry or return.
    pub flags: KprobeMultiFlags,
}

/// A program at many places of one binary (from 6.6).
#[derive(Clone, Copy, Debug, Default)]
#[doc(alias = "uprobe_multi")]
pub struct UprobeMulti<'a> {
    /// The binary.
    pub path: Option<&'a CStr>,
    /// Offsets in the file.
    pub offsets: &'a [u64],
    /// Offsets of USDT semaphores; none or one for each.
    pub ref_ctr_offsets: &'a [u64],
    /// What `bpf_get_attach_cookie` gives at each; none or one for each.
    pub cookies: &'a [u64],
    /// The process; 0 for all.
    pub pid: u32,
    /// The directory that `path` starts from (from 6.14), with an empty or relative path.
    pub path_fd: Option<BorrowedFd<'a>>,
    /// Entry or return.
    pub flags: UprobeMultiFlags,
}

/// A program at a netfilter hook (from 6.4).
#[derive(Clone, Copy, Debug, Default)]
#[doc(alias = "bpf_netfilter_opts")]
pub struct Netfilter {
    /// Protocol family: NFPROTO_IPV4 or NFPROTO_IPV6.
    pub pf: u32,
    /// Hook: NF_INET_PRE_ROUTING and so on.
    pub hooknum: u32,
    /// Place among the hook's functions.
    pub priority: i32,
    /// Defragmentation.
    pub flags: NetfilterFlags,
}

impl<'a> LinkCreate<'a> {
    /// A link from `prog` (or, for struct_ops, a map) to `target`.
    pub fn new(prog: BorrowedFd<'a>, target: LinkTarget<'a>, attach_type: AttachType) -> Self {
        LinkCreate { prog, target, attach_type, flags: AttachFlags::empty(), more: More::Nothing }
    }

    /// `flags` of tcx, netkit and cgroups: place and company.
    pub fn flags(mut self, flags: AttachFlags) -> Self {
        self.flags |= flags;
        self
    }

    /// `flags` of XDP: where the program runs. None lets the kernel choose, the driver first.
    pub fn xdp_flags(mut self, flags: XdpFlags) -> Self {
        self.flags |= AttachFlags::from_bits_retain(flags.bits());
        self
    }

    /// The BTF id of the function to attach to, in what the program was loaded for or in `target`.
    pub fn target_btf_id(mut self, id: u32) -> Self {
        self.more = More::TargetBtfId(id);
        self
    }

    /// fentry, fexit, fmod_ret, lsm, freplace: the function's BTF id when it is not the one the program was loaded for (else 0), and what
    /// `bpf_get_attach_cookie` gives (from 5.19; before, leave it out).
    pub fn tracing(mut self, target_btf_id: u32, cookie: u64) -> Self {
        self.more = More::Tracing { target_btf_id, cookie };
        self
    }

    /// Links to a perf event: what `bpf_get_attach_cookie` gives.
    pub fn bpf_cookie(mut self, cookie: u64) -> Self {
        self.more = More::PerfEvent { bpf_cookie: cookie };
        self
    }

    /// tcx, netkit, and (from 6.17) cgroups: the neighbour, for `BEFORE` and `AFTER`, and the revision the hook must have (0 for any).
    pub fn relative(mut self, relative: Relative<'a>, expected_revision: u64) -> Self {
        self.more = More::Relative { relative, expected_revision };
        self
    }

    /// Iterators: what to walk over.
    pub fn iter(mut self, target: IterTarget<'a>) -> Self {
        self.more = More::Iter(target);
        self
    }

    /// Many kernel functions.
    pub fn kprobe_multi(mut self, multi: KprobeMulti<'a>) -> Self {
        self.more = More::KprobeMulti(multi);
        self
    }

    /// Many places of a binary.
    pub fn uprobe_multi(mut self, multi: UprobeMulti<'a>) -> Self {
        self.more = More::UprobeMulti(multi);
        self
    }

    /// A netfilter hook.
    pub fn netfilter(mut self, netfilter: Netfilter) -> Self {
        self.more = More::Netfilter(netfilter);
        self
    }

    /// Many kernel functions by BTF id (from 7.2); no cookies, or one for each.
    pub fn tracing_multi(mut self, ids: &'a [u32], cookies: &'a [u64]) -> Self {
        self.more = More::TracingMulti { ids, cookies };
        self
    }

    /// Creates the link: the program is attached until the descriptor is closed, unless pinned.
    ///
    /// # Errors
    ///
    /// BPF_LINK_CREATE's errno (`link_create`, and the kind's `…_link_attach`): EINVAL for a target or attach type that does not fit
    /// the program or that this kernel does not link; EOPNOTSUPP for kinds that it is built without; EBUSY and EEXIST for a hook
    /// that is taken; ENOENT and ESRCH for functions and processes that are not there; ESTALE for another revision; E2BIG for too
    /// many places, or a field that the kernel does not know; EPERM. `Length` for arrays that do not go together.
    #[doc(alias = "bpf_link_create")]
    pub fn create(&self) -> Result<OwnedFd> {
        let prog_fd = fd_number(self.prog);
        let target_fd = self.target.number();
        let (attach_type, flags) = (self.attach_type.0, self.flags.bits());
        match &self.more {
            More::Nothing => create(bpf_attr_link_create_target_btf_id {
                prog_fd,
                target_fd,
                attach_type,
                flags,
                ..Default::default()
            }),
            More::TargetBtfId(target_btf_id) => create(bpf_attr_link_create_target_btf_id {
                prog_fd,
                target_fd,
                attach_type,
                flags,
                target_btf_id: *target_btf_id,
            }),
            More::Tracing { target_btf_id, cookie } => create(bpf_attr_link_create_tracing {
                prog_fd,
                target_fd,
                attach_type,
                flags,
                tracing_target_btf_id: *target_btf_id,
                tracing_cookie: *cookie,
                ..Default::default()
            }),
            More::PerfEvent { bpf_cookie } => create(bpf_attr_link_create_perf_event {
                prog_fd,
                target_fd,
                attach_type,
                flags,
                perf_event_bpf_cookie: *bpf_cookie,
            }),
            More::Relative { relative, expected_revision } => {
                let (relative_fd, relative_flags) = relative.field();
                // tcx, netkit and cgroup have the same fields at the same place (the layout tests say so).
                create(bpf_attr_link_create_tcx {
                    prog_fd,
                    target_fd,
                    attach_type,
                    flags: flags | relative_flags.bits(),
                    tcx_relative_fd: relative_fd,
                    tcx_expected_revision: *expected_revision,
                    ..Default::default()
                })
            }
            More::Iter(target) => {
                let info = target.bytes();
                create(bpf_attr_link_create_iter_info {
                    prog_fd,
                    target_fd,
                    attach_type,
                    flags,
                    iter_info: address(&info),
                    iter_info_len: length("iter_info", &info)?,
                    ..Default::default()
                })
            }
            More::KprobeMulti(multi) => {
                let syms: Vec<u64> = multi.syms.iter().map(|name| name.as_ptr() as usize as u64).collect();
                let cnt = either("syms or addrs", syms.len(), multi.addrs.len())?;
                each("cookies", cnt, multi.cookies)?;
                create(bpf_attr_link_create_kprobe_multi {
                    prog_fd,
                    target_fd,
                    attach_type,
                    flags,
                    kprobe_multi_flags: multi.flags.bits(),
                    kprobe_multi_cnt: cnt,
                    kprobe_multi_syms: address(&syms),
                    kprobe_multi_addrs: address(multi.addrs),
                    kprobe_multi_cookies: address(multi.cookies),
                })
            }
            More::UprobeMulti(multi) => {
                let cnt = length("too many offsets", multi.offsets)?;
                each("ref_ctr_offsets", cnt, multi.ref_ctr_offsets)?;
                each("cookies", cnt, multi.cookies)?;
                let mut uprobe_flags = multi.flags;
                uprobe_flags.set(UprobeMultiFlags::PATH_FD, multi.path_fd.is_some());
                create(bpf_attr_link_create_uprobe_multi {
                    prog_fd,
                    target_fd,
                    attach_type,
                    flags,
                    uprobe_multi_path: multi.path.map_or(0, |path| path.as_ptr() as usize as u64),
                    uprobe_multi_offsets: address(multi.offsets),
                    uprobe_multi_ref_ctr_offsets: address(multi.ref_ctr_offsets),
                    uprobe_multi_cookies: address(multi.cookies),
                    uprobe_multi_cnt: cnt,
                    uprobe_multi_flags: uprobe_flags.bits(),
                    uprobe_multi_pid: multi.pid,
                    uprobe_multi_path_fd: multi.path_fd.map_or(0, fd_number),
                })
            }
            More::Netfilter(netfilter) => create(bpf_attr_link_create_netfilter {
                prog_fd,
                target_fd,
                attach_type,
                flags,
                netfilter_pf: netfilter.pf,
                netfilter_hooknum: netfilter.hooknum,
                netfilter_priority: netfilter.priority,
                netfilter_flags: netfilter.flags.bits(),
            }),
            More::TracingMulti { ids, cookies } => {
                let cnt = length("too many ids", ids)?;
                each("cookies", cnt, cookies)?;
                create(bpf_attr_link_create_tracing_multi {
                    prog_fd,
                    target_fd,
                    attach_type,
                    flags,
                    tracing_multi_ids: address(ids),
                    tracing_multi_cookies: address(cookies),
                    tracing_multi_cnt: cnt,
                    ..Default::default()
                })
            }
        }
    }
}

fn create<T: Pod>(mut attr: T) -> Result<OwnedFd> {
    // SAFETY: only `LinkCreate::create` calls this: every address is that of a slice or C string that it borrows, every
    // array as long as the count beside it.
    unsafe { bpf_fd(Cmd::LINK_CREATE, &mut attr) }
}

/// The length of that one of two arrays which is given.
fn either(what: &'static str, first: usize, second: usize) -> Result<u32> {
    if first != 0 && second != 0 {
        return Err(Error::invalid("only one of these may be given", what));
    }
    u32::try_from(first.max(second)).map_err(|_| Error::invalid("too many", what))
}

/// An array that is left out or has an entry for each.
fn each(what: &'static str, count: u32, array: &[u64]) -> Result<()> {
    if array.is_empty() || array.len() == count as usize {
        Ok(())
    } else {
        Err(Error::Length { what, expected: count as usize * 8, given: size_of_val(array) })
    }
}

impl IterTarget<'_> {
    fn bytes(&self) -> Vec<u8> {
        match *self {
            IterTarget::Map(map) => {
                bytes_of(&bpf_iter_link_info_map { map_map_fd: fd_number(map), ..Default::default() }).to_vec()
            }
            IterTarget::Cgroup { order, fd, id } => bytes_of(&bpf_iter_link_info_cgroup {
                cgroup_order: order.0,
                cgroup_cgroup_fd: fd.map_or(0, fd_number),
                cgroup_cgroup_id: id,
            })
            .to_vec(),
            IterTarget::Task { tid, pid, pid_fd } => bytes_of(&bpf_iter_link_info_task {
                task_tid: tid,
                task_pid: pid,
                task_pid_fd: pid_fd.map_or(0, fd_number),
                ..Default::default()
            })
            .to_vec(),
        }
    }
}

/// Attaches to a raw tracepoint by name, or, with no name, a program that was loaded for a BTF tracepoint or function:
/// BPF_RAW_TRACEPOINT_OPEN. `cookie` is what `bpf_get_attach_cookie` gives (raw tracepoints from 6.10); 0 for none.
///
/// # Errors
///
/// ENOENT for a name that is none; EINVAL for a program of another type, or with a name where its BTF id says all
/// (`bpf_raw_tracepoint_open`); EPERM.
#[doc(alias = "bpf_raw_tracepoint_open")]
#[doc(alias = "bpf_raw_tracepoint_open_opts")]
pub fn raw_tracepoint_open(name: Option<&CStr>, prog: BorrowedFd<'_>, cookie: u64) -> Result<OwnedFd> {
    let mut attr = bpf_attr_raw_tracepoint {
        name: name.map_or(0, |name| name.as_ptr() as usize as u64),
        prog_fd: fd_number(prog),
        cookie,
        ..Default::default()
    };
    // SAFETY: the kernel reads a terminated string at `name`.
    unsafe { bpf_fd(Cmd::RAW_TRACEPOINT_OPEN, &mut attr) }
}

/// What BPF_LINK_UPDATE takes.
#[derive(Clone, Debug)]
#[doc(alias = "bpf_link_update_opts")]
pub struct LinkUpdate<'a> {
    link: BorrowedFd<'a>,
    new: BorrowedFd<'a>,
    old: Option<BorrowedFd<'a>>,
    flags: u32,
}

impl<'a> LinkUpdate<'a> {
    /// Puts the program (for struct_ops, the map) `new` in place of the one `link` holds, with no moment of neither.
    pub fn new(link: BorrowedFd<'a>, new: BorrowedFd<'a>) -> Self {
        LinkUpdate { link, new, old: None, flags: 0 }
    }

    /// Only if the link holds `old` now (`BPF_F_REPLACE`).
    pub fn replace(mut self, old: BorrowedFd<'a>) -> Self {
        self.old = Some(old);
        self.flags |= BPF_F_REPLACE;
        self
    }

    /// Updates.
    ///
    /// # Errors
    ///
    /// EPERM when the link holds another than `old` (`link_update`, and the kind's `update_prog`), EINVAL for a program that does
    /// not fit or a link that takes no update (EOPNOTSUPP from some), ENOLINK for a link that was detached.
    #[doc(alias = "bpf_link_update")]
    pub fn update(&self) -> Result<()> {
        let mut attr = bpf_attr_link_update {
            link_fd: fd_number(self.link),
            new_prog_fd: fd_number(self.new),
            flags: self.flags,
            old_prog_fd: self.old.map_or(0, fd_number),
        };
        // SAFETY: no addresses.
        unsafe { bpf_attr(Cmd::LINK_UPDATE, &mut attr)? };
        Ok(())
    }
}

/// Detaches what the link holds, whoever else holds the link.
///
/// # Errors
///
/// EOPNOTSUPP for kinds of links that only go with their last descriptor (`link_detach`); EINVAL for what is no link. One that
/// is detached already stays so, without an error.
#[doc(alias = "bpf_link_detach")]
pub fn link_detach(link: BorrowedFd<'_>) -> Result<()> {
    let mut attr = bpf_attr_link_detach { link_fd: fd_number(link) };
    // SAFETY: no addresses.
    unsafe { bpf_attr(Cmd::LINK_DETACH, &mut attr)? };
    Ok(())
}

/// A file whose reading runs the iterator program that `link` holds.
///
/// # Errors
///
/// EINVAL for a link that is not an iterator's (`bpf_iter_new_fd`), or for what is no link.
#[doc(alias = "bpf_iter_create")]
pub fn iter_create(link: BorrowedFd<'_>) -> Result<OwnedFd> {
    let mut attr = bpf_attr_iter_create { link_fd: fd_number(link), flags: 0 };
    // SAFETY: no addresses; the command returns a descriptor.
    unsafe { bpf_fd(Cmd::ITER_CREATE, &mut attr) }
}
