//! `corpus`: BPF programs that others wrote.
//!
//! `corpus headers` compiles each with libbpf's headers and, if that succeeds, with ours: with the same flags, but for the folder
//! that `bpf/` is found in. The objects must hold the same. What came of it, in numbers and with each difference, is the page
//! docs/headers-corpus.md, which a run over everything makes anew; `--check` fails instead where the page says otherwise.
//!
//! `corpus names` lists what libbpf's headers define, for a test of ours; `corpus headers` begins with asking whether the list
//! still holds.
//!
//! `corpus btf` takes the BTF out of kernels and their modules.
//!
//! `corpus btf-units` has pahole read a kernel's debug information, and keeps the BTF that it makes before it is deduplicated.
//!
//! `corpus objects` gathers compiled objects: those of these programs, and those that Debian's packages bring.
//!
//! `corpus compilers` compiles our own programs with every compiler that can be had, in several ways.

pub(crate) mod btf;
mod compare;
mod compile;
pub(crate) mod compilers;
mod embedded;
mod names;
pub(crate) mod objects;
mod report;
pub(crate) mod sources;
pub(crate) mod units;

use crate::{
    debian::ensure_installed,
    error::{Context, Error, Result},
    fixtures::CLANG,
    reference::reference,
    workspace::root,
};
use compile::{Outcome, Program, Side, compile};
use report::{Reasons, SetReport, Verdict};
use sources::{SETS, Set, corpus_dir};
#[cfg(feature = "compare")]
pub(crate) use sources::{kernel_selftests, system_headers};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

const USAGE: &str = "usage: cargo xtask corpus headers [--check] [--set NAME]... [--limit N] [FILTER] | names | objects | compilers [COMPILER]... | btf [KERNEL]... | btf-units";

/// Runs the task.
pub(crate) fn run(args: &[String]) -> Result {
    match args.split_first() {
        Some((name, rest)) if name == "headers" => headers(&Options::parse(rest)?),
        Some((name, [])) if name == "names" => names::list(false),
        Some((name, rest)) if name == "btf" => btf::run(rest),
        Some((name, [])) if name == "btf-units" => units::run(),
        Some((name, [])) if name == "objects" => objects::run(),
        Some((name, rest)) if name == "compilers" => compilers::run(rest),
        _ => Err(USAGE.into()),
    }
}

/// What of the corpus is compiled.
#[derive(Default)]
struct Options {
    check: bool,
    sets: Vec<&'static Set>,
    limit: Option<usize>,
    filter: Option<String>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Options> {
        let mut options = Options::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--check" => options.check = true,
                "--set" => {
                    let name = args.next().context(USAGE)?;
                    let known = || SETS.map(|set| set.name).join(", ");
                    let set = SETS.iter().find(|set| set.name == name);
                    options.sets.push(set.context(format_args!("no set {name:?}: there are {}", known()))?);
                }
                "--limit" => {
                    let number = args.next().context(USAGE)?;
                    options.limit = Some(number.parse().context(format_args!("--limit {number}"))?);
                }
                name if name.starts_with('-') || options.filter.is_some() => return Err(USAGE.into()),
                name => options.filter = Some(name.to_owned()),
            }
        }
        Ok(options)
    }

    /// Whether the run says something about the whole corpus.
    fn is_whole(&self) -> bool {
        self.sets.is_empty() && self.limit.is_none() && self.filter.is_none()
    }
}

fn headers(options: &Options) -> Result {
    if options.check && !options.is_whole() {
        return Err("--check is about the whole corpus: without --set, --limit and FILTER".into());
    }
    ensure_installed("compiling BPF programs", &[CLANG])?;
    names::list(true)?;
    let theirs = Side::new("libbpf", &reference()?.join("include"))?;
    let ours = Side::new("ours", &root().join("bpf-helpers/include"))?;
    let reasons = Reasons::read()?;
    let mut reports = Vec::new();
    for set in SETS.iter().filter(|set| options.sets.is_empty() || options.sets.iter().any(|of| of.name == set.name)) {
        let started = Instant::now();
        let report = match (set.programs)() {
            Ok(mut programs) => {
                programs.retain(|program| options.filter.as_ref().is_none_or(|filter| program.name.contains(filter)));
                programs.truncate(options.limit.unwrap_or(usize::MAX));
                SetReport { set, verdicts: Ok(judge_all(set, &programs, &theirs, &ours)?) }
            }
            Err(error) => SetReport { set, verdicts: Err(error.to_string()) },
        };
        println!("{} ({:.0} s)", report.summary(), started.elapsed().as_secs_f32());
        report.print_differences();
        reports.push(report);
    }
    println!("objects: {}", corpus_dir().join("objects").display());
    let unexplained: Vec<&str> = reports.iter().flat_map(|report| report.unexplained(&reasons)).collect();
    if !unexplained.is_empty() {
        return Err(Error::new(format!("differ, or have a reason to and do not: {}", unexplained.join(", "))));
    }
    if options.is_whole() { report::page(&reports, &reasons, options.check) } else { Ok(()) }
}

/// What comes of each program, in their order; several at a time.
fn judge_all(set: &Set, programs: &[Program], theirs: &Side, ours: &Side) -> Result<Vec<(String, Verdict)>> {
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(Vec::new());
    let judge_some = || {
        while let Some(program) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let verdict = judge(set, program, theirs, ours).context(&program.name);
            let verdict = verdict.map(|verdict| (program.name.clone(), verdict));
            verdicts.lock().unwrap_or_else(PoisonError::into_inner).push(verdict);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(judge_some);
        }
    });
    let verdicts = verdicts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut verdicts: Vec<(String, Verdict)> = verdicts.into_iter().collect::<Result<_>>()?;
    verdicts.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(verdicts)
}

fn judge(set: &Set, program: &Program, theirs: &Side, ours: &Side) -> Result<Verdict> {
    let (their_bytes, their_warnings) = match compile(set.name, program, theirs)? {
        Outcome::Object { bytes, warnings } => (bytes, warnings),
        Outcome::Failure(error) => return Ok(Verdict::NotWithLibbpf(error)),
    };
    let (our_bytes, our_warnings) = match compile(set.name, program, ours)? {
        Outcome::Object { bytes, warnings } => (bytes, warnings),
        Outcome::Failure(error) => return Ok(Verdict::NotWithOurs(error)),
    };
    let mut differences = compare::objects(&their_bytes, &our_bytes)?;
    for warning in our_warnings {
        if !their_warnings.contains(&warning) {
            differences.rest.push(format!("ours only: warning: {warning}"));
        }
    }
    Ok(if differences.is_empty() { Verdict::Same } else { Verdict::Different(differences) })
}
