//! `purebpf prog load|loadall`: an object goes into the kernel, and stays there by its pins. What bpftool's commands of these names do,
//! with the difference that of a failure nothing is left.

mod maps;
mod pins;
mod request;

use std::path::Path;

use purebpf::sys::uapi::{AttachType, MapType, ProgFlags, ProgType};
use purebpf::{Object, OpenObject, Program, attach, kernel};
use serde_json::Value;

use crate::arguments::{Format, LoadArguments};
use crate::{Result, logger, output};
use maps::Replaced;
use pins::Pins;
use request::{Device, Request};

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
    if let Some(device) = &request.device {
        set_device(&mut open, device)?;
    }
    let replaced = Replaced::apply(&mut open, &request.maps)?;
    if let Some(file) = &request.kernel_btf {
        open.set_core_btf(kernel::btf_file(file)?);
    }
    if arguments.debug {
        open.set_log_level(ALL_OF_THE_LOG);
    }
    let by_name = maps::pinned_by_load(&open);
    let object = load_told(&open, arguments.debug)?;

    let mut pins = Pins::new(arguments.nomount);
    by_name.iter().for_each(|path| pins.made(path));
    match (which, object.programs().next()) {
        (Which::First, Some(program)) => {
            pins.file_system(path.parent().unwrap_or(path))?;
            pin_program(&object, program, path, request.autoattach, &mut pins)?;
        }
        (Which::All, Some(_)) => {
            pins.folder(path)?;
            for program in object.programs() {
                pin_program(&object, program, &path.join(program.name()), request.autoattach, &mut pins)?;
            }
        }
        // An object of maps alone has nothing that is missing.
        (Which::All, None) if object.description().programs.is_empty() => {}
        (_, None) => return Err(format!("object '{}' has no program that is loaded", object.name()).into()),
    }
    if let Some(folder) = &request.pin_maps {
        replaced.pin_all(&object, folder, &mut pins)?;
    }
    pins.keep();
    match format {
        Format::Text => Ok(()),
        // As bpftool: there is nothing to tell.
        _ => Ok(output::print(&format.text(&Value::Null)?)?),
    }
}

/// BPF_LOG_LEVEL1, BPF_LOG_LEVEL2 and BPF_LOG_STATS of linux/bpf_verifier.h: what bpftool asks for.
const ALL_OF_THE_LOG: u32 = 1 | 2 | 4;

/// Loads; with `debug`, and tells what the verifier said of each program.
fn load_told(open: &OpenObject, debug: bool) -> Result<Object> {
    let tell = |log: &str| eprintln!("{}", output::printable_lines(log.trim_end()));
    match open.load() {
        Ok(object) => {
            for program in object.programs().filter(|_| debug) {
                let log = program.program_id().and_then(|id| object.verifier_log(id).ok().flatten());
                if let Some(log) = log {
                    log::debug!("program '{}': the verifier says", program.name());
                    tell(log);
                }
            }
            Ok(object)
        }
        Err(error) => {
            if let Some(log) = error.verifier_log().filter(|_| debug) {
                tell(log);
            }
            Err(error.into())
        }
    }
}

/// Loads programs for a network device, and maps, too, if it is to run them; but rings of events stay with the kernel.
fn set_device(open: &mut OpenObject, device: &Device) -> Result {
    let (Device::Offload(name) | Device::XdpMetadata(name)) = device;
    let ifindex = attach::net::ifindex(name).map_err(|error| format!("interface '{name}': {error}"))?;
    let object = open.description_mut();
    match device {
        Device::Offload(_) => {
            object.programs.iter_mut().for_each(|program| program.ifindex = ifindex);
            let maps = object.maps.iter_mut().filter(|map| map.definition.map_type != MapType::PERF_EVENT_ARRAY);
            maps.for_each(|map| map.ifindex = ifindex);
        }
        Device::XdpMetadata(_) => {
            for program in object.programs.iter_mut().filter(|program| program.prog_type == ProgType::XDP) {
                program.flags |= ProgFlags::XDP_DEV_BOUND_ONLY.bits();
                program.ifindex = ifindex;
            }
        }
    }
    Ok(())
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
