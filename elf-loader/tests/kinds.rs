//! What objects declare beside programs and BTF maps: maps of before BTF, tables of operations, arenas. And how they fail.

mod common;

use common::{KERNELS, bytes, kernel, open};
use purebpf_elf_loader::Error;
use purebpf_elf_loader::load::{Call, DryKernel, Options, prepare};
use purebpf_elf_loader::object::{MapKind, Object, Pinning, Slot};
use purebpf_sys::insn::op;
use purebpf_sys::uapi::{MapType, ProgType};

/// Where the bytes of a section begin in a file of 64 bits, little-endian, and how many there are.
fn section(bytes: &[u8], name: &str) -> (usize, usize) {
    use object::{Object as _, ObjectSection as _};
    let file = object::File::parse(bytes).unwrap();
    let (start, size) = file.section_by_name(name).unwrap().file_range().unwrap();
    (start as usize, size as usize)
}

fn word(bytes: &mut [u8], at: usize) -> &mut [u8] {
    &mut bytes[at..at + 4]
}

fn refused(object: &Object) -> String {
    prepare(object, DryKernel::new(Some(kernel(KERNELS[0]))), Options::default()).unwrap_err().to_string()
}

/// `struct bpf_map_def` of libbpf before 1.0, and what aya puts behind it.
#[test]
fn maps_of_before_btf() {
    let original = bytes("legacy_maps");
    let object = Object::open(&original, "legacy_maps").unwrap();
    let map = |name: &str| &object.maps[object.map(name).unwrap().0];
    let (counts, hash) = (map("old_counts"), map("old_hash"));
    let numbers = |map: &purebpf_elf_loader::object::Map| {
        let def = &map.definition;
        (def.map_type, def.key_size, def.value_size, def.max_entries, def.map_flags, map.pinning)
    };
    assert_eq!(numbers(counts), (MapType::ARRAY, 4, 8, 2, 0, Pinning::None));
    assert_eq!(numbers(hash), (MapType::HASH, 4, 8, 16, 1, Pinning::None));
    assert_eq!((counts.kind, counts.section.as_deref()), (MapKind::User, Some("maps")));

    // The longer one comes second: 20 bytes behind those of the first, its id and pinning 20 and 24 bytes into it.
    let (start, _) = section(&original, "maps");
    let second = start + hash.section_offset as usize;
    let mut pinned = original.clone();
    word(&mut pinned, second + 24).copy_from_slice(&1u32.to_le_bytes());
    let object = Object::open(&pinned, "legacy_maps").unwrap();
    assert_eq!(object.maps[object.map("old_hash").unwrap().0].pinning, Pinning::ByName);
    for (at, value) in [(20, 1u32), (24, 2)] {
        let mut other = original.clone();
        word(&mut other, second + at).copy_from_slice(&value.to_le_bytes());
        let error = Object::open(&other, "legacy_maps").unwrap_err().to_string();
        assert!(error.contains("'old_hash'") && error.contains("depends on the loader"), "{error}");
    }
    let mut without_type = original.clone();
    word(&mut without_type, start).copy_from_slice(&0u32.to_le_bytes());
    assert!(matches!(Object::open(&without_type, "x"), Err(Error::MapDefinition { map, .. }) if map == "old_counts"));
}

fn tables() -> Object {
    let mut object = open("tables");
    for program in &mut object.programs {
        program.prog_type = ProgType::STRUCT_OPS;
    }
    object
}

#[test]
fn a_table_is_laid_out_as_the_kernel_has_it() {
    let object = tables();
    let types = kernel(KERNELS[0]);
    let dry = DryKernel::new(Some(types.clone()));
    let loaded = prepare(&object, dry.clone(), Options::default()).unwrap().load(&object).unwrap();
    let plain = object.map("plain").unwrap();
    let value = loaded.struct_ops[plain.0].as_ref().unwrap();
    assert_eq!(loaded.struct_ops.iter().flatten().count(), 1, "the others are not created");

    // Where the kernel has its members, by its own types.
    let vmlinux = types.vmlinux();
    let place = |of: &str, name: &str| {
        let of = vmlinux.type_by_id(vmlinux.find(of, purebpf_btf::Kind::Struct).unwrap()).unwrap();
        of.members().unwrap().find(|member| member.name() == Some(name)).unwrap().bit_offset as usize / 8
    };
    let data = place("bpf_struct_ops_tcp_congestion_ops", "data");
    let at = |name: &str| data + place("tcp_congestion_ops", name);
    assert_eq!(&value[at("name")..at("name") + 13], b"purebpf_plain");
    let calls = dry.calls();
    let number = |program: &str| {
        let mut loads = calls.iter().filter_map(|call| match call {
            Call::ProgLoad { program: number, name, .. } if name == program => Some(*number),
            _ => None,
        });
        loads.next_back().unwrap() as u64
    };
    for (member, program) in
        [("init", "first_init"), ("ssthresh", "ssthresh"), ("undo_cwnd", "undo_cwnd"), ("cong_avoid", "cong_avoid")]
    {
        assert_eq!(value[at(member)..at(member) + 8], number(program).to_ne_bytes(), "{member}");
    }
    // Each is verified for its member of the kernel's struct.
    let ops = vmlinux.find("tcp_congestion_ops", purebpf_btf::Kind::Struct).unwrap();
    let members: Vec<_> =
        vmlinux.type_by_id(ops).unwrap().members().unwrap().map(|m| m.name().unwrap().to_owned()).collect();
    let verified = calls.iter().find_map(|call| match call {
        Call::ProgLoad { name, expected_attach_type, attach_btf, .. } if name == "first_init" => {
            Some((expected_attach_type.unwrap().0 as usize, attach_btf.unwrap()))
        }
        _ => None,
    });
    assert_eq!(verified, Some((members.iter().position(|name| name == "init").unwrap(), (ops.0, None))));
    // What no table has that is created is not loaded.
    let names: Vec<_> =
        object.programs.iter().zip(&loaded.programs).filter(|(_, p)| p.is_none()).map(|(p, _)| &p.name).collect();
    assert_eq!(names, ["second_init", "of_the_future"]);
}

#[test]
fn what_a_table_cannot_have_is_named() {
    let (plain, newer) = (tables().map("plain").unwrap().0, tables().map("newer").unwrap().0);
    let with = |map: usize, change: fn(&mut Object, usize)| {
        let mut object = tables();
        object.maps.iter_mut().for_each(|map| map.autocreate = false);
        object.maps[map].autocreate = true;
        change(&mut object, map);
        refused(&object)
    };
    let error = with(newer, |_, _| {});
    assert!(error.contains("map 'newer'") && error.contains("sets member 'not_in_any_kernel'"), "{error}");
    let error = with(newer, |object, map| object.maps[map].initial_value.as_mut().unwrap()[..4].fill(0));
    assert!(error.contains("sets member 'nor_this'"), "{error}");
    let error = with(plain, |object, _| object.programs.iter_mut().for_each(|p| p.prog_type = ProgType::KPROBE));
    assert!(error.contains("in member") && error.contains("of another type"), "{error}");
    let error = with(plain, |object, map| object.maps[map].slots.push((0, Slot::Broken("leads nowhere".into()))));
    assert!(error.contains("map 'plain'") && error.contains("leads nowhere"), "{error}");
    let error = with(plain, |object, map| {
        // The program for `init` in the place of another function.
        let program = object.program("first_init").unwrap();
        object.maps[map].slots.retain(|(member, _)| *member != 6);
        object.maps[map].slots.push((6, Slot::Program(program)));
    });
    assert!(error.contains("has program 'first_init', which another"), "{error}");
    let error = with(plain, |object, map| {
        // No program for `init`, and an address in its place.
        object.maps[map].slots.retain(|(member, _)| *member != 4);
        object.maps[map].initial_value.as_mut().unwrap()[40] = 1;
    });
    assert!(error.contains("sets member 'init', a pointer"), "{error}");
    let error = with(plain, |object, map| object.maps[map].initial_value.as_mut().unwrap().truncate(8));
    assert!(error.contains("outside its 8 bytes"), "{error}");
    // Without the kernel's types there is nothing to find.
    let object = tables();
    let error = prepare(&object, DryKernel::new(None), Options::default()).unwrap_err();
    assert!(matches!(error, Error::NoKernelBtf { .. }), "{error}");
}

#[test]
fn an_arena_that_is_too_small_or_one_too_many_is_named() {
    let original = bytes("arena");
    let object = Object::open(&original, "arena").unwrap();
    let arena = &object.maps[object.map("arena").unwrap().0];
    assert_eq!(arena.initial_value.as_ref().unwrap().len(), 24);
    let at = |name: &str| object.variables.iter().find(|variable| variable.name == name).map(|v| (v.offset, v.size));
    assert_eq!((at("total"), at("pair")), (Some((0, 8)), Some((8, 16))));

    // The section of variables, and no arena: what is declared is something else.
    let mut other = original.clone();
    let name = b"arena\0";
    let strings = section(&original, ".BTF");
    let found = original[strings.0..strings.0 + strings.1].windows(name.len()).any(|window| window == name);
    assert!(found);
    // `__uint(type, 33)` is an array of 33 in BTF: the only such one.
    let words: Vec<usize> = (strings.0..strings.0 + strings.1 - 4)
        .step_by(4)
        .filter(|&at| original[at..at + 4] == MapType::ARENA.0.to_le_bytes())
        .collect();
    for at in words {
        word(&mut other, at).copy_from_slice(&MapType::ARRAY.0.to_le_bytes());
    }
    let error = Object::open(&other, "arena").unwrap_err().to_string();
    assert!(error.contains(".addr_space.1") && error.contains("24 bytes"), "{error}");
}

/// Pages of such an arena are there when a program asks for them, and touching others ends the process.
#[test]
fn variables_cannot_be_put_where_only_programs_may_ask_for_memory() {
    let mut object = open("arena");
    let arena = object.map("arena").unwrap();
    object.maps[arena.0].definition.map_flags |= purebpf_sys::uapi::BPF_F_SEGV_ON_FAULT;
    let error = refused(&object);
    assert!(error.contains("map 'arena'") && error.contains("BPF_F_SEGV_ON_FAULT"), "{error}");
}

/// A jump table's places stay in the program, and its section.
#[test]
fn a_jump_table_that_leads_nowhere_spoils_its_program() {
    let original = bytes("jump_table");
    let (start, size) = section(&original, ".jumptables");
    assert_eq!(size, 32);
    let mut before = original.clone();
    // The second program's first place: before the program, then past what a place can be.
    let at = start + 16;
    before[at..at + 8].copy_from_slice(&0u64.to_le_bytes());
    let kernel = || DryKernel::new(None);
    let link = |bytes: &[u8]| {
        let mut object = Object::open(bytes, "jump_table").unwrap();
        object.programs.iter_mut().for_each(|program| program.prog_type = ProgType::SOCKET_FILTER);
        let other = object.program("even_or_odd").unwrap();
        object.programs[other.0].autoload = false;
        prepare(&object, kernel(), Options::default()).map(|_| ()).map_err(|error| error.to_string())
    };
    link(&original).unwrap();
    let error = link(&before).unwrap_err();
    assert!(error.contains("'odd_or_even'") && error.contains("instruction -12"), "{error}");
    before[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    let error = link(&before).unwrap_err();
    assert!(error.contains("jump table"), "{error}");
    assert_eq!(op::JMP | op::JA | op::X, 0x0d, "what the object has for gotox");
}
