//! Paths and tags, against what C and clang say of the same types.

use purebpf_btf::builder::Builder;
use purebpf_btf::{Btf, Error, IntEncoding, Kind, Linkage, TypeId};

/// As of:
///
/// ```c
/// struct inner { int a; union { long b; struct { char c[6]; char d; }; }; unsigned e : 3, f : 5; };
/// struct outer { struct inner in[2]; struct outer *next; struct inner *const in_p; char tail[]; };
/// typedef struct outer outer_t;
/// ```
///
/// with the offsets of GCC for x86-64.
fn nested() -> Btf {
    let mut builder = Builder::new();
    let mut build = || -> Result<(), Error> {
        let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
        let long = builder.add_int("long", 8, IntEncoding::SIGNED)?;
        let char = builder.add_int("char", 1, IntEncoding::SIGNED)?;
        let chars = builder.add_array(char, int, 6)?;
        let tail = builder.add_array(char, int, 0)?;
        let anonymous = builder.add_struct("", 7)?;
        builder.add_member("c", chars, 0)?;
        builder.add_member("d", char, 48)?;
        let either = builder.add_union("", 8)?;
        builder.add_member("b", long, 0)?;
        builder.add_member("", anonymous, 0)?;
        let inner = builder.add_struct("inner", 24)?;
        builder.add_member("a", int, 0)?;
        builder.add_member("", either, 64)?;
        builder.add_bitfield("e", int, 128, 3)?;
        builder.add_bitfield("f", int, 131, 5)?;
        let two = builder.add_array(inner, int, 2)?;
        let next = builder.add_reference(Kind::Ptr, TypeId(two.0 + 4))?;
        let pointer = builder.add_reference(Kind::Ptr, inner)?;
        let constant = builder.add_reference(Kind::Const, pointer)?;
        let outer = builder.add_struct("outer", 64)?;
        builder.add_member("in", two, 0)?;
        builder.add_member("next", next, 384)?;
        builder.add_member("in_p", constant, 448)?;
        builder.add_member("tail", tail, 512)?;
        builder.add_typedef("outer_t", outer)?;
        builder.add_fwd("hidden", purebpf_btf::types::FwdKind::Struct)?;
        Ok(())
    };
    build().unwrap();
    Btf::parse(builder.finish()).unwrap()
}

#[test]
fn paths_lead_where_offsetof_does() {
    let btf = nested();
    for (path, offset) in [
        ("outer", 0),
        ("outer.in", 0),
        ("outer.next", 48),
        ("struct outer.in_p", 56),
        ("outer_t.in[1].a", 24),
        ("outer.in[1].b", 32),
        ("outer.in[1].d", 38),
        ("outer.in[1].c[5]", 37),
        ("outer.tail[100]", 164),
    ] {
        let place = btf.place(path).unwrap();
        assert_eq!((place.byte_offset(), place.bitfield_size, &place.pointers[..]), (offset, None, &[][..]), "{path}");
    }
}

#[test]
fn bitfields_have_bits() {
    let place = nested().place("outer.in[1].f").unwrap();
    assert_eq!((place.bit_offset, place.bitfield_size), (192 + 131, Some(5)));
}

#[test]
fn pointers_are_told_one_after_another() {
    let btf = nested();
    let place = btf.place("outer.next->in_p.d").unwrap();
    assert_eq!(place.byte_offset(), 14);
    let at: Vec<u64> = place.pointers.iter().map(|(bits, _)| bits / 8).collect();
    assert_eq!(at, [48, 56]);
    let targets = place.pointers.iter().map(|&(_, id)| btf.type_by_id(id).unwrap().name().unwrap());
    assert_eq!(targets.collect::<Vec<_>>(), ["outer", "inner"]);
}

#[test]
fn what_leads_nowhere_is_named() {
    let btf = nested();
    for (path, at, why) in [
        ("nothing.a", 0, "no struct, union or typedef"),
        ("union outer.in", 0, "no struct, union or typedef"),
        ("outer.next.nothing", 10, "no such member"),
        ("outer.in.a", 8, "what has no members"),
        ("outer.in[2].a", 8, "an index past the end of the array"),
        ("outer.in[x].a", 8, "an index that is no number"),
        ("outer.in[1", 8, "a bracket that is not closed"),
        ("outer.next[0]", 10, "what is indexed is no array"),
        ("outer.in[0].e.x", 13, "a bitfield has no members"),
        ("outer.", 5, "no name of a member"),
        ("outer.tail[18446744073709551615]", 10, "an index that overflows"),
    ] {
        assert_eq!(btf.place(path), Err(Error::BadPath { at, why }), "{path}");
    }
}

#[test]
fn strings_are_found_whole() {
    let mut builder = Builder::new();
    let long = builder.add_int("long int", 8, IntEncoding::SIGNED).unwrap();
    builder.add_typedef("int", long).unwrap();
    builder.add_typedef("integer", long).unwrap();
    let base = Btf::parse(builder.finish()).unwrap();
    let mut builder = Builder::split(&base);
    let own = builder.add_string("own").unwrap();
    assert_eq!(builder.add_string("int"), Ok(base.find_string("int").unwrap()));
    let btf = Btf::parse_split(builder.finish(), &base).unwrap();
    let found = btf.find_string("int").unwrap();
    assert_eq!(btf.string(found), Ok(&b"int"[..]));
    assert_eq!(base.type_by_id(TypeId(2)).unwrap().name_offset(), found);
    assert_eq!((btf.find_string("own"), base.find_string("own")), (Some(own), None));
    assert_eq!(btf.find_string("integ"), None);
    assert_eq!(btf.find_string("").map(|offset| offset.0), Some(0));
}

#[test]
fn pointers_are_as_large_as_one_says() {
    let btf = nested();
    let narrow = btf.with_pointer_size(4).unwrap();
    let pointer = btf.place("outer.next").unwrap().type_id;
    assert_eq!((btf.size_of(pointer), narrow.size_of(pointer)), (Ok(8), Ok(4)));
    assert_eq!(narrow.pointer_size(), Some(4));
    assert!(btf.with_pointer_size(2).is_err());
}

/// A struct that is its own anonymous member, which no compiler makes.
#[test]
fn anonymous_structs_without_end_are_refused() {
    let mut builder = Builder::new();
    builder.add_struct("s", 8).unwrap();
    builder.add_member("", TypeId(2), 0).unwrap();
    builder.add_struct("", 8).unwrap();
    builder.add_member("", TypeId(2), 0).unwrap();
    let btf = Btf::parse(builder.finish()).unwrap();
    let why = "anonymous structs that nest without end";
    assert_eq!(btf.place("s.x"), Err(Error::BadPath { at: 1, why }));
}

#[test]
fn tags_are_found_from_what_they_are_on() {
    let mut builder = Builder::new();
    let int = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    let user = builder.add_type_tag("user", int).unwrap();
    let constant = builder.add_reference(Kind::Const, user).unwrap();
    let rcu = builder.add_type_tag("rcu", constant).unwrap();
    let pointer = builder.add_reference(Kind::Ptr, rcu).unwrap();
    let proto = builder.add_func_proto(TypeId::VOID).unwrap();
    builder.add_param("a", pointer).unwrap();
    let func = builder.add_func("f", Linkage::GLOBAL, proto).unwrap();
    for (tag, component) in [("kfunc", None), ("arg:nonnull", Some(0)), ("fastcall", None)] {
        builder.add_decl_tag(tag, func, component).unwrap();
    }
    let base = Btf::parse(builder.finish()).unwrap();
    let mut builder = Builder::split(&base);
    builder.add_decl_tag("of_module", func, None).unwrap();
    let btf = Btf::parse_split(builder.finish(), &base).unwrap();

    let names = |component| btf.decl_tags(func, component).filter_map(|tag| tag.name()).collect::<Vec<_>>();
    assert_eq!(names(None), ["of_module", "kfunc", "fastcall"]);
    assert_eq!(names(Some(0)), ["arg:nonnull"]);
    assert_eq!(names(Some(1)), [""; 0]);
    assert_eq!(base.decl_tags(int, None).count(), 0);
    let tags: Vec<_> = btf.type_tags(rcu).filter_map(|tag| tag.name()).collect();
    assert_eq!(tags, ["rcu", "user"]);
    assert_eq!(btf.type_tags(pointer).count(), 0);
}

/// BTF of ELF files, and its `.BTF.ext` written again.
#[cfg(feature = "elf")]
mod elf {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use purebpf_btf::Endian;
    use purebpf_btf::ext::{BtfExt, ExtBuilder};

    fn objects() -> Vec<(String, Vec<u8>)> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/programs");
        let Ok(files) = fs::read_dir(&folder) else {
            println!("skipped: no objects (the crate is not in its workspace)");
            return Vec::new();
        };
        let paths = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "o"));
        paths.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
    }

    #[test]
    fn objects_have_types_and_what_their_code_says_of_them() {
        let mut relocations = 0;
        for (name, bytes) in objects() {
            let elf = match Btf::parse_elf(bytes, None) {
                Ok(elf) => elf,
                Err(Error::NoBtfSection) => continue,
                Err(error) => panic!("{name}: {error}"),
            };
            let Some(ext) = elf.ext else { continue };
            for info in ext.func_info().flat_map(|section| section.records()) {
                assert_eq!(elf.btf.type_by_id(info.type_id).unwrap().kind(), Kind::Func, "{name}");
            }
            relocations += ext.core_relocations().map(|section| section.records().len()).sum::<usize>();
        }
        assert!(relocations > 0);
    }

    /// clang writes the header that libbpf's linker does, tables in the same order, and nothing between them: what is written again is
    /// the same, byte for byte.
    #[test]
    fn btf_ext_goes_around() {
        for (name, bytes) in objects() {
            let Ok(elf) = Btf::parse_elf(bytes, None) else { continue };
            let Some(ext) = elf.ext else { continue };
            assert_eq!(ExtBuilder::copy_of(&ext).finish().unwrap(), ext.raw_data(), "{name}");
            let other = if ext.endian() == Endian::Little { Endian::Big } else { Endian::Little };
            let swapped = BtfExt::parse(ext.to_endian(other)).unwrap();
            assert_eq!(swapped.endian(), other);
            assert_eq!(swapped.to_endian(ext.endian()), ext.raw_data(), "{name}");
            let lines = |ext: &BtfExt| ext.line_info().flat_map(|section| section.records()).collect::<Vec<_>>();
            assert_eq!(lines(&swapped), lines(&ext), "{name}");
        }
    }

    #[test]
    fn what_is_no_elf_file_or_has_no_btf_is_refused() {
        assert_eq!(Btf::parse_elf(vec![0; 100], None).unwrap_err(), Error::NotElf);
        let program = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(Btf::parse_elf(program, None).unwrap_err(), Error::NoBtfSection);
    }

    /// Two tables that are one: each word is turned once.
    #[test]
    fn tables_that_overlap_are_turned_once() {
        let words = [24u32, 0, 28, 0, 28, 16, 1, 1, 5, 6, 7, 8];
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        let ext = BtfExt::parse(bytes.clone()).unwrap();
        assert_eq!(ext.line_info().count(), 1);
        let swapped = BtfExt::parse(ext.to_endian(Endian::Big)).unwrap();
        assert_eq!(swapped.to_endian(Endian::Little), bytes);
    }
}

/// Many names at once find what each finds alone in the index: names, flavours of theirs, what only looks like one, names that end
/// others, one letter, none, and more names than a pass has bits for. Until the index is made, and then from it.
#[test]
fn shapes_are_found_with_and_without_an_index() {
    let mut builder = Builder::new();
    let int = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    for name in ["a", "a___b", "a_", "a____b", "ab", "b", "___a", "a___", "a___b___c", "x_a", "task", "task___old", ""]
    {
        builder.add_struct(name, 4).unwrap();
        builder.add_typedef(format!("{name}_t"), int).unwrap();
    }
    let prototype = builder.add_func_proto(int).unwrap();
    builder.add_func("a", Linkage::GLOBAL, prototype).unwrap();
    builder.add_var("task", Linkage::GLOBAL, int).unwrap();
    for n in 0..100 {
        builder.add_struct(format!("many_{n}"), 4).unwrap();
    }
    let bytes = builder.finish();
    let indexed = Btf::parse(bytes.clone()).unwrap();
    let mut names: Vec<String> =
        ["a", "a___b", "a_", "a____b", "b", "", "a\0b", "missing", "task", "int"].map(Into::into).into();
    names.extend((0..100).map(|n| format!("many_{n}")));
    let names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
    let of_index = |name: &&[u8]| -> Vec<TypeId> {
        let ids = indexed.ids_with_essential_name(name);
        ids.filter(|&id| indexed.type_by_id(id).unwrap().kind().has_shape()).collect()
    };
    let expected: Vec<Vec<TypeId>> = names.iter().map(of_index).collect();
    assert_eq!(expected[0], [TypeId(2), TypeId(4), TypeId(5)]);
    assert!(expected[5].is_empty() && expected[6].is_empty() && expected[109].len() == 1);
    let fresh = Btf::parse(bytes).unwrap();
    for _ in 0..70 {
        assert_eq!(fresh.shapes_with_essential_names(&names), expected);
    }
    assert_eq!(indexed.shapes_with_essential_names(&names), expected);

    // Names that begin within others, as linkers of strings make them, and those of a split BTF's own.
    let mut builder = Builder::new();
    builder.add_struct("my_task", 4).unwrap();
    builder.add_struct("x", 4).unwrap();
    let mut bytes = builder.finish();
    let base = Btf::parse(bytes.clone()).unwrap();
    let types = base.header().types.start;
    bytes[types + 12] = bytes[types] + 3;
    let shared = Btf::parse(bytes).unwrap();
    assert_eq!(shared.shapes_with_essential_names(&[b"task", b"my_task"]), [vec![TypeId(2)], vec![TypeId(1)]]);
    let mut split = Builder::split(&base);
    split.add_struct("my_task___new", 8).unwrap();
    let split = Btf::parse_split(split.finish(), &base).unwrap();
    assert_eq!(split.shapes_with_essential_names(&[b"my_task", b"x"]), [vec![TypeId(3)], vec![]]);
}
