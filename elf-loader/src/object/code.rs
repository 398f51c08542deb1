//! Code: functions, the programs among them, and what their instructions refer to.

use std::collections::HashMap;
use std::sync::Arc;

use purebpf_btf::raw::Endian;
use purebpf_sys::insn::Insn;
use purebpf_sys::uapi::ProgType;

use super::elf::{Elf, Relocation, Symbol};
use super::externs::Extern;
use super::model::{ExternId, Function, FunctionId, Map, MapId, MapKind, Program, Reference, Target};
use crate::Error;

/// The section of subprograms.
const TEXT: &str = ".text";

/// What [`collect`] finds.
pub(super) struct Code {
    pub(super) functions: Vec<Function>,
    pub(super) programs: Vec<Program>,
}

/// Cuts the code sections into functions, and resolves their references.
pub(super) fn collect(elf: &Elf<'_>, maps: &[Map], externs: &[Extern]) -> Result<Code, Error> {
    let mut functions = Vec::new();
    let mut sections = Vec::new();
    let mut symbols: HashMap<usize, Vec<&Symbol<'_>>> = HashMap::new();
    for symbol in elf.symbols.iter().filter(|symbol| symbol.is_function()) {
        if let Some(section) = symbol.section {
            symbols.entry(section).or_default().push(symbol);
        }
    }
    for (number, section) in elf.sections.iter().enumerate() {
        if section.is_code() {
            let first = functions.len();
            cut(elf, number, symbols.remove(&number).unwrap_or_default(), &mut functions)?;
            sections.push((number, first..functions.len()));
        }
    }
    let resolver = Resolver::new(elf, maps, externs, &functions, &sections);
    let references = sections
        .iter()
        .flat_map(|(number, range)| range.clone().map(|function| (*number, function)))
        .map(|(number, function)| resolver.references(number, &functions[function]))
        .collect::<Vec<_>>();
    let text = elf.section_number(TEXT);
    let programs = sections
        .iter()
        // Functions in .text are subprograms, unless there is nothing that could call them.
        .filter(|(number, _)| Some(*number) != text || functions.len() == 1)
        .flat_map(|(_, range)| range.clone())
        .filter(|&function| functions[function].global)
        .map(|function| program(FunctionId(function), &functions[function]))
        .collect();
    for (function, references) in functions.iter_mut().zip(references) {
        function.references = references;
    }
    Ok(Code { functions, programs })
}

fn program(id: FunctionId, function: &Function) -> Program {
    let optional = function.section.strip_prefix('?');
    Program {
        name: function.name.clone(),
        section: optional.unwrap_or(&function.section).to_owned(),
        function: id,
        autoload: optional.is_none(),
        autoattach: true,
        prog_type: ProgType::UNSPEC,
        expected_attach_type: None,
        flags: 0,
        attach_btf: None,
        attach_type_optional: false,
    }
}

/// Adds the functions of a section in the order of their places.
fn cut(
    elf: &Elf<'_>,
    number: usize,
    mut symbols: Vec<&Symbol<'_>>,
    functions: &mut Vec<Function>,
) -> Result<(), Error> {
    let section = &elf.sections[number];
    symbols.sort_by_key(|symbol| symbol.value);
    for symbol in symbols {
        let fault =
            |what: String| Error::BadFunction { function: symbol.name_lossy(), section: section.name_lossy(), what };
        let size = Insn::SIZE as u64;
        let end = symbol.value.checked_add(symbol.size).filter(|&end| end <= section.data.len() as u64);
        let Some(end) = end.filter(|_| symbol.size > 0) else {
            return Err(fault(format!(
                "{} bytes at {} do not lie within its section ({} bytes)",
                symbol.size,
                symbol.value,
                section.data.len()
            )));
        };
        if symbol.value % size != 0 || symbol.size % size != 0 {
            return Err(fault(format!("{} bytes at {} are no whole instructions", symbol.size, symbol.value)));
        }
        let bytes = &section.data[symbol.value as usize..end as usize];
        let big_endian = elf.endian == Endian::Big;
        let insns = bytes
            .chunks_exact(Insn::SIZE)
            .map(|insn| Insn::from_bytes(insn.try_into().unwrap_or_default(), big_endian))
            .collect();
        functions.push(Function {
            name: symbol.name_lossy(),
            section: section.name_lossy(),
            section_offset: (symbol.value / size) as usize,
            insns,
            references: Vec::new(),
            global: !symbol.is_local(),
            hidden: symbol.is_hidden(),
        });
    }
    Ok(())
}

/// Finds what instructions refer to.
struct Resolver<'a> {
    elf: &'a Elf<'a>,
    text: Option<usize>,
    /// Maps declared in `.maps`, by section and place there.
    declared: HashMap<(usize, u64), MapId>,
    /// Maps of data sections, by section.
    data: HashMap<usize, MapId>,
    /// Externs by the number of their symbol.
    externs: HashMap<usize, ExternId>,
    /// Functions by section and place there in instructions.
    functions: HashMap<(usize, usize), FunctionId>,
}

impl<'a> Resolver<'a> {
    fn new(
        elf: &'a Elf<'a>,
        maps: &[Map],
        externs: &[Extern],
        functions: &[Function],
        sections: &[(usize, std::ops::Range<usize>)],
    ) -> Self {
        let mut declared = HashMap::new();
        let mut data = HashMap::new();
        for (n, map) in maps.iter().enumerate() {
            let section = map.section.as_deref().and_then(|name| elf.section_number(name));
            match (section, map.kind) {
                (Some(section), MapKind::User) => _ = declared.insert((section, map.section_offset), MapId(n)),
                (Some(section), _) => _ = data.insert(section, MapId(n)),
                (None, _) => {}
            }
        }
        let places = sections
            .iter()
            .flat_map(|(number, range)| range.clone().map(|f| ((*number, functions[f].section_offset), FunctionId(f))));
        Resolver {
            elf,
            text: elf.section_number(TEXT),
            declared,
            data,
            externs: externs.iter().enumerate().map(|(n, ext)| (ext.symbol, ExternId(n))).collect(),
            functions: places.collect(),
        }
    }

    /// All references of a function in the order of its instructions.
    fn references(&self, section: usize, function: &Function) -> Vec<Reference> {
        let size = Insn::SIZE as u64;
        let start = function.section_offset as u64 * size;
        let end = start + function.insns.len() as u64 * size;
        let relocations = self.elf.relocations.get(&section).map_or(&[][..], Vec::as_slice);
        let first = relocations.partition_point(|relocation| relocation.offset < start);
        let mut relocations = relocations[first..].iter().take_while(|relocation| relocation.offset < end).peekable();
        let mut references = Vec::new();
        for (n, insn) in function.insns.iter().enumerate() {
            let offset = start + n as u64 * size;
            let mut relocated = false;
            while let Some(relocation) = relocations.next_if(|relocation| relocation.offset < offset + size) {
                let target = match relocation.offset == offset && !relocated {
                    true => self.target(function, n, insn, relocation),
                    false => Err("has a relocation that does not begin with it".into()),
                };
                references.push(reference(n, target));
                relocated = true;
            }
            // A call within the section needs no relocation: the distance is known.
            if insn.is_subprog_call() && !relocated {
                let to = (function.section_offset + n) as i64 + i64::from(insn.imm) + 1;
                let callee = usize::try_from(to).ok().and_then(|to| self.functions.get(&(section, to)));
                let target = callee.map(|&id| Target::Call(id)).ok_or_else(|| {
                    format!("calls instruction {to} of section '{}', where no function begins", function.section)
                });
                references.push(reference(n, target));
            }
        }
        references
    }

    fn target(&self, function: &Function, n: usize, insn: &Insn, relocation: &Relocation) -> Result<Target, String> {
        let Some(symbol) = self.elf.symbols.get(relocation.symbol) else {
            return Err(format!("refers to symbol {}, which does not exist", relocation.symbol));
        };
        let name = || self.name_of(symbol);
        if insn.is_ld_imm64() && function.insns.get(n + 1).is_none() {
            return Err("is the first half of an instruction whose second is missing".into());
        }
        if !insn.is_call() && !insn.is_ld_imm64() {
            return Err(format!(
                "refers to '{}' and is neither a call nor a ld_imm64 (code {:#04x})",
                name(),
                insn.code
            ));
        }
        if symbol.is_extern() {
            return match self.externs.get(&relocation.symbol) {
                Some(&id) => Ok(Target::Extern(id)),
                None => Err(format!("refers to extern '{}', which is not declared", name())),
            };
        }
        let Some(section) = symbol.section else {
            return Err(format!("refers to '{}', which is in no section", name()));
        };
        if insn.is_call() {
            if !insn.is_subprog_call() {
                return Err(format!("calls '{}' as if it were no subprogram", name()));
            }
            return self.function_at(section, symbol, i64::from(insn.imm) + 1).map(Target::Call);
        }
        let is_code = self.elf.sections.get(section).is_some_and(|section| section.is_code());
        if is_code && (Some(section) == self.text || symbol.is_function()) {
            // The immediate counts bytes here, from the symbol.
            if i64::from(insn.imm) % Insn::SIZE as i64 != 0 {
                return Err(format!("takes the address of '{}' plus {}, inside an instruction", name(), insn.imm));
            }
            return self.function_at(section, symbol, i64::from(insn.imm) / Insn::SIZE as i64).map(Target::Address);
        }
        if let Some(&map) = self.data.get(&section) {
            let offset = u32::try_from(symbol.value)
                .map_err(|_| format!("refers to '{}' at {}, past what a map can hold", name(), symbol.value))?;
            return Ok(Target::MapValue { map, offset });
        }
        match self.declared.get(&(section, symbol.value)) {
            Some(&map) => Ok(Target::Map(map)),
            None => Err(format!(
                "refers to '{}' in section '{}', which is neither a map nor data that BPF programs can reach",
                name(),
                self.elf.sections.get(section).map(|section| section.name_lossy()).unwrap_or_default()
            )),
        }
    }

    /// The function that begins `insns` instructions after a symbol.
    fn function_at(&self, section: usize, symbol: &Symbol<'_>, insns: i64) -> Result<FunctionId, String> {
        let at = (symbol.value / Insn::SIZE as u64) as i64;
        let place = at.checked_add(insns).and_then(|place| usize::try_from(place).ok());
        let found = place.and_then(|place| self.functions.get(&(section, place)));
        found.copied().ok_or_else(|| {
            format!("calls '{}' at instruction {}, where no function begins", self.name_of(symbol), at + insns)
        })
    }

    fn name_of(&self, symbol: &Symbol<'_>) -> String {
        match symbol.is_section() {
            true => symbol.section.and_then(|n| self.elf.sections.get(n)).map(|s| s.name_lossy()).unwrap_or_default(),
            false => symbol.name_lossy(),
        }
    }
}

fn reference(insn: usize, target: Result<Target, String>) -> Reference {
    let target = target.unwrap_or_else(|why| Target::Broken(Arc::from(why)));
    Reference { insn, target }
}
