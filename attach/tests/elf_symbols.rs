//! From a symbol's name to an offset in the file, on ELF files made here: which table is asked first, versions, weak and
//! ambiguous symbols, what cannot be probed. The rules are those of libbpf's `elf_find_func_offset`.

use purebpf_attach::{
    Error,
    symbols::elf::{function_offset, function_offset_in},
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

const STT_OBJECT: u8 = 1;
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;
const STB_LOCAL: u8 = 0;
const STB_GLOBAL: u8 = 1;
const STB_WEAK: u8 = 2;

/// A symbol of the file to be made.
#[derive(Clone, Copy)]
struct Symbol {
    name: &'static str,
    value: u64,
    kind: u8,
    bind: u8,
    defined: bool,
    /// Its index among the versions, for dynamic symbols; 1 is "global", with none.
    version: u16,
}

fn func(name: &'static str, value: u64) -> Symbol {
    Symbol { name, value, kind: STT_FUNC, bind: STB_GLOBAL, defined: true, version: 1 }
}

/// Where the only loaded segment lies in the file and in memory.
const FILE_OFFSET: u64 = 0x1000;
const ADDRESS: u64 = 0x401000;
const SIZE: u64 = 0x800;

/// An ELF64 file of either byte order with one segment, a `.symtab`, a `.dynsym` with versions 2 (V1) and 3 (V2).
fn elf(big_endian: bool, full: &[Symbol], dynamic: &[Symbol]) -> Vec<u8> {
    let w = Words { big_endian };
    let mut sections: Vec<(u32, u32, u32, Vec<u8>, u64)> = vec![(0, 0, 0, vec![], 0)];
    for (kind, symbols) in [(2, full), (11, dynamic)] {
        if symbols.is_empty() {
            continue;
        }
        let mut strings = vec![0];
        let mut table = vec![0; 24];
        let mut versions = w.u16(0);
        for symbol in symbols {
            table.extend(w.u32(strings.len() as u32));
            table.extend([symbol.bind << 4 | symbol.kind, 0]);
            table.extend(w.u16(u16::from(symbol.defined)));
            table.extend([w.u64(symbol.value), w.u64(8)].concat());
            versions.extend(w.u16(symbol.version));
            strings.extend(symbol.name.bytes().chain([0]));
        }
        let names: Vec<u32> = ["V1", "V2"]
            .map(|name| {
                let at = strings.len() as u32;
                strings.extend(name.bytes().chain([0]));
                at
            })
            .to_vec();
        let this = sections.len() as u32;
        sections.push((kind, this + 1, 1, table, 24));
        sections.push((3, 0, 0, strings, 0));
        if kind == 11 {
            // .gnu.version, and .gnu.version_d: each definition with one name behind it.
            sections.push((0x6fff_ffff, this, 0, versions, 2));
            let mut definitions = Vec::new();
            for (index, name) in names.iter().enumerate() {
                let next = if index == 0 { 28 } else { 0 };
                definitions.extend([w.u16(1), w.u16(0), w.u16(index as u16 + 2), w.u16(1)].concat());
                definitions.extend([w.u32(0), w.u32(20), w.u32(next), w.u32(*name), w.u32(0)].concat());
            }
            sections.push((0x6fff_fffd, this + 1, 2, definitions, 0));
        }
    }
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, if big_endian { 2 } else { 1 }, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut offset = 64 + 56;
    let mut headers = Vec::new();
    let mut bodies = Vec::new();
    for (kind, link, info, body, entry) in &sections {
        headers.extend([w.u32(0), w.u32(*kind), w.u64(0), w.u64(0), w.u64(offset), w.u64(body.len() as u64)].concat());
        headers.extend([w.u32(*link), w.u32(*info), w.u64(8), w.u64(*entry)].concat());
        bodies.extend(body);
        bodies.resize(bodies.len().next_multiple_of(8), 0);
        offset = 64 + 56 + bodies.len() as u64;
    }
    file.extend([w.u16(3), w.u16(62), w.u32(1), w.u64(0), w.u64(64), w.u64(offset), w.u32(0)].concat());
    file.extend([w.u16(64), w.u16(56), w.u16(1), w.u16(64), w.u16(sections.len() as u16), w.u16(0)].concat());
    file.extend([w.u32(1), w.u32(5), w.u64(FILE_OFFSET), w.u64(ADDRESS), w.u64(ADDRESS)].concat());
    file.extend([w.u64(SIZE), w.u64(SIZE + 0x100), w.u64(0x1000)].concat());
    file.extend(bodies);
    file.extend(headers);
    file
}

struct Words {
    big_endian: bool,
}

impl Words {
    fn u16(&self, value: u16) -> Vec<u8> {
        if self.big_endian { value.to_be_bytes().into() } else { value.to_le_bytes().into() }
    }

    fn u32(&self, value: u32) -> Vec<u8> {
        if self.big_endian { value.to_be_bytes().into() } else { value.to_le_bytes().into() }
    }

    fn u64(&self, value: u64) -> Vec<u8> {
        if self.big_endian { value.to_be_bytes().into() } else { value.to_le_bytes().into() }
    }
}

fn find(file: &[u8], name: &str, version: Option<&str>) -> Result<u64, Error> {
    function_offset_in(file, Path::new("made.so"), name, version)
}

#[test]
fn addresses_become_offsets_in_the_file() {
    for big_endian in [false, true] {
        let file = elf(big_endian, &[func("f", ADDRESS + 0x10), func("first", ADDRESS)], &[]);
        assert_eq!(find(&file, "f", None).unwrap(), FILE_OFFSET + 0x10);
        assert_eq!(find(&file, "first", None).unwrap(), FILE_OFFSET);
    }
}

#[test]
fn only_functions_that_lie_in_the_file_are_found() {
    let symbols = [
        Symbol { kind: STT_OBJECT, ..func("data", ADDRESS) },
        Symbol { defined: false, ..func("imported", 0) },
        func("in_bss", ADDRESS + SIZE),
        func("below", ADDRESS - 1),
        func("f", ADDRESS),
        func("ff", ADDRESS + 8),
    ];
    let file = elf(false, &symbols, &[]);
    for name in ["data", "imported", "in_bss", "below", "fff", ""] {
        assert!(matches!(find(&file, name, None), Err(Error::NoSymbol { .. })), "{name}");
    }
    assert_eq!(find(&file, "ff", None).unwrap(), FILE_OFFSET + 8);
}

#[test]
fn dynamic_symbols_come_first() {
    let file = elf(false, &[func("f", ADDRESS + 1), func("g", ADDRESS + 2)], &[func("f", ADDRESS + 3)]);
    assert_eq!(find(&file, "f", None).unwrap(), FILE_OFFSET + 3);
    assert_eq!(find(&file, "g", None).unwrap(), FILE_OFFSET + 2, "and the others after");
}

#[test]
fn versions_choose_between_dynamic_symbols() {
    // The highest bit hides an old version from the linker; it is not part of the number.
    let old = Symbol { version: 2 | 0x8000, ..func("f", ADDRESS + 0x10) };
    let new = Symbol { version: 3, ..func("f", ADDRESS + 0x20) };
    let file = elf(false, &[], &[old, new]);
    assert_eq!(find(&file, "f", Some("V1")).unwrap(), FILE_OFFSET + 0x10);
    assert_eq!(find(&file, "f", Some("V2")).unwrap(), FILE_OFFSET + 0x20);
    assert!(matches!(find(&file, "f", Some("V3")), Err(Error::NoSymbol { symbol, .. }) if symbol == "f@V3"));
    let error = find(&file, "f", None).unwrap_err();
    assert!(error.to_string().contains("f@V1 at 0x1010, f@V2 at 0x1020"), "{error}");
}

#[test]
fn versions_in_the_names_of_full_symbols() {
    let file = elf(false, &[func("f@V1", ADDRESS), func("f@@V2", ADDRESS + 8), func("g@@V2", ADDRESS + 16)], &[]);
    assert_eq!(find(&file, "f", Some("V1")).unwrap(), FILE_OFFSET);
    assert_eq!(find(&file, "f", Some("V2")).unwrap(), FILE_OFFSET + 8);
    assert_eq!(find(&file, "g", None).unwrap(), FILE_OFFSET + 16);
}

#[test]
fn strong_symbols_win_over_weak_ones() {
    let at = |bind, value| Symbol { bind, ..func("f", ADDRESS + value) };
    let chosen = |symbols: &[Symbol]| find(&elf(false, symbols, &[]), "f", None);
    assert_eq!(chosen(&[at(STB_WEAK, 8), at(STB_GLOBAL, 16)]).unwrap(), FILE_OFFSET + 16);
    assert_eq!(chosen(&[at(STB_GLOBAL, 16), at(STB_WEAK, 8)]).unwrap(), FILE_OFFSET + 16);
    assert_eq!(chosen(&[at(STB_WEAK, 8), at(STB_WEAK, 24)]).unwrap(), FILE_OFFSET + 8);
    assert_eq!(chosen(&[at(STB_GLOBAL, 8), at(STB_LOCAL, 8)]).unwrap(), FILE_OFFSET + 8, "aliases");
    assert!(matches!(chosen(&[at(STB_LOCAL, 8), at(STB_LOCAL, 16)]), Err(Error::AmbiguousSymbol { .. })));
}

/// `.symtab` is not looked at when `.dynsym` has the function, so damage there spoils nothing.
#[test]
fn a_damaged_table_spoils_only_what_needs_it() {
    let full = [func("g", ADDRESS + 8)];
    let whole = elf(false, &full, &[func("f", ADDRESS)]);
    let stringless = elf(false, &[], &[func("f", ADDRESS)]);
    // The header of .symtab is the second; sh_link stands at 40 and names its strings.
    let headers = u64::from_le_bytes(whole[40..48].try_into().unwrap()) as usize;
    let mut damaged = whole.clone();
    damaged[headers + 64 + 40] = 0xff;
    for file in [&whole, &stringless, &damaged] {
        assert_eq!(find(file, "f", None).unwrap(), FILE_OFFSET);
    }
    assert_eq!(find(&whole, "g", None).unwrap(), FILE_OFFSET + 8);
    assert!(matches!(find(&damaged, "g", None), Err(Error::Elf { .. })));
}

/// A message lists the first few, so that a file of a million symbols of one name costs no more than another.
#[test]
fn many_of_one_name_are_told_in_part() {
    let symbols: Vec<Symbol> = (0..1000).map(|number| func("f", ADDRESS + number)).collect();
    let error = find(&elf(false, &symbols, &[]), "f", None).unwrap_err();
    let Error::AmbiguousSymbol { candidates, .. } = &error else { panic!("{error}") };
    assert!(candidates.len() < 20, "{error}");
    let version: &'static str = "V".repeat(100_000).leak();
    let name: &'static str = format!("f@{version}").leak();
    let error = find(&elf(false, &[func(name, ADDRESS), func("f", ADDRESS + 8)], &[]), "f", None).unwrap_err();
    assert!(error.to_string().len() < 1000);
}

/// A file of this test's own, gone on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("purebpf-attach-{name}-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The file is nearly all hole, and its table as large as the hole: it is refused without being read.
#[test]
fn a_table_larger_than_memory_is_not_read() {
    let mut file = elf(false, &[func("f", ADDRESS)], &[]);
    let headers = u64::from_le_bytes(file[40..48].try_into().unwrap()) as usize;
    let symtab_size = headers + 64 + 32;
    file[symtab_size..symtab_size + 8].copy_from_slice(&(24_u64 << 40).to_le_bytes());
    let scratch = Scratch::new("sparse");
    fs::write(&scratch.0, &file).unwrap();
    if let Err(error) = File::options().write(true).open(&scratch.0).unwrap().set_len(1 << 43) {
        println!("skipped: a file of 8 TiB: {error}");
        return;
    }
    assert!(matches!(function_offset(&scratch.0, "f", None), Err(Error::Elf { .. })));
}

/// A pipe would be waited for; nobody writes to this one.
#[test]
fn what_is_no_regular_file_is_refused() {
    let scratch = Scratch::new("pipe");
    let c_path = std::ffi::CString::new(scratch.0.to_str().unwrap()).unwrap();
    // SAFETY: a terminated string.
    assert_eq!(unsafe { libc::mkfifo(c_path.as_ptr(), 0o600) }, 0);
    for path in [scratch.0.as_path(), Path::new("/"), Path::new("/dev/null")] {
        assert!(matches!(function_offset(path, "f", None), Err(Error::Elf { .. })), "{path:?}");
    }
    assert!(matches!(function_offset(Path::new("/nonesuch"), "f", None), Err(Error::File { .. })));
}

#[test]
fn stripped_files_say_so() {
    let error = find(&elf(false, &[], &[]), "f", None).unwrap_err();
    assert!(error.to_string().contains("stripped"), "{error}");
    let error = find(&elf(false, &[func("function", ADDRESS)], &[]), "funktion", None).unwrap_err();
    assert!(error.to_string().contains("the nearest name is function"), "{error}");
}

/// libbpf takes STT_FUNC alone; a probe of the symbol's own code would fire once, when the binary is loaded.
#[test]
fn indirect_functions_are_told_apart() {
    let indirect = Symbol { kind: STT_GNU_IFUNC, ..func("memcpy", ADDRESS) };
    let error = find(&elf(false, &[], &[indirect, func("g", ADDRESS + 8)]), "memcpy", None).unwrap_err();
    assert!(matches!(&error, Error::NoSymbol { indirect: true, .. }) && error.to_string().contains("IFUNC"), "{error}");
    let error = find(&elf(false, &[], &[indirect, func("g", ADDRESS + 8)]), "memcp", None).unwrap_err();
    assert!(matches!(&error, Error::NoSymbol { indirect: false, .. }), "{error}");
}

#[test]
fn what_is_no_elf_is_an_error() {
    for bytes in [&b""[..], b"\x7fELF", b"#!/bin/sh\nexit 1\n", &[0; 100]] {
        assert!(matches!(find(bytes, "f", None), Err(Error::Elf { .. })));
    }
}

#[test]
fn damaged_files_end_in_an_answer_or_an_error() {
    let old = Symbol { version: 2, ..func("f", ADDRESS + 0x10) };
    let file = elf(false, &[func("f", ADDRESS), func("g@V1", ADDRESS + 8)], &[old, func("h", ADDRESS + 16)]);
    assert!(find(&file, "f", Some("V1")).is_ok());
    let mut state = 0x9e37_79b9_u64;
    let mut random = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % bound
    };
    let (mut answers, mut errors) = (0, 0);
    for round in 0..20_000 {
        let mut damaged = file.clone();
        for _ in 0..=random(3) {
            let at = random(damaged.len());
            damaged[at] = [0, 1, 0x7f, 0x80, 0xff, random(256) as u8][random(6)];
        }
        if round % 5 == 0 {
            damaged.truncate(random(damaged.len()));
        }
        for (name, version) in [("f", None), ("f", Some("V1")), ("nonesuch", None)] {
            match find(&damaged, name, version) {
                Ok(_) => answers += 1,
                Err(_) => errors += 1,
            }
        }
    }
    assert!(answers > 1000 && errors > 1000, "{answers} answers, {errors} errors");
}
