//! Parsing: what is accepted, what is refused and how, and what the views say.

use purebpf_btf::builder::Builder;
use purebpf_btf::raw::{Endian, HEADER_LEN, Info};
use purebpf_btf::types::FwdKind;
use purebpf_btf::{
    Btf, Error, IntEncoding, KernelBtf, Kind, Linkage, ModuleBtf, StrOffset, TypeData, TypeId, essential_name,
};

/// Lays out a BTF by hand, so that it can be wrong: types as words, strings as they stand.
fn by_hand(words: &[u32], strings: &[u8]) -> Vec<u8> {
    let types: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    for word in [HEADER_LEN, 0, types.len(), types.len(), strings.len()] {
        bytes.extend_from_slice(&(word as u32).to_le_bytes());
    }
    bytes.extend_from_slice(&types);
    bytes.extend_from_slice(strings);
    bytes
}

fn info(kind: Kind, vlen: u32) -> u32 {
    Info::new(kind.number(), vlen, false).0
}

/// The same BTF in the other byte order: all but the header's first four bytes and the strings are
/// 32-bit words.
fn swapped(bytes: &[u8]) -> Vec<u8> {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let strings = HEADER_LEN + word(16) as usize;
    let mut swapped = bytes.to_vec();
    swapped[..2].reverse();
    for at in (4..strings).step_by(4) {
        swapped[at..at + 4].reverse();
    }
    swapped
}

/// `struct node { struct node *next; unsigned flag : 3; const char name[16]; enum colour colour; };`
fn node() -> Builder {
    let mut btf = Builder::new();
    let int = btf.add_int("unsigned int", 4, IntEncoding::NONE).unwrap();
    let char = btf.add_int("char", 1, IntEncoding::CHAR).unwrap();
    let constant = btf.add_reference(Kind::Const, char).unwrap();
    let array = btf.add_array(constant, int, 16).unwrap();
    let colour = btf.add_enum("colour", 4, true).unwrap();
    btf.add_enum_value("RED", -1).unwrap().add_enum_value("GREEN", 7).unwrap();
    let pointer = TypeId(btf.type_count());
    assert_eq!(btf.add_reference(Kind::Ptr, TypeId(pointer.0 + 1)).unwrap(), pointer);
    btf.add_struct("node", 32).unwrap();
    btf.add_member("next", pointer, 0).unwrap();
    btf.add_bitfield("flag", int, 64, 3).unwrap();
    btf.add_member("name", array, 96).unwrap();
    btf.add_member("colour", colour, 224).unwrap();
    btf
}

#[test]
fn both_byte_orders_say_the_same() {
    let little = node().finish();
    for bytes in [little.clone(), swapped(&little)] {
        let btf = Btf::parse(bytes).unwrap();
        let id = btf.find("node", Kind::Struct).unwrap();
        let node = btf.type_by_id(id).unwrap();
        let members: Vec<_> = node
            .members()
            .unwrap()
            .map(|m| (m.name().unwrap(), m.bit_offset, m.bitfield_size, btf.size_of(m.type_id).unwrap()))
            .collect();
        assert_eq!(
            members,
            [("next", 0, None, 8), ("flag", 64, Some(3), 4), ("name", 96, None, 16), ("colour", 224, None, 4)]
        );
        let colour = btf.type_by_id(btf.find("colour", Kind::Enum).unwrap()).unwrap().as_enum().unwrap();
        let values: Vec<_> = colour.values().map(|v| (v.name().unwrap(), v.value as i64)).collect();
        assert_eq!(values, [("RED", -1), ("GREEN", 7)]);
        assert_eq!(btf.align_of(id), Ok(8));
    }
    assert_eq!(Btf::parse(swapped(&little)).unwrap().endian(), Endian::Big);
}

#[test]
fn what_the_builder_makes_round_trips_byte_for_byte() {
    let bytes = node().finish();
    let btf = Btf::parse(bytes.clone()).unwrap();
    assert_eq!(Builder::copy_of(&btf).finish(), bytes);
}

#[test]
fn an_empty_btf_is_a_btf() {
    let bare = Btf::parse(by_hand(&[], b"")).unwrap();
    assert_eq!(bare.type_count(), 1);
    assert_eq!(bare.type_by_id(TypeId::VOID).unwrap().kind(), Kind::Void);
    assert_eq!(bare.string(StrOffset::EMPTY), Ok(&b""[..]));
    assert_eq!(bare.find_any("int"), None);
}

/// libbpf looks at the version of `.BTF.ext` only.
#[test]
fn the_version_is_told_and_not_judged() {
    let mut bytes = node().finish();
    bytes[2] = 2;
    let btf = Btf::parse(bytes).unwrap();
    assert_eq!(btf.header().version, 2);
    assert!(btf.validate_for_kernel(purebpf_btf::validate::KernelRules::linux(7, 2)).is_err());
}

#[test]
fn headers_that_are_refused() {
    assert_eq!(Btf::parse(vec![]).unwrap_err(), Error::HeaderTruncated { len: 0 });
    assert_eq!(Btf::parse(vec![0; 24]).unwrap_err(), Error::NotBtf { magic: 0 });

    let good = node().finish();
    let with = |at: usize, word: u32| {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        Btf::parse(bytes).unwrap_err()
    };
    assert_eq!(with(4, 20), Error::BadHeaderLength { hdr_len: 20, len: good.len() });
    assert_eq!(with(4, u32::MAX), Error::BadHeaderLength { hdr_len: u32::MAX, len: good.len() });
    assert_eq!(with(8, 2), Error::MisalignedTypes { type_off: 2 });
    for at in [8, 12, 16, 20] {
        let error = with(at, 0xffff_fffc);
        assert!(
            matches!(
                error,
                Error::SectionOutOfRange { off: 0xffff_fffc, .. } | Error::SectionOutOfRange { len: 0xffff_fffc, .. }
            ),
            "{error}"
        );
    }
    assert!(matches!(with(16, 0), Error::OverlappingSections { .. } | Error::BadStringSection));
}

#[test]
fn types_that_are_refused() {
    let parse = |words: &[u32], strings: &'static [u8]| Btf::parse(by_hand(words, strings)).unwrap_err();
    let id = TypeId(1);
    assert_eq!(parse(&[0, 0], b"\0"), Error::TypeTruncated { id, offset: 0 });
    // A struct that promises more members than there are bytes.
    assert_eq!(parse(&[0, info(Kind::Struct, 0xff_ffff), 0], b"\0"), Error::TypeTruncated { id, offset: 0 });
    assert_eq!(parse(&[0, 21 << 24, 0], b"\0"), Error::UnknownKind { id, kind: 21 });
    assert_eq!(parse(&[0, info(Kind::Ptr, 0), 2], b"\0"), Error::DanglingTypeId { id, target: TypeId(2), count: 2 });
    assert_eq!(parse(&[1, info(Kind::Fwd, 0), 0], b"\0"), Error::DanglingString { id, offset: StrOffset(1), len: 1 });
    assert_eq!(parse(&[], b"no nul"), Error::BadStringSection);
}

#[test]
fn cycles_end() {
    // typedef a -> typedef b -> typedef a, and an array of itself.
    let btf = Btf::parse(by_hand(
        &[1, info(Kind::Typedef, 0), 2, 1, info(Kind::Typedef, 0), 1, 0, info(Kind::Array, 0), 0, 3, 3, 2],
        b"\0a\0",
    ))
    .unwrap();
    for id in [1, 2] {
        assert!(matches!(btf.resolve(TypeId(id)), Err(Error::TooDeep { .. })));
        assert!(matches!(btf.size_of(TypeId(id)), Err(Error::TooDeep { .. })));
        assert!(matches!(btf.align_of(TypeId(id)), Err(Error::TooDeep { .. })));
    }
    assert!(matches!(btf.size_of(TypeId(3)), Err(Error::TooDeep { .. } | Error::SizeOverflow { .. })));
    assert!(matches!(btf.align_of(TypeId(3)), Err(Error::TooDeep { .. })));
}

#[test]
fn sizes_do_not_overflow() {
    let mut builder = Builder::new();
    let int = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    let inner = builder.add_array(int, int, 0x4000_0000).unwrap();
    let outer = builder.add_array(inner, int, 16).unwrap();
    let btf = Btf::parse(builder.finish()).unwrap();
    for id in [inner, outer] {
        assert_eq!(btf.size_of(id), Err(Error::SizeOverflow { id }));
    }
}

/// Structs that nest in each other 31 deep, each twice in the next: 2^31 ints.
#[test]
fn nesting_that_multiplies_does_not_hang() {
    let mut builder = Builder::new();
    let mut inner = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    for depth in 0..31 {
        let outer = builder.add_struct(format!("s{depth}"), 0).unwrap();
        builder.add_member("a", inner, 0).unwrap();
        builder.add_member("b", inner, 0).unwrap();
        inner = outer;
    }
    let btf = Btf::parse(builder.finish()).unwrap();
    assert!(btf.align_of(inner).is_err());
}

#[test]
fn split_btf_goes_on_from_its_base() {
    let base = Btf::parse(node().finish()).unwrap();
    let mut builder = Builder::split(&base);
    let node_id = base.find("node", Kind::Struct).unwrap();
    let list = builder.add_struct("list", 32).unwrap();
    builder.add_member("first", node_id, 0).unwrap();
    let bytes = builder.finish();

    let split = Btf::parse_split(bytes.clone(), &base).unwrap();
    assert_eq!(list, TypeId(base.type_count()));
    assert_eq!(split.find("list", Kind::Struct), Some(list));
    assert_eq!(split.find("node", Kind::Struct), Some(node_id));
    assert_eq!(base.find("list", Kind::Struct), None);
    assert_eq!(split.find_own("list", Kind::Struct), Some(list));
    assert_eq!(split.find_own("node", Kind::Struct), None);
    let first = split.type_by_id(list).unwrap().members().unwrap().next().unwrap();
    assert_eq!(split.type_by_id(first.type_id).unwrap().name(), Some("node"));
    assert_eq!(split.size_of(list), Ok(32));
    assert_eq!(split.types().len(), split.own_types().len() + base.types().len());

    // Without its base it refers to types that do not exist.
    assert!(matches!(
        Btf::parse(bytes.clone()),
        Err(Error::DanglingTypeId { .. } | Error::DanglingString { .. } | Error::BadStringSection)
    ));

    let kernel = KernelBtf::new(base).with_modules(vec![
        ModuleBtf::new("damaged", Some(7), b"not BTF".to_vec()),
        ModuleBtf::new("lists", Some(8), bytes),
    ]);
    assert!(kernel.modules()[0].btf(kernel.vmlinux()).is_err());
    assert_eq!(kernel.modules()[1].btf(kernel.vmlinux()).unwrap().find("list", Kind::Struct), Some(list));
}

#[test]
fn names_are_found_with_and_without_flavour() {
    let mut builder = Builder::new();
    let mut add = |name: &str| builder.add_struct(name, 0).unwrap();
    let (plain, old, new, other) = (add("task"), add("task___old"), add("task___new"), add("task_"));
    let forward = builder.add_fwd("task", FwdKind::Struct).unwrap();
    let function = builder.add_func_proto(TypeId::VOID).unwrap();
    let function = builder.add_func("task", Linkage::STATIC, function).unwrap();
    let btf = Btf::parse(builder.finish()).unwrap();

    assert_eq!(btf.ids_named(b"task").collect::<Vec<_>>(), [plain, forward, function]);
    assert_eq!(btf.ids_named(b"task___old").collect::<Vec<_>>(), [old]);
    assert_eq!(btf.ids_with_essential_name(b"task").collect::<Vec<_>>(), [plain, old, new, forward, function]);
    assert_eq!(btf.find("task_", Kind::Struct), Some(other));
    assert_eq!(btf.find("task", Kind::Func), Some(function));
    assert_eq!(btf.find("task", Kind::Union), None);
    assert_eq!(btf.ids_named(b"").count(), 0);
}

#[test]
fn every_kind_reads_back_as_it_was_written() {
    let mut b = Builder::new();
    let int = b.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    let float = b.add_float("double", 8).unwrap();
    let volatile = b.add_reference(Kind::Volatile, int).unwrap();
    let restrict = b.add_reference(Kind::Restrict, volatile).unwrap();
    let typedef = b.add_typedef("number", restrict).unwrap();
    let tag = b.add_type_tag("user", int).unwrap();
    let wide = b.add_enum64("wide", 8, false).unwrap();
    b.add_enum_value("BIG", i64::MIN).unwrap();
    let union = b.add_union("either", 8).unwrap();
    b.add_member("f", float, 0).unwrap();
    let forward = b.add_fwd("later", FwdKind::Union).unwrap();
    let proto = b.add_func_proto(int).unwrap();
    b.add_param("x", typedef).unwrap().add_param("", TypeId::VOID).unwrap();
    let func = b.add_func("f", Linkage::GLOBAL, proto).unwrap();
    let var = b.add_var("v", Linkage::EXTERN, int).unwrap();
    let datasec = b.add_datasec(".data", 4).unwrap();
    b.add_datasec_var(var, 0, 4).unwrap();
    let decl_tag = b.add_decl_tag("exported", func, Some(1)).unwrap();
    let btf = Btf::parse(b.finish()).unwrap();
    let data = |id| btf.type_by_id(id).unwrap().data();

    assert!(matches!(data(float), TypeData::Float(f) if f.size == 8));
    assert!(matches!(data(tag), TypeData::TypeTag(id) if id == int));
    assert!(matches!(data(wide), TypeData::Enum64(e) if !e.signed && e.values().next().unwrap().value == 1 << 63));
    assert!(matches!(data(union), TypeData::Union(u) if u.size == 8 && u.members().len() == 1));
    assert!(matches!(data(forward), TypeData::Fwd(FwdKind::Union)));
    assert!(matches!(data(func), TypeData::Func(f) if f.proto == proto && f.linkage == Linkage::GLOBAL));
    assert!(matches!(data(proto), TypeData::FuncProto(p) if p.ret == int && p.params().len() == 2));
    assert!(matches!(data(var), TypeData::Var(v) if v.linkage == Linkage::EXTERN));
    assert!(matches!(data(datasec), TypeData::Datasec(d) if d.vars().next().unwrap().variable().name() == Some("v")));
    assert!(matches!(data(decl_tag), TypeData::DeclTag(t) if t.target == func && t.component == Some(1)));
    assert_eq!(btf.resolve(typedef).unwrap().id(), int);
    assert_eq!(btf.skip_modifiers(typedef).unwrap().id(), typedef);
    assert_eq!(btf.size_of(typedef), Ok(4));
}

/// Fields that are not known do not keep libbpf 1.8 from reading the rest (`btf_parse_hdr`).
#[test]
fn headers_from_the_future_are_read() {
    let old = node().finish();
    let with_header = |extra: &[u8]| {
        let mut bytes = old.clone();
        bytes[4] += extra.len() as u8;
        bytes.splice(HEADER_LEN..HEADER_LEN, extra.iter().copied());
        Btf::parse(bytes).unwrap()
    };
    for extra in [&[0; 8][..], &[0; 4], &[0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7]] {
        let btf = with_header(extra);
        assert_eq!(btf.header().hdr_len as usize, HEADER_LEN + extra.len());
        assert_eq!(btf.type_count(), Btf::parse(old.clone()).unwrap().type_count());
        assert!(btf.find("node", Kind::Struct).is_some());
    }
}

/// A BTF with a layout section: 20 kinds of which nothing is asked, and kind 20 with 4 bytes of its
/// own and 8 for each item. `btf_type_size_unknown` in libbpf; split BTF asks that of its base.
#[test]
fn unknown_kinds_are_measured_by_the_layout_section() {
    let unknown = |vlen: u32| 20 << 24 | vlen;
    let types = [1, unknown(2), 0, 7, 1, 2, 3, 4, 3, info(Kind::Struct, 0), 4];
    let layout: Vec<u32> = (0..21).map(|kind| if kind == 20 { 0x0804 } else { 0 }).collect();
    let bytes = by_hand(&[&types[..], &layout].concat(), b"\0a\0last\0");
    let (type_len, layout_len) = (4 * types.len() as u32, 4 * layout.len() as u32);
    let mut with_layout = bytes.clone();
    with_layout[4..8].copy_from_slice(&32u32.to_le_bytes());
    with_layout[12..16].copy_from_slice(&type_len.to_le_bytes());
    let fields: Vec<u8> = [type_len, layout_len].iter().flat_map(|word| word.to_le_bytes()).collect();
    with_layout.splice(HEADER_LEN..HEADER_LEN, fields);

    let btf = Btf::parse(with_layout).unwrap();
    assert_eq!(btf.type_count(), 3);
    assert_eq!(btf.type_by_id(TypeId(1)).unwrap().kind(), Kind::Void);
    assert_eq!(btf.type_by_id(TypeId(1)).unwrap().record().len(), 12 + 4 + 2 * 8);
    assert_eq!(btf.find("last", Kind::Struct), Some(TypeId(2)));

    let split = by_hand(&[1, unknown(0), 0, 7, 3, info(Kind::Union, 0), 4], b"");
    let split = Btf::parse_split(split, &btf).unwrap();
    assert_eq!(split.find("last", Kind::Union), Some(TypeId(4)));
}

/// `void` is found though it stands in no BTF, and no name has a NUL in it: both as in
/// `btf_find_by_name_kind`.
#[test]
fn names_that_are_special() {
    let mut builder = Builder::new();
    builder.add_typedef("a", TypeId::VOID).unwrap();
    builder.add_typedef("b", TypeId::VOID).unwrap();
    let btf = Btf::parse(builder.finish()).unwrap();
    assert_eq!(btf.find_any("void"), Some(TypeId::VOID));
    assert_eq!(btf.find("void", Kind::Void), Some(TypeId::VOID));
    assert_eq!(btf.find("void", Kind::Struct), None);
    assert_eq!(btf.find_any(b"a\0b"), None);
    assert_eq!(btf.find_any("b"), Some(TypeId(2)));
}

/// Types in the order of their names, as Linux 7.x has them, answer as the same types in any other
/// order do: what a walk over all of them would find.
#[test]
fn sorted_or_not_names_lead_to_the_same_types() {
    let mut names = vec![];
    for n in 0..4usize.pow(6) {
        let name: String = (0..6).map(|at| ["", "_", "a", "B"][n / 4usize.pow(at) % 4]).collect();
        names.push(name);
    }
    let flavours = ["a___b", "a___b___c", "a____b", "aB", "a", "a___a", "a___", "_a___B"];
    names.extend(flavours.iter().flat_map(|name| [name.to_string(), name.to_string()]));
    names.sort();
    let build = |names: &[String]| {
        let mut builder = Builder::new();
        names.iter().for_each(|name| _ = builder.add_struct(name, 0).unwrap());
        Btf::parse(builder.finish()).unwrap()
    };
    let sorted = build(&names);
    let mut asked: Vec<_> = names.iter().step_by(29).map(String::as_bytes).collect();
    asked.extend(flavours.iter().map(|name| name.as_bytes()));
    asked.extend([&b"c"[..], b"A", b"a__", b"a___c", b"a___b___", b"zz"]);
    let reversed: Vec<_> = names.iter().rev().cloned().collect();
    for btf in [sorted, build(&reversed)] {
        for name in asked.iter().copied().filter(|name| !name.is_empty()) {
            let by = |same: &dyn Fn(&[u8]) -> bool| -> Vec<_> {
                btf.types().filter(|this| same(this.name_bytes())).map(|this| this.id()).collect()
            };
            assert_eq!(btf.ids_named(name).collect::<Vec<_>>(), by(&|other| other == name));
            let essential = by(&|other| essential_name(other) == name);
            assert_eq!(btf.ids_with_essential_name(name).collect::<Vec<_>>(), essential, "{}", name.escape_ascii());
        }
    }
}

/// Attributes are tags with `kind_flag`, and clang's way to say `__attribute__((preserve_access_index))` and its like.
#[test]
fn attributes_are_tags_with_a_flag() {
    let mut builder = Builder::new();
    let int = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    let of_type = builder.add_type_attribute("address_space(1)", int).unwrap();
    let typedef = builder.add_typedef("t", of_type).unwrap();
    let of_declaration = builder.add_decl_attribute("unused", typedef, None).unwrap();
    let btf = Btf::parse(builder.finish()).unwrap();
    for id in [of_type, of_declaration] {
        assert!(btf.type_by_id(id).unwrap().kind_flag());
    }
    let mut text = String::new();
    purebpf_btf::dump::c::Dumper::new(&btf).dump_type(typedef, &mut text).unwrap();
    assert_eq!(text, "typedef int __attribute__((address_space(1))) t;\n\n");
}

/// What a prototype returns is any number, and does not always move along.
#[test]
fn appending_what_returns_a_number_near_the_end_is_refused() {
    let mut builder = Builder::new();
    builder.add_func_proto(TypeId(u32::MAX - 1)).unwrap();
    let btf = Btf::parse(builder.finish()).unwrap();
    let mut other = Builder::new();
    other.append(&btf).unwrap();
    other.append(&btf).unwrap();
    let before = other.finish();
    assert_eq!(other.append(&btf), Err(Error::TooManyTypes));
    assert_eq!(other.finish(), before);
}

/// A layout section that describes a kind of its own: kept, and added to.
#[test]
fn kinds_that_only_a_layout_section_describes_are_kept() {
    let mut builder = Builder::new();
    builder.add_float("double", 8).unwrap();
    builder.add_layout();
    let mut bytes = builder.finish();
    let described = Btf::parse(bytes.clone()).unwrap().header().layout.clone().unwrap();
    // Kind 0 of 4 bytes more, which the type takes for its own.
    bytes[described.start] = 4;
    let types = Btf::parse(bytes.clone()).unwrap().header().types.clone();
    bytes[types.start + 7] = 0;
    assert!(Btf::parse(bytes.clone()).is_err(), "the type is as long as it says");
    bytes[described.start] = 0;
    let btf = Btf::parse(bytes).unwrap();
    let mut copy = Builder::copy_of(&btf);
    copy.add_layout();
    assert_eq!(copy.finish(), btf.raw_data());
    assert!(matches!(Builder::new().append(&btf), Err(Error::UnknownKind { .. })));
}
