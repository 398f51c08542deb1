//! Code: functions, the programs among them, and what their instructions refer to.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use purebpf_btf::raw::Endian;
use purebpf_sys::insn::Insn;
use purebpf_sys::uapi::ProgType;

use super::elf::{Elf, Relocation, Section, Symbol, shown};
use super::externs::Extern;
use super::model::{
    ExternId, Function, FunctionId, JumpTable, Map, MapId, MapKind, Program, ProgramId, Reference, Target,
};
use crate::Error;

/// The section of subprograms.
const TEXT: &str = ".text";

/// The section of tables for indirect jumps.
const JUMP_TABLES: &str = ".jumptables";

/// What [`collect`] finds.
pub(super) struct Code {
    pub(super) functions: Vec<Function>,
    pub(super) programs: Vec<Program>,
    /// Which functions are in which section, by its number.
    sections: Vec<(usize, Range<usize>)>,
    /// Programs by section and place there in instructions.
    places: HashMap<(usize, usize), ProgramId>,
    /// The section of subprograms.
    text: Option<usize>,
}

impl Code {
    /// The program that begins at a byte of a section.
    pub(super) fn program_at(&self, section: usize, byte: u64) -> Option<ProgramId> {
        let at = usize::try_from(byte / Insn::SIZE as u64).ok().filter(|_| byte % Insn::SIZE as u64 == 0)?;
        self.places.get(&(section, at)).copied()
    }

    /// The number of the section that a function is in.
    pub(super) fn section_of(&self, function: FunctionId) -> Option<usize> {
        let after = self.sections.partition_point(|(_, range)| range.start <= function.0);
        self.sections.get(..after)?.iter().rfind(|(_, range)| range.contains(&function.0)).map(|(number, _)| *number)
    }

    /// Whether a function is one that programs call, and no program.
    pub(super) fn is_subprogram(&self, function: FunctionId) -> bool {
        self.text.is_some() && self.section_of(function) == self.text
    }
}

/// A second name of a function: a symbol at the same place, of the same size.
struct Alias {
    function: FunctionId,
    name: String,
    global: bool,
}

/// Cuts the code sections into functions, and resolves their references.
pub(super) fn collect(elf: &Elf<'_>, maps: &[Map], externs: &[Extern]) -> Result<Code, Error> {
    let mut functions = Vec::new();
    let mut aliases = Vec::new();
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
            cut(elf, number, symbols.remove(&number).unwrap_or_default(), &mut functions, &mut aliases)?;
            sections.push((number, first..functions.len()));
        }
    }
    let resolver = Resolver::new(elf, maps, externs, &functions, &sections);
    let references = sections
        .iter()
        .flat_map(|(number, range)| range.clone().map(|function| (*number, function)))
        .map(|(number, function)| resolver.references(number, &functions[function]))
        .collect::<Result<Vec<_>, Error>>()?;
    let text = elf.section_number(TEXT);
    let (mut programs, mut places) = (Vec::new(), HashMap::new());
    let mut aliases = aliases.into_iter().peekable();
    // Functions in .text are subprograms, even if nothing calls them.
    for (number, range) in &sections {
        for n in range.clone() {
            let function = &functions[n];
            let mut names = vec![(function.name.clone(), function.global)];
            while let Some(alias) = aliases.next_if(|alias| alias.function.0 <= n) {
                names.push((alias.name, alias.global));
            }
            if Some(*number) != text {
                for (name, _) in names.into_iter().filter(|(_, global)| *global) {
                    elf.charge(name.len() + function.section.len())?;
                    places.insert((*number, function.section_offset), ProgramId(programs.len()));
                    programs.push(program(FunctionId(n), name, function));
                }
            }
        }
    }
    for (function, references) in functions.iter_mut().zip(references) {
        function.references = references;
    }
    Ok(Code { functions, programs, sections, places, text })
}

fn program(id: FunctionId, name: String, function: &Function) -> Program {
    let optional = function.section.strip_prefix('?');
    Program {
        name,
        section: optional.unwrap_or(&function.section).to_owned(),
        function: id,
        autoload: optional.is_none(),
        autoattach: true,
        prog_type: ProgType::UNSPEC,
        expected_attach_type: None,
        flags: 0,
        attach_btf: None,
        attach_type_optional: false,
        exception_callback: None,
        ifindex: 0,
        log_level: 0,
    }
}

/// Adds the functions of a section in the order of their places.
fn cut(
    elf: &Elf<'_>,
    number: usize,
    mut symbols: Vec<&Symbol<'_>>,
    functions: &mut Vec<Function>,
    aliases: &mut Vec<Alias>,
) -> Result<(), Error> {
    let section = &elf.sections[number];
    symbols.sort_by_key(|symbol| symbol.value);
    let mut previous: Option<(u64, u64)> = None;
    for symbol in symbols {
        let fault =
            |what: String| Error::BadFunction { function: shown(symbol.name), section: shown(section.name), what };
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
        if previous == Some((symbol.value, end)) {
            elf.charge(symbol.name.len())?;
            let function = FunctionId(functions.len().saturating_sub(1));
            aliases.push(Alias { function, name: symbol.name_lossy(), global: !symbol.is_local() });
            continue;
        }
        if previous.is_some_and(|(_, end)| symbol.value < end) {
            return Err(fault(format!("at {} it overlaps the function before it", symbol.value)));
        }
        previous = Some((symbol.value, end));
        elf.charge(symbol.name.len() + section.name.len())?;
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
    /// The section of jump tables.
    jump_tables: Option<usize>,
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
        sections: &[(usize, Range<usize>)],
    ) -> Self {
        let mut declared = HashMap::new();
        let mut data = HashMap::new();
        for (n, map) in maps.iter().enumerate() {
            let section = map.section.as_deref().and_then(|name| elf.section_number(name));
            match (section, map.kind) {
                (Some(section), MapKind::User | MapKind::StructOps) => {
                    declared.insert((section, map.section_offset), MapId(n));
                }
                (Some(section), _) => _ = data.insert(section, MapId(n)),
                (None, _) => {}
            }
        }
        let arena = maps.iter().position(|map| map.is_arena() && map.initial_value.is_some());
        if let (Some(arena), Some(section)) = (arena, elf.section_number(super::data::ARENA)) {
            data.insert(section, MapId(arena));
        }
        let places = sections
            .iter()
            .flat_map(|(number, range)| range.clone().map(|f| ((*number, functions[f].section_offset), FunctionId(f))));
        Resolver {
            elf,
            text: elf.section_number(TEXT),
            jump_tables: elf.section_number(JUMP_TABLES),
            declared,
            data,
            externs: externs.iter().enumerate().map(|(n, ext)| (ext.symbol, ExternId(n))).collect(),
            functions: places.collect(),
        }
    }

    /// All references of a function in the order of its instructions.
    fn references(&self, section: usize, function: &Function) -> Result<Vec<Reference>, Error> {
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
                references.push(self.reference(n, target)?);
                relocated = true;
            }
            // A call within the section needs no relocation: the distance is known.
            if insn.is_subprog_call() && !relocated {
                let to = (function.section_offset + n) as i64 + i64::from(insn.imm) + 1;
                let callee = usize::try_from(to).ok().and_then(|to| self.functions.get(&(section, to)));
                let target = callee.map(|&id| Target::Call(id)).ok_or_else(|| {
                    let section = shown(function.section.as_bytes());
                    format!("calls instruction {to} of section '{section}', where no function begins")
                });
                references.push(self.reference(n, target)?);
            }
        }
        Ok(references)
    }

    fn reference(&self, insn: usize, target: Result<Target, String>) -> Result<Reference, Error> {
        let broken = |why: String| {
            self.elf.charge(why.len())?;
            Ok(Target::Broken(Arc::from(why)))
        };
        Ok(Reference { insn, target: target.or_else(broken)? })
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
        let is_code = self.elf.sections.get(section).is_some_and(Section::is_code);
        if is_code && (Some(section) == self.text || symbol.is_function()) {
            // The immediate counts bytes here, from the symbol.
            if i64::from(insn.imm) % Insn::SIZE as i64 != 0 {
                return Err(format!("takes the address of '{}' plus {}, inside an instruction", name(), insn.imm));
            }
            return self.function_at(section, symbol, i64::from(insn.imm) / Insn::SIZE as i64).map(Target::Address);
        }
        if Some(section) == self.jump_tables {
            return self.jump_table(function, symbol).map(|table| Target::JumpTable(Arc::new(table)));
        }
        if let Some(&map) = self.data.get(&section) {
            let offset = u32::try_from(symbol.value)
                .map_err(|_| format!("refers to '{}' at {}, past what a map can hold", name(), symbol.value))?;
            return Ok(Target::MapValue { map, offset });
        }
        if let Some(&map) = self.declared.get(&(section, symbol.value)) {
            return Ok(Target::Map(map));
        }
        let place = self.elf.sections.get(section).map_or(&[][..], |section| section.name);
        Err(format!(
            "refers to '{}' in section '{}', which is neither a map nor data that BPF programs can reach",
            name(),
            shown(place)
        ))
    }

    /// The table that a symbol of `.jumptables` stands for, as `function` uses it.
    fn jump_table(&self, function: &Function, symbol: &Symbol<'_>) -> Result<JumpTable, String> {
        const ENTRY: usize = 8;
        let fault = |what: String| Err(format!("refers to jump table '{}', which {what}", self.name_of(symbol)));
        let data = self.jump_tables.and_then(|n| self.elf.sections.get(n)).map_or(&[][..], |section| section.data);
        let begin = usize::try_from(symbol.value).unwrap_or(usize::MAX);
        let end = symbol.value.checked_add(symbol.size).and_then(|end| usize::try_from(end).ok());
        let Some(bytes) = end.and_then(|end| data.get(begin..end)) else {
            return fault(format!("lies outside section {JUMP_TABLES} ({} bytes)", data.len()));
        };
        if begin % ENTRY != 0 || bytes.is_empty() || bytes.len() % ENTRY != 0 {
            return fault(format!("takes {} bytes at {begin}: its places take {ENTRY} bytes each", bytes.len()));
        }
        // Tables can be shared between functions; what is copied for each is paid for.
        self.elf.charge(bytes.len()).map_err(|err| err.to_string())?;
        let big_endian = self.elf.endian == Endian::Big;
        let places = bytes.chunks_exact(ENTRY).map(|word| {
            let word: [u8; ENTRY] = word.try_into().unwrap_or_default();
            let byte = if big_endian { u64::from_be_bytes(word) } else { u64::from_le_bytes(word) };
            // What the compiler writes counts bytes from the start of the section.
            (byte / Insn::SIZE as u64) as i64 - function.section_offset as i64
        });
        Ok(JumpTable { section_offset: symbol.value, places: places.collect() })
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
            true => symbol.section.and_then(|n| self.elf.sections.get(n)).map(|s| shown(s.name)).unwrap_or_default(),
            false => shown(symbol.name),
        }
    }
}
