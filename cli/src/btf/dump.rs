//! `purebpf btf dump`: types as a list or as a C header.

use std::io::{self, BufWriter, Write};

use purebpf::btf::dump;

use super::source::{Format, Request, Types};
use crate::arguments::{self, DumpArguments};
use crate::{Result, Usage};

pub(crate) fn run(arguments: &DumpArguments, output: arguments::Format) -> Result {
    let request = Request::parse(&arguments.words)?;
    if output != arguments::Format::Text {
        return Err(Usage("types are printed as text, not as JSON").into());
    }
    let types = request.open(super::base_file(arguments.base_btf.as_deref())?)?;
    let mut text = Text { to: BufWriter::with_capacity(1 << 16, io::stdout().lock()), failed: None };
    let written = write(&request, &types, &mut text);
    if let Some(error) = text.failed {
        return Err(error.into());
    }
    written?;
    Ok(text.to.flush()?)
}

fn write(request: &Request, Types { btf, roots }: &Types, text: &mut dyn std::fmt::Write) -> Result {
    match request.format {
        Format::Raw if roots.is_empty() => dump::raw(btf, text)?,
        Format::Raw => roots.iter().try_for_each(|root| dump::raw_type(btf, *root, text))?,
        Format::C => {
            let header = dump::c::Header::new(btf).sorted(request.sorted);
            let header = if roots.is_empty() { header } else { header.roots(roots) };
            header.write(text)?;
        }
    }
    Ok(())
}

/// Takes text and remembers why it could not be written.
struct Text<W> {
    to: W,
    failed: Option<io::Error>,
}

impl<W: Write> std::fmt::Write for Text<W> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.to.write_all(text.as_bytes()).map_err(|error| {
            self.failed = Some(error);
            std::fmt::Error
        })
    }
}
