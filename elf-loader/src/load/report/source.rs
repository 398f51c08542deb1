//! Lines of C by the instruction that they became, from a stream's `line_info`.

use std::collections::HashMap;
use std::fmt;

use purebpf_btf::{Btf, StrOffset};

use crate::link::InfoRecords;

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceLine {
    /// The file, as the compiler was told it; empty when the object does not say.
    pub file: String,
    /// The line's number, from 1; 0 when the object does not say.
    pub line: u32,
    /// The line's text, without the blanks around it.
    pub text: String,
}

impl SourceLine {
    /// The file's name without its folders, and the number.
    pub(super) fn place(&self) -> String {
        match self.file.rsplit('/').next().unwrap_or_default() {
            "" => String::new(),
            name => format!("{name}:{}", self.line),
        }
    }

    /// As kernels from 6.9 print it: `*slot = 7; @ rejected.bpf.c:30`; older ones have the text alone.
    pub(super) fn of_log(text: &str) -> SourceLine {
        let told = text.rsplit_once(" @ ").and_then(|(text, place)| {
            let (file, line) = place.rsplit_once(':')?;
            Some(SourceLine { file: file.to_owned(), line: line.parse().ok()?, text: text.to_owned() })
        });
        told.unwrap_or_else(|| SourceLine { file: String::new(), line: 0, text: text.to_owned() })
    }
}

/// `file:line: text`
impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.is_empty(), self.text.is_empty()) {
            (true, _) => f.write_str(&self.text),
            (false, true) => write!(f, "{}:{}", self.file, self.line),
            (false, false) => write!(f, "{}:{}: {}", self.file, self.line, self.text),
        }
    }
}

/// A line on the way to what was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathLine {
    /// The line.
    pub source: SourceLine,
    /// How often it was come to.
    pub times: usize,
}

/// The lines of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines<'o> {
    btf: &'o Btf,
    records: &'o [u8],
    record_size: usize,
}

/// `struct bpf_line_info`, in native byte order.
#[derive(Clone, Copy)]
struct Record {
    insn: u32,
    file: u32,
    text: u32,
    line_col: u32,
}

/// Size of what is known of a record.
const RECORD: usize = 16;

impl<'o> Lines<'o> {
    pub(super) fn new(btf: &'o Btf, line_info: &'o InfoRecords) -> Option<Lines<'o>> {
        let record_size = line_info.record_size as usize;
        let whole = record_size >= RECORD && !line_info.bytes.is_empty();
        whole.then_some(Lines { btf, records: &line_info.bytes, record_size })
    }

    fn len(&self) -> usize {
        self.records.len() / self.record_size
    }

    fn record(&self, n: usize) -> Option<Record> {
        let bytes = self.records.get(n.checked_mul(self.record_size)?..)?;
        let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        Some(Record { insn: word(0)?, file: word(4)?, text: word(8)?, line_col: word(12)? })
    }

    /// The record that an instruction belongs to: records are in the order of instructions.
    fn place_of(&self, insn: u32) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.record(middle)?.insn <= insn {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low.checked_sub(1)
    }

    fn line(&self, record: Record) -> SourceLine {
        let text =
            |offset| String::from_utf8_lossy(self.btf.string(StrOffset(offset)).unwrap_or_default()).trim().to_owned();
        // Compilers that are told a file below the folder that they are in may note that folder.
        let file = text(record.file);
        let file = file.strip_prefix("./").map_or_else(|| file.clone(), str::to_owned);
        SourceLine { file, line: record.line_col >> 10, text: text(record.text) }
    }

    /// The line of an instruction.
    pub(super) fn at(&self, insn: u32) -> Option<SourceLine> {
        Some(self.line(self.record(self.place_of(insn)?)?))
    }

    /// The last `shown` of the lines that `steps` come by, in the order in which they were come to last; and how many there are
    /// before those.
    pub(super) fn path(&self, steps: &[u32], shown: usize) -> (Vec<PathLine>, usize) {
        // By file and number: when it was come to last, how often, and one of its records.
        let mut visits: HashMap<(u32, u32), (usize, usize, Record)> = HashMap::new();
        let mut before: Option<((u32, u32), u32)> = None;
        for (n, &insn) in steps.iter().enumerate() {
            let Some(record) = self.place_of(insn).and_then(|place| self.record(place)) else { continue };
            let line = (record.file, record.line_col >> 10);
            let visit = visits.entry(line).or_insert((n, 0, record));
            visit.0 = n;
            // A line that goes on is come to once; one that jumps back into itself, again.
            if before.is_none_or(|(last, at)| last != line || insn <= at) {
                visit.1 += 1;
            }
            before = Some((line, insn));
        }
        let mut lines: Vec<_> = visits.into_values().collect();
        lines.sort_unstable_by_key(|(last, ..)| *last);
        let more = lines.len().saturating_sub(shown);
        let lines = lines.into_iter().skip(more);
        (lines.map(|(_, times, record)| PathLine { source: self.line(record), times }).collect(), more)
    }
}
