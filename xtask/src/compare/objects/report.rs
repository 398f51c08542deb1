//! What came of the comparison: numbers by source of the objects, differences with their reasons, and the page
//! docs/object-corpus.md.

use crate::{
    error::{Context, Result},
    workspace::{read, root, write},
};
use std::collections::{BTreeMap, BTreeSet};

/// What was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    Inspect,
    Loads,
    /// What was asked of the kernel when loading.
    Calls,
    /// With CO-RE relocated to this kernel's types.
    Streams(&'static str),
}

impl Check {
    /// What it is asked for by.
    pub(super) fn name(self) -> &'static str {
        match self {
            Check::Inspect => "inspect",
            Check::Loads | Check::Calls => "loads",
            Check::Streams(_) => "streams",
        }
    }

    /// How the column is called.
    fn title(self) -> String {
        match self {
            Check::Streams(kernel) => format!("streams {kernel}"),
            Check::Calls => "calls".to_owned(),
            _ => self.name().to_owned(),
        }
    }
}

/// A difference between libbpf and ours.
pub(super) struct Difference {
    pub(super) check: Check,
    pub(super) source: &'static str,
    pub(super) object: String,
    /// The program or map, if it is one's.
    pub(super) of: String,
    pub(super) how: String,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    same: usize,
    of: usize,
}

pub(super) struct Report {
    checks: Vec<Check>,
    cells: BTreeMap<(&'static str, Check), Cell>,
    pub(super) differences: Vec<Difference>,
}

impl Report {
    pub(super) fn new(checks: Vec<Check>) -> Report {
        Report { checks, cells: BTreeMap::new(), differences: Vec::new() }
    }

    /// One more was compared: an object's description, a program's stream, a load.
    pub(super) fn count(&mut self, check: Check, source: &'static str, same: bool) {
        let cell = self.cells.entry((source, check)).or_default();
        cell.of += 1;
        cell.same += usize::from(same);
    }

    pub(super) fn merge(&mut self, other: Report) {
        for (key, cell) in other.cells {
            let sum = self.cells.entry(key).or_default();
            sum.same += cell.same;
            sum.of += cell.of;
        }
        self.differences.extend(other.differences);
    }

    /// Puts differences in an order that does not depend on which was found first.
    pub(super) fn sort(&mut self) {
        self.differences.sort_by(|a, b| {
            (a.check, a.source, &a.object, &a.of, &a.how).cmp(&(b.check, b.source, &b.object, &b.of, &b.how))
        });
    }

    pub(super) fn unexplained<'a>(&'a self, reasons: &'a Reasons) -> impl Iterator<Item = &'a Difference> {
        self.differences.iter().filter(|difference| reasons.of(difference).is_none())
    }

    /// Reasons that no difference has.
    pub(super) fn unneeded(&self, reasons: &Reasons) -> Vec<String> {
        let needed: BTreeSet<usize> = self.differences.iter().filter_map(|difference| reasons.of(difference)).collect();
        let all = reasons.0.iter().enumerate();
        all.filter(|(index, _)| !needed.contains(index)).map(|(_, reason)| reason.why.clone()).collect()
    }

    /// By source: how many are the same, how many differ for a reason, how many without.
    pub(super) fn table(&self, reasons: &Reasons) -> String {
        let mut explained: BTreeMap<(&str, Check), BTreeSet<(&str, &str)>> = BTreeMap::new();
        let mut bare: BTreeMap<(&str, Check), BTreeSet<(&str, &str)>> = BTreeMap::new();
        for difference in &self.differences {
            let of = match difference.check {
                Check::Inspect | Check::Calls => "",
                Check::Loads | Check::Streams(_) => difference.of.as_str(),
            };
            let table = if reasons.of(difference).is_some() { &mut explained } else { &mut bare };
            table.entry((difference.source, difference.check)).or_default().insert((&difference.object, of));
        }
        let mut text = String::from("| source |");
        for check in &self.checks {
            text += &format!(" {} |", check.title());
        }
        text += "\n|---|";
        text += &"---:|".repeat(self.checks.len());
        text += "\n";
        let sources: BTreeSet<&str> = self.cells.keys().map(|(source, _)| *source).collect();
        let mut totals = vec![(Cell::default(), 0, 0); self.checks.len()];
        let shown = |cell: Cell, explained: usize, bare: usize| match (cell.of, explained, bare) {
            (0, ..) => " |".to_owned(),
            (_, 0, 0) => format!(" {} of {} |", cell.same, cell.of),
            (_, _, 0) => format!(" {} of {}, {explained} explained |", cell.same, cell.of),
            _ => format!(" {} of {}, {explained} explained, **{bare} not** |", cell.same, cell.of),
        };
        for source in sources {
            text += &format!("| {source} |");
            for (check, total) in self.checks.iter().zip(&mut totals) {
                let key = (source, *check);
                let cell = self.cells.get(&key).copied().unwrap_or_default();
                let explained = explained.get(&key).map_or(0, BTreeSet::len);
                let bare = bare.get(&key).map_or(0, BTreeSet::len);
                text += &shown(cell, explained, bare);
                total.0.same += cell.same;
                total.0.of += cell.of;
                total.1 += explained;
                total.2 += bare;
            }
            text += "\n";
        }
        text += "| all |";
        for (cell, explained, bare) in totals {
            text += &shown(cell, explained, bare);
        }
        text + "\n"
    }

    /// All differences, one a line.
    pub(super) fn list(&self, reasons: &Reasons) -> String {
        let mut text = String::from("check\tsource/object\tof\tdifference\treason\n");
        for difference in &self.differences {
            let Difference { check, source, object, of, how } = difference;
            let why = reasons.of(difference).map_or("", |index| reasons.0[index].why.as_str());
            text += &format!("{}\t{source}/{object}\t{of}\t{how}\t{why}\n", check.title());
        }
        text
    }

    /// What has no reason, alike together, with a few examples of each.
    pub(super) fn print_classes(&self, reasons: &Reasons) {
        const SHOWN: usize = 3;
        let mut classes: BTreeMap<(&str, String), Vec<&Difference>> = BTreeMap::new();
        for difference in self.unexplained(reasons) {
            classes
                .entry((
                    if difference.check == Check::Calls { "calls" } else { difference.check.name() },
                    class(&difference.how),
                ))
                .or_default()
                .push(difference);
        }
        let mut classes: Vec<_> = classes.into_iter().collect();
        classes.sort_by_key(|(_, of)| std::cmp::Reverse(of.len()));
        for ((check, class), of) in classes {
            println!("\n{} × {check}: {class}", of.len());
            for Difference { check, source, object, of, how } in of.iter().take(SHOWN) {
                println!("    {}: {source}/{object} {of}: {how:.600}", check.title());
            }
        }
    }
}

/// A difference without names and numbers.
fn class(how: &str) -> String {
    let mut text = String::new();
    let mut quoted = false;
    for c in how.chars() {
        match c {
            '\'' | '"' => quoted = !quoted,
            _ if quoted || c.is_ascii_digit() => {}
            _ => text.push(c),
        }
        if text.len() >= 110 {
            break;
        }
    }
    text
}

/// Why objects differ.
pub(super) struct Reasons(Vec<Reason>);

struct Reason {
    check: String,
    object: String,
    of: String,
    how: String,
    why: String,
}

const REASONS: &str = "xtask/inputs/object-reasons.tsv";

impl Reasons {
    pub(super) fn read() -> Result<Reasons> {
        let text = String::from_utf8(read(&root().join(REASONS))?).context(REASONS)?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let reasons = lines.map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [check, object, of, how, why] = columns[..] else {
                return Err(format!("{REASONS}: not five columns: {line}").into());
            };
            let [check, object, of, how, why] = [check, object, of, how, why].map(str::to_owned);
            Ok(Reason { check, object, of, how, why })
        });
        reasons.collect::<Result<_>>().map(Reasons)
    }

    fn of(&self, difference: &Difference) -> Option<usize> {
        let object = format!("{}/{}", difference.source, difference.object);
        self.0.iter().position(|reason| {
            difference.check.title().starts_with(&reason.check)
                && matches(&reason.object, &object)
                && matches(&reason.of, &difference.of)
                && matches(&reason.how, &difference.how)
        })
    }
}

/// Whether a text is what a pattern says, whose `*` stand for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

const PAGE: &str = "docs/object-corpus.md";
const BEGIN: &str = "<!-- Generated by `cargo xtask compare objects`; do not edit. -->";
const END: &str = "<!-- End of the generated part. -->";

/// Puts the numbers into the page.
pub(super) fn page(report: &Report, reasons: &Reasons) -> Result {
    let path = root().join(PAGE);
    let page = String::from_utf8(read(&path)?).context(PAGE)?;
    let (head, rest) = page.split_once(BEGIN).context(format_args!("{PAGE}: no line {BEGIN}"))?;
    let (_, tail) = rest.split_once(END).context(format_args!("{PAGE}: no line {END}"))?;
    let mut text =
        format!("{head}{BEGIN}\n\n{}\nReasons, with how many differences each has:\n\n", report.table(reasons));
    let mut counts = vec![0; reasons.0.len()];
    for index in report.differences.iter().filter_map(|difference| reasons.of(difference)) {
        counts[index] += 1;
    }
    let mut by_reason: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (reason, count) in reasons.0.iter().zip(counts) {
        *by_reason.entry((&reason.check, &reason.why)).or_default() += count;
    }
    for ((check, why), count) in by_reason {
        text += &format!("- {check}: {why} ({count})\n");
    }
    text += &format!("\n{END}{tail}");
    write(&path, text.as_bytes())?;
    println!("made {PAGE}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{class, matches};

    #[test]
    fn patterns_match_whole_texts() {
        assert!(matches("*", "") && matches("a*", "abc") && matches("*b*", "abc") && matches("a*c", "abc"));
        assert!(!matches("a", "ab") && !matches("a*b", "abc") && !matches("*bc*d", "abcb"));
        assert!(!matches("ab*b", "ab"));
    }

    #[test]
    fn a_class_has_no_names_or_numbers() {
        assert_eq!(class("extern 'x' at 12"), class("extern 'other' at 7"));
    }
}
