//! Types and enumerators: whether the kernel has them, and what they are there.
//!
//! Each expectation is libbpf 1.8's, asked of its own `bpf_core_calc_relo_insn` with the same BTF; modules,
//! which its caller sees to, excepted.

mod common;

use common::*;
use purebpf_btf::builder::Builder;
use purebpf_btf::types::FwdKind;
use purebpf_btf::{Btf, IntEncoding, KernelBtf, Kind as BtfKind, TypeId};
use purebpf_btf::{ModuleBtf, types::Linkage};
use purebpf_core_reloc::{Error, Kind, Outcome, Relocation, Resolver, Warning, types_are_compat};

use Kind::{EnumvalExists, EnumvalValue, TypeExists, TypeIdLocal, TypeIdTarget, TypeMatches, TypeSize};

/// A type made in a BTF; the last one made is asked about.
type Make = fn(&mut Builder) -> TypeId;

fn exists_and_matches(local: Make, kernel: Make) -> (Option<u64>, Option<u64>) {
    let (local, id) = btf(local);
    let kernel = KernelBtf::new(btf(kernel).0);
    let ask = |kind| value(&local, &kernel, kind, id, "0");
    (ask(TypeExists), ask(TypeMatches))
}

/// Rows of: local type, kernel's, whether it exists, whether it matches, what the row is about.
fn check(rows: &[(Make, Make, bool, bool, &str)]) {
    for &(local, kernel, exists, matches, what) in rows {
        let expected = (Some(u64::from(exists)), Some(u64::from(matches)));
        assert_eq!(exists_and_matches(local, kernel), expected, "{what}");
    }
}

#[test]
fn ids_and_sizes() {
    let (local, s) = btf(|b| {
        int(b);
        structure(b, "s", 12, &[])
    });
    let kernel = kernel(|b| {
        b.add_float("double", 8).unwrap();
        int(b);
        structure(b, "s", 20, &[]);
    });
    let ask = |kind| resolve(&local, &kernel, kind, s, "0").unwrap();
    assert_eq!((ask(TypeSize).local_value, ask(TypeSize).new_value()), (12, Some(20)));
    assert!(ask(TypeSize).validate);
    // Linking objects changes ids: what the instruction has is not looked at.
    for (kind, new) in [(TypeIdLocal, 2), (TypeIdTarget, 3)] {
        let id = ask(kind);
        assert_eq!((id.local_value, id.new_value(), id.validate), (2, Some(new), false), "{kind:?}");
    }
    assert_eq!(ask(TypeIdLocal).candidates, 0);
    // Without a kernel there is still the local id, and nothing else.
    let mut alone = Resolver::new(&local, None);
    let mut ask = |kind| alone.resolve(&Relocation { local_type: s, access: "0", kind });
    assert_eq!(ask(TypeIdLocal).unwrap().new_value(), Some(2));
    assert_eq!(ask(TypeIdTarget), Err(Error::NoTarget));
}

/// Kinds must agree, where a field's need not: a struct is not a union, and a typedef not a struct.
#[test]
fn kinds() {
    let strukt: Make = |b| structure(b, "t", 4, &[]);
    let union_: Make = |b| union(b, "t", 4, &[]);
    let fwd: Make = |b| b.add_fwd("t", FwdKind::Struct).unwrap();
    let alias: Make = |b| {
        let int = int(b);
        b.add_typedef("t", int).unwrap()
    };
    let int_: Make = |b| b.add_int("t", 4, IntEncoding::SIGNED).unwrap();
    let long: Make = |b| b.add_int("t", 8, IntEncoding::NONE).unwrap();
    let double: Make = |b| b.add_float("t", 8).unwrap();
    let enum32: Make = |b| enumeration(b, "t", &[("A", 0)]);
    let enum64: Make = |b| enumeration64(b, "t", &[("A", 0)]);
    let enum64_of_4: Make = |b| {
        let id = b.add_enum64("t", 4, false).unwrap();
        b.add_enum_value("A", 9).unwrap();
        id
    };
    check(&[
        (strukt, strukt, true, true, "a struct"),
        (strukt, union_, false, false, "a struct and a union"),
        (strukt, fwd, false, false, "a struct and its declaration"),
        (strukt, alias, false, false, "a struct and a typedef"),
        (int_, int_, true, true, "an integer"),
        (int_, long, true, false, "integers of two sizes"),
        (enum32, enum64, true, false, "enums of two sizes"),
        (enum32, enum64_of_4, true, true, "enums of two widths and one size"),
        // Nobody asked for those, so that neither relation knows them.
        (double, double, false, false, "a float"),
    ]);
}

#[test]
fn what_typedefs_lead_to() {
    type To = fn(&mut Builder) -> TypeId;
    fn alias(b: &mut Builder, to: To) -> TypeId {
        let to = to(b);
        b.add_typedef("t", to).unwrap()
    }
    macro_rules! alias {
        ($to:expr) => {
            |b| alias(b, $to)
        };
    }
    fn function(b: &mut Builder, params: &[TypeId], ret: TypeId) -> TypeId {
        let id = b.add_func_proto(ret).unwrap();
        for &param in params {
            b.add_param("p", param).unwrap();
        }
        id
    }
    check(&[
        (alias!(|_| TypeId(0)), alias!(|_| TypeId(0)), true, true, "void"),
        (alias!(|_| TypeId(0)), alias!(int), false, false, "void and an integer"),
        (alias!(int), alias!(|b| unsigned(b, 8)), true, false, "integers"),
        (
            alias!(|b| {
                let to = int(b);
                pointer(b, to)
            }),
            alias!(|b| {
                let to = enumeration(b, "e", &[]);
                pointer(b, to)
            }),
            false,
            false,
            "pointers to other kinds",
        ),
        (
            alias!(|b| {
                let to = structure(b, "one", 4, &[]);
                pointer(b, to)
            }),
            alias!(|b| {
                let to = structure(b, "other", 4, &[]);
                pointer(b, to)
            }),
            true,
            false,
            "pointers to structs of other names",
        ),
        (
            alias!(|b| {
                let to = structure(b, "one", 4, &[]);
                pointer(b, to)
            }),
            alias!(|b| {
                let to = b.add_fwd("one", FwdKind::Struct).unwrap();
                pointer(b, to)
            }),
            false,
            true,
            "pointers to a struct and its declaration",
        ),
        (
            alias!(|b| {
                let to = b.add_fwd("one", FwdKind::Union).unwrap();
                pointer(b, to)
            }),
            alias!(|b| {
                let to = structure(b, "one", 4, &[]);
                pointer(b, to)
            }),
            false,
            false,
            "pointers to a declared union and a struct",
        ),
        (
            alias!(|b| {
                let of = int(b);
                array(b, of, 3)
            }),
            alias!(|b| {
                let of = int(b);
                array(b, of, 4)
            }),
            true,
            false,
            "arrays of other lengths",
        ),
        (
            alias!(|b| {
                let int = int(b);
                function(b, &[int], TypeId(0))
            }),
            alias!(|b| {
                let int = int(b);
                function(b, &[int], TypeId(0))
            }),
            true,
            true,
            "functions",
        ),
        (
            alias!(|b| {
                let int = int(b);
                function(b, &[int], TypeId(0))
            }),
            alias!(|b| {
                let int = int(b);
                function(b, &[int, int], TypeId(0))
            }),
            false,
            false,
            "functions of another number of parameters",
        ),
        (
            alias!(|b| {
                let int = int(b);
                function(b, &[int], TypeId(0))
            }),
            alias!(|b| {
                let int = int(b);
                function(b, &[int], int)
            }),
            false,
            false,
            "functions that return something else",
        ),
    ]);
}

/// A local type need not have all that the kernel's has, and a struct behind a pointer is not looked into.
#[test]
fn what_structs_and_enums_must_have_to_match() {
    let local: Make = |b| {
        let int = int(b);
        let other = structure(b, "other", 4, &[("x", int, 0)]);
        let to = pointer(b, other);
        structure(b, "t", 16, &[("to", to, 64), ("n", int, 0)])
    };
    let more_and_elsewhere: Make = |b| {
        let (int, long) = (int(b), unsigned(b, 8));
        let other = structure(b, "other___2", 4, &[("y", long, 0)]);
        let to = pointer(b, other);
        structure(b, "t", 64, &[("more", long, 0), ("n", int, 64), ("to", to, 128)])
    };
    let without_n: Make = |b| {
        let int = int(b);
        let other = structure(b, "other", 4, &[]);
        let to = pointer(b, other);
        structure(b, "t", 64, &[("m", int, 0), ("to", to, 64)])
    };
    let other_n: Make = |b| {
        let long = unsigned(b, 8);
        let other = structure(b, "other", 4, &[]);
        let to = pointer(b, other);
        structure(b, "t", 64, &[("n", long, 0), ("to", to, 64)])
    };
    let outer: Make = |b| {
        let int = int(b);
        let inner = structure(b, "inner", 8, &[("a", int, 0), ("b", int, 32)]);
        structure(b, "t", 8, &[("inner", inner, 0)])
    };
    let outer_of_less: Make = |b| {
        let int = int(b);
        let inner = structure(b, "inner", 4, &[("a", int, 0)]);
        structure(b, "t", 8, &[("inner", inner, 0)])
    };
    check(&[
        (local, more_and_elsewhere, true, true, "more members, at other places"),
        (local, without_n, true, false, "a member less"),
        (local, other_n, true, false, "a member of another size"),
        (outer, outer, true, true, "a struct in the struct"),
        (outer, outer_of_less, true, false, "a struct in the struct that has less"),
        (outer_of_less, outer, true, true, "a struct in the struct that has more"),
        (
            |b| enumeration(b, "t", &[("B", 1)]),
            |b| enumeration(b, "t", &[("A", 0), ("B___2", 7)]),
            true,
            true,
            "enumerators by name, whatever their value",
        ),
        (
            |b| enumeration(b, "t", &[("C", 1)]),
            |b| enumeration(b, "t", &[("A", 0), ("B", 1)]),
            true,
            false,
            "an enumerator less",
        ),
    ]);
}

#[test]
fn enumerators() {
    let (local, (colour, wide, narrow)) = btf(|b| {
        let colour = enumeration(b, "colour___mine", &[("RED", 5), ("MAUVE___old", 1)]);
        let wide = enumeration64(b, "wide", &[("BIG", 1), ("GONE", 2)]);
        (colour, wide, enumeration(b, "narrow", &[("MINUS", -5)]))
    });
    let kernel = kernel(|b| {
        enumeration(b, "colour", &[("GREEN", 3), ("RED___2", -7), ("RED", 9)]);
        enumeration64(b, "wide", &[("BIG", 0x1_2345_6789)]);
        enumeration64(b, "narrow", &[("MINUS", -6)]);
    });
    let ask = |kind, id, access| resolve(&local, &kernel, kind, id, access).unwrap();
    // The first of that essential name.
    let red = ask(EnumvalValue, colour, "0");
    assert_eq!((red.local_value, red.new_value()), (5, Some(-7i64 as u64)));
    assert_eq!(ask(EnumvalExists, colour, "0").new_value(), Some(1));
    assert_eq!(ask(EnumvalExists, colour, "1").new_value(), Some(0));
    assert_eq!(ask(EnumvalValue, colour, "1").outcome, Outcome::Poison);
    assert_eq!(ask(EnumvalValue, wide, "0").new_value(), Some(0x1_2345_6789));
    assert_eq!(ask(EnumvalValue, wide, "1").outcome, Outcome::Poison);
    let minus = ask(EnumvalValue, narrow, "0");
    assert_eq!((minus.local_value, minus.new_value()), (-5i64 as u64, Some(-6i64 as u64)));
}

/// `__s32 val` in `struct btf_enum`: sign-extended whatever the enum says of itself.
#[test]
fn values_of_32_bits_are_sign_extended() {
    let make = |b: &mut Builder| {
        let id = b.add_enum("flags", 4, false).unwrap();
        b.add_enum_value("TOP", 0x8000_0000).unwrap();
        id
    };
    let (local, flags) = btf(make);
    let kernel = KernelBtf::new(btf(make).0);
    assert_eq!(value(&local, &kernel, EnumvalValue, flags, "0"), Some(0xffff_ffff_8000_0000));
}

/// What is expected ahead changes no answer: not that of names that nothing has, of types that do not exist, of kinds without a
/// shape, of modules' types; nor does an index that was made before.
#[test]
fn what_is_expected_changes_no_answer() {
    let make = |b: &mut Builder| {
        let int = int(b);
        let one = structure(b, "one___mine", 4, &[("x", int, 0)]);
        let other = structure(b, "absent", 4, &[("x", int, 0)]);
        let proto = b.add_func_proto(int).unwrap();
        let func = b.add_func("call", Linkage::GLOBAL, proto).unwrap();
        (int, one, other, func)
    };
    let (local, (int_id, one, other, func)) = btf(make);
    let kernel = KernelBtf::new(
        btf(|b| {
            let int = int(b);
            structure(b, "one", 8, &[("y", int, 0), ("x", int, 32)]);
            structure(b, "one___old", 16, &[("z", int, 0)]);
            let proto = b.add_func_proto(int).unwrap();
            b.add_func("call", Linkage::GLOBAL, proto).unwrap();
            b.add_func("one", Linkage::GLOBAL, proto).unwrap();
        })
        .0,
    );
    let asked = [int_id, one, other, func, TypeId(99)];
    let answers = |kernel: &KernelBtf, expected: &[TypeId]| {
        let mut resolver = Resolver::new(&local, Some(kernel));
        resolver.expect(expected.iter().copied());
        let ask = |id| resolver.resolve(&Relocation { local_type: id, access: "0", kind: TypeExists });
        asked.map(ask).map(|answer| answer.map(|fixup| (fixup.new_value(), fixup.candidates)))
    };
    let without = answers(&kernel, &[]);
    // A function is a candidate and, for libbpf too, compatible with nothing.
    assert_eq!(without[..4], [Ok((Some(1), 1)), Ok((Some(1), 2)), Ok((Some(0), 0)), Ok((Some(0), 1))]);
    assert!(without[4].is_err());
    assert_eq!(answers(&kernel, &asked), without);
    assert_eq!(answers(&kernel, &[one]), without);
    assert!(kernel.vmlinux().find_any("one").is_some());
    assert_eq!(answers(&kernel, &asked), without);
}

/// A type of that name in vmlinux settles the matter, even if a module's would match and it does not.
#[test]
fn modules_are_asked_only_if_vmlinux_has_no_candidate() {
    let (local, (only, both)) = btf(|b| {
        let int = int(b);
        let only = structure(b, "only", 4, &[("x", int, 0)]);
        (only, structure(b, "both", 4, &[("x", int, 0)]))
    });
    let vmlinux = btf(|b| {
        let int = int(b);
        structure(b, "both", 4, &[("y", int, 0)]);
    });
    let split = |offset| {
        let mut b = Builder::split(&vmlinux.0);
        structure(&mut b, "both", 8, &[("x", TypeId(1), offset)]);
        let only = structure(&mut b, "only", 8, &[("x", TypeId(1), offset)]);
        (b.finish(), only)
    };
    let ((first, id), (second, _)) = (split(32), split(0));
    let kernel_with = |modules| KernelBtf::new(vmlinux.0.clone()).with_modules(modules);
    let module = |name: &str, bytes: &[u8]| ModuleBtf::new(name, None, bytes.to_vec());

    let kernel = kernel_with(vec![module("one", &first)]);
    let found = resolve(&local, &kernel, Kind::FieldByteOffset, only, "0:0").unwrap();
    assert_eq!((found.new_value(), found.candidates), (Some(4), 1));
    assert_eq!(value(&local, &kernel, TypeIdTarget, only, "0"), Some(u64::from(id.0)));
    assert_eq!(value(&local, &kernel, Kind::FieldExists, both, "0:0"), Some(0));

    // All modules' candidates count, and must agree.
    let kernel = kernel_with(vec![module("one", &first), module("two", &second)]);
    let refused = resolve(&local, &kernel, Kind::FieldByteOffset, only, "0:0");
    assert!(matches!(refused, Err(Error::Ambiguous { .. })), "{refused:?}");
}

/// Ours: libbpf gives the load up (docs/differences.md).
#[test]
fn a_damaged_module_is_left_out_with_one_warning() {
    let (local, (only, elsewhere)) = btf(|b| {
        let int = int(b);
        let only = structure(b, "only", 4, &[("x", int, 0)]);
        (only, structure(b, "elsewhere", 4, &[("x", int, 0)]))
    });
    let vmlinux = btf(|b| _ = int(b)).0;
    let mut b = Builder::split(&vmlinux);
    structure(&mut b, "only", 8, &[("x", TypeId(1), 32)]);
    let good = ModuleBtf::new("good", None, b.finish());
    let kernel = KernelBtf::new(vmlinux).with_modules(vec![ModuleBtf::new("bad", None, vec![0; 30]), good]);

    let mut resolver = Resolver::new(&local, Some(&kernel));
    for (local_type, exists) in [(only, 1), (elsewhere, 0)] {
        let relocation = Relocation { local_type, access: "0:0", kind: Kind::FieldExists };
        assert_eq!(resolver.resolve(&relocation).unwrap().new_value(), Some(exists));
    }
    let [Warning::DamagedModule { module, cause }] = resolver.warnings() else { panic!("{:?}", resolver.warnings()) };
    assert_eq!((module.as_str(), cause), ("bad", &purebpf_btf::Error::NotBtf { magic: 0 }));
}

/// For typed externs: `bpf_core_types_are_compat` on two prototypes.
#[test]
fn prototypes_of_externs() {
    let make = |param: Make| -> (Btf, TypeId) {
        btf(|b| {
            let param = param(b);
            let proto = b.add_func_proto(TypeId(0)).unwrap();
            b.add_param("p", param).unwrap();
            b.add_func("kfunc", Linkage(2), proto).unwrap();
            proto
        })
    };
    let (local, l) = make(int);
    for (param, compatible) in [
        (int as Make, true),
        (|b: &mut Builder| unsigned(b, 8), true),
        (|b: &mut Builder| pointer(b, TypeId(0)), false),
        (
            |b: &mut Builder| {
                let int = int(b);
                b.add_reference(BtfKind::Const, int).unwrap()
            },
            true,
        ),
    ] {
        let (target, t) = make(param);
        assert_eq!(types_are_compat(&local, l, &target, t), Ok(compatible));
    }
    assert!(types_are_compat(&local, TypeId(99), &local, l).is_err());
}
