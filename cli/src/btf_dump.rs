//! `purebpf btf dump`: types as a list or as a C header.

use std::io::{self, BufWriter, Write};

use purebpf::btf::{Btf, dump};
use purebpf::kernel;

use crate::arguments::{BtfSource, FormatWord};
use crate::{Result, Usage};

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Raw,
    C { sorted: bool },
}

pub(crate) fn run(source: &BtfSource) -> Result {
    let BtfSource::File { file, format } = source;
    let format = parse(format)?;
    let kernel = kernel::btf_file(file)?;
    print(kernel.vmlinux(), format)
}

/// bpftool's grammar: `format raw`, `format c [unsorted]`, or nothing.
fn parse(words: &[FormatWord]) -> Result<Format> {
    use FormatWord::{C, Format as Keyword, Raw, Unsorted};
    match words {
        [] | [Keyword, Raw] => Ok(Format::Raw),
        [Keyword, C] => Ok(Format::C { sorted: true }),
        [Keyword, C, Unsorted] => Ok(Format::C { sorted: false }),
        _ => Err(Usage("expected 'format raw', 'format c' or 'format c unsorted' after the file").into()),
    }
}

fn print(btf: &Btf, format: Format) -> Result {
    let mut text = Text { to: BufWriter::with_capacity(1 << 16, io::stdout().lock()), failed: None };
    let written = match format {
        Format::Raw => dump::raw(btf, &mut text),
        Format::C { sorted } => dump::c::Header::new(btf).sorted(sorted).write(&mut text),
    };
    if let Some(error) = text.failed {
        return Err(error.into());
    }
    written?;
    Ok(text.to.flush()?)
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
