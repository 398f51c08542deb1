//! Why the verifier refused, in one screen: its verdict, the line of C that it was at and the way there, the registers that the
//! verdict names, and what in the object is behind it.

mod cause;
mod log;
mod source;

use std::fmt;

use purebpf_sys::Error as SysError;

use self::cause::Suspects;
use self::log::{Reading, number};
use self::source::Lines;
use crate::link::{CoreRelocation, Linked};
use crate::object::{Object, Program};

pub(super) use self::log::{CUT, has_end};
pub use self::source::{PathLine, SourceLine};

/// How wide a line of the report is, in characters.
const WIDTH: usize = 100;

/// How many lines of the verdict are shown, of the cause, of registers, and of the path.
const VERDICT: usize = 4;
const CAUSE: usize = 3;
const REGISTERS: usize = 3;
const PATH: usize = 7;

/// What is not for want of privilege, where the verifier never began. The numbers are the same on every architecture.
const EACCES: i32 = 13;
const EINVAL: i32 = 22;

/// What the verifier said of a program. Shown, it fills no more than a screen: 24 lines of 100 columns, with what the error
/// that it is part of has to say.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Rejection {
    /// The verifier's verdict, one line or a few; empty when there is no log, as when the kernel refused before it began.
    pub verdict: String,
    /// The instruction that it was at, as the kernel prints it: `8: *(u64 *)(r0 +0) = r1`.
    pub insn: Option<String>,
    /// The source line that this came from.
    pub source_line: Option<SourceLine>,
    /// The registers that the verdict names and what was known of each, such as `map_value_or_null(id=1,…)`.
    pub registers: Vec<(String, String)>,
    /// The source lines on the way there, the last few, each once, in the order in which they were come to last.
    pub path: Vec<PathLine>,
    /// How many there are before those.
    pub path_more: usize,
    /// What in the object is behind it, if that can be told: a CO-RE relocation that found nothing, a map that was not
    /// created, a function that the kernel does not have.
    pub cause: Option<String>,
    /// What else went wrong before, that may be behind it.
    pub note: Option<String>,
    /// The whole log.
    pub log: String,
}

/// What a log was written about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) object: &'a Object,
    pub(super) program: &'a Program,
    pub(super) linked: &'a Linked,
    pub(super) core: &'a [CoreRelocation],
    pub(super) kernel_btf: Option<&'a purebpf_btf::KernelBtf>,
    /// Why the kernel refused the object's BTF, if it did.
    pub(super) btf_refused: Option<&'a str>,
}

/// Reads a log.
pub(super) fn read(context: Context<'_>, source: &SysError, log: String) -> Rejection {
    let note = context.btf_refused.map(|why| format!("the program goes without BTF: {why}"));
    let reading = Reading::new(&log);
    if reading.telling.is_empty() {
        let cause = match source.errno() {
            EACCES | EINVAL => {
                let prog_type = context.program.prog_type;
                let name = prog_type.name().map_or_else(|| prog_type.0.to_string(), str::to_owned);
                Some(format!(
                    "the kernel refused it unseen: it does not know the type ({name}), the attach type, what is attached to, or a flag"
                ))
            }
            _ => source.advice(),
        };
        return Rejection { cause, note, log, ..Rejection::default() };
    }
    let Context { object, program, linked, core, kernel_btf, .. } = context;
    let lines = object.btf.as_ref().and_then(|btf| Lines::new(btf, &linked.line_info));
    let told = reading.telling.iter().find_map(|line| insn_named(line));
    let last = reading.steps.last().copied();
    let at = told.or(last);
    let by_log = || reading.source.map(SourceLine::of_log);
    let source_line = match (at, lines) {
        (Some(at), Some(lines)) => lines.at(at).or_else(by_log),
        _ => by_log(),
    };
    let insn = at.and_then(|at| {
        let text = reading.insn_at(at)?;
        // Which function it is in goes without saying of the program's own.
        let begun = linked.functions.iter().rfind(|(_, begin)| *begin <= at as usize);
        let other = begun.filter(|(function, _)| *function != program.function);
        let function = other.and_then(|(function, _)| object.functions.get(function.0));
        Some(format!(
            "{at}: {text}{}",
            function.map_or_else(String::new, |function| format!(" (in {})", function.name))
        ))
    });
    let (mut path, path_more) = lines.map_or_else(Default::default, |lines| lines.path(&reading.steps, PATH));
    // A path of that line alone is no way to it.
    if path_more == 0 && matches!(&path[..], [only] if Some(&only.source) == source_line.as_ref() && only.times == 1) {
        path.clear();
    }
    let registers = registers_named(&reading.telling)
        .into_iter()
        .filter_map(|number| Some((format!("R{number}"), reading.register(number)?.to_owned())))
        .take(REGISTERS)
        .collect();
    let cause = Suspects { object, program, linked, core, kernel_btf, lines }.cause(&reading);
    let first = reading.telling.len().saturating_sub(VERDICT);
    let verdict = reading.telling[first..].join("\n");
    Rejection { verdict, insn, source_line, registers, path, path_more, cause, note, log }
}

/// The instruction that a verdict names: where checks of the whole program found it, no path leads there.
fn insn_named(line: &str) -> Option<u32> {
    let behind = line.match_indices("insn ").filter_map(|(at, mark)| line.get(at + mark.len()..));
    behind.map(|rest| rest.strip_prefix("idx ").unwrap_or(rest)).find_map(|rest| Some(number(rest)?.0))
}

/// The registers that lines name, in their order.
fn registers_named(lines: &[&str]) -> Vec<u32> {
    let mut numbers = Vec::new();
    for line in lines {
        let mut is_start = true;
        for (at, letter) in line.char_indices() {
            let named = (letter == 'R' && is_start).then(|| line.get(at + 1..).and_then(number)).flatten();
            if let Some((register, rest)) = named {
                let ends = !rest.starts_with(|next: char| next.is_alphanumeric());
                if ends && register <= 10 && !numbers.contains(&register) {
                    numbers.push(register);
                }
            }
            is_start = !letter.is_alphanumeric() && letter != '_';
        }
    }
    numbers
}

/// Writes lines under a heading, cut to the report's width.
struct Block<'f, 'a> {
    to: &'f mut fmt::Formatter<'a>,
    begun: bool,
}

/// Columns that headings take.
const HEADING: usize = 12;

impl Block<'_, '_> {
    fn line(&mut self, heading: &str, text: &str) -> fmt::Result {
        let room = WIDTH - HEADING;
        if std::mem::replace(&mut self.begun, true) {
            self.to.write_str("\n")?;
        }
        write!(self.to, "  {heading:10}")?;
        let long = text.chars().nth(room).is_some();
        // Nothing of an object or a log moves the cursor.
        let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        let cut = if long { room - 1 } else { room };
        shown.take(cut).try_for_each(|c| fmt::Write::write_char(self.to, c))?;
        if long { self.to.write_str("…") } else { Ok(()) }
    }

    /// Text over several lines, broken at blanks; cut after `most`.
    fn text(&mut self, heading: &str, text: &str, most: usize) -> fmt::Result {
        let room = WIDTH - HEADING;
        let (mut heading, mut rest) = (heading, text);
        for n in 1.. {
            let end = rest.char_indices().nth(room).map(|(end, _)| end);
            let Some(end) = end.filter(|_| n < most) else { return self.line(heading, rest) };
            let blank = rest.get(..=end).and_then(|start| start.rfind(' ')).filter(|blank| *blank > 0);
            let (line, next) = rest.split_at_checked(blank.unwrap_or(end)).unwrap_or((rest, ""));
            self.line(heading, line)?;
            (heading, rest) = ("", next.trim_start());
        }
        Ok(())
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut block = Block { to: f, begun: false };
        match self.verdict.as_str() {
            "" => block.line("verifier:", "(it said nothing)")?,
            verdict => {
                for (n, line) in verdict.lines().enumerate() {
                    block.line(if n == 0 { "verifier:" } else { "" }, line)?;
                }
            }
        }
        if let Some(cause) = &self.cause {
            block.text("because:", cause, CAUSE)?;
        }
        if let Some(note) = &self.note {
            block.text("note:", note, 2)?;
        }
        if let Some(source) = &self.source_line {
            block.line("at:", &source.to_string())?;
        }
        if let Some(insn) = &self.insn {
            block.line("insn:", insn)?;
        }
        for (register, state) in &self.registers {
            block.line(&format!("{register}:"), state)?;
        }
        self.show_path(&mut block)?;
        match self.log.lines().count() {
            0 => Ok(()),
            1 => block.line("log:", "1 line in all"),
            lines => block.line("log:", &format!("{lines} lines in all")),
        }
    }
}

impl Rejection {
    fn show_path(&self, block: &mut Block<'_, '_>) -> fmt::Result {
        let mut heading = "path:";
        if self.path_more > 0 {
            block.line(heading, &format!("({} lines more)", self.path_more))?;
            heading = "";
        }
        let width = self.path.iter().map(|line| line.source.place().chars().count()).max().unwrap_or(0);
        for line in &self.path {
            let times = if line.times > 1 { format!("({} times) ", line.times) } else { String::new() };
            let shown = format!("{:width$}  {times}{}", line.source.place(), line.source.text);
            block.line(heading, shown.trim_end())?;
            heading = "";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // As check_cfg, check_subprogs and check_helper_call of kernel/bpf word them.
    #[test]
    fn the_instruction_that_a_verdict_names() {
        for (line, insn) in [
            ("infinite loop detected at insn 12", Some(12)),
            ("back-edge from insn 5 to 2", Some(5)),
            ("unreachable insn 3", Some(3)),
            ("jump into the middle of ldimm64 insn 7", Some(7)),
            ("invalid insn idx 9 insn_cnt 9", Some(9)),
            ("bpf_throw kfunc (insn 4) cannot be called from callback subprog 1", Some(4)),
            ("Unreleased reference id=2 alloc_insn=4", None),
            ("BPF program is too large. Processed 1000001 insn", None),
        ] {
            assert_eq!(insn_named(line), insn, "{line}");
        }
    }

    #[test]
    fn the_registers_that_lines_name() {
        let named = |line: &str| registers_named(&[line]);
        assert_eq!(named("R1 type=map_value_or_null expected=fp, R10 too"), [1, 10]);
        assert_eq!(named("invalid access to packet, off=12 size=2, R1(id=0,off=12,r=0)"), [1]);
        assert_eq!(named("R9 !read_ok"), [9]);
        assert!(named("PTR1 to R11, R2D2 and BPF_R3").is_empty());
    }
}
