//! What in the object is behind a verdict: a CO-RE relocation that found nothing, a map that was not created, a function that
//! the kernel does not have.

use purebpf_btf::{Btf, KernelBtf, Kind, TypeData};
use purebpf_core_reloc::POISON;
use purebpf_sys::insn::op;
use purebpf_sys::uapi::HelperId;

use super::log::{Reading, number};
use super::source::Lines;
use crate::link::{CoreOutcome, CoreRelocation, Linked};
use crate::nearest;
use crate::object::{Object, Program, Target};
use crate::poison;

/// What a verdict is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspects<'a> {
    pub(super) object: &'a Object,
    pub(super) program: &'a Program,
    pub(super) linked: &'a Linked,
    pub(super) core: &'a [CoreRelocation],
    pub(super) kernel_btf: Option<&'a KernelBtf>,
    pub(super) lines: Option<Lines<'a>>,
}

impl Suspects<'_> {
    pub(super) fn cause(&self, reading: &Reading<'_>) -> Option<String> {
        reading.telling.iter().find_map(|line| self.of_line(line, reading))
    }

    fn of_line(&self, line: &str, reading: &Reading<'_>) -> Option<String> {
        if let Some(helper) = number_behind(line, "unknown#") {
            return self.unknown_function(helper, reading);
        }
        if let Some(insn) =
            line.starts_with("Unreleased reference").then(|| number_behind(line, "alloc_insn=")).flatten()
        {
            return Some(format!("the reference was taken at {}", self.lines?.at(insn)?));
        }
        if let Some(register) = line.contains("invalid mem access '").then(|| number_behind(line, "R")).flatten() {
            return self.missing_ksym(register, reading);
        }
        if line.starts_with("cannot call GPL") {
            let license = &self.object.license;
            return Some(format!(
                "the object's license is '{license}', and the function is for those compatible with the GPL"
            ));
        }
        if line.starts_with("unknown func bpf_") || line.starts_with("program of this type cannot use helper") {
            let prog_type = self.program.prog_type;
            let name = prog_type.name().map_or_else(|| prog_type.0.to_string(), str::to_owned);
            return Some(format!(
                "helpers are offered by program type (this is {name}), by whether it may sleep, and by privilege"
            ));
        }
        if line.contains("attach_btf_id") || line.contains("btf_id is not") {
            let target = &self.program.attach_btf.as_ref()?.name;
            return Some(format!("the program attaches to '{target}' (section '{}')", self.program.section));
        }
        None
    }

    /// A call of a helper that does not exist: our own poison, or one that is newer than the kernel.
    fn unknown_function(&self, helper: u32, reading: &Reading<'_>) -> Option<String> {
        let signed = i32::try_from(helper).ok()?;
        if signed == POISON {
            return self.poisoned(reading);
        }
        if let Some(place) = signed.checked_sub(poison::KFUNC_CALL).and_then(|n| usize::try_from(n).ok()) {
            let ext = self.object.externs.get(place)?;
            let mut text = format!(
                "the kernel has no function '{}', or one of another type, and the weak one was called all the same",
                ext.name
            );
            if let Some(kernel) = self.kernel_btf {
                text += &nearest::said(&kernel.nearest_names(None, "", Kind::Func, &ext.name));
            }
            return Some(text);
        }
        if let Some(place) = signed.checked_sub(poison::MAP).and_then(|n| usize::try_from(n).ok()) {
            return Some(format!("map '{}' was not created: its autocreate is off", self.object.maps.get(place)?.name));
        }
        Some(match HelperId(helper).name() {
            Some(name) => format!("helper bpf_{name} came with a later kernel than this"),
            None => format!("no kernel up to the newest known has a helper number {helper}"),
        })
    }

    /// A register that holds the address of a weak symbol which the kernel does not have, which is 0.
    fn missing_ksym(&self, register: u32, reading: &Reading<'_>) -> Option<String> {
        let mut register: u8 = u8::try_from(register).ok()?;
        // What refuses has written nothing.
        for &step in reading.steps.iter().rev().skip(1) {
            let insn = self.linked.insns.get(step as usize)?;
            let is_move = insn.code == op::ALU64 | op::MOV | op::X;
            let loads = insn.class() == op::LD
                || insn.class() == op::LDX
                || insn.class() == op::ALU
                || insn.class() == op::ALU64;
            if insn.is_call() && register <= 5 {
                return None;
            }
            if !loads || insn.dst() != register {
                continue;
            }
            if is_move {
                register = insn.src();
                continue;
            }
            let &(function, begin) = self.linked.functions.iter().rfind(|(_, begin)| *begin <= step as usize)?;
            let at = (step as usize).checked_sub(begin)?;
            let function = self.object.functions.get(function.0)?;
            let reference = function.references.iter().find(|reference| reference.insn == at)?;
            let Target::Extern(ext) = reference.target else { return None };
            let resolved = self.linked.references.iter().any(|reference| reference.insn == step as usize);
            let ext = self.object.externs.get(ext.0).filter(|ext| ext.weak && !resolved)?;
            return Some(format!("the kernel has no symbol '{}', and the address of the weak one is 0", ext.name));
        }
        None
    }

    fn poisoned(&self, reading: &Reading<'_>) -> Option<String> {
        let relocation = match reading.steps.last() {
            Some(&at) => self.relocation_at(at as usize)?,
            // A log without instructions: it can only be the one.
            None => {
                let is_poison = |r: &&CoreRelocation| {
                    matches!(r.outcome, CoreOutcome::Done { new: None, .. })
                        && self.linked.functions.iter().any(|(function, _)| *function == r.function)
                };
                let mut all = self.core.iter().filter(is_poison);
                all.next().filter(|_| all.next().is_none())?
            }
        };
        let btf = self.object.btf.as_ref()?;
        let local = btf.type_by_id(relocation.local_type).ok()?;
        let kind = relocation.kind.map_or("unknown", |kind| kind.name());
        let candidates = match &relocation.outcome {
            CoreOutcome::Done { fixup, .. } => fixup.candidates,
            CoreOutcome::Failed(_) => 0,
        };
        let name = local.name().unwrap_or("(anonymous)");
        let name = name.split_once("___").map_or(name, |(name, _)| name);
        let which = match candidates {
            0 => format!("the kernel has no type '{name}'"),
            1 => format!("the kernel's '{name}' has none"),
            n => format!("none of the kernel's {n} types '{name}' has it"),
        };
        let path = path_of(btf, relocation);
        Some(format!(
            "CO-RE relocation {kind} of '{path}' found nothing: {which}; bpf_core_field_exists and its like ask first"
        ))
    }

    /// The relocation of an instruction of the stream.
    fn relocation_at(&self, at: usize) -> Option<&CoreRelocation> {
        let &(function, begin) = self.linked.functions.iter().rfind(|(_, begin)| *begin <= at)?;
        let insn = at - begin;
        // The second half of a ld_imm64 is poisoned too.
        self.core.iter().find(|r| r.function == function && (r.insn == insn || r.insn + 1 == insn))
    }
}

/// The number behind the first `mark` in a line.
fn number_behind(line: &str, mark: &str) -> Option<u32> {
    Some(number(line.split_once(mark)?.1)?.0)
}

/// The C spelling of what a relocation asks for, such as `task_struct.pid`.
fn path_of(btf: &Btf, relocation: &CoreRelocation) -> String {
    let Ok(mut current) = btf.resolve(relocation.local_type) else { return relocation.access.clone() };
    let mut text = current.name().unwrap_or("(anonymous)").to_owned();
    for number in relocation.access.split(':').skip(1) {
        let Ok(index) = number.parse::<usize>() else { break };
        let next = match (current.members().and_then(|mut members| members.nth(index)), current.data()) {
            (Some(member), _) => {
                if let Some(name) = member.name() {
                    text.push('.');
                    text.push_str(name);
                }
                member.type_id
            }
            (None, TypeData::Array(array)) => {
                text.push_str(&format!("[{index}]"));
                array.element
            }
            _ => break,
        };
        match btf.resolve(next) {
            Ok(next) => current = next,
            Err(_) => break,
        }
    }
    text
}
