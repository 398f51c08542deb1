//! Where results go: lines for people, or a JSON object on each line.

use std::io::{self, BufWriter, Stdout, Write};

use crate::Result;
use crate::output::{Style, printable};

/// Standard output, and notes on standard error.
pub(super) struct Sink {
    to: BufWriter<Stdout>,
    json: bool,
}

impl Sink {
    pub(super) fn new(json: bool) -> Sink {
        Sink { to: BufWriter::with_capacity(1 << 16, io::stdout()), json }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// A line for people. Nothing in JSON.
    pub(super) fn text(&mut self, line: &str) -> Result {
        match self.json {
            true => Ok(()),
            false => Ok(writeln!(self.to, "{line}")?),
        }
    }

    /// Lines that end with a newline already.
    pub(super) fn block(&mut self, lines: &str) -> Result {
        match self.json {
            true => Ok(()),
            false => Ok(self.to.write_all(lines.as_bytes())?),
        }
    }

    /// A JSON object. Nothing for people.
    pub(super) fn json(&mut self, object: &str) -> Result {
        match self.json {
            true => Ok(writeln!(self.to, "{object}")?),
            false => Ok(()),
        }
    }

    /// Something beside the results.
    pub(super) fn note(&mut self, what: &str) {
        note(what);
    }

    pub(super) fn flush(&mut self) -> Result {
        Ok(self.to.flush()?)
    }
}

/// Something beside the results, on standard error.
pub(super) fn note(what: &str) {
    eprintln!("{}: {}", Style::stderr().bold("note"), printable(what));
}
