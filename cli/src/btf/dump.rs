//! `purebpf btf dump`: types as a list, as JSON, as a C header, as Rust.

use std::io::{self, BufWriter, Write};

use purebpf::btf::dump;

use super::source::{Format, Request, Types};
use crate::arguments::{self, DumpArguments};
use crate::{Result, Usage};

pub(crate) fn run(arguments: &DumpArguments, output: arguments::Format) -> Result {
    let request = Request::parse(&arguments.words)?;
    if output != arguments::Format::Text && request.format != Format::Raw {
        return Err(Usage("C and Rust are not printed as JSON").into());
    }
    let types = request.open(super::base_file(arguments.base_btf.as_deref())?)?;
    let mut text = Text { to: BufWriter::with_capacity(1 << 16, io::stdout().lock()), failed: None };
    let written = write(&request, &types, output, &mut text);
    if let Some(error) = text.failed {
        return Err(error.into());
    }
    written?;
    Ok(text.to.flush()?)
}

fn write(
    request: &Request,
    Types { btf, roots }: &Types,
    output: arguments::Format,
    text: &mut dyn std::fmt::Write,
) -> Result {
    let only = Some(roots.as_slice()).filter(|roots| !roots.is_empty());
    match (request.format, output) {
        (Format::Raw, arguments::Format::Text) => match only {
            None => dump::raw(btf, text)?,
            Some(roots) => roots.iter().try_for_each(|root| dump::raw_type(btf, *root, text))?,
        },
        (Format::Raw, output) => {
            let options = dump::JsonOptions { pretty: output == arguments::Format::Pretty, only };
            dump::json_with(btf, &options, text)?;
        }
        (Format::C, _) => {
            let header = dump::c::Header::new(btf).sorted(request.sorted);
            only.map_or(header, |roots| header.roots(roots)).write(text)?;
        }
        (Format::Rust, _) => {
            let bindings = dump::rust::Bindings::new(btf);
            only.map_or(bindings, |roots| bindings.roots(roots)).write(text)?;
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
