//! bpftool's words after a command: keywords, and the values that they need.

use std::ffi::OsString;

use crate::Usage;

/// The words that are left to read.
pub(crate) struct Words<'a>(std::slice::Iter<'a, OsString>);

impl<'a> Words<'a> {
    pub(crate) fn new(words: &'a [OsString]) -> Words<'a> {
        Words(words.iter())
    }

    pub(crate) fn keyword(&mut self) -> Option<&'a str> {
        self.0.next().map(|word| word.to_str().unwrap_or_default())
    }

    /// The value that a keyword needs.
    pub(crate) fn value(&mut self, missing: &'static str) -> Result<&'a OsString, Usage> {
        self.0.next().ok_or(Usage(missing))
    }

    pub(crate) fn text(&mut self, missing: &'static str) -> Result<String, Usage> {
        self.value(missing)?.to_str().map(str::to_owned).ok_or(Usage("expected UTF-8"))
    }

    pub(crate) fn take_if(&mut self, wanted: impl Fn(&str) -> bool) -> Option<&'a str> {
        let next = self.0.as_slice().first()?.to_str()?;
        wanted(next).then(|| self.0.next())?;
        Some(next)
    }
}
