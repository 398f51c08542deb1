//! Types of programs and maps, and places to attach: whether the kernel knows them.

#![allow(unsafe_code)]

use super::{
    Feature, Probes, Question, answer, is_inconclusive,
    run::{self, RETURN_0, load},
};
use crate::{
    Insn,
    error::{Error, Result},
    insn::op,
    link::{LinkCreate, LinkTarget, UprobeMulti},
    map::MapCreate,
    prog::{AttachTarget, ProgAttach, ProgLoad, log_text},
    syscall::{bpf_fd, fd_number},
    system,
    uapi::{AttachType, Cmd, MapFlags, MapType, ProgFlags, ProgType, bpf_attr_link_create_kprobe_multi},
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

impl Probes {
    /// Whether the kernel has this type of programs. A kernel without a type by its configuration has it not.
    ///
    /// Types that want a target in the kernel's BTF (tracing, lsm, ext) are told by the verifier's words about a target that is none, and
    /// struct_ops by its errno, as libbpf does; tracing by a BTF tracepoint, which is allowed in more places than the
    /// fentry that libbpf tries.
    ///
    /// # Errors
    ///
    /// `Invalid` for types that this crate does not know (libbpf: EOPNOTSUPP); when nothing was learnt, why.
    #[doc(alias = "libbpf_probe_bpf_prog_type")]
    pub fn prog_type(&self, prog_type: ProgType) -> Result<bool> {
        if prog_type.name().is_none() {
            return Err(Error::invalid("cannot probe a program type without a name here", prog_type));
        }
        self.ask(Question::ProgType(prog_type.0), || match prog_type {
            ProgType::UNSPEC => Ok(false),
            ProgType::TRACING => self.has_target_of(prog_type, AttachType::TRACE_RAW_TP, "attach_btf_id 1 "),
            ProgType::LSM => self.has_target_of(prog_type, AttachType::LSM_MAC, "attach_btf_id 1 "),
            ProgType::EXT => self.has_target_of(prog_type, AttachType(0), "Cannot replace kernel functions"),
            // The type's id in the kernel's BTF stands where others have none; 0 is not one (`check_struct_ops_btf_id`).
            ProgType::STRUCT_OPS => match load(self, prog_type, &RETURN_0).load() {
                Err(error) if error.errno() == crate::error::ENOTSUPP => Ok(true),
                result => answer(result).map(|_| false),
            },
            _ => answer(plain(load(self, prog_type, &RETURN_0), prog_type).load()),
        })
    }

    /// Whether the kernel knows the type's attach type `attach_type`: looks at a target, type 1 of vmlinux's BTF, and says in `words`
    /// that it does not do. That type is one of the basic ones.
    fn has_target_of(&self, prog_type: ProgType, attach_type: AttachType, words: &str) -> Result<bool> {
        let load = load(self, prog_type, &RETURN_0).expected_attach_type(attach_type).attach_btf_id(1);
        let mut log = vec![0; 4096];
        match load.load_with_log(1, &mut log).result {
            Err(error) if is_inconclusive(&error) && log_text(&log).is_empty() => Err(error),
            Err(_) => Ok(log_text(&log).contains(words)),
            // No kernel takes it.
            Ok(_) => Ok(false),
        }
    }

    /// Whether the kernel has this type of maps.
    ///
    /// # Errors
    ///
    /// `Invalid` for `UNSPEC` and types that this crate does not know (libbpf: EOPNOTSUPP); when nothing was learnt, why.
    #[doc(alias = "libbpf_probe_bpf_map_type")]
    pub fn map_type(&self, map_type: MapType) -> Result<bool> {
        if map_type.name().is_none() || map_type == MapType::UNSPEC {
            return Err(Error::invalid("cannot probe a map type without a name here", map_type));
        }
        self.ask(Question::MapType(map_type.0), || {
            let page = u32::try_from(system::page_size()).unwrap_or(4096);
            let create = |key, value, entries| self.with_token(MapCreate::new(map_type, key, value, entries));
            match map_type {
                MapType::STACK_TRACE => answer(create(4, 8, 1).create()),
                MapType::LPM_TRIE => answer(create(8, 8, 1).flags(MapFlags::NO_PREALLOC).create()),
                MapType::RHASH => answer(create(4, 4, 1).flags(MapFlags::NO_PREALLOC).create()),
                // The key is a bpf_cgroup_storage_key of 16 bytes.
                MapType::CGROUP_STORAGE | MapType::PERCPU_CGROUP_STORAGE => answer(create(16, 8, 0).create()),
                MapType::QUEUE | MapType::STACK | MapType::BLOOM_FILTER => answer(create(0, 4, 1).create()),
                MapType::SK_STORAGE | MapType::INODE_STORAGE | MapType::TASK_STORAGE | MapType::CGRP_STORAGE => {
                    let btf = self.local_storage_btf()?;
                    answer(create(4, 8, 0).flags(MapFlags::NO_PREALLOC).btf(btf.as_fd(), 1, 3).create())
                }
                MapType::RINGBUF | MapType::USER_RINGBUF => answer(create(0, 0, page).create()),
                MapType::ARENA => answer(create(0, 0, 1).flags(MapFlags::MMAPABLE).create()),
                // struct bpf_insn_array_value.
                MapType::INSN_ARRAY => answer(create(4, 16, 1).create()),
                MapType::STRUCT_OPS => self.struct_ops_map(MapFlags::empty()),
                MapType::ARRAY_OF_MAPS | MapType::HASH_OF_MAPS => {
                    let inner = self.with_token(MapCreate::new(MapType::HASH, 4, 4, 1)).create()?;
                    answer(create(4, 4, 1).inner_map(inner.as_fd()).create())
                }
                _ => answer(create(4, 4, 1).create()),
            }
        })
    }

    fn with_token<'a>(&'a self, create: MapCreate<'a>) -> MapCreate<'a> {
        match self.token() {
            Some(token) => create.token(token),
            None => create,
        }
    }

    /// A struct_ops map for a type that is none: ENOTSUPP from a kernel that looks for it (`bpf_struct_ops_map_alloc`), EINVAL from one
    /// that does not take `flags`, or such maps.
    fn struct_ops_map(&self, flags: MapFlags) -> Result<bool> {
        let create = self.with_token(MapCreate::new(MapType::STRUCT_OPS, 4, 4, 1)).flags(flags);
        match create.btf_vmlinux_value_type_id(1).create() {
            Err(error) if error.errno() == crate::error::ENOTSUPP => Ok(true),
            result => answer(result).map(|_| false),
        }
    }

    /// A value with a lock, as local storages want it: 1 is the key `int`, 2 `struct bpf_spin_lock`, 3 the value.
    fn local_storage_btf(&self) -> Result<OwnedFd> {
        const STRUCT: u32 = 4;
        let types: [&[u32]; 3] = [
            &run::int(0),
            &[1, run::info(STRUCT, 1), 4, 15, 1, 0],
            &[15, run::info(STRUCT, 2), 8, 19, 1, 0, 23, 2, 32],
        ];
        run::load_btf(self, &types, b"\0bpf_spin_lock\0val\0cnt\0l\0")
    }

    /// Whether the kernel knows this attach type, and has the type of programs that it is for.
    ///
    /// Whether a program can be attached is the business of its target as well: a kernel may know netkit and have no such devices.
    ///
    /// # Errors
    ///
    /// `Invalid` for attach types that this crate does not know; when nothing was learnt, why.
    pub fn attach_type(&self, attach_type: AttachType) -> Result<bool> {
        let Some((_, how)) = ATTACH_TYPES.iter().find(|(known, _)| known.contains(&attach_type)) else {
            return Err(Error::invalid("cannot probe an attach type without a name here", attach_type));
        };
        self.ask(Question::AttachType(attach_type.0), || match *how {
            How::Attach(prog_type) => Ok(self.prog_type(prog_type)? && self.is_attachable(attach_type)?),
            How::Load(prog_type) => {
                Ok(self.prog_type(prog_type)?
                    && answer(load(self, prog_type, &RETURN_0).expected_attach_type(attach_type).load())?
                    && !answer(load(self, prog_type, &RETURN_0).expected_attach_type(WRONG).load())?)
            }
            How::Target(prog_type) => self.has_target_of(prog_type, attach_type, "attach_btf_id 1 "),
            How::ManyTargets => {
                answer(load(self, ProgType::TRACING, &RETURN_0).expected_attach_type(attach_type).load())
            }
            How::XdpDevmap => {
                // egress_ifindex of struct xdp_md.
                let insns = [Insn::ldx_mem(op::W, 0, 1, 20), Insn::mov64_imm(0, 0), Insn::exit()];
                // With the type there and allowed, EACCES is the verifier's word about the field.
                if !self.prog_type(ProgType::XDP)? {
                    return Ok(false);
                }
                match load(self, ProgType::XDP, &insns).expected_attach_type(attach_type).load() {
                    Err(error) if error.errno() == libc::EACCES => Ok(false),
                    result => answer(result),
                }
            }
            // Values that hold a program came with it.
            How::XdpCpumap => answer(self.with_token(MapCreate::new(MapType::CPUMAP, 4, 8, 1)).create()),
            How::PerfEvent => self.has(Feature::PerfLink),
            How::KprobeMulti => Ok(self.refused_link(attach_type, kprobe_multi)? == libc::EFAULT),
            How::UprobeMulti => Ok(self.refused_link(attach_type, uprobe_multi)? == libc::EBADF),
            // Links to struct_ops came with the flag.
            How::StructOps => self.struct_ops_map(MapFlags::LINK),
        })
    }

    /// BPF_PROG_ATTACH of nothing: EBADF once the attach type is known (`attach_type_to_prog_type`), EINVAL before.
    fn is_attachable(&self, attach_type: AttachType) -> Result<bool> {
        match ProgAttach::new(run::no_fd(), AttachTarget::None, attach_type).attach() {
            Err(error) if error.errno() == libc::EBADF => Ok(true),
            result => answer(result).map(|_| false),
        }
    }

    /// The errno of a link that cannot be.
    fn refused_link(
        &self, attach_type: AttachType, link: fn(BorrowedFd<'_>, AttachType) -> Result<OwnedFd>,
    ) -> Result<i32> {
        let load = load(self, ProgType::KPROBE, &RETURN_0).kern_version(system::kernel_version());
        let prog = match load.expected_attach_type(attach_type).load() {
            Ok(prog) => prog,
            Err(error) if is_inconclusive(&error) => return Err(error),
            Err(error) => return Ok(error.errno()),
        };
        match link(prog.as_fd(), attach_type) {
            Ok(_) => Ok(0),
            Err(error) if is_inconclusive(&error) => Err(error),
            Err(error) => Ok(error.errno()),
        }
    }
}

/// What the plain types want besides instructions.
pub(super) fn plain(load: ProgLoad<'_>, prog_type: ProgType) -> ProgLoad<'_> {
    match prog_type {
        ProgType::CGROUP_SOCK_ADDR => load.expected_attach_type(AttachType::CGROUP_INET4_CONNECT),
        ProgType::CGROUP_SOCKOPT => load.expected_attach_type(AttachType::CGROUP_GETSOCKOPT),
        ProgType::SK_LOOKUP => load.expected_attach_type(AttachType::SK_LOOKUP),
        ProgType::NETFILTER => load.expected_attach_type(AttachType::NETFILTER),
        ProgType::KPROBE => load.kern_version(system::kernel_version()),
        ProgType::SYSCALL => load.flags(ProgFlags::SLEEPABLE),
        _ => load,
    }
}

/// A link whose addresses cannot be read: EFAULT from a kernel that comes to read them.
fn kprobe_multi(prog: BorrowedFd<'_>, attach_type: AttachType) -> Result<OwnedFd> {
    let mut attr = bpf_attr_link_create_kprobe_multi {
        prog_fd: fd_number(prog),
        attach_type: attach_type.0,
        kprobe_multi_cnt: 1,
        kprobe_multi_addrs: 1,
        ..Default::default()
    };
    // SAFETY: the kernel reads the address by copy_from_user, which fails on the first page: nothing is ever mapped there.
    unsafe { bpf_fd(Cmd::LINK_CREATE, &mut attr) }
}

/// A link to a directory, which is no binary: EBADF from a kernel that looks that far.
fn uprobe_multi(prog: BorrowedFd<'_>, attach_type: AttachType) -> Result<OwnedFd> {
    let multi = UprobeMulti { path: Some(c"/"), offsets: &[0], ..Default::default() };
    LinkCreate::new(prog, LinkTarget::None, attach_type).uprobe_multi(multi).create()
}

/// How to learn whether the kernel knows an attach type.
#[derive(Clone, Copy)]
enum How {
    /// BPF_PROG_ATTACH of no program of the type.
    Attach(ProgType),
    /// BPF_PROG_LOAD, which compares it for this type, and so refuses [`WRONG`].
    Load(ProgType),
    /// BPF_PROG_LOAD with a target that does not do.
    Target(ProgType),
    /// BPF_PROG_LOAD without a target: those come with the link.
    ManyTargets,
    XdpDevmap,
    XdpCpumap,
    PerfEvent,
    KprobeMulti,
    UprobeMulti,
    StructOps,
}

/// An attach type of no type that is asked about by [`How::Load`].
const WRONG: AttachType = AttachType::CGROUP_DEVICE;

const ATTACH_TYPES: &[(&[AttachType], How)] = {
    use AttachType as A;
    &[
        (&[A::CGROUP_INET_INGRESS, A::CGROUP_INET_EGRESS], How::Attach(ProgType::CGROUP_SKB)),
        (
            &[
                A::CGROUP_INET_SOCK_CREATE,
                A::CGROUP_INET_SOCK_RELEASE,
                A::CGROUP_INET4_POST_BIND,
                A::CGROUP_INET6_POST_BIND,
            ],
            How::Attach(ProgType::CGROUP_SOCK),
        ),
        (
            &[
                A::CGROUP_INET4_BIND,
                A::CGROUP_INET6_BIND,
                A::CGROUP_INET4_CONNECT,
                A::CGROUP_INET6_CONNECT,
                A::CGROUP_UNIX_CONNECT,
                A::CGROUP_INET4_GETPEERNAME,
                A::CGROUP_INET6_GETPEERNAME,
                A::CGROUP_UNIX_GETPEERNAME,
                A::CGROUP_INET4_GETSOCKNAME,
                A::CGROUP_INET6_GETSOCKNAME,
                A::CGROUP_UNIX_GETSOCKNAME,
                A::CGROUP_UDP4_SENDMSG,
                A::CGROUP_UDP6_SENDMSG,
                A::CGROUP_UNIX_SENDMSG,
                A::CGROUP_UDP4_RECVMSG,
                A::CGROUP_UDP6_RECVMSG,
                A::CGROUP_UNIX_RECVMSG,
            ],
            How::Attach(ProgType::CGROUP_SOCK_ADDR),
        ),
        (&[A::CGROUP_SOCK_OPS], How::Attach(ProgType::SOCK_OPS)),
        (&[A::CGROUP_DEVICE], How::Attach(ProgType::CGROUP_DEVICE)),
        (&[A::CGROUP_SYSCTL], How::Attach(ProgType::CGROUP_SYSCTL)),
        (&[A::CGROUP_GETSOCKOPT, A::CGROUP_SETSOCKOPT], How::Attach(ProgType::CGROUP_SOCKOPT)),
        (&[A::SK_MSG_VERDICT], How::Attach(ProgType::SK_MSG)),
        (&[A::SK_SKB_STREAM_PARSER, A::SK_SKB_STREAM_VERDICT, A::SK_SKB_VERDICT], How::Attach(ProgType::SK_SKB)),
        (&[A::LIRC_MODE2], How::Attach(ProgType::LIRC_MODE2)),
        (&[A::FLOW_DISSECTOR], How::Attach(ProgType::FLOW_DISSECTOR)),
        (&[A::SK_LOOKUP], How::Attach(ProgType::SK_LOOKUP)),
        (&[A::XDP], How::Attach(ProgType::XDP)),
        (&[A::TCX_INGRESS, A::TCX_EGRESS, A::NETKIT_PRIMARY, A::NETKIT_PEER], How::Attach(ProgType::SCHED_CLS)),
        (&[A::SK_REUSEPORT_SELECT, A::SK_REUSEPORT_SELECT_OR_MIGRATE], How::Load(ProgType::SK_REUSEPORT)),
        (&[A::NETFILTER], How::Load(ProgType::NETFILTER)),
        (
            &[A::TRACE_RAW_TP, A::TRACE_FENTRY, A::TRACE_FEXIT, A::MODIFY_RETURN, A::TRACE_ITER, A::TRACE_FSESSION],
            How::Target(ProgType::TRACING),
        ),
        (&[A::LSM_MAC, A::LSM_CGROUP], How::Target(ProgType::LSM)),
        (&[A::TRACE_FENTRY_MULTI, A::TRACE_FEXIT_MULTI, A::TRACE_FSESSION_MULTI], How::ManyTargets),
        (&[A::XDP_DEVMAP], How::XdpDevmap),
        (&[A::XDP_CPUMAP], How::XdpCpumap),
        (&[A::PERF_EVENT], How::PerfEvent),
        (&[A::TRACE_KPROBE_MULTI, A::TRACE_KPROBE_SESSION], How::KprobeMulti),
        (&[A::TRACE_UPROBE_MULTI, A::TRACE_UPROBE_SESSION], How::UprobeMulti),
        (&[A::STRUCT_OPS], How::StructOps),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attach_type_has_one_way_to_ask() {
        for attach_type in AttachType::all() {
            let ways = ATTACH_TYPES.iter().filter(|(known, _)| known.contains(&attach_type)).count();
            assert_eq!(ways, 1, "{attach_type}");
        }
    }

    #[test]
    fn what_has_no_name_is_not_asked() {
        let probes = Probes::new(None);
        assert!(matches!(probes.prog_type(ProgType(9999)), Err(Error::Invalid { .. })));
        assert!(matches!(probes.map_type(MapType(9999)), Err(Error::Invalid { .. })));
        assert!(matches!(probes.map_type(MapType::UNSPEC), Err(Error::Invalid { .. })));
        assert!(matches!(probes.attach_type(AttachType(9999)), Err(Error::Invalid { .. })));
        assert!(!probes.prog_type(ProgType::UNSPEC).unwrap());
    }
}
