//! Links, with what each kind of them tells.

use std::fmt::Write as _;
use std::os::fd::{AsFd, BorrowedFd};

use purebpf::sys::id::ObjectKind;
use purebpf::sys::info::{self, LinkInfo, LinkKind, PerfEventInfo, link_info};
use purebpf::sys::uapi::{AttachType, CgroupIterOrder, ProgType};
use serde_json::{Map as Fields, Value, json};

use super::places::Places;
use super::{Around, Shown, perf_names};
use crate::interfaces;
use crate::output::printable;

pub(super) struct Link {
    info: LinkInfo,
    /// The program's type, for links that are told with it.
    prog_type: Option<ProgType>,
    /// Where it runs, for links of many places.
    places: Option<Places>,
}

impl Shown for Link {
    const KIND: ObjectKind = ObjectKind::Link;
    const NAME: &'static str = "link";
    type Shared = ();

    fn read(fd: BorrowedFd<'_>) -> Result<Link, purebpf::sys::Error> {
        let info = link_info(fd)?;
        let prog_type = matches!(info.kind, LinkKind::Tracing { .. }).then(|| {
            // A link can lose its program between the two questions.
            let prog = ObjectKind::Prog.fd_by_id(info.prog_id).ok()?;
            info::prog_info(prog.as_fd()).ok().map(|info| info.prog_type)
        });
        let places = Places::of(fd, &info.kind);
        Ok(Link { info, prog_type: prog_type.flatten(), places })
    }

    fn has_name(&self, _name: &str) -> bool {
        false
    }

    fn id(&self) -> u32 {
        self.info.id
    }

    fn json(&self, around: &Around<'_>, (): &()) -> Value {
        let mut fields = Fields::new();
        fields.insert("id".into(), self.info.id.into());
        let link_type = self.info.link_type;
        fields.insert("type".into(), link_type.name().map_or(link_type.0.into(), Value::from));
        fields.insert("prog_id".into(), self.info.prog_id.into());
        self.kind_json(&mut fields);
        if let Some(places) = &self.places {
            fields.insert("funcs".into(), places.json());
        }
        let mut value = Value::Object(fields);
        around.add_pins(&mut value);
        around.add_holders(&mut value);
        value
    }

    fn text(&self, around: &Around<'_>, (): &()) -> String {
        let LinkInfo { id, link_type, prog_id, .. } = self.info;
        let link_type = link_type.name().map_or_else(|| format!("type {}", link_type.0), str::to_owned);
        let mut text = match self.info.kind {
            LinkKind::StructOps { map_id } => format!("{id}: {link_type}  map {map_id}  "),
            _ => format!("{id}: {link_type}  prog {prog_id}  "),
        };
        self.kind_text(&mut text);
        if let Some(places) = &self.places {
            text.push_str(&places.text());
        }
        text.push_str(&around.pins_text());
        text.push_str(&around.holders_text());
        text.push('\n');
        text
    }
}

impl Link {
    fn kind_json(&self, fields: &mut Fields<String, Value>) {
        let mut add = |name: &str, value: Value| {
            fields.insert(name.to_owned(), value);
        };
        let attach = |attach_type: AttachType| attach_type.name().map_or(attach_type.0.into(), Value::from);
        match &self.info.kind {
            LinkKind::RawTracepoint { tp_name, cookie } => {
                add("tp_name", json!(tp_name));
                add("cookie", json!(cookie));
            }
            LinkKind::Tracing { attach_type, target_obj_id, target_btf_id, cookie } => {
                if let Some(prog_type) = self.prog_type {
                    add("prog_type", prog_type.name().map_or(prog_type.0.into(), Value::from));
                }
                add("attach_type", attach(*attach_type));
                add("target_obj_id", json!(target_obj_id));
                add("target_btf_id", json!(target_btf_id));
                add("cookie", json!(cookie));
            }
            LinkKind::Cgroup { cgroup_id, attach_type } => {
                add("cgroup_id", json!(cgroup_id));
                add("attach_type", attach(*attach_type));
            }
            LinkKind::Iter { target_name, map_id, cgroup, task } => {
                add("target_name", json!(target_name));
                if is_map_iterator(target_name) {
                    add("map_id", json!(map_id));
                }
                match task {
                    Some((0, 0)) | None => {}
                    Some((0, pid)) => add("pid", json!(pid)),
                    Some((tid, _)) => add("tid", json!(tid)),
                }
                if let Some((cgroup_id, order)) = cgroup {
                    add("cgroup_id", json!(cgroup_id));
                    add("order", json!(CgroupIterOrder(*order).name().unwrap_or("unknown")));
                }
            }
            LinkKind::Netns { netns_ino, attach_type } => {
                add("netns_ino", json!(netns_ino));
                add("attach_type", attach(*attach_type));
            }
            LinkKind::Xdp { ifindex } => add_device(&mut add, *ifindex),
            LinkKind::StructOps { map_id } => add("map_id", json!(map_id)),
            LinkKind::Netfilter { pf, hooknum, priority, flags } => {
                add("pf", json!(pf));
                add("hook", json!(hooknum));
                add("prio", json!(priority));
                add("flags", json!(flags));
            }
            LinkKind::KprobeMulti { count, retprobe, missed } => {
                add("retprobe", json!(retprobe));
                add("func_cnt", json!(count));
                add("missed", json!(missed));
            }
            LinkKind::UprobeMulti { path, count, retprobe, pid } => {
                add("retprobe", json!(retprobe));
                add("path", json!(path));
                add("func_cnt", json!(count));
                add("pid", json!(*pid as i32));
            }
            LinkKind::PerfEvent(event) => perf_event_json(event, &mut add),
            LinkKind::Tcx { ifindex, attach_type } | LinkKind::Netkit { ifindex, attach_type } => {
                add_device(&mut add, *ifindex);
                add("attach_type", attach(*attach_type));
            }
            LinkKind::Sockmap { map_id, attach_type } => {
                add("map_id", json!(map_id));
                add("attach_type", attach(*attach_type));
            }
            _ => {}
        }
    }

    fn kind_text(&self, text: &mut String) {
        // Writing to a String cannot fail.
        let _ = match &self.info.kind {
            LinkKind::RawTracepoint { tp_name, cookie } => {
                write!(text, "\n\ttp '{}'  {}", printable(tp_name), cookie_text(*cookie))
            }
            LinkKind::Tracing { attach_type, target_obj_id, target_btf_id, cookie } => {
                text.push_str("\n\t");
                if let Some(prog_type) = self.prog_type {
                    let _ = write!(text, "prog_type {prog_type}  ");
                }
                let _ = write!(text, "attach_type {attach_type}  ");
                if (*target_obj_id, *target_btf_id) != (0, 0) {
                    let _ = write!(text, "\n\ttarget_obj_id {target_obj_id}  target_btf_id {target_btf_id}  ");
                }
                match cookie {
                    0 => Ok(()),
                    _ => write!(text, "\n\t{}", cookie_text(*cookie)),
                }
            }
            LinkKind::Cgroup { cgroup_id, attach_type } => {
                write!(text, "\n\tcgroup_id {cgroup_id}  attach_type {attach_type}  ")
            }
            LinkKind::Iter { target_name, map_id, cgroup, task } => {
                let _ = write!(text, "target_name {}  ", printable(target_name));
                if is_map_iterator(target_name) {
                    let _ = write!(text, "map_id {map_id}  ");
                }
                let _ = match task {
                    Some((0, 0)) | None => Ok(()),
                    Some((0, pid)) => write!(text, "pid {pid} "),
                    Some((tid, _)) => write!(text, "tid {tid} "),
                };
                match cgroup {
                    Some((id, order)) => {
                        let order = CgroupIterOrder(*order).name().unwrap_or("unknown");
                        write!(text, "cgroup_id {id}  order {order}  ")
                    }
                    None => Ok(()),
                }
            }
            LinkKind::Netns { netns_ino, attach_type } => {
                write!(text, "\n\tnetns_ino {netns_ino}  attach_type {attach_type}  ")
            }
            LinkKind::Xdp { ifindex } => write!(text, "\n\t{}", device_text(*ifindex)),
            LinkKind::Netfilter { pf, hooknum, priority, flags } => {
                text.push_str(&netfilter_text(*pf, *hooknum, *priority, *flags));
                Ok(())
            }
            LinkKind::KprobeMulti { count, retprobe, missed } if *count != 0 => {
                let ret = if *retprobe { "ret" } else { "" };
                let _ = write!(text, "\n\tk{ret}probe.multi  func_cnt {count}  ");
                match missed {
                    0 => Ok(()),
                    _ => write!(text, "missed {missed}  "),
                }
            }
            LinkKind::UprobeMulti { path, count, retprobe, pid } if *count != 0 => {
                let ret = if *retprobe { "ret" } else { "" };
                let _ = write!(text, "\n\tu{ret}probe.multi  path {}  func_cnt {count}  ", printable(path));
                match pid {
                    0 => Ok(()),
                    _ => write!(text, "pid {pid}  "),
                }
            }
            LinkKind::PerfEvent(event) => {
                text.push_str(&perf_event_text(event));
                Ok(())
            }
            LinkKind::Tcx { ifindex, attach_type } | LinkKind::Netkit { ifindex, attach_type } => {
                write!(text, "\n\t{}attach_type {attach_type}  ", device_text(*ifindex))
            }
            LinkKind::Sockmap { map_id, attach_type } => {
                write!(text, "\n\tmap_id {map_id}  attach_type {attach_type}  ")
            }
            _ => Ok(()),
        };
    }
}

/// The iterators that walk over one map.
fn is_map_iterator(target_name: &str) -> bool {
    matches!(target_name, "bpf_map_elem" | "bpf_sk_storage_map")
}

fn cookie_text(cookie: u64) -> String {
    if cookie == 0 { String::new() } else { format!("cookie {cookie}  ") }
}

fn add_device(add: &mut impl FnMut(&str, Value), ifindex: u32) {
    let name = match ifindex {
        0 => "(detached)".to_owned(),
        _ => interfaces::name(ifindex).unwrap_or_else(|| "(unknown)".to_owned()),
    };
    add("devname", name.into());
    add("ifindex", ifindex.into());
}

fn device_text(ifindex: u32) -> String {
    match (ifindex, interfaces::name(ifindex)) {
        (0, _) => "ifindex (detached)  ".to_owned(),
        (_, Some(name)) => format!("ifindex {}({ifindex})  ", printable(&name)),
        (_, None) => "ifindex (unknown)  ".to_owned(),
    }
}

/// Families and hooks by linux/netfilter.h and linux/netfilter_arp.h, as nft calls them.
fn netfilter_text(pf: u32, hooknum: u32, priority: i32, flags: u32) -> String {
    let family = match pf {
        1 => Some("inet"),
        2 => Some("ip"),
        3 => Some("arp"),
        5 => Some("netdev"),
        7 => Some("bridge"),
        10 => Some("ip6"),
        _ => None,
    };
    const HOOKS: [&str; 5] = ["prerouting", "input", "forward", "output", "postrouting"];
    const ARP_HOOKS: [&str; 2] = ["input", "output"];
    let hook = match pf {
        1 | 2 | 7 | 10 => HOOKS.get(hooknum as usize),
        3 => ARP_HOOKS.get(hooknum as usize),
        _ => None,
    };
    let mut text = match family {
        Some(family) => format!("\n\t{family}"),
        None => format!("\n\tpf: {pf}"),
    };
    // Writing to a String cannot fail.
    let _ = match hook {
        Some(hook) => write!(text, " {hook}"),
        None => write!(text, ", hook {hooknum},"),
    };
    let _ = write!(text, " prio {priority}");
    if flags != 0 {
        let _ = write!(text, " flags {flags:#x}");
    }
    text
}

fn perf_event_json(event: &PerfEventInfo, add: &mut impl FnMut(&str, Value)) {
    match event {
        PerfEventInfo::Uprobe { file_name, offset, retprobe, cookie, ref_ctr_offset } => {
            add("retprobe", json!(retprobe));
            add("file", json!(file_name));
            add("offset", json!(offset));
            add("cookie", json!(cookie));
            add("ref_ctr_offset", json!(ref_ctr_offset));
        }
        PerfEventInfo::Kprobe { func_name, offset, retprobe, addr, missed, cookie } => {
            add("retprobe", json!(retprobe));
            add("addr", json!(addr));
            add("func", json!(func_name));
            add("offset", json!(offset));
            add("missed", json!(missed));
            add("cookie", json!(cookie));
        }
        PerfEventInfo::Tracepoint { tp_name, cookie } => {
            add("tracepoint", json!(tp_name));
            add("cookie", json!(cookie));
        }
        PerfEventInfo::Event { config, event_type, cookie } => {
            add("event_type", perf_names::perf_type(*event_type).map_or(json!(event_type), Value::from));
            add("event_config", perf_names::config(*event_type, *config).map_or(json!(config), Value::from));
            add("cookie", json!(cookie));
        }
        _ => {}
    }
}

fn perf_event_text(event: &PerfEventInfo) -> String {
    match event {
        PerfEventInfo::Uprobe { file_name, offset, retprobe, cookie, ref_ctr_offset } if !file_name.is_empty() => {
            let ret = if *retprobe { "ret" } else { "" };
            // As printf writes %#x: a zero has no prefix.
            let offset = if *offset == 0 { "0".to_owned() } else { format!("{offset:#x}") };
            let counter = match ref_ctr_offset {
                0 => String::new(),
                offset => format!("ref_ctr_offset {offset:#x}  "),
            };
            format!("\n\tu{ret}probe {}+{offset}  {}{counter}", printable(file_name), cookie_text(*cookie))
        }
        PerfEventInfo::Kprobe { func_name, offset, retprobe, addr, missed, cookie }
            if !func_name.is_empty() || *addr != 0 =>
        {
            let ret = if *retprobe { "ret" } else { "" };
            let mut text = format!("\n\tk{ret}probe ");
            // Writing to a String cannot fail.
            if *addr != 0 {
                let _ = write!(text, "{addr:x} ");
            }
            text.push_str(&printable(func_name));
            if *offset != 0 {
                let _ = write!(text, "+{offset:#x}");
            }
            if *missed != 0 {
                let _ = write!(text, "  missed {missed}");
            }
            if *cookie != 0 {
                let _ = write!(text, "  cookie {cookie}");
            }
            text + "  "
        }
        PerfEventInfo::Tracepoint { tp_name, cookie } if !tp_name.is_empty() => {
            format!("\n\ttracepoint {}  {}", printable(tp_name), cookie_text(*cookie))
        }
        PerfEventInfo::Event { config, event_type, cookie } => {
            let perf_type = match perf_names::perf_type(*event_type) {
                Some(name) => format!("{name}:"),
                None => format!("{event_type} :"),
            };
            let name = perf_names::config(*event_type, *config).unwrap_or_else(|| config.to_string());
            format!("\n\tevent {perf_type}{name}  {}", cookie_text(*cookie))
        }
        _ => String::new(),
    }
}
