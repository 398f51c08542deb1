//! `compare objects`: what we make of compiled objects beside what the reference libbpf makes of them (xtask/oracle/object-oracle.c),
//! on the objects of the corpus (`cargo xtask corpus objects`) and this machine's kernel.
//!
//! - **inspect**: what `purebpf object inspect --json` prints beside what libbpf's getters say of the open object.
//! - **streams**: the instructions of every program as a load would send them, with function and line information, against the types
//!   of this machine's kernel, and with CO-RE relocated to those of the matrix's.
//! - **loads**: whether the kernel takes the whole object, and each program alone; if not, with which error.
//! - **calls**: what is asked of the kernel meanwhile: the attributes of programs and maps, and the object's types.
//!
//! A difference is a line. Those that are meant have their reason in xtask/inputs/object-reasons.tsv; any other fails the task.

mod inspect;
mod loads;
mod oracle;
mod report;
mod streams;

use crate::{
    corpus::{
        btf::in_parallel,
        objects::{self, CorpusObject},
        sources,
    },
    error::{Context, Error, Result},
    process::{is_root, run_quiet},
    reference::reference,
    workspace::{cargo, create_dir, target_dir, write},
};
use oracle::Oracle;
use purebpf::btf::KernelBtf;
use report::{Check, Difference, Reasons, Report};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

const USAGE: &str =
    "usage: cargo xtask compare objects [--only inspect | streams | loads]... [--kernel NAME]... [--limit N] [FILTER]";

/// The kernel that this machine runs, among those whose types CO-RE is relocated to.
pub(super) const MACHINE: &str = "machine";

/// Kernels of the matrix whose types CO-RE is relocated to.
const KERNELS: [&str; 4] = ["5.10", "6.1", "6.12", "7.2"];

/// How many objects are given to the oracle at once.
const BATCH: usize = 16;

#[derive(Default)]
struct Options {
    only: Vec<String>,
    kernels: Vec<String>,
    limit: Option<usize>,
    filter: Option<String>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Options> {
        let mut options = Options::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--only" => {
                    let name = args.next().context(USAGE)?;
                    if !["inspect", "streams", "loads"].contains(&name.as_str()) {
                        return Err(USAGE.into());
                    }
                    options.only.push(name.clone());
                }
                "--kernel" => {
                    let name = args.next().context(USAGE)?;
                    if name != MACHINE && !KERNELS.contains(&name.as_str()) {
                        return Err(format!("no kernel {name:?}: there are {MACHINE}, {}", KERNELS.join(", ")).into());
                    }
                    options.kernels.push(name.clone());
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

    fn wants(&self, what: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == what)
    }

    /// Whether the run says something about the whole corpus.
    fn is_whole(&self) -> bool {
        self.only.is_empty() && self.kernels.is_empty() && self.limit.is_none() && self.filter.is_none()
    }
}

/// Types that CO-RE is relocated to.
pub(super) struct Target {
    pub(super) name: &'static str,
    /// The file that libbpf is given, and what is in it; none for the machine's own kernel.
    pub(super) types: Option<(PathBuf, KernelBtf)>,
}

/// Runs the task.
pub(super) fn run(args: &[String]) -> Result {
    if let Some(path) = args.strip_prefix(&[loads::WORKER.to_owned()]).and_then(<[String]>::first) {
        return loads::load_one(Path::new(path));
    }
    let options = Options::parse(args)?;
    if !is_root() {
        return Err("only root may load programs: run it as root".into());
    }
    let mut objects = objects::objects()?;
    if let Some(filter) = &options.filter {
        objects.retain(|object| format!("{}/{}", object.source, object.name).contains(filter));
    }
    if let Some(limit) = options.limit.filter(|limit| *limit < objects.len()) {
        // Evenly among them.
        let count = objects.len();
        let mut index = 0;
        objects.retain(|_| {
            index += 1;
            index * limit / count != (index - 1) * limit / count
        });
    }
    let reference = reference()?;
    let oracle = Oracle::new(reference.join("object-oracle"));
    let watch = loads::Watch { library: reference.join("bpf-watch.so"), scratch: target_dir().join("compare") };
    create_dir(&watch.scratch)?;
    let tool = tool()?;
    let targets = targets(&options)?;
    let checks: Vec<Check> = [Check::Inspect, Check::Loads, Check::Calls]
        .into_iter()
        .filter(|check| options.wants(check.name()))
        .chain(targets.iter().map(|target| Check::Streams(target.name)))
        .collect();
    let report = Mutex::new(Report::new(checks.clone()));
    println!("{} objects", objects.len());
    let batches: Vec<&[CorpusObject]> = objects.chunks(BATCH).collect();
    let done = Mutex::new(0);
    in_parallel(&batches, |batch| {
        let mut found = Report::new(checks.clone());
        if options.wants("inspect") {
            inspect::compare(batch, &oracle, &tool, &mut found)?;
        }
        for target in &targets {
            streams::compare(batch, &oracle, target, &mut found)?;
        }
        if options.wants("loads") {
            loads::compare(batch, &oracle, &watch, &mut found)?;
        }
        report.lock().unwrap_or_else(PoisonError::into_inner).merge(found);
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        *done += batch.len();
        if *done % (BATCH * 8) < BATCH {
            println!("{done} of {}", objects.len());
        }
        Ok(())
    })?;
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.sort();
    let reasons = Reasons::read()?;
    let list = watch.scratch.join("objects.tsv");
    write(&list, report.list(&reasons).as_bytes())?;
    println!("\n{}", report.table(&reasons));
    println!("{}: every difference", list.display());
    report.print_classes(&reasons);
    let unexplained = report.unexplained(&reasons).count();
    let unneeded = if options.is_whole() { report.unneeded(&reasons) } else { Vec::new() };
    if options.is_whole() {
        report::page(&report, &reasons)?;
    }
    for reason in &unneeded {
        println!("a reason that nothing needs: {reason}");
    }
    if unexplained > 0 || !unneeded.is_empty() {
        return Err(Error::new(format!(
            "{unexplained} differences without a reason, {} reasons without",
            unneeded.len()
        )));
    }
    Ok(())
}

/// The tool, built as this task is.
fn tool() -> Result<PathBuf> {
    let (profile, dir) = if cfg!(debug_assertions) { ("dev", "debug") } else { ("release", "release") };
    run_quiet(cargo().args(["build", "--quiet", "--package", "purebpf-cli", "--profile", profile]))?;
    Ok(target_dir().join(dir).join("purebpf"))
}

fn targets(options: &Options) -> Result<Vec<Target>> {
    if !options.wants("streams") {
        return Ok(Vec::new());
    }
    let wanted = |name: &&str| options.kernels.is_empty() || options.kernels.iter().any(|kernel| kernel == name);
    let mut targets = Vec::new();
    if wanted(&MACHINE) {
        targets.push(Target { name: MACHINE, types: None });
    }
    for name in KERNELS.into_iter().filter(wanted) {
        let file = sources::vmlinux_types(name)?;
        let types = purebpf::kernel::btf_file(&file).context(file.display())?;
        targets.push(Target { name, types: Some((file, types)) });
    }
    Ok(targets)
}

/// The difference of an object, or of something in it.
fn difference(check: Check, object: &CorpusObject, of: &str, how: String) -> Difference {
    Difference { check, source: object.source, object: object.name.clone(), of: of.to_owned(), how }
}
