//! `vm`: the kernel matrix. Runs the kernel tests on real kernels of several ages, each in a virtual machine, and prints what
//! came of each test on each of them.
//!
//! Needs no root: kernels are fetched as packages and unpacked, machines are emulated.

pub(crate) mod cpio;
mod machine;
mod payload;
mod protocol;

use crate::{
    debian::{Wanted, compare_versions, ensure_installed},
    error::{Context, Error, Result},
    kernels::{KERNELS, Kernel, KernelFiles, MODULES, select},
    workspace::{create_dir, read, target_dir, write},
};
use cpio::Archive;
use machine::{Outcome, Session, TestRun};
use payload::Payload;
use protocol::Plan;
use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::Duration,
};

/// How long one test may take in a guest: long, for a busy machine that emulates.
const TEST_LIMIT: Duration = Duration::from_secs(180);

/// How often a machine is started at most, when it dies before process 1.
const BOOT_ATTEMPTS: u32 = 3;

/// The reason of tests that no kernel of the matrix can run, because of how the guest's tests are built. They run on the
/// machine's own kernel (`cargo xtask test`).
const STATIC_BINARY: &str = "linked statically";

/// What the command line asks for.
struct Options {
    kernels: Vec<&'static Kernel>,
    packages: Vec<String>,
    update: bool,
    jobs: usize,
    filter: String,
}

impl Options {
    fn parse(args: &[String]) -> Result<Options> {
        let mut names = Vec::new();
        let mut options =
            Options { kernels: Vec::new(), packages: Vec::new(), update: false, jobs: 2, filter: String::new() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().context(format_args!("{arg} needs a value"));
            match arg.as_str() {
                "--kernel" => names.extend(value()?.split(',').map(str::to_owned)),
                "--jobs" => {
                    let jobs = value()?;
                    options.jobs = jobs
                        .parse()
                        .ok()
                        .filter(|jobs| *jobs > 0)
                        .context(format_args!("--jobs {jobs}: not a count"))?;
                }
                "--package" | "-p" => options.packages.push(value()?.clone()),
                "--update" => options.update = true,
                filter if !filter.starts_with('-') && options.filter.is_empty() => {
                    filter.clone_into(&mut options.filter);
                }
                _ => return Err(format!("vm: {arg} is not understood; see cargo xtask --help").into()),
            }
        }
        options.kernels = select(&names)?;
        Ok(options)
    }
}

/// Runs the task.
pub(crate) fn run(args: &[String]) -> Result {
    let options = Options::parse(args)?;
    if !cfg!(target_arch = "x86_64") {
        return Err("the matrix's test binaries are x86_64, and so this task needs an x86_64 machine".into());
    }
    ensure_installed("the kernel matrix", &[Wanted::program("qemu-system-x86", "qemu-system-x86_64"), XZ])?;
    let kernels: Vec<KernelFiles> =
        options.kernels.iter().map(|kernel| kernel.files(options.update)).collect::<Result<_>>()?;
    let payload = payload::build(&options.packages)?;
    let plan = Plan {
        modules: Vec::new(),
        env: environment(),
        filter: options.filter.clone(),
        limit: TEST_LIMIT,
        binaries: payload.binaries.clone(),
    };
    let sessions = run_all(&kernels, &payload, &plan, options.jobs)?;
    report(&kernels, &sessions, &options)
}

/// Modules come compressed.
const XZ: Wanted = Wanted::program("xz-utils", "xz");

/// The environment of tests in the guest.
fn environment() -> Vec<(String, String)> {
    let fixed = [
        ("PATH", "/bin"),
        ("HOME", "/"),
        ("TMPDIR", "/tmp"),
        ("RUST_BACKTRACE", "1"),
        // Tells tests/common that what this kernel's version has must not be skipped.
        ("PUREBPF_MATRIX", "1"),
    ];
    fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Boots every kernel, `jobs` at a time.
fn run_all(kernels: &[KernelFiles], payload: &Payload, plan: &Plan, jobs: usize) -> Result<Vec<Session>> {
    let dir = target_dir().join("vm");
    create_dir(&dir)?;
    let base = base_archive(payload)?.finish();
    let tests = payload.archive()?.finish();
    let next = Mutex::new(0..kernels.len());
    let done: Mutex<Vec<(usize, Result<Session>)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs.min(kernels.len()) {
            scope.spawn(|| {
                loop {
                    let Some(index) = next.lock().expect("no thread panics with it").next() else { break };
                    let kernel = &kernels[index];
                    let session = (|| {
                        let initrd = dir.join(format!("{}.initrd", kernel.name));
                        let modules = kernel_archive(kernel, plan)?;
                        // Archives end to end: what changes least comes first.
                        write(&initrd, &[&base[..], &modules[..], &tests[..]].concat())?;
                        boot(kernel, &initrd, &dir)
                    })();
                    done.lock().expect("no thread panics with it").push((index, session));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics with it");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(index, session)| session.context(format_args!("Linux {}", kernels[index].name))).collect()
}

/// Runs a machine; again if it dies before process 1, which is the emulator's doing and has tested nothing yet.
fn boot(kernel: &KernelFiles, initrd: &Path, logs: &Path) -> Result<Session> {
    let mut attempt = 1;
    loop {
        let session = machine::run(kernel, initrd, logs)?;
        match &session.trouble {
            Some(trouble) if !session.booted && attempt < BOOT_ATTEMPTS => {
                println!("{:>6}: {trouble}; starting it again", kernel.name);
                attempt += 1;
            }
            _ => return Ok(session),
        }
    }
}

/// Process 1 and a shell.
fn base_archive(payload: &Payload) -> Result<Archive> {
    let mut base = Archive::default();
    for dir in ["dev", "proc", "sys", "tmp", "run", "root", "bin"] {
        base.dir(dir);
    }
    base.file("init", &read(&payload.init)?);
    base.file("bin/busybox", &payload::busybox()?);
    for (link, to) in
        [("sbin", "bin"), ("usr/bin", "/bin"), ("usr/sbin", "/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")]
    {
        base.symlink(link, to);
    }
    for (path, contents) in payload::c_library()? {
        base.file(&path, &contents);
    }
    base.file("etc/passwd", b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n");
    base.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n");
    base.file("etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n");
    Ok(base)
}

/// What goes with the kernel: its configuration, where distributions put it; its modules, and the plan that says to load them.
fn kernel_archive(kernel: &KernelFiles, plan: &Plan) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    let mut modules = Vec::new();
    for name in MODULES {
        if let Some(module) = kernel.module(name)? {
            let path = format!("/modules/{name}.ko");
            archive.file(&path, &module);
            modules.push(path);
        }
    }
    archive.file(&format!("boot/config-{}", kernel.release), &read(&kernel.config)?);
    let plan = Plan { modules, ..plan.clone() };
    archive.file(protocol::PLAN_PATH, plan.to_string().as_bytes());
    Ok(archive.finish())
}

/// Prints kernel × test, then the reasons; fails if anything did.
fn report(kernels: &[KernelFiles], sessions: &[Session], options: &Options) -> Result {
    let mut names: Vec<&str> = Vec::new();
    for test in sessions.iter().flat_map(|session| &session.tests) {
        if !names.contains(&test.name.as_str()) {
            names.push(&test.name);
        }
    }
    names.sort_unstable();
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0).max(4);
    let run_of = |session: &'_ Session, name: &str| session.tests.iter().position(|test| test.name == name);
    let mut text = format!("\n{:width$}", "test");
    for kernel in kernels {
        text += &format!("  {:>12}", kernel.name);
    }
    let mut skips: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    let mut failures = Vec::new();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for name in &names {
        text += &format!("\n{name:width$}");
        let mut skipped_here = 0;
        for (kernel, session) in kernels.iter().zip(sessions) {
            let run: Option<&TestRun> = run_of(session, name).map(|at| &session.tests[at]);
            let cell = match run.map(|run| (run, &run.outcome)) {
                Some((run, Outcome::Ok)) => {
                    passed += 1;
                    format!("ok {:>4.1} s", run.took.as_secs_f32())
                }
                Some((run, Outcome::Skipped(why))) if !may_skip(kernel, why) => {
                    failed += 1;
                    failures.push(failure(kernel, run, &format!("skipped what this kernel has: {why}")));
                    "FAILED".to_owned()
                }
                Some((_, Outcome::Skipped(why))) => {
                    skipped += 1;
                    skipped_here += 1;
                    match skips.iter_mut().find(|(test, reason, _)| test == name && reason == why) {
                        Some((_, _, on)) => on.push(kernel.name),
                        None => skips.push((name, why, vec![kernel.name])),
                    }
                    "skipped".to_owned()
                }
                Some((run, Outcome::Failed(how))) => {
                    failed += 1;
                    failures.push(failure(kernel, run, how));
                    "FAILED".to_owned()
                }
                None => "-".to_owned(),
            };
            text += &format!("  {cell:>12}");
        }
        // A test that runs on none of the kernels shows nothing, however good its excuses.
        let excused = skips.iter().any(|(test, why, _)| test == name && why.contains(STATIC_BINARY));
        if skipped_here == KERNELS.len() && !excused {
            failed += 1;
            failures.push(format!("{name}: skipped on every kernel of the matrix, so it shows nothing\n"));
        }
    }
    println!("{text}");
    if !skips.is_empty() {
        println!("\nskipped:");
        for (name, why, on) in &skips {
            println!("  {name} on {}: {why}", on.join(", "));
        }
    }
    let mut troubled = 0;
    for (kernel, session) in kernels.iter().zip(sessions) {
        if let Some(trouble) = &session.trouble {
            troubled += 1;
            failures.push(format!(
                "Linux {}: {trouble}\n  the end of its console:\n{}",
                kernel.name,
                session.console_tail()
            ));
        } else if session.tests.is_empty() {
            troubled += 1;
            let filter = if options.filter.is_empty() {
                String::new()
            } else {
                format!(" whose name contains {:?}", options.filter)
            };
            failures.push(format!("Linux {}: it ran no test{filter}\n", kernel.name));
        }
    }
    if !failures.is_empty() {
        println!("\nFAILED:");
        for failure in &failures {
            println!("  {failure}");
        }
    }
    for kernel in kernels {
        println!("{:>6} is {}", kernel.name, kernel.release);
    }
    println!("logs: {}", logs().display());
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed > 0 || troubled > 0 {
        return Err(Error::new("the kernel matrix failed"));
    }
    Ok(())
}

/// Whether a reason to skip holds on this kernel: one that names a version (`Linux 6.6`) does not from that version on.
fn may_skip(kernel: &KernelFiles, why: &str) -> bool {
    let Some((_, version)) = why.split_once("Linux ") else { return true };
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    compare_versions(&kernel.release, version[..end].trim_end_matches('.')).is_lt()
}

fn logs() -> PathBuf {
    target_dir().join("vm")
}

/// A failed test with what it printed.
fn failure(kernel: &KernelFiles, run: &TestRun, how: &str) -> String {
    let mut text = format!("{} on {}: {how}\n", run.name, kernel.name);
    for line in &run.output {
        text += &format!("    | {line}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_with_a_version_holds_only_below_it() {
        let kernel = |release: &str| KernelFiles::named("6.1", release);
        assert!(may_skip(&kernel("6.1.0-50-cloud-amd64"), "needs tcx (Linux 6.6)"));
        assert!(!may_skip(&kernel("6.12.107+deb13-cloud-amd64"), "needs tcx (Linux 6.6)"));
        assert!(!may_skip(&kernel("6.12.107+deb13-cloud-amd64"), "needs Linux 6.12."));
        assert!(may_skip(&kernel("7.2.13+deb14-cloud-amd64"), "no hardware perf events"));
    }
}
