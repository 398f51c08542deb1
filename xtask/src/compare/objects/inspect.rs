//! Open objects: `purebpf object inspect --json` beside libbpf's getters.

use super::{
    difference,
    oracle::{Oracle, killed, list, text, warnings},
    report::{Check, Report},
};
use crate::{
    corpus::objects::CorpusObject,
    error::{Context, Result},
};
use serde_json::{Value, json};
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// What libbpf's getters say of a program as ours do.
const PROGRAM: [&str; 4] = ["section", "prog_type", "autoload", "insn_count"];

/// What they say of a map.
const MAP: [&str; 12] = [
    "kind",
    "map_type",
    "key_size",
    "value_size",
    "max_entries",
    "map_flags",
    "numa_node",
    "map_extra",
    "pinning",
    "autocreate",
    "initial_value_sha256",
    "inner_map",
];

/// Of a template of inner maps: `pinning` and `autocreate` are nobody's there.
const INNER_MAP: [&str; 9] =
    ["name", "kind", "map_type", "key_size", "value_size", "max_entries", "map_flags", "numa_node", "map_extra"];

/// BPF_F_SLEEPABLE and BPF_F_XDP_HAS_FRAGS, which libbpf adds for a section when it loads.
const SECTION_FLAGS: u64 = 0x30;

pub(super) fn compare(objects: &[CorpusObject], oracle: &Oracle, tool: &Path, report: &mut Report) -> Result {
    for (object, theirs) in objects.iter().zip(oracle.ask("inspect", objects, None)?) {
        let ours =
            Command::new(tool).args(["object", "inspect", "--json"]).arg(&object.path).stdin(Stdio::null()).output();
        let ours = ours.context(tool.display())?;
        let mut found = Vec::new();
        let error = String::from_utf8_lossy(&ours.stderr).trim().to_owned();
        match (killed(&theirs), theirs["err"].as_i64().unwrap_or_default(), ours.status.success()) {
            (Some(how), ..) => found.push((String::new(), how)),
            (_, 0, false) => found.push((String::new(), format!("only libbpf opens it: {error}"))),
            (_, err @ ..=-1, true) => {
                found.push((String::new(), format!("only we open it: {err}: {}", warnings(&theirs))));
            }
            (_, 0, true) => {
                let ours: Value = serde_json::from_slice(&ours.stdout).context(&object.name)?;
                differences(&theirs, &ours, &mut found);
            }
            _ => {}
        }
        report.count(Check::Inspect, object.source, found.is_empty());
        report.differences.extend(found.into_iter().map(|(of, how)| difference(Check::Inspect, object, &of, how)));
    }
    Ok(())
}

fn differences(theirs: &Value, ours: &Value, found: &mut Vec<(String, String)>) {
    let mut differ = |of: &str, what: &str, theirs: &Value, ours: &Value| {
        if theirs != ours {
            found.push((of.to_owned(), format!("{what}: theirs {theirs}, ours {ours}")));
        }
    };
    for field in ["name", "license"] {
        differ("", field, &theirs[field], &ours[field]);
    }
    // Without a section that says so, libbpf has the running kernel's.
    let running = json!(running_version());
    let version = if theirs["kernel_version"] == running { &json!(0) } else { &theirs["kernel_version"] };
    differ("", "kernel_version", version, &ours["kernel_version"]);
    // Theirs is known of objects with BTF.
    if !theirs["endianness"].is_null() {
        differ("", "endianness", &theirs["endianness"], &ours["endianness"]);
    }
    let names =
        |value: &Value, field: &str| Value::from_iter(list(value, field).iter().map(|item| item["name"].clone()));
    differ("", "programs", &names(theirs, "programs"), &names(ours, "programs"));
    differ("", "maps", &names(theirs, "maps"), &names(ours, "maps"));
    // Each kind in the object's order; which kind comes first, libbpf does not say.
    for kind in ["kconfig", "ksym"] {
        let of = |value: &Value| -> Value {
            let externs = list(value, "externs").iter().filter(|ext| ext["kind"] == kind);
            externs.map(|ext| ext["name"].clone()).collect()
        };
        differ("", &format!("externs of kind {kind}"), &of(theirs), &of(ours));
    }
    let find = |value: &Value, field: &str, name: &str| {
        list(value, field).iter().find(|item| text(item, "name") == name).cloned().unwrap_or_default()
    };
    for program in list(theirs, "programs") {
        let name = text(program, "name");
        let our = find(ours, "programs", name);
        if our.is_null() {
            continue;
        }
        for field in PROGRAM {
            differ(name, field, &program[field], &our[field]);
        }
        let (flags, our_flags) =
            (program["flags"].as_u64().unwrap_or_default(), our["flags"].as_u64().unwrap_or_default());
        if flags | (our_flags & SECTION_FLAGS) != our_flags {
            differ(name, "flags", &program["flags"], &our["flags"]);
        }
        // The getter's 0 is both none and the first attach type.
        if program["attach_type_number"] != 0 || !our["attach_type"].is_null() {
            differ(name, "attach_type", &program["attach_type"], &our["attach_type"]);
        }
    }
    for map in list(theirs, "maps") {
        let name = text(map, "name");
        let our = find(ours, "maps", name);
        if our.is_null() {
            continue;
        }
        for field in MAP {
            match (&map[field], &our[field]) {
                (inner @ Value::Object(_), our @ Value::Object(_)) => {
                    for field in INNER_MAP {
                        differ(name, &format!("inner map's {field}"), &inner[field], &our[field]);
                    }
                }
                (theirs, ours) => differ(name, field, theirs, ours),
            }
        }
    }
}

/// LINUX_VERSION_CODE of the kernel that runs.
fn running_version() -> u32 {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0_u32));
    let mut number = || numbers.next().unwrap_or_default();
    (number() << 16) | (number() << 8) | number().min(255)
}
