//! Types made to harm: numbers that overflow, types without end, and damage of every kind. What comes out does
//! not matter, that something comes out does: no panic, and no time out of proportion.

mod common;

use common::*;
use purebpf_btf::builder::Builder;
use purebpf_btf::{Btf, IntEncoding, KernelBtf, Kind as BtfKind, TypeId};
use purebpf_core_reloc::{Error, Kind, Relocation, Resolver, apply, types_are_compat};

use Kind::{FieldByteOffset, FieldByteSize, FieldExists, TypeExists, TypeMatches};

fn overflow(type_id: TypeId) -> Result<purebpf_core_reloc::Fixup, Error> {
    Err(Error::OffsetOverflow { type_id })
}

/// libbpf's offsets are numbers of 32 bits that wrap around; ours end there.
#[test]
fn offsets_end_at_32_bits() {
    let (local, (huge, far)) = btf(|b| {
        let char = unsigned(b, 1);
        // 512 MiB: 2^32 bits.
        let bytes = array(b, char, 1 << 29);
        let huge = structure(b, "huge", 1 << 29, &[("bytes", bytes, 0), ("first", char, 8)]);
        let inner = structure(b, "", 1, &[("x", char, u32::MAX - 7)]);
        (huge, structure(b, "far", 4, &[("", inner, u32::MAX - 7), ("y", char, u32::MAX)]))
    });
    let kernel = KernelBtf::new(local.clone());
    let ask = |kind, id, access| resolve(&local, &kernel, kind, id, access);
    // Whatever its size, its beginning and what is near that can be reached.
    assert_eq!(ask(FieldByteOffset, huge, "0:1").unwrap().new_value(), Some(1));
    assert_eq!(ask(FieldByteOffset, huge, "0:0:536870911").unwrap().new_value(), Some((1 << 29) - 1));
    assert_eq!(ask(FieldByteSize, huge, "0:0").unwrap().new_value(), Some(1 << 29));
    assert_eq!(ask(FieldByteOffset, huge, "1:1"), overflow(huge));
    assert_eq!(ask(FieldByteOffset, huge, "2147483647:1"), overflow(huge));
    assert_eq!(ask(FieldByteOffset, far, "0:0:0"), overflow(far));
    assert_eq!(ask(FieldByteOffset, far, "0:1").unwrap().new_value(), Some(u64::from(u32::MAX / 8)));
}

/// Bitfields at the last bits that an offset can say, of types of sizes that no integer has.
#[test]
fn bitfields_at_the_end_of_32_bits() {
    for size in [0, 1, 3, 8, 16, 0x2000_0000, u32::MAX] {
        let make = |b: &mut Builder| {
            let int = unsigned(b, 4);
            b.record_mut(int).unwrap().set_word(2, size);
            let inner = structure(b, "", 4, &[]);
            b.add_bitfield("f", int, 0x00ff_ffff, 255).unwrap();
            structure(b, "s", 4, &[("", inner, 0xff00_0000)])
        };
        let (local, s) = btf(make);
        let kernel = KernelBtf::new(local.clone());
        for kind in (0..6).filter_map(Kind::from_number) {
            for access in ["0:0:0", "0:0", "1:0:0", "7:0:0"] {
                let _ = resolve(&local, &kernel, kind, s, access);
            }
        }
    }
}

/// `BPF_CORE_SPEC_MAX_LEN`.
#[test]
fn paths_have_64_steps_at_most() {
    let deep = |depth: usize, name: &str| {
        btf(|b| {
            let int = int(b);
            let mut inner = structure(b, "", 4, &[("x", int, 0)]);
            for _ in 0..depth {
                inner = structure(b, "", 4, &[("", inner, 0)]);
            }
            structure(b, name, 4, &[("", inner, 0)])
        })
    };
    // The pointer's element, `s` itself, the anonymous ones on the way, and x.
    for (depth, expected) in [(61, Ok(Some(0))), (62, Err(Error::PathTooLong)), (500, Err(Error::PathTooLong))] {
        let (local, s) = btf(|b| {
            let int = int(b);
            structure(b, "s", 4, &[("x", int, 0)])
        });
        let kernel = KernelBtf::new(deep(depth, "s").0);
        let found = resolve(&local, &kernel, FieldByteOffset, s, "0:0");
        assert_eq!(found.map(|fixup| fixup.new_value()), expected, "{depth}");

        let (local, s) = deep(depth, "s");
        let access = ["0"; 3].iter().chain(["0"; 512].iter().take(depth)).copied().collect::<Vec<_>>().join(":");
        let found = resolve(&local, &kernel, FieldByteOffset, s, &access);
        assert_eq!(found.map(|fixup| fixup.new_value()), expected, "{depth}");
    }
}

/// 27 levels of `struct { next a; next b; }`: 2^27 ways down, none of which leads to what is looked for. Names
/// of 16 KiB, which count for more steps, make the test as hard and shorter.
fn branching(name: &str, anonymous: bool, end: &str) -> (Btf, TypeId) {
    btf(|b| {
        let int = int(b);
        let (end, other) = (end.repeat(1 << 14), "b".repeat(1 << 14));
        let mut inner = structure(b, "", 4, &[(&*end, int, 0)]);
        let [first, second] = if anonymous { ["", ""] } else { [&*end, &*other] };
        for _ in 0..26 {
            inner = structure(b, "", 8, &[(first, inner, 0), (second, inner, 32)]);
        }
        structure(b, name, 8, &[(first, inner, 0), (second, inner, 32)])
    })
}

#[test]
fn types_that_branch_at_every_level() {
    let (local, s) = btf(|b| {
        let int = int(b);
        structure(b, "s", 4, &[("x", int, 0)])
    });
    let kernel = KernelBtf::new(branching("s", true, "y").0);
    assert_eq!(resolve(&local, &kernel, FieldExists, s, "0:0"), Err(Error::TooComplex));

    let (local, s) = branching("s", false, "x");
    let kernel = KernelBtf::new(branching("s", false, "x").0);
    assert_eq!(resolve(&local, &kernel, TypeMatches, s, "0"), Err(Error::TooComplex));

    // Prototypes whose parameters are prototypes.
    let (local, f) = btf(|b| {
        let mut inner = int(b);
        for _ in 0..30 {
            let proto = b.add_func_proto(TypeId(0)).unwrap();
            b.add_param("a", inner).unwrap();
            b.add_param("b", inner).unwrap();
            inner = proto;
        }
        b.add_typedef("f", inner).unwrap()
    });
    assert_eq!(types_are_compat(&local, f, &local, f), Err(Error::TooComplex));
}

/// Many of them: the steps are those of the whole object, so that the sum has an end too.
#[test]
fn many_relocations_of_types_that_branch() {
    let (local, s) = branching("s", false, "x");
    let kernel = KernelBtf::new(local.clone());
    let mut resolver = Resolver::new(&local, Some(&kernel));
    for _ in 0..500 {
        let relocation = Relocation { local_type: s, access: "0", kind: TypeMatches };
        assert_eq!(resolver.resolve(&relocation), Err(Error::TooComplex));
    }
    // An ordinary one has still its own.
    let relocation = Relocation { local_type: s, access: "0", kind: TypeExists };
    assert_eq!(resolver.resolve(&relocation).unwrap().new_value(), Some(1));
}

/// Types that contain themselves, through whatever lets them.
#[test]
fn types_without_end() {
    // s { a: s }, s { : s }, an array of itself, a typedef of itself, a pointer to itself.
    let (local, ids) = btf(|b| {
        let of = |b: &Builder| TypeId(b.type_count());
        let itself = of(b);
        let named = structure(b, "named", 4, &[("a", itself, 0)]);
        let itself = of(b);
        let anonymous = structure(b, "anonymous", 4, &[("", itself, 0), ("x", named, 0)]);
        let itself = of(b);
        let array = array(b, itself, 2);
        let itself = of(b);
        let alias = b.add_typedef("alias", itself).unwrap();
        let itself = of(b);
        let pointer = pointer(b, itself);
        let to_array = b.add_typedef("to_array", array).unwrap();
        let to_pointer = b.add_typedef("to_pointer", pointer).unwrap();
        let with = structure(b, "with", 4, &[("array", array, 0), ("alias", alias, 0), ("pointer", pointer, 0)]);
        [named, anonymous, alias, to_array, to_pointer, with]
    });
    let kernel = KernelBtf::new(local.clone());
    for id in ids {
        for kind in (0..13).filter_map(Kind::from_number) {
            for access in ["0", "0:0", "0:0:0", "0:1", "0:1:1", "0:2", "1"] {
                let _ = resolve(&local, &kernel, kind, id, access);
            }
        }
    }
    let [named, anonymous, ..] = ids;
    // Nothing in `named` but itself: a struct that has a member of this name has it at any depth.
    let long = ["0"; 64].join(":");
    assert_eq!(value(&local, &kernel, FieldByteOffset, named, &long), Some(0));
    assert_eq!(resolve(&local, &kernel, FieldByteOffset, named, &format!("{long}:0")), Err(Error::PathTooLong));
    assert_eq!(resolve(&local, &kernel, FieldByteOffset, anonymous, "0:1"), Err(Error::PathTooLong));
    assert_eq!(resolve(&local, &kernel, TypeMatches, named, "0"), Err(Error::TooComplex));
}

/// Names as long as the BTF, compared with each other.
#[test]
fn long_names_count_by_their_length() {
    let make = |b: &mut Builder| {
        let int = int(b);
        let name = |n: u32| format!("{}{n}", "a".repeat(1 << 20));
        let names: Vec<_> = (0..8).map(name).collect();
        b.add_struct("s", 4).unwrap();
        let s = TypeId(b.type_count() - 1);
        for n in 0..1000 {
            b.add_member(&names[n % 7], int, 0).unwrap();
        }
        b.add_member(&names[7], int, 0).unwrap();
        s
    };
    let (local, s) = btf(make);
    let kernel = KernelBtf::new(local.clone());
    assert_eq!(resolve(&local, &kernel, FieldExists, s, "0:1000"), Err(Error::TooComplex));
    assert_eq!(value(&local, &kernel, FieldExists, s, "0:0"), Some(1));
}

/// Types of every kind, referring to each other, for mutants to be made of.
fn specimen(b: &mut Builder) {
    let (int, long) = (int(b), b.add_int("long", 8, IntEncoding::SIGNED).unwrap());
    let byte = unsigned(b, 1);
    let any = array(b, byte, 0);
    let grid = array(b, any, 3);
    let colour = enumeration(b, "colour", &[("RED", 1), ("GREEN___x", -2)]);
    let wide = enumeration64(b, "wide", &[("BIG", 1 << 40), ("SMALL", 1)]);
    let inner = structure(b, "", 8, &[("x", int, 0), ("y", long, 32)]);
    let either = union(b, "", 8, &[("", inner, 0), ("z", wide, 0)]);
    let s = structure(b, "s", 40, &[("", either, 0), ("grid", grid, 64), ("colour", colour, 128)]);
    b.add_bitfield("low", int, 200, 3).unwrap();
    b.add_bitfield("high", int, 203, 20).unwrap();
    b.add_member("any", any, 320).unwrap();
    let to = pointer(b, s);
    let constant = b.add_reference(BtfKind::Const, to).unwrap();
    structure(b, "s___2", 16, &[("to", constant, 0), ("colour", colour, 64), ("", inner, 64)]);
    let proto = b.add_func_proto(int).unwrap();
    b.add_param("to", to).unwrap().add_param("colour", colour).unwrap();
    let f = pointer(b, proto);
    b.add_typedef("f", f).unwrap();
    b.add_typedef("f___x", s).unwrap();
    b.add_float("double", 8).unwrap();
    b.add_fwd("s", purebpf_btf::types::FwdKind::Union).unwrap();
    b.add_var("v", purebpf_btf::types::Linkage(1), s).unwrap();
    b.add_datasec("section", 8).unwrap();
}

/// Changes words of the types: ids, sizes, offsets, names, counts, kinds. One in four becomes a number at an
/// edge of what a field can say.
fn mutate(bytes: &[u8], header: usize, random: &mut Random) -> Vec<u8> {
    const EDGES: [u32; 8] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff, 0x2000_0000, 0xff00_0000];
    let mut mutant = bytes.to_vec();
    for _ in 0..=random.below(5) {
        let word = header + random.below((mutant.len() - header) / 4) * 4;
        let (n, bit) = (random.below(256), random.below(32));
        let Some(word) = mutant.get_mut(word..word + 4) else { continue };
        let old = u32::from_ne_bytes(word.try_into().unwrap());
        let new = match random.below(4) {
            0 => EDGES[n % EDGES.len()],
            1 => old ^ 1 << bit,
            2 => old.wrapping_add(n as u32 % 7).wrapping_sub(3),
            _ => n as u32 % 32,
        };
        word.copy_from_slice(&new.to_ne_bytes());
    }
    mutant
}

#[test]
fn mutants_are_resolved_and_applied_without_a_panic() {
    let sound = btf(specimen).0;
    let header = sound.header().types.start;
    let mut random = Random::new(1);
    let (mut parsed, mut resolved, mut applied) = (0, 0, 0);
    for _ in 0..3000 {
        let Ok(local) = Btf::parse(mutate(sound.raw_data(), header, &mut random)) else { continue };
        let target = Btf::parse(mutate(sound.raw_data(), header, &mut random));
        let kernel = KernelBtf::new(target.unwrap_or_else(|_| sound.clone()));
        parsed += 1;
        let mut resolver = Resolver::new(&local, Some(&kernel));
        for _ in 0..60 {
            let local_type = TypeId(random.below(local.type_count() as usize + 1) as u32);
            let kind = Kind::from_number(random.below(13) as u32).unwrap();
            let access = if kind.is_type_based() { "0".into() } else { path(&local, local_type, &mut random) };
            let Ok(fixup) = resolver.resolve(&Relocation { local_type, access: &access, kind }) else { continue };
            resolved += 1;
            let code = [0xb7, 0x61, 0x79, 0x63, 0x62, 0xc3, 0x81, 0x85][random.below(8)];
            let (old, big_endian) = (fixup.local_value, random.below(2) == 0);
            let _ = apply(&fixup, &mut insn(code, 0x12, old as i16, old as i32), big_endian, 0);
            applied += usize::from(apply(&fixup, &mut ld_imm64(old), false, 0).is_ok());
        }
    }
    // Most of them get as far as that.
    assert!(parsed > 1000 && resolved > 10_000 && applied > 10_000, "{parsed} {resolved} {applied}");
}

/// A path that mostly leads somewhere.
fn path(btf: &Btf, from: TypeId, random: &mut Random) -> String {
    let mut path = random.below(2).to_string();
    let mut id = from;
    for _ in 0..random.below(6) {
        let Ok(current) = btf.resolve(id) else { break };
        let index = random.below(current.vlen() as usize + 1);
        id = match (current.members().and_then(|mut members| members.nth(index)), current.data()) {
            (Some(member), _) => member.type_id,
            (None, purebpf_btf::TypeData::Array(array)) => array.element,
            _ => break,
        };
        path.push_str(&format!(":{index}"));
    }
    path
}
