//! Making `.BTF.ext`, and changing its byte order.

use alloc::vec::Vec;

use super::{BtfExt, CoreRelocation, FuncInfo, LineInfo, Record, Table};
use crate::raw::{self, Endian};
use crate::{Error, StrOffset};

/// `struct btf_ext_header` with the CO-RE relocations' fields.
const HEADER_LEN: u32 = 32;

/// `.BTF.ext` in the making. Records are given in the order of their sections and instructions; those of one section together.
///
/// ```
/// use purebpf_btf::{StrOffset, TypeId, Endian};
/// use purebpf_btf::ext::{BtfExt, ExtBuilder, FuncInfo};
///
/// let mut builder = ExtBuilder::new(Endian::NATIVE);
/// let text = StrOffset(1);
/// builder.add_func_info(text, FuncInfo { insn_off: 0, type_id: TypeId(3) });
/// let ext = BtfExt::parse(builder.finish()?)?;
/// assert_eq!(ext.func_info().next().unwrap().name, text);
/// # Ok::<(), purebpf_btf::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "btf_ext")]
pub struct ExtBuilder {
    endian: Endian,
    func_info: Lists,
    line_info: Lists,
    core_relocations: Lists,
}

/// One table: for each section its name, how many records it has, and these.
#[derive(Clone, Debug, Default)]
struct Lists {
    record_size: u32,
    sections: Vec<(StrOffset, u32, Vec<u8>)>,
}

impl ExtBuilder {
    /// An empty one.
    pub fn new(endian: Endian) -> ExtBuilder {
        ExtBuilder {
            endian,
            func_info: Lists::default(),
            line_info: Lists::default(),
            core_relocations: Lists::default(),
        }
    }

    /// A copy, to be added to. Records keep what they have beyond the fields that are known; new ones have zeroes there.
    pub fn copy_of(ext: &BtfExt) -> ExtBuilder {
        ExtBuilder {
            endian: ext.endian,
            func_info: Lists::copy_of(ext, &ext.func_info),
            line_info: Lists::copy_of(ext, &ext.line_info),
            core_relocations: Lists::copy_of(ext, &ext.core_relocations),
        }
    }

    /// Adds a function to those of a section.
    pub fn add_func_info(&mut self, section: StrOffset, info: FuncInfo) {
        self.func_info.add(self.endian, section, FuncInfo::LEN, &[info.insn_off, info.type_id.0]);
    }

    /// Adds a source line to those of a section.
    pub fn add_line_info(&mut self, section: StrOffset, info: LineInfo) {
        let words = [info.insn_off, info.file_name.0, info.line.0, info.line_col];
        self.line_info.add(self.endian, section, LineInfo::LEN, &words);
    }

    /// Adds a CO-RE relocation to those of a section.
    pub fn add_core_relocation(&mut self, section: StrOffset, relocation: CoreRelocation) {
        let words = [relocation.insn_off, relocation.type_id.0, relocation.access.0, relocation.kind];
        self.core_relocations.add(self.endian, section, CoreRelocation::LEN, &words);
    }

    /// Serialises: a header of 32 bytes, function and line information, relocations. Tables without records are left out.
    ///
    /// # Errors
    /// When it comes to 4 GiB.
    pub fn finish(&self) -> Result<Vec<u8>, Error> {
        let tables = [&self.func_info, &self.line_info, &self.core_relocations].map(|table| table.bytes(self.endian));
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&match self.endian {
            Endian::Little => raw::MAGIC.to_le_bytes(),
            Endian::Big => raw::MAGIC.to_be_bytes(),
        });
        bytes.extend_from_slice(&[raw::VERSION, 0]);
        bytes.extend_from_slice(&self.endian.bytes(HEADER_LEN));
        let mut offset = 0u32;
        for table in &tables {
            let len = u32::try_from(table.len()).ok();
            let end = len.and_then(|len| offset.checked_add(len));
            let end = end.ok_or(Error::CannotBuild { what: "more than 4 GiB" })?;
            bytes.extend_from_slice(&self.endian.bytes(offset));
            bytes.extend_from_slice(&self.endian.bytes(end - offset));
            offset = end;
        }
        bytes.extend(tables.into_iter().flatten());
        Ok(bytes)
    }
}

impl Lists {
    fn copy_of(ext: &BtfExt, table: &Table) -> Lists {
        let sections = ext.sections::<FuncInfo>(table);
        let copy = |section: super::Section<'_, FuncInfo>| {
            let records = section.raw_records();
            (section.name, records.len() as u32, records.flatten().copied().collect())
        };
        Lists { record_size: table.record_size as u32, sections: sections.map(copy).collect() }
    }

    fn add(&mut self, endian: Endian, section: StrOffset, len: usize, words: &[u32]) {
        self.record_size = self.record_size.max(len as u32);
        if self.sections.last().is_none_or(|(last, ..)| *last != section) {
            self.sections.push((section, 0, Vec::new()));
        }
        let Some((_, count, records)) = self.sections.last_mut() else { return };
        *count += 1;
        let end = records.len() + self.record_size as usize;
        records.extend(words.iter().flat_map(|&word| endian.bytes(word)));
        records.resize(end, 0);
    }

    fn bytes(&self, endian: Endian) -> Vec<u8> {
        let mut bytes = Vec::new();
        if !self.sections.is_empty() {
            bytes.extend_from_slice(&endian.bytes(self.record_size));
        }
        for (name, count, records) in &self.sections {
            bytes.extend_from_slice(&endian.bytes(name.0));
            bytes.extend_from_slice(&endian.bytes(*count));
            bytes.extend_from_slice(records);
        }
        bytes
    }
}

impl BtfExt {
    /// Its bytes in another byte order.
    #[doc(alias = "btf_ext__set_endianness")]
    pub fn to_endian(&self, endian: Endian) -> Vec<u8> {
        let mut bytes = self.raw_data().to_vec();
        if endian == self.endian {
            return bytes;
        }
        if let Some(magic) = bytes.get_mut(..2) {
            magic.reverse();
        }
        // A table's record size stands before its sections. Everything, the header included, is of words; those of damaged tables that
        // overlap are turned once.
        let tables = [&self.func_info, &self.line_info, &self.core_relocations];
        let tables = tables.into_iter().filter(|table| table.record_size != 0);
        let ranges = tables.map(|table| table.sections.start - 4..table.sections.end);
        let mut ranges: Vec<_> = core::iter::once(4..self.header_len()).chain(ranges).collect();
        ranges.sort_by_key(|range| range.start);
        let mut done = 0;
        for range in ranges {
            let range = range.start.max(done)..range.end;
            done = done.max(range.end);
            for word in bytes.get_mut(range).unwrap_or_default().chunks_exact_mut(4) {
                word.reverse();
            }
        }
        bytes
    }

    fn header_len(&self) -> usize {
        self.word(4) as usize
    }
}
