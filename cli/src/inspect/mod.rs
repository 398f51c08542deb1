//! `purebpf object inspect`: an object as opened, nothing adjusted for a kernel.

mod human;

use purebpf::btf::raw::Endian;
use purebpf::elf_loader::object::{Extern, Map, MapDefinition, Object, Pinning, Program};
use purebpf::{MapKind, core_reloc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::arguments::{Format, InspectArguments};
use crate::output::{self, Style};
use crate::{Result, json};

pub(crate) fn run(arguments: &InspectArguments, format: Format) -> Result {
    let open = purebpf::Object::open(&arguments.file)?;
    Ok(output::print(&text(open.description(), format != Format::Text)?)?)
}

/// What is printed, for programs or for people.
pub(crate) fn text(object: &Object, json: bool) -> Result<String> {
    match json {
        true => Ok(json::text(&describe(object))?),
        false => Ok(human::text(object, Style::stdout())),
    }
}

/// The whole answer.
fn describe(object: &Object) -> Value {
    json!({
        "name": object.name,
        "license": object.license,
        "kernel_version": object.kernel_version,
        "endianness": endianness(object.endian),
        "programs": object.programs.iter().map(|p| program(object, p)).collect::<Vec<_>>(),
        "maps": object.maps.iter().map(map).collect::<Vec<_>>(),
        "externs": object.externs.iter().map(external).collect::<Vec<_>>(),
        "core_relocations": core_relocations(object),
    })
}

fn endianness(endian: Endian) -> &'static str {
    match endian {
        Endian::Little => "little",
        Endian::Big => "big",
    }
}

fn program(object: &Object, program: &Program) -> Value {
    json!({
        "name": program.name,
        "section": program.section,
        "prog_type": program_type(program),
        "attach_type": attach_type(program),
        "flags": program.flags,
        "autoload": program.autoload,
        "insn_count": insn_count(object, program),
    })
}

fn program_type(program: &Program) -> Option<&'static str> {
    program.prog_type.name().filter(|_| program.prog_type.0 != 0)
}

fn attach_type(program: &Program) -> Option<&'static str> {
    program.expected_attach_type.and_then(purebpf::sys::uapi::AttachType::name)
}

fn insn_count(object: &Object, program: &Program) -> usize {
    object.functions.get(program.function.0).map_or(0, |function| function.insns.len())
}

fn map(map: &Map) -> Value {
    let mut value = definition(&map.name, &map.definition);
    let fields = [
        ("kind", json!(kind_of(map))),
        ("pinning", json!(pinning(map.pinning))),
        ("autocreate", json!(map.autocreate)),
        ("inner_map", map.definition.inner.as_ref().map_or(Value::Null, |inner| inner_map(&map.name, inner))),
        ("initial_value_sha256", initial_value_sha256(map).map_or(Value::Null, Value::from)),
    ];
    for (name, field) in fields {
        value[name] = field;
    }
    value
}

/// The fields that a map and the template of its inner maps share, in their order; what is not
/// known yet is null.
fn definition(name: &str, definition: &MapDefinition) -> Value {
    json!({
        "name": name,
        "kind": null,
        "map_type": definition.map_type.name(),
        "key_size": definition.key_size,
        "value_size": definition.value_size,
        "max_entries": definition.max_entries,
        "map_flags": definition.map_flags,
        "numa_node": definition.numa_node,
        "map_extra": definition.map_extra,
        "pinning": null,
        "autocreate": null,
        "inner_map": null,
        "initial_value_sha256": null,
    })
}

/// A template has a name made from its map's, and nothing that only whole maps have; it is none that a load creates.
fn inner_map(outer: &str, inner: &MapDefinition) -> Value {
    let mut value = definition(&format!("{outer}.inner"), inner);
    value["kind"] = json!(kind(MapKind::User));
    value["pinning"] = json!(pinning(Pinning::None));
    value["autocreate"] = json!(false);
    value
}

/// What a map is for. An arena is declared like any other, and not like any other.
fn kind_of(map: &Map) -> &'static str {
    if map.is_arena() { "arena" } else { kind(map.kind) }
}

fn kind(kind: MapKind) -> &'static str {
    match kind {
        MapKind::User => "user",
        MapKind::Data => "data",
        MapKind::Rodata => "rodata",
        MapKind::Bss => "bss",
        MapKind::Kconfig => "kconfig",
        MapKind::StructOps => "struct_ops",
        _ => "unknown",
    }
}

fn pinning(pinning: Pinning) -> &'static str {
    match pinning {
        Pinning::ByName => "by_name",
        _ => "none",
    }
}

/// The largest value that an array map can have: INT_MAX bytes (`array_map_alloc_check`).
const MAX_VALUE: u32 = i32::MAX as u32;

/// Whether a map holds a section of variables and nothing else, as an arena may.
fn holds_data(map: &Map) -> bool {
    matches!(map.kind, MapKind::Data | MapKind::Rodata | MapKind::Bss | MapKind::Kconfig)
}

/// The hash of a data section's first contents, zeros at the end included. None for a section that no map can hold: its size
/// is a few bytes of the file's, and would take as long to hash as it claims.
fn initial_value_sha256(map: &Map) -> Option<String> {
    // The variables of an arena are whole; of a table of operations, the file has no value that means anything.
    let may = map.is_arena() || holds_data(map) && map.definition.value_size <= MAX_VALUE;
    let value = map.initial_value.as_ref().filter(|_| may)?;
    let mut hash = Sha256::new();
    hash.update(value);
    let mut left = (map.definition.value_size as usize).saturating_sub(value.len());
    let zeros = [0; 1 << 14];
    while left > 0 {
        let step = left.min(zeros.len());
        hash.update(&zeros[..step]);
        left -= step;
    }
    Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn external(ext: &Extern) -> Value {
    json!({
        "name": ext.name,
        "kind": extern_kind(ext),
        "weak": ext.weak,
        "typed": ext.kind.is_typed(),
    })
}

fn extern_kind(ext: &Extern) -> &'static str {
    if ext.kind.is_ksym() { "ksym" } else { "kconfig" }
}

fn core_relocations(object: &Object) -> Vec<Value> {
    let (Some(btf), Some(ext)) = (&object.btf, &object.btf_ext) else { return Vec::new() };
    let mut list = Vec::new();
    for section in ext.core_relocations() {
        let name = String::from_utf8_lossy(btf.string(section.name).unwrap_or_default());
        for record in section.records() {
            list.push(json!({
                "section": name,
                "insn_off": record.insn_off,
                "kind": core_reloc::Kind::from_number(record.kind).map(core_reloc::Kind::name),
                "local_type_id": record.type_id.0,
                "access": record.access_str(btf),
            }));
        }
    }
    list
}
