//! Function and line information, cut out for each function and rebased to a stream.

use std::collections::HashMap;

use purebpf_btf::Btf;
use purebpf_btf::ext::{BtfExt, Record, Sections};
use purebpf_btf::raw::Endian;
use purebpf_sys::insn::Insn;

use super::InfoRecords;
use crate::object::{Function, Object};

/// The records of one table by section, in the order of their instructions.
#[derive(Debug)]
pub(super) struct InfoTable<'a> {
    endian: Endian,
    record_size: usize,
    sections: HashMap<&'a [u8], Vec<(u32, &'a [u8])>>,
}

impl<'a> InfoTable<'a> {
    /// `func_info` of an object.
    pub(super) fn of_functions(object: &'a Object) -> Option<InfoTable<'a>> {
        let (btf, ext) = (object.btf.as_ref()?, object.btf_ext.as_ref()?);
        Self::new(btf, ext, ext.func_info(), ext.func_info_record_size())
    }

    /// `line_info` of an object.
    pub(super) fn of_lines(object: &'a Object) -> Option<InfoTable<'a>> {
        let (btf, ext) = (object.btf.as_ref()?, object.btf_ext.as_ref()?);
        Self::new(btf, ext, ext.line_info(), ext.line_info_record_size())
    }

    fn new<R: Record>(
        btf: &'a Btf,
        ext: &'a BtfExt,
        table: Sections<'a, R>,
        record_size: usize,
    ) -> Option<InfoTable<'a>> {
        let endian = ext.endian();
        let mut sections: HashMap<&[u8], Vec<(u32, &[u8])>> = HashMap::new();
        for section in table {
            let list = sections.entry(btf.string(section.name).unwrap_or_default()).or_default();
            list.extend(section.raw_records().map(|record| (endian.u32(record, 0).unwrap_or(0), record)));
        }
        for list in sections.values_mut() {
            list.sort_by_key(|&(insn_off, _)| insn_off);
        }
        (record_size > 0).then_some(InfoTable { endian, record_size, sections })
    }

    /// Appends the records of `function`, whose code begins at instruction `base` of the stream.
    /// Says whether there were any.
    pub(super) fn append(&self, function: &Function, base: usize, to: &mut InfoRecords) -> bool {
        let list = self.sections.get(function.section.as_bytes()).map_or(&[][..], Vec::as_slice);
        let start = function.section_offset * Insn::SIZE;
        let end = start + function.insns.len() * Insn::SIZE;
        let first = list.partition_point(|&(insn_off, _)| (insn_off as usize) < start);
        let mut found = false;
        for &(insn_off, record) in list[first..].iter().take_while(|&&(insn_off, _)| (insn_off as usize) < end) {
            found = true;
            to.record_size = self.record_size as u32;
            // The kernel counts instructions, .BTF.ext counts bytes.
            let insn = (insn_off as usize - start) / Insn::SIZE + base;
            to.bytes.extend_from_slice(&(insn as u32).to_ne_bytes());
            for word in record[4..].chunks_exact(4) {
                to.bytes.extend_from_slice(&self.endian.u32(word, 0).unwrap_or(0).to_ne_bytes());
            }
        }
        found
    }
}
