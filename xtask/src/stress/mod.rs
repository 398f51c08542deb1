//! `stress`: inputs that are damaged, a million ways, and what we do with such things done with each. Nothing may panic, take seconds,
//! or eat memory. [`KINDS`] has what there is.
//!
//! An input follows from its number alone: `--seed S --count 1` makes that of a finding once more. Workers are processes of a build
//! that checks arithmetic, with bounded memory, and a clock of theirs on each input; what is found does not end the run.

mod btf;
mod object;
mod random;
mod worker;

use crate::{
    error::{Context, Error, Result},
    process,
    workspace::{cargo, create_dir, target_dir},
};
use random::Random;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};
use worker::Progress;

const USAGE: &str = "usage: cargo xtask stress btf | object [--count N] [--seed S] [--jobs N]";

/// Something to damage.
struct Kind {
    name: &'static str,
    /// What the name of a file with an input ends in.
    ending: &'static str,
    /// What befalls an input that is not refused, one after the other.
    stages: &'static [&'static str],
    /// Puts into a folder what inputs are made from.
    gather: fn(&Path) -> Result,
    /// Takes it out of there.
    open: fn(&Path) -> Result<Box<dyn Inputs>>,
}

const KINDS: &[Kind] = &[
    Kind { name: "btf", ending: "btf", stages: &["read"], gather: btf::gather, open: btf::open },
    Kind {
        name: "object",
        ending: "bpf.o",
        stages: &["opened", "linked", "loaded"],
        gather: object::gather,
        open: object::open,
    },
];

impl Kind {
    fn named(name: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.name == name)
    }
}

/// What is damaged, and what is done with it then.
trait Inputs {
    /// The input that these numbers come to.
    fn input(&self, random: &mut Random) -> Vec<u8>;

    /// Does everything with an input; how many of its kind's stages it went through.
    fn exercise(&self, input: &[u8]) -> usize;
}

struct Options {
    count: u64,
    seed: u64,
    jobs: u64,
}

/// Runs the task.
pub(crate) fn run(args: &[String]) -> Result {
    let (what, args) = args.split_first().context(USAGE)?;
    match (what.as_str(), Kind::named(what)) {
        // What the task calls itself as.
        ("worker", _) => worker::run(args),
        (_, Some(kind)) => stress(kind, &Options::parse(args)?),
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
    /// How many inputs went through each stage.
    reached: Vec<u64>,
    /// Milliseconds of the input that took longest, and its seed, of workers that came to their end.
    slowest: (u64, u64),
    /// The most memory that a worker held at once, in KiB; likewise.
    memory: u64,
}

impl Outcome {
    fn add(&mut self, other: Outcome) {
        self.findings.extend(other.findings);
        self.reached.resize(self.reached.len().max(other.reached.len()), 0);
        self.reached.iter_mut().zip(other.reached).for_each(|(sum, more)| *sum += more);
        self.slowest = self.slowest.max(other.slowest);
        self.memory = self.memory.max(other.memory);
    }
}

/// A run that workers take part in.
struct Run {
    kind: &'static Kind,
    program: PathBuf,
    pool: PathBuf,
    /// What was found, each kind of finding once.
    told: Mutex<BTreeSet<String>>,
}

fn stress(kind: &'static Kind, options: &Options) -> Result {
    let dir = target_dir().join("stress");
    let pool = dir.join(kind.name);
    if pool.exists() {
        fs::remove_dir_all(&pool).context(pool.display())?;
    }
    create_dir(&pool)?;
    (kind.gather)(&pool)?;
    let run = Run { kind, program: build(&dir)?, pool, told: Mutex::default() };
    println!("{} inputs from seed {}, {} processes", options.count, options.seed, options.jobs);
    let started = Instant::now();
    let share = options.count.div_ceil(options.jobs);
    let outcomes: Vec<Result<Outcome>> = thread::scope(|scope| {
        let start = |job: u64| {
            let from = options.seed + (job * share).min(options.count);
            let to = options.seed + ((job + 1) * share).min(options.count);
            let run = &run;
            scope.spawn(move || run.supervise(from, to))
        };
        let workers: Vec<_> = (0..options.jobs).map(start).collect();
        let died = || Err(Error::new("a thread of ours panicked"));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| died())).collect()
    });
    let mut whole = Outcome::default();
    for outcome in outcomes {
        whole.add(outcome?);
    }
    let reached: Vec<String> =
        kind.stages.iter().zip(&whole.reached).map(|(stage, count)| format!("{count} of them {stage}, ")).collect();
    println!(
        "{} inputs, {}in {:.0} s; the slowest, of seed {}, took {} ms; a worker held {} MiB at most",
        options.count,
        reached.concat(),
        started.elapsed().as_secs_f32(),
        whole.slowest.1,
        whole.slowest.0,
        whole.memory.div_ceil(1024),
    );
    if whole.findings.is_empty() {
        return Ok(());
    }
    let folder = dir.join("findings");
    create_dir(&folder)?;
    for (what, seeds) in by_kind(&whole.findings) {
        println!("{} times: {what}", seeds.len());
        for seed in seeds.iter().take(SHOWN) {
            let file = folder.join(format!("{seed}.{}", kind.ending));
            process::run(run.worker("emit").arg(seed.to_string()).arg(&file))?;
            println!("    seed {seed}: {}", file.display());
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
        kinds.entry(kind_of(what)).or_default().push(*seed);
    }
    kinds
}

fn kind_of(finding: &str) -> String {
    let (place, message) = finding.split_once(": ").unwrap_or(("", finding));
    let message: Vec<&str> = message.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    format!("{place}: {}", message.join("N"))
}

/// A build of this task that is fast, and still checks arithmetic and assertions.
fn build(dir: &Path) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "--package", "xtask", "--bin", "xtask", "--features", "stress"]);
    for check in ["DEBUG_ASSERTIONS", "OVERFLOW_CHECKS"] {
        build.env(format!("CARGO_PROFILE_RELEASE_{check}"), "true");
    }
    process::run(build.env("CARGO_TARGET_DIR", dir))?;
    Ok(dir.join("release/xtask"))
}

impl Run {
    fn worker(&self, what: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["stress", "worker", what, self.kind.name]).arg(&self.pool);
        command
    }

    /// Has workers go through a range of seeds: another after each that died.
    fn supervise(&self, from: u64, to: u64) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut next = from;
        while next < to {
            let mut command = self.worker("run");
            command.args([next, to].map(|seed| seed.to_string()));
            let mut child =
                command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start a worker")?;
            let mut last_words = None;
            for line in BufReader::new(child.stdout.take().expect("asked for a pipe")).lines() {
                let line = line.context("a worker's output")?;
                let mut words = line.splitn(3, ' ');
                let (word, number) = (words.next(), words.next().and_then(|number| number.parse::<u64>().ok()));
                let (Some(word), Some(number)) = (word, number) else { continue };
                let rest = words.next().unwrap_or_default();
                match word {
                    "found" => self.tell(&mut outcome, number, rest.to_owned()),
                    "hung" => last_words = Some((number, rest.to_owned())),
                    "done" => {
                        let numbers: Vec<u64> = rest.split(' ').filter_map(|word| word.parse().ok()).collect();
                        let [milliseconds, memory, ref reached @ ..] = numbers[..] else { continue };
                        let (slowest, reached) = ((milliseconds, number), reached.to_vec());
                        outcome.add(Outcome { findings: Vec::new(), reached, slowest, memory });
                    }
                    _ => {}
                }
            }
            let status = child.wait().context("a worker")?;
            if status.success() {
                return Ok(outcome);
            }
            // One that says nothing at all would not say more the next time.
            let progress =
                Progress::of(&self.pool, next, to).context(format_args!("a worker began nothing: {status}"))?;
            let (seed, what) = last_words.unwrap_or_else(|| (progress.seed, format!("died: {status}")));
            outcome.add(Outcome { reached: progress.reached, ..Outcome::default() });
            self.tell(&mut outcome, seed, what);
            next = seed + 1;
        }
        Ok(outcome)
    }

    /// Keeps what was found, and says so if it is new.
    fn tell(&self, outcome: &mut Outcome, seed: u64, what: String) {
        if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(kind_of(&what)) {
            println!("seed {seed}: {what}");
        }
        outcome.findings.push((seed, what));
    }
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
