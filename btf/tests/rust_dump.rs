//! The Rust dump, put before the Rust compiler: what compiles has the layout that the BTF says, because the text asserts it.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::kernel;
use purebpf_btf::builder::Builder;
use purebpf_btf::dump::rust::Bindings;
use purebpf_btf::types::FwdKind;
use purebpf_btf::{Btf, Endian, Error, IntEncoding, Kind, TypeId};

const ALLOW: &str = "#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals, dead_code, \
                     improper_ctypes_definitions, unused_parens)]\n";

fn text(btf: &Btf) -> String {
    let mut text = String::new();
    Bindings::new(btf).write(&mut text).unwrap();
    text
}

/// Compiles a program; gives its path in `dir`.
#[track_caller]
fn compile(dir: &Path, source: &str, kind: &[&str]) -> PathBuf {
    let (input, output) = (dir.join("types.rs"), dir.join("types.out"));
    fs::write(&input, source).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compiled =
        Command::new(rustc).args(["--edition", "2024"]).args(kind).arg("-o").arg(&output).arg(&input).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    output
}

#[track_caller]
fn run(source: &str) {
    let dir = tempfile::tempdir().unwrap();
    let program = compile(dir.path(), source, &[]);
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// `struct bits { u8 a:3; s8 b:5; u32 c; u64 d:40; u64 e:24; bool f:1; }`, as compilers lay it out.
fn bits(endian: Endian) -> Btf {
    let mut builder = Builder::new();
    let build = |builder: &mut Builder| -> Result<(), Error> {
        let u8 = builder.add_int("unsigned char", 1, IntEncoding::NONE)?;
        let s8 = builder.add_int("signed char", 1, IntEncoding::SIGNED)?;
        let u32 = builder.add_int("unsigned int", 4, IntEncoding::NONE)?;
        let u64 = builder.add_int("unsigned long", 8, IntEncoding::NONE)?;
        let bool = builder.add_int("_Bool", 1, IntEncoding::BOOL)?;
        builder.add_struct("bits", 24)?;
        builder.add_bitfield("a", u8, 0, 3)?;
        builder.add_bitfield("b", s8, 3, 5)?;
        builder.add_member("c", u32, 32)?;
        builder.add_bitfield("d", u64, 64, 40)?;
        builder.add_bitfield("e", u64, 104, 24)?;
        builder.add_bitfield("f", bool, 128, 1)?;
        builder.add_union("type", 4)?;
        builder.add_member("whole", u32, 0)?;
        builder.add_bitfield("low", u32, 0, 12)?;
        Ok(())
    };
    build(&mut builder).unwrap();
    builder.set_endian(endian);
    Btf::parse(builder.finish()).unwrap()
}

const USE_BITS: &str = "
fn main() {
    let mut bits: bits = unsafe { core::mem::zeroed() };
    bits.set_a(5);
    bits.set_b(-3);
    bits.c = 7;
    bits.set_d(0x12_3456_789a);
    bits.set_e(0xabcdef);
    bits.set_f(true);
    assert_eq!((bits.a(), bits.b(), bits.d(), bits.e(), bits.f()), (5, -3, 0x12_3456_789a, 0xabcdef, true));
    let bytes: [u8; 24] = unsafe { core::mem::transmute(bits) };
    assert_eq!(bytes[0], FIRST);
    assert_eq!(bytes[8..16], LONG);
    assert_eq!(bytes[16], FLAG);
    let mut either = type_ { whole: 0 };
    either.set_low(0xabc);
    assert_eq!(either.low(), 0xabc);
}
";

/// Bytes as GCC for x86-64 lays them out: from the least significant bit on.
#[test]
fn bitfields_of_little_endian_machines() {
    let constants = "const FIRST: u8 = 0b11101_101; const FLAG: u8 = 1;\n\
                     const LONG: [u8; 8] = 0xabcdef_12_3456_789a_u64.to_le_bytes();";
    run(&format!("{ALLOW}{}{constants}{USE_BITS}", text(&bits(Endian::Little))));
}

/// Bytes as GCC for s390x lays them out: from the most significant bit on.
#[test]
fn bitfields_of_big_endian_machines() {
    let constants = "const FIRST: u8 = 0b101_11101; const FLAG: u8 = 0x80;\n\
                     const LONG: [u8; 8] = 0x12_3456_789a_abcdef_u64.to_be_bytes();";
    run(&format!("{ALLOW}{}{constants}{USE_BITS}", text(&bits(Endian::Big))));
}

/// What Rust cannot say as C does: packed structs, gaps, members that overlap, names that are taken, recursion, functions.
#[test]
fn odd_types_compile_and_have_their_layout() {
    let mut builder = Builder::new();
    let build = |builder: &mut Builder| -> Result<(), Error> {
        let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
        let long = builder.add_int("long", 8, IntEncoding::SIGNED)?;
        let odd = builder.add_int("__int128", 16, IntEncoding::NONE)?;
        builder.add_struct("packed", 13)?;
        builder.add_member("a", int, 0)?;
        builder.add_member("b", long, 32)?;
        builder.add_struct("aligned", 64)?;
        builder.add_member("a", int, 0)?;
        builder.add_member("b", odd, 256)?;
        builder.add_struct("overlapping", 8)?;
        builder.add_member("a", long, 0)?;
        builder.add_member("b", int, 32)?;
        builder.add_union("overlapping_union", 8)?;
        builder.add_member("a", int, 32)?;
        // Names: of a struct, a typedef of it, another typedef, a word of Rust's.
        builder.add_struct("same", 4)?;
        builder.add_member("fn", int, 0)?;
        builder.add_member("fn", int, 32).map(drop)?;
        let same_again = builder.add_struct("same", 0)?;
        builder.add_typedef("same", same_again)?;
        builder.add_typedef("u8", int)?;
        let void_pointer = builder.add_reference(Kind::Ptr, TypeId::VOID)?;
        let hidden = builder.add_fwd("hidden", FwdKind::Struct)?;
        let constant = builder.add_reference(Kind::Const, hidden)?;
        let pointer = builder.add_reference(Kind::Ptr, constant)?;
        let proto = builder.add_func_proto(pointer)?;
        builder.add_param("count", int)?;
        builder.add_param("", TypeId::VOID)?;
        let callback = builder.add_typedef("callback_t", proto)?;
        let callback = builder.add_reference(Kind::Ptr, callback)?;
        let three = builder.add_array(callback, int, 3)?;
        let inner = TypeId(builder.type_count());
        builder.add_struct("", 40)?;
        builder.add_member("callbacks", three, 0)?;
        builder.add_member("data", void_pointer, 192)?;
        let itself = TypeId(builder.type_count() + 1);
        let next = builder.add_reference(Kind::Ptr, itself)?;
        builder.add_struct("recursive", 48)?;
        builder.add_member("next", next, 0)?;
        builder.add_member("", inner, 64)?;
        builder.add_enum("kind", 4, true)?;
        builder.add_enum_value("self", -1)?;
        builder.add_enum_value("self", 2)?;
        builder.add_enum64("", 8, false)?;
        builder.add_enum_value("HUGE", -1)?;
        builder.add_union("empty", 0)?;
        builder.add_float("long double", 16)?;
        Ok(())
    };
    build(&mut builder).unwrap();
    let btf = Btf::parse(builder.finish()).unwrap();
    let main = "fn main() {
        assert_eq!(size_of::<packed>(), 13);
        assert_eq!(core::mem::offset_of!(packed, b), 4);
        assert_eq!(size_of::<overlapping>(), 8);
        assert_eq!(kind_self, -1);
        assert_eq!(kind_self___2, 2);
        assert_eq!(HUGE, u64::MAX);
        let inner = recursive__bindgen_ty_1 { callbacks: [None; 3], data: core::ptr::null_mut(), __bindgen_padding_0: [0; 8] };
        let list = recursive { next: core::ptr::null_mut(), __bindgen_anon_1: inner };
        let _: *const hidden = unsafe { list.__bindgen_anon_1.callbacks[0].map_or(core::ptr::null(), |call| call(1, 2, 3)) };
        let _: u8_ = 1_i32;
    }";
    run(&format!("{ALLOW}{}{main}", text(&btf)));
}

/// Of what a root points to, only the name.
#[test]
fn roots_bring_what_they_need() {
    let mut builder = Builder::new();
    let int = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    for name in ["held", "pointed_to", "unrelated"] {
        builder.add_struct(name, 4).unwrap();
        builder.add_member("x", int, 0).unwrap();
    }
    let pointer = builder.add_reference(Kind::Ptr, TypeId(int.0 + 2)).unwrap();
    let root = builder.add_struct("root", 16).unwrap();
    builder.add_member("held", TypeId(int.0 + 1), 0).unwrap();
    builder.add_member("pointer", pointer, 64).unwrap();
    let btf = Btf::parse(builder.finish()).unwrap();
    let mut text = String::new();
    Bindings::new(&btf).roots(&[root]).write(&mut text).unwrap();
    assert!(text.contains("pub struct held {\n    pub x: i32,\n}"), "{text}");
    assert!(text.contains("pub struct pointed_to {\n    _unused: [u8; 0],\n}"), "{text}");
    assert!(!text.contains("unrelated"), "{text}");
    run(&format!("{ALLOW}{text}fn main() {{}}"));
}

/// A struct that holds itself, one that holds that, and an array of 2^64 - 1 bytes: what Rust cannot lay out is bytes, and harms nothing
/// else.
#[test]
fn what_has_no_layout_is_bytes() {
    let mut builder = Builder::new();
    let mut build = || -> Result<(), Error> {
        let char = builder.add_int("unsigned char", 1, IntEncoding::NONE)?;
        let itself = TypeId(char.0 + 1);
        builder.add_struct("itself", 4)?;
        builder.add_member("s", itself, 0)?;
        builder.add_struct("holder", 8)?;
        builder.add_member("s", itself, 0)?;
        builder.add_member("c", char, 32)?;
        let mut huge = char;
        for len in [u32::MAX, 641, 6_700_417] {
            huge = builder.add_array(huge, char, len)?;
        }
        builder.add_struct("huge", 2)?;
        builder.add_member("c", char, 0)?;
        builder.add_member("h", huge, 8)?;
        builder.add_struct("good", 1)?;
        builder.add_member("c", char, 0)?;
        Ok(())
    };
    build().unwrap();
    let text = text(&Btf::parse(builder.finish()).unwrap());
    for name in ["itself", "huge"] {
        assert!(text.contains(&format!("pub struct {name} {{\n    pub _bindgen_opaque_blob: [u8; ")), "{text}");
    }
    run(&format!("{ALLOW}{text}fn main() {{ assert_eq!(good {{ c: 1 }}.c, 1); }}"));
}

/// Constants are named as C's enumerators are, which may be what a helper would call its own.
#[test]
fn enumerators_may_be_called_anything() {
    let mut builder = Builder::new();
    let mut build = || -> Result<(), Error> {
        let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
        builder.add_enum("", 4, false)?;
        for name in ["value", "n", "bit", "bytes", "start", "width", "__bindgen_bits", "i32", "self"] {
            builder.add_enum_value(name, 1)?;
        }
        builder.add_struct("s", 4)?;
        builder.add_bitfield("value", int, 0, 3)?;
        // As compilers before `kind_flag` wrote one: an integer of 5 bits that begins at bit 8 of 32.
        builder.add_struct("n", 4)?;
        let odd = TypeId(builder.type_count());
        builder.add_member("old", odd, 0)?;
        builder.add_int("int", 4, IntEncoding::NONE)?;
        Ok(())
    };
    build().unwrap();
    let odd = TypeId(builder.type_count() - 1);
    builder.record_mut(odd).unwrap().set_word(3, 8 << 16 | 5);
    let text = text(&Btf::parse(builder.finish()).unwrap());
    let main = "fn main() {
        let mut s: s = unsafe { core::mem::zeroed() };
        s.set_value(-2);
        assert_eq!((s.value(), value, __bindgen_bits___2), (-2, 1, 1));
        let old: n = unsafe { core::mem::transmute(0xffff_15ff_u32.to_le()) };
        assert_eq!(old.old(), 0x15);
    }";
    if cfg!(target_endian = "little") {
        run(&format!("{ALLOW}{text}{main}"));
    }
}

/// C passes an array as a pointer, and takes a typedef of `void` for `void`.
#[test]
fn functions_take_what_c_passes() {
    let mut builder = Builder::new();
    let mut build = || -> Result<(), Error> {
        let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
        let one = builder.add_array(int, int, 1)?;
        let list = builder.add_typedef("va_list", one)?;
        let nothing = builder.add_typedef("nothing_t", TypeId::VOID)?;
        let proto = builder.add_func_proto(nothing)?;
        builder.add_param("list", list)?;
        builder.add_typedef("takes_list", proto)?;
        let proto = builder.add_func_proto(int)?;
        builder.add_param("", nothing)?;
        builder.add_typedef("takes_nothing", proto)?;
        Ok(())
    };
    build().unwrap();
    let text = text(&Btf::parse(builder.finish()).unwrap());
    assert!(text.contains("pub type takes_list = unsafe extern \"C\" fn(*mut i32);"), "{text}");
    assert!(text.contains("pub type takes_nothing = unsafe extern \"C\" fn() -> i32;"), "{text}");
}

/// Types that hold most of what kernels have, of a whole kernel. `cargo xtask compare btf` compiles all.
#[test]
fn a_kernels_types_compile() {
    let Some(btf) = kernel("vmlinux-6.12.107-amd64.btf.zst") else { return };
    let names =
        ["task_struct", "sk_buff", "net_device", "tcp_sock", "bpf_prog", "inode", "file", "pci_dev", "mm_struct"];
    let roots = names.map(|name| btf.find(name, Kind::Struct).unwrap());
    let mut text = String::new();
    Bindings::new(&btf).roots(&roots).write(&mut text).unwrap();
    let dir = tempfile::tempdir().unwrap();
    compile(dir.path(), &format!("{ALLOW}{text}"), &["--crate-type", "lib", "--emit", "metadata"]);
}
