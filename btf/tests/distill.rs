//! Distilled bases. That types and strings of whole modules come out as libbpf's is for `cargo xtask compare btf` to see; here is what
//! goes where, as the comments of libbpf's API and the kernel's module loader want it, and what is refused.

use purebpf_btf::builder::Builder;
use purebpf_btf::distill::{distill_base, relocate};
use purebpf_btf::types::FwdKind;
use purebpf_btf::{Btf, Error, IntEncoding, Kind, TypeId, dump};

type Result<T = ()> = std::result::Result<T, Error>;

fn built(mut builder: Builder, build: impl FnOnce(&mut Builder) -> Result) -> Vec<u8> {
    build(&mut builder).unwrap();
    builder.finish()
}

fn base(build: impl FnOnce(&mut Builder) -> Result) -> Btf {
    Btf::parse(built(Builder::new(), build)).unwrap()
}

fn split(base: &Btf, build: impl FnOnce(&mut Builder) -> Result) -> Btf {
    Btf::parse_split(built(Builder::split(base), build), base).unwrap()
}

fn text(btf: &Btf) -> String {
    let mut text = String::new();
    dump::raw(btf, &mut text).unwrap();
    text
}

/// The distilled pair of a split BTF.
fn distilled(split: &Btf) -> Btf {
    let distilled = distill_base(split).unwrap();
    let base = Btf::parse(distilled.base).unwrap();
    Btf::parse_split(distilled.split, &base).unwrap()
}

/// int, struct outer { int x; }, enum e, an anonymous union of an int, const struct outer *, and what nobody uses.
fn kernel(builder: &mut Builder) -> Result {
    let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
    builder.add_struct("unused", 4)?;
    let outer = builder.add_struct("outer", 4)?;
    builder.add_member("x", int, 0)?;
    builder.add_enum("e", 4, false)?;
    builder.add_enum_value("ONE", 1)?;
    builder.add_union("", 4)?;
    builder.add_member("y", int, 0)?;
    let constant = builder.add_reference(Kind::Const, outer)?;
    builder.add_reference(Kind::Ptr, constant)?;
    Ok(())
}

fn module(builder: &mut Builder) -> Result {
    builder.add_struct("mine", 24)?;
    builder.add_member("pointer", TypeId(7), 0)?;
    builder.add_member("e", TypeId(4), 64)?;
    builder.add_member("", TypeId(5), 96)?;
    builder.add_member("outer", TypeId(3), 128)?;
    Ok(())
}

#[test]
fn named_types_go_to_the_base_others_to_the_split_btf() {
    let kernel = base(kernel);
    let module = distilled(&split(&kernel, module));
    assert_eq!(
        text(module.base().unwrap()),
        "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n\
         [2] STRUCT 'outer' size=4 vlen=0\n\
         [3] ENUM 'e' encoding=UNSIGNED size=4 vlen=0\n"
    );
    assert_eq!(
        text(&module),
        "[4] STRUCT 'mine' size=24 vlen=4\n\
         \t'pointer' type_id=7 bits_offset=0\n\
         \t'e' type_id=3 bits_offset=64\n\
         \t'(anon)' type_id=5 bits_offset=96\n\
         \t'outer' type_id=2 bits_offset=128\n\
         [5] UNION '(anon)' size=4 vlen=1\n\
         \t'y' type_id=1 bits_offset=0\n\
         [6] CONST '(anon)' type_id=2\n\
         [7] PTR '(anon)' type_id=6\n"
    );
}

/// The rebuilt kernel has other ids, an enum that became one of 64 bits, and a struct that grew where nobody holds it.
#[test]
fn relocation_finds_the_types_in_a_rebuilt_kernel() {
    let module = distilled(&split(&base(kernel), module));
    let rebuilt = base(|builder| {
        builder.add_float("double", 8)?;
        builder.add_enum64("e", 4, true)?;
        builder.add_enum_value("ONE", 1)?;
        builder.add_struct("outer", 4)?;
        builder.add_int("int", 4, IntEncoding::SIGNED)?;
        Ok(())
    });
    let module = Btf::parse_split(relocate(&module, &rebuilt).unwrap(), &rebuilt).unwrap();
    assert_eq!(
        text(&module),
        "[5] STRUCT 'mine' size=24 vlen=4\n\
         \t'pointer' type_id=8 bits_offset=0\n\
         \t'e' type_id=2 bits_offset=64\n\
         \t'(anon)' type_id=6 bits_offset=96\n\
         \t'outer' type_id=3 bits_offset=128\n\
         [6] UNION '(anon)' size=4 vlen=1\n\
         \t'y' type_id=4 bits_offset=0\n\
         [7] CONST '(anon)' type_id=3\n\
         [8] PTR '(anon)' type_id=7\n"
    );
}

#[test]
fn a_struct_that_is_held_must_have_its_size() {
    let module = distilled(&split(&base(kernel), module));
    let grown = base(|builder| {
        builder.add_int("int", 4, IntEncoding::SIGNED)?;
        builder.add_enum("e", 4, false)?;
        builder.add_struct("outer", 8)?;
        Ok(())
    });
    assert_eq!(relocate(&module, &grown).unwrap_err(), Error::NotInBase { id: TypeId(2), kind: Kind::Struct });

    let pointed_to = |builder: &mut Builder| -> Result {
        builder.add_typedef("pointer_t", TypeId(7))?;
        Ok(())
    };
    let module = distilled(&split(&base(kernel), pointed_to));
    assert!(relocate(&module, &grown).is_ok());
}

#[test]
fn two_types_of_one_name_and_size_are_ambiguous() {
    let module = distilled(&split(&base(kernel), module));
    let twice = base(|builder| {
        kernel(builder)?;
        builder.add_struct("outer", 4)?;
        Ok(())
    });
    let refused = Error::AmbiguousInBase { id: TypeId(2), first: TypeId(3), second: TypeId(8) };
    assert_eq!(relocate(&module, &twice).unwrap_err(), refused);
    // Of two sizes, the size tells.
    let other_size = base(|builder| {
        kernel(builder)?;
        builder.add_struct("outer", 40)?;
        Ok(())
    });
    assert!(relocate(&module, &other_size).is_ok());
}

/// A struct that became a mere declaration will do where it is only pointed to.
#[test]
fn a_definition_finds_its_declaration() {
    let pointed_to = |builder: &mut Builder| builder.add_typedef("pointer_t", TypeId(7)).map(drop);
    for (split_of, fits) in
        [(distilled(&split(&base(kernel), pointed_to)), true), (distilled(&split(&base(kernel), module)), false)]
    {
        let newer = base(|builder| {
            builder.add_int("int", 4, IntEncoding::SIGNED)?;
            builder.add_enum("e", 4, false)?;
            builder.add_fwd("outer", FwdKind::Struct)?;
            Ok(())
        });
        assert_eq!(relocate(&split_of, &newer).is_ok(), fits);
    }
}

/// Two lists of structs of one name, none of which is the other's: comparing each with each would take for ever.
#[test]
fn many_types_of_one_name_are_refused() {
    let many = |first: u32| {
        base(move |builder| {
            for n in 0..20_000 {
                builder.add_struct("x", first + n)?;
            }
            Ok(())
        })
    };
    let (old, new) = (many(0), many(1));
    let module = split(&old, |builder| {
        for id in 1..=20_000 {
            builder.add_typedef("t", TypeId(id))?;
        }
        Ok(())
    });
    let module = distilled(&module);
    assert!(matches!(relocate(&module, &new), Err(Error::TooManyAlike | Error::NotInBase { .. })));
}

/// A declaration may have become a definition of its kind, with bitfields or without.
#[test]
fn a_declaration_finds_its_definition() {
    for (declared, defined, fits) in [
        (FwdKind::Struct, Kind::Struct, true),
        (FwdKind::Union, Kind::Union, true),
        (FwdKind::Struct, Kind::Union, false),
        (FwdKind::Union, Kind::Struct, false),
    ] {
        let kernel = base(|builder| {
            let hidden = builder.add_fwd("hidden", declared)?;
            builder.add_reference(Kind::Ptr, hidden)?;
            Ok(())
        });
        let module = distilled(&split(&kernel, |builder| builder.add_typedef("t", TypeId(2)).map(drop)));
        for bitfield in [false, true] {
            let newer = base(|builder| {
                let int = builder.add_int("int", 4, IntEncoding::NONE)?;
                match defined {
                    Kind::Struct => builder.add_struct("hidden", 4)?,
                    _ => builder.add_union("hidden", 4)?,
                };
                match bitfield {
                    true => builder.add_bitfield("x", int, 0, 3).map(drop),
                    false => builder.add_member("x", int, 0).map(drop),
                }
            });
            assert_eq!(relocate(&module, &newer).is_ok(), fits, "{declared:?} {defined:?} {bitfield}");
        }
    }
}

#[test]
fn what_is_no_distilled_pair_is_refused() {
    let kernel = base(kernel);
    assert_eq!(distill_base(&kernel).unwrap_err(), Error::NotSplit);
    assert_eq!(relocate(&kernel, &kernel).unwrap_err(), Error::NotSplit);
    // An ordinary base has anonymous types and pointers.
    let module = split(&kernel, module);
    assert_eq!(relocate(&module, &kernel).unwrap_err(), Error::NotDistilled { id: TypeId(5), kind: Kind::Union });
    // Nothing of a variable's kind is a type.
    let kernel = base(|builder| {
        let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
        builder.add_var("v", purebpf_btf::Linkage::STATIC, int)?;
        Ok(())
    });
    let module = split(&kernel, |builder| builder.add_typedef("t", TypeId(2)).map(drop));
    assert_eq!(distill_base(&module).unwrap_err(), Error::MisplacedType { id: TypeId(2), kind: Kind::Var });
}
