//! Attaching by a section's name alone.

use crate::{
    advice::not_traceable,
    error::{Error, Mechanism, Result},
    kprobe::{KprobeOptions, attach_kprobe},
    link::Link,
    section::{AutoAttach, SectionName, Target},
    tracepoint::{RawTracepointOptions, TracepointOptions, attach_raw_tracepoint, attach_tracepoint},
    tracing::{TracingOptions, attach_tracing},
    uprobe::{UprobeOptions, attach_uprobe},
};
use purebpf_sys::uapi::AttachType;
use std::os::fd::BorrowedFd;

/// Attaches `prog` where its section says: what libbpf does for each program of an object that is told to attach.
///
/// `attach_type` is what the program was loaded with: that of its section, unless the user chose another. `None` comes back
/// for a bare name (`SEC("kprobe")`), whose program the user attaches by hand. Programs of [`AutoAttach::Tracing`] have
/// their target since they were loaded and are attached whatever the section says.
///
/// # Errors
///
/// [`Error::Section`]; [`Error::NoTarget`] for sections that never say where; [`Error::NotBuilt`]; what the mechanism gives.
#[doc(alias = "bpf_program__attach")]
pub fn auto_attach(
    prog: BorrowedFd<'_>,
    section: &SectionName<'_>,
    attach_type: AttachType,
) -> Result<Option<Link>> {
    let mechanism = match section.def.auto_attach {
        AutoAttach::None => return Err(Error::NoTarget { section: section.name.into() }),
        AutoAttach::Tracing | AutoAttach::Lsm => {
            return attach_tracing(prog, attach_type, &TracingOptions::default())
                .map(Some)
                .map_err(|error| named(error, section));
        }
        AutoAttach::Kprobe => Mechanism::Kprobe,
        AutoAttach::Uprobe => Mechanism::Uprobe,
        AutoAttach::Ksyscall => Mechanism::Ksyscall,
        AutoAttach::KprobeMulti | AutoAttach::KprobeSession => Mechanism::KprobeMulti,
        AutoAttach::UprobeMulti => Mechanism::UprobeMulti,
        AutoAttach::Usdt => Mechanism::Usdt,
        AutoAttach::Tracepoint => Mechanism::Tracepoint,
        AutoAttach::RawTracepoint => Mechanism::RawTracepoint,
        AutoAttach::TracingMulti => Mechanism::TracingMulti,
        AutoAttach::Iter => Mechanism::Iter,
    };
    let link = match section.target()? {
        Target::Unspecified => return Ok(None),
        Target::Kprobe { function, offset, retprobe } => {
            attach_kprobe(prog, function, &KprobeOptions::default().offset(offset).retprobe(retprobe))?
        }
        Target::Uprobe { path, function, version, offset, retprobe } => {
            let function = match version {
                Some(version) => format!("{function}@{version}"),
                None => function.to_owned(),
            };
            let options = UprobeOptions::default().function(&function).offset(offset).retprobe(retprobe);
            attach_uprobe(prog, path, &options)?
        }
        Target::Tracepoint { category, name } => {
            attach_tracepoint(prog, category, name, &TracepointOptions::default())?
        }
        Target::RawTracepoint { name } => attach_raw_tracepoint(prog, name, &RawTracepointOptions::default())?,
        _ => return Err(Error::NotBuilt { mechanism, section: section.name.into() }),
    };
    Ok(Some(link))
}

/// The section tells more than the attach type, which is all that attaching to a chosen target knows.
fn named(error: Error, section: &SectionName<'_>) -> Error {
    match error {
        Error::Attach { mechanism, advice, cause, .. } => {
            // Where ftrace has no place at a function, patching it finds other bytes than it looks for (EBUSY), or none.
            let why = match section.target() {
                Ok(Target::Tracing { name, .. }) if !cause.is_permission() => not_traceable(name),
                _ => None,
            };
            Error::Attach { mechanism, target: section.name.into(), advice: why.unwrap_or(advice), cause }
        }
        error => error,
    }
}
