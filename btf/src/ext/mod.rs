//! `.BTF.ext`: what a BPF object says about its instructions.
//!
//! Three tables, each of the same build: for each ELF section with code a list of records that
//! begin with an instruction's offset in bytes. Records may be longer than the structs known here
//! (the table gives their size); the surplus is skipped.

mod write;

use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;

use crate::raw::{self, Endian, word};
use crate::{Btf, Error, Owner, StrOffset, TypeId};

pub use write::ExtBuilder;

/// A parsed `.BTF.ext`. Its names are offsets into the strings of the object's [`Btf`].
#[derive(Clone)]
#[doc(alias = "btf_ext")]
pub struct BtfExt {
    owner: Owner,
    endian: Endian,
    func_info: Table,
    line_info: Table,
    core_relocations: Table,
}

#[derive(Clone, Default)]
struct Table {
    record_size: usize,
    /// Section by section: `struct btf_ext_info_sec` and its records.
    sections: Range<usize>,
}

impl BtfExt {
    /// Parses the contents of a `.BTF.ext` section.
    ///
    /// # Errors
    /// When the data is damaged.
    #[doc(alias = "btf_ext__new")]
    pub fn parse(bytes: impl Into<Owner>) -> Result<BtfExt, Error> {
        let owner = bytes.into();
        let data = owner.bytes();
        let bad = |what, offset| Error::BadExt { what, offset };
        let endian = match Endian::Little.u16(data, 0) {
            Some(raw::MAGIC) => Endian::Little,
            Some(magic) if magic.swap_bytes() == raw::MAGIC => Endian::Big,
            _ => return Err(bad("no BTF magic", 0)),
        };
        if data.get(2) != Some(&raw::VERSION) {
            return Err(bad("unknown version", 2));
        }
        let field = |at: usize| endian.u32(data, at).ok_or(bad("header truncated", at));
        let hdr_len = field(4)? as usize;
        if hdr_len < MIN_HEADER_LEN || hdr_len > data.len() {
            return Err(bad("header length does not fit", 4));
        }
        let table = |at: usize, min_record: usize| -> Result<Table, Error> {
            // A header from before this table was thought of does not have it.
            if at + 8 > hdr_len {
                return Ok(Table::default());
            }
            let (off, len) = (field(at)? as usize, field(at + 4)? as usize);
            if len == 0 {
                return Ok(Table::default());
            }
            let start = hdr_len.checked_add(off).ok_or(bad("table outside the section", at))?;
            let end =
                start.checked_add(len).filter(|&end| end <= data.len()).ok_or(bad("table outside the section", at))?;
            if off % 4 != 0 {
                return Err(bad("table not aligned to 4 bytes", at));
            }
            Table::check(data, endian, start..end, min_record)
        };
        let func_info = table(8, FuncInfo::LEN)?;
        let line_info = table(16, LineInfo::LEN)?;
        let core_relocations = table(24, CoreRelocation::LEN)?;
        Ok(BtfExt { func_info, line_info, core_relocations, endian, owner })
    }

    /// Its byte order.
    #[doc(alias = "btf_ext__endianness")]
    pub fn endian(&self) -> Endian {
        self.endian
    }

    /// The bytes it was parsed from.
    #[doc(alias = "btf_ext__raw_data")]
    #[doc(alias = "btf_ext__get_raw_data")]
    pub fn raw_data(&self) -> &[u8] {
        self.owner.bytes()
    }

    /// Which function begins where.
    pub fn func_info(&self) -> Sections<'_, FuncInfo> {
        self.sections(&self.func_info)
    }

    /// Which source line each instruction came from.
    pub fn line_info(&self) -> Sections<'_, LineInfo> {
        self.sections(&self.line_info)
    }

    /// What is to be adjusted to the target's types.
    pub fn core_relocations(&self) -> Sections<'_, CoreRelocation> {
        self.sections(&self.core_relocations)
    }

    /// Size of a record of [`func_info`](BtfExt::func_info) in bytes; 0 when there is none.
    pub fn func_info_record_size(&self) -> usize {
        self.func_info.record_size
    }

    /// Size of a record of [`line_info`](BtfExt::line_info) in bytes; 0 when there is none.
    pub fn line_info_record_size(&self) -> usize {
        self.line_info.record_size
    }

    /// Where its tables have names and ids of types, in bytes from the start, in the order of libbpf's
    /// `btf_ext_visit_str_offs`.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (Field, usize)> {
        const TABLES: [&[(Field, usize)]; 3] =
            [&[(Field::Type, 4)], &[(Field::String, 4), (Field::String, 8)], &[(Field::Type, 4), (Field::String, 8)]];
        let tables = [&self.func_info, &self.line_info, &self.core_relocations];
        tables.into_iter().zip(TABLES).flat_map(move |(table, fields)| {
            let (size, end) = (table.record_size, table.sections.end);
            let mut at = table.sections.start;
            let sections = core::iter::from_fn(move || {
                (at < end).then(|| {
                    let (start, count) = (at, self.word(at + 4) as usize);
                    at = count.saturating_mul(size).saturating_add(start + SECTION_HEADER_LEN);
                    (start, count)
                })
            });
            sections.flat_map(move |(start, count)| {
                let records =
                    (0..count).map(move |n| start + SECTION_HEADER_LEN + n * size).take_while(move |&at| at < end);
                let fields =
                    records.flat_map(move |at| fields.iter().map(move |&(field, offset)| (field, at + offset)));
                core::iter::once((Field::String, start)).chain(fields)
            })
        })
    }

    /// The word at `at` bytes from the start.
    pub(crate) fn word(&self, at: usize) -> u32 {
        word(self.endian, self.owner.bytes(), at)
    }

    fn sections<'a, R: Record>(&'a self, table: &Table) -> Sections<'a, R> {
        Sections {
            rest: self.owner.bytes().get(table.sections.clone()).unwrap_or_default(),
            endian: self.endian,
            record_size: table.record_size,
            record: PhantomData,
        }
    }
}

/// What a word of a table is that has to do with a BTF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    String,
    Type,
}

impl fmt::Debug for BtfExt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BtfExt({} bytes, {:?})", self.owner.bytes().len(), self.endian)
    }
}

/// `struct btf_ext_header` up to and with the line information's fields.
const MIN_HEADER_LEN: usize = 24;
/// `struct btf_ext_info_sec` without its records.
const SECTION_HEADER_LEN: usize = 8;

impl Table {
    /// Walks the table once, so that later walks cannot fail.
    fn check(data: &[u8], endian: Endian, range: Range<usize>, min_record: usize) -> Result<Table, Error> {
        let bad = |what, offset| Error::BadExt { what, offset };
        let word = |at: usize| match at + 4 <= range.end {
            true => endian.u32(data, at).ok_or(bad("table truncated", at)),
            false => Err(bad("table truncated", at)),
        };
        let record_size = word(range.start)? as usize;
        if record_size < min_record || record_size % 4 != 0 {
            return Err(bad("impossible record size", range.start));
        }
        let sections = range.start + 4..range.end;
        let mut at = sections.start;
        while at < sections.end {
            let count = word(at + 4)? as usize;
            if count == 0 {
                return Err(bad("section without records", at));
            }
            let len = count.checked_mul(record_size).ok_or(bad("section truncated", at))?;
            at += SECTION_HEADER_LEN;
            if len > sections.end - at {
                return Err(bad("section truncated", at));
            }
            at += len;
        }
        Ok(Table { record_size, sections })
    }
}

/// The lists of one table, an ELF section at a time.
#[derive(Clone)]
pub struct Sections<'a, R> {
    rest: &'a [u8],
    endian: Endian,
    record_size: usize,
    record: PhantomData<R>,
}

impl<'a, R: Record> Iterator for Sections<'a, R> {
    type Item = Section<'a, R>;

    fn next(&mut self) -> Option<Section<'a, R>> {
        let (head, rest) = self.rest.split_at_checked(SECTION_HEADER_LEN)?;
        let len = (word(self.endian, head, 4) as usize).checked_mul(self.record_size)?;
        let (records, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some(Section {
            name: StrOffset(word(self.endian, head, 0)),
            endian: self.endian,
            record_size: self.record_size.max(1),
            records,
            record: PhantomData,
        })
    }
}

/// The records of one ELF section.
#[derive(Clone)]
pub struct Section<'a, R> {
    /// The ELF section's name.
    pub name: StrOffset,
    endian: Endian,
    record_size: usize,
    records: &'a [u8],
    record: PhantomData<R>,
}

impl<'a, R: Record> Section<'a, R> {
    /// The records in their order, which is that of the instructions.
    pub fn records(&self) -> impl ExactSizeIterator<Item = R> + use<'a, R> {
        let endian = self.endian;
        self.records.chunks_exact(self.record_size).map(move |record| R::read(endian, record))
    }

    /// The records as they stand, each with whatever it has beyond what is known here.
    pub fn raw_records(&self) -> core::slice::ChunksExact<'a, u8> {
        self.records.chunks_exact(self.record_size)
    }
}

/// A record of one of the tables.
pub trait Record: Sized {
    /// Bytes of it that are known.
    const LEN: usize;
    /// Reads it from at least [`LEN`](Record::LEN) bytes.
    fn read(endian: Endian, record: &[u8]) -> Self;
}

/// `struct bpf_func_info`: a function begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FuncInfo {
    /// Where, in bytes from the start of the ELF section.
    pub insn_off: u32,
    /// The function's type.
    pub type_id: TypeId,
}

impl Record for FuncInfo {
    const LEN: usize = 8;

    fn read(endian: Endian, record: &[u8]) -> Self {
        FuncInfo { insn_off: word(endian, record, 0), type_id: TypeId(word(endian, record, 4)) }
    }
}

/// `struct bpf_line_info`: a source line begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineInfo {
    /// Where, in bytes from the start of the ELF section.
    pub insn_off: u32,
    /// Name of the source file.
    pub file_name: StrOffset,
    /// The line's text.
    pub line: StrOffset,
    /// Its number, times 1024, plus its column.
    pub line_col: u32,
}

impl LineInfo {
    /// The line's number, from 1.
    pub fn line_number(&self) -> u32 {
        self.line_col >> 10
    }

    /// The column, from 1.
    pub fn column(&self) -> u32 {
        self.line_col & 0x3ff
    }
}

impl Record for LineInfo {
    const LEN: usize = 16;

    fn read(endian: Endian, record: &[u8]) -> Self {
        LineInfo {
            insn_off: word(endian, record, 0),
            file_name: StrOffset(word(endian, record, 4)),
            line: StrOffset(word(endian, record, 8)),
            line_col: word(endian, record, 12),
        }
    }
}

/// `struct bpf_core_relo`: something to be adjusted to the target's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreRelocation {
    /// The instruction, in bytes from the start of the ELF section.
    pub insn_off: u32,
    /// The local type.
    pub type_id: TypeId,
    /// The accessor string, such as `0:1:2`.
    pub access: StrOffset,
    /// `enum bpf_core_relo_kind`.
    pub kind: u32,
}

impl CoreRelocation {
    /// The accessor string; `None` when it does not exist or is not UTF-8.
    pub fn access_str<'a>(&self, btf: &'a Btf) -> Option<&'a str> {
        core::str::from_utf8(btf.string(self.access).ok()?).ok()
    }
}

impl Record for CoreRelocation {
    const LEN: usize = 16;

    fn read(endian: Endian, record: &[u8]) -> Self {
        CoreRelocation {
            insn_off: word(endian, record, 0),
            type_id: TypeId(word(endian, record, 4)),
            access: StrOffset(word(endian, record, 8)),
            kind: word(endian, record, 12),
        }
    }
}
