//! What came of the corpus: on the terminal, and as the page docs/headers-corpus.md, whose counted part stands between two marks.
//! Differences that are meant have their reason in xtask/inputs/headers-corpus-reasons.tsv; any other is a failure.

use super::{Set, compare::Differences};
use crate::{
    error::{Context, Error, Result},
    workspace::{read, root, write},
};
use std::collections::BTreeMap;

/// What came of a program.
pub(super) enum Verdict {
    /// It does not compile with libbpf's headers: it says nothing about ours.
    NotWithLibbpf(String),
    /// It compiles with libbpf's and not with ours.
    NotWithOurs(String),
    /// The objects differ.
    Different(Differences),
    Same,
}

/// What came of a set; or why there is nothing.
pub(super) struct SetReport {
    pub(super) set: &'static Set,
    pub(super) verdicts: std::result::Result<Vec<(String, Verdict)>, String>,
}

/// The numbers of a set.
#[derive(Default)]
struct Counts {
    programs: usize,
    with_libbpf: usize,
    with_ours: usize,
    same_code: usize,
    same: usize,
}

impl SetReport {
    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, verdict) in self.verdicts.iter().flatten() {
            counts.programs += 1;
            let (libbpf, ours, code, same) = match verdict {
                Verdict::NotWithLibbpf(_) => (0, 0, 0, 0),
                Verdict::NotWithOurs(_) => (1, 0, 0, 0),
                Verdict::Different(differences) => (1, 1, usize::from(differences.code.is_empty()), 0),
                Verdict::Same => (1, 1, 1, 1),
            };
            counts.with_libbpf += libbpf;
            counts.with_ours += ours;
            counts.same_code += code;
            counts.same += same;
        }
        counts
    }

    /// Programs that ours are not as good as libbpf's for, and no reason is known; of our own programs, those that say nothing
    /// too. And programs that a reason is known for which there is no need of.
    pub(super) fn unexplained<'a>(&'a self, reasons: &'a Reasons) -> impl Iterator<Item = &'a str> {
        let verdicts = self.verdicts.iter().flatten();
        let unexplained = verdicts.filter(|(name, verdict)| {
            let bad = match verdict {
                Verdict::Same => false,
                Verdict::NotWithLibbpf(_) => self.set.own,
                Verdict::NotWithOurs(_) | Verdict::Different(_) => true,
            };
            bad != reasons.of(self.set.name, name).is_some()
        });
        unexplained.map(|(name, _)| name.as_str())
    }

    pub(super) fn summary(&self) -> String {
        let name = self.set.name;
        if let Err(reason) = &self.verdicts {
            return format!("{name}: skipped: {reason}");
        }
        let Counts { programs, with_libbpf, with_ours, same_code, same } = self.counts();
        format!(
            "{name}: {programs} programs; {with_libbpf} compile with libbpf's headers, {with_ours} of them with ours, \
             {same_code} to the same instructions, {same} to the same object"
        )
    }

    /// On the terminal, the first few of each program.
    pub(super) fn print_differences(&self) {
        const SHOWN: usize = 2;
        for (name, verdict) in self.verdicts.iter().flatten() {
            match verdict {
                Verdict::Same => {}
                Verdict::NotWithLibbpf(error) if self.set.own => {
                    println!("    {name}: does not compile with libbpf's: {error}");
                }
                Verdict::NotWithLibbpf(_) => {}
                Verdict::NotWithOurs(error) => println!("    {name}: does not compile with ours: {error}"),
                Verdict::Different(differences) => {
                    let all: Vec<&String> = differences.code.iter().chain(&differences.rest).collect();
                    for difference in all.iter().take(SHOWN) {
                        println!("    {name}: {difference}");
                    }
                    if let Some(more) = all.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                        println!("    {name}: and {more} more");
                    }
                }
            }
        }
    }
}

/// Why programs differ, by set and name.
pub(super) struct Reasons(BTreeMap<(String, String), String>);

impl Reasons {
    pub(super) fn read() -> Result<Reasons> {
        const FILE: &str = "xtask/inputs/headers-corpus-reasons.tsv";
        let text = String::from_utf8(read(&root().join(FILE))?).context(FILE)?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let rows = lines.map(|line| {
            let mut columns = line.split('\t').map(str::to_owned);
            let row = columns.next().zip(columns.next()).zip(columns.next()).filter(|_| columns.next().is_none());
            row.context(format_args!("{FILE}: not three columns: {line}"))
        });
        rows.collect::<Result<_>>().map(Reasons)
    }

    fn of(&self, set: &str, program: &str) -> Option<&str> {
        self.0.get(&(set.to_owned(), program.to_owned())).map(String::as_str)
    }
}

const PAGE: &str = "docs/headers-corpus.md";
const BEGIN: &str = "<!-- Generated by `cargo xtask corpus headers`; do not edit. -->";
const END: &str = "<!-- End of the generated part. -->";

/// Puts the numbers into the page, or checks that they are there.
pub(super) fn page(reports: &[SetReport], reasons: &Reasons, check: bool) -> Result {
    let path = root().join(PAGE);
    let page = String::from_utf8(read(&path)?).context(PAGE)?;
    let (head, rest) = page.split_once(BEGIN).context(format_args!("{PAGE}: no line {BEGIN}"))?;
    let (_, tail) = rest.split_once(END).context(format_args!("{PAGE}: no line {END}"))?;
    let wanted = format!("{head}{BEGIN}\n\n{}\n{END}{tail}", tables(reports, reasons));
    if wanted == page {
        println!("{PAGE}: is what the corpus says");
        return Ok(());
    }
    if check {
        return Err(Error::new(format!("{PAGE}: not what the corpus says; run `cargo xtask corpus headers`")));
    }
    write(&path, wanted.as_bytes())?;
    println!("made {PAGE}");
    Ok(())
}

fn tables(reports: &[SetReport], reasons: &Reasons) -> String {
    let mut text = String::from(
        "| set | programs | compile with libbpf's headers | with ours | same instructions | same object |\n\
         |---|---:|---:|---:|---:|---:|\n",
    );
    for report in reports {
        let Counts { programs, with_libbpf, with_ours, same_code, same } = report.counts();
        text += &match &report.verdicts {
            Ok(_) => {
                format!("| {} | {programs} | {with_libbpf} | {with_ours} | {same_code} | {same} |\n", report.set.name)
            }
            Err(_) => format!("| {} | skipped | | | | |\n", report.set.name),
        };
    }
    text += "\nThe sets:\n\n";
    for report in reports {
        text += &format!("- `{}`: {}\n", report.set.name, report.set.about);
    }
    text += "\nDifferences:\n\n";
    let before = text.len();
    for report in reports {
        for (name, verdict) in report.verdicts.iter().flatten() {
            let what = match verdict {
                Verdict::NotWithOurs(_) => "does not compile with ours",
                Verdict::Different(differences) if differences.code.is_empty() => "other data or types",
                Verdict::Different(_) => "other instructions",
                Verdict::NotWithLibbpf(_) | Verdict::Same => continue,
            };
            let set = report.set.name;
            let reason = reasons.of(set, name).unwrap_or("no reason known");
            text += &format!("- `{set}`, `{name}`: {what}: {reason}\n");
        }
    }
    if text.len() == before {
        text += "none.\n";
    }
    text += "\nWhy programs do not compile with libbpf's headers, by the first error (with how many):\n\n";
    for report in reports {
        let Ok(verdicts) = &report.verdicts else { continue };
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, verdict) in verdicts {
            if let Verdict::NotWithLibbpf(error) = verdict {
                *reasons.entry(class(error)).or_default() += 1;
            }
        }
        for (reason, count) in reasons {
            text += &format!("- `{}`: {reason} ({count})\n", report.set.name);
        }
    }
    text
}

/// An error without the names in it.
fn class(error: &str) -> &str {
    const CLASSES: [(&str, &str); 7] = [
        ("file not found", "a header that the build of its own tree makes"),
        ("undeclared", "an identifier that the kernel's BTF lacks"),
        ("incomplete", "a type that the kernel's BTF lacks"),
        ("unknown type name", "a type that the kernel's BTF lacks"),
        ("no member named", "a member that the kernel's BTF lacks"),
        ("redefinition", "declared twice: by the program and in vmlinux.h"),
        ("conflicting types", "declared twice: by the program and in vmlinux.h"),
    ];
    CLASSES.iter().find(|(part, _)| error.contains(part)).map_or("other", |(_, class)| class)
}
