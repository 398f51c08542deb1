//! What two objects have in common: all that a loader reads of them. Sections that the program is made of are compared byte by
//! byte with their relocations; BTF by what it says, since its order depends on the compiler's mood; of debug information
//! (DWARF, line numbers) nothing.

use crate::error::{Context, Result};
use object::{
    Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SectionFlags, SymbolKind,
    read::elf::ElfFile64,
};
use purebpf_btf::{Btf, TypeData, TypeId, ext::BtfExt};
use std::collections::BTreeMap;

/// In what objects differ, a sentence for each difference, and which kind of difference it is.
#[derive(Default)]
pub(super) struct Differences {
    /// Of instructions and what they refer to.
    pub(super) code: Vec<String>,
    /// Of everything else: data, maps, types, symbols.
    pub(super) rest: Vec<String>,
}

impl Differences {
    pub(super) fn is_empty(&self) -> bool {
        self.code.is_empty() && self.rest.is_empty()
    }
}

/// Compares what libbpf's headers made with what ours made.
pub(super) fn objects(theirs: &[u8], ours: &[u8]) -> Result<Differences> {
    let (theirs, ours) = (Facts::of(theirs).context("libbpf's object")?, Facts::of(ours).context("our object")?);
    let mut differences = Differences::default();
    maps(&theirs.code, &ours.code, &mut differences.code);
    maps(&theirs.rest, &ours.rest, &mut differences.rest);
    Ok(differences)
}

/// Facts by what they are about.
type Table = BTreeMap<String, String>;

fn maps(theirs: &Table, ours: &Table, differences: &mut Vec<String>) {
    for (name, value) in theirs {
        match ours.get(name) {
            None => differences.push(format!("{name}: libbpf's only")),
            Some(other) if other != value => differences.push(format!("{name}: {}", first_difference(value, other))),
            Some(_) => {}
        }
    }
    differences.extend(ours.keys().filter(|name| !theirs.contains_key(*name)).map(|name| format!("{name}: ours only")));
}

/// The first line that differs, and how many lines each has if their number does.
fn first_difference(theirs: &str, ours: &str) -> String {
    let (mut left, mut right) = (theirs.lines(), ours.lines());
    let mut at = 0;
    let (left, right) = loop {
        match (left.next(), right.next()) {
            (Some(left), Some(right)) if left == right => at += 1,
            (left, right) => break (left.unwrap_or("nothing"), right.unwrap_or("nothing")),
        }
    };
    let (many, few) = (theirs.lines().count(), ours.lines().count());
    let lengths = if many == few { String::new() } else { format!(", {many} lines against {few}") };
    format!("line {at}: {left} | {right}{lengths}")
}

/// An object's facts.
struct Facts {
    code: Table,
    rest: Table,
}

impl Facts {
    fn of(bytes: &[u8]) -> Result<Facts> {
        let elf = ElfFile64::<object::Endianness>::parse(bytes).context("not a 64-bit ELF file")?;
        let mut facts = Facts { code: Table::new(), rest: Table::new() };
        for section in elf.sections() {
            let name = section.name().context("a section's name")?;
            let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
            if sh_flags & u64::from(object::elf::SHF_ALLOC) == 0 {
                continue;
            }
            let is_code = sh_flags & u64::from(object::elf::SHF_EXECINSTR) != 0;
            let mut text = format!("flags {sh_flags:#x}, alignment {}, {} bytes\n", section.align(), section.size());
            let data = section.data().context(name)?;
            let width = if is_code { 8 } else { 16 };
            for (index, line) in data.chunks(width).enumerate() {
                let hex: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
                text += &format!("{:#06x} {hex}\n", index * width);
            }
            for (offset, relocation) in section.relocations() {
                let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
                let target = match relocation.target() {
                    RelocationTarget::Symbol(index) => symbol(&elf, index).context(name)?,
                    other => format!("{other:?}"),
                };
                text += &format!("{offset:#06x} relocation {r_type} to {target}\n");
            }
            let table = if is_code { &mut facts.code } else { &mut facts.rest };
            table.insert(format!("section {name}"), text);
        }
        facts.symbols(&elf)?;
        facts.types(&elf)?;
        Ok(facts)
    }

    /// What the object defines and what it needs.
    fn symbols(&mut self, elf: &ElfFile64<'_, object::Endianness>) -> Result {
        for symbol in elf.symbols() {
            let name = symbol.name().context("a symbol's name")?;
            // The compiler's own labels are no one's interface.
            if name.is_empty() || name.starts_with(".L") || name.starts_with("LBB") || symbol.kind() == SymbolKind::File
            {
                continue;
            }
            let section = match symbol.section_index() {
                Some(index) => elf.section_by_index(index).context(name)?.name().context(name)?.to_owned(),
                None => format!("{:?}", symbol.section()),
            };
            let text = format!(
                "{:?}, in {section} at {}, {} bytes, weak {}, global {}, flags {:?}",
                symbol.kind(),
                symbol.address(),
                symbol.size(),
                symbol.is_weak(),
                symbol.is_global(),
                symbol.flags()
            );
            // Symbols that come from .debug sections are gone with them.
            if !section.starts_with(".debug") {
                self.rest.insert(format!("symbol {name} ({section})"), text);
            }
        }
        Ok(())
    }

    fn types(&mut self, elf: &ElfFile64<'_, object::Endianness>) -> Result {
        let data = |name| elf.section_by_name(name).and_then(|section| section.data().ok());
        let Some(btf) = data(".BTF") else { return Ok(()) };
        let btf = Btf::parse(btf.to_vec()).context(".BTF")?;
        let names = Names(&btf);
        for item in btf.own_types() {
            if let Some((key, text)) = names.definition(item.id()) {
                *self.rest.entry(key).or_default() += &text;
            }
        }
        // Types of one name are in no order.
        for (_, text) in self.rest.iter_mut().filter(|(key, _)| key.starts_with("type ")) {
            let mut lines: Vec<&str> = text.lines().collect();
            lines.sort_unstable();
            *text = lines.iter().map(|line| format!("{line}\n")).collect();
        }
        let Some(ext) = data(".BTF.ext") else { return Ok(()) };
        let ext = BtfExt::parse(ext.to_vec()).context(".BTF.ext")?;
        let section_name = |name| btf.string(name).map(|name| String::from_utf8_lossy(name).into_owned());
        for section in ext.core_relocations() {
            let key = format!("relocations of {}", section_name(section.name).context("a section of .BTF.ext")?);
            let text: String = section
                .records()
                .map(|record| {
                    let access = record.access_str(&btf).unwrap_or("?");
                    format!(
                        "{:#06x} kind {} of {} at {access}\n",
                        record.insn_off,
                        record.kind,
                        names.whole(record.type_id)
                    )
                })
                .collect();
            *self.code.entry(key).or_default() += &text;
        }
        for section in ext.func_info() {
            let key = format!("functions of {}", section_name(section.name).context("a section of .BTF.ext")?);
            let text: String = section
                .records()
                .map(|record| {
                    let (name, signature) = names.definition(record.type_id).unwrap_or_default();
                    format!("{:#06x} {name} {signature}\n", record.insn_off)
                })
                .collect();
            *self.rest.entry(key).or_default() += &text;
        }
        Ok(())
    }
}

/// The symbol that a relocation names: those of sections have no name but their section's.
fn symbol(elf: &ElfFile64<'_, object::Endianness>, index: object::SymbolIndex) -> Result<String> {
    let symbol = elf.symbol_by_index(index).context("a relocation's symbol")?;
    let name = symbol.name().context("a symbol's name")?;
    Ok(match symbol.section_index() {
        Some(section) if symbol.kind() == SymbolKind::Section || name.starts_with(".L") => {
            let section = elf.section_by_index(section).context("a symbol's section")?;
            format!("{} + {}", section.name().context("a section's name")?, symbol.address())
        }
        _ => name.to_owned(),
    })
}

/// BTF types as text without ids.
struct Names<'a>(&'a Btf);

impl Names<'_> {
    /// A type that others refer to by name, or that is looked up: what it is called and what it says.
    fn definition(&self, id: TypeId) -> Option<(String, String)> {
        let item = self.0.type_by_id(id).ok()?;
        let name = String::from_utf8_lossy(item.name_bytes()).into_owned();
        let kind = item.kind();
        let text = match item.data() {
            TypeData::Struct(_) | TypeData::Union(_) | TypeData::Enum(_) | TypeData::Enum64(_) if name.is_empty() => {
                return None;
            }
            TypeData::Struct(_) | TypeData::Union(_) | TypeData::Enum(_) | TypeData::Enum64(_) => self.body(id),
            TypeData::Typedef(of) => self.short(of),
            TypeData::Func(func) => format!("{:?} {}", func.linkage, self.whole(func.proto)),
            TypeData::Var(var) => format!("{:?} {}", var.linkage, self.whole(var.type_id)),
            TypeData::Datasec(section) => section
                .vars()
                .map(|var| format!("{}: {}, {}\n", var.variable().name().unwrap_or_default(), var.offset, var.size))
                .collect(),
            TypeData::DeclTag(tag) => {
                let target = self.0.type_by_id(tag.target).ok()?;
                format!("on {:?} {}, part {:?}", target.kind(), target.name().unwrap_or_default(), tag.component)
            }
            TypeData::Fwd(kind) => format!("{kind:?}"),
            _ => return None,
        };
        Some((format!("type {kind:?} {name}"), text + "\n"))
    }

    /// A reference: by name where there is one.
    fn short(&self, id: TypeId) -> String {
        let Ok(item) = self.0.type_by_id(id) else { return format!("{id}?") };
        let name = item.name().unwrap_or_default();
        let named = !name.is_empty();
        match item.data() {
            TypeData::Struct(_) | TypeData::Union(_) | TypeData::Enum(_) | TypeData::Enum64(_) if named => {
                format!("{:?} {name}", item.kind())
            }
            TypeData::Fwd(kind) => format!("{kind:?} {name}"),
            TypeData::Typedef(_) => name.to_owned(),
            _ => self.whole(id),
        }
    }

    /// A reference that spells out what has no name.
    fn whole(&self, id: TypeId) -> String {
        let Ok(item) = self.0.type_by_id(id) else { return format!("{id}?") };
        let name = item.name().unwrap_or_default();
        match item.data() {
            TypeData::Void => "void".to_owned(),
            TypeData::Int(int) => format!("{name}:{}:{}:{}", int.size, int.encoding.0, int.bits),
            TypeData::Float(float) => format!("{name}:{}", float.size),
            TypeData::Ptr(to) => format!("*{}", self.short(to)),
            TypeData::Array(array) => format!("[{}]{}", array.len, self.short(array.element)),
            TypeData::Const(of) => format!("const {}", self.short(of)),
            TypeData::Volatile(of) => format!("volatile {}", self.short(of)),
            TypeData::Restrict(of) => format!("restrict {}", self.short(of)),
            TypeData::TypeTag(of) => format!("tag({name}) {}", self.short(of)),
            TypeData::FuncProto(proto) => {
                let params: Vec<String> = proto
                    .params()
                    .map(|param| format!("{} {}", self.short(param.type_id), param.name().unwrap_or_default()))
                    .collect();
                format!("{} ({})", self.short(proto.ret), params.join(", "))
            }
            TypeData::Struct(_) | TypeData::Union(_) | TypeData::Enum(_) | TypeData::Enum64(_) if name.is_empty() => {
                self.body(id)
            }
            _ => self.short(id),
        }
    }

    /// Members or enumerators.
    fn body(&self, id: TypeId) -> String {
        let Ok(item) = self.0.type_by_id(id) else { return format!("{id}?") };
        let mut text = format!("{:?} of {} {{ ", item.kind(), item.size_or_type());
        for member in item.members().into_iter().flatten() {
            let width = member.bit_size().map_or(String::new(), |width| format!(":{width}"));
            let name = member.name().unwrap_or_default();
            text += &format!("{} {name}@{}{width}; ", self.short(member.type_id), member.bit_offset);
        }
        if let Some(data) = item.as_enum() {
            for value in data.values() {
                let name = value.name().unwrap_or_default();
                // The members of maps that hold 64-bit numbers: what makes their enumerators unique is a counter.
                let name = if name.starts_with("__unique_value") { "__unique_value" } else { name };
                text += &format!("{name} = {}, ", value.value);
            }
        }
        text + "}"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{read, root};

    /// An object of the tests, and where a section of it lies.
    fn object() -> (Vec<u8>, impl Fn(&str) -> usize) {
        let bytes = read(&root().join("tests/programs/packets.bpf.o")).unwrap();
        let elf = ElfFile64::<object::Endianness>::parse(&bytes[..]).unwrap();
        let places: BTreeMap<String, usize> = elf
            .sections()
            .filter_map(|section| Some((section.name().ok()?.to_owned(), section.file_range()?.0 as usize)))
            .collect();
        (bytes, move |name: &str| places[name])
    }

    #[test]
    fn an_object_is_as_itself() {
        let (bytes, _) = object();
        assert!(objects(&bytes, &bytes).unwrap().is_empty());
    }

    #[test]
    fn instructions_and_data_that_differ_are_found() {
        let (bytes, place) = object();
        let changed = |at: usize| {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            objects(&bytes, &changed).unwrap()
        };
        let differences = changed(place("xdp") + 4);
        assert_eq!(differences.code.len(), 1);
        assert!(differences.code[0].starts_with("section xdp: line 1: 0x0000 "), "{}", differences.code[0]);
        assert!(differences.rest.is_empty());
        let differences = changed(place("license"));
        assert!(differences.code.is_empty());
        assert_eq!(differences.rest.len(), 1);
        assert!(differences.rest[0].starts_with("section license: line 1: "), "{}", differences.rest[0]);
    }

    /// What BTF calls the section that holds the licence.
    #[test]
    fn names_that_differ_are_found() {
        let (bytes, place) = object();
        let btf = place(".BTF");
        let at = bytes[btf..].windows(8).position(|window| window == b"license\0").unwrap() + btf;
        let mut changed = bytes.clone();
        changed[at] = b'L';
        let differences = objects(&bytes, &changed).unwrap();
        assert!(differences.code.is_empty());
        assert!(differences.rest.iter().any(|text| text.starts_with("type Datasec ")), "{:?}", differences.rest);
    }
}
