//! The verifier's log, as Linux 5.10 to 7.2 write it: what of it tells why, and the way there.
//!
//! A log at level 1 is one path from the program's (or a global function's) beginning to what was refused: lines of
//! instructions, of source text and of register states, and behind them the verdict, one line or several, and statistics. Paths
//! that turned out well are taken out of it again (`bpf_vlog_reset`); at level 2 they stay, and `from A to B` says where the
//! next one begins.

/// Stands where a log was cut, on a line of its own.
pub(in crate::load) const CUT: &str = "[the log is longer than what was kept of it]";

/// A log, taken apart.
#[derive(Debug, Default)]
pub(super) struct Reading<'l> {
    /// The lines that say why, in their order.
    pub(super) telling: Vec<&'l str>,
    /// The instructions on the way, each by its place in the stream.
    pub(super) steps: Vec<u32>,
    /// The last of them, as the kernel prints it.
    pub(super) insn: Option<&'l str>,
    /// The last line of source text, with file and number where this kernel tells them.
    pub(super) source: Option<&'l str>,
    /// How many lines there are.
    pub(super) lines: usize,
    /// The log before the verdict, for looking states up.
    trace: &'l str,
}

/// What a line is.
#[derive(Debug, PartialEq)]
enum Line<'l> {
    /// `12: (85) call bpf_map_lookup_elem#1    ; R0=…`: place, and what is done.
    Insn(u32, &'l str),
    /// `from 12 to 14: R0=…`: another path goes on behind instruction 12.
    From(u32),
    /// `; *slot = 7; @ rejected.bpf.c:30`
    Source(&'l str),
    /// `Validating f() func#1...`: a function is verified by itself.
    Validating,
    /// Where the log was cut.
    Cut,
    /// Registers, precision marks, frames, statistics.
    Aside,
    /// Anything else: a verdict, unless more follows.
    Message(&'l str),
}

impl<'l> Reading<'l> {
    pub(super) fn new(log: &'l str) -> Reading<'l> {
        let mut reading = Reading::default();
        let mut end_of_trace = 0;
        for line in log.split_inclusive('\n') {
            reading.lines += 1;
            end_of_trace += line.len();
            match Line::of(line.trim_end()) {
                Line::Insn(place, text) => {
                    reading.telling.clear();
                    reading.steps.push(place);
                    reading.insn = Some(text);
                }
                Line::From(place) => reading.go_back_to(place),
                Line::Source(text) => reading.source = Some(text),
                Line::Validating | Line::Cut => {
                    let lines = reading.lines;
                    reading = Reading { lines, ..Reading::default() };
                }
                Line::Aside => {}
                Line::Message(text) => {
                    if reading.telling.is_empty() {
                        reading.trace = log.get(..end_of_trace - line.len()).unwrap_or_default();
                    }
                    reading.telling.push(text);
                }
            }
        }
        // What the kernel says of arguments' types before it begins has nothing to do with what it says at the end.
        if reading.telling.iter().any(|line| !is_preamble(line)) {
            reading.telling.retain(|line| !is_preamble(line));
        }
        reading
    }

    /// The path that goes on behind an instruction has the same beginning.
    fn go_back_to(&mut self, place: u32) {
        let kept = self.steps.iter().rposition(|step| *step == place).map_or(0, |last| last + 1);
        self.steps.truncate(kept);
    }

    /// What an instruction does, as the kernel prints it, if it was come by.
    pub(super) fn insn_at(&self, place: u32) -> Option<&'l str> {
        if self.steps.last() == Some(&place) {
            return self.insn;
        }
        self.trace.lines().rev().find_map(|line| match Line::of(line.trim_end()) {
            Line::Insn(found, text) if found == place => Some(text),
            _ => None,
        })
    }

    /// The state of a register before the last instruction, if the log says it: newer kernels do behind each instruction that
    /// changed it, 5.10 where paths meet.
    pub(super) fn register(&self, number: u32) -> Option<&'l str> {
        let mut is_last = true;
        for line in self.trace.lines().rev() {
            if let Some(state) = state_in(line, number) {
                return Some(state);
            }
            match Line::of(line.trim_end()) {
                // The last instruction was not done.
                Line::Insn(_, text) if !std::mem::take(&mut is_last) && writes(text, number) => return None,
                Line::Validating | Line::Cut => return None,
                _ => {}
            }
        }
        None
    }
}

impl<'l> Line<'l> {
    fn of(line: &'l str) -> Line<'l> {
        if let Some((place, rest)) = number(line) {
            if let Some(text) = rest.strip_prefix(": (").and_then(opcode) {
                return Line::Insn(place, without_state(text));
            }
            // `12:` or `12: R1=ctx() R10=fp0`, `12: frame1: R1=…`
            if rest == ":" || rest.strip_prefix(": ").is_some_and(|rest| rest.starts_with(['R', 'f'])) {
                return Line::Aside;
            }
        }
        if let Some(text) = line.strip_prefix("; ") {
            return Line::Source(text);
        }
        if line == CUT {
            return Line::Cut;
        }
        if let Some((place, rest)) = line.strip_prefix("from ").and_then(number) {
            if rest.starts_with(" to ") {
                return Line::From(place);
            }
        }
        if line.starts_with("Validating ") && line.ends_with("...") {
            return Line::Validating;
        }
        if line.is_empty()
            || is_state(line)
            || is_statistics(line)
            || ASIDES.iter().any(|start| line.starts_with(start))
        {
            return Line::Aside;
        }
        Line::Message(line)
    }
}

/// How lines begin that tell nothing by themselves.
const ASIDES: [&str; 14] = [
    "caller:",
    "callee:",
    "returning from callee:",
    "to caller at ",
    "mark_precise:",
    "regs=",
    "last_idx ",
    "parent didn't have ",
    "parent already had ",
    "parent state ",
    "propagating ",
    "cur state:",
    "old state:",
    "func#",
];

/// Whether the end of a log is there: the last that the verifier writes are statistics.
pub(in crate::load) fn has_end(log: &str) -> bool {
    log.trim_end().lines().next_back().is_some_and(is_statistics)
}

fn is_statistics(line: &str) -> bool {
    ["processed ", "verification time ", "stack depth ", "insns processed "].iter().any(|start| line.starts_with(start))
}

/// What kernels say of a program's first argument before they begin: the type that BTF gives it is not one that functions are
/// checked by, and for a program's context need not be.
fn is_preamble(line: &str) -> bool {
    line.starts_with("Unrecognized arg#")
        || line.starts_with("reg type unsupported for arg#")
        || (line.starts_with("arg#")
            && (line.ends_with("type is not a struct") || line.contains("cannot be determined")))
}

/// ` R0=inv(id=0) R10=fp0`, ` frame1: R1=…`
fn is_state(line: &str) -> bool {
    let line = line.trim_start();
    let line = match line.strip_prefix("frame").and_then(number) {
        Some((_, rest)) => rest.strip_prefix(": ").unwrap_or(rest),
        None => line,
    };
    line.strip_prefix('R').and_then(number).is_some_and(|(_, rest)| after_marks(rest).is_some())
}

/// What follows `R1=`, `R1_w=`, `R1_rw=` behind its number.
fn after_marks(rest: &str) -> Option<&str> {
    match rest.strip_prefix('_') {
        Some(rest) => rest.trim_start_matches(['r', 'w']).strip_prefix('='),
        None => rest.strip_prefix('='),
    }
}

/// The state of register `number` in a line, to the blank that ends it: those within brackets do not.
fn state_in(line: &str, number: u32) -> Option<&str> {
    let mut from = 0;
    while let Some(at) = line.get(from..)?.find('R') {
        let start = from + at;
        from = start + 1;
        let begins = line.get(..start)?.chars().next_back().is_none_or(|before| before == ' ');
        let Some((found, rest)) = line.get(from..).and_then(self::number) else { continue };
        if !begins || found != number {
            continue;
        }
        let Some(value) = after_marks(rest) else { continue };
        let mut depth = 0_usize;
        let end = value.find(|c| {
            match c {
                '(' | '{' => depth += 1,
                ')' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ' ' && depth == 0
        });
        return value.get(..end.unwrap_or(value.len())).filter(|value| !value.is_empty());
    }
    None
}

/// Whether an instruction, as the kernel prints it, writes a register: `r1 = …`, `w1 += …`, and calls what is not kept over them.
fn writes(text: &str, register: u32) -> bool {
    if text.starts_with("call ") || text.starts_with("callx ") {
        return register <= 5;
    }
    let written = text.strip_prefix(['r', 'w']).and_then(number);
    let fetches = || text.starts_with("lock ") || text.contains("atomic");
    written.is_some_and(|(written, _)| written == register) || fetches()
}

/// The instruction without its number in brackets: `85) call …`.
fn opcode(rest: &str) -> Option<&str> {
    let (code, text) = rest.split_once(") ")?;
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
}

/// What is done, without the registers behind it: `call f#1    ; R0=…`, `if w2 != 0x0 goto pc+4 18: R0=…`.
fn without_state(text: &str) -> &str {
    let text = text.split_once("  ;").or_else(|| text.split_once(" ; ")).map_or(text, |(text, _)| text);
    let branch = text.find(": R").or_else(|| text.find(": frame"));
    let text = match branch.and_then(|at| text.get(..at)).and_then(|text| text.rsplit_once(' ')) {
        Some((before, place)) if place.bytes().all(|byte| byte.is_ascii_digit()) => before,
        _ => text,
    };
    text.trim_end()
}

/// The number that a text begins with, and the rest.
pub(super) fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_they_are() {
        let cases = [
            ("12: (85) call bpf_map_lookup_elem#1    ; R0=scalar()", Line::Insn(12, "call bpf_map_lookup_elem#1")),
            ("0: (85) call bpf_get_smp_processor_id#8       ;", Line::Insn(0, "call bpf_get_smp_processor_id#8")),
            ("13: (56) if w2 != 0x0 goto pc+4 18: R0=inv1 R10=fp0", Line::Insn(13, "if w2 != 0x0 goto pc+4")),
            ("12: R1=mem_or_null(id=2,sz=32) R10=fp0", Line::Aside),
            ("49: frame1: R1=fp[0]-304 R10=fp0", Line::Aside),
            (" R0_w=map_value(id=0,off=0) R1_w=inv0", Line::Aside),
            (" frame1: R1=fp[0]-304", Line::Aside),
            ("from 13 to 18: R0=mem(id=0) refs=2", Line::From(13)),
            ("regs=2 stack=0 before 16: (bf) r3 = r2", Line::Aside),
            ("Validating checked_alone() func#1...", Line::Validating),
            ("; if (chosen) @ refusals.bpf.c:170", Line::Source("if (chosen) @ refusals.bpf.c:170")),
            ("R0 invalid mem access 'inv'", Line::Message("R0 invalid mem access 'inv'")),
            ("R1(id=0) is no state", Line::Message("R1(id=0) is no state")),
            ("from the kernel", Line::Message("from the kernel")),
        ];
        for (line, what) in cases {
            assert_eq!(Line::of(line), what, "{line}");
        }
    }

    #[test]
    fn states_end_at_a_blank_outside_of_brackets() {
        let line = "17: (0f) r3 += r1   ; R1=scalar(id=2,var_off=(0x0; 0x1f)) R3_rw=map_value(off=16,var_off=(0x0; 0x1f)) R10=fp0";
        assert_eq!(state_in(line, 1), Some("scalar(id=2,var_off=(0x0; 0x1f))"));
        assert_eq!(state_in(line, 3), Some("map_value(off=16,var_off=(0x0; 0x1f))"));
        assert_eq!(state_in(line, 10), Some("fp0"));
        assert_eq!(state_in(line, 0), None);
        assert_eq!(state_in("XR1=1", 1), None);
        assert_eq!(state_in("0: R1=ctx(off=0,imm=0) R10=fp0", 1), Some("ctx(off=0,imm=0)"));
    }

    #[test]
    fn a_state_from_before_a_write_is_old() {
        let log = "0: R1=ctx() R10=fp0\n0: (bf) r1 = r10\n1: (61) r0 = *(u32 *)(r1 +0)\nR1 is wrong\n";
        assert_eq!(Reading::new(log).register(1), None);
        assert_eq!(Reading::new(log).register(10), Some("fp0"));
        let log = "0: R1=ctx() R10=fp0\n0: (61) r1 = *(u32 *)(r1 +76)\nR1 is wrong\n";
        assert_eq!(Reading::new(log).register(1), Some("ctx()"), "what refuses is not done");
    }

    /// At level 2, where what turned out well stays.
    #[test]
    fn another_path_goes_on_behind_the_branch() {
        let log = "0: (b7) r0 = 0\n1: (15) if r1 == 0x0 goto pc+2\n2: (b7) r0 = 1\n3: (95) exit\n\nfrom 1 to 4: R0=0\n4: (95) exit\nbad\n";
        let reading = Reading::new(log);
        assert_eq!(reading.steps, [0, 1, 4]);
        assert_eq!(reading.telling, ["bad"]);
        assert_eq!(reading.lines, 8);
    }

    #[test]
    fn a_cut_log_tells_what_follows_the_cut() {
        let log = format!(
            "arg#0 type is not a struct\n0: (b7) r0 = 0\npar\n{CUT}\nUnrecognized arg#0 type PTR\ntoo complex\nprocessed 1 insns\n"
        );
        let reading = Reading::new(&log);
        assert_eq!(reading.telling, ["too complex"]);
        assert!(reading.steps.is_empty());
        assert_eq!(Reading::new("arg#0 type is not a struct\n").telling, ["arg#0 type is not a struct"]);
        assert!(has_end("x\nprocessed 1 insns (limit 1000000)\n\n") && !has_end("0: (b7) r0"));
    }
}
