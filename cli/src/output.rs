//! Writing: colour only on a terminal, and an early end of whoever reads is no error.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, IsTerminal, Write};

/// Whether, and how, text is made to stand out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    /// For standard output.
    pub(crate) fn stdout() -> Style {
        Style { colour: wanted(io::stdout().is_terminal()) }
    }

    /// For standard error.
    pub(crate) fn stderr() -> Style {
        Style { colour: wanted(io::stderr().is_terminal()) }
    }

    /// As where there is no terminal.
    #[cfg(test)]
    pub(crate) fn plain() -> Style {
        Style { colour: false }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn bold_red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        let text = printable(text);
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into_owned() }
    }
}

/// Text from an object as it may reach a terminal: what would steer it (colours, cursor, new lines) is escaped.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// The longest name that is told, in letters: the kernel's own have 512 (`KSYM_NAME_LEN`). One that a damaged object says a thousand
/// times would fill memory.
const LONGEST_NAME: usize = 512;

/// A name from an object, cut where no honest one is so long.
pub(crate) fn short(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(LONGEST_NAME) {
        None => Cow::Borrowed(name),
        Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
    }
}

/// As [`printable`], with the lines left that errors are made of.
pub(crate) fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Colour on a terminal, unless <https://no-color.org> is followed.
fn wanted(terminal: bool) -> bool {
    terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes a command's whole text.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Whether an error, or what caused it, is that nobody reads any more.
pub(crate) fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_NAME, printable, printable_lines, short};

    #[test]
    fn names_have_an_end() {
        let name = "é".repeat(LONGEST_NAME);
        assert_eq!(short(&name), name);
        assert_eq!(short(&format!("{name}é")), format!("{name}…"));
    }

    #[test]
    fn nothing_of_an_object_steers_the_terminal() {
        assert_eq!(printable("sched_switch €"), "sched_switch €");
        assert_eq!(printable("a\x1b[31mb\nc"), "a\\u{1b}[31mb\\nc");
        assert_eq!(printable_lines("one\ntwo\r\x07"), "one\ntwo\\r\\u{7}");
    }
}
