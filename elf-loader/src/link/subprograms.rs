//! One program's stream: its code and that of every subprogram it reaches, each once, with calls
//! and references set right.
//!
//! The order is libbpf's, so that streams compare byte for byte: a subprogram is appended when its
//! first call is met, and what it calls follows before the caller's next call is looked at.

use std::collections::HashMap;

use purebpf_sys::insn::{Insn, pseudo};

use super::externs::ExternValue;
use super::{InfoRecords, Linked, Linker, StreamReference, StreamValue};
use crate::Error;
use crate::object::{ExternId, Function, FunctionId, JumpTable, ProgramId, Target};
use crate::poison;

/// Links one program.
pub(super) fn link(linker: &Linker<'_>, program: ProgramId) -> Result<Linked, Error> {
    let entry = linker.object.programs.get(program.0).ok_or(Error::NoSuch { what: "program", index: program.0 })?;
    let mut stream = Stream {
        linker,
        program: &entry.name,
        linked: Linked::default(),
        begins: HashMap::new(),
        jump_tables: HashMap::new(),
    };
    stream.run(entry.function)?;
    // No instruction refers to it: the kernel finds it by the tag.
    match &entry.exception_callback {
        Some(Target::Call(callback)) if !stream.begins.contains_key(callback) => stream.run(*callback)?,
        Some(Target::Broken(why)) => {
            return Err(Error::BadFunction {
                function: entry.name.clone(),
                section: entry.section.clone(),
                what: why.to_string(),
            });
        }
        _ => {}
    }
    let mut linked = stream.linked;
    linked.references.sort_by_key(|reference| reference.insn);
    Ok(linked)
}

struct Stream<'a> {
    linker: &'a Linker<'a>,
    /// The program's name, for errors.
    program: &'a str,
    linked: Linked,
    /// Where each function begins that is already in the stream.
    begins: HashMap<FunctionId, usize>,
    /// Jump tables in the stream, by the start of their function and their place in the file.
    jump_tables: HashMap<(usize, u64), usize>,
}

impl<'a> Stream<'a> {
    /// Appends the entry and, depth first, everything it reaches. The stack is explicit: how deep
    /// calls nest is the object's to say.
    fn run(&mut self, entry: FunctionId) -> Result<(), Error> {
        let mut stack = vec![(entry, self.append(entry)?, 0)];
        while let Some((id, base, next)) = stack.pop() {
            let function = self.function(id)?;
            let Some(reference) = function.references.get(next) else { continue };
            if let Target::Call(callee) | Target::Address(callee) = reference.target {
                if !self.begins.contains_key(&callee) {
                    // Come back to this reference once the callee and its callees are placed.
                    let begin = self.append(callee)?;
                    stack.push((id, base, next));
                    stack.push((callee, begin, 0));
                    continue;
                }
            }
            self.resolve(id, base, reference.insn, &reference.target)?;
            stack.push((id, base, next + 1));
        }
        Ok(())
    }

    fn function(&self, id: FunctionId) -> Result<&'a Function, Error> {
        self.linker.object.functions.get(id.0).ok_or(Error::NoSuch { what: "function", index: id.0 })
    }

    /// Appends a function's code and information; gives where it begins.
    fn append(&mut self, id: FunctionId) -> Result<usize, Error> {
        let function = self.function(id)?;
        if let Some(error) = self.linker.core.failure(id) {
            return Err(error.clone());
        }
        let base = self.linked.insns.len();
        let is_entry = self.begins.is_empty();
        self.begins.insert(id, base);
        self.linked.functions.push((id, base));
        self.linked.insns.extend_from_slice(self.linker.core.insns(self.linker.object, id));
        let tables = [
            ("func_info", &self.linker.func_info, &mut self.linked.func_info),
            ("line_info", &self.linker.line_info, &mut self.linked.line_info),
        ];
        for (what, table, records) in tables {
            let Some(table) = table else { continue };
            // The kernel wants all functions described, or none: a program without information
            // goes without, one with a subprogram that lacks it cannot be described.
            if !is_entry && records.bytes.is_empty() {
                continue;
            }
            let found = table.append(function, base, records);
            if !found && !is_entry {
                return Err(Error::BadFunction {
                    function: function.name.clone(),
                    section: function.section.clone(),
                    what: format!("has no {what} although program '{}', which calls it, has", self.program),
                });
            }
            if !found {
                *records = InfoRecords::default();
            }
        }
        Ok(base)
    }

    /// Sets right the instruction `insn` of a function that begins at `base`.
    fn resolve(&mut self, id: FunctionId, base: usize, insn: usize, target: &Target) -> Result<(), Error> {
        let (program, function) = (self.program, self.function(id)?);
        let fault = |what: String| Error::BadReference {
            program: program.to_owned(),
            function: function.name.clone(),
            insn,
            what,
        };
        let at = base + insn;
        // Both halves of a ld_imm64, or a call and whatever follows it.
        let (first, rest) = match self.linked.insns.get_mut(at..).and_then(<[Insn]>::split_first_mut) {
            Some(halves) => halves,
            None => return Err(fault("lies outside the function".into())),
        };
        let mut no_second = Insn::default();
        let second = rest.first_mut().unwrap_or(&mut no_second);
        let value = match *target {
            Target::Call(callee) | Target::Address(callee) => {
                if matches!(target, Target::Address(_)) {
                    first.set_src(pseudo::FUNC);
                }
                let begin = self.begins.get(&callee).copied().unwrap_or(at + 1);
                first.imm = (begin as i64 - at as i64 - 1) as i32;
                return Ok(());
            }
            Target::Map(map) => {
                first.set_src(pseudo::MAP_FD);
                first.imm = 0;
                StreamValue::Map(map)
            }
            Target::MapValue { map, offset } => {
                let shift = if self.linker.arena == Some(map) { self.linker.arena_offset } else { 0 };
                first.set_src(pseudo::MAP_VALUE);
                second.imm = first.imm.wrapping_add(offset as i32).wrapping_add(shift as i32);
                first.imm = 0;
                StreamValue::MapValue(map)
            }
            Target::JumpTable(ref table) => {
                first.set_src(pseudo::MAP_VALUE);
                (first.off, first.imm) = (0, 0);
                StreamValue::JumpTable(self.jump_table(base, table).map_err(fault)?)
            }
            Target::Extern(ext) => {
                let value = self.linker.externs.get(ext.0).ok_or(Error::NoSuch { what: "extern", index: ext.0 })?;
                match self.linker.resolve_extern(ext, value.as_ref().map_err(Clone::clone)?, first, second) {
                    Some(value) => value,
                    None => return Ok(()),
                }
            }
            Target::Broken(ref why) => return Err(fault(why.to_string())),
        };
        self.linked.references.push(StreamReference { insn: at, value });
        Ok(())
    }

    /// The place of a jump table among those of the stream, of a function that begins at `base`.
    fn jump_table(&mut self, base: usize, table: &JumpTable) -> Result<usize, String> {
        let place = (base, table.section_offset);
        if let Some(&known) = self.jump_tables.get(&place) {
            return Ok(known);
        }
        let places = table.places.iter().map(|place| {
            let at = i64::try_from(base).ok().and_then(|base| base.checked_add(*place));
            at.and_then(|at| u32::try_from(at).ok())
                .ok_or_else(|| format!("has a jump table with instruction {place} of the function in it"))
        });
        self.linked.jump_tables.push(places.collect::<Result<_, _>>()?);
        let known = self.linked.jump_tables.len() - 1;
        self.jump_tables.insert(place, known);
        Ok(known)
    }
}

impl Linker<'_> {
    /// Writes what an extern comes to; gives what is left to be written when loading.
    fn resolve_extern(
        &self,
        ext: ExternId,
        value: &ExternValue,
        first: &mut Insn,
        second: &mut Insn,
    ) -> Option<StreamValue> {
        let is_call = first.is_call();
        match *value {
            ExternValue::Missing if is_call => {
                *first = Insn { code: first.code, regs: 0, off: 0, imm: poison::KFUNC_CALL.wrapping_add(ext.0 as i32) };
                None
            }
            ExternValue::Missing => {
                (first.imm, second.imm) = (0, 0);
                None
            }
            ExternValue::Btf { type_id, module } if is_call => {
                first.set_src(pseudo::KFUNC_CALL);
                first.imm = 0;
                first.off = module.map_or(0, |module| self.place_of_module(module));
                Some(StreamValue::Kfunc { ext, type_id: type_id.0, module })
            }
            ExternValue::Btf { type_id, module } => {
                first.set_src(pseudo::BTF_ID);
                (first.imm, second.imm) = (0, 0);
                Some(StreamValue::BtfId { ext, type_id: type_id.0, module })
            }
            ExternValue::Address(address) => {
                (first.imm, second.imm) = (0, 0);
                Some(StreamValue::Ksym { ext, address })
            }
            ExternValue::Kconfig { map, offset } => {
                first.set_src(pseudo::MAP_VALUE);
                (first.imm, second.imm) = (0, offset as i32);
                Some(StreamValue::MapValue(map))
            }
        }
    }
}
