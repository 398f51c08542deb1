//! `purebpf object relocate`: the streams that a load would send, with no kernel asked.

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
use crate::output::{self, Style, printable};
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
        false => human(object, linker, programs),
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

fn human(object: &Object, linker: &Linker<'_>, programs: &[(ProgramId, &Program)]) -> Result<String> {
    let style = Style::stdout();
    let mut text = String::new();
    for (id, program) in programs {
        write!(text, "{} {}: ", style.bold(&program.name), style.dim(&program.section))?;
        match linker.link(*id) {
            Ok(linked) => {
                writeln!(text, "{} instructions, {} functions", linked.insns.len(), linked.functions.len())?;
                for reference in &linked.references {
                    let (kind, name) = describe(object, &reference.value);
                    writeln!(text, "  {:>5}: {kind} {}", reference.insn, printable(name))?;
                }
            }
            Err(error) => writeln!(text, "{}", printable(&error.to_string()))?,
        }
    }
    for relocation in linker.core_relocations() {
        let function = object.functions.get(relocation.function.0).map_or("?", |function| function.name.as_str());
        let kind = relocation.kind.map_or("unknown kind", purebpf::core_reloc::Kind::name);
        let subject = format!("{function}+{}: {kind} {}", relocation.insn, relocation.access);
        let subject = printable(&subject);
        match &relocation.outcome {
            CoreOutcome::Done { old, new: Some(new), .. } => writeln!(text, "{subject}: {old} -> {new}")?,
            CoreOutcome::Done { .. } => writeln!(text, "{subject}: poisoned, nothing on this kernel matches")?,
            CoreOutcome::Failed(error) => writeln!(text, "{subject}: {}", printable(&error.to_string()))?,
        }
    }
    Ok(text)
}
