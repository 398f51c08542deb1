//! `purebpf btf diff`.

use std::process::ExitCode;

use purebpf::btf::{Btf, Nearest};

use super::{Class, Counts, Filter, diff, glob, json, text};
use crate::arguments::{DiffArguments, Format};
use crate::btf::{base_file, file};
use crate::{Result, Usage, output};

/// What diff(1) ends with when something differs; 2, when there is no answer, is the business of `main`.
const DIFFERENT: u8 = 1;

/// Prints the differences, and says whether there are any.
pub(crate) fn run(arguments: &DiffArguments, format: Format) -> Result<ExitCode> {
    let bases = &arguments.base_btf;
    if bases.len() > 2 {
        return Err(Usage("there is one --base-btf for both, or one for each").into());
    }
    let a = file(&arguments.a, base_file(bases.first().map(AsRef::as_ref))?.as_ref())?;
    let b = file(&arguments.b, base_file(bases.last().map(AsRef::as_ref))?.as_ref())?;
    let filter = Chosen { names: &arguments.names, only: &arguments.only };
    let found = diff(&a, &b, &filter)?;
    if found.counts == [Counts::default(); Class::ALL.len()] && !arguments.names.is_empty() {
        return Err(nothing_of(&arguments.names, &[a, b]).into());
    }
    let whole = match format {
        Format::Text if arguments.summary => text::summary(&found),
        Format::Text => text::text(&found, arguments.moves),
        Format::Json | Format::Pretty => format.text(&json::diff(&found, arguments.summary))?,
    };
    match output::print(&whole) {
        // Who has seen enough has seen whether there is anything.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    Ok(if found.items.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

/// What the command line asks for; everything where it says nothing.
struct Chosen<'a> {
    names: &'a [String],
    only: &'a [Class],
}

impl Filter for Chosen<'_> {
    fn takes(&self, class: Class, name: &[u8]) -> bool {
        let is_named = || self.names.iter().any(|pattern| glob::matches(pattern.as_bytes(), name));
        (self.only.is_empty() || self.only.contains(&class)) && (self.names.is_empty() || is_named())
    }
}

fn nothing_of(names: &[String], sides: &[Btf]) -> String {
    let mut text = format!("neither has anything called {}", names.join(" or "));
    // Patterns are near to nothing.
    if let [name] = names {
        let mut nearest = Nearest::new(name);
        for this in sides.iter().flat_map(Btf::own_types).filter(|this| Class::of(this.kind()).is_some()) {
            nearest.offer(this.name_bytes());
        }
        text.push_str(&crate::btf::layout::proposals(nearest));
    }
    text
}
