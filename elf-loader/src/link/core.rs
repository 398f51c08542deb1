//! CO-RE on an object's code: each relocation of `.BTF.ext` resolved once and written into the
//! function that it is in, whichever programs use that.

use std::collections::HashMap;

use purebpf_btf::{KernelBtf, TypeId};
use purebpf_core_reloc::{self as core_reloc, Fixup, Kind, Resolver};
use purebpf_sys::insn::Insn;

use crate::Error;
use crate::object::{Function, FunctionId, Object};

/// A CO-RE relocation and what became of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CoreRelocation {
    /// The function that it is in.
    pub function: FunctionId,
    /// The section, as `.BTF.ext` names it.
    pub section: String,
    /// The instruction, in bytes from the start of the section.
    pub insn_off: u32,
    /// The instruction, counted from the start of the function.
    pub insn: usize,
    /// What is relocated; `None` for a kind that is not known.
    pub kind: Option<Kind>,
    /// The local type.
    pub local_type: TypeId,
    /// The accessor string.
    pub access: String,
    /// What became of it.
    pub outcome: CoreOutcome,
}

/// What became of a CO-RE relocation.
#[derive(Clone, Debug)]
pub enum CoreOutcome {
    /// Resolved, and written into the instruction, or the instruction poisoned.
    Done {
        /// What was resolved.
        fixup: Fixup,
        /// The value that the instruction had.
        old: u64,
        /// The value that it has now; `None` when it was poisoned.
        new: Option<u64>,
    },
    /// Neither.
    Failed(Error),
}

/// The functions of an object, relocated.
#[derive(Debug)]
pub(super) struct Relocated {
    /// Those functions that changed.
    patched: HashMap<FunctionId, Vec<Insn>>,
    /// The first relocation of each function that failed, as a place in `relocations`.
    failures: HashMap<FunctionId, usize>,
    pub(super) relocations: Vec<CoreRelocation>,
    pub(super) warnings: Vec<String>,
}

impl Relocated {
    /// The instructions of a function.
    pub(super) fn insns<'a>(&'a self, object: &'a Object, function: FunctionId) -> &'a [Insn] {
        let original = || object.functions.get(function.0).map_or(&[][..], |f| f.insns.as_slice());
        self.patched.get(&function).map_or_else(original, Vec::as_slice)
    }

    /// The first relocation of a function that failed.
    pub(super) fn failure(&self, function: FunctionId) -> Option<&Error> {
        match &self.relocations.get(*self.failures.get(&function)?)?.outcome {
            CoreOutcome::Failed(error) => Some(error),
            CoreOutcome::Done { .. } => None,
        }
    }
}

/// Resolves and applies all relocations of an object.
pub(super) fn relocate(object: &Object, kernel: Option<&KernelBtf>) -> Relocated {
    let mut relocated =
        Relocated { patched: HashMap::new(), failures: HashMap::new(), relocations: Vec::new(), warnings: Vec::new() };
    let (Some(btf), Some(ext)) = (&object.btf, &object.btf_ext) else { return relocated };
    let places = Places::new(object);
    let mut resolver = Resolver::new(btf, kernel);
    let records = ext.core_relocations().flat_map(|section| section.records());
    let of_kernel =
        records.filter(|record| Kind::from_number(record.kind).is_some_and(|kind| kind != Kind::TypeIdLocal));
    resolver.expect(of_kernel.map(|record| record.type_id));
    for section in ext.core_relocations() {
        let section_name = String::from_utf8_lossy(btf.string(section.name).unwrap_or_default()).into_owned();
        for record in section.records() {
            // Where there is no function, a weak one was overridden by the linker and its code went.
            let Some((id, function)) = places.find(&section_name, record.insn_off) else { continue };
            let insn = record.insn_off as usize / Insn::SIZE - function.section_offset;
            let access = record.access_str(btf).unwrap_or_default().to_owned();
            let kind = Kind::from_number(record.kind);
            let failed = |what: String| Error::Core {
                function: function.name.clone(),
                insn,
                kind: kind.map_or_else(|| format!("unknown kind {}", record.kind).into(), |kind| kind.name().into()),
                type_id: record.type_id,
                type_name: type_name(btf, record.type_id).into(),
                access: access.as_str().into(),
                what,
            };
            let outcome = (|| {
                let kind = kind.ok_or_else(|| failed("this kind is not known".into()))?;
                if kernel.is_none() && kind != Kind::TypeIdLocal {
                    return Err(Error::NoKernelBtf { why: "none was given".into() });
                }
                let relocation = core_reloc::Relocation { local_type: record.type_id, access: &access, kind };
                let fixup = resolver.resolve(&relocation).map_err(|err| failed(err.to_string()))?;
                let code = relocated.patched.entry(id).or_insert_with(|| function.insns.clone());
                let applied = apply(&fixup, code, insn).map_err(|err| failed(err.to_string()))?;
                let new = fixup.new_value().filter(|_| !applied.poisoned);
                Ok(CoreOutcome::Done { old: applied.old, new, fixup })
            })();
            if outcome.is_err() {
                relocated.failures.entry(id).or_insert(relocated.relocations.len());
            }
            relocated.relocations.push(CoreRelocation {
                function: id,
                section: section_name.clone(),
                insn_off: record.insn_off,
                insn,
                kind,
                local_type: record.type_id,
                access,
                outcome: outcome.unwrap_or_else(CoreOutcome::Failed),
            });
        }
    }
    relocated.warnings = resolver.warnings().iter().map(ToString::to_string).collect();
    relocated
}

/// Writes a fixup into an instruction, which takes two slots if it is a ld_imm64.
fn apply(fixup: &Fixup, code: &mut [Insn], at: usize) -> Result<core_reloc::Applied, core_reloc::Error> {
    let big_endian = cfg!(target_endian = "big");
    let slots = &mut code[at..];
    let used = slots.len().min(if slots[0].is_ld_imm64() { 2 } else { 1 });
    let mut bytes = [0; 2 * Insn::SIZE];
    for (slot, bytes) in slots[..used].iter().zip(bytes.chunks_exact_mut(Insn::SIZE)) {
        bytes.copy_from_slice(&slot.to_bytes(big_endian));
    }
    let applied = core_reloc::apply(fixup, &mut bytes[..used * Insn::SIZE], big_endian, at as u32)?;
    for (slot, bytes) in slots[..used].iter_mut().zip(bytes.chunks_exact(Insn::SIZE)) {
        *slot = Insn::from_bytes(bytes.try_into().unwrap_or_default(), big_endian);
    }
    Ok(applied)
}

fn type_name(btf: &purebpf_btf::Btf, id: TypeId) -> String {
    let name = btf.type_by_id(id).map(|t| t.name_bytes()).unwrap_or_default();
    String::from_utf8_lossy(if name.is_empty() { b"(anonymous)" } else { name }).into_owned()
}

/// Functions by the place of their code.
struct Places<'a> {
    /// By section, in the order of their places there.
    sections: HashMap<&'a str, Vec<(FunctionId, &'a Function)>>,
}

impl<'a> Places<'a> {
    fn new(object: &'a Object) -> Self {
        let mut sections: HashMap<&str, Vec<_>> = HashMap::new();
        for (n, function) in object.functions.iter().enumerate() {
            sections.entry(function.section.as_str()).or_default().push((FunctionId(n), function));
        }
        for functions in sections.values_mut() {
            functions.sort_by_key(|(_, function)| function.section_offset);
        }
        Places { sections }
    }

    /// The function with the instruction at a byte offset of a section.
    fn find(&self, section: &str, insn_off: u32) -> Option<(FunctionId, &'a Function)> {
        let at = insn_off as usize / Insn::SIZE;
        let functions = self.sections.get(section)?;
        let after = functions.partition_point(|(_, function)| function.section_offset <= at);
        let &(id, function) = functions[..after].last()?;
        (at - function.section_offset < function.insns.len()).then_some((id, function))
    }
}
