//! Files that are no objects, or damaged ones: each a clear error, none a panic, none more memory than its size allows.

mod common;

use common::{KERNELS, bytes, kernel, objects};
use purebpf_elf_loader::Error;
use purebpf_elf_loader::link::{KsymsPresent, Linker};
use purebpf_elf_loader::object::{Object, Slot, Target, btf_section};

/// Places in `Elf64_Ehdr` and `Elf64_Shdr` (the ELF specification).
const E_TYPE: usize = 16;
const E_MACHINE: usize = 18;
const E_SHOFF: usize = 40;
const E_SHNUM: usize = 60;
const SH_SIZE: usize = 64;
const SHDR_OFFSET: usize = 24;
const SHDR_SIZE: usize = 32;

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// Where the header of the section of a name begins.
fn section_header(bytes: &[u8], name: &str) -> usize {
    let table = word(bytes, E_SHOFF) as usize;
    let half = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()) as usize;
    let names = word(bytes, table + half(62) * SH_SIZE + SHDR_OFFSET) as usize;
    let header = (0..half(E_SHNUM)).map(|n| table + n * SH_SIZE).find(|&header| {
        let offset = u32::from_le_bytes(bytes[header..header + 4].try_into().unwrap()) as usize;
        bytes[names + offset..].split(|&b| b == 0).next() == Some(name.as_bytes())
    });
    header.unwrap_or_else(|| panic!("there is a section {name}"))
}

fn section<'a>(bytes: &'a mut [u8], name: &str) -> &'a mut [u8] {
    let header = section_header(bytes, name);
    let (offset, size) = (word(bytes, header + SHDR_OFFSET) as usize, word(bytes, header + SHDR_SIZE) as usize);
    &mut bytes[offset..offset + size]
}

fn refused(bytes: &[u8]) -> Error {
    Object::open(bytes, "damaged").unwrap_err()
}

#[test]
fn files_that_are_no_objects() {
    for junk in [&b""[..], b"\x7fEL", b"#!/bin/sh\n", &[0; 4096]] {
        assert!(matches!(refused(junk), Error::NotElf { len } if len == junk.len()));
    }
    let good = bytes("subprograms");
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    assert!(matches!(refused(&changed(4, 1)), Error::Not64Bit));
    // EM_X86_64, and ET_EXEC.
    assert!(matches!(refused(&changed(E_MACHINE, 62)), Error::NotBpf { machine: 62, .. }));
    assert!(matches!(refused(&changed(E_TYPE, 2)), Error::NotBpf { e_type: 2, .. }));
    // This very test is an ELF file, and none for BPF.
    let itself = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let error = refused(&itself);
    assert!(error.to_string().contains("-target bpf"), "{error}");
}

/// Cut at every length: the table of sections comes last, so that nothing but the whole file opens.
#[test]
fn truncated_at_every_length() {
    let good = bytes("subprograms");
    for len in 0..good.len() {
        if let Ok(object) = Object::open(&good[..len], "truncated") {
            panic!("{len} of {} bytes open: {object:?}", good.len());
        }
    }
    Object::open(&good, "whole").unwrap();
}

#[test]
fn a_section_that_is_cut_off_is_named() {
    let mut bytes = bytes("subprograms");
    let header = section_header(&bytes, "raw_tp");
    bytes[header + SHDR_SIZE..header + SHDR_SIZE + 8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    let error = refused(&bytes);
    assert!(matches!(&error, Error::SectionTruncated { section, .. } if section == "raw_tp"), "{error}");
}

/// Renames a section, so that it is not found.
fn without_section(name: &str, object: &str) -> Vec<u8> {
    let mut bytes = bytes(object);
    let header = section_header(&bytes, name);
    // Name 0 is the empty one.
    bytes[header..header + 4].fill(0);
    bytes
}

#[test]
fn what_needs_btf_says_so() {
    let error = refused(&without_section(".BTF", "maps"));
    assert!(matches!(error, Error::BtfMissing { what: "maps" }), "{error}");
    let error = refused(&without_section(".BTF", "kernel_symbols"));
    assert!(matches!(error, Error::BtfMissing { what: "externs" }), "{error}");
    assert!(error.to_string().contains("compile with -g"), "{error}");
    // What needs none opens and links: its data maps are known by their sections.
    let object = Object::open(&without_section(".BTF", "subprograms"), "subprograms").unwrap();
    assert!(object.btf.is_none());
    let linked = Linker::new(&object, None, &KsymsPresent).link(object.program("first").unwrap()).unwrap();
    assert_eq!((linked.insns.len(), linked.func_info.count(), linked.line_info.count()), (28, 0, 0));
    assert!(matches!(btf_section(&without_section(".BTF", "maps")), Err(Error::NoBtfSection)));
    assert_eq!(btf_section(&bytes("maps")).unwrap(), section(&mut bytes("maps"), ".BTF").to_vec());
}

#[test]
fn without_btf_ext_programs_have_no_infos() {
    let object = Object::open(&without_section(".BTF.ext", "subprograms"), "subprograms").unwrap();
    let linked = Linker::new(&object, None, &KsymsPresent).link(object.program("first").unwrap()).unwrap();
    assert_eq!((linked.func_info.count(), linked.line_info.count()), (0, 0));
}

#[test]
fn damaged_btf_names_its_section() {
    for name in [".BTF", ".BTF.ext"] {
        let mut bytes = bytes("subprograms");
        section(&mut bytes, name)[0] ^= 0xff;
        let error = refused(&bytes);
        assert!(error.to_string().contains(&format!("'{name}'")), "{error}");
    }
}

/// A relocation that leads nowhere spoils what it is in, and says where.
#[test]
fn a_relocation_to_nowhere_spoils_its_program() {
    let mut bytes = bytes("many_maps");
    // `r_info` of the first relocation: symbol 0xfffff.
    section(&mut bytes, ".relraw_tp")[8..16].copy_from_slice(&((0xfffffu64 << 32) | 1).to_le_bytes());
    let object = Object::open(&bytes, "many_maps").unwrap();
    let broken: Vec<_> = object
        .programs
        .iter()
        .filter(|program| {
            let references = &object.functions[program.function.0].references;
            references.iter().any(|reference| matches!(reference.target, Target::Broken(_)))
        })
        .map(|program| program.name.as_str())
        .collect();
    assert_eq!(broken, ["jumped_to"]);
    let linker = Linker::new(&object, None, &KsymsPresent);
    let error = linker.link(object.program("jumped_to").unwrap()).unwrap_err().to_string();
    assert!(error.contains("symbol 1048575"), "{error}");
    linker.link(object.program("jumped_to_too").unwrap()).unwrap();
}

#[test]
fn a_slot_that_leads_nowhere_spoils_its_map() {
    let mut bytes = bytes("many_maps");
    section(&mut bytes, ".rel.maps")[8..16].copy_from_slice(&((0xfffffu64 << 32) | 1).to_le_bytes());
    let object = Object::open(&bytes, "many_maps").unwrap();
    let broken: Vec<_> =
        object.maps.iter().filter(|m| m.slots.iter().any(|(_, s)| matches!(s, Slot::Broken(_)))).collect();
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0].name, "outer_array");
    let mut bytes = common::bytes("many_maps");
    section(&mut bytes, ".rel.maps")[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(refused(&bytes), Error::MapDefinition { .. }));
}

/// An object of `len` bytes of code, with functions at these places and of these sizes, and so many sections with the code.
fn overlapping(len: u64, symbols: &[(u64, u64)], sections: usize) -> Vec<u8> {
    named("name", len, symbols, sections)
}

/// The same; all functions have this name.
fn named(name: &str, len: u64, symbols: &[(u64, u64)], sections: usize) -> Vec<u8> {
    let strings = format!("\0.strtab\0.symtab\0code\0{name}\0").into_bytes();
    let mut file = vec![0; 64];
    let code = file.len() as u64;
    file.extend(std::iter::repeat_n(0x95, len as usize));
    let symtab = file.len() as u64;
    file.extend([0; 24]);
    for (value, size) in symbols {
        file.extend(22u32.to_le_bytes());
        // STB_GLOBAL, STT_FUNC; section 3.
        file.extend([0x12, 0, 3, 0]);
        file.extend(value.to_le_bytes());
        file.extend(size.to_le_bytes());
    }
    let strtab = file.len() as u64;
    file.extend(&strings);
    let table = file.len() as u64;
    let mut header = |name: u32, kind: u32, flags: u64, offset: u64, size: u64, link: u32, entry: u64| {
        file.extend(name.to_le_bytes());
        file.extend(kind.to_le_bytes());
        for word in [flags, 0, offset, size] {
            file.extend(word.to_le_bytes());
        }
        file.extend(link.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        for word in [8, entry] {
            file.extend(word.to_le_bytes());
        }
    };
    header(0, 0, 0, 0, 0, 0, 0);
    header(1, 3, 0, strtab, strings.len() as u64, 0, 0);
    header(9, 2, 0, symtab, 24 * (symbols.len() as u64 + 1), 1, 24);
    for _ in 0..sections {
        // SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR.
        header(17, 1, 6, code, len, 0, 0);
    }
    file[..20].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\xf7\0");
    file[20] = 1;
    file[E_SHOFF..E_SHOFF + 8].copy_from_slice(&table.to_le_bytes());
    file[52] = 64;
    file[58] = 64;
    file[E_SHNUM..E_SHNUM + 2].copy_from_slice(&(3 + sections as u16).to_le_bytes());
    file[62] = 1;
    file
}

#[test]
fn aliases_are_programs_and_overlaps_are_refused() {
    // Two names of one function, as `__attribute__((alias))` gives, are two programs of the same code.
    let object = Object::open(&overlapping(64, &[(0, 32), (0, 32), (32, 32)], 1), "aliases").unwrap();
    assert_eq!(object.functions.len(), 2);
    assert_eq!(object.programs.iter().map(|program| program.function.0).collect::<Vec<_>>(), [0, 0, 1]);
    let error = refused(&overlapping(64, &[(0, 32), (24, 32)], 1));
    assert!(error.to_string().contains("overlaps"), "{error}");
    for (value, size) in [(0, 72), (64, 8), (u64::MAX, 8), (0, 0), (4, 8), (0, 12)] {
        let error = refused(&overlapping(64, &[(value, size)], 1));
        assert!(
            matches!(&error, Error::BadFunction { function, section, .. } if function == "name" && section == "code")
        );
    }
}

#[test]
fn a_file_cannot_describe_many_times_its_size() {
    // A hundred sections of the same 100,000 bytes would be ten megabytes of code.
    let file = overlapping(100_000, &[(0, 100_000)], 100);
    let error = refused(&file);
    assert!(matches!(error, Error::Inflated { file: len } if len == file.len()), "{error}");
    // A hundred functions that share a name of as many bytes.
    let symbols: Vec<_> = (0..100).map(|n| (n * 8, 8)).collect();
    let name = "x".repeat(100_000);
    let error = refused(&named(&name, 800, &symbols, 1));
    assert!(matches!(error, Error::Inflated { .. }), "{error}");
    Object::open(&named("x", 800, &symbols, 1), "short").unwrap();
    // And one of them is well.
    Object::open(&overlapping(100_000, &[(0, 100_000)], 1), "once").unwrap();
}

/// Every byte of the tables that say where things are, set to its extremes: what opens links or says why. That it neither
/// panics nor hangs is what this shows.
#[test]
fn headers_and_tables_of_extremes() {
    let good = bytes("missing_field");
    let target = kernel(KERNELS[0]);
    let table = word(&good, E_SHOFF) as usize;
    let mut places: Vec<usize> = (0..64).chain(table..good.len()).collect();
    for name in [".symtab", ".rel.BTF", ".relraw_tp", ".rel.BTF.ext"] {
        let header = section_header(&good, name);
        let (offset, size) = (word(&good, header + SHDR_OFFSET) as usize, word(&good, header + SHDR_SIZE) as usize);
        places.extend(offset..offset + size);
    }
    for at in places {
        for byte in [0, 0x7f, 0x80, 0xff] {
            let mut mutant = good.clone();
            mutant[at] = byte;
            let Ok(object) = Object::open(&mutant, "mutant") else { continue };
            let linker = Linker::new(&object, Some(&target), &KsymsPresent);
            for id in object.program_ids() {
                let _ = linker.link(id).map_err(|error| error.to_string());
            }
        }
    }
}

#[test]
fn errors_are_one_line_and_name_something() {
    for (name, file) in objects() {
        let whole = std::fs::read(file).unwrap();
        for step in 1..40 {
            let len = whole.len() * step / 40;
            let text = Object::open(&whole[..len], &name).unwrap_err().to_string();
            assert!(!text.contains('\n') && text.len() < 400, "{name} at {len}: {text}");
        }
    }
}

/// Found by damaging objects at random: the type of a configuration value is an array whose element is itself.
#[test]
fn a_configuration_value_of_an_array_of_itself_is_refused() {
    let bytes = include_bytes!("damaged/kconfig_array_of_itself.bpf.o");
    let error = Object::open(bytes, "damaged").unwrap_err();
    assert!(matches!(error, Error::ExternDefinition { .. }), "{error}");
}
