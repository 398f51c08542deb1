//! Dumps against golden files that bpftool and libbpf printed: `tests/data/dump/README.md` says
//! how.

use std::fs;
use std::path::PathBuf;

use purebpf_btf::builder::Builder;
use purebpf_btf::dump::c::{DeclOptions, Dumper, Header};
use purebpf_btf::{Btf, Error, IntEncoding, Kind, TypeId, dump};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/dump").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).expect(name)
}

fn btf(name: &str) -> Btf {
    let bytes = || fs::read(path(name)).expect(name);
    match name {
        "module.btf" => Btf::parse_split(bytes(), &btf("scopes64.btf")),
        _ => Btf::parse(bytes()),
    }
    .expect(name)
}

fn raw(btf: &Btf) -> String {
    let mut text = String::new();
    dump::raw(btf, &mut text).unwrap();
    text
}

fn header(btf: &Btf, sorted: bool) -> String {
    let mut text = String::new();
    Header::new(btf).sorted(sorted).write(&mut text).unwrap();
    text
}

/// Compares line by line, to show the one that differs and not two whole files.
#[track_caller]
fn assert_same(got: &str, expected: &str) {
    for (n, (got, expected)) in got.lines().zip(expected.lines()).enumerate() {
        assert_eq!(got, expected, "line {}", n + 1);
    }
    assert_eq!(got.len(), expected.len());
}

#[test]
fn raw_form_is_bpftools() {
    for name in ["kinds", "scopes64", "scopes32", "module"] {
        assert_same(&raw(&btf(&format!("{name}.btf"))), &text(&format!("{name}.raw.txt")));
    }
}

#[test]
fn header_is_bpftools() {
    for name in ["kinds", "scopes64", "scopes32", "module"] {
        let btf = btf(&format!("{name}.btf"));
        assert_same(&header(&btf, true), &text(&format!("{name}.h")));
        assert_same(&header(&btf, false), &text(&format!("{name}.unsorted.h")));
    }
}

/// Byte order is a matter of the file and shows nowhere in the text.
#[test]
fn big_endian_reads_the_same() {
    let btf = btf("kinds_be.btf");
    assert_same(&raw(&btf), &text("kinds.raw.txt"));
    assert_same(&header(&btf, true), &text("kinds.h"));
}

/// The whole of `decls.c`: what `btf_dump__emit_type_decl` and `btf_dump__dump_type` give for each
/// type, with a dumper of its own.
#[test]
fn declarations_are_libbpfs() {
    for name in ["kinds", "scopes64"] {
        let btf = btf(&format!("{name}.btf"));
        let mut got = String::new();
        for id in btf.types().map(|this| this.id()) {
            let mut dumper = Dumper::new(&btf);
            let plain = DeclOptions { field_name: "name", indent_level: 1, ..DeclOptions::default() };
            let stripped = DeclOptions { strip_mods: true, ..DeclOptions::default() };
            got += &format!("{id} ");
            dumper.emit_type_decl(id, &plain, &mut got).unwrap();
            got += " | ";
            dumper.emit_type_decl(id, &stripped, &mut got).unwrap();
            got += "\n";
            Dumper::new(&btf).dump_type(id, &mut got).unwrap();
        }
        assert_same(&got, &text(&format!("{name}.decls.txt")));
    }
}

/// Types given to one dumper one by one come out as a whole dump has them, each once.
#[test]
fn a_dumper_writes_each_type_once() {
    let btf = btf("scopes64.btf");
    let mut dumper = Dumper::new(&btf);
    let mut got = String::new();
    for id in btf.types().map(|this| this.id()) {
        dumper.dump_type(id, &mut got).unwrap();
    }
    let whole = text("scopes64.unsorted.h");
    let types = whole.split("#endif\n#endif\n\n").nth(1).and_then(|rest| rest.split("\n/* BPF kfuncs */").next());
    assert_same(&got, types.unwrap());

    let written = got.len();
    for id in btf.types().map(|this| this.id()) {
        dumper.dump_type(id, &mut got).unwrap();
    }
    assert_eq!(got.len(), written);
}

/// `root_id`: the frame, what the type needs, and no prototypes.
#[test]
fn roots_are_written_with_what_they_need() {
    let btf = btf("kinds.btf");
    let root = [btf.find("pong", Kind::Struct).unwrap()];
    let mut got = String::new();
    Header::new(&btf).roots(&root).write(&mut got).unwrap();
    let (frame, rest) = got.split_once("#endif\n#endif\n\n").unwrap();
    assert!(frame.starts_with("#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n"));
    assert_eq!(
        rest,
        "struct ping;\n\nstruct pong {\n\tstruct ping *ping;\n\tstruct pong *self;\n};\n\n\
         #ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop\n#endif\n\n\
         #endif /* __VMLINUX_H__ */\n"
    );

    let none = [TypeId(btf.type_count())];
    let error = Header::new(&btf).roots(&none).write(&mut String::new()).unwrap_err();
    assert_eq!(error, Error::NoSuchType { id: none[0], count: btf.type_count() });
}

#[test]
fn one_type_in_raw_form() {
    let btf = btf("kinds.btf");
    let id = btf.find("list", Kind::Struct).unwrap();
    let mut got = String::new();
    dump::raw_type(&btf, id, &mut got).unwrap();
    let expected = text("kinds.raw.txt");
    assert_eq!(got.lines().count(), 3);
    assert!(expected.contains(&got), "{got}");
}

/// A name that is longer than libbpf's buffer once it is renamed is cut off at 255 bytes; the same
/// name by itself is not. By hand after `btf_dump_resolve_name`.
#[test]
fn renamed_names_are_cut_where_libbpf_cuts() {
    let mut builder = Builder::new();
    let long = "x".repeat(300);
    let int = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    builder.add_typedef(&long, int).unwrap();
    builder.add_typedef(&long, int).unwrap();
    builder.add_typedef(&long[..252], int).unwrap();
    builder.add_typedef(&long[..252], int).unwrap();
    let btf = Btf::parse(builder.finish()).unwrap();
    let got = header(&btf, false);
    let names: Vec<_> = got.lines().filter_map(|line| line.strip_prefix("typedef int ")).collect();
    let expected = [
        format!("{long};"),
        format!("{};", &long[..255]),
        format!("{};", &long[..252]),
        format!("{}___;", &long[..252]),
    ];
    assert_eq!(names, expected);
}

/// Names that no compiler would write: bytes that are not UTF-8 are replaced, the rest stands.
#[test]
fn names_need_not_be_utf8() {
    let mut builder = Builder::new();
    builder.add_int(b"in\xfft", 4, IntEncoding::SIGNED).unwrap();
    let btf = Btf::parse(builder.finish()).unwrap();
    assert_eq!(raw(&btf), "[1] INT 'in\u{fffd}t' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n");
}

/// A writer's failure is reported, and ends the dump.
#[test]
fn a_failing_writer_is_reported() {
    struct Full;
    impl std::fmt::Write for Full {
        fn write_str(&mut self, _: &str) -> std::fmt::Result {
            Err(std::fmt::Error)
        }
    }
    let btf = btf("kinds.btf");
    assert_eq!(dump::raw(&btf, &mut Full), Err(Error::Write));
    assert_eq!(Header::new(&btf).write(&mut Full), Err(Error::Write));
    assert_eq!(Dumper::new(&btf).dump_type(TypeId(1), &mut Full), Err(Error::Write));
}

/// The compiler's own type, once in a kernel and once in its module: bpftool calls the second `__builtin_va_list___2`, and defines
/// neither.
#[test]
fn the_compilers_own_type_keeps_its_name() {
    let own = |builder: &mut Builder| {
        let int = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        let list = builder.add_typedef("__builtin_va_list", int).unwrap();
        builder.add_typedef("va_list", list).unwrap();
    };
    let mut builder = Builder::new();
    own(&mut builder);
    let base = Btf::parse(builder.finish()).unwrap();
    let mut builder = Builder::split(&base);
    own(&mut builder);
    let module = Btf::parse_split(builder.finish(), &base).unwrap();
    let mut text = String::new();
    Header::new(&module).sorted(false).write(&mut text).unwrap();
    assert!(text.contains("typedef __builtin_va_list va_list;\n"), "{text}");
    assert!(!text.contains("__builtin_va_list___2"), "{text}");
}
