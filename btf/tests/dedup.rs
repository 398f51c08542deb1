//! Deduplication: what stays, what becomes of ids and names, and whether it is what libbpf makes of it.
//!
//! The texts are those of `bpftool btf dump file F` for what `btf__dedup` of libbpf 1.8 makes of the same BTF, as
//! `btf-oracle dedup` (`cargo xtask reference`) writes it; the hashes are of its very bytes.

mod common;

use common::kernel;
use purebpf_btf::builder::Builder;
use purebpf_btf::dedup::{Deduped, dedup};
use purebpf_btf::ext::BtfExt;
use purebpf_btf::types::FwdKind;
use purebpf_btf::{Btf, Endian, Error, IntEncoding, Kind, TypeId, dump};
use sha2::{Digest, Sha256};

type Result<T = ()> = std::result::Result<T, Error>;

/// A BTF over nothing.
fn built(build: impl FnOnce(&mut Builder) -> Result) -> Btf {
    let mut builder = Builder::new();
    build(&mut builder).unwrap();
    Btf::parse(builder.finish()).unwrap()
}

fn text(btf: &Btf) -> String {
    let mut text = String::new();
    dump::raw(btf, &mut text).unwrap();
    text
}

#[track_caller]
fn assert_dedup(btf: &Btf, expected: &str) -> Deduped {
    let deduped = dedup(btf, None).unwrap();
    let result = match btf.base() {
        Some(base) => Btf::parse_split(deduped.btf.clone(), base).unwrap(),
        None => Btf::parse(deduped.btf.clone()).unwrap(),
    };
    assert_eq!(text(&result), expected);
    deduped
}

/// `struct list { struct list *next; int value; }`, with copies of all that it takes.
fn list(builder: &mut Builder) -> Result<TypeId> {
    let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
    let list = TypeId(int.0 + 2);
    let pointer = builder.add_reference(Kind::Ptr, list)?;
    builder.add_struct("list", 16)?;
    builder.add_member("next", pointer, 0)?;
    builder.add_member("value", int, 64)?;
    Ok(list)
}

#[test]
fn a_cycle_is_one_with_its_copies() {
    let btf = built(|builder| {
        for _ in 0..3 {
            list(builder)?;
        }
        Ok(())
    });
    let deduped = assert_dedup(
        &btf,
        "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n\
         [2] PTR '(anon)' type_id=3\n\
         [3] STRUCT 'list' size=16 vlen=2\n\
         \t'next' type_id=2 bits_offset=0\n\
         \t'value' type_id=1 bits_offset=64\n",
    );
    let ids: Vec<_> = (0..11).map(|id| deduped.new_id(TypeId(id)).map(|id| id.0)).collect();
    assert_eq!(ids, [0, 1, 2, 3, 1, 2, 3, 1, 2, 3].map(Some).into_iter().chain([None]).collect::<Vec<_>>());
}

/// Two structs of one name and shape whose members' types differ far off are two.
#[test]
fn what_differs_behind_a_pointer_stays() {
    let btf = built(|builder| {
        for (name, size) in [("long", 8), ("int", 4), ("long", 8)] {
            let number = builder.add_int(name, size, IntEncoding::SIGNED)?;
            let constant = builder.add_reference(Kind::Const, number)?;
            let pointer = builder.add_reference(Kind::Ptr, constant)?;
            builder.add_struct("holder", 8)?;
            builder.add_member("held", pointer, 0)?;
        }
        Ok(())
    });
    assert_dedup(
        &btf,
        "[1] INT 'long' size=8 bits_offset=0 nr_bits=64 encoding=SIGNED\n\
         [2] CONST '(anon)' type_id=1\n\
         [3] PTR '(anon)' type_id=2\n\
         [4] STRUCT 'holder' size=8 vlen=1\n\
         \t'held' type_id=3 bits_offset=0\n\
         [5] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n\
         [6] CONST '(anon)' type_id=5\n\
         [7] PTR '(anon)' type_id=6\n\
         [8] STRUCT 'holder' size=8 vlen=1\n\
         \t'held' type_id=7 bits_offset=0\n",
    );
}

/// One unit declares `struct inner`, another defines it.
#[test]
fn a_declaration_gives_way_to_the_definition() {
    let btf = built(|builder| {
        let inner = builder.add_fwd("inner", FwdKind::Struct)?;
        let pointer = builder.add_reference(Kind::Ptr, inner)?;
        builder.add_struct("outer", 8)?;
        builder.add_member("inner", pointer, 0)?;
        let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
        let inner = builder.add_struct("inner", 4)?;
        builder.add_member("value", int, 0)?;
        let pointer = builder.add_reference(Kind::Ptr, inner)?;
        builder.add_struct("outer", 8)?;
        builder.add_member("inner", pointer, 0)?;
        Ok(())
    });
    assert_dedup(
        &btf,
        "[1] PTR '(anon)' type_id=4\n\
         [2] STRUCT 'outer' size=8 vlen=1\n\
         \t'inner' type_id=1 bits_offset=0\n\
         [3] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n\
         [4] STRUCT 'inner' size=4 vlen=1\n\
         \t'value' type_id=3 bits_offset=0\n",
    );
}

/// A declaration that nothing leads to from a struct takes the only definition of its name, and none of two.
#[test]
fn a_declaration_by_itself_takes_the_only_definition() {
    let btf = built(|builder| {
        for (name, kind) in [("once", FwdKind::Struct), ("twice", FwdKind::Union), ("other", FwdKind::Struct)] {
            let declared = builder.add_fwd(name, kind)?;
            builder.add_reference(Kind::Ptr, declared)?;
        }
        builder.add_struct("once", 1)?;
        builder.add_union("twice", 1)?;
        builder.add_union("twice", 2)?;
        builder.add_union("other", 1)?;
        Ok(())
    });
    assert_dedup(
        &btf,
        "[1] PTR '(anon)' type_id=6\n\
         [2] FWD 'twice' fwd_kind=union\n\
         [3] PTR '(anon)' type_id=2\n\
         [4] FWD 'other' fwd_kind=struct\n\
         [5] PTR '(anon)' type_id=4\n\
         [6] STRUCT 'once' size=1 vlen=0\n\
         [7] UNION 'twice' size=1 vlen=0\n\
         [8] UNION 'twice' size=2 vlen=0\n\
         [9] UNION 'other' size=1 vlen=0\n",
    );
}

/// An enum without enumerators stands for one with, be that of 32 or of 64 bits, before it or after.
#[test]
fn an_enum_that_is_declared_is_the_one_that_is_defined() {
    let btf = built(|builder| {
        let before = builder.add_enum("e", 4, false)?;
        builder.add_reference(Kind::Const, before)?;
        builder.add_enum64("e", 8, false)?;
        builder.add_enum_value("BIG", 1 << 40)?;
        let after = builder.add_enum("e", 4, false)?;
        builder.add_reference(Kind::Volatile, after)?;
        for _ in 0..2 {
            builder.add_enum("", 4, false)?;
            builder.add_enum_value("A", 0)?;
            builder.add_enum("", 4, false)?;
            builder.add_enum_value("B", 0)?;
        }
        Ok(())
    });
    assert_dedup(
        &btf,
        "[1] CONST '(anon)' type_id=2\n\
         [2] ENUM64 'e' encoding=UNSIGNED size=8 vlen=1\n\
         \t'BIG' val=1099511627776ULL\n\
         [3] VOLATILE '(anon)' type_id=2\n\
         [4] ENUM '(anon)' encoding=UNSIGNED size=4 vlen=1\n\
         \t'A' val=0\n\
         [5] ENUM '(anon)' encoding=UNSIGNED size=4 vlen=1\n\
         \t'B' val=0\n",
    );
}

/// Every kind that refers, twice.
#[test]
fn references_follow_what_they_refer_to() {
    let btf = built(|builder| {
        for _ in 0..2 {
            let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
            let tagged = builder.add_type_tag("user", int)?;
            let pointer = builder.add_reference(Kind::Ptr, tagged)?;
            let restricted = builder.add_reference(Kind::Restrict, pointer)?;
            let array = builder.add_array(restricted, int, 3)?;
            let proto = builder.add_func_proto(int)?;
            builder.add_param("a", array)?;
            let func = builder.add_func("f", purebpf_btf::Linkage::GLOBAL, proto)?;
            builder.add_decl_tag("kfunc", func, None)?;
            builder.add_decl_tag("arg", func, Some(0))?;
            let var = builder.add_var("v", purebpf_btf::Linkage::STATIC, restricted)?;
            builder.add_datasec(".data", 8)?;
            builder.add_datasec_var(var, 0, 8)?;
            builder.add_float("double", 8)?;
            builder.add_typedef("t", pointer)?;
        }
        Ok(())
    });
    assert_dedup(
        &btf,
        "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n\
         [2] TYPE_TAG 'user' type_id=1\n\
         [3] PTR '(anon)' type_id=2\n\
         [4] RESTRICT '(anon)' type_id=3\n\
         [5] ARRAY '(anon)' type_id=4 index_type_id=1 nr_elems=3\n\
         [6] FUNC_PROTO '(anon)' ret_type_id=1 vlen=1\n\
         \t'a' type_id=5\n\
         [7] FUNC 'f' type_id=6 linkage=global\n\
         [8] DECL_TAG 'kfunc' type_id=7 component_idx=-1\n\
         [9] DECL_TAG 'arg' type_id=7 component_idx=0\n\
         [10] VAR 'v' type_id=4, linkage=static\n\
         [11] DATASEC '.data' size=8 vlen=1\n\
         \ttype_id=10 offset=0 size=8 (VAR 'v')\n\
         [12] FLOAT 'double' size=8\n\
         [13] TYPEDEF 't' type_id=3\n\
         [14] VAR 'v' type_id=4, linkage=static\n\
         [15] DATASEC '.data' size=8 vlen=1\n\
         \ttype_id=14 offset=0 size=8 (VAR 'v')\n",
    );
}

/// A module loses what its kernel has; a declaration in the kernel keeps its id, and the module's own users of it see the
/// module's definition.
#[test]
fn split_btf_loses_what_its_base_has() {
    let base = built(|builder| {
        list(builder)?;
        let declared = builder.add_fwd("secret", FwdKind::Struct)?;
        let pointer = builder.add_reference(Kind::Ptr, declared)?;
        builder.add_struct("user", 8)?;
        builder.add_member("secret", pointer, 0)?;
        Ok(())
    });
    let mut builder = Builder::split(&base);
    list(&mut builder).unwrap();
    let split = |builder: &mut Builder| -> Result {
        let secret = builder.add_struct("secret", 1)?;
        let pointer = builder.add_reference(Kind::Ptr, secret)?;
        builder.add_struct("user", 8)?;
        builder.add_member("secret", pointer, 0)?;
        builder.add_typedef("list_t", TypeId(3))?;
        Ok(())
    };
    split(&mut builder).unwrap();
    let btf = Btf::parse_split(builder.finish(), &base).unwrap();
    assert_dedup(
        &btf,
        "[7] STRUCT 'secret' size=1 vlen=0\n\
         [8] PTR '(anon)' type_id=7\n\
         [9] STRUCT 'user' size=8 vlen=1\n\
         \t'secret' type_id=8 bits_offset=0\n\
         [10] TYPEDEF 'list_t' type_id=3\n",
    );
}

/// Two equal enums in a base, which was not deduplicated: of them, libbpf takes the one that its hash table gives first.
#[test]
fn of_two_equal_types_in_a_base_libbpfs_choice_is_made() {
    let enumeration = |builder: &mut Builder| -> Result<TypeId> {
        let id = builder.add_enum("", 4, false)?;
        builder.add_enum_value("A", 0)?;
        Ok(id)
    };
    let base = built(|builder| {
        enumeration(builder)?;
        enumeration(builder)?;
        for name in ["a", "b", "c"] {
            builder.add_int(name, 4, IntEncoding::SIGNED)?;
        }
        Ok(())
    });
    let mut builder = Builder::split(&base);
    let copy = enumeration(&mut builder).unwrap();
    builder.add_reference(Kind::Ptr, copy).unwrap();
    let btf = Btf::parse_split(builder.finish(), &base).unwrap();
    assert_dedup(&btf, "[6] PTR '(anon)' type_id=1\n");
}

fn ext_of(endian: Endian, type_id: TypeId, section: u32, access: u32) -> BtfExt {
    let mut words = vec![0u32; 0];
    // hdr_len, then offset and length of the three tables.
    words.extend([32, 0, 20, 20, 28, 48, 28]);
    words.extend([8, section, 1, 0, type_id.0]);
    words.extend([16, section, 1, 0, access, section, 1 << 10]);
    words.extend([16, section, 1, 0, type_id.0, access, 0]);
    let mut bytes = match endian {
        Endian::Little => vec![0x9f, 0xeb, 1, 0],
        Endian::Big => vec![0xeb, 0x9f, 1, 0],
    };
    bytes.extend(words.into_iter().flat_map(|word| endian.bytes(word)));
    BtfExt::parse(bytes).unwrap()
}

/// `.BTF.ext` names types and strings, too; a string that only it names is kept.
#[test]
fn btf_ext_follows() {
    for endian in [Endian::Little, Endian::Big] {
        let mut builder = Builder::new();
        builder.set_endian(endian);
        let unused = builder.add_string("unused").unwrap();
        let (section, access) = (builder.add_string("kprobe").unwrap(), builder.add_string("0:1").unwrap());
        list(&mut builder).unwrap();
        let copy = list(&mut builder).unwrap();
        let btf = Btf::parse(builder.finish()).unwrap();
        assert_eq!(btf.string(unused), Ok(&b"unused"[..]));

        let deduped = dedup(&btf, Some(&ext_of(endian, copy, section.0, access.0))).unwrap();
        let result = Btf::parse(deduped.btf).unwrap();
        let ext = BtfExt::parse(deduped.ext.unwrap()).unwrap();
        let name = |offset| result.string(offset).unwrap();
        let functions = ext.func_info().next().unwrap();
        assert_eq!((name(functions.name), functions.records().next().unwrap().type_id), (&b"kprobe"[..], TypeId(3)));
        let line = ext.line_info().next().unwrap().records().next().unwrap();
        assert_eq!((name(line.file_name), name(line.line)), (&b"0:1"[..], &b"kprobe"[..]));
        let relocation = ext.core_relocations().next().unwrap().records().next().unwrap();
        assert_eq!((name(relocation.access), relocation.type_id), (&b"0:1"[..], TypeId(3)));
        assert!(!result.raw_data().windows(6).any(|bytes| bytes == b"unused"));
    }
}

#[test]
fn a_pointer_to_itself_is_refused() {
    let btf = built(|builder| {
        builder.add_reference(Kind::Const, TypeId(2))?;
        builder.add_reference(Kind::Volatile, TypeId(1))?;
        Ok(())
    });
    assert_eq!(dedup(&btf, None).unwrap_err(), Error::TypeCycle { id: TypeId(1) });
}

#[test]
fn a_variable_within_a_struct_is_refused() {
    let btf = built(|builder| {
        for _ in 0..2 {
            let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
            let var = builder.add_var("v", purebpf_btf::Linkage::STATIC, int)?;
            builder.add_struct("s", 4)?;
            builder.add_member("m", var, 0)?;
        }
        Ok(())
    });
    assert_eq!(dedup(&btf, None).unwrap_err(), Error::MisplacedType { id: TypeId(5), kind: Kind::Var });
}

/// Many structs that look alike, each of which differs from all others at the end of a long chain.
#[test]
fn what_would_take_for_ever_is_refused() {
    let btf = built(|builder| {
        for n in 0..2_000u32 {
            let mut target = builder.add_int(format!("int{n}"), 4, IntEncoding::SIGNED)?;
            for _ in 0..12 {
                target = builder.add_reference(Kind::Ptr, target)?;
            }
            builder.add_struct("s", 8)?;
            builder.add_member("m", target, 0)?;
        }
        Ok(())
    });
    assert_eq!(dedup(&btf, None).unwrap_err(), Error::DedupTooLarge);
}

/// Suffixes of one long string, each a name: copied whole, they would come to gigabytes.
#[test]
fn names_within_one_another_are_bounded() {
    let mut builder = Builder::new();
    let long = builder.add_string("n".repeat(1 << 16)).unwrap();
    for _ in 0..1 << 16 {
        builder.add_fwd("x", FwdKind::Struct).unwrap();
    }
    for n in 0..1 << 16 {
        builder.record_mut(TypeId(1 + n)).unwrap().set_word(0, long.0 + n);
    }
    let btf = Btf::parse(builder.finish()).unwrap();
    assert_eq!(dedup(&btf, None).unwrap_err(), Error::DedupTooLarge);
    assert_eq!(Builder::new().append(&btf).unwrap_err(), Error::TooManyStrings);
}

/// Two kernels in one, and the first once more: types that are equal, that nearly match, and declarations.
#[test]
fn kernels_poured_into_one_come_to_what_libbpf_makes_of_them() {
    let names = ["vmlinux-6.18.44.btf.zst", "vmlinux-6.12.107-amd64.btf.zst"];
    let [Some(newer), Some(older)] = names.map(kernel) else { return };
    let mut builder = Builder::new();
    for btf in [&newer, &older, &newer] {
        builder.append(btf).unwrap();
    }
    let poured = builder.finish();
    let hash = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hash(&poured), "f953cc8a28bab53f1e63860a4bc0073c03c209aece48a513a891013d3c3ba944");
    let deduped = dedup(&Btf::parse(poured).unwrap(), None).unwrap();
    assert_eq!(hash(&deduped.btf), "04690fbed67c6082ee083518760ff2210ab21289dde3c95fed81a127261c813c");
}
