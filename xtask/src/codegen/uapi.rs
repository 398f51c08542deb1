//! `bpf-sys/src/uapi/generated.rs`: linux/bpf.h in Rust.
//!
//! Types come from BTF: enumerators, and every field's offset and size as the C compiler laid them out. Macros have no types;
//! their numbers come from a table.
//!
//! C's unions of anonymous structs, of which bpf(2)'s argument is one, become a struct for each way through them, so that each
//! command's argument is a plain struct with plain fields. What C leaves as holes is named, so that all bytes can be cleared.

use super::{input, rows};
use crate::{
    error::{Context, Error, Result},
    workspace::{read, root},
};
use purebpf_btf::{Btf, Kind, Type, TypeData, TypeId, types::Member};
use std::{collections::BTreeSet, fmt::Write};

/// The types of linux/bpf.h, as raw BTF.
pub(super) const TYPES: &str = "bpf-uapi.btf";
/// Its macros that are numbers, and the header's version as [`VERSION`].
pub(super) const MACROS: &str = "bpf-uapi-macros.tsv";
/// The macro of linux/version.h.
pub(super) const VERSION: &str = "LINUX_VERSION_CODE";

/// What enumerations that have no name are called in [`TYPES`], with a number behind it.
pub(super) const UNNAMED: &str = "unnamed_";

/// Enumerations that become types: name in C, name in Rust, and what each enumerator begins with and loses.
const OPEN_ENUMS: [(&str, &str, &str); 12] = [
    ("bpf_cmd", "Cmd", "BPF_"),
    ("bpf_map_type", "MapType", "BPF_MAP_TYPE_"),
    ("bpf_prog_type", "ProgType", "BPF_PROG_TYPE_"),
    ("bpf_attach_type", "AttachType", "BPF_"),
    ("bpf_link_type", "LinkType", "BPF_LINK_TYPE_"),
    ("bpf_perf_event_type", "PerfEventType", "BPF_PERF_EVENT_"),
    ("bpf_stats_type", "StatsType", "BPF_STATS_"),
    ("bpf_task_fd_type", "TaskFdType", "BPF_FD_TYPE_"),
    ("bpf_func_id", "HelperId", "BPF_FUNC_"),
    ("bpf_cgroup_iter_order", "CgroupIterOrder", "BPF_CGROUP_ITER_"),
    ("bpf_core_relo_kind", "CoreReloKind", "BPF_CORE_"),
    ("xdp_action", "XdpAction", "XDP_"),
];

/// The anonymous structs of `union bpf_attr`, by their first field: named after the command that takes them.
const ATTR_STRUCTS: [(&str, &str); 7] = [
    ("map_type", "map_create"),
    ("map_fd", "map_elem"),
    ("prog_type", "prog_load"),
    ("pathname", "obj"),
    ("target_fd", "prog_attach"),
    ("start_id", "get_id"),
    ("btf", "btf_load"),
];

/// Structs and unions that become structs, besides `union bpf_attr`.
const STRUCTS: [&str; 22] = [
    "bpf_iter_link_info",
    "bpf_common_attr",
    "bpf_stack_build_id",
    "bpf_lpm_trie_key_hdr",
    "bpf_cgroup_storage_key",
    "__sk_buff",
    "xdp_md",
    "bpf_devmap_val",
    "bpf_cpumap_val",
    "bpf_insn_array_value",
    "sk_msg_md",
    "bpf_prog_info",
    "bpf_map_info",
    "bpf_btf_info",
    "bpf_link_info",
    "bpf_token_info",
    "bpf_perf_event_value",
    "bpf_flow_keys",
    "bpf_func_info",
    "bpf_line_info",
    "bpf_sk_lookup",
    "bpf_core_relo",
];

/// Fields whose C names are words of Rust.
const RUST_WORDS: [&str; 2] = ["type", "match"];

/// The module's text.
pub(super) fn module() -> Result<String> {
    let bytes = read(&root().join("xtask/inputs").join(TYPES))?;
    let btf = Btf::parse(bytes).context(TYPES)?;
    module_of(&btf, &input(MACROS)?)
}

fn module_of(btf: &Btf, macros: &str) -> Result<String> {
    let mut numbers = Vec::new();
    let mut version = None;
    for [name, value] in rows::<2>(MACROS, macros)? {
        let value: i128 = value.parse().context(format_args!("{MACROS}: value of {name}"))?;
        if name == VERSION {
            version = Some((value >> 16, value >> 8 & 0xff));
        } else {
            numbers.push((name, value));
        }
    }
    let (major, minor) = version.context(format_args!("{MACROS} does not give {VERSION}"))?;
    let mut text = format!(
        "// Generated from linux/bpf.h of Linux {major}.{minor} by `cargo xtask codegen`; do not edit.\n\
         //\n\
         // Enumerations become open newtypes, anonymous enumerators and object-like macros become constants,\n\
         // structures keep their C names and layouts, with every byte of padding a named field.\n\
         #![allow(missing_docs, non_camel_case_types)]\n\n"
    );

    let mut unseen: BTreeSet<&str> = OPEN_ENUMS.iter().map(|(name, ..)| *name).collect();
    for item in enums(btf) {
        if let Some(&(name, rust, prefix)) = OPEN_ENUMS.iter().find(|(name, ..)| item.name == Some(name)) {
            unseen.remove(name);
            open_enum(&mut text, name, rust, prefix, &item.values);
        }
    }
    if let Some(name) = unseen.first() {
        return Err(Error::new(format!("{TYPES} has no enum {name}")));
    }
    for item in enums(btf) {
        if !OPEN_ENUMS.iter().any(|(name, ..)| item.name == Some(name)) {
            constants(&mut text, &item);
        }
    }
    text += "// Object-like macros.\n";
    for (name, value) in numbers {
        let shown = if value < 10 { value.to_string() } else { format!("{value:#x}") };
        _ = writeln!(text, "pub const {name}: {} = {shown};", number_type(&[value]));
    }
    text.push('\n');
    structs(&mut text, btf)?;
    // One newline at the end, as rustfmt leaves it.
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(text)
}

/// An enum of the header, without enumerators that only count the others (`__MAX_BPF_CMD`).
struct EnumItem<'a> {
    name: Option<&'a str>,
    values: Vec<(&'a str, i128)>,
}

fn enums(btf: &Btf) -> impl Iterator<Item = EnumItem<'_>> {
    btf.own_types().filter_map(|item| {
        let data = item.as_enum()?;
        let value = |value: u64| if data.signed { i128::from(value as i64) } else { i128::from(value) };
        let named = data.values().filter_map(|each| Some((each.name()?, value(each.value))));
        let name = item.name().filter(|name| !name.starts_with(UNNAMED));
        Some(EnumItem { name, values: named.filter(|(name, _)| !name.starts_with("__")).collect() })
    })
}

/// An enumeration as a number with named values, and its table of names.
fn open_enum(text: &mut String, c_name: &str, rust: &str, prefix: &str, values: &[(&str, i128)]) {
    let short = |name: &str| name.strip_prefix(prefix).unwrap_or(name).to_owned();
    *text += &format!(
        "/// `enum {c_name}`; values newer than this crate pass through unchanged.\n\
         #[repr(transparent)]\n\
         #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]\n\
         pub struct {rust}(pub u32);\n\n\
         impl {rust} {{\n"
    );
    let mut names: Vec<(i128, String)> = Vec::new();
    for (name, value) in values {
        let short = short(name);
        *text += &format!("    /// `{name}`\n    pub const {}: {rust} = {rust}({value});\n", short.to_uppercase());
        match names.iter_mut().find(|(known, _)| known == value) {
            None => names.push((*value, short)),
            Some((_, first)) if first.ends_with("_DEPRECATED") => *first = short,
            Some(_) => {}
        }
    }
    *text += &format!(
        "}}\n\n\
         impl {rust} {{\n    \
         /// Each value with its name: the lower-case enumerator without `{prefix}`. Where two enumerators share a\n    \
         /// value, the first stands, unless it is marked deprecated.\n    \
         pub(super) const NAMES: &'static [({rust}, &'static str)] = &["
    );
    let entry = |(value, name): &(i128, String)| format!("({rust}({value}), \"{}\")", name.to_lowercase());
    match &names[..] {
        // As rustfmt has it.
        [only] => *text += &entry(only),
        names => {
            text.push('\n');
            for each in names {
                *text += &format!("        {},\n", entry(each));
            }
            *text += "    ";
        }
    }
    *text += "];\n}\n\n";
}

/// The other enums' enumerators.
fn constants(text: &mut String, item: &EnumItem<'_>) {
    let numbers: Vec<i128> = item.values.iter().map(|(_, value)| *value).collect();
    if numbers.is_empty() {
        return;
    }
    if let Some(name) = item.name {
        *text += &format!("// enum {name}\n");
    }
    for (name, value) in &item.values {
        let shown = if value.abs() < 0x10000 { value.to_string() } else { format!("{value:#x}") };
        *text += &format!("pub const {name}: {} = {shown};\n", number_type(&numbers));
    }
    text.push('\n');
}

/// The type that holds these numbers: `u32`, unless they need another.
fn number_type(values: &[i128]) -> &'static str {
    if values.iter().any(|value| *value < 0) {
        "i64"
    } else if values.iter().all(|value| *value <= u32::MAX.into()) {
        "u32"
    } else {
        "u64"
    }
}

fn structs(text: &mut String, btf: &Btf) -> Result {
    let attr = composite(btf, "bpf_attr")?;
    for member in attr.members().context("members of bpf_attr")? {
        let data = btf.resolve(member.type_id).context("bpf_attr")?;
        let label = match member.name() {
            Some(name) => name.to_owned(),
            None => {
                let first = first_member(btf, data)?;
                let found = ATTR_STRUCTS.iter().find(|(field, _)| *field == first);
                let what = format_args!("no name is known for the part of bpf_attr that begins with {first}");
                found.context(what)?.1.to_owned()
            }
        };
        for way in ways(btf, data, 0, "")? {
            let mut name = format!("bpf_attr_{label}");
            let mut about = format!("`union bpf_attr`, the members of `{label}`");
            if !way.labels.is_empty() {
                name += &format!("_{}", way.labels.join("_"));
                about += &format!(" with `{}`", way.labels.join("."));
            }
            let size = way.natural_size();
            emit(text, &name, &about, &way.fields, size)?;
        }
    }
    for name in STRUCTS {
        let item = composite(btf, name)?;
        let (word, size) = (if item.kind() == Kind::Union { "union" } else { "struct" }, item.size_or_type());
        let ways = ways(btf, item, 0, "")?;
        if name == "bpf_link_info" {
            // The fields before the union: what can be read before the link's type is known.
            let head = ways.first().and_then(|way| way.fields.get(..3)).context("bpf_link_info has too few fields")?;
            emit(text, name, "`struct bpf_link_info`: what every link type has", head, size)?;
        }
        for way in ways {
            let mut rust = name.to_owned();
            let mut about = format!("`{word} {name}`");
            if !way.labels.is_empty() {
                rust += &format!("_{}", way.labels.join("_"));
                about += &format!(" with `{}`", way.labels.join("."));
            }
            emit(text, &rust, &about, &way.fields, size)?;
        }
    }
    Ok(())
}

/// A struct or union of the header.
fn composite<'a>(btf: &'a Btf, name: &str) -> Result<Type<'a>> {
    let id = btf.find(name, Kind::Struct).or_else(|| btf.find(name, Kind::Union));
    let id = id.context(format_args!("{TYPES} has no struct or union {name}"))?;
    btf.type_by_id(id).context(name)
}

/// The name of the first field, at whatever depth of anonymous types.
fn first_member<'a>(btf: &'a Btf, item: Type<'a>) -> Result<&'a str> {
    let mut item = item;
    loop {
        let member = item.members().and_then(|mut members| members.next());
        let member = member.context("an anonymous type of bpf_attr has no members")?;
        if let Some(name) = member.name() {
            return Ok(name);
        }
        item = btf.resolve(member.type_id).context("bpf_attr")?;
    }
}

#[derive(Clone)]
struct Field {
    name: String,
    rust: String,
    offset: u32,
    size: u32,
}

/// One way through the unions of a type: the fields that it leaves, and the members chosen.
#[derive(Clone, Default)]
struct Way {
    labels: Vec<String>,
    fields: Vec<Field>,
}

impl Way {
    /// The size that C would give a struct of these fields.
    fn natural_size(&self) -> u32 {
        let end = self.fields.iter().map(|field| field.offset + field.size).max().unwrap_or(0);
        let align = |field: &Field| if field.rust.starts_with('[') { 1 } else { field.size.min(8) };
        end.next_multiple_of(self.fields.iter().map(align).max().unwrap_or(1).max(1))
    }
}

/// All ways through a struct's or union's members, whose names get `prefix` where named structs are flattened.
fn ways(btf: &Btf, item: Type<'_>, base: u32, prefix: &str) -> Result<Vec<Way>> {
    let members = item.members().context(format_args!("{prefix}: not a struct or union"))?;
    let mut found = vec![Way::default()];
    if item.kind() == Kind::Union {
        found = union_ways(btf, members.collect(), base, prefix)?;
    } else {
        let mut last_unit = None;
        for member in members {
            let data = btf.resolve(member.type_id).context(prefix.to_owned())?;
            let mut offset = base + member.bit_offset / 8;
            let name = format!("{prefix}{}", member.name().unwrap_or_default());
            let tails = if member.bitfield_size.is_some() {
                // Bitfields share an integer, which goes by the first one's name.
                let size = btf.size_of(member.type_id).context(name.clone())?;
                offset = base + member.bit_offset / 8 / size * size;
                if last_unit.replace(offset) == Some(offset) {
                    continue;
                }
                vec![Way { labels: Vec::new(), fields: vec![field(btf, name, member.type_id, offset)?] }]
            } else if matches!(data.data(), TypeData::Array(array) if array.len == 0) {
                continue;
            } else if is_plain(data) {
                vec![Way { labels: Vec::new(), fields: vec![field(btf, name, member.type_id, offset)?] }]
            } else {
                ways(btf, data, offset, &inner_prefix(prefix, member.name()))?
            };
            let join = |head: &Way, tail: &Way| Way {
                labels: [&head.labels[..], &tail.labels[..]].concat(),
                fields: [&head.fields[..], &tail.fields[..]].concat(),
            };
            found = found.iter().flat_map(|head| tails.iter().map(move |tail| join(head, tail))).collect();
        }
    }
    Ok(found)
}

fn union_ways(btf: &Btf, members: Vec<Member<'_>>, base: u32, prefix: &str) -> Result<Vec<Way>> {
    let mut data = Vec::new();
    for member in &members {
        data.push(btf.resolve(member.type_id).context(prefix.to_owned())?);
    }
    let size = |member: &Member<'_>| btf.size_of(member.type_id).context(prefix.to_owned());
    if data.iter().all(|data| is_plain(*data)) {
        // Names for one number: the first, unless a later one is wider.
        let mut widest = members.first().context("an empty union")?;
        for member in &members {
            if size(member)? > size(widest)? {
                widest = member;
            }
        }
        let name = format!("{prefix}{}", widest.name().unwrap_or_default());
        return Ok(vec![Way { labels: Vec::new(), fields: vec![field(btf, name, widest.type_id, base)?] }]);
    }
    let mut found = Vec::new();
    for (member, data) in members.iter().zip(data) {
        if is_plain(data) {
            let label = member.name().unwrap_or_default();
            let field = field(btf, format!("{prefix}{label}"), member.type_id, base)?;
            found.push(Way { labels: vec![label.to_owned()], fields: vec![field] });
            continue;
        }
        let label = match member.name() {
            _ if members.len() == 1 => None,
            Some(name) => Some(name.to_owned()),
            None => {
                data.members().and_then(|mut members| members.next()).and_then(|first| first.name()).map(str::to_owned)
            }
        };
        for way in ways(btf, data, base, &inner_prefix(prefix, member.name()))? {
            found.push(Way { labels: label.iter().cloned().chain(way.labels).collect(), fields: way.fields });
        }
    }
    Ok(found)
}

fn inner_prefix(prefix: &str, name: Option<&str>) -> String {
    name.map_or(prefix.to_owned(), |name| format!("{prefix}{name}_"))
}

fn field(btf: &Btf, name: String, type_id: TypeId, offset: u32) -> Result<Field> {
    let size = btf.size_of(type_id).context(name.clone())?;
    Ok(Field { rust: rust_type(btf, type_id)?, name, offset, size })
}

/// Whether it becomes one field.
fn is_plain(item: Type<'_>) -> bool {
    matches!(item.kind(), Kind::Int | Kind::Ptr | Kind::Enum | Kind::Enum64 | Kind::Array)
}

fn rust_type(btf: &Btf, id: TypeId) -> Result<String> {
    let item = btf.resolve(id).context("a field's type")?;
    Ok(match item.data() {
        TypeData::Ptr(_) => "u64".to_owned(),
        TypeData::Enum(data) | TypeData::Enum64(data) => format!("u{}", data.size * 8),
        TypeData::Int(int) if int.size == 1 => "u8".to_owned(),
        TypeData::Int(int) => {
            let sign = if int.encoding.contains(purebpf_btf::IntEncoding::SIGNED) { 'i' } else { 'u' };
            format!("{sign}{}", int.size * 8)
        }
        TypeData::Array(array) => format!("[{}; {}]", rust_type(btf, array.element)?, array.len),
        TypeData::Struct(_) => item.name().context("an array of anonymous structs")?.to_owned(),
        _ => return Err(Error::new(format!("{item:?} has no counterpart in Rust"))),
    })
}

fn emit(text: &mut String, name: &str, about: &str, fields: &[Field], size: u32) -> Result {
    *text += &format!(
        "/// {about}\n\
         #[repr(C)]\n\
         #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]\n\
         pub struct {name} {{\n"
    );
    let mut at = 0;
    let mut holes = 0;
    let mut fill = |text: &mut String, at: &mut u32, to: u32| {
        while *at < to {
            // Longer arrays have no `Default`.
            let len = (to - *at).min(32);
            *text += &format!("    pub _pad{holes}: [u8; {len}],\n");
            *at += len;
            holes += 1;
        }
    };
    for field in fields {
        fill(text, &mut at, field.offset);
        if at != field.offset {
            return Err(Error::new(format!("{name}.{} overlaps the field before it", field.name)));
        }
        let raw = if RUST_WORDS.contains(&field.name.as_str()) { "_" } else { "" };
        *text += &format!("    pub {}{raw}: {},\n", field.name, field.rust);
        at += field.size;
    }
    fill(text, &mut at, size);
    if at != size {
        return Err(Error::new(format!("{name}: fields end at {at}, beyond its size {size}")));
    }
    *text += "}\n\n";
    Ok(())
}
