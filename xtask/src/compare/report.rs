//! What came of the comparison: a table of inputs and checks, and what of it was not expected.

use super::{Outcome, inputs::Subject};
use crate::{
    error::{Context, Result},
    workspace::{read, root},
};
use std::collections::{BTreeMap, BTreeSet};

/// How many of a row's inputs are the same as theirs, of how many.
#[derive(Default)]
struct Cell {
    same: usize,
    of: usize,
}

/// What came of the checks, by row of the table: a kernel's vmlinux, or its modules.
pub(super) struct Report {
    checks: Vec<&'static str>,
    cells: BTreeMap<(String, &'static str), Cell>,
    differences: Vec<Difference>,
    /// What is to be known, and of which groups.
    notes: BTreeMap<String, BTreeSet<String>>,
}

struct Difference {
    group: String,
    input: String,
    check: &'static str,
    how: String,
}

impl Report {
    pub(super) fn new(checks: Vec<&'static str>) -> Report {
        Report { checks, cells: BTreeMap::new(), differences: Vec::new(), notes: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, subject: &Subject, check: &'static str, outcome: Outcome) {
        let row = match (subject.group.as_str(), &subject.base) {
            (group, Some(_)) => format!("{group} modules"),
            ("objects", None) => "objects".to_owned(),
            (group, None) => format!("{group} {}", subject.name),
        };
        let cell = self.cells.entry((row, check)).or_default();
        match outcome {
            Outcome::Same => cell.same += 1,
            Outcome::SameBut(note) => {
                cell.same += 1;
                self.notes.entry(note).or_default().insert(subject.group.clone());
            }
            Outcome::Different(how) => {
                let (group, input) = (subject.group.clone(), subject.name.clone());
                self.differences.push(Difference { group, input, check, how });
            }
        }
        cell.of += 1;
    }

    pub(super) fn table(&self) -> String {
        let rows: BTreeSet<&String> = self.cells.keys().map(|(row, _)| row).collect();
        let width = rows.iter().map(|row| row.len()).max().unwrap_or_default();
        let mut text = format!("\n{:width$}", "");
        for check in &self.checks {
            text += &format!("  {check:>9}");
        }
        for row in rows {
            text += &format!("\n{row:width$}");
            for check in &self.checks {
                let cell = self.cells.get(&(row.clone(), *check));
                let shown = match cell {
                    None => "-".to_owned(),
                    Some(Cell { same, of: 1 }) => if *same == 1 { "same" } else { "differs" }.to_owned(),
                    Some(Cell { same, of }) => format!("{same}/{of}"),
                };
                text += &format!("  {shown:>w$}", w = check.len().max(9));
            }
        }
        text + "\n"
    }

    pub(super) fn print_notes(&self) {
        for (note, groups) in &self.notes {
            let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
            println!("{}: {note}", groups.join(", "));
        }
    }

    /// Differences that no reason is known for; and, if all was compared, reasons that nothing has.
    pub(super) fn failures(&self, reasons: &Reasons, is_whole: bool) -> Vec<String> {
        let mut needed = BTreeSet::new();
        let mut failures = Vec::new();
        for Difference { group, input, check, how } in &self.differences {
            match reasons.0.iter().position(|reason| reason.is_of(group, input, check)) {
                Some(position) => {
                    needed.insert(position);
                    println!("{group} {input}: {check}: {how}\n    as known: {}", reasons.0[position].why);
                }
                None => failures.push(format!("{group} {input}: {check}: {how}")),
            }
        }
        if is_whole {
            let unneeded = reasons.0.iter().enumerate().filter(|(position, _)| !needed.contains(position));
            failures.extend(unneeded.map(|(_, reason)| {
                format!("{} {}: {}: no longer differs, and has a reason to", reason.group, reason.input, reason.check)
            }));
        }
        failures
    }
}

/// Why inputs differ. `*` stands for any.
pub(super) struct Reasons(Vec<Reason>);

struct Reason {
    group: String,
    input: String,
    check: String,
    why: String,
}

impl Reason {
    fn is_of(&self, group: &str, input: &str, check: &str) -> bool {
        let matches = |pattern: &str, text: &str| pattern == "*" || pattern == text;
        matches(&self.group, group) && matches(&self.input, input) && matches(&self.check, check)
    }
}

impl Reasons {
    pub(super) fn read() -> Result<Reasons> {
        const FILE: &str = "xtask/inputs/btf-reasons.tsv";
        let text = String::from_utf8(read(&root().join(FILE))?).context(FILE)?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let reasons = lines.map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [group, input, check, why] = columns[..] else {
                return Err(format!("{FILE}: not four columns: {line}").into());
            };
            let [group, input, check, why] = [group, input, check, why].map(str::to_owned);
            Ok(Reason { group, input, check, why })
        });
        reasons.collect::<Result<_>>().map(Reasons)
    }
}
