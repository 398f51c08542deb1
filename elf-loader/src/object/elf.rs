//! The ELF file: sections, symbols and relocations of any 64-bit BPF object, of either byte order.
//!
//! The `object` crate does the reading. What it refuses in one section (a name, data that lies
//! outside the file) is that section's loss alone.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use object::elf as consts;
use object::read::elf::{FileHeader, Rel as _, SectionHeader as _, Sym as _};
use object::{Endianness, elf::FileHeader64};
use purebpf_btf::raw::Endian;

use crate::Error;

/// A parsed ELF file.
pub(super) struct Elf<'a> {
    pub(super) endian: Endian,
    /// All sections; the first is the null section, so that a section's number is its place.
    pub(super) sections: Vec<Section<'a>>,
    pub(super) symbols: Vec<Symbol<'a>>,
    /// Relocations by the number of the section that they apply to.
    pub(super) relocations: HashMap<usize, Vec<Relocation>>,
    /// The first section of each name.
    numbers: HashMap<&'a [u8], usize>,
    /// The first global variable of each name.
    data: HashMap<&'a [u8], usize>,
    /// Length of the file in bytes.
    file: usize,
    /// How many bytes the description may still copy: see [`charge`](Elf::charge).
    budget: Cell<usize>,
}

/// What a description may copy from its file: so many times the file, and something for small ones. Compilers' objects come
/// to one or two times.
const BUDGET_FACTOR: usize = 12;
const BUDGET_BASE: usize = 64 << 10;

/// Longest name that messages spell out.
const SHOWN_NAME: usize = 128;

/// A section.
pub(super) struct Section<'a> {
    pub(super) name: &'a [u8],
    pub(super) kind: u32,
    pub(super) flags: u64,
    pub(super) size: u64,
    /// Its bytes; empty for sections without any in the file.
    pub(super) data: &'a [u8],
}

/// A symbol.
pub(super) struct Symbol<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: u64,
    pub(super) size: u64,
    /// The section that it is defined in; `None` when undefined or in a special one.
    pub(super) section: Option<usize>,
    pub(super) undefined: bool,
    pub(super) bind: u8,
    pub(super) kind: u8,
    pub(super) visibility: u8,
}

/// A relocation.
pub(super) struct Relocation {
    /// What it applies to, in bytes from the start of the section.
    pub(super) offset: u64,
    /// The symbol's number.
    pub(super) symbol: usize,
}

/// A symbol of a variable: what BTF leaves to the symbol table.
#[derive(Clone, Debug)]
pub(crate) struct DataSymbol {
    pub(crate) name: Box<[u8]>,
    pub(crate) offset: u64,
    pub(crate) hidden: bool,
}

/// The `.BTF` section of any ELF file: a BPF object, a vmlinux, a kernel module, of 32 or 64 bits.
///
/// # Errors
/// When the bytes are no ELF file, or it has no such section.
pub fn btf_section(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    use object::{Object as _, ObjectSection as _};

    if !bytes.starts_with(&consts::ELFMAG) {
        return Err(Error::NotElf { len: bytes.len() });
    }
    let malformed = |what: &'static str| move |cause| Error::Elf { what, cause };
    let file = object::File::parse(bytes).map_err(malformed("headers"))?;
    let section = file.section_by_name(".BTF").ok_or(Error::NoBtfSection)?;
    Ok(section.data().map_err(malformed("section .BTF"))?.to_vec())
}

impl<'a> Elf<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Elf<'a>, Error> {
        if !bytes.starts_with(&consts::ELFMAG) {
            return Err(Error::NotElf { len: bytes.len() });
        }
        if bytes.get(4) != Some(&consts::ELFCLASS64) {
            return Err(Error::Not64Bit);
        }
        let malformed = |what: &'static str| move |cause| Error::Elf { what, cause };
        let header = FileHeader64::<Endianness>::parse(bytes).map_err(malformed("header"))?;
        let endian = header.endian().map_err(malformed("header"))?;
        let machine = header.e_machine(endian);
        if header.e_type(endian) != consts::ET_REL || !matches!(machine, consts::EM_BPF | consts::EM_NONE) {
            return Err(Error::NotBpf { e_type: header.e_type(endian), machine });
        }
        let table = header.sections(endian, bytes).map_err(malformed("section headers"))?;
        let sections = table
            .iter()
            .map(|section| Section {
                name: table.section_name(endian, section).unwrap_or_default(),
                kind: section.sh_type(endian),
                flags: section.sh_flags(endian),
                size: section.sh_size(endian),
                data: section.data(endian, bytes).unwrap_or_default(),
            })
            .collect::<Vec<_>>();
        let mut total = 0u64;
        for (section, raw) in sections.iter().zip(table.iter()) {
            total = total.saturating_add(section.data.len() as u64);
            // A section cut off by a truncated file must not look empty.
            let has_bytes = section.kind != consts::SHT_NOBITS && section.kind != consts::SHT_NULL;
            if has_bytes && section.data.len() as u64 != section.size {
                return Err(Error::SectionTruncated {
                    section: section.name_lossy(),
                    offset: raw.sh_offset(endian),
                    size: section.size,
                    file: bytes.len(),
                });
            }
        }
        // Sections that share bytes would let a small file stand for a large object.
        if total > bytes.len() as u64 {
            return Err(Error::Inflated { file: bytes.len() });
        }
        let symbol_table = table.symbols(endian, bytes, consts::SHT_SYMTAB).map_err(malformed("symbol table"))?;
        let symbols = symbol_table
            .enumerate()
            .map(|(index, symbol)| Symbol {
                name: symbol.name(endian, symbol_table.strings()).unwrap_or_default(),
                value: symbol.st_value(endian),
                size: symbol.st_size(endian),
                section: symbol_table.symbol_section(endian, symbol, index).ok().flatten().map(|section| section.0),
                undefined: symbol.st_shndx(endian) == consts::SHN_UNDEF,
                bind: symbol.st_bind(),
                kind: symbol.st_type(),
                visibility: symbol.st_visibility(),
            })
            .collect::<Vec<_>>();
        let mut relocations: HashMap<usize, Vec<Relocation>> = HashMap::new();
        for section in table.iter() {
            if let Ok(Some((rels, _))) = section.rel(endian, bytes) {
                let list = relocations.entry(section.sh_info(endian) as usize).or_default();
                list.extend(
                    rels.iter()
                        .map(|rel| Relocation { offset: rel.r_offset(endian), symbol: rel.r_sym(endian) as usize }),
                );
            }
        }
        for list in relocations.values_mut() {
            list.sort_by_key(|relocation| relocation.offset);
        }
        let endian = if endian == Endianness::Big { Endian::Big } else { Endian::Little };
        let mut numbers = HashMap::new();
        for (n, section) in sections.iter().enumerate() {
            numbers.entry(section.name).or_insert(n);
        }
        let mut data = HashMap::new();
        for (n, symbol) in symbols.iter().enumerate().filter(|(_, symbol)| symbol.is_global_data()) {
            data.entry(symbol.name).or_insert(n);
        }
        let budget = Cell::new(bytes.len().saturating_mul(BUDGET_FACTOR).saturating_add(BUDGET_BASE));
        Ok(Elf { endian, sections, symbols, relocations, numbers, data, file: bytes.len(), budget })
    }

    /// Accounts for bytes of the file that the description is about to copy. Names can be shared and functions be given
    /// twice, so that what a file claims to hold can be its own size squared; that is refused before it is copied.
    pub(super) fn charge(&self, bytes: usize) -> Result<(), Error> {
        let left = self.budget.get().checked_sub(bytes).ok_or(Error::Inflated { file: self.file })?;
        self.budget.set(left);
        Ok(())
    }

    /// The first section of a name, with its bytes.
    pub(super) fn section_named(&self, name: &str) -> Option<&Section<'a>> {
        self.sections.get(self.section_number(name)?)
    }

    /// The number of the first section of a name.
    pub(super) fn section_number(&self, name: &str) -> Option<usize> {
        self.numbers.get(name.as_bytes()).copied()
    }

    /// A section's bytes as text, up to a NUL; empty when there is no such section.
    pub(super) fn text_of(&self, name: &str) -> String {
        let data = self.section_named(name).map_or(&[][..], |section| section.data);
        let text = data.split(|&b| b == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }

    /// A section's first four bytes as a number, else 0.
    pub(super) fn word_of(&self, name: &str) -> u32 {
        self.section_named(name).and_then(|section| self.endian.u32(section.data, 0)).unwrap_or(0)
    }

    /// The symbols of global and weak variables.
    pub(super) fn data_symbols(&self) -> Result<Arc<[DataSymbol]>, Error> {
        self.symbols
            .iter()
            .filter(|symbol| symbol.is_global_data() && symbol.section.is_some())
            .map(|symbol| {
                self.charge(symbol.name.len())?;
                Ok(DataSymbol { name: symbol.name.into(), offset: symbol.value, hidden: symbol.is_hidden() })
            })
            .collect()
    }

    /// The sizes of all sections by name.
    pub(super) fn section_sizes(&self) -> Result<Vec<(String, u64)>, Error> {
        self.sections
            .iter()
            .map(|section| {
                self.charge(section.name.len())?;
                Ok((section.name_lossy(), section.size))
            })
            .collect()
    }

    /// The symbol of a global variable by its name.
    pub(super) fn data_symbol(&self, name: &[u8]) -> Option<&Symbol<'a>> {
        self.symbols.get(*self.data.get(name)?)
    }
}

/// A name for messages: cut where it is longer than anybody reads.
pub(super) fn shown(name: &[u8]) -> String {
    match name.get(..SHOWN_NAME) {
        Some(start) if name.len() > SHOWN_NAME => format!("{}…", String::from_utf8_lossy(start)),
        _ => String::from_utf8_lossy(name).into_owned(),
    }
}

impl Section<'_> {
    pub(super) fn name_lossy(&self) -> String {
        String::from_utf8_lossy(self.name).into_owned()
    }

    /// Whether it holds instructions.
    pub(super) fn is_code(&self) -> bool {
        self.kind == consts::SHT_PROGBITS && self.flags & u64::from(consts::SHF_EXECINSTR) != 0 && !self.data.is_empty()
    }

    /// Whether it holds bytes of the program's that are no instructions.
    pub(super) fn has_data(&self) -> bool {
        self.kind == consts::SHT_PROGBITS && !self.data.is_empty() && !self.is_code()
    }

    /// Whether its name is `stem`, or begins with `stem` and a dot.
    pub(super) fn is_or_extends(&self, stem: &str) -> bool {
        self.name.strip_prefix(stem.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
    }
}

impl Symbol<'_> {
    pub(super) fn name_lossy(&self) -> String {
        String::from_utf8_lossy(self.name).into_owned()
    }

    pub(super) fn is_hidden(&self) -> bool {
        matches!(self.visibility, consts::STV_HIDDEN | consts::STV_INTERNAL)
    }

    pub(super) fn is_global_data(&self) -> bool {
        self.kind == consts::STT_OBJECT && matches!(self.bind, consts::STB_GLOBAL | consts::STB_WEAK)
    }

    pub(super) fn is_function(&self) -> bool {
        self.kind == consts::STT_FUNC
    }

    pub(super) fn is_section(&self) -> bool {
        self.kind == consts::STT_SECTION
    }

    /// Undefined, and to be found by the loader.
    pub(super) fn is_extern(&self) -> bool {
        self.undefined
            && matches!(self.bind, consts::STB_GLOBAL | consts::STB_WEAK)
            && self.kind == consts::STT_NOTYPE
            && !self.name.is_empty()
    }

    /// Not seen outside its file.
    pub(super) fn is_local(&self) -> bool {
        self.bind == consts::STB_LOCAL
    }

    pub(super) fn is_weak(&self) -> bool {
        self.bind == consts::STB_WEAK
    }
}
