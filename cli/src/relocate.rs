//! `purebpf object relocate`: the streams that a load would send, with no kernel asked.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use purebpf::OpenObject;
use purebpf::btf::raw::Endian;
use purebpf::btf::{KernelBtf, ModuleBtf};
use purebpf::elf_loader::link::{
    CoreOutcome, CoreRelocation, Kallsyms, Ksyms, KsymsPresent, Linked, Linker, StreamReference, StreamValue,
};
use purebpf::elf_loader::object::{Object, Program};
use purebpf::{ProgramId, kernel};
use serde_json::{Value, json};

use crate::arguments::{Format, RelocateArguments};
use crate::columns::{Align, Cell, Columns};
use crate::core_subject::subject;
use crate::output::{self, Style, short};
use crate::{Result, json};

pub(crate) fn run(arguments: &RelocateArguments, format: Format) -> Result {
    let mut open = purebpf::Object::open(&arguments.file)?;
    let kernel = target(arguments, &open)?;
    if let Some(path) = &arguments.kconfig {
        std::fs::metadata(path).map_err(|err| format!("cannot read {}: {err}", path.display()))?;
    }
    let ksyms = ksyms(arguments, &open)?;
    if let Some(name) = &arguments.program {
        // Complains when there is none.
        open.program_mut(name.as_str())?;
    }
    let object = open.description();
    let linker = open.linker(kernel.as_ref(), ksyms.as_ref());
    for warning in linker.warnings() {
        eprintln!("{}: {warning}", Style::stderr().bold("warning"));
    }
    let wanted = |program: &Program| arguments.program.as_ref().is_none_or(|name| *name == program.name);
    let programs: Vec<_> = open.program_ids().zip(&object.programs).filter(|(_, program)| wanted(program)).collect();
    Ok(output::print(&text(object, &linker, &programs, format != Format::Text)?)?)
}

/// What is printed, for programs or for people.
pub(crate) fn text(
    object: &Object,
    linker: &Linker<'_>,
    programs: &[(ProgramId, &Program)],
    json: bool,
) -> Result<String> {
    match json {
        true => Ok(json::text(&json!({
            "programs": programs.iter().map(|(id, p)| program(object, linker, *id, p)).collect::<Vec<_>>(),
            "core": linker.core_relocations().iter().map(|r| core_relocation(object, r)).collect::<Vec<_>>(),
        }))?),
        false => Ok(human(object, linker, programs)),
    }
}

/// The kernel to relocate to. Without any types, only what needs them fails.
fn target(arguments: &RelocateArguments, open: &OpenObject) -> Result<Option<KernelBtf>> {
    let kernel = match &arguments.btf {
        Some(path) => kernel::btf_file(path)?,
        None => match kernel::running_kernel_btf() {
            Ok(kernel) => kernel,
            Err(err) => {
                eprintln!("{}: {err}; linking '{}' without", Style::stderr().bold("warning"), open.name());
                return Ok(None);
            }
        },
    };
    let mut modules = Vec::new();
    for (name, path) in &arguments.module_btf {
        let module = ModuleBtf::new(name.as_str(), None, kernel::btf_bytes(path)?);
        // Modules are else read when first asked for, and left out when damaged; one that was named must be good.
        module.btf(kernel.vmlinux()).map_err(|err| format!("module '{name}': {}: {err}", path.display()))?;
        modules.push(module);
    }
    Ok(Some(kernel.with_modules(modules)))
}

fn ksyms(arguments: &RelocateArguments, open: &OpenObject) -> Result<Box<dyn Ksyms>> {
    let Some(path) = &arguments.kallsyms else { return Ok(Box::new(KsymsPresent)) };
    let text = std::fs::read(path).map_err(|err| format!("cannot read {}: {err}", path.display()))?;
    Ok(Box::new(Kallsyms::parse(&text, open.description())))
}

fn program(object: &Object, linker: &Linker<'_>, id: ProgramId, program: &Program) -> Value {
    let linked = linker.link(id);
    let attach_btf = program.attach_btf.as_ref().map(|target| target.name.as_str());
    match &linked {
        Ok(linked) => json!({
            "name": program.name,
            "section": program.section,
            "insns": hex(object, linked),
            "references": linked.references.iter().map(|r| reference(object, r)).collect::<Vec<_>>(),
            "func_info_count": linked.func_info.count(),
            "line_info_count": linked.line_info.count(),
            "attach_btf": attach_btf,
            "error": null,
        }),
        Err(error) => json!({
            "name": program.name,
            "section": program.section,
            "insns": null,
            "references": [],
            "func_info_count": 0,
            "line_info_count": 0,
            "attach_btf": attach_btf,
            "error": error.to_string(),
        }),
    }
}

fn hex(object: &Object, linked: &Linked) -> String {
    let mut text = String::with_capacity(linked.insns.len() * 16);
    for insn in &linked.insns {
        for byte in insn.to_bytes(object.endian == Endian::Big) {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
    }
    text
}

/// Kind and name of what a reference refers to.
fn describe<'a>(object: &'a Object, value: &StreamValue) -> (&'static str, &'a str) {
    let map = |n: usize| object.maps.get(n).map_or("", |map| map.name.as_str());
    let ext = |n: usize| object.externs.get(n).map_or("", |ext| ext.name.as_str());
    match *value {
        StreamValue::Map(id) => ("map", map(id.0)),
        StreamValue::MapValue(id) => ("map_value", map(id.0)),
        // The name that libbpf creates the map of an indirect jump's places under.
        StreamValue::JumpTable(_) => ("map_value", ".jumptables"),
        StreamValue::BtfId { ext: id, .. } => ("btf_id", ext(id.0)),
        StreamValue::Kfunc { ext: id, .. } => ("kfunc", ext(id.0)),
        StreamValue::Ksym { ext: id, .. } => ("ksym", ext(id.0)),
        _ => ("unknown", ""),
    }
}

fn reference(object: &Object, reference: &StreamReference) -> Value {
    let (kind, name) = describe(object, &reference.value);
    json!({ "insn": reference.insn, "kind": kind, "name": name })
}

fn core_relocation(object: &Object, relocation: &CoreRelocation) -> Value {
    let (outcome, old, new, candidates, error) = match &relocation.outcome {
        CoreOutcome::Done { fixup, old, new } => {
            let outcome = if new.is_some() { "patched" } else { "poisoned" };
            (outcome, Some(*old), *new, fixup.candidates, None)
        }
        CoreOutcome::Failed(error) => ("failed", None, None, 0, Some(error.to_string())),
    };
    json!({
        "program": object.functions.get(relocation.function.0).map(|function| function.name.as_str()),
        "section": relocation.section,
        "insn_off": relocation.insn_off,
        "kind": relocation.kind.map(purebpf::core_reloc::Kind::name),
        "local_type_id": relocation.local_type.0,
        "access": relocation.access,
        "outcome": outcome,
        "old": old,
        "new": new,
        "candidates": candidates,
        "error": error,
    })
}

fn human(object: &Object, linker: &Linker<'_>, programs: &[(ProgramId, &Program)]) -> String {
    let style = Style::stdout();
    let mut text = String::new();
    let mut functions = BTreeSet::new();
    for (id, program) in programs {
        let linked = linker.link(*id);
        functions.insert(program.function);
        functions.extend(linked.iter().flat_map(|linked| &linked.functions).map(|(id, _)| *id));
        let heading = match &linked {
            Ok(linked) => linked_heading(object, program, linked),
            Err(error) => error.to_string(),
        };
        let mut columns = Columns::new(0, [Align::Left; 3]);
        columns.push([Cell::bold(program.name.as_str()), Cell::dim(program.section.as_str()), heading.into()]);
        columns.write(style, &mut text);
        let mut columns = Columns::new(2, [Align::Right, Align::Left, Align::Left]);
        for reference in linked.iter().flat_map(|linked| &linked.references) {
            let (kind, name) = describe(object, &reference.value);
            columns.push([reference.insn.to_string().into(), Cell::dim(kind), short(name).into()]);
        }
        columns.write(style, &mut text);
    }
    let all = programs.len() == object.programs.len();
    let of_programs = |relocation: &&CoreRelocation| all || functions.contains(&relocation.function);
    let relocations: Vec<_> = linker.core_relocations().iter().filter(of_programs).collect();
    core_text(object, &relocations, style, &mut text);
    text
}

/// How long a program has become, and by which functions.
fn linked_heading(object: &Object, program: &Program, linked: &Linked) -> String {
    let mut heading = format!("{} instructions", linked.insns.len());
    let appended = linked.functions.iter().filter(|(id, _)| *id != program.function);
    for (n, (id, at)) in appended.enumerate() {
        let name = object.functions.get(id.0).map_or("?", |function| function.name.as_str());
        heading.push_str(if n == 0 { "; with " } else { ", " });
        heading.push_str(&format!("{} at {at}", short(name)));
    }
    if let Some(target) = &program.attach_btf {
        heading.push_str(&format!("; attaches to {}", target.name));
    }
    heading
}

/// What became of CO-RE relocations, by the function that they are in.
fn core_text(object: &Object, relocations: &[&CoreRelocation], style: Style, text: &mut String) {
    if relocations.is_empty() {
        return;
    }
    let (mut changed, mut poisoned, mut failed) = (0, 0, 0);
    let align = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Left, Align::Left];
    let mut columns = Columns::new(2, align);
    columns.push(["function", "at", "was", "is", "", "what"].map(Cell::dim));
    let mut before = None;
    for relocation in relocations {
        let name = match before.replace(relocation.function) == Some(relocation.function) {
            true => "",
            false => object.functions.get(relocation.function.0).map_or("?", |function| function.name.as_str()),
        };
        let mut what = match &object.btf {
            Some(btf) => subject(btf, relocation.kind, relocation.local_type, &relocation.access),
            None => String::new(),
        };
        let none = || "-".to_owned();
        let (old, new, outcome) = match &relocation.outcome {
            CoreOutcome::Done { old, new: Some(new), .. } if old == new => (old.to_string(), new.to_string(), ""),
            CoreOutcome::Done { old, new: Some(new), .. } => {
                changed += 1;
                (old.to_string(), new.to_string(), "changed")
            }
            CoreOutcome::Done { old, .. } => {
                poisoned += 1;
                (old.to_string(), none(), "poisoned")
            }
            CoreOutcome::Failed(error) => {
                failed += 1;
                what.push_str(&format!(": {error}"));
                (none(), none(), "failed")
            }
        };
        let at = relocation.insn.to_string();
        columns.push([Cell::bold(name), at.into(), old.into(), new.into(), outcome.into(), what.into()]);
    }
    let counts = [(changed, "changed"), (poisoned, "poisoned (the target has nothing like it)"), (failed, "failed")];
    let counts: String = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}")).collect();
    let heading = format!("CO-RE relocations: {}{counts}", relocations.len());
    text.push_str(&format!("\n{}\n", style.bold(&heading)));
    columns.write(style, text);
}
