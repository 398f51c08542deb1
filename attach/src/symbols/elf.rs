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
use std::{fs, fs::File, ops::Range, path::Path};

/// Finds the function `name` (with the version `version`, if one is given) in the ELF file at `path` and gives its offset
/// in the file. Only the tables that are needed are read, and none of more than 1 GiB.
///
/// # Errors
///
/// [`Error::NoSymbol`] with the nearest names, [`Error::AmbiguousSymbol`], [`Error::Elf`], [`Error::File`].
#[doc(alias = "elf_find_func_offset_from_file")]
pub fn function_offset(path: &Path, name: &str, version: Option<&str>) -> Result<u64> {
    let file = |source| Error::file(path, source);
    // Opening a pipe would wait for its other end.
    if !fs::metadata(path).map_err(file)?.is_file() {
        return Err(Error::Elf { path: path.into(), reason: "not a regular file".into() });
    }
    let cache = ReadCache::new(File::open(path).map_err(file)?);
    function_offset_in(Limited(&cache), path, name, version)
}

/// The largest table that is read into memory: several times those of the largest browsers with all their symbols. A file
/// with a hole in it may claim to hold more than any machine's memory.
const LARGEST_TABLE: u64 = 1 << 30;

/// What it holds, in pieces of at most [`LARGEST_TABLE`].
#[derive(Clone, Copy)]
struct Limited<'d>(&'d ReadCache<File>);

impl<'d> ReadRef<'d> for Limited<'d> {
    fn len(self) -> Result<u64, ()> {
        self.0.len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'d [u8], ()> {
        if size > LARGEST_TABLE { Err(()) } else { self.0.read_bytes_at(offset, size) }
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'d [u8], ()> {
        self.0.read_bytes_at_until(range, delimiter)
    }
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
        Fault::None { symbols, indirect, nearest } => {
            Error::NoSymbol { path: path.into(), symbol: symbol(), symbols, indirect, nearest }
        }
        Fault::Ambiguous(candidates) => Error::AmbiguousSymbol { path: path.into(), symbol: symbol(), candidates },
    })
}

/// Why no offset was found; the boundary adds the path.
enum Fault {
    Elf(String),
    None { symbols: usize, indirect: bool, nearest: Vec<String> },
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

/// The symbols of the right name, so far: what libbpf's `elf_find_func_offset` comes to. A file may hold millions of them, so
/// no more is kept than is told.
#[derive(Default)]
struct Chosen {
    /// The first strong symbol's offset, or else the first weak one's.
    strong: Option<u64>,
    weak: Option<u64>,
    /// Two strong ones lie at different offsets.
    ambiguous: bool,
    /// The first few, for the message.
    labels: Vec<String>,
}

/// How many symbols of one name a message lists, and how many bytes of a version it shows.
const LISTED: usize = 8;
const SHOWN: usize = 64;

impl Chosen {
    fn add(&mut self, wanted: Wanted<'_>, offset: u64, weak: bool, version: Option<&[u8]>) {
        if weak {
            self.weak.get_or_insert(offset);
        } else if *self.strong.get_or_insert(offset) != offset {
            self.ambiguous = true;
        }
        if self.labels.len() < LISTED {
            let version = version.map_or_else(String::new, |version| {
                format!("@{}", String::from_utf8_lossy(&version[..version.len().min(SHOWN)]))
            });
            self.labels.push(format!("{}{version} at {offset:#x}", String::from_utf8_lossy(wanted.name)));
        }
    }

    fn offset(self) -> Result<Option<u64>, Fault> {
        if self.ambiguous { Err(Fault::Ambiguous(self.labels)) } else { Ok(self.strong.or(self.weak)) }
    }
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
    let (mut symbols, mut indirect) = (0, false);
    let mut nearest = Nearest::new(&String::from_utf8_lossy(wanted.name));
    // `.symtab` is read only when `.dynsym` does not have the name: it may be a hundred times as large, or damaged.
    for sh_type in [elf::SHT_DYNSYM, elf::SHT_SYMTAB] {
        let Some(table) = table(endian, data, &sections, sh_type)? else { continue };
        if let Some(offset) = choose(endian, segments, &table, wanted).offset()? {
            return Ok(offset);
        }
        for (_, symbol) in functions(endian, &table) {
            symbols += 1;
            nearest.offer(name_of(endian, &table, symbol));
        }
        indirect |= table
            .symbols
            .iter()
            .any(|symbol| symbol.st_type() == elf::STT_GNU_IFUNC && name_of(endian, &table, symbol) == wanted.name);
    }
    Err(Fault::None { symbols, indirect, nearest: nearest.into_names() })
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

fn choose<Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[Elf::ProgramHeader],
    table: &Table<'_, Elf>,
    wanted: Wanted<'_>,
) -> Chosen {
    let mut chosen = Chosen::default();
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
        chosen.add(wanted, offset, symbol.st_bind() == elf::STB_WEAK, version);
    }
    chosen
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
