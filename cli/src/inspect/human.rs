//! An object for people: its parts in columns, types and flags by name.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use purebpf::btf::{Btf, TypeData, TypeId};
use purebpf::core_reloc::Kind;
use purebpf::elf_loader::object::{
    Extern, ExternKind, Function, KconfigType, Map, MapDefinition, MapId, Object, Pinning, Program, ProgramId, Slot,
    Target,
};
use purebpf::sys::uapi::{MapFlags, MapType, ProgFlags};

use super::{attach_type, endianness, holds_data, program_type};
use crate::columns::{Align, Cell, Columns};
use crate::core_subject::subject;
use crate::output::{Style, short};
use crate::type_name::type_name;

pub(super) fn text(object: &Object, style: Style) -> String {
    let mut out = String::new();
    let core = CoreRelocations::of(object);
    head(object, style, &mut out);
    programs(object, &core, style, &mut out);
    subprograms(object, &core, style, &mut out);
    maps(object, style, &mut out);
    data(object, style, &mut out);
    externs(object, style, &mut out);
    core.write(object, style, &mut out);
    out
}

fn head(object: &Object, style: Style, out: &mut String) {
    let mut row = vec![format!("{}-endian", endianness(object.endian))];
    row.push(match object.license.as_str() {
        "" => "no license".to_owned(),
        license => format!("license {license}"),
    });
    if object.kernel_version != 0 {
        let version = object.kernel_version;
        row.push(format!("for Linux {}.{}.{}", version >> 16, version >> 8 & 0xff, version & 0xff));
    }
    row.push(match &object.btf {
        Some(btf) => count(btf.type_count().saturating_sub(1) as usize, "type"),
        None => "no BTF".to_owned(),
    });
    let mut columns = Columns::new(0, [Align::Left; 2]);
    columns.push([Cell::bold(object.name.as_str()), row.join(", ").into()]);
    columns.write(style, out);
}

/// A part of the text, with its name and what columns hold; nothing when it has no rows.
fn part<const N: usize>(
    name: &str,
    titles: [&str; N],
    align: [Align; N],
    rows: Vec<[Cell; N]>,
    style: Style,
    out: &mut String,
) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style.bold(name));
    let mut columns = Columns::new(2, align);
    columns.push(titles.map(Cell::dim));
    rows.into_iter().for_each(|row| columns.push(row));
    columns.write(style, out);
}

/// A title for a column, unless nothing is in it.
fn title<const N: usize>(name: &'static str, rows: &[[Cell; N]], column: usize) -> &'static str {
    if rows.iter().any(|row| !row[column].is_empty()) { name } else { "" }
}

fn programs(object: &Object, core: &CoreRelocations, style: Style, out: &mut String) {
    let mut before = None;
    let rows = object.programs.iter().map(|program| {
        let section = if program.section.is_empty() { "-" } else { &program.section };
        // One name for all programs of a section.
        let shown = if before.replace(section) == Some(section) { "" } else { section };
        let function = object.functions.get(program.function.0);
        let insns = function.map_or(0, |function| function.insns.len());
        [
            Cell::dim(shown),
            Cell::bold(program.name.as_str()),
            described_type(program).into(),
            insns.to_string().into(),
            program_notes(object, core, program, function).into(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let titles = ["section", "name", "type", "insns", title("notes", &rows, 4)];
    let align = [Align::Left, Align::Left, Align::Left, Align::Right, Align::Left];
    part("programs", titles, align, rows, style, out);
}

/// `tracing, trace_fentry`; one name where both are the same.
fn described_type(program: &Program) -> String {
    let Some(prog_type) = program_type(program) else { return "unknown".to_owned() };
    match attach_type(program) {
        Some(attach_type) if attach_type != prog_type => format!("{prog_type}, {attach_type}"),
        _ => prog_type.to_owned(),
    }
}

fn program_notes(object: &Object, core: &CoreRelocations, program: &Program, function: Option<&Function>) -> String {
    let mut notes = Vec::new();
    if !program.autoload {
        notes.push("not loaded by default".to_owned());
    }
    let flags = ProgFlags::from_bits_retain(program.flags);
    notes.extend(flag_names(flags.iter_names().map(|(name, flag)| (name, flag.bits())), flags.bits()));
    if let Some(target) = &program.attach_btf {
        let named = program.section.rsplit('/').next().is_some_and(|last| target.name.ends_with(last));
        match &target.module {
            Some(module) => notes.push(format!("attaches to {} of {module}", target.name)),
            // The section says it already.
            None if named => {}
            None => notes.push(format!("attaches to {}", target.name)),
        }
    }
    if let Some(function) = function {
        function_notes(object, core, program.function.0, function, &mut notes);
    }
    if let Some(Target::Call(callback)) = &program.exception_callback {
        notes.push(format!("exceptions go to {}", function_name(object, callback.0)));
    }
    notes.join("; ")
}

/// What a program's function and a subprogram have in common.
fn function_notes(object: &Object, core: &CoreRelocations, id: usize, function: &Function, notes: &mut Vec<String>) {
    let mut called: Vec<Cow<'_, str>> = Vec::new();
    let (mut jump_tables, mut broken) = (0, 0);
    for reference in &function.references {
        match &reference.target {
            Target::Call(id) | Target::Address(id) => {
                let name = function_name(object, id.0);
                if !called.contains(&name) && called.len() < MOST_NAMES {
                    called.push(name);
                }
            }
            Target::JumpTable(_) => jump_tables += 1,
            Target::Broken(why) => {
                broken += 1;
                if broken <= MOST_NAMES {
                    notes.push(format!("broken at {}: {}", reference.insn, short(why)));
                }
            }
            _ => {}
        }
    }
    if broken > MOST_NAMES {
        notes.push(format!("broken in {broken} places"));
    }
    if !called.is_empty() {
        notes.push(format!("calls {}", called.join(", ")));
    }
    if jump_tables > 0 {
        notes.push(count(jump_tables, "jump table"));
    }
    if let Some(relocations) = core.by_function.get(&id) {
        notes.push(format!("{} CO-RE", relocations.len()));
    }
}

fn function_name(object: &Object, id: usize) -> Cow<'_, str> {
    short(object.functions.get(id).map_or("?", |function| &function.name))
}

/// More than these are not named.
const MOST_NAMES: usize = 16;

fn subprograms(object: &Object, core: &CoreRelocations, style: Style, out: &mut String) {
    let entries: BTreeSet<usize> = object.programs.iter().map(|program| program.function.0).collect();
    let others = object.functions.iter().enumerate().filter(|(id, _)| !entries.contains(id));
    let mut before = None;
    let rows = others.map(|(id, function)| {
        let shown = if before.replace(&function.section) == Some(&function.section) { "" } else { &function.section };
        let linkage = match (function.global, function.hidden) {
            (true, false) => "global",
            (true, true) => "hidden",
            (false, _) => "static",
        };
        let mut notes = Vec::new();
        function_notes(object, core, id, function, &mut notes);
        [
            Cell::dim(shown),
            Cell::bold(function.name.as_str()),
            linkage.into(),
            function.insns.len().to_string().into(),
            notes.join("; ").into(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let titles = ["section", "name", "linkage", "insns", title("notes", &rows, 4)];
    let align = [Align::Left, Align::Left, Align::Left, Align::Right, Align::Left];
    part("subprograms", titles, align, rows, style, out);
}

fn maps(object: &Object, style: Style, out: &mut String) {
    let declared = object.maps.iter().filter(|map| !holds_data(map));
    let rows = declared.map(|map| {
        let def = &map.definition;
        [
            Cell::bold(map.name.as_str()),
            map_type(def.map_type).into(),
            sized_type(object, def.key_type_id, def.key_size).into(),
            sized_type(object, def.value_type_id, def.value_size).into(),
            entries(def).into(),
            map_notes(object, map).into(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let titles = [
        "name",
        "type",
        title("key", &rows, 2),
        title("value", &rows, 3),
        title("entries", &rows, 4),
        title("notes", &rows, 5),
    ];
    let align = [Align::Left, Align::Left, Align::Left, Align::Left, Align::Right, Align::Left];
    part("maps", titles, align, rows, style, out);
}

fn map_type(map_type: MapType) -> String {
    map_type.name().map_or_else(|| format!("type {}", map_type.0), str::to_owned)
}

/// `struct pair, 8 B`; the size alone without a type, nothing where there is neither.
fn sized_type(object: &Object, id: Option<TypeId>, size: u32) -> String {
    match (id, &object.btf) {
        (Some(id), Some(btf)) if id.0 != 0 => format!("{}, {}", type_name(btf, id), bytes(u64::from(size))),
        _ if size == 0 => String::new(),
        _ => bytes(u64::from(size)),
    }
}

/// What `max_entries` means: entries, bytes, or pages.
fn entries(def: &MapDefinition) -> String {
    match def.map_type {
        MapType::RINGBUF | MapType::USER_RINGBUF => bytes(u64::from(def.max_entries)),
        MapType::ARENA => count(def.max_entries as usize, "page"),
        _ if def.max_entries == 0 => String::new(),
        _ => def.max_entries.to_string(),
    }
}

fn map_notes(object: &Object, map: &Map) -> String {
    let mut notes = definition_notes(object, &map.definition);
    // Of a table of operations, the member; of what else holds something from the start, the index.
    let operations = map.struct_ops.as_ref().and_then(|ops| object.btf.as_ref()?.resolve(ops.type_id).ok());
    let place = |index: u32| match operations.and_then(|ops| ops.members()?.nth(index as usize)) {
        Some(member) => format!(".{}", short(&String::from_utf8_lossy(member.name_bytes()))),
        None => format!("[{index}]"),
    };
    match &map.pin_path {
        Some(path) => notes.push(format!("pinned at {}", path.display())),
        None if map.pinning == Pinning::ByName => notes.push("pinned by name".to_owned()),
        None => {}
    }
    if let Some(program) = map.exclusive_program {
        notes.push(format!("for {} alone", name_of_program(object, program)));
    }
    if !map.autocreate {
        notes.push("not created by default".to_owned());
    }
    notes.extend(map.slots.iter().take(MOST_NAMES).map(|(index, slot)| {
        let name = match slot {
            Slot::Map(id) => short(object.maps.get(id.0).map_or("?", |map| map.name.as_str())),
            Slot::Program(id) => name_of_program(object, *id),
            Slot::Broken(why) => return format!("{}=broken: {}", place(*index), short(why)),
            _ => "?".into(),
        };
        format!("{}={name}", place(*index))
    }));
    if map.slots.len() > MOST_NAMES {
        notes.push(format!("{} more", map.slots.len() - MOST_NAMES));
    }
    notes.join("; ")
}

fn name_of_program(object: &Object, id: ProgramId) -> Cow<'_, str> {
    short(object.programs.get(id.0).map_or("?", |program| &program.name))
}

fn definition_notes(object: &Object, def: &MapDefinition) -> Vec<String> {
    let flags = MapFlags::from_bits_retain(def.map_flags);
    let mut notes = map_flag_names(flags);
    if flags.contains(MapFlags::NUMA_NODE) {
        notes.push(format!("on NUMA node {}", def.numa_node));
    }
    if def.map_extra != 0 {
        notes.push(format!("map_extra {:#x}", def.map_extra));
    }
    if let Some(inner) = &def.inner {
        let mut what = vec![map_type(inner.map_type)];
        let types = [("key", inner.key_type_id, inner.key_size), ("value", inner.value_type_id, inner.value_size)];
        for (name, id, size) in types {
            let text = sized_type(object, id, size);
            if !text.is_empty() {
                what.push(format!("{name} {text}"));
            }
        }
        let room = entries(inner);
        if !room.is_empty() {
            what.push(if room.ends_with(|c: char| c.is_ascii_digit()) { format!("{room} entries") } else { room });
        }
        what.extend(definition_notes(object, inner));
        notes.push(format!("of {}", what.join(", ")));
    }
    notes
}

/// Flags by name, as the UAPI has them without prefix, and the bits that have none.
fn flag_names(names: impl Iterator<Item = (&'static str, u32)>, bits: u32) -> Vec<String> {
    let mut unnamed = bits;
    let mut found = Vec::new();
    for (name, bits) in names {
        unnamed &= !bits;
        found.push(name.to_ascii_lowercase());
    }
    if unnamed != 0 {
        found.push(format!("flags {unnamed:#x}"));
    }
    found
}

fn map_flag_names(flags: MapFlags) -> Vec<String> {
    flag_names(flags.iter_names().map(|(name, flag)| (name, flag.bits())), flags.bits())
}

/// Sections of variables, each with its variables by their places.
fn data(object: &Object, style: Style, out: &mut String) {
    let sections: Vec<_> = object.map_ids().zip(&object.maps).filter(|(_, map)| holds_data(map)).collect();
    let mut by_map: BTreeMap<MapId, Vec<[Cell; 4]>> = BTreeMap::new();
    for variable in &object.variables {
        let type_text = object.btf.as_ref().map_or_else(String::new, |btf| type_name(btf, variable.type_id));
        by_map.entry(variable.map).or_default().push([
            Cell::dim(format!("+{}", variable.offset)),
            Cell::bold(variable.name.as_str()),
            bytes(u64::from(variable.size)).into(),
            type_text.into(),
        ]);
    }
    // Variables of an arena are told with the arena, which is a map of its own.
    let others = object.map_ids().zip(&object.maps).filter(|(id, map)| !holds_data(map) && by_map.contains_key(id));
    let sections: Vec<_> = sections.into_iter().chain(others).collect();
    if sections.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style.bold("data"));
    for (id, map) in sections {
        let flags = MapFlags::from_bits_retain(map.definition.map_flags);
        let mut notes = Vec::new();
        if holds_data(map) {
            notes.push(bytes(u64::from(map.definition.value_size)));
        }
        if map.is_read_only() {
            notes.push("read-only".to_owned());
        }
        let shown = flags & !MapFlags::RDONLY_PROG;
        notes.extend(map_flag_names(shown));
        if !map.autocreate {
            notes.push("not created by default".to_owned());
        }
        let mut columns = Columns::new(2, [Align::Left; 2]);
        columns.push([Cell::bold(map.name.as_str()), notes.join("; ").into()]);
        columns.write(style, out);
        let mut columns = Columns::new(4, [Align::Right, Align::Left, Align::Right, Align::Left]);
        by_map.remove(&id).unwrap_or_default().into_iter().for_each(|row| columns.push(row));
        columns.write(style, out);
    }
}

fn externs(object: &Object, style: Style, out: &mut String) {
    let rows = object.externs.iter().map(|ext| {
        let (kind, what) = extern_type(object, ext);
        [Cell::bold(ext.name.as_str()), kind.into(), if ext.weak { "weak" } else { "" }.into(), what.into()]
    });
    let rows: Vec<_> = rows.collect();
    let titles = ["name", "kind", "", title("type", &rows, 3)];
    part("externs", titles, [Align::Left; 4], rows, style, out);
}

/// What an extern is, and its type.
fn extern_type(object: &Object, ext: &Extern) -> (&'static str, String) {
    let named = |id| object.btf.as_ref().map_or_else(String::new, |btf| type_name(btf, id));
    match ext.kind {
        ExternKind::Kconfig { value, size, .. } => ("kconfig", kconfig_type(value, size)),
        ExternKind::Ksym => ("ksym", String::new()),
        ExternKind::TypedKsym { type_id } => ("ksym", named(type_id)),
        ExternKind::Kfunc { proto } => {
            ("kfunc", object.btf.as_ref().map_or_else(String::new, |btf| prototype(btf, proto)))
        }
        _ => ("extern", String::new()),
    }
}

fn kconfig_type(value: KconfigType, size: u32) -> String {
    let sign = |signed| if signed { "signed" } else { "unsigned" };
    match value {
        KconfigType::Bool => "bool".to_owned(),
        KconfigType::Tristate => "tristate".to_owned(),
        KconfigType::Char { signed } => format!("{}, 1 B", sign(signed)),
        KconfigType::Int { signed } => format!("{}, {size} B", sign(signed)),
        KconfigType::String => format!("char[{size}]"),
        _ => bytes(u64::from(size)),
    }
}

/// `struct task_struct *(s32)`.
fn prototype(btf: &Btf, id: TypeId) -> String {
    let data = btf.resolve(id).map(|ty| ty.data());
    let Ok(TypeData::FuncProto(proto)) = data else { return type_name(btf, id) };
    let params: Vec<_> = proto.params().take(MOST_NAMES).map(|param| type_name(btf, param.type_id)).collect();
    let params = if params.is_empty() { "void".to_owned() } else { params.join(", ") };
    format!("{}({params})", type_name(btf, proto.ret))
}

/// The object's CO-RE relocations, by the function that they are in.
struct CoreRelocations {
    by_function: BTreeMap<usize, Vec<String>>,
    /// In no function.
    elsewhere: usize,
}

impl CoreRelocations {
    fn of(object: &Object) -> CoreRelocations {
        let mut found = CoreRelocations { by_function: BTreeMap::new(), elsewhere: 0 };
        let (Some(btf), Some(ext)) = (&object.btf, &object.btf_ext) else { return found };
        for section in ext.core_relocations() {
            let name = String::from_utf8_lossy(btf.string(section.name).unwrap_or_default());
            // Where each function of the section begins, to find the last that begins at or before a place.
            let functions = object.functions.iter().enumerate().filter(|(_, function)| function.section == name);
            let mut starts: Vec<_> = functions.map(|(id, function)| (function.section_offset, id)).collect();
            starts.sort_unstable();
            for record in section.records() {
                let insn = record.insn_off as usize / 8;
                let before = starts.partition_point(|(start, _)| *start <= insn);
                let function = before.checked_sub(1).and_then(|at| starts.get(at));
                let holds = |id: usize, start: usize| {
                    object.functions.get(id).is_some_and(|function| insn - start < function.insns.len())
                };
                match function {
                    Some(&(start, id)) if holds(id, start) => {
                        let kind = Kind::from_number(record.kind);
                        let access = record.access_str(btf).unwrap_or_default();
                        found.by_function.entry(id).or_default().push(subject(btf, kind, record.type_id, access));
                    }
                    _ => found.elsewhere += 1,
                }
            }
        }
        found
    }

    fn write(&self, object: &Object, style: Style, out: &mut String) {
        let all = self.by_function.values().map(Vec::len).sum::<usize>() + self.elsewhere;
        let mut rows = Vec::new();
        for (id, subjects) in &self.by_function {
            let name = function_name(object, *id);
            // Each once, with how often, in the order of the code.
            let mut once: Vec<(&str, usize)> = Vec::new();
            let mut places: BTreeMap<&str, usize> = BTreeMap::new();
            // Most are offsets, and a path alone is read as one.
            for subject in subjects.iter().map(|subject| subject.strip_prefix("offset of ").unwrap_or(subject)) {
                match places.get(subject).and_then(|at| once.get_mut(*at)) {
                    Some((_, times)) => *times += 1,
                    None => {
                        places.insert(subject, once.len());
                        once.push((subject, 1));
                    }
                }
            }
            let what = once.into_iter().map(|(subject, times)| match times {
                1 => subject.to_owned(),
                times => format!("{subject} ({times}×)"),
            });
            let what: Vec<_> = what.collect();
            rows.push([Cell::bold(name), subjects.len().to_string().into(), what.join(", ").into()]);
        }
        if self.elsewhere > 0 {
            rows.push(["".into(), self.elsewhere.to_string().into(), "in no function".into()]);
        }
        let titles = ["function", "count", "what"];
        part(&format!("CO-RE relocations: {all}"), titles, [Align::Left, Align::Right, Align::Left], rows, style, out);
    }
}

fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Bytes, in larger units where nothing is lost.
fn bytes(bytes: u64) -> String {
    match bytes {
        0 => "0 B".to_owned(),
        bytes if bytes % (1 << 30) == 0 => format!("{} GiB", bytes >> 30),
        bytes if bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        bytes => format!("{bytes} B"),
    }
}
