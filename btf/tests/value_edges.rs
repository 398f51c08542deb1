//! Values that no compiler's BTF in the golden files has: both byte orders, old bitfields, floats of
//! all sizes, flexible arrays, short data, hostile types.

use purebpf_btf::builder::Builder;
use purebpf_btf::dump::c::Dumper;
use purebpf_btf::dump::value::{DataOptions, FloatFormat, Json, JsonStyle, Value, ValueData};
use purebpf_btf::types::Linkage;
use purebpf_btf::{Btf, Endian, Error, IntEncoding, Kind, TypeId};

const COMPACT: DataOptions<'static> = DataOptions {
    indent_str: "\t",
    indent_level: 0,
    compact: true,
    skip_names: false,
    emit_zeroes: true,
    emit_strings: true,
    flexible_arrays: false,
};

fn built(build: impl FnOnce(&mut Builder) -> Result<TypeId, Error>) -> (Btf, TypeId) {
    let mut builder = Builder::new();
    let id = build(&mut builder).unwrap();
    (Btf::parse(builder.finish()).unwrap(), id)
}

fn text(btf: &Btf, id: TypeId, bytes: &[u8], options: &DataOptions<'_>) -> (String, Result<u32, Error>) {
    let mut text = String::new();
    let result = Dumper::new(btf).dump_type_data(id, bytes, options, &mut text);
    (text, result)
}

fn json(style: JsonStyle, btf: &Btf, id: TypeId, bytes: &[u8]) -> (String, Result<(), Error>) {
    let mut text = String::new();
    let result = Json::new(style).flexible_arrays(true).write(&Value::new(btf, id, bytes).unwrap(), &mut text);
    (text, result)
}

fn natural(btf: &Btf, id: TypeId, bytes: &[u8]) -> String {
    let (text, result) = json(JsonStyle::Natural, btf, id, bytes);
    result.unwrap();
    text
}

/// `struct bits` of `kinds.c` as Clang lays it out for either byte order: the first bitfield is at the
/// bottom of its word in little-endian data, at the top in big-endian data.
#[test]
fn bitfields_of_either_byte_order() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/dump");
    for (name, endian) in [("kinds.btf", Endian::Little), ("kinds_be.btf", Endian::Big)] {
        let btf = Btf::parse(std::fs::read(folder.join(name)).unwrap()).unwrap();
        assert_eq!(btf.endian(), endian);
        let id = btf.find("bits", Kind::Struct).unwrap();
        let mut bytes = [0u8; 24];
        let mut word = |at: usize, little: u32, big: u32| {
            let word = if endian == Endian::Little { little.to_le_bytes() } else { big.to_be_bytes() };
            bytes[at..at + 4].copy_from_slice(&word);
        };
        // a : 3 = 5, b : 5 = 18
        word(0, 5 | 18 << 3, 5 << 29 | 18 << 24);
        // c : 31 = 0x12345678
        word(4, 0x1234_5678, 0x1234_5678 << 1);
        // g : 9 = 0x155, h : 1 = 1, i : 2 = 1
        word(16, 0x155 | 1 << 9 | 1 << 10, 0x155 << 23 | 1 << 22 | 1 << 20);
        let value = Value::new(&btf, id, &bytes).unwrap();
        let number = |name| value.member(name).unwrap().unwrap().to_i64();
        assert_eq!(number("a"), Some(5), "{name}");
        assert_eq!(number("b"), Some(18), "{name}");
        assert_eq!(number("c"), Some(0x1234_5678), "{name}");
        assert_eq!(number("g"), Some(0x155), "{name}");
        let expected = r#"{"a":5,"b":18,"c":305419896,"d":0,"e":0,"f":0,"g":341,"h":true,"i":1}"#;
        assert_eq!(natural(&btf, id, &bytes), expected, "{name}");
        let (text, _) = json(JsonStyle::Bpftool, &btf, id, &bytes);
        assert!(text.starts_with(r#"{"a":"0x5","b":"0x12","c":"0x12345678","d":"0x0""#), "{name}: {text}");
    }
}

/// Bitfields of before `kind_flag`: integer types of their own, narrower than their bytes
/// (`BTF_INT_BITS`, `BTF_INT_OFFSET`: Documentation/bpf/btf.rst). bpftool reads them; to libbpf's text
/// they are whole integers.
#[test]
fn bitfields_in_their_integer_type() {
    let (btf, id) = built(|b| {
        let narrow = b.add_int("int", 4, IntEncoding::SIGNED)?;
        // INT_SIGNED, offset 0, 3 bits.
        b.record_mut(narrow)?.set_word(3, 1 << 24 | 3);
        let shifted = b.add_int("unsigned int", 4, IntEncoding::NONE)?;
        // Offset 2, 5 bits.
        b.record_mut(shifted)?.set_word(3, 2 << 16 | 5);
        let id = b.add_struct("old", 4)?;
        b.add_member("a", narrow, 1)?.add_member("b", shifted, 8)?;
        Ok(id)
    });
    let bytes = 0x0000_540au32.to_ne_bytes();
    // a is bits 1 to 3 of 0x0a: 0b101; b is bits 10 to 14 of 0x5400: 0b10101.
    assert_eq!(natural(&btf, id, &bytes), r#"{"a":-3,"b":21}"#);
    assert_eq!(json(JsonStyle::Bpftool, &btf, id, &bytes).0, r#"{"a":"0x5","b":"0x15"}"#);
    assert_eq!(text(&btf, id, &bytes, &COMPACT).0, "(struct old){.a = (int)0x5,.b = (unsigned int)0x15,}");
}

/// Signed enumerators in bitfields, of unaligned enums, and above 2^31.
#[test]
fn enumerators_are_found_by_what_they_are() {
    let (btf, id) = built(|b| {
        let signed = b.add_enum("signed", 4, true)?;
        b.add_enum_value("MINUS", -2)?.add_enum_value("PLUS", 1)?;
        let unsigned = b.add_enum("unsigned", 4, false)?;
        b.add_enum_value("HIGH", 0xffff_fff0)?;
        let wide = b.add_enum64("wide", 8, false)?;
        b.add_enum_value("ALL", -1)?;
        let id = b.add_struct("enums", 18)?;
        b.add_bitfield("bits", signed, 0, 3)?;
        b.add_member("far", signed, 8)?.add_member("high", unsigned, 40)?.add_member("wide", wide, 72)?;
        Ok(id)
    });
    let mut bytes = vec![0b110];
    bytes.extend((-2i32).to_ne_bytes());
    bytes.extend(0xffff_fff0u32.to_ne_bytes());
    bytes.extend(u64::MAX.to_ne_bytes());
    bytes.push(0);
    assert_eq!(natural(&btf, id, &bytes), r#"{"bits":"MINUS","far":"MINUS","high":"HIGH","wide":"ALL"}"#);
    let expected = "(struct enums){.bits = (enum signed)MINUS,.far = (enum signed)MINUS,\
                    .high = (enum unsigned)HIGH,.wide = (enum wide)ALL,}";
    assert_eq!(text(&btf, id, &bytes, &COMPACT).0, expected);
    // Those without name are numbers, of the sign that the enum has.
    let nameless = [[0x81; 17].as_slice(), &[0]].concat();
    let expected = r#"{"bits":"PLUS","far":-2122219135,"high":2172748161,"wide":9331882296111890817}"#;
    assert_eq!(natural(&btf, id, &nameless), expected);
}

fn float(size: u32, name: &str, bytes: &[u8]) -> (FloatFormat, String, f64) {
    let (btf, id) = built(|b| b.add_float("float", 4).and(b.add_float(name, size)));
    let value = Value::new(&btf, id, bytes).unwrap();
    let ValueData::Float(float) = value.data().unwrap() else { panic!("{value:?}") };
    (float.format(), float.to_string(), float.to_f64())
}

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// FNV-1a, for numbers of five thousand digits.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0x1465_0fb0_739d_0383, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// `%f` of the GNU C library for `_Float16`, `%Lf` for `long double` on x86, `%Qf` of libquadmath for
/// `__float128`, of the bytes that GCC makes of the numbers in the comments.
#[cfg(target_endian = "little")]
#[test]
fn floats_of_all_sizes() {
    for (bytes, expected) in [
        ("003c", "1.000000"),
        ("48c2", "-3.140625"),
        ("ff7b", "65504.000000"),
        ("0100", "0.000000"),
        ("007c", "inf"),
        ("00fe", "-nan"),
    ] {
        assert_eq!(float(2, "_Float16", &hex(bytes)).1, expected);
    }
    assert_eq!(float(2, "__bf16", &hex("4940")), (FloatFormat::Bfloat, "3.140625".into(), 3.140625));
    for (bytes, expected) in [
        ("35c26821a2da0fc90040", "3.141593"),                  // pi
        ("00000000000000000080", "-0.000000"),                 // -0.0
        ("bc427ae5d594bfd6e73f", "0.000000"),                  // 1e-7
        ("b6696caf05bd3786ea3f", "0.000001"),                  // 0.5e-6, a little more as it is
        ("909e2287889b53c9eb3f", "0.000001"),                  // 1.5e-6, a little less
        ("2384471b47acc5a7ec3f", "0.000002"),                  // 2.5e-6, a little less
        ("40a77918d3a54ddb3740", "123456789012345678.500000"), // itself
        ("ffffffffffffffff3e40", "18446744073709551615.000000"),
        ("0000000000000080ff7f", "inf"),
        ("00000000000000c0ff7f", "nan"),
    ] {
        // As GCC pads it on i386 and on x86-64; on i386 with whatever was there before.
        for (size, padding) in [(16, "000000000000"), (12, "0000"), (12, "a5a5")] {
            let (format, text, _) = float(size, "long double", &hex(&format!("{bytes}{padding}")));
            assert_eq!((format, text.as_str()), (FloatFormat::X87, expected), "{bytes}");
        }
    }
    let largest = float(16, "long double", &hex("fffffffffffffffffe7f000000000000"));
    assert_eq!((largest.1.len(), fnv(&largest.1)), (4940, 0x1bee_5ec5_6bef_16f2));
    assert_eq!(largest.2, f64::INFINITY);
    for (bytes, expected, nearest) in [
        ("b80117c58c896984d14244b51f920040", "3.141593", core::f64::consts::PI),
        ("04b2c4f0fe65e41921290ff8e965e9bf", "-0.000000", f64::from_bits(0xbe96_5e9f_80f2_9212)),
        (
            "947fb5f483e612f496b9fc7ff3e66c40",
            "1234567890123456789012345678901234.500000",
            1234567890123456789012345678901234.5,
        ),
    ] {
        assert_eq!(float(16, "long double", &hex(bytes)), (FloatFormat::Quad, expected.into(), nearest));
    }
    let largest = float(16, "_Float128", &hex("fffffffffffffffffffffffffffffe7f")).1;
    assert_eq!((largest.len(), fnv(&largest)), (4940, 0xced8_62cb_d56d_eeb6));
    for size in [0, 1, 3, 10, 17, 1 << 30] {
        let mut builder = Builder::new();
        let id = builder.add_float("odd", 4).unwrap();
        builder.record_mut(id).unwrap().set_word(2, size);
        let Ok(btf) = Btf::parse(builder.finish()) else { continue };
        let result = Value::new(&btf, id, &[1; 64]).unwrap().data();
        assert!(matches!(result, Err(Error::NotANumber { .. })), "{size}");
    }
}

/// Numbers that this language's own parser reads back.
#[test]
fn floats_as_json() {
    let (btf, id) = built(|b| {
        let (single, double) = (b.add_float("float", 4)?, b.add_float("double", 8)?);
        let id = b.add_struct("floats", 24)?;
        b.add_member("a", single, 0)?.add_member("b", double, 64)?.add_member("c", double, 128)?;
        Ok(id)
    });
    let mut bytes = 0.1f32.to_ne_bytes().to_vec();
    bytes.extend([0; 4]);
    bytes.extend(1e300f64.to_ne_bytes());
    bytes.extend(f64::NAN.to_ne_bytes());
    assert_eq!(natural(&btf, id, &bytes), r#"{"a":0.1,"b":1e300,"c":null}"#);
}

fn event() -> (Btf, TypeId) {
    built(|b| {
        let char = b.add_int("char", 1, IntEncoding::SIGNED)?;
        let int = b.add_int("int", 4, IntEncoding::SIGNED)?;
        let long = b.add_int("long", 8, IntEncoding::SIGNED)?;
        let typedef = b.add_typedef("letter", char)?;
        let comm = b.add_array(typedef, int, 4)?;
        let args = b.add_array(char, int, 0)?;
        let pair = b.add_struct("", 8)?;
        b.add_member("x", int, 0)?.add_member("y", int, 32)?;
        let id = b.add_struct("event", 24)?;
        b.add_member("t", long, 0)?.add_member("", pair, 64)?.add_member("comm", comm, 128)?;
        b.add_member("n", int, 160)?.add_member("args", args, 192)?;
        Ok(id)
    })
}

#[test]
fn natural_json_is_what_the_types_mean() {
    let (btf, id) = event();
    let bytes = b"\x01\0\0\0\0\0\0\0\x02\0\0\0\x03\0\0\0a\"\n\xff\x04\0\0\0x\\y\x01\0z";
    let bytes = if cfg!(target_endian = "little") { bytes.to_vec() } else { return };
    let expected = "{\"t\":1,\"x\":2,\"y\":3,\"comm\":\"a\\\"\\n\u{fffd}\",\"n\":4,\"args\":\"x\\\\y\\u0001\"}";
    assert_eq!(natural(&btf, id, &bytes), expected);
    let expected = "{\"t\":1,\"\":{\"x\":2,\"y\":3},\"comm\":[97,34,10,-1],\"n\":4,\"args\":[120,92,121,1,0,122]}";
    assert_eq!(json(JsonStyle::Bpftool, &btf, id, &bytes).0, expected);
    let value = Value::new(&btf, id, &bytes).unwrap();
    assert_eq!(value.member("y").unwrap().unwrap().to_i64(), Some(3));
    assert_eq!(value.member("comm").unwrap().unwrap().to_text(), Some(&b"a\"\n\xff"[..]));
    assert!(value.member("z").unwrap().is_none());
}

/// Text with strings, and with a flexible array: by hand; `emit_strings` as in libbpf's, whose comma is
/// missing.
#[test]
fn strings_in_structs() {
    let (btf, id) = event();
    let mut bytes = vec![0; 16];
    bytes.extend(b"sh\0x\0\0\0\0ls\x07\0");
    let options = DataOptions { emit_zeroes: false, ..COMPACT };
    assert_eq!(text(&btf, id, &bytes, &options).0, "(struct event){.comm = (letter[4])\"sh\",}");
    let options = DataOptions { flexible_arrays: true, ..options };
    let expected = "(struct event){.comm = (letter[4])\"sh\",.args = (char[0])\"ls\\x07\",}";
    assert_eq!(text(&btf, id, &bytes, &options).0, expected);
    let options = DataOptions { compact: false, emit_strings: false, ..options };
    let expected = "(struct event){\n\t.comm = (letter[4])[\n\t\t's',\n\t\t'h',\n\t\t'x',\n\t],\n\t.args = \
                    (char[0])[\n\t\t'l',\n\t\t's',\n\t\t7,\n\t],\n}";
    assert_eq!(text(&btf, id, &bytes, &options).0, expected);
}

/// What is missing is told exactly; what is there is written.
#[test]
fn short_data() {
    let (btf, id) = event();
    let full = [1u8; 24];
    for len in 0..24 {
        let (written, result) = text(&btf, id, &full[..len], &COMPACT);
        let (json, json_result) = json(JsonStyle::Natural, &btf, id, &full[..len]);
        // Where the first member ends that the data does not reach; an array of bytes may be shorter.
        let needed = match len {
            0..8 => 8,
            8..12 => 12,
            12..16 => 16,
            _ => 24,
        };
        let Err(error @ Error::DataTruncated { needed: got, len: of, .. }) = result else {
            panic!("{len}: {result:?}")
        };
        assert_eq!((got, of), (needed, len as u64));
        assert_eq!(json_result, Err(error));
        assert_eq!(written.contains(".t = "), len >= 8, "{written}");
        assert_eq!(json.contains("\"x\":"), len >= 12, "{json}");
        assert!(json.starts_with('{') && json.ends_with('}'));
    }
    // Arrays of numbers end where the data does, within a number too; arrays of structs do not.
    let (btf, array) = built(|b| {
        let int = b.add_int("int", 4, IntEncoding::SIGNED)?;
        let pair = b.add_struct("pair", 8)?;
        b.add_member("a", int, 0)?.add_member("b", int, 32)?;
        b.add_array(pair, int, 4)?;
        b.add_array(int, int, 4)
    });
    let pairs = TypeId(array.0 - 1);
    assert_eq!(text(&btf, array, &full[..10], &COMPACT), ("(int[4])[16843009,16843009,]".into(), Ok(16)));
    assert_eq!(natural(&btf, array, &full[..10]), "[16843009,16843009]");
    assert_eq!(
        text(&btf, pairs, &full[..8], &COMPACT),
        ("(struct pair[4])[{.a = 16843009,.b = 16843009,},]".into(), Ok(32))
    );
    let (written, result) = text(&btf, pairs, &full[..12], &COMPACT);
    assert_eq!(written, "(struct pair[4])[{.a = 16843009,.b = 16843009,},{.a = 16843009,");
    assert_eq!(result, Err(Error::DataTruncated { id: TypeId(1), needed: 16, len: 12 }));
    assert_eq!(json(JsonStyle::Natural, &btf, pairs, &full[..12]).0, r#"[{"a":16843009,"b":16843009},{"a":16843009}]"#);
}

/// A section as libbpf writes it: `SEC("...") ` and its variables, one after the other.
#[test]
fn sections_and_variables() {
    let (btf, section) = built(|b| {
        let int = b.add_int("int", 4, IntEncoding::SIGNED)?;
        let first = b.add_var("first", Linkage::GLOBAL, int)?;
        let second = b.add_var("second", Linkage::STATIC, int)?;
        let section = b.add_datasec(".data", 8)?;
        b.add_datasec_var(first, 0, 4)?.add_datasec_var(second, 4, 4)?;
        Ok(section)
    });
    let bytes = [1u32.to_ne_bytes(), 2u32.to_ne_bytes()].concat();
    let expected = "SEC(\".data\") int first = (int)1;static int second = (int)2;";
    assert_eq!(text(&btf, section, &bytes, &COMPACT).0, expected);
    assert_eq!(natural(&btf, section, &bytes), r#"{".data":[{"first":1},{"second":2}]}"#);
    let ValueData::Datasec(vars) = Value::new(&btf, section, &bytes).unwrap().data().unwrap() else { panic!() };
    let vars: Vec<_> = vars.map(|var| (var.name().unwrap(), var.value.to_i64().unwrap())).collect();
    assert_eq!(vars, [("first", 1), ("second", 2)]);
}

/// What has no values says so, and a struct that holds itself ends.
#[test]
fn hostile_types() {
    let (btf, proto) = built(|b| b.add_func_proto(TypeId::VOID));
    assert!(matches!(text(&btf, proto, &[0; 8], &COMPACT).1, Err(Error::Unsized { .. })));
    assert!(matches!(text(&btf, TypeId::VOID, &[0; 8], &COMPACT).1, Err(Error::Unsized { .. })));
    let error = Value::new(&btf, TypeId(2), &[]).unwrap_err();
    assert_eq!(error, Error::NoSuchType { id: TypeId(2), count: 2 });

    // A struct that holds itself, and one that does so twice.
    for members in [1, 2] {
        let (btf, id) = built(|b| {
            let id = b.add_struct("ouroboros", 4)?;
            for name in &["", "again"][..members] {
                b.add_member(name, id, 0)?;
            }
            Ok(id)
        });
        let error = text(&btf, id, &[1; 4], &COMPACT).1.unwrap_err();
        assert!(matches!(error, Error::TooDeep { .. }), "{error}");
        if members == 1 {
            let (json, result) = json(JsonStyle::Natural, &btf, id, &[1; 4]);
            assert!(matches!(result, Err(Error::TooDeep { .. })) && json.ends_with("null}"), "{json}");
        }
        let error = Value::new(&btf, id, &[1; 4]).unwrap().member("none").unwrap_err();
        assert!(matches!(error, Error::TooDeep { .. }), "{error}");
    }

    // Four billion structs without size, in as many arrays.
    let (btf, id) = built(|b| {
        let int = b.add_int("int", 4, IntEncoding::SIGNED)?;
        let empty = b.add_struct("empty", 0)?;
        let array = b.add_array(empty, int, u32::MAX)?;
        b.add_array(array, int, u32::MAX)
    });
    assert!(matches!(text(&btf, TypeId(3), &[], &COMPACT).1, Err(Error::DumpTooLarge { .. })));
    assert!(matches!(text(&btf, id, &[], &COMPACT).1, Err(Error::SizeOverflow { .. })));
    let value = Value::new(&btf, TypeId(3), &[]).unwrap();
    assert!(value.element(u32::MAX - 1).unwrap().is_some() && value.element(u32::MAX).unwrap().is_none());

    // An enum of many, looked through for each of many bytes.
    let (btf, id) = built(|b| {
        let int = b.add_int("int", 4, IntEncoding::SIGNED)?;
        let byte = b.add_enum("byte", 1, false)?;
        for _ in 0..50_000 {
            b.add_enum_value("a", 1)?;
        }
        b.add_array(byte, int, 1 << 14)
    });
    let bytes = vec![2; 1 << 14];
    assert!(matches!(text(&btf, id, &bytes, &COMPACT).1, Err(Error::DumpTooLarge { .. })));
}

/// Numbers too wide for any, and members that lie far behind the data.
#[test]
fn odd_numbers() {
    let (btf, id) = built(|b| {
        let wide = b.add_int("wide", 16, IntEncoding::SIGNED)?;
        let three = b.add_int("three", 4, IntEncoding::NONE)?;
        b.record_mut(three)?.set_word(2, 3);
        b.record_mut(three)?.set_word(3, 24);
        let id = b.add_struct("odd", 32)?;
        b.add_member("wide", wide, 0)?.add_member("three", three, 128)?.add_member("far", wide, u32::MAX)?;
        Ok(id)
    });
    let bytes = [(-2i128).to_ne_bytes().as_slice(), &0x0102_0304u32.to_ne_bytes()].concat();
    let value = Value::new(&btf, id, &bytes).unwrap();
    assert_eq!(value.member("wide").unwrap().unwrap().to_i64(), Some(-2));
    assert_eq!(value.member("three").unwrap().unwrap().to_u64(), Some(0x02_0304));
    let (written, result) = text(&btf, id, &bytes, &COMPACT);
    let expected = "(struct odd){.wide = (wide)0xfffffffffffffffffffffffffffffffe,.three = (three)131844,";
    assert_eq!(
        (written.as_str(), result.is_err()),
        (if cfg!(target_endian = "little") { expected } else { written.as_str() }, true)
    );
}
