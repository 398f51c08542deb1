//! Links: what they hold, to what, and for each kind where.

use super::{Kind, name, obj_get_info};
use crate::{
    error::{Error, Result},
    syscall::{Pod, address_mut, bytes_of, from_bytes},
    uapi::{
        AttachType, BPF_F_KPROBE_MULTI_RETURN, BPF_F_UPROBE_MULTI_RETURN, LinkType, PerfEventType, bpf_link_info,
        bpf_link_info_cgroup, bpf_link_info_iter_cgroup, bpf_link_info_iter_task, bpf_link_info_kprobe_multi,
        bpf_link_info_netfilter, bpf_link_info_netns, bpf_link_info_perf_event_event,
        bpf_link_info_perf_event_kprobe, bpf_link_info_perf_event_tracepoint, bpf_link_info_perf_event_uprobe,
        bpf_link_info_raw_tracepoint, bpf_link_info_sockmap, bpf_link_info_struct_ops, bpf_link_info_tcx,
        bpf_link_info_tracing, bpf_link_info_uprobe_multi, bpf_link_info_xdp,
    },
};
use std::os::fd::BorrowedFd;

/// `struct bpf_link_info`, typed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "bpf_link_info")]
pub struct LinkInfo {
    /// Type.
    pub link_type: LinkType,
    /// Id.
    pub id: u32,
    /// The program it holds; 0 for struct_ops, and for links that were detached.
    pub prog_id: u32,
    /// What its kind has besides.
    pub kind: LinkKind,
}

/// What one kind of link tells. Cookies of perf events are told from 6.9, those of raw tracepoints and tracing from 6.16; they
/// are 0 before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkKind {
    /// A raw tracepoint.
    RawTracepoint {
        /// Its name.
        tp_name: String,
        /// The cookie.
        cookie: u64,
    },
    /// fentry, fexit, fmod_ret, lsm, an extension, a BTF tracepoint.
    Tracing {
        /// Which of them.
        attach_type: AttachType,
        /// The program (for extensions) or BTF that is attached to.
        target_obj_id: u32,
        /// The function in it.
        target_btf_id: u32,
        /// The cookie.
        cookie: u64,
    },
    /// A cgroup.
    Cgroup {
        /// The cgroup.
        cgroup_id: u64,
        /// The hook.
        attach_type: AttachType,
    },
    /// An iterator.
    Iter {
        /// What it walks over, such as `task` or `bpf_map_elem`.
        target_name: String,
        /// The map, for iterators over a map's elements.
        map_id: u32,
        /// The cgroup, and the order of the walk, for iterators over cgroups.
        cgroup: Option<(u64, u32)>,
        /// Thread and process, for iterators over tasks.
        task: Option<(u32, u32)>,
    },
    /// A network namespace.
    Netns {
        /// Its inode; 0 when it is gone.
        netns_ino: u32,
        /// The hook.
        attach_type: AttachType,
    },
    /// A network device's XDP hook.
    Xdp {
        /// The device; 0 when it is gone.
        ifindex: u32,
    },
    /// A registered struct_ops map.
    StructOps {
        /// The map.
        map_id: u32,
    },
    /// A netfilter hook.
    Netfilter {
        /// Protocol family.
        pf: u32,
        /// Hook.
        hooknum: u32,
        /// Place.
        priority: i32,
        /// Flags.
        flags: u32,
    },
    /// Many kernel functions.
    KprobeMulti {
        /// How many.
        count: u32,
        /// Whether at their return.
        retprobe: bool,
        /// Runs that did not happen because one was running already.
        missed: u64,
    },
    /// Many places of a binary.
    UprobeMulti {
        /// The binary.
        path: String,
        /// How many places.
        count: u32,
        /// Whether at functions' return.
        retprobe: bool,
        /// The process, 0 for all.
        pid: u32,
    },
    /// A perf event.
    PerfEvent(PerfEventInfo),
    /// A network device's tcx hook.
    Tcx {
        /// The device; 0 when it is gone.
        ifindex: u32,
        /// Ingress or egress.
        attach_type: AttachType,
    },
    /// A netkit device.
    Netkit {
        /// The device; 0 when it is gone.
        ifindex: u32,
        /// Primary or peer.
        attach_type: AttachType,
    },
    /// A map of sockets.
    Sockmap {
        /// The map; 0 when it is gone.
        map_id: u32,
        /// The hook.
        attach_type: AttachType,
    },
    /// A kind that this crate does not know, or that tells nothing.
    Other,
}

/// The perf event behind a link (told from 6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PerfEventInfo {
    /// A place in a binary.
    Uprobe {
        /// The binary.
        file_name: String,
        /// Offset in it.
        offset: u32,
        /// Whether at a function's return.
        retprobe: bool,
        /// The cookie.
        cookie: u64,
        /// Offset of the USDT semaphore (from 7.0).
        ref_ctr_offset: u64,
    },
    /// A kernel function.
    Kprobe {
        /// The function.
        func_name: String,
        /// Offset in it.
        offset: u32,
        /// Whether at its return.
        retprobe: bool,
        /// Address, 0 when not to be seen.
        addr: u64,
        /// Runs that did not happen because one was running already.
        missed: u64,
        /// The cookie.
        cookie: u64,
    },
    /// A tracepoint.
    Tracepoint {
        /// Its name, without category.
        tp_name: String,
        /// The cookie.
        cookie: u64,
    },
    /// Another event.
    Event {
        /// `config` of `perf_event_attr`.
        config: u64,
        /// `type` of `perf_event_attr`.
        event_type: u32,
        /// The cookie.
        cookie: u64,
    },
    /// An event that the kernel does not describe.
    Unknown(PerfEventType),
}

/// Room for the names that links tell: paths are the longest.
const NAME_ROOM: usize = libc::PATH_MAX as usize;

/// What the kernel tells of a link.
///
/// # Errors
///
/// `Invalid` when the descriptor is not a link's; the errno.
#[doc(alias = "bpf_link_get_info_by_fd")]
pub fn link_info(link: BorrowedFd<'_>) -> Result<LinkInfo> {
    let mut head = bpf_link_info::default();
    // SAFETY: no addresses.
    unsafe { obj_get_info(link, Kind::Link, &mut head)? };
    let link_type = LinkType(head.type_);
    let kind = match link_type {
        LinkType::RAW_TRACEPOINT => {
            let (info, tp_name) = named(link, |text, len| bpf_link_info_raw_tracepoint {
                raw_tracepoint_tp_name: text,
                raw_tracepoint_tp_name_len: len,
                ..Default::default()
            })?;
            LinkKind::RawTracepoint { tp_name, cookie: info.raw_tracepoint_cookie }
        }
        LinkType::TRACING => {
            let info: bpf_link_info_tracing = seen_as(&head);
            LinkKind::Tracing {
                attach_type: AttachType(info.tracing_attach_type),
                target_obj_id: info.tracing_target_obj_id,
                target_btf_id: info.tracing_target_btf_id,
                cookie: info.tracing_cookie,
            }
        }
        LinkType::CGROUP => {
            let info: bpf_link_info_cgroup = seen_as(&head);
            LinkKind::Cgroup { cgroup_id: info.cgroup_cgroup_id, attach_type: AttachType(info.cgroup_attach_type) }
        }
        LinkType::ITER => {
            let (info, target_name) = named(link, |text, len| bpf_link_info_iter_cgroup {
                iter_target_name: text,
                iter_target_name_len: len,
                ..Default::default()
            })?;
            let task: bpf_link_info_iter_task = from_bytes(bytes_of(&info));
            LinkKind::Iter {
                map_id: info.iter_map_map_id,
                cgroup: (target_name == "cgroup").then_some((info.iter_cgroup_cgroup_id, info.iter_cgroup_order)),
                task: target_name.starts_with("task").then_some((task.iter_task_tid, task.iter_task_pid)),
                target_name,
            }
        }
        LinkType::NETNS => {
            let info: bpf_link_info_netns = seen_as(&head);
            LinkKind::Netns { netns_ino: info.netns_netns_ino, attach_type: AttachType(info.netns_attach_type) }
        }
        LinkType::XDP => {
            let info: bpf_link_info_xdp = seen_as(&head);
            LinkKind::Xdp { ifindex: info.xdp_ifindex }
        }
        LinkType::STRUCT_OPS => {
            let info: bpf_link_info_struct_ops = seen_as(&head);
            LinkKind::StructOps { map_id: info.struct_ops_map_id }
        }
        LinkType::NETFILTER => {
            let info: bpf_link_info_netfilter = seen_as(&head);
            LinkKind::Netfilter {
                pf: info.netfilter_pf,
                hooknum: info.netfilter_hooknum,
                priority: info.netfilter_priority,
                flags: info.netfilter_flags,
            }
        }
        LinkType::KPROBE_MULTI => {
            let info: bpf_link_info_kprobe_multi = seen_as(&head);
            LinkKind::KprobeMulti {
                count: info.kprobe_multi_count,
                retprobe: info.kprobe_multi_flags & BPF_F_KPROBE_MULTI_RETURN != 0,
                missed: info.kprobe_multi_missed,
            }
        }
        LinkType::UPROBE_MULTI => {
            let (info, path) = named(link, |text, len| bpf_link_info_uprobe_multi {
                uprobe_multi_path: text,
                uprobe_multi_path_size: len,
                ..Default::default()
            })?;
            LinkKind::UprobeMulti {
                path,
                count: info.uprobe_multi_count,
                retprobe: info.uprobe_multi_flags & BPF_F_UPROBE_MULTI_RETURN != 0,
                pid: info.uprobe_multi_pid,
            }
        }
        LinkType::PERF_EVENT => LinkKind::PerfEvent(perf_event(link, &head)?),
        LinkType::TCX => {
            let info: bpf_link_info_tcx = seen_as(&head);
            LinkKind::Tcx { ifindex: info.tcx_ifindex, attach_type: AttachType(info.tcx_attach_type) }
        }
        LinkType::NETKIT => {
            // The same fields at the same place as tcx.
            let info: bpf_link_info_tcx = seen_as(&head);
            LinkKind::Netkit { ifindex: info.tcx_ifindex, attach_type: AttachType(info.tcx_attach_type) }
        }
        LinkType::SOCKMAP => {
            let info: bpf_link_info_sockmap = seen_as(&head);
            LinkKind::Sockmap { map_id: info.sockmap_map_id, attach_type: AttachType(info.sockmap_attach_type) }
        }
        _ => LinkKind::Other,
    };
    Ok(LinkInfo { link_type, id: head.id, prog_id: head.prog_id, kind })
}

fn perf_event(link: BorrowedFd<'_>, head: &bpf_link_info) -> Result<PerfEventInfo> {
    let event: bpf_link_info_perf_event_event = seen_as(head);
    let event_type = PerfEventType(event.perf_event_type);
    Ok(match event_type {
        PerfEventType::UPROBE | PerfEventType::URETPROBE => {
            let (info, file_name) = named(link, |text, len| bpf_link_info_perf_event_uprobe {
                perf_event_uprobe_file_name: text,
                perf_event_uprobe_name_len: len,
                ..Default::default()
            })?;
            PerfEventInfo::Uprobe {
                file_name,
                offset: info.perf_event_uprobe_offset,
                retprobe: event_type == PerfEventType::URETPROBE,
                cookie: info.perf_event_uprobe_cookie,
                ref_ctr_offset: info.perf_event_uprobe_ref_ctr_offset,
            }
        }
        PerfEventType::KPROBE | PerfEventType::KRETPROBE => {
            let (info, func_name) = named(link, |text, len| bpf_link_info_perf_event_kprobe {
                perf_event_kprobe_func_name: text,
                perf_event_kprobe_name_len: len,
                ..Default::default()
            })?;
            PerfEventInfo::Kprobe {
                func_name,
                offset: info.perf_event_kprobe_offset,
                retprobe: event_type == PerfEventType::KRETPROBE,
                addr: info.perf_event_kprobe_addr,
                missed: info.perf_event_kprobe_missed,
                cookie: info.perf_event_kprobe_cookie,
            }
        }
        PerfEventType::TRACEPOINT => {
            let (info, tp_name) = named(link, |text, len| bpf_link_info_perf_event_tracepoint {
                perf_event_tracepoint_tp_name: text,
                perf_event_tracepoint_name_len: len,
                ..Default::default()
            })?;
            PerfEventInfo::Tracepoint { tp_name, cookie: info.perf_event_tracepoint_cookie }
        }
        PerfEventType::EVENT => PerfEventInfo::Event {
            config: event.perf_event_event_config,
            event_type: event.perf_event_event_type,
            cookie: event.perf_event_event_cookie,
        },
        other => PerfEventInfo::Unknown(other),
    })
}

/// What the head's bytes are for one kind of link.
fn seen_as<T: Pod>(head: &bpf_link_info) -> T {
    from_bytes(bytes_of(head))
}

/// A kernel function at which a link's program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KprobePlace {
    /// Its address; 0 when addresses may not be seen.
    pub addr: u64,
    /// What `bpf_get_attach_cookie` gives there (told from 6.9; 0 before).
    pub cookie: u64,
}

/// The functions of a link of many (from 6.6).
///
/// # Errors
///
/// As [`link_info`]; `Invalid` for links of another kind.
pub fn kprobe_multi_places(link: BorrowedFd<'_>) -> Result<Vec<KprobePlace>> {
    let LinkKind::KprobeMulti { count, .. } = link_info(link)?.kind else {
        return Err(Error::invalid("not a link", LinkType::KPROBE_MULTI));
    };
    let (mut addrs, mut cookies) = (vec![0u64; count as usize], vec![0u64; count as usize]);
    let mut ask = |cookies: &mut [u64]| {
        let mut info = bpf_link_info_kprobe_multi {
            kprobe_multi_addrs: address_mut(&mut addrs),
            kprobe_multi_count: count,
            kprobe_multi_cookies: address_mut(cookies),
            ..Default::default()
        };
        // SAFETY: addresses and cookies have room for `count` each, or are NULL.
        unsafe { obj_get_info(link, Kind::Link, &mut info) }
    };
    match ask(&mut cookies) {
        Err(error) if error.errno() == libc::E2BIG => ask(&mut [])?,
        result => result?,
    }
    Ok(addrs.into_iter().zip(cookies).map(|(addr, cookie)| KprobePlace { addr, cookie }).collect())
}

/// A place in a binary at which a link's program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UprobePlace {
    /// Offset in the file.
    pub offset: u64,
    /// Offset of the USDT semaphore, 0 for none.
    pub ref_ctr_offset: u64,
    /// What `bpf_get_attach_cookie` gives there.
    pub cookie: u64,
}

/// The places of a link of many (from 6.8).
///
/// # Errors
///
/// As [`link_info`]; `Invalid` for links of another kind.
pub fn uprobe_multi_places(link: BorrowedFd<'_>) -> Result<Vec<UprobePlace>> {
    let LinkKind::UprobeMulti { count, .. } = link_info(link)?.kind else {
        return Err(Error::invalid("not a link", LinkType::UPROBE_MULTI));
    };
    let room = || vec![0u64; count as usize];
    let (mut offsets, mut ref_ctr_offsets, mut cookies) = (room(), room(), room());
    let mut info = bpf_link_info_uprobe_multi {
        uprobe_multi_offsets: address_mut(&mut offsets),
        uprobe_multi_ref_ctr_offsets: address_mut(&mut ref_ctr_offsets),
        uprobe_multi_cookies: address_mut(&mut cookies),
        uprobe_multi_count: count,
        ..Default::default()
    };
    // SAFETY: each of the three arrays has room for `count` words; the path is NULL with a size of 0.
    unsafe { obj_get_info(link, Kind::Link, &mut info)? };
    let places = offsets.into_iter().zip(ref_ctr_offsets).zip(cookies);
    Ok(places.map(|((offset, ref_ctr_offset), cookie)| UprobePlace { offset, ref_ctr_offset, cookie }).collect())
}

/// Asks again with room for a name, of which `with` makes the question from its address and length.
fn named<T: Pod>(link: BorrowedFd<'_>, with: impl FnOnce(u64, u32) -> T) -> Result<(T, String)> {
    let mut text = vec![0u8; NAME_ROOM];
    let mut info = with(address_mut(&mut text), NAME_ROOM as u32);
    // SAFETY: the one address is that of `text`, of NAME_ROOM bytes.
    match unsafe { obj_get_info(link, Kind::Link, &mut info) } {
        // A kernel that has such links and does not tell of them yet: the field lies past what it knows.
        Err(error) if error.errno() == libc::E2BIG => Ok((T::default(), String::new())),
        result => result.map(|()| (info, name(&text))),
    }
}
