//! Runs of peers/: what one prints, and what callgrind counts of it.

use crate::{
    error::{Context, Result},
    process::run_quiet,
    workspace::{read, target_dir},
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// A piece of work.
pub(super) struct Work {
    /// Its name in peers/.
    pub(super) name: &'static str,
    /// Its name beside the figures.
    pub(super) label: String,
    /// In words.
    pub(super) about: String,
    pub(super) arguments: Arguments,
}

/// What peers/ is told besides: the files that work is done on.
#[derive(Default)]
pub(super) struct Arguments(Vec<OsString>);

impl Arguments {
    pub(super) fn with(mut self, name: &str, file: &Path) -> Arguments {
        self.0.extend([name.into(), file.into()]);
        self
    }
}

/// What one run says.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) answer: String,
    nanoseconds: u64,
    /// Of those, in bpf(2).
    in_bpf: u64,
    kilobytes: u64,
}

/// Medians of runs, and a count of instructions.
#[derive(Clone, Copy)]
pub(super) struct Figures {
    /// Without bpf(2).
    pub(super) nanoseconds: u64,
    /// Of the quickest run.
    pub(super) least_nanoseconds: u64,
    pub(super) in_bpf: u64,
    pub(super) kilobytes: u64,
    pub(super) instructions: u64,
}

impl Figures {
    pub(super) fn of(samples: &[Sample], instructions: u64) -> Figures {
        let outside = samples.iter().map(|sample| sample.nanoseconds - sample.in_bpf);
        Figures {
            nanoseconds: median(outside.clone().collect()),
            least_nanoseconds: outside.min().unwrap_or_default(),
            in_bpf: median(samples.iter().map(|sample| sample.in_bpf).collect()),
            kilobytes: median(samples.iter().map(|sample| sample.kilobytes).collect()),
            instructions,
        }
    }
}

fn median(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

fn arguments(library: &str, work: &Work) -> Vec<OsString> {
    let named = ["--library", library, "--work", work.name].map(OsString::from);
    named.iter().chain(&work.arguments.0).cloned().collect()
}

/// The program of peers/.
pub(super) struct Peers {
    program: PathBuf,
    /// Which library does which work.
    works: String,
}

impl Peers {
    pub(super) fn new(program: PathBuf) -> Result<Peers> {
        let works = run_quiet(Command::new(&program).args(["--work", "list"]))?;
        Ok(Peers { program, works })
    }

    pub(super) fn does(&self, library: &str, work: &str) -> bool {
        self.works.lines().any(|line| line.split_once(' ') == Some((library, work)))
    }

    pub(super) fn run(&self, library: &str, work: &Work) -> Result<Sample> {
        let mut command = Command::new(&self.program);
        let printed = run_quiet(command.args(arguments(library, work)))?;
        let field = |name: &str| {
            let line = printed.lines().find_map(|line| line.strip_prefix(name));
            line.map(str::trim).context(format_args!("{library} says nothing of {name}"))
        };
        let number = |name: &str| field(name)?.parse::<u64>().context(name);
        Ok(Sample {
            answer: field("answer")?.to_owned(),
            nanoseconds: number("nanoseconds")?,
            in_bpf: number("bpf")?,
            kilobytes: number("kilobytes")?,
        })
    }

    /// Instructions of the work itself, which peers/ does in a function of its own.
    pub(super) fn instructions(&self, library: &str, work: &Work) -> Result<u64> {
        let out = target_dir().join("bench/callgrind.out");
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*counted_work*"]);
        valgrind.arg(format!("--callgrind-out-file={}", out.display()));
        run_quiet(valgrind.arg(&self.program).args(arguments(library, work)))?;
        let text = String::from_utf8_lossy(&read(&out)?).into_owned();
        let total = text.lines().find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));
        total.and_then(|total| total.trim().parse().ok()).context("callgrind says no total")
    }
}
