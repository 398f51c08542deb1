//! Iterators: programs that walk over something of the kernel's and print a text, whenever somebody opens and reads it.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use purebpf::Program;
use purebpf::attach::section::SectionName;
use purebpf::sys::link::{LinkCreate, LinkTarget, iter_create};
use purebpf::sys::uapi::AttachType;

use super::report::quoted;
use super::sink::Sink;
use crate::Result;
use crate::output::printable_lines;

/// A program of `SEC("iter/…")` with its link.
pub(super) struct IterProgram {
    name: String,
    link: OwnedFd,
}

impl IterProgram {
    /// Over all that its section names. Those over the elements of one map need an application that says which.
    pub(super) fn new(program: &Program, section: &SectionName<'_>) -> Result<IterProgram> {
        let link = LinkCreate::new(program.as_fd(), LinkTarget::None, AttachType::TRACE_ITER).create();
        let link = link.map_err(|error| format!("program '{}': {}: {error}", program.name(), section.name))?;
        Ok(IterProgram { name: program.name().to_owned(), link })
    }

    /// Walks, and gives the text.
    fn text(&self) -> Result<String> {
        let failed = |error: &dyn std::fmt::Display| format!("iterator '{}': {error}", self.name);
        let walk = iter_create(self.link.as_fd()).map_err(|error| failed(&error))?;
        let mut text = Vec::new();
        File::from(walk).read_to_end(&mut text).map_err(|error| failed(&error))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// Tells what the iterators print.
pub(super) fn tell(iterators: &[IterProgram], sink: &mut Sink) -> Result {
    for iterator in iterators {
        let text = iterator.text()?;
        sink.json(&format!("{{\"iterator\":{},\"text\":{}}}", quoted(&iterator.name), quoted(&text)))?;
        sink.block(&printable_lines(&text.replace('\t', "    ")))?;
        if !text.is_empty() && !text.ends_with('\n') {
            sink.block("\n")?;
        }
    }
    Ok(())
}
