//! `purebpf prog load|loadall`: an object goes into the kernel, and stays there by its pins. What bpftool's commands of these names do,
//! with the difference that of a failure nothing is left.

mod pins;
mod request;

use std::path::Path;

use purebpf::sys::uapi::{AttachType, ProgType};
use purebpf::{Object, OpenObject, Program, kernel};
use serde_json::Value;

use crate::arguments::{Format, LoadArguments};
use crate::{Result, Usage, logger, output};
use pins::Pins;
use request::Request;

/// Which programs are pinned, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// The first of the file, at the path.
    First,
    /// All, in the folder.
    All,
}

pub(crate) fn load(arguments: &LoadArguments, format: Format) -> Result {
    run(arguments, Which::First, format)
}

pub(crate) fn loadall(arguments: &LoadArguments, format: Format) -> Result {
    run(arguments, Which::All, format)
}

fn run(arguments: &LoadArguments, which: Which, format: Format) -> Result {
    let request = Request::parse(arguments)?;
    if !request.maps.is_empty() || request.device.is_some() {
        return Err(Usage("maps that exist, and devices, cannot be given to a load").into());
    }
    logger::start(if arguments.debug { 2 } else { 0 });
    let path = arguments.path.as_path();
    // Before all the work; who is there first between now and then is found out, too.
    if which == Which::First && path.symlink_metadata().is_ok() {
        return Err(format!("{} exists already", path.display()).into());
    }
    let mut open = Object::open(&arguments.file)?;
    if let Some((prog_type, attach_type)) = request.prog_type {
        set_type(&mut open, prog_type, attach_type);
    }
    all_have_a_type(&open)?;
    if let Some(file) = &request.kernel_btf {
        open.set_core_btf(kernel::btf_file(file)?);
    }
    let object = open.load().inspect_err(|error| {
        if let Some(log) = error.verifier_log().filter(|_| arguments.debug) {
            eprintln!("{}", output::printable_lines(log.trim_end()));
        }
    })?;

    let mut pins = Pins::new(arguments.nomount);
    match which {
        Which::First => {
            let program = object.programs().next();
            let program = program.ok_or_else(|| format!("object '{}' has no program that is loaded", object.name()))?;
            pins.file_system(path.parent().unwrap_or(path))?;
            pin_program(&object, program, path, request.autoattach, &mut pins)?;
        }
        Which::All => {
            pins.folder(path)?;
            for program in object.programs() {
                pin_program(&object, program, &path.join(program.name()), request.autoattach, &mut pins)?;
            }
        }
    }
    if let Some(folder) = &request.pin_maps {
        pins.folder(folder)?;
        for map in object.maps() {
            let path = folder.join(pin_name(map.name()));
            map.pin(&path)?;
            pins.made(&path);
        }
    }
    pins.keep();
    match format {
        Format::Text => Ok(()),
        // As bpftool: there is nothing to tell.
        _ => Ok(output::print(&format.text(&Value::Null)?)?),
    }
}

/// Makes all programs ones of this type, whatever their sections say. Of a program whose section says another, that counts for nothing
/// more (`bpf_program__set_type`).
fn set_type(open: &mut OpenObject, prog_type: ProgType, attach_type: AttachType) {
    for program in &mut open.description_mut().programs {
        if program.prog_type != prog_type {
            program.flags = 0;
            program.attach_btf = None;
            program.attach_type_optional = false;
            program.autoattach = false;
        }
        program.prog_type = prog_type;
        program.expected_attach_type = Some(attach_type);
    }
}

/// As bpftool: an object is not loaded by halves.
fn all_have_a_type(open: &OpenObject) -> Result {
    let mut programs = open.description().programs.iter();
    match programs.find(|program| program.autoload && program.prog_type == ProgType::UNSPEC) {
        None => Ok(()),
        Some(program) => Err(format!(
            "program '{}': section '{}' does not say of what type it is; 'type TYPE' after the path does",
            program.name, program.section
        )
        .into()),
    }
}

/// Pins a program, or with `autoattach` its link; where nothing says to what the program is attached, or that fails, the program all the
/// same, as bpftool does.
fn pin_program(object: &Object, program: &Program, path: &Path, autoattach: bool, pins: &mut Pins) -> Result {
    let may_attach = program.program_id().and_then(|id| object.description().programs.get(id.0));
    if autoattach {
        let attached = match may_attach.is_none_or(|description| description.autoattach) {
            true => program.attach(),
            false => Ok(None),
        };
        match attached {
            Ok(Some(mut link)) => {
                link.pin(path).map_err(|error| format!("program '{}': {error}", program.name()))?;
                pins.made(path);
                return Ok(());
            }
            Ok(None) => log::warn!(
                "program '{}': section '{}' does not say to what to attach it; pinned without",
                program.name(),
                program.section()
            ),
            Err(error) => log::warn!("{error}; pinned without being attached"),
        }
    }
    program.pin(path)?;
    pins.made(path);
    Ok(())
}

/// The name of a map's pin: BPF file systems take no dots.
fn pin_name(map: &str) -> String {
    map.replace('.', "_")
}
