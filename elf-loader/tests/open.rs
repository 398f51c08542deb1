//! Opening: what an object is made of, as libbpf 1.8 sees it (see `common`).

mod common;

use std::fmt::Write;

use common::{bytes, libbpf, objects, open, sum};
use purebpf_btf::Kind;
use purebpf_elf_loader::object::{ExternKind, KconfigType, Map, MapDefinition, MapKind, Object, Pinning, Slot, Target};

fn definition(def: &MapDefinition) -> String {
    let id = |id: Option<purebpf_btf::TypeId>| id.map_or(0, |id| id.0);
    format!(
        "type {} key {} value {} entries {} flags {:#x} extra {} types {} {}",
        def.map_type.name().unwrap(),
        def.key_size,
        def.value_size,
        def.max_entries,
        def.map_flags,
        def.map_extra,
        id(def.key_type_id),
        id(def.value_type_id)
    )
}

fn map(object: &Object, map: &Map, text: &mut String) {
    let kind = match map.kind {
        MapKind::User => "user",
        MapKind::Data => "data",
        MapKind::Rodata => "rodata",
        MapKind::Bss => "bss",
        MapKind::Kconfig => "kconfig",
        // libbpf tells only maps of its own making apart.
        MapKind::StructOps => "user",
        other => panic!("{other:?}"),
    };
    // What tables of operations begin with are addresses in libbpf's memory; of arenas its own test knows.
    let has_contents = !map.is_arena() && map.struct_ops.is_none();
    let contents = map.initial_value.as_ref().filter(|_| has_contents).map_or("-".to_owned(), |initial| {
        let mut value = initial.clone();
        value.resize(map.definition.value_size as usize, 0);
        sum(value)
    });
    writeln!(text, "map {} kind {kind} {} contents {contents}", map.name, definition(&map.definition)).unwrap();
    if let Some(inner) = &map.definition.inner {
        writeln!(text, "  inner {}.inner kind user {} contents -", map.name, definition(inner)).unwrap();
    }
    for (index, slot) in map.slots.iter().filter(|_| map.struct_ops.is_none()) {
        let name = match slot {
            Slot::Map(id) => &object.maps[id.0].name,
            Slot::Program(id) => &object.programs[id.0].name,
            other => panic!("{other:?}"),
        };
        writeln!(text, "  slot {index} {name}").unwrap();
    }
}

/// An object as `tests/data` has it.
fn describe(object: &Object) -> String {
    let mut text = format!("object {} license {}\n", object.name, object.license);
    for program in &object.programs {
        let insns = object.functions[program.function.0].insns.len();
        let (name, section, autoload) = (&program.name, &program.section, program.autoload);
        writeln!(text, "program {name} section {section} autoload {autoload} insns {insns}").unwrap();
    }
    for m in &object.maps {
        map(object, m, &mut text);
    }
    for ext in &object.externs {
        let (kind, offset) = match ext.kind {
            ExternKind::Kconfig { offset, .. } => ("kconfig", offset),
            _ => ("ksym", 0),
        };
        let (name, weak, typed) = (&ext.name, ext.weak, ext.kind.is_typed());
        writeln!(text, "extern {name} kind {kind} weak {weak} typed {typed} offset {offset}").unwrap();
    }
    text
}

#[test]
fn objects_are_what_libbpf_sees_in_them() {
    for (name, _) in objects() {
        let expected = libbpf(&name, &["object", "program", "map", "inner", "slot", "extern"]);
        assert_eq!(describe(&open(&name)), expected, "{name}");
    }
}

/// A name goes into the names of data maps: libbpf's `bpf_object__new` and `internal_map_name`.
#[test]
fn names_come_from_the_file() {
    let bytes = bytes("subprograms");
    for (file, object, map) in [
        ("subprograms.bpf.o", "subprograms", "subprogr.rodata"),
        ("/some/folder/a.b.o", "a", "a.rodata"),
        ("a-rather-long-name.o", "a-rather-long-n", "a_rather.rodata"),
        ("", "", ".rodata"),
    ] {
        let opened = Object::open(&bytes, file).unwrap();
        assert_eq!((opened.name.as_str(), opened.maps[0].name.as_str()), (object, map), "{file}");
        assert_eq!(opened.map(".rodata"), opened.map(map));
    }
}

/// Names, places and sizes as the source declares them (`tests/programs/many_maps.bpf.c`); the ELF symbol table has the
/// same (`llvm-objdump -t`).
#[test]
fn variables_have_their_places() {
    let object = open("many_maps");
    let variables: Vec<_> = object
        .variables
        .iter()
        .map(|v| (v.name.as_str(), object.maps[v.map.0].name.as_str(), v.offset, v.size))
        .collect();
    assert_eq!(
        variables,
        [
            ("wide", ".data.wide", 0, 8),
            ("not_seen", ".data.hidden", 0, 8),
            ("fixed", ".rodata.fixed", 0, 4),
            ("plain", "many_map.data", 0, 4),
            ("text", "many_map.rodata", 0, 5),
            ("zeros", ".bss.zeros", 0, 4000),
            ("own", "many_map.bss", 0, 4),
        ]
    );
    for variable in &object.variables {
        assert_eq!(object.btf.as_ref().unwrap().size_of(variable.type_id), Ok(variable.size), "{}", variable.name);
    }
}

/// The places are those of the symbol table (`llvm-objdump -t`).
#[test]
fn functions_are_cut_in_the_order_of_their_places() {
    let object = open("functions");
    let functions: Vec<_> =
        object.functions.iter().map(|f| (f.name.as_str(), f.section.as_str(), f.global, f.hidden)).collect();
    assert_eq!(
        functions,
        [
            ("scale", ".text", true, false),
            ("shared", ".text", true, true),
            ("second_level", ".text", false, false),
            ("verified_alone", ".text", true, false),
            ("add_one", ".text", false, false),
            ("loop_body", ".text", false, false),
            ("third", ".text", false, false),
            ("first", "raw_tp", true, false),
            ("second", "raw_tp", true, false),
            ("last", "raw_tp", true, false),
            ("third_program", "?tc", true, false),
            ("alone", "tp/sched/sched_process_exec", true, false),
        ]
    );
    // `?` is no part of the section's name, and says that the program is off.
    let off = object.program("third_program").unwrap();
    assert_eq!(object.programs[off.0].section, "tc");
    assert!(!object.programs[off.0].autoload);
    assert_eq!(object.program("scale"), None);
}

#[test]
fn references_lead_to_what_the_source_names() {
    let object = open("functions");
    let names = |program: &str| -> Vec<String> {
        let id = object.program(program).unwrap();
        let name = |target: &Target| match target {
            Target::Call(id) => format!("call {}", object.functions[id.0].name),
            Target::Address(id) => format!("address {}", object.functions[id.0].name),
            Target::Map(id) => format!("map {}", object.maps[id.0].name),
            Target::MapValue { map, offset } => format!("value {}+{offset}", object.maps[map.0].name),
            other => format!("{other:?}"),
        };
        object.function_of(id).unwrap().references.iter().map(|r| name(&r.target)).collect()
    };
    assert_eq!(names("first"), ["map elements", "address add_one", "call verified_alone"]);
    assert_eq!(names("second"), ["call shared", "call shared", "value function.bss+0", "address loop_body"]);
    assert_eq!(names("third_program"), ["address loop_body", "map elements", "address add_one", "call shared"]);
    assert_eq!(names("alone"), [""; 0]);
}

#[test]
fn configuration_values_have_types() {
    let object = open("many_maps");
    let values: Vec<_> = object
        .externs
        .iter()
        .filter_map(|ext| match ext.kind {
            ExternKind::Kconfig { value, size, .. } => Some((ext.name.as_str(), value, size)),
            _ => None,
        })
        .collect();
    assert_eq!(
        values,
        [
            ("CONFIG_HZ", KconfigType::Int { signed: false }, 8),
            ("CONFIG_IPV6", KconfigType::Tristate, 4),
            ("LINUX_KERNEL_VERSION", KconfigType::Int { signed: true }, 4),
            ("CONFIG_BPF_SYSCALL", KconfigType::Bool, 1),
            ("CONFIG_LOCALVERSION", KconfigType::String, 20),
        ]
    );
}

#[test]
fn typed_externs_know_their_types() {
    let object = open("many_maps");
    let btf = object.btf.as_ref().unwrap();
    for ext in &object.externs {
        match ext.kind {
            ExternKind::Kfunc { proto } => assert_eq!(btf.type_by_id(proto).unwrap().kind(), Kind::FuncProto),
            ExternKind::TypedKsym { type_id } => {
                let kind = btf.type_by_id(type_id).unwrap().kind();
                let expected = if ext.name == "runqueues" { Kind::Struct } else { Kind::Int };
                assert_eq!(kind, expected, "{}", ext.name);
            }
            _ => {}
        }
    }
}

#[test]
fn variables_can_be_set_before_anything_is_loaded() {
    let mut object = open("many_maps");
    let zeros = object.map(".bss.zeros").unwrap();
    let map = &mut object.maps[zeros.0];
    // The file has no bytes for it, and none are made up until they are asked for.
    assert_eq!(map.initial_value.as_deref(), Some(&[][..]));
    map.initial_bytes_mut(3996, 4).unwrap().copy_from_slice(&[1, 2, 3, 4]);
    assert_eq!(map.initial_value.as_ref().map(Vec::len), Some(4000));
    assert_eq!(map.initial_bytes_mut(3997, 4), None);
    assert_eq!(map.initial_bytes_mut(u32::MAX, 1), None);
    let user = object.map("inner_a").unwrap();
    assert_eq!(object.maps[user.0].initial_bytes_mut(0, 1), None);
    assert_eq!(object.maps[user.0].pinning, Pinning::None);
}
