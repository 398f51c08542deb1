//! Why the verifier refused: the telling part of its log, in one screen.

use std::fmt;

use purebpf_core_reloc::POISON;
use purebpf_sys::Error as SysError;

use crate::link::{CoreRelocation, Linked};
use crate::object::{Object, Program};
use crate::poison;

/// How many lines of the log are shown before the verdict.
const SHOWN: usize = 6;

/// How many characters of a line are shown.
const WIDTH: usize = 200;

/// What the verifier said of a program.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Rejection {
    /// The verifier's verdict: its last line that is no statistics.
    pub verdict: String,
    /// The source line that it was at, with file and number where the log has them.
    pub source_line: Option<String>,
    /// The lines before the verdict, a few.
    pub before: Vec<String>,
    /// What in the object is behind it, if that can be told: a CO-RE relocation that found nothing, a map that was not
    /// created, a function that the kernel does not have.
    pub cause: Option<String>,
    /// The whole log.
    pub log: String,
}

/// Reads a log.
pub(super) fn read(
    object: &Object,
    program: &Program,
    linked: &Linked,
    core: &[CoreRelocation],
    source: &SysError,
    log: String,
) -> Rejection {
    // From the end: a log has up to millions of lines, and the last few tell.
    let mut lines =
        log.lines().rev().map(str::trim_end).filter(|line| !line.is_empty()).skip_while(|line| is_statistics(line));
    let Some(verdict) = lines.next() else {
        let cause =
            source.is_permission().then(|| "it takes CAP_BPF, and most types CAP_PERFMON too (root)".to_owned());
        return Rejection { cause, log, ..Rejection::default() };
    };
    let before = lines;
    let mut shown: Vec<String> = before.clone().take(SHOWN).map(str::to_owned).collect();
    shown.reverse();
    let source_line = before.clone().find_map(|line| line.strip_prefix("; ")).map(str::to_owned);
    let cause = cause(object, program, linked, core, verdict, before);
    Rejection { verdict: verdict.to_owned(), source_line, before: shown, cause, log }
}

fn is_statistics(line: &str) -> bool {
    let counts = ["processed ", "verification time ", "stack depth ", "insns processed "];
    counts.iter().any(|start| line.starts_with(start))
}

/// What is behind a call of a helper that does not exist: our own poison.
///
/// `before` are the lines before the verdict, the last first.
fn cause<'a>(
    object: &Object,
    program: &Program,
    linked: &Linked,
    core: &[CoreRelocation],
    verdict: &str,
    mut before: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let number: i32 = verdict.rsplit_once("unknown#")?.1.split_whitespace().next()?.parse().ok()?;
    if number != POISON {
        if let Some(map) = number.checked_sub(poison::MAP).and_then(|n| object.maps.get(usize::try_from(n).ok()?)) {
            return Some(format!("map '{}' was not created: its autocreate is off", map.name));
        }
        let ext = object.externs.get(usize::try_from(number.checked_sub(poison::KFUNC_CALL)?).ok()?)?;
        return Some(format!("the kernel has no function '{}', or one of another type", ext.name));
    }
    // `12: (85) call unknown#195896080`
    let at: usize = before.find_map(|line| line.split_once(": (").and_then(|(at, _)| at.parse().ok()))?;
    let &(function, begin) = linked.functions.iter().rfind(|(_, begin)| *begin <= at)?;
    let insn = at - begin;
    // The second half of a ld_imm64 is poisoned too.
    let relocation = core.iter().find(|r| r.function == function && (r.insn == insn || r.insn + 1 == insn))?;
    let btf = object.btf.as_ref()?;
    let local = btf.type_by_id(relocation.local_type).ok()?;
    let kind = relocation.kind.map_or("unknown", |kind| kind.name());
    let path = path_of(btf, relocation);
    let name = &object.functions.get(function.0)?.name;
    Some(format!(
        "CO-RE relocation {kind} of '{path}' found nothing like it in the kernel ({} candidates for '{}'); \
         guard it with bpf_core_field_exists or its like, in function '{name}' of program '{}'",
        match &relocation.outcome {
            crate::link::CoreOutcome::Done { fixup, .. } => fixup.candidates,
            crate::link::CoreOutcome::Failed(_) => 0,
        },
        local.name().unwrap_or("(anonymous)"),
        program.name
    ))
}

/// The C spelling of what a relocation asks for, such as `struct task_struct.pid`.
fn path_of(btf: &purebpf_btf::Btf, relocation: &CoreRelocation) -> String {
    let Ok(mut current) = btf.resolve(relocation.local_type) else { return relocation.access.clone() };
    let mut text = current.name().unwrap_or("(anonymous)").to_owned();
    for number in relocation.access.split(':').skip(1) {
        let Ok(index) = number.parse::<usize>() else { break };
        let next = match (current.members().and_then(|mut members| members.nth(index)), current.data()) {
            (Some(member), _) => {
                if let Some(name) = member.name() {
                    text.push('.');
                    text.push_str(name);
                }
                member.type_id
            }
            (None, purebpf_btf::TypeData::Array(array)) => {
                text.push_str(&format!("[{index}]"));
                array.element
            }
            _ => break,
        };
        match btf.resolve(next) {
            Ok(next) => current = next,
            Err(_) => break,
        }
    }
    text
}

/// The start of a line: the state of all registers can take thousands of characters.
fn cut(line: &str) -> &str {
    line.char_indices().nth(WIDTH).and_then(|(end, _)| line.get(..end)).unwrap_or(line)
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verdict.as_str() {
            "" => f.write_str("the verifier said nothing")?,
            verdict => f.write_str(cut(verdict))?,
        }
        if let Some(cause) = &self.cause {
            write!(f, "\n  because: {cause}")?;
        }
        if let Some(source) = &self.source_line {
            write!(f, "\n  source:  {}", cut(source))?;
        }
        if !self.before.is_empty() {
            f.write_str("\n  log:")?;
            for line in &self.before {
                write!(f, "\n    {}", cut(line))?;
            }
        }
        let lines = self.log.lines().count();
        if lines > self.before.len() + 2 {
            write!(f, "\n    ({lines} lines in all)")?;
        }
        Ok(())
    }
}
