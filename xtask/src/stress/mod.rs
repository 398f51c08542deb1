//! `stress btf`: BTF cut from a kernel's and damaged, each blob read and, where that is accepted, taken through everything that we do
//! with BTF. Nothing may panic, take seconds, or eat memory.
//!
//! A blob follows from its number alone: `--seed S --count 1` makes that of a finding once more. Workers are processes of a build
//! that checks arithmetic, with bounded memory, and a clock of theirs on each blob; what is found does not end the run.

mod blobs;
mod exercise;
mod mutate;
mod random;
mod worker;

use crate::{
    error::{Context, Error, Result},
    process,
    workspace::{cargo, create_dir, target_dir, write},
};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Instant,
};

const USAGE: &str = "usage: cargo xtask stress btf [--count N] [--seed S] [--jobs N]";

struct Options {
    count: u64,
    seed: u64,
    jobs: u64,
}

/// Runs the task.
pub(crate) fn run(args: &[String]) -> Result {
    let (what, args) = args.split_first().context(USAGE)?;
    match what.as_str() {
        "btf" => stress(&Options::parse(args)?),
        // What the task calls itself as.
        "worker" => worker::run(args),
        _ => Err(USAGE.into()),
    }
}

impl Options {
    fn parse(args: &[String]) -> Result<Options> {
        let jobs = thread::available_parallelism().map_or(1, usize::from) as u64;
        let mut options = Options { count: 1_000_000, seed: 0, jobs };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let place = match arg.as_str() {
                "--count" => &mut options.count,
                "--seed" => &mut options.seed,
                "--jobs" => &mut options.jobs,
                _ => return Err(USAGE.into()),
            };
            *place = args.next().and_then(|number| number.parse().ok()).context(USAGE)?;
        }
        options.jobs = options.jobs.clamp(1, options.count.max(1));
        Ok(options)
    }
}

/// What the workers found, and what they did.
#[derive(Default)]
struct Outcome {
    findings: Vec<(u64, String)>,
    accepted: u64,
    blobs: u64,
    /// The blob that took longest, and its milliseconds.
    slowest: (u64, u64),
}

fn stress(options: &Options) -> Result {
    let dir = target_dir().join("stress");
    create_dir(&dir)?;
    let program = build(&dir)?;
    let pool = dir.join("kernel.btf");
    write(&pool, &crate::fixtures::kernel_btf()?)?;
    println!("{} blobs from seed {}, {} processes", options.count, options.seed, options.jobs);
    let started = Instant::now();
    let share = options.count.div_ceil(options.jobs);
    let outcomes: Vec<Result<Outcome>> = thread::scope(|scope| {
        let start = |job: u64| {
            let from = options.seed + (job * share).min(options.count);
            let to = options.seed + ((job + 1) * share).min(options.count);
            let (program, pool) = (&program, &pool);
            scope.spawn(move || supervise(program, pool, from, to))
        };
        let workers: Vec<_> = (0..options.jobs).map(start).collect();
        let died = || Err(Error::new("a thread of ours panicked"));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| died())).collect()
    });
    let mut whole = Outcome::default();
    for outcome in outcomes {
        let outcome = outcome?;
        whole.findings.extend(outcome.findings);
        whole.accepted += outcome.accepted;
        whole.blobs += outcome.blobs;
        whole.slowest = whole.slowest.max(outcome.slowest);
    }
    println!(
        "{} blobs, {} of them accepted, in {:.0} s; the slowest, of seed {}, took {} ms",
        whole.blobs,
        whole.accepted,
        started.elapsed().as_secs_f32(),
        whole.slowest.1,
        whole.slowest.0,
    );
    if whole.findings.is_empty() {
        return Ok(());
    }
    let folder = dir.join("findings");
    for (kind, seeds) in by_kind(&whole.findings) {
        println!("{} times: {kind}", seeds.len());
        for seed in seeds.iter().take(SHOWN) {
            let blob = folder.join(format!("{seed}.btf"));
            let mut emit = Command::new(&program);
            process::run(emit.args(["stress", "worker", "emit"]).arg(&pool).arg(seed.to_string()).arg(&blob))?;
            println!("    seed {seed}: {}", blob.display());
        }
    }
    Err(Error::new(format!("{} findings", whole.findings.len())))
}

/// How many of a kind are shown.
const SHOWN: usize = 3;

/// Findings that differ in numbers only are of a kind. The places in our sources stay apart.
fn by_kind(findings: &[(u64, String)]) -> BTreeMap<String, Vec<u64>> {
    let mut kinds: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (seed, what) in findings {
        let (place, message) = what.split_once(": ").unwrap_or(("", what));
        let message: Vec<&str> = message.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
        kinds.entry(format!("{place}: {}", message.join("N"))).or_default().push(*seed);
    }
    kinds
}

/// A build of this task that is fast, and still checks arithmetic and assertions.
fn build(dir: &Path) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "--package", "xtask", "--bin", "xtask"]);
    for check in ["DEBUG_ASSERTIONS", "OVERFLOW_CHECKS"] {
        build.env(format!("CARGO_PROFILE_RELEASE_{check}"), "true");
    }
    process::run(build.env("CARGO_TARGET_DIR", dir))?;
    Ok(dir.join("release/xtask"))
}

/// Has workers go through a range of seeds: another after each that died.
fn supervise(program: &Path, pool: &Path, from: u64, to: u64) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut next = from;
    while next < to {
        let mut command = Command::new(program);
        command.args(["stress", "worker", "run"]).arg(pool).args([next, to].map(|seed| seed.to_string()));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start a worker")?;
        // Where it was when it said the last thing.
        let mut last_words = None;
        for line in BufReader::new(child.stdout.take().expect("asked for a pipe")).lines() {
            let line = line.context("a worker's output")?;
            let mut words = line.splitn(3, ' ');
            let (word, seed) = (words.next(), words.next().and_then(|seed| seed.parse::<u64>().ok()));
            let (Some(word), Some(seed)) = (word, seed) else { continue };
            let rest = words.next().unwrap_or_default();
            match word {
                "at" => next = seed,
                "found" => outcome.findings.push((seed, rest.to_owned())),
                "hung" => last_words = Some((seed, rest.to_owned())),
                "done" => {
                    let numbers: Vec<u64> = rest.split(' ').filter_map(|word| word.parse().ok()).collect();
                    let [blobs, slowest_milliseconds, slowest_seed] = numbers[..] else { continue };
                    outcome.accepted += seed;
                    outcome.blobs += blobs;
                    outcome.slowest = outcome.slowest.max((slowest_milliseconds, slowest_seed));
                }
                _ => {}
            }
        }
        let status = child.wait().context("a worker")?;
        if status.success() {
            return Ok(outcome);
        }
        let (seed, what) =
            last_words.unwrap_or_else(|| (worker::progress(pool, from, to).unwrap_or(next), status.to_string()));
        outcome.findings.push((seed, what));
        next = seed + 1;
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::by_kind;

    #[test]
    fn findings_that_differ_in_numbers_are_of_a_kind() {
        let findings =
            [(7, "at a.rs:1:2: type 12 of 3"), (9, "at a.rs:1:2: type 4 of 55"), (11, "at a.rs:9:2: type 4 of 55")];
        let kinds = by_kind(&findings.map(|(seed, what)| (seed, what.to_owned())));
        let kinds: Vec<(&str, &[u64])> = kinds.iter().map(|(kind, seeds)| (kind.as_str(), &seeds[..])).collect();
        assert_eq!(kinds, [("at a.rs:1:2: type N of ", &[7, 9][..]), ("at a.rs:9:2: type N of ", &[11][..])]);
    }
}
