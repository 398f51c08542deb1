//! The grammars of extras: what may follow `kprobe/`, `uprobe/` and the others.
//!
//! ```text
//! kprobe           FUNCTION [ "+" NUMBER ]
//! uprobe           PATH ":" SYMBOL [ ( "@" | "@@" ) VERSION ] [ "+" NUMBER ]
//! ksyscall         WORD
//! kprobe.multi     GLOB
//! uprobe.multi     PATH ":" TEXT
//! usdt             PATH ":" NAME ":" NAME
//! tracepoint       NAME "/" NAME
//! raw_tracepoint   WORD
//! fentry, tp_btf   [ MODULE ":" ] FUNCTION
//! fentry.multi     [ MODULE ":" ] GLOB
//! freplace         FUNCTION
//! lsm, iter        WORD
//!
//! WORD      letters, digits, "_"
//! FUNCTION  letters, digits, "_", "."
//! GLOB      letters, digits, "_", ".", "*", "?"
//! MODULE    letters, digits, "_", "-"
//! PATH      anything but ":"
//! NAME      anything but "/", ":" and blanks; not "." or ".."
//! NUMBER    decimal, or hexadecimal after "0x", or octal after "0"
//! ```
//!
//! No part may be empty, nothing may follow, and control characters stand nowhere. libbpf reads the same grammars with
//! sscanf, which stops at the first character that does not fit and ignores it and the rest; here that character is an
//! error with its place.

use super::{Extras, SectionDef, Target};

/// Why extras do not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// Byte offset in the extras of the first character that does not fit; their length if something is missing.
    pub position: usize,
    /// What was expected there, to stand after the word "expected".
    pub expected: &'static str,
}

/// Reads the extras of a section of row `def`.
///
/// # Errors
///
/// The first character that does not fit.
pub fn parse<'n>(def: &SectionDef, extras: &'n str) -> Result<Target<'n>, Fault> {
    let mut input = Input { text: extras, position: 0 };
    if let Some(position) = extras.bytes().position(|byte| byte.is_ascii_control()) {
        if !matches!(def.extras, Extras::None | Extras::Ignored) {
            return fault(position, "no control characters");
        }
    }
    let (retprobe, session) = (def.is_retprobe(), def.is_session());
    let target = match def.extras {
        Extras::None | Extras::Ignored => return Ok(Target::Unspecified),
        Extras::Kprobe => {
            let function = input.word(is_function, FUNCTION)?;
            let offset = if input.skip('+') { input.number()? } else { 0 };
            no_return_offset(retprobe, offset, function.len())?;
            Target::Kprobe { function, offset, retprobe }
        }
        Extras::Uprobe => {
            let path = input.up_to(':', PATH, "':' and a function after the path")?;
            return symbol(path, input, retprobe);
        }
        Extras::Ksyscall => Target::Ksyscall { syscall: input.word(is_word, "the name of a system call")?, retprobe },
        Extras::KprobeMulti => Target::KprobeMulti { pattern: input.word(is_glob, GLOB)?, retprobe, session },
        Extras::UprobeMulti => {
            let path = input.up_to(':', PATH, "':' and a pattern after the path")?;
            Target::UprobeMulti { path, pattern: input.rest("a pattern of function names")?, retprobe, session }
        }
        Extras::Usdt => {
            let path = input.up_to(':', PATH, "':', a provider, ':' and a name after the path")?;
            let provider = input.up_to(':', "the name of a provider", "':' and a name after the provider")?;
            Target::Usdt { path, provider, name: input.word(|c| c != ':', "the name of a probe")? }
        }
        Extras::Tracepoint => {
            let category = input.file_name("a tracepoint's category")?;
            input.expect('/', "'/' and a name after the category")?;
            Target::Tracepoint { category, name: input.file_name("a tracepoint's name")? }
        }
        Extras::RawTracepoint => Target::RawTracepoint { name: input.word(is_word, "a tracepoint's name")? },
        Extras::Tracing => {
            let module = input.module()?;
            Target::Tracing { module, name: input.word(is_function, FUNCTION)? }
        }
        Extras::TracingMulti => {
            let module = input.module()?;
            Target::TracingMulti { module, pattern: input.word(is_glob, GLOB)? }
        }
        Extras::Function => Target::Freplace { function: input.word(is_function, FUNCTION)? },
        Extras::Lsm => Target::Lsm { hook: input.word(is_word, "the name of an LSM hook")? },
        Extras::Iter => Target::Iter { target: input.word(is_word, "what to iterate over")? },
    };
    input.end()?;
    Ok(target)
}

const FUNCTION: &str = "a function's name (letters, digits, '_' and '.')";
const GLOB: &str = "a pattern of names (letters, digits, '_', '.', '*' and '?')";
const PATH: &str = "a path";

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_function(c: char) -> bool {
    is_word(c) || c == '.'
}

fn is_glob(c: char) -> bool {
    is_function(c) || matches!(c, '*' | '?')
}

fn is_module(c: char) -> bool {
    is_word(c) || c == '-'
}

fn fault<T>(position: usize, expected: &'static str) -> Result<T, Fault> {
    Err(Fault { position, expected })
}

/// A probe at a return has no offset: it is at every place from which the function returns.
fn no_return_offset(retprobe: bool, offset: u64, position: usize) -> Result<(), Fault> {
    if retprobe && offset != 0 {
        fault(position, "no offset, as a return probe is at all returns of its function")
    } else {
        Ok(())
    }
}

/// What follows a uprobe's path. Names of symbols are free: those of Go and C++ hold nearly every character. So it is
/// read from its end: a `+` that is followed by a digit or sign to the end begins an offset, as in libbpf's
/// `attach_uprobe`, and the first `@` a version.
fn symbol<'n>(path: &'n str, input: Input<'n>, retprobe: bool) -> Result<Target<'n>, Fault> {
    let start = input.position;
    let text = &input.text[start..];
    let plus = text.rfind('+').filter(|at| matches!(text.as_bytes().get(at + 1), None | Some(b'0'..=b'9' | b'-')));
    let (name, offset) = match plus {
        Some(at) => {
            let mut number = Input { text: input.text, position: start + at + 1 };
            let offset = number.number()?;
            number.end()?;
            no_return_offset(retprobe, offset, start + at)?;
            (&text[..at], offset)
        }
        None => (text, 0),
    };
    let (function, version) = match name.split_once('@') {
        Some((function, version)) => {
            let version = version.strip_prefix('@').unwrap_or(version);
            if version.is_empty() {
                return fault(start + name.len(), "a symbol version after '@'");
            }
            (function, Some(version))
        }
        None => (name, None),
    };
    if function.is_empty() {
        return fault(start, "a function's name");
    }
    Ok(Target::Uprobe { path, function, version, offset, retprobe })
}

/// The extras and how far they are read. `position` always is at a character's boundary.
#[derive(Clone, Copy)]
struct Input<'n> {
    text: &'n str,
    position: usize,
}

impl<'n> Input<'n> {
    fn remaining(&self) -> &'n str {
        &self.text[self.position..]
    }

    fn take(&mut self, len: usize) -> &'n str {
        let (taken, _) = self.remaining().split_at(len);
        self.position += len;
        taken
    }

    /// One or more characters of a class.
    fn word(&mut self, class: impl Fn(char) -> bool, expected: &'static str) -> Result<&'n str, Fault> {
        let remaining = self.remaining();
        match remaining.find(|c| !class(c)).unwrap_or(remaining.len()) {
            0 => fault(self.position, expected),
            len => Ok(self.take(len)),
        }
    }

    /// All that remains, which is not nothing.
    fn rest(&mut self, expected: &'static str) -> Result<&'n str, Fault> {
        let len = self.remaining().len();
        if len == 0 { fault(self.position, expected) } else { Ok(self.take(len)) }
    }

    /// What stands before `end`, which is not nothing, and `end` itself.
    fn up_to(&mut self, end: char, expected: &'static str, then: &'static str) -> Result<&'n str, Fault> {
        let part = self.word(|c| c != end, expected)?;
        self.expect(end, then)?;
        Ok(part)
    }

    /// A name of one file, so that a section cannot lead out of tracefs.
    fn file_name(&mut self, expected: &'static str) -> Result<&'n str, Fault> {
        let start = self.position;
        let name = self.word(|c| !matches!(c, '/' | ':') && !c.is_whitespace(), expected)?;
        if matches!(name, "." | "..") { fault(start, expected) } else { Ok(name) }
    }

    /// `MODULE:` if there is a `:` ahead.
    fn module(&mut self) -> Result<Option<&'n str>, Fault> {
        if !self.remaining().contains(':') {
            return Ok(None);
        }
        let module = self.word(is_module, "a module's name")?;
        self.expect(':', "':' after the module's name (letters, digits, '_' and '-')")?;
        Ok(Some(module))
    }

    fn skip(&mut self, c: char) -> bool {
        let found = self.remaining().starts_with(c);
        if found {
            self.position += c.len_utf8();
        }
        found
    }

    fn expect(&mut self, c: char, expected: &'static str) -> Result<(), Fault> {
        if self.skip(c) { Ok(()) } else { fault(self.position, expected) }
    }

    /// A number in the notations of `strtol` with base 0.
    fn number(&mut self) -> Result<u64, Fault> {
        let start = self.position;
        if self.remaining().starts_with('-') {
            return fault(start, "an offset that is not negative");
        }
        let (radix, prefix) = match self.remaining().as_bytes() {
            [b'0', b'x' | b'X', ..] => (16, 2),
            [b'0', b'0'..=b'9', ..] => (8, 1),
            _ => (10, 0),
        };
        self.take(prefix);
        let digits = self.word(|c| c.is_digit(radix), "digits of an offset")?;
        // perf_event_open and libbpf hold offsets in a signed 64-bit number.
        match u64::from_str_radix(digits, radix) {
            Ok(number) if i64::try_from(number).is_ok() => Ok(number),
            _ => fault(start, "an offset below 2^63"),
        }
    }

    fn end(&self) -> Result<(), Fault> {
        if self.remaining().is_empty() { Ok(()) } else { fault(self.position, "the end of the section's name") }
    }
}

#[cfg(test)]
mod tests {
    use crate::{error::Error, section::SectionName};

    use super::*;

    fn target(name: &str) -> Target<'_> {
        SectionName::parse(name).unwrap().target().unwrap()
    }

    /// The place in the whole name at which it goes wrong.
    fn wrong_at(name: &str) -> usize {
        match SectionName::parse(name).unwrap().target() {
            Err(Error::Section { position, .. }) => position,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn kprobes() {
        let kprobe = |function, offset, retprobe| Target::Kprobe { function, offset, retprobe };
        assert_eq!(target("kprobe/do_exit"), kprobe("do_exit", 0, false));
        assert_eq!(target("kprobe/f.isra.0+0x1c"), kprobe("f.isra.0", 0x1c, false));
        assert_eq!(target("kprobe/f+12"), kprobe("f", 12, false));
        assert_eq!(target("kprobe/f+010"), kprobe("f", 8, false));
        assert_eq!(target("kretprobe/f"), kprobe("f", 0, true));
        assert_eq!(target("kretprobe/f+0"), kprobe("f", 0, true));
        assert_eq!(target("?kprobe/f"), kprobe("f", 0, false));
        assert_eq!(target("kprobe"), Target::Unspecified);
        assert_eq!(wrong_at("kprobe/"), 7);
        assert_eq!(wrong_at("kprobe/foo bar"), 10);
        assert_eq!(wrong_at("?kprobe/foo bar"), 11);
        assert_eq!(wrong_at("kprobe/foo+"), 11);
        assert_eq!(wrong_at("kprobe/foo+-4"), 11);
        assert_eq!(wrong_at("kprobe/foo+4x"), 12);
        assert_eq!(wrong_at("kprobe/foo+08"), 12);
        assert_eq!(wrong_at("kprobe/foo+0x"), 13);
        assert_eq!(wrong_at("kprobe/foo+0x8000000000000000"), 11);
        assert_eq!(wrong_at("kprobe/foo+99999999999999999999"), 11);
        assert_eq!(wrong_at("kretprobe/foo+4"), 13);
        assert_eq!(wrong_at("kprobe/foo\n"), 10);
    }

    #[test]
    fn uprobes() {
        let uprobe =
            |path, function, version, offset, retprobe| Target::Uprobe { path, function, version, offset, retprobe };
        assert_eq!(target("uprobe//bin/bash:readline"), uprobe("/bin/bash", "readline", None, 0, false));
        assert_eq!(target("uprobe/libc.so.6:malloc+0x4"), uprobe("libc.so.6", "malloc", None, 4, false));
        assert_eq!(target("uprobe/libc:f@GLIBC_2.2.5"), uprobe("libc", "f", Some("GLIBC_2.2.5"), 0, false));
        assert_eq!(target("uprobe/libc:f@@GLIBC_2.2.5+8"), uprobe("libc", "f", Some("GLIBC_2.2.5"), 8, false));
        assert_eq!(target("uretprobe.s//x:f"), uprobe("/x", "f", None, 0, true));
        assert_eq!(target("uprobe/a.apk!/lib/x.so:f"), uprobe("a.apk!/lib/x.so", "f", None, 0, false));
        assert_eq!(target("uprobe/x:main.(*T).f+g"), uprobe("x", "main.(*T).f+g", None, 0, false));
        assert_eq!(target("uprobe/x:ns::f"), uprobe("x", "ns::f", None, 0, false));
        assert_eq!(target("uprobe.s"), Target::Unspecified);
        assert_eq!(wrong_at("uprobe/"), 7);
        assert_eq!(wrong_at("uprobe/:f"), 7);
        assert_eq!(wrong_at("uprobe//bin/x"), 13);
        assert_eq!(wrong_at("uprobe/x:"), 9);
        assert_eq!(wrong_at("uprobe/x:+4"), 9);
        assert_eq!(wrong_at("uprobe/x:f+"), 11);
        assert_eq!(wrong_at("uprobe/x:f+-1"), 11);
        assert_eq!(wrong_at("uprobe/x:f+0x4 "), 14);
        assert_eq!(wrong_at("uprobe/x:f@"), 11);
        assert_eq!(wrong_at("uprobe/x:f@@"), 12);
        assert_eq!(wrong_at("uprobe/x:@V"), 9);
        assert_eq!(wrong_at("uretprobe/x:f+4"), 13);
    }

    #[test]
    fn tracepoints() {
        assert_eq!(target("tp/sched/sched_switch"), Target::Tracepoint { category: "sched", name: "sched_switch" });
        assert_eq!(
            target("tracepoint.s/syscalls/sys_enter_read"),
            Target::Tracepoint { category: "syscalls", name: "sys_enter_read" }
        );
        assert_eq!(target("raw_tp.w/bpf_test_finish"), Target::RawTracepoint { name: "bpf_test_finish" });
        assert_eq!(target("raw_tracepoint"), Target::Unspecified);
        assert_eq!(wrong_at("tp/sched"), 8);
        assert_eq!(wrong_at("tp//x"), 3);
        assert_eq!(wrong_at("tp/sched/"), 9);
        assert_eq!(wrong_at("tp/sched/x/y"), 10);
        assert_eq!(wrong_at("tp/../x"), 3);
        assert_eq!(wrong_at("tp/sched/sched_switch "), 21);
        assert_eq!(wrong_at("raw_tp/"), 7);
        assert_eq!(wrong_at("raw_tp/a/b"), 8);
    }

    #[test]
    fn btf_targets() {
        let tracing = |module, name| Target::Tracing { module, name };
        assert_eq!(target("tp_btf/sched_switch"), tracing(None, "sched_switch"));
        assert_eq!(target("fentry/xfs:xfs_file_open"), tracing(Some("xfs"), "xfs_file_open"));
        assert_eq!(target("fmod_ret.s/f"), tracing(None, "f"));
        assert_eq!(target("freplace/f"), Target::Freplace { function: "f" });
        assert_eq!(target("lsm_cgroup/socket_bind"), Target::Lsm { hook: "socket_bind" });
        assert_eq!(target("iter.s/bpf_map_elem"), Target::Iter { target: "bpf_map_elem" });
        assert_eq!(
            target("fsession.multi.s/xfs:xfs_*"),
            Target::TracingMulti { module: Some("xfs"), pattern: "xfs_*" }
        );
        assert_eq!(wrong_at("fentry/"), 7);
        assert_eq!(wrong_at("fentry/:f"), 7);
        assert_eq!(wrong_at("fentry/m:"), 9);
        assert_eq!(wrong_at("fentry/m:f:g"), 10);
        assert_eq!(wrong_at("fentry/f+1"), 8);
        assert_eq!(wrong_at("lsm/file_open/x"), 13);
    }

    #[test]
    fn many_at_once_and_usdt() {
        assert_eq!(
            target("kprobe.multi/vfs_*"),
            Target::KprobeMulti { pattern: "vfs_*", retprobe: false, session: false }
        );
        assert_eq!(target("kretprobe.multi/?"), Target::KprobeMulti { pattern: "?", retprobe: true, session: false });
        assert_eq!(target("kprobe.session/x"), Target::KprobeMulti { pattern: "x", retprobe: false, session: true });
        assert_eq!(
            target("uprobe.session.s/libc.so.6:mem*"),
            Target::UprobeMulti { path: "libc.so.6", pattern: "mem*", retprobe: false, session: true }
        );
        assert_eq!(target("ksyscall/openat2"), Target::Ksyscall { syscall: "openat2", retprobe: false });
        let usdt = Target::Usdt { path: "libc.so.6", provider: "libc", name: "setjmp" };
        assert_eq!(target("usdt/libc.so.6:libc:setjmp"), usdt);
        assert_eq!(target("usdt.s/libc.so.6:libc:setjmp"), usdt, "which libbpf refuses");
        assert_eq!(wrong_at("usdt/x:y"), 8);
        assert_eq!(wrong_at("usdt/x::z"), 7);
        assert_eq!(wrong_at("usdt/x:y:"), 9);
        assert_eq!(wrong_at("usdt/x:y:z:w"), 10);
        assert_eq!(wrong_at("kprobe.multi/a-b"), 14);
        assert_eq!(wrong_at("uprobe.multi/x"), 14);
    }

    #[test]
    fn extras_of_struct_ops_mean_nothing() {
        assert_eq!(target("struct_ops/any thing\n"), Target::Unspecified);
        assert_eq!(target("struct_ops.s"), Target::Unspecified);
    }
}
