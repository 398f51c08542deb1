//! Fields of the local types found in the kernel's: what a path comes to, and when it comes to nothing.
//!
//! Each expectation is libbpf 1.8's: its own `bpf_core_calc_relo_insn`, linked from the static library, was asked the same
//! of the same BTF.

mod common;

use common::*;
use purebpf_btf::types::FwdKind;
use purebpf_btf::{IntEncoding, Kind as BtfKind, TypeId};
use purebpf_core_reloc::{Error, Kind, Outcome, Relocation, Resize, Resolver};

use Kind::{FieldByteOffset, FieldByteSize, FieldExists, FieldRshiftU64, FieldSigned};

#[test]
fn a_field_that_moved() {
    let (local, task) = btf(|b| {
        let int = int(b);
        structure(b, "task", 8, &[("state", int, 0), ("pid", int, 32)])
    });
    let kernel = kernel(|b| {
        let (int, long) = (int(b), b.add_int("long", 8, IntEncoding::SIGNED).unwrap());
        structure(b, "task", 24, &[("stack", long, 0), ("pid", int, 64), ("state", long, 128)]);
    });
    let ask = |kind, access| resolve(&local, &kernel, kind, task, access).unwrap();

    let pid = ask(FieldByteOffset, "0:1");
    assert_eq!((pid.local_value, pid.new_value(), pid.validate, pid.candidates), (4, Some(8), true, 1));
    assert_eq!(pid.resize, Resize::Keep);
    // Of another size; and being signed, no load of that size reads what the program expects.
    assert_eq!(ask(FieldByteOffset, "0:0").resize, Resize::Unsound);
    assert_eq!((ask(FieldByteSize, "0:0").local_value, ask(FieldByteSize, "0:0").new_value()), (4, Some(8)));
    assert_eq!(ask(FieldSigned, "0:0").new_value(), Some(1));
    assert_eq!(ask(FieldExists, "0:1").new_value(), Some(1));
    assert_eq!(ask(FieldRshiftU64, "0:0").new_value(), Some(0));
    // The element after the one that the program has a pointer to.
    assert_eq!((ask(FieldByteOffset, "1:1").local_value, ask(FieldByteOffset, "1:1").new_value()), (12, Some(32)));
}

#[test]
fn what_nothing_matches_poisons_unless_it_asks_for_existence() {
    let (local, (task, gone, colour)) = btf(|b| {
        let int = int(b);
        let task = structure(b, "task", 4, &[("gone", int, 0)]);
        let gone = structure(b, "gone", 4, &[("x", int, 0)]);
        (task, gone, enumeration(b, "colour", &[("MAUVE", 3)]))
    });
    let kernel = kernel(|b| {
        let int = int(b);
        structure(b, "task", 4, &[("pid", int, 0)]);
        enumeration(b, "colour", &[("RED", 1)]);
    });
    for kind in (0..13).filter_map(Kind::from_number).filter(|&kind| kind != Kind::TypeIdLocal) {
        let (id, access) = match () {
            () if kind.is_type_based() => (gone, "0"),
            () if kind.is_enumval_based() => (colour, "0"),
            () => (task, "0:0"),
        };
        let zero = kind.is_type_based() || matches!(kind, FieldExists | Kind::EnumvalExists);
        let expected = if zero { Outcome::Patch { value: 0 } } else { Outcome::Poison };
        assert_eq!(resolve(&local, &kernel, kind, id, access).unwrap().outcome, expected, "{kind:?}");
    }
}

/// `bpf_core_essential_name_len`: what follows the last `___` between two other characters does not count,
/// on either side.
#[test]
fn flavours_stand_for_the_type_and_for_each_other() {
    for (local_name, kernel_name, fits) in [
        ("task___mine", "task", true),
        ("task", "task___2", true),
        ("task___a", "task___b", true),
        ("task___a___b", "task___a___c", true),
        ("task___a___b", "task___a", false),
        ("task____x", "task", false),
        ("task___", "task", false),
        ("___task", "task", false),
        ("task__mine", "task", false),
    ] {
        let field = |b: &mut _, name: &str| {
            let int = int(b);
            structure(b, name, 4, &[("pid", int, 0)])
        };
        let (local, task) = btf(|b| field(b, local_name));
        let kernel = kernel(|b| _ = field(b, kernel_name));
        let exists = value(&local, &kernel, FieldExists, task, "0:0");
        assert_eq!(exists, Some(u64::from(fits)), "{local_name} for {kernel_name}");
    }
}

#[test]
fn a_field_is_looked_for_in_anonymous_members_of_either_side() {
    let (local, (flat, nested)) = btf(|b| {
        let int = int(b);
        let flat = structure(b, "sock", 8, &[("first", int, 0), ("port", int, 32)]);
        let inner = structure(b, "", 4, &[("port", int, 0)]);
        let middle = union(b, "", 4, &[("", inner, 0)]);
        (flat, structure(b, "sock___nested", 8, &[("first", int, 0), ("", middle, 32)]))
    });
    let kernel = kernel(|b| {
        let int = int(b);
        let deepest = structure(b, "", 12, &[("other", int, 0), ("port", int, 64)]);
        let inner = union(b, "", 12, &[("word", int, 0), ("", deepest, 0)]);
        structure(b, "sock", 20, &[("first", int, 0), ("", inner, 64)]);
    });
    assert_eq!(value(&local, &kernel, FieldByteOffset, flat, "0:1"), Some(16));
    assert_eq!(value(&local, &kernel, FieldByteOffset, nested, "0:1:0:0"), Some(16));
}

/// A member that has a name is a turning point: a kernel that wraps the field in a struct with a name has
/// another field.
#[test]
fn a_field_is_not_looked_for_in_named_members() {
    let (local, sock) = btf(|b| {
        let int = int(b);
        structure(b, "sock", 4, &[("port", int, 0)])
    });
    let kernel = kernel(|b| {
        let int = int(b);
        let inner = structure(b, "", 4, &[("port", int, 0)]);
        structure(b, "sock", 4, &[("inner", inner, 0)]);
    });
    assert_eq!(value(&local, &kernel, FieldByteOffset, sock, "0:0"), None);
}

/// `bpf_core_fields_are_compat`, row by row.
#[test]
fn which_types_of_a_field_can_stand_for_each_other() {
    let make = |pick: fn(&mut purebpf_btf::builder::Builder) -> TypeId| {
        btf(|b| {
            let field = pick(b);
            structure(b, "s", 64, &[("f", field, 0)])
        })
    };
    type Pick = fn(&mut purebpf_btf::builder::Builder) -> TypeId;
    let char_pointer: Pick = |b| {
        let char = unsigned(b, 1);
        pointer(b, char)
    };
    let void_pointer: Pick = |b| pointer(b, TypeId(0));
    let u32_: Pick = |b| unsigned(b, 4);
    let i32_: Pick = int;
    let u64_: Pick = |b| unsigned(b, 8);
    let double: Pick = |b| b.add_float("double", 8).unwrap();
    let float: Pick = |b| b.add_float("float", 4).unwrap();
    let strukt: Pick = |b| structure(b, "in", 4, &[]);
    let union_: Pick = |b| union(b, "other", 4, &[]);
    let red: Pick = |b| enumeration(b, "red", &[("A", 0)]);
    let red_flavour: Pick = |b| enumeration(b, "red___2", &[("B", 0)]);
    let red64: Pick = |b| enumeration64(b, "red", &[("A", 0)]);
    let blue: Pick = |b| enumeration(b, "blue", &[("A", 0)]);
    let anonymous: Pick = |b| enumeration(b, "", &[("Z", 0)]);
    let array_of_u32: Pick = |b| {
        let int = unsigned(b, 4);
        array(b, int, 4)
    };
    let array_of_pointers: Pick = |b| {
        let void = pointer(b, TypeId(0));
        array(b, void, 4)
    };
    let array_of_arrays: Pick = |b| {
        let int = int(b);
        let row = array(b, int, 2);
        array(b, row, 2)
    };
    let volatile_typedef: Pick = |b| {
        let int = unsigned(b, 8);
        let alias = b.add_typedef("alias", int).unwrap();
        b.add_reference(BtfKind::Volatile, alias).unwrap()
    };

    for (local_field, kernel_field, fits, what) in [
        (char_pointer, void_pointer, true, "pointers, whatever they lead to"),
        (u32_, i32_, true, "integers, whatever their sign"),
        (u32_, u64_, true, "integers, whatever their size"),
        (u32_, volatile_typedef, true, "modifiers and typedefs are skipped"),
        (double, float, true, "floats of any size"),
        (strukt, union_, true, "a struct and a union of another name"),
        (red, red_flavour, true, "enums of one essential name"),
        (red, red64, true, "enums of either width"),
        (red, anonymous, true, "an enum and an anonymous one"),
        (red, blue, false, "enums of two names"),
        (array_of_u32, array_of_u32, true, "arrays"),
        (array_of_u32, array_of_pointers, false, "arrays of different elements"),
        (array_of_u32, array_of_arrays, false, "arrays of other dimensions"),
        (u32_, char_pointer, false, "an integer and a pointer"),
        (u32_, red, false, "an integer and an enum"),
        (u32_, double, false, "an integer and a float"),
        (strukt, char_pointer, false, "a struct and a pointer"),
    ] {
        let (local, s) = make(local_field);
        let kernel = purebpf_btf::KernelBtf::new(make(kernel_field).0);
        assert_eq!(value(&local, &kernel, FieldExists, s, "0:0"), Some(u64::from(fits)), "{what}");
    }
}

#[test]
fn array_elements() {
    let (local, s) = btf(|b| {
        let int = unsigned(b, 4);
        let row = array(b, int, 3);
        let grid = array(b, row, 4);
        structure(b, "s", 48, &[("grid", grid, 0)])
    });
    let kernel = kernel(|b| {
        let int = unsigned(b, 8);
        let row = array(b, int, 2);
        let grid = array(b, row, 4);
        structure(b, "s", 72, &[("pad", int, 0), ("grid", grid, 64)]);
    });
    let ask = |kind, access| resolve(&local, &kernel, kind, s, access);

    let element = ask(FieldByteOffset, "0:0:2:1").unwrap();
    assert_eq!((element.local_value, element.new_value()), ((2 * 3 + 1) * 4, Some(8 + (2 * 2 + 1) * 8)));
    assert_eq!(element.resize, Resize::To { from: 4, to: 8 });
    assert_eq!(ask(FieldByteSize, "0:0:2").unwrap().new_value(), Some(16));
    // Past the end of the kernel's row, not of the local one.
    assert_eq!(ask(FieldByteOffset, "0:0:2:2").unwrap().outcome, Outcome::Poison);
    assert_eq!(ask(FieldExists, "0:0:2:2").unwrap().new_value(), Some(0));
    // Past the end of the local one.
    assert_eq!(ask(FieldExists, "0:0:4"), Err(Error::BadAccess { what: "the array has fewer elements" }));
    // An element has no sign and no bits.
    for kind in [FieldSigned, FieldRshiftU64, Kind::FieldLshiftU64] {
        assert_eq!(ask(kind, "0:0:2:1"), Err(Error::NotForArrays { kind }));
    }
}

/// An array of no length that ends its struct has as many elements as the program says.
#[test]
fn flexible_arrays() {
    let (local, (last, inner)) = btf(|b| {
        let int = unsigned(b, 4);
        let any = array(b, int, 0);
        let last = structure(b, "s", 4, &[("n", int, 0), ("data", any, 32)]);
        (last, structure(b, "t", 4, &[("data", any, 0), ("n", int, 0)]))
    });
    let kernel_with = |len, more| {
        kernel(|b| {
            let int = unsigned(b, 4);
            let any = array(b, int, len);
            let after: &[Field<'_>] = if more { &[("more", int, 64)] } else { &[] };
            let fields: Vec<Field<'_>> = [&[("n", int, 0), ("data", any, 64)], after].concat();
            structure(b, "s", 8, &fields);
            structure(b, "t", 8, &[("data", any, 0)]);
        })
    };
    let at_9 = |kernel: &_| value(&local, kernel, FieldByteOffset, last, "0:1:9");
    assert_eq!(at_9(&kernel_with(0, false)), Some(8 + 36));
    assert_eq!(at_9(&kernel_with(10, false)), Some(8 + 36));
    assert_eq!(at_9(&kernel_with(9, false)), None);
    // Of no length, but not the last.
    assert_eq!(at_9(&kernel_with(0, true)), None);
    let not_last = resolve(&local, &kernel_with(0, false), FieldByteOffset, inner, "0:0:0");
    assert_eq!(not_last, Err(Error::BadAccess { what: "the array has fewer elements" }));
}

/// "field offset ambiguity" and "relocation decision ambiguity" in `bpf_core_calc_relo_insn`.
#[test]
fn candidates_that_disagree_are_refused() {
    let (local, s) = btf(|b| {
        let int = int(b);
        structure(b, "s", 8, &[("a", int, 0), ("b", int, 32)])
    });
    let kernel = kernel(|b| {
        let (int, short) = (int(b), b.add_int("short", 2, IntEncoding::SIGNED).unwrap());
        structure(b, "s", 12, &[("a", int, 0), ("b", int, 32)]);
        structure(b, "s___2", 12, &[("a", short, 0), ("b", int, 64)]);
    });
    let ask = |kind, access| resolve(&local, &kernel, kind, s, access);
    let says = |kind, access| match ask(kind, access) {
        Err(Error::Ambiguous { first, other, candidates }) => (first, other, candidates),
        other => panic!("{other:?}"),
    };

    // At the same place in both.
    let a = ask(FieldByteOffset, "0:0").unwrap();
    assert_eq!((a.new_value(), a.candidates), (Some(0), 2));
    // The first candidate decides about the size of loads: libbpf compares only values.
    assert_eq!(a.resize, Resize::Keep);
    // Of another size there.
    let (first, other, candidates) = says(FieldByteSize, "0:0");
    assert_eq!((&*first, &*other), ("field_byte_size is 4", "field_byte_size is 2"));
    assert_eq!(candidates, "[3] s, [4] s___2");
    // At another place, which matters to whoever asks only for existence too.
    for kind in [FieldByteOffset, FieldExists] {
        let (first, other, _) = says(kind, "0:1");
        assert_eq!((&*first, &*other), ("the field is at bit 32", "the field is at bit 64"));
    }
    // Their ids differ; their sizes do not.
    let (first, other, _) = says(Kind::TypeIdTarget, "0");
    assert_eq!((&*first, &*other), ("type_id_target is 3", "type_id_target is 4"));
    assert_eq!(ask(Kind::TypeSize, "0").unwrap().new_value(), Some(12));
}

/// What a program reads of one local type is read of the candidates that have all it asked for so far.
#[test]
fn candidates_without_a_field_are_no_longer_asked() {
    let (local, s) = btf(|b| {
        let int = int(b);
        structure(b, "s", 8, &[("a", int, 0), ("b", int, 32)])
    });
    let kernel = kernel(|b| {
        let int = int(b);
        structure(b, "s", 8, &[("b", int, 0)]);
        structure(b, "s___2", 8, &[("a", int, 0), ("b", int, 32)]);
    });
    let ask = |resolver: &mut Resolver<'_>, access| {
        resolver.resolve(&Relocation { local_type: s, access, kind: FieldByteOffset })
    };

    let mut fresh = Resolver::new(&local, Some(&kernel));
    assert!(matches!(ask(&mut fresh, "0:1"), Err(Error::Ambiguous { .. })));

    let mut resolver = Resolver::new(&local, Some(&kernel));
    assert_eq!(ask(&mut resolver, "0:0").unwrap().candidates, 1);
    assert_eq!(ask(&mut resolver, "0:1").unwrap().new_value(), Some(4));
}

#[test]
fn sizes_that_a_load_can_change() {
    type Pick = fn(&mut purebpf_btf::builder::Builder) -> TypeId;
    let u32_: Pick = |b| unsigned(b, 4);
    let u64_: Pick = |b| unsigned(b, 8);
    let i64_: Pick = |b| b.add_int("long long", 8, IntEncoding::SIGNED).unwrap();
    let bool_: Pick = |b| b.add_int("bool", 1, IntEncoding::BOOL).unwrap();
    let enum_: Pick = |b| enumeration(b, "e", &[("A", 0)]);
    let enum64: Pick = |b| enumeration64(b, "e", &[("A", 0)]);
    let pointer_: Pick = |b| pointer(b, TypeId(0));
    // Pointers have the size of `long`: this kernel is a 32-bit one.
    let pointer_of_4: Pick = |b| {
        b.add_int("long", 4, IntEncoding::SIGNED).unwrap();
        pointer(b, TypeId(0))
    };
    let small: Pick = |b| structure(b, "small", 4, &[]);
    let large: Pick = |b| structure(b, "large", 8, &[]);
    let to = |from, to| Resize::To { from, to };
    for (from, into, expected) in [
        (u32_, u64_, to(4, 8)),
        (u64_, bool_, to(8, 1)),
        (pointer_, pointer_of_4, to(8, 4)),
        (u32_, u32_, Resize::Keep),
        (u32_, i64_, Resize::Unsound),
        (i64_, u32_, Resize::Unsound),
        (enum_, enum64, Resize::Unsound),
        (small, large, Resize::Unsound),
    ] {
        let make = |pick: Pick| {
            btf(|b| {
                let field = pick(b);
                structure(b, "s", 8, &[("f", field, 0)])
            })
        };
        let (local, s) = make(from);
        let kernel = purebpf_btf::KernelBtf::new(make(into).0);
        let fixup = resolve(&local, &kernel, FieldByteOffset, s, "0:0").unwrap();
        assert_eq!(fixup.resize, expected);
    }
}

/// `bpf_core_parse_spec`.
#[test]
fn paths_that_make_no_sense() {
    let (local, (s, colour)) = btf(|b| {
        let int = int(b);
        let fwd = b.add_fwd("opaque", FwdKind::Struct).unwrap();
        let to = pointer(b, fwd);
        let s = structure(b, "s", 16, &[("a", int, 0), ("p", to, 64)]);
        (s, enumeration(b, "colour", &[("RED", 1)]))
    });
    let kernel = purebpf_btf::KernelBtf::new(local.clone());
    let ask = |kind, id, access: &str| resolve(&local, &kernel, kind, id, access);
    for access in ["", ":", "0:", ":0", "0::1", "a", "0:b", "-1", "0:-1", "0:99999999999"] {
        assert!(matches!(ask(FieldByteOffset, s, access), Err(Error::BadAccess { .. })), "{access:?}");
    }
    assert!(matches!(ask(FieldByteOffset, s, "0:2"), Err(Error::BadAccess { .. })));
    assert!(matches!(ask(FieldByteOffset, s, "0:0:0"), Err(Error::NotAComposite { kind: BtfKind::Int, .. })));
    assert!(matches!(ask(FieldByteOffset, s, "0:1:0"), Err(Error::NotAComposite { kind: BtfKind::Ptr, .. })));
    assert!(matches!(ask(Kind::TypeExists, s, "0:0"), Err(Error::BadAccess { .. })));
    assert!(matches!(ask(Kind::EnumvalValue, s, "0"), Err(Error::BadAccess { .. })));
    assert!(matches!(ask(Kind::EnumvalValue, colour, "1"), Err(Error::BadAccess { .. })));
    assert!(matches!(ask(Kind::EnumvalValue, colour, "0:0"), Err(Error::BadAccess { .. })));
    assert!(matches!(ask(FieldExists, TypeId(999), "0"), Err(Error::Btf(_))));
}

/// There is no name to look for.
#[test]
fn anonymous_local_types_are_refused() {
    let (local, s) = btf(|b| {
        let int = int(b);
        structure(b, "", 4, &[("a", int, 0)])
    });
    let kernel = purebpf_btf::KernelBtf::new(local.clone());
    assert_eq!(resolve(&local, &kernel, FieldExists, s, "0:0"), Err(Error::Anonymous { type_id: s }));
    // The local id needs none.
    assert_eq!(value(&local, &kernel, Kind::TypeIdLocal, s, "0"), Some(u64::from(s.0)));
}
