//! Programs.

use std::fmt::Write as _;
use std::os::fd::{AsFd, BorrowedFd};

use purebpf::btf::dump::value as btf_value;
use purebpf::btf::{Btf, Kind, TypeId};
use purebpf::sys::id::ObjectKind;
use purebpf::sys::info::{self, ProgInfo};
use purebpf::sys::map::Map;
use purebpf::sys::uapi::{ElemFlags, MapType};
use serde_json::{Value, json};

use super::device::Device;
use super::fdinfo::FdInfo;
use super::wanted::hex;
use super::{Around, Shown, fd_by_id};
use crate::boot_time;
use crate::output::printable;

pub(super) struct Prog {
    info: ProgInfo,
    name: String,
    memlock: Option<u64>,
    map_ids: Vec<u32>,
    metadata: Vec<(String, Value)>,
}

/// How variables begin that say something of their program.
const METADATA: &str = "bpf_metadata_";

/// The variables called so in the program's `.rodata`, without that beginning, as JSON. What is gone or cannot be read says nothing.
fn metadata(map_ids: &[u32]) -> Vec<(String, Value)> {
    map_ids.iter().find_map(|id| metadata_of_map(*id)).unwrap_or_default()
}

fn metadata_of_map(id: u32) -> Option<Vec<(String, Value)>> {
    let map = Map::from_fd(fd_by_id(ObjectKind::Map, id).ok()?).ok()?;
    let info = map.info().ok()?;
    let is_rodata = info.map_type == MapType::ARRAY && info.max_entries == 1 && info.name.contains(".rodata");
    if !is_rodata || info.btf_value_type_id == 0 {
        return None;
    }
    let mut bytes = vec![0; map.value_size()];
    map.lookup(&[0; 4], &mut bytes, ElemFlags::empty()).ok().filter(|found| *found)?;
    let btf = ObjectKind::Btf.fd_by_id(info.btf_id).ok()?;
    let btf = Btf::parse(info::btf_data(btf.as_fd()).ok()?).ok()?;
    let section = btf_value::Value::new(&btf, TypeId(info.btf_value_type_id), &bytes).ok()?;
    let btf_value::ValueData::Datasec(variables) = section.data().ok()? else { return None };
    let told = variables.filter_map(|variable| {
        let name = variable.name()?.strip_prefix(METADATA)?.to_owned();
        let btf_value::ValueData::Var(content) = variable.value.data().ok()? else { return None };
        let mut text = String::new();
        btf_value::Json::default().write(&content, &mut text).ok()?;
        Some((name, serde_json::from_str(&text).ok()?))
    });
    Some(told.collect())
}

/// The length of the longest name that the kernel keeps (`BPF_OBJ_NAME_LEN` without the zero at its end).
const LONGEST_NAME: usize = 15;

/// A program's whole name. The kernel keeps its first 15 bytes; the function of which it was made has all of it, in the
/// BTF that came with the program.
pub(crate) fn full_name(fd: BorrowedFd<'_>, info: &ProgInfo) -> String {
    let name = if info.name.len() >= LONGEST_NAME { name_of_function(fd, info) } else { None };
    name.unwrap_or_else(|| info.name.clone())
}

fn name_of_function(fd: BorrowedFd<'_>, info: &ProgInfo) -> Option<String> {
    if info.btf_id == 0 || info.nr_func_info == 0 {
        return None;
    }
    let first = info::prog_func_info(fd).ok()?.first()?.type_id;
    let btf = ObjectKind::Btf.fd_by_id(info.btf_id).ok()?;
    let btf = Btf::parse(info::btf_data(btf.as_fd()).ok()?).ok()?;
    let function = btf.type_by_id(TypeId(first)).ok().filter(|function| function.kind() == Kind::Func)?;
    function.name().map(str::to_owned)
}

impl Prog {
    fn device(&self) -> Device {
        Device { ifindex: self.info.ifindex, netns_dev: self.info.netns_dev, netns_ino: self.info.netns_ino }
    }
}

impl Shown for Prog {
    const KIND: ObjectKind = ObjectKind::Prog;
    const NAME: &'static str = "program";
    type Shared = ();

    fn read(fd: BorrowedFd<'_>) -> Result<Prog, purebpf::sys::Error> {
        let info = info::prog_info(fd)?;
        let map_ids = if info.nr_map_ids == 0 { Vec::new() } else { info::prog_map_ids(fd)? };
        Ok(Prog {
            name: full_name(fd, &info),
            memlock: FdInfo::of(fd).number("memlock"),
            metadata: metadata(&map_ids),
            map_ids,
            info,
        })
    }

    fn has_name(&self, name: &str) -> bool {
        self.name == name || self.info.name == name
    }

    fn has_tag(&self, tag: [u8; 8]) -> bool {
        self.info.tag == tag
    }

    fn id(&self) -> u32 {
        self.info.id
    }

    fn json(&self, around: &Around<'_>, (): &()) -> Value {
        let info = &self.info;
        let mut value = json!({ "id": info.id });
        value["type"] = info.prog_type.name().map_or(json!(info.prog_type.0), Value::from);
        if !self.name.is_empty() {
            value["name"] = json!(self.name);
        }
        value["tag"] = json!(hex(&info.tag));
        value["gpl_compatible"] = json!(info.gpl_compatible);
        if info.run_time_ns != 0 {
            value["run_time_ns"] = json!(info.run_time_ns);
            value["run_cnt"] = json!(info.run_cnt);
        }
        if info.recursion_misses != 0 {
            value["recursion_misses"] = json!(info.recursion_misses);
        }
        self.device().add_to(&mut value);
        if info.load_time != 0 {
            value["loaded_at"] = json!(boot_time::wall_clock(info.load_time).as_second());
            value["uid"] = json!(info.created_by_uid);
        }
        // One that is gives no information at all.
        value["orphaned"] = json!(false);
        value["bytes_xlated"] = json!(info.xlated_prog_len);
        value["jited"] = json!(info.jited_prog_len != 0);
        if info.jited_prog_len != 0 {
            value["bytes_jited"] = json!(info.jited_prog_len);
        }
        if let Some(memlock) = self.memlock {
            value["bytes_memlock"] = json!(memlock);
        }
        if !self.map_ids.is_empty() {
            value["map_ids"] = json!(self.map_ids);
        }
        if info.btf_id != 0 {
            value["btf_id"] = json!(info.btf_id);
        }
        around.add_pins(&mut value);
        around.add_holders(&mut value);
        if !self.metadata.is_empty() {
            value["metadata"] = Value::Object(self.metadata.iter().cloned().collect());
        }
        value
    }

    fn text(&self, around: &Around<'_>, (): &()) -> String {
        let info = &self.info;
        let mut text = format!("{}: ", info.id);
        // Writing to a String cannot fail.
        let _ = match info.prog_type.name() {
            Some(name) => write!(text, "{name}  "),
            None => write!(text, "type {}  ", info.prog_type.0),
        };
        if !self.name.is_empty() {
            let _ = write!(text, "name {}  ", printable(&self.name));
        }
        let _ = write!(text, "tag {}{}", hex(&info.tag), self.device().text());
        if info.gpl_compatible {
            text.push_str("  gpl");
        }
        if info.run_time_ns != 0 {
            let _ = write!(text, " run_time_ns {} run_cnt {}", info.run_time_ns, info.run_cnt);
        }
        if info.recursion_misses != 0 {
            let _ = write!(text, " recursion_misses {}", info.recursion_misses);
        }
        text.push('\n');
        if info.load_time != 0 {
            let time = boot_time::text(boot_time::wall_clock(info.load_time));
            let _ = writeln!(text, "\tloaded_at {time}  uid {}", info.created_by_uid);
        }
        let _ = write!(text, "\txlated {}B", info.xlated_prog_len);
        let _ = match info.jited_prog_len {
            0 => write!(text, "  not jited"),
            len => write!(text, "  jited {len}B"),
        };
        if let Some(memlock) = self.memlock {
            let _ = write!(text, "  memlock {memlock}B");
        }
        if !self.map_ids.is_empty() {
            let ids: Vec<_> = self.map_ids.iter().map(u32::to_string).collect();
            let _ = write!(text, "  map_ids {}", ids.join(","));
        }
        text.push_str(&around.pins_text());
        if info.btf_id != 0 {
            let _ = write!(text, "\n\tbtf_id {}", info.btf_id);
        }
        text.push_str(&around.holders_text());
        text.push('\n');
        if !self.metadata.is_empty() {
            text.push_str("\tmetadata:\n");
        }
        for (name, value) in &self.metadata {
            let _ = writeln!(text, "\t\t{} = {value}", printable(name));
        }
        text
    }
}
