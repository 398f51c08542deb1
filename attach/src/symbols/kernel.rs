//! The kernel's functions: `/proc/kallsyms`, which holds all symbols, and tracefs's `available_filter_functions`, which
//! holds those that ftrace can stop at.

use super::Nearest;
use crate::{
    advice::tracefs_advice,
    error::{Error, Result},
    tracefs,
};
use std::{
    fs::File,
    io::{self, Read},
    ops::ControlFlow,
    path::Path,
};

/// One line of kallsyms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelSymbol<'l> {
    /// Its address; 0 where `kptr_restrict` hides it.
    pub address: u64,
    /// What it is, as nm(1) says: `t` or `T` for functions.
    pub kind: u8,
    /// Its name.
    pub name: &'l [u8],
    /// The module it belongs to.
    pub module: Option<&'l [u8]>,
}

impl KernelSymbol<'_> {
    /// Whether it stands for code.
    pub fn is_function(&self) -> bool {
        matches!(self.kind, b't' | b'T' | b'w' | b'W')
    }
}

const KALLSYMS: &str = "/proc/kallsyms";

/// Gives each symbol of the running kernel to `visit`, until it breaks.
///
/// # Errors
///
/// [`Error::File`] when /proc/kallsyms cannot be read.
pub fn for_each_kallsyms(visit: impl FnMut(KernelSymbol<'_>) -> ControlFlow<()>) -> Result<()> {
    let path = Path::new(KALLSYMS);
    let file = File::open(path).map_err(|source| Error::file(path, source))?;
    parse_kallsyms(file, visit).map_err(|source| Error::file(path, source))
}

/// As [`for_each_kallsyms`], from anything that can be read. Lines that are none of kallsyms are passed over.
///
/// # Errors
///
/// What `input` gives.
pub fn parse_kallsyms(input: impl Read, mut visit: impl FnMut(KernelSymbol<'_>) -> ControlFlow<()>) -> io::Result<()> {
    for_each_line(input, |line| match kallsyms_line(line) {
        Some(symbol) => visit(symbol),
        None => ControlFlow::Continue(()),
    })
}

/// `ffffffff81000000 T _stext`, and for modules `\t[xfs]` behind it.
fn kallsyms_line(line: &[u8]) -> Option<KernelSymbol<'_>> {
    let (address, rest) = split(line, b' ')?;
    let address = u64::from_str_radix(std::str::from_utf8(address).ok()?, 16).ok()?;
    let (&kind, rest) = rest.split_first()?;
    let rest = rest.strip_prefix(b" ")?;
    let (name, module) = match split(rest, b'\t') {
        Some((name, module)) => (name, module.strip_prefix(b"[").and_then(|module| module.strip_suffix(b"]"))),
        None => (rest, None),
    };
    (!name.is_empty()).then_some(KernelSymbol { address, kind, name, module })
}

/// Gives the name of each function that ftrace can stop at (and its module) to `visit`, until it breaks.
///
/// # Errors
///
/// [`Error::TracefsNotMounted`]; [`Error::File`].
pub fn for_each_traceable(visit: impl FnMut(&[u8], Option<&[u8]>) -> ControlFlow<()>) -> Result<()> {
    let path = tracefs::root()?.join("available_filter_functions");
    let refused = |cause: io::Error| {
        let advice = cause.raw_os_error().map_or_else(String::new, tracefs_advice);
        Error::File { path: path.clone(), advice, cause }
    };
    parse_traceable(File::open(&path).map_err(refused)?, visit).map_err(refused)
}

/// As [`for_each_traceable`], from anything that can be read.
///
/// # Errors
///
/// What `input` gives.
pub fn parse_traceable(
    input: impl Read,
    mut visit: impl FnMut(&[u8], Option<&[u8]>) -> ControlFlow<()>,
) -> io::Result<()> {
    for_each_line(input, |line| {
        let (name, module) = match split(line, b' ') {
            Some((name, rest)) => {
                let module = rest.strip_prefix(b"[").and_then(|rest| split(rest, b']')).map(|(module, _)| module);
                (name, module)
            }
            None => (line, None),
        };
        if name.is_empty() { ControlFlow::Continue(()) } else { visit(name, module) }
    })
}

/// What kallsyms knows of a function's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// None of this name; the nearest ones.
    Nowhere(Vec<String>),
    /// So many of this name.
    Times(usize),
    /// kallsyms cannot be read.
    Unknown,
}

/// Looks a function up (`MODULE:FUNCTION` in that module), in one pass that also finds what is near.
pub(crate) fn look_up(function: &str) -> Known {
    let (module, function) = match function.split_once(':') {
        Some((module, function)) => (Some(module.as_bytes()), function),
        None => (None, function),
    };
    let mut count = 0;
    let mut nearest = Nearest::new(function);
    let passed = for_each_kallsyms(|symbol| {
        if symbol.is_function() && (module.is_none() || module == symbol.module) {
            if symbol.name == function.as_bytes() {
                count += 1;
            } else if count == 0 {
                nearest.offer(symbol.name);
            }
        }
        ControlFlow::Continue(())
    });
    match (passed, count) {
        (Err(_), _) => Known::Unknown,
        (Ok(()), 0) => Known::Nowhere(nearest.into_names()),
        (Ok(()), count) => Known::Times(count),
    }
}

/// Whether ftrace can stop at a function: what fentry, fexit and kprobe.multi need, and on most kernels kprobes too.
/// `None` when its list cannot be read.
pub fn is_traceable(function: &str) -> Option<bool> {
    let mut found = false;
    for_each_traceable(|name, _| {
        found = name == function.as_bytes();
        if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .ok()?;
    Some(found)
}

/// Bytes read at a time, and the longest line: names have at most 511 bytes (KSYM_NAME_LEN).
const PIECE: usize = 64 * 1024;

/// Cuts the input into lines without their newline. A line longer than the buffer comes in pieces.
fn for_each_line(mut input: impl Read, mut visit: impl FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut filled = 0;
    loop {
        let read = match input.read(&mut buffer[filled..]) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = filled + read;
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', &buffer[filled..end]) {
            if visit(&buffer[start..filled + newline]).is_break() {
                return Ok(());
            }
            start = filled + newline + 1;
        }
        let whole_buffer = start == 0 && end == buffer.len();
        if start < end && (read == 0 || whole_buffer) {
            if visit(&buffer[start..end]).is_break() {
                return Ok(());
            }
            start = end;
        }
        if read == 0 {
            return Ok(());
        }
        buffer.copy_within(start..end, 0);
        filled = end - start;
    }
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = memchr::memchr(at, text)?;
    Some((&text[..place], &text[place + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes a few at a time, as a pipe might.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(self.0.len()).min(out.len());
            out[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    fn lines(text: &[u8], at_a_time: usize) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for_each_line(Trickle(text, at_a_time), |line| {
            lines.push(line.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
        lines
    }

    #[test]
    fn lines_come_whole_however_they_are_read() {
        for at_a_time in [1, 2, 3, 7, 1000] {
            assert_eq!(lines(b"a\n\nbcd\nlast", at_a_time), [&b"a"[..], b"", b"bcd", b"last"]);
            assert_eq!(lines(b"a\n", at_a_time), [b"a"]);
            assert!(lines(b"", at_a_time).is_empty());
        }
        let long = vec![b'x'; PIECE * 2 + 5];
        assert_eq!(lines(&long, 4096).concat(), long);
    }

    // Lines as /proc/kallsyms of Debian's 6.12 has them.
    #[test]
    fn reads_kallsyms() {
        let text = b"ffffffff81000000 T _stext\nffffffffc0a01000 t xfs_open\t[xfs]\nnonsense\n0000000000000000 d x\n";
        let mut seen = Vec::new();
        parse_kallsyms(&text[..], |symbol| {
            let module = symbol.module.map(<[u8]>::to_vec);
            seen.push((symbol.address, symbol.is_function(), symbol.name.to_vec(), module));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(
            seen,
            [
                (0xffff_ffff_8100_0000, true, b"_stext".to_vec(), None),
                (0xffff_ffff_c0a0_1000, true, b"xfs_open".to_vec(), Some(b"xfs".to_vec())),
                (0, false, b"x".to_vec(), None),
            ]
        );
    }

    #[test]
    fn reads_available_filter_functions() {
        let mut seen = Vec::new();
        parse_traceable(&b"vfs_read\nxfs_open [xfs]\n"[..], |name, module| {
            seen.push((name.to_vec(), module.map(<[u8]>::to_vec)));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(seen, [(b"vfs_read".to_vec(), None), (b"xfs_open".to_vec(), Some(b"xfs".to_vec()))]);
    }

    #[test]
    fn a_break_ends_the_reading() {
        let mut count = 0;
        parse_traceable(&b"a\nb\nc\n"[..], |_, _| {
            count += 1;
            if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
        assert_eq!(count, 2);
    }
}
