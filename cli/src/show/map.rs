//! Maps.

use std::fmt::Write as _;
use std::os::fd::BorrowedFd;

use purebpf::sys::id::ObjectKind;
use purebpf::sys::info::{MapInfo, map_info};
use purebpf::sys::uapi::{MapType, ProgType};
use serde_json::{Value, json};

use super::device::Device;
use super::fdinfo::FdInfo;
use super::{Around, Shown};
use crate::output::printable;

pub(super) struct Map {
    info: MapInfo,
    memlock: Option<u64>,
    frozen: u64,
    owner: Option<Owner>,
}

/// Whose programs a program array takes, once it has taken one.
struct Owner {
    prog_type: Option<ProgType>,
    jited: Option<bool>,
}

impl Map {
    fn device(&self) -> Device {
        Device { ifindex: self.info.ifindex, netns_dev: self.info.netns_dev, netns_ino: self.info.netns_ino }
    }
}

impl Shown for Map {
    const KIND: ObjectKind = ObjectKind::Map;
    const NAME: &'static str = "map";
    type Shared = ();

    fn read(fd: BorrowedFd<'_>) -> Result<Map, purebpf::sys::Error> {
        let info = map_info(fd)?;
        let told = FdInfo::of(fd);
        let owner = (info.map_type == MapType::PROG_ARRAY).then(|| Owner {
            prog_type: told.number("owner_prog_type").map(|number| ProgType(number as u32)),
            jited: told.number("owner_jited").map(|jited| jited != 0),
        });
        Ok(Map { memlock: told.number("memlock"), frozen: told.number("frozen").unwrap_or(0), owner, info })
    }

    fn has_name(&self, name: &str) -> bool {
        self.info.name == name
    }

    fn id(&self) -> u32 {
        self.info.id
    }

    fn json(&self, around: &Around<'_>, (): &()) -> Value {
        let info = &self.info;
        let mut value = json!({ "id": info.id });
        value["type"] = info.map_type.name().map_or(json!(info.map_type.0), Value::from);
        if !info.name.is_empty() {
            value["name"] = json!(info.name);
        }
        value["flags"] = json!(info.map_flags.bits());
        self.device().add_to(&mut value);
        value["bytes_key"] = json!(info.key_size);
        value["bytes_value"] = json!(info.value_size);
        value["max_entries"] = json!(info.max_entries);
        if let Some(memlock) = self.memlock {
            value["bytes_memlock"] = json!(memlock);
        }
        if let Some(owner) = &self.owner {
            if let Some(prog_type) = owner.prog_type {
                value["owner_prog_type"] = prog_type.name().map_or(json!(prog_type.0), Value::from);
            }
            if let Some(jited) = owner.jited {
                value["owner_jited"] = json!(jited);
            }
        }
        value["frozen"] = json!(self.frozen);
        if info.btf_id != 0 {
            value["btf_id"] = json!(info.btf_id);
        }
        around.add_pins(&mut value);
        around.add_holders(&mut value);
        value
    }

    fn text(&self, around: &Around<'_>, (): &()) -> String {
        let info = &self.info;
        let mut text = format!("{}: ", info.id);
        // Writing to a String cannot fail.
        let _ = match info.map_type.name() {
            Some(name) => write!(text, "{name}  "),
            None => write!(text, "type {}  ", info.map_type.0),
        };
        if !info.name.is_empty() {
            let _ = write!(text, "name {}  ", printable(&info.name));
        }
        let _ = writeln!(text, "flags {:#x}{}", info.map_flags.bits(), self.device().text());
        let _ = write!(text, "\tkey {}B  value {}B  max_entries {}", info.key_size, info.value_size, info.max_entries);
        if let Some(memlock) = self.memlock {
            let _ = write!(text, "  memlock {memlock}B");
        }
        if let Some(owner) = &self.owner {
            if owner.prog_type.is_some() || owner.jited.is_some() {
                text.push_str("\n\t");
            }
            if let Some(prog_type) = owner.prog_type {
                let _ = write!(text, "owner_prog_type {prog_type}  ");
            }
            if let Some(jited) = owner.jited {
                text.push_str(if jited { "owner jited" } else { "owner not jited" });
            }
        }
        text.push_str(&around.pins_text());
        let frozen = (self.frozen != 0).then(|| "frozen".to_owned());
        let btf = (info.btf_id != 0).then(|| format!("btf_id {}", info.btf_id));
        let last: Vec<_> = btf.into_iter().chain(frozen).collect();
        if !last.is_empty() {
            let _ = write!(text, "\n\t{}", last.join("  "));
        }
        text.push_str(&around.holders_text());
        text.push('\n');
        text
    }
}
