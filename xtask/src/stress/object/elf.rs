//! What of an ELF file its damage is aimed at: tables of records with fields, found as far as the file can be followed.

use std::ops::Range;

/// Where a field lies in its record, and how wide it is.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) at: usize,
    pub(super) width: usize,
}

const fn field(at: usize, width: usize) -> Field {
    Field { at, width }
}

/// `Elf64_Ehdr`, of which `e_entry` and the program headers' places mean nothing to an object; class and byte order first.
const EHDR: [Field; 10] = [
    field(4, 1),
    EI_DATA,
    field(16, 2),
    field(18, 2),
    field(20, 4),
    E_SHOFF,
    field(52, 2),
    field(58, 2),
    E_SHNUM,
    E_SHSTRNDX,
];
const EI_DATA: Field = field(5, 1);
const E_SHOFF: Field = field(40, 8);
const E_SHNUM: Field = field(60, 2);
const E_SHSTRNDX: Field = field(62, 2);

/// `Elf64_Shdr`.
const SHDR: [Field; 10] = [
    SH_NAME,
    SH_TYPE,
    SH_FLAGS,
    field(16, 8),
    SH_OFFSET,
    SH_SIZE,
    field(40, 4),
    field(44, 4),
    field(48, 8),
    field(56, 8),
];
const SHDR_SIZE: usize = 64;
const SH_NAME: Field = field(0, 4);
const SH_TYPE: Field = field(4, 4);
const SH_FLAGS: Field = field(8, 8);
const SH_OFFSET: Field = field(24, 8);
const SH_SIZE: Field = field(32, 8);

/// `Elf64_Sym`: name, info, other, section, value, size.
const SYM: [Field; 6] = [field(0, 4), field(4, 1), field(5, 1), field(6, 2), field(8, 8), field(16, 8)];
/// `Elf64_Rel`: offset, type, symbol.
const REL: [Field; 3] = [field(0, 8), field(8, 4), field(12, 4)];
/// An instruction: opcode, registers, offset, immediate.
const INSN: [Field; 4] = [field(0, 1), field(1, 1), field(2, 2), field(4, 4)];
/// Words, which `.BTF.ext` and definitions of maps are of.
const WORD: [Field; 1] = [field(0, 4)];

/// `sh_type`.
pub(super) const SHT_SYMTAB: u64 = 2;
pub(super) const SHT_STRTAB: u64 = 3;
pub(super) const SHT_NOBITS: u64 = 8;
pub(super) const SHT_REL: u64 = 9;
const SHF_EXECINSTR: u64 = 4;

/// A number in the file, which is little-endian; 0 beyond its end.
pub(super) fn get(file: &[u8], base: usize, field: Field) -> u64 {
    let bytes = base.checked_add(field.at).and_then(|at| file.get(at..at.checked_add(field.width)?));
    bytes.unwrap_or_default().iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Puts a number there, so far as it fits.
pub(super) fn put(file: &mut [u8], base: usize, field: Field, number: u64) {
    let place = base.checked_add(field.at).and_then(|at| file.get_mut(at..at.checked_add(field.width)?));
    place.unwrap_or_default().iter_mut().zip(number.to_le_bytes()).for_each(|(place, byte)| *place = byte);
}

/// Records of a kind, one after the other.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) at: usize,
    pub(super) record: usize,
    pub(super) count: usize,
    pub(super) fields: &'static [Field],
}

impl Table {
    fn within(range: Range<usize>, record: usize, fields: &'static [Field]) -> Table {
        Table { at: range.start, record, count: range.len() / record, fields }
    }

    /// Where a record begins.
    pub(super) fn place(&self, number: usize) -> usize {
        self.at + number * self.record
    }
}

/// The file's own header.
pub(super) fn header() -> Table {
    Table::within(0..64, 64, &EHDR)
}

/// The table of sections, so far as it lies in the file.
pub(super) fn section_headers(file: &[u8]) -> Table {
    let start = (get(file, 0, E_SHOFF) as usize).min(file.len());
    let most = (file.len() - start) / SHDR_SIZE;
    let count = (get(file, 0, E_SHNUM) as usize).min(most);
    Table { at: start, record: SHDR_SIZE, count, fields: &SHDR }
}

/// A section.
#[derive(Clone)]
pub(super) struct Section {
    /// Where its header is.
    pub(super) header: usize,
    pub(super) kind: u64,
    executable: bool,
    /// Its bytes, so far as they lie in the file.
    pub(super) range: Range<usize>,
}

pub(super) fn sections(file: &[u8]) -> Vec<Section> {
    let table = section_headers(file);
    let section = |number| {
        let header = table.place(number);
        let kind = get(file, header, SH_TYPE);
        let start = (get(file, header, SH_OFFSET) as usize).min(file.len());
        let len = if kind == SHT_NOBITS { 0 } else { get(file, header, SH_SIZE) as usize };
        let executable = get(file, header, SH_FLAGS) & SHF_EXECINSTR != 0;
        Section { header, kind, executable, range: start..start.saturating_add(len).min(file.len()) }
    };
    (0..table.count).map(section).collect()
}

impl Section {
    /// What it holds, as records.
    pub(super) fn table(&self) -> Table {
        let (record, fields): (usize, &[Field]) = match self.kind {
            SHT_SYMTAB => (24, &SYM),
            SHT_REL => (16, &REL),
            _ if self.executable => (8, &INSN),
            _ => (4, &WORD),
        };
        Table::within(self.range.clone(), record, fields)
    }

    pub(super) fn name<'f>(&self, file: &'f [u8]) -> &'f [u8] {
        let strings = names(file);
        let start = strings.start.saturating_add(get(file, self.header, SH_NAME) as usize);
        let rest = file.get(start..).unwrap_or_default();
        rest.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

/// The names of sections.
fn names(file: &[u8]) -> Range<usize> {
    let table = section_headers(file);
    let number = get(file, 0, E_SHSTRNDX) as usize;
    let header = table.place(number.min(table.count.saturating_sub(1)));
    let start = (get(file, header, SH_OFFSET) as usize).min(file.len());
    start..start.saturating_add(get(file, header, SH_SIZE) as usize).min(file.len())
}

/// No file grows beyond this.
const ROOM: usize = 1 << 20;

/// Gives a section other bytes: in its place if there is room, else at the end of the file.
pub(super) fn replace(file: &mut Vec<u8>, section: &Section, bytes: &[u8]) {
    if file.len() + bytes.len() > ROOM {
        return;
    }
    put(file, section.header, SH_SIZE, bytes.len() as u64);
    if bytes.len() <= section.range.len() {
        file[section.range.start..section.range.start + bytes.len()].copy_from_slice(bytes);
        return;
    }
    let at = append(file, bytes);
    put(file, section.header, SH_OFFSET, at);
}

/// Where that begins.
fn append(file: &mut Vec<u8>, bytes: &[u8]) -> u64 {
    let at = file.len().next_multiple_of(8);
    file.resize(at, 0);
    file.extend_from_slice(bytes);
    at as u64
}

/// Gives a section another name.
pub(super) fn rename(file: &mut Vec<u8>, section: &Section, name: &[u8]) {
    let mut strings = file[names(file)].to_vec();
    let number = get(file, 0, E_SHSTRNDX) as usize;
    let Some(holder) = sections(file).get(number).cloned() else { return };
    put(file, section.header, SH_NAME, strings.len() as u64);
    strings.extend_from_slice(name);
    strings.push(0);
    replace(file, &holder, &strings);
}

/// Takes bytes out; what follows moves, which the header knows of, but no section.
pub(super) fn cut(file: &mut Vec<u8>, range: Range<usize>) {
    let table = get(file, 0, E_SHOFF);
    if range.end as u64 <= table {
        put(file, 0, E_SHOFF, table - range.len() as u64);
    }
    file.drain(range);
}

/// Puts a section's header once more into the table, at its end.
pub(super) fn repeat_header(file: &mut Vec<u8>, section: &Section, times: usize) {
    let table = section_headers(file);
    let mut headers = file[table.at..table.place(table.count)].to_vec();
    let Some(header) = file.get(section.header..section.header + SHDR_SIZE) else { return };
    headers.extend(header.repeat(times));
    if file.len() + headers.len() > ROOM {
        return;
    }
    let at = append(file, &headers);
    put(file, 0, E_SHOFF, at);
    put(file, 0, E_SHNUM, (table.count + times) as u64);
}

/// Makes a big-endian object of it: its tables, code and types. Data stays.
pub(super) fn turn(file: &mut [u8]) {
    for section in sections(file) {
        let Range { start, end } = section.range;
        match section.name(file) {
            b".BTF" => {
                // struct btf_header: magic, version and flags; its length, offset and length of the types, and so on.
                let word = |at| get(file, start, field(at, 4)) as usize;
                let types = start.saturating_add(word(4)).saturating_add(word(8));
                let types = types..types.saturating_add(word(12)).min(end);
                let header = start.saturating_add(4)..start.saturating_add(word(4)).min(end);
                reverse_all(file, start..start.saturating_add(2), 2);
                reverse_all(file, header, 4);
                reverse_all(file, types, 4);
            }
            b".BTF.ext" => {
                reverse_all(file, start..start.saturating_add(2), 2);
                reverse_all(file, start.saturating_add(4)..end, 4);
            }
            // Symbol and type are one word.
            _ if section.kind == SHT_REL => reverse_all(file, start..end, 8),
            _ if section.kind == SHT_SYMTAB => reverse_fields(file, &section.table()),
            _ if section.executable => {
                let table = section.table();
                reverse_fields(file, &table);
                for number in 0..table.count {
                    file[table.place(number) + INSN[1].at] = file[table.place(number) + INSN[1].at].rotate_left(4);
                }
            }
            _ => {}
        }
    }
    reverse_fields(file, &section_headers(file));
    reverse_fields(file, &header());
    put(file, 0, EI_DATA, 2);
}

fn reverse_fields(file: &mut [u8], table: &Table) {
    for number in 0..table.count {
        for field in table.fields {
            let start = table.place(number) + field.at;
            file.get_mut(start..start + field.width).unwrap_or_default().reverse();
        }
    }
}

fn reverse_all(file: &mut [u8], range: Range<usize>, width: usize) {
    file.get_mut(range).unwrap_or_default().chunks_exact_mut(width).for_each(<[u8]>::reverse);
}
