//! Functions of ELF files: from a symbol's name to the offset in the file at which a uprobe is placed.
//!
//! Which symbol is meant follows libbpf's `elf_find_func_offset`: `.dynsym` first, where symbols have versions, then
//! `.symtab`; of several of one name at different offsets a strong one wins over weak ones, and two strong ones are
//! ambiguous. The offset is taken from the loaded segment that holds the address, as the kernel's uprobes see it.

use super::Nearest;
use crate::error::{Error, Result};
use object::{
    Endianness, FileKind, ReadCache, ReadRef, SymbolIndex, elf,
    read::{
        StringTable,
        elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym, VersionTable},
    },
};
use std::{fs::File, path::Path};

/// Finds the function `name` (with the version `version`, if one is given) in the ELF file at `path` and gives its offset
/// in the file. Only the tables that are needed are read.
///
/// # Errors
///
/// [`Error::NoSymbol`] with the nearest names, [`Error::AmbiguousSymbol`], [`Error::Elf`], [`Error::File`].
#[doc(alias = "elf_find_func_offset_from_file")]
pub fn function_offset(path: &Path, name: &str, version: Option<&str>) -> Result<u64> {
    let file = File::open(path).map_err(|source| Error::file(path, source))?;
    let cache = ReadCache::new(file);
    function_offset_in(&cache, path, name, version)
}

/// As [`function_offset`], of an ELF file in memory or behind a [`ReadCache`]; `path` is for messages.
///
/// # Errors
///
/// As [`function_offset`].
pub fn function_offset_in<'d, R: ReadRef<'d>>(data: R, path: &Path, name: &str, version: Option<&str>) -> Result<u64> {
    let wanted = Wanted { name: name.as_bytes(), version: version.map(str::as_bytes) };
    let found = match FileKind::parse(data) {
        Ok(FileKind::Elf32) => search::<elf::FileHeader32<Endianness>, R>(data, wanted),
        Ok(FileKind::Elf64) => search::<elf::FileHeader64<Endianness>, R>(data, wanted),
        _ => Err(Fault::Elf("not an ELF file".into())),
    };
    let symbol = || match version {
        Some(version) => format!("{name}@{version}"),
        None => name.to_owned(),
    };
    found.map_err(|fault| match fault {
        Fault::Elf(reason) => Error::Elf { path: path.into(), reason },
        Fault::None { symbols, nearest } => Error::NoSymbol { path: path.into(), symbol: symbol(), symbols, nearest },
        Fault::Ambiguous(candidates) => Error::AmbiguousSymbol { path: path.into(), symbol: symbol(), candidates },
    })
}

/// Why no offset was found; the boundary adds the path.
enum Fault {
    Elf(String),
    None { symbols: usize, nearest: Vec<String> },
    Ambiguous(Vec<String>),
}

impl From<object::Error> for Fault {
    fn from(error: object::Error) -> Fault {
        Fault::Elf(error.to_string())
    }
}

#[derive(Clone, Copy)]
struct Wanted<'a> {
    name: &'a [u8],
    version: Option<&'a [u8]>,
}

/// A symbol of the right name.
struct Candidate {
    offset: u64,
    weak: bool,
    label: String,
}

/// One symbol table, its strings, and where its symbols have them, their versions.
struct Table<'d, Elf: FileHeader> {
    symbols: &'d [Elf::Sym],
    strings: &'d [u8],
    versions: Option<VersionTable<'d, Elf>>,
}

fn search<'d, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'d>>(data: R, wanted: Wanted<'_>) -> Result<u64, Fault> {
    let header = Elf::parse(data)?;
    let endian = header.endian()?;
    // Sections are told by their type, so that their names may be missing.
    let sections: SectionTable<'d, Elf, R> =
        SectionTable::new(header.section_headers(endian, data)?, StringTable::default());
    let segments = header.program_headers(endian, data)?;
    let dynamic = table(endian, data, &sections, elf::SHT_DYNSYM)?;
    let full = table(endian, data, &sections, elf::SHT_SYMTAB)?;
    let tables = [dynamic, full];
    for table in tables.iter().flatten() {
        if let Some(offset) = choose(candidates(endian, segments, table, wanted))? {
            return Ok(offset);
        }
    }
    let mut nearest = Nearest::new(&String::from_utf8_lossy(wanted.name));
    let mut symbols = 0;
    for table in tables.iter().flatten() {
        for symbol in functions(endian, table) {
            symbols += 1;
            nearest.offer(name_of(endian, table, symbol.1));
        }
    }
    Err(Fault::None { symbols, nearest: nearest.into_names() })
}

/// The first section of type `sh_type`, if there is one.
fn table<'d, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'d>>(
    endian: Endianness,
    data: R,
    sections: &SectionTable<'d, Elf, R>,
    sh_type: u32,
) -> Result<Option<Table<'d, Elf>>, Fault> {
    let Some(section) = sections.iter().find(|section| section.sh_type(endian) == sh_type) else { return Ok(None) };
    let symbols = section.data_as_array(endian, data)?;
    let strings = sections.section(section.link(endian))?.data(endian, data)?;
    // Damaged versions spoil only the symbols that are asked for by version.
    let versions = if sh_type == elf::SHT_DYNSYM { sections.versions(endian, data).ok().flatten() } else { None };
    Ok(Some(Table { symbols, strings, versions }))
}

/// The functions that a table defines.
fn functions<'t, 'd, Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    table: &'t Table<'d, Elf>,
) -> impl Iterator<Item = (usize, &'d Elf::Sym)> + use<'t, 'd, Elf> {
    table
        .symbols
        .iter()
        .enumerate()
        .filter(move |(_, symbol)| symbol.st_type() == elf::STT_FUNC && symbol.st_shndx(endian) != elf::SHN_UNDEF)
}

/// The bytes at a symbol's name, to the end of the strings: so that a comparison need not look for the terminator.
fn name_and_rest<'d, Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    table: &Table<'d, Elf>,
    symbol: &Elf::Sym,
) -> &'d [u8] {
    table.strings.get(symbol.st_name(endian) as usize..).unwrap_or_default()
}

fn name_of<'d, Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    table: &Table<'d, Elf>,
    symbol: &Elf::Sym,
) -> &'d [u8] {
    let rest = name_and_rest(endian, table, symbol);
    &rest[..memchr::memchr(0, rest).unwrap_or(rest.len())]
}

fn candidates<Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[Elf::ProgramHeader],
    table: &Table<'_, Elf>,
    wanted: Wanted<'_>,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (index, symbol) in functions(endian, table) {
        let Some(after) = name_and_rest(endian, table, symbol).strip_prefix(wanted.name) else { continue };
        // Linkers put versions into the names of .symtab: `f@VERSION`, `f@@VERSION`.
        let in_name = match after.first() {
            Some(0) => None,
            Some(b'@') => {
                let text = &after[1..memchr::memchr(0, after).unwrap_or(after.len())];
                Some(text.strip_prefix(b"@").unwrap_or(text))
            }
            _ => continue,
        };
        let version = in_name.or_else(|| version_of(endian, table, index));
        if wanted.version.is_some() && wanted.version != version {
            continue;
        }
        let Some(offset) = file_offset::<Elf>(endian, segments, symbol.st_value(endian).into()) else { continue };
        let shown = version.map_or_else(String::new, |version| format!("@{}", String::from_utf8_lossy(version)));
        found.push(Candidate {
            offset,
            weak: symbol.st_bind() == elf::STB_WEAK,
            label: format!("{}{shown} at {offset:#x}", String::from_utf8_lossy(wanted.name)),
        });
    }
    found
}

/// The version that `.gnu.version` and `.gnu.version_d` give a dynamic symbol.
fn version_of<'t, Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    table: &'t Table<'_, Elf>,
    index: usize,
) -> Option<&'t [u8]> {
    let versions = table.versions.as_ref()?;
    let version = versions.version(versions.version_index(endian, SymbolIndex(index))).ok()??;
    Some(version.name())
}

/// One offset out of several: all the same, or one strong symbol among weak ones.
fn choose(found: Vec<Candidate>) -> Result<Option<u64>, Fault> {
    let Some(first) = found.first() else { return Ok(None) };
    let strong = || found.iter().filter(|candidate| !candidate.weak);
    let offset = strong().next().unwrap_or(first).offset;
    if strong().any(|candidate| candidate.offset != offset) {
        return Err(Fault::Ambiguous(found.into_iter().map(|candidate| candidate.label).collect()));
    }
    Ok(Some(offset))
}

/// Where an address lies in the file, by the loaded segment that holds it.
fn file_offset<Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[Elf::ProgramHeader],
    address: u64,
) -> Option<u64> {
    segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD).find_map(|segment| {
        let into = address.checked_sub(segment.p_vaddr(endian).into())?;
        if into < segment.p_filesz(endian).into() { into.checked_add(segment.p_offset(endian).into()) } else { None }
    })
}
