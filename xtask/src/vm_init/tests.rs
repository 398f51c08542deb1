//! Runs the tests that the plan names: each test of each libtest binary in a process of its own, so that one that crashes or
//! hangs takes nothing with it and its outcome is an exit status, not a line to be fished out of mixed output.

use crate::{
    SERIAL,
    protocol::{Binary, Plan, Word},
    system::{Ending, run_limited},
};
use std::{
    fs::{self, File},
    io::Write,
    process::{Command, Stdio},
    time::Instant,
};

const OUTPUT: &str = "/run/output";

/// Runs all of them; how many failed.
pub(crate) fn run(plan: &Plan, port: &mut File) -> Result<u32, String> {
    let mut failed = 0;
    for binary in &plan.binaries {
        let all = list(plan, binary, &[])?;
        let ignored = list(plan, binary, &["--ignored"])?;
        for test in all.iter().filter(|test| !ignored.contains(test)) {
            let name = format!("{}::{test}", binary.name);
            if name.contains(&plan.filter) {
                let succeeded = run_one(plan, binary, test, &name, port)?;
                failed += u32::from(!succeeded);
            }
        }
    }
    Ok(failed)
}

fn command(plan: &Plan, binary: &Binary) -> Command {
    let mut command = Command::new(&binary.path);
    command.current_dir(&binary.dir).env_clear().envs(plan.env.iter().map(|(name, value)| (name, value)));
    command
}

/// The names of a binary's tests.
fn list(plan: &Plan, binary: &Binary, more: &[&str]) -> Result<Vec<String>, String> {
    let output = command(plan, binary).args(["--list", "--format", "terse"]).args(more).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{}: {error}", binary.path))?;
    if !output.status.success() {
        return Err(format!("{} --list: {}", binary.path, output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

fn run_one(plan: &Plan, binary: &Binary, test: &str, name: &str, port: &mut File) -> Result<bool, String> {
    let on_port = |error: std::io::Error| format!("{SERIAL}: {error}");
    writeln!(port, "{}", Word::Begin { test: name }).map_err(on_port)?;
    let out = File::create(OUTPUT).map_err(|error| format!("{OUTPUT}: {error}"))?;
    let err = out.try_clone().map_err(|error| format!("{OUTPUT}: {error}"))?;
    let mut command = command(plan, binary);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).stdout(out).stderr(err);
    let started = Instant::now();
    let ending = run_limited(&mut command, plan.limit)?;
    let millis = started.elapsed().as_millis() as u64;

    let output = fs::read(OUTPUT).map_err(|error| format!("{OUTPUT}: {error}"))?;
    let output = String::from_utf8_lossy(&output);
    for line in output.lines() {
        writeln!(port, "{}", Word::Output { line }).map_err(on_port)?;
    }
    // A status of 0 with no test run (a name that no longer matches) is no success.
    let ran = output.contains("test result: ok. 1 passed");
    let (succeeded, how) = match ending {
        Ending::Exited(status) if status.success() && ran => (true, "ok".to_owned()),
        Ending::Exited(status) if status.success() => (false, "ran no test".to_owned()),
        Ending::Exited(status) => (false, status.to_string()),
        Ending::TimedOut => (false, format!("no end within {} s", plan.limit.as_secs())),
    };
    writeln!(port, "{}", Word::End { succeeded, millis, how: &how }).map_err(on_port)?;
    Ok(succeeded)
}
