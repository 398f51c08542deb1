//! Runs of peers/: what one prints, and what callgrind counts of it.

use crate::{
    error::{Context, Result},
    process::run_quiet,
    workspace::{read, target_dir},
};
use std::{path::PathBuf, process::Command};

/// The files that work is done on.
pub(super) struct Inputs {
    pub(super) btf: PathBuf,
    pub(super) names: PathBuf,
    pub(super) doubled: PathBuf,
    pub(super) about: String,
}

/// What one run says.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) answer: String,
    nanoseconds: u64,
    kilobytes: u64,
}

/// Medians of runs, and a count of instructions.
#[derive(Clone, Copy)]
pub(super) struct Figures {
    pub(super) nanoseconds: u64,
    pub(super) kilobytes: u64,
    pub(super) instructions: u64,
}

impl Figures {
    pub(super) fn of(samples: &[Sample], instructions: u64) -> Figures {
        Figures {
            nanoseconds: median(samples.iter().map(|sample| sample.nanoseconds).collect()),
            kilobytes: median(samples.iter().map(|sample| sample.kilobytes).collect()),
            instructions,
        }
    }
}

fn median(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
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

    pub(super) fn run(&self, library: &str, work: &str, inputs: &Inputs) -> Result<Sample> {
        let mut command = Command::new(&self.program);
        let printed = run_quiet(command.args(self.arguments(library, work, inputs)))?;
        let field = |name: &str| {
            let line = printed.lines().find_map(|line| line.strip_prefix(name));
            line.map(str::trim).context(format_args!("{library} says nothing of {name}"))
        };
        let number = |name: &str| field(name)?.parse::<u64>().context(name);
        Ok(Sample {
            answer: field("answer")?.to_owned(),
            nanoseconds: number("nanoseconds")?,
            kilobytes: number("kilobytes")?,
        })
    }

    fn arguments(&self, library: &str, work: &str, inputs: &Inputs) -> Vec<String> {
        let btf = if work == "dedup" { &inputs.doubled } else { &inputs.btf };
        let (btf, names) = (btf.display().to_string(), inputs.names.display().to_string());
        ["--library", library, "--work", work, "--btf", &btf, "--names", &names].map(str::to_owned).to_vec()
    }

    /// Instructions of the work itself, which peers/ does in a function of its own.
    pub(super) fn instructions(&self, library: &str, work: &str, inputs: &Inputs) -> Result<u64> {
        let out = target_dir().join("bench/callgrind.out");
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*counted_work*"]);
        valgrind.arg(format!("--callgrind-out-file={}", out.display()));
        run_quiet(valgrind.arg(&self.program).args(self.arguments(library, work, inputs)))?;
        let text = String::from_utf8_lossy(&read(&out)?).into_owned();
        let total = text.lines().find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));
        total.and_then(|total| total.trim().parse().ok()).context("callgrind says no total")
    }
}
