//! `compare btf`: what we make of BTF beside what libbpf and bpftool make of it (`cargo xtask reference`), on the BTF of the
//! corpus (`cargo xtask corpus btf`), of this machine's kernel, and of the objects of our tests.
//!
//! A check takes one input and answers whether ours is theirs, byte for byte. Where it may differ, xtask/inputs/btf-reasons.tsv
//! has the reason; any other difference fails the task, and so does a reason that nothing needs any more.
//!
//! `compare objects` does the same with objects: see objects/mod.rs.

mod assembled;
mod bindings;
mod dumps;
mod headers;
mod inputs;
#[cfg(feature = "compare")]
mod objects;
mod poured;
mod report;

use crate::{
    corpus::btf::in_parallel,
    error::{Context, Error, Result},
    process,
    reference::reference,
    workspace::{create_dir, target_dir},
};
use inputs::{Place, Subject};
use report::{Reasons, Report};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

const USAGE: &str = "usage: cargo xtask compare btf [--only CHECK]... [--modules N | all] [NAME]... | objects ...";

/// What a check found out.
pub(crate) enum Outcome {
    Same,
    /// Same so far as that goes: what is to be known of both.
    SameBut(String),
    /// It differs: where, or how.
    Different(String),
}

impl Outcome {
    /// Same, or different as `how` says.
    fn same(is_same: bool, how: impl FnOnce() -> String) -> Outcome {
        if is_same { Outcome::Same } else { Outcome::Different(how()) }
    }
}

/// A comparison, of one input.
struct Check {
    name: &'static str,
    about: &'static str,
    run: fn(&Subject, &Tools) -> Result<Outcome>,
}

const DEDUP: &str = "dedup";
const DISTILL: &str = "distill";
const RELOCATE: &str = "relocate";
const RUST: &str = "rust";

const CHECKS: &[Check] = &[
    Check { name: "walk", about: "size, alignment, resolved type and name of each type", run: dumps::walk },
    Check { name: "raw", about: "bpftool btf dump, format raw", run: dumps::raw },
    Check { name: "c", about: "bpftool btf dump, format c", run: |subject, tools| headers::dump(subject, tools, true) },
    Check {
        name: "c-unsorted",
        about: "bpftool btf dump, format c unsorted",
        run: |subject, tools| headers::dump(subject, tools, false),
    },
    Check {
        name: "compiles",
        about: "our header compiles with clang, and sizeof and offsetof are what BTF says",
        run: |subject, tools| headers::compiles(subject, tools, true),
    },
    Check {
        name: "compiles-unsorted",
        about: "as does the unsorted one",
        run: |subject, tools| headers::compiles(subject, tools, false),
    },
    Check { name: "json", about: "bpftool -j btf dump", run: |subject, tools| dumps::json(subject, tools, false) },
    Check {
        name: "json-pretty",
        about: "bpftool -p btf dump",
        run: |subject, tools| dumps::json(subject, tools, true),
    },
    Check {
        name: RUST,
        about: "our Rust definitions compile, and what they assert of themselves holds (not of modules)",
        run: bindings::compile,
    },
    Check { name: "append", about: "btf__add_btf, to itself", run: assembled::append },
    Check { name: "permute", about: "btf__permute, to the opposite order", run: assembled::permute },
    Check { name: "endian", about: "btf__set_endianness, to the other byte order", run: assembled::endian },
    Check { name: DISTILL, about: "btf__distill_base, of modules", run: assembled::distill },
    Check {
        name: RELOCATE,
        about: "btf__relocate, of distilled modules to their own kernel and to another",
        run: assembled::relocate,
    },
    Check {
        name: DEDUP,
        about: "btf__dedup, of modules as they are, of kernels and objects appended to themselves, of what was gathered",
        run: assembled::dedup,
    },
];

/// Theirs, and where to put files.
pub(crate) struct Tools {
    pub(crate) bpftool: PathBuf,
    pub(crate) oracle: PathBuf,
    pub(crate) scratch: PathBuf,
}

/// What was gathered is only there to be deduplicated. The Rust definitions of a module are those of its whole kernel once more, and
/// the compiler takes long.
fn is_for(check: &Check, place: Place) -> bool {
    match place {
        Place::Whole => !matches!(check.name, DISTILL | RELOCATE),
        Place::Split => check.name != RUST,
        Place::Gathered => check.name == DEDUP,
    }
}

struct Options {
    only: Vec<String>,
    /// At most so many modules of each kernel, evenly among them: a header of a module is that of a whole kernel.
    modules: usize,
    names: Vec<String>,
}

/// Runs the task.
pub(crate) fn run(args: &[String]) -> Result {
    if let Some(("objects", rest)) = args.split_first().map(|(what, rest)| (what.as_str(), rest)) {
        return compare_objects(rest);
    }
    let options = Options::parse(args)?;
    // A kernel is much for a debug build.
    if cfg!(debug_assertions) {
        return process::run_in_release("compare", args);
    }
    let reference = reference()?;
    let tools = Tools {
        bpftool: reference.join("bpftool"),
        oracle: reference.join("btf-oracle"),
        scratch: target_dir().join("compare"),
    };
    create_dir(&tools.scratch)?;
    headers::ensure_compiler()?;
    let checks: Vec<&Check> = CHECKS
        .iter()
        .filter(|check| options.only.is_empty() || options.only.iter().any(|only| only == check.name))
        .collect();
    let report = Mutex::new(Report::new(checks.iter().map(|check| check.name).collect()));
    let subjects = inputs::subjects(&options.names, options.modules)?;
    println!("{} inputs, {} checks", subjects.len(), checks.len());
    in_parallel(&subjects, |subject| {
        for check in checks.iter().filter(|check| is_for(check, subject.place)) {
            let outcome = (check.run)(subject, &tools).context(format_args!("{}: {}", subject, check.name));
            let outcome = outcome.unwrap_or_else(|error| Outcome::Different(error.to_string()));
            report.lock().unwrap_or_else(PoisonError::into_inner).add(subject, check.name, outcome);
        }
        subject.clean(&tools);
        Ok(())
    })?;
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    let is_whole = options.only.is_empty() && options.names.is_empty();
    println!("{}", report.table());
    report.print_notes();
    for check in &checks {
        println!("{:<18} {}", check.name, check.about);
    }
    let failures = report.failures(&Reasons::read()?, is_whole);
    if failures.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("{} unexpected\n    {}", failures.len(), failures.join("\n    "))))
}

#[cfg(feature = "compare")]
fn compare_objects(args: &[String]) -> Result {
    objects::run(args)
}

#[cfg(not(feature = "compare"))]
fn compare_objects(args: &[String]) -> Result {
    process::with_all_crates(&["compare", "objects"], args)
}

impl Options {
    fn parse(args: &[String]) -> Result<Options> {
        let mut options = Options { only: Vec::new(), modules: 20, names: Vec::new() };
        let (what, args) = args.split_first().context(USAGE)?;
        if what != "btf" {
            return Err(USAGE.into());
        }
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--only" => {
                    let name = args.next().context(USAGE)?;
                    let known = || CHECKS.iter().map(|check| check.name).collect::<Vec<_>>().join(", ");
                    if CHECKS.iter().all(|check| check.name != name) {
                        return Err(Error::new(format!("no check {name:?}: there are {}", known())));
                    }
                    options.only.push(name.clone());
                }
                "--modules" => {
                    options.modules = match args.next().context(USAGE)?.as_str() {
                        "all" => usize::MAX,
                        number => number.parse().context(format_args!("--modules {number}"))?,
                    }
                }
                name if name.starts_with('-') => return Err(USAGE.into()),
                name => options.names.push(name.to_owned()),
            }
        }
        Ok(options)
    }
}
