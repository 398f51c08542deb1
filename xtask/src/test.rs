//! `test`: everything that this machine can test, with a summary of what it could not and why.

use crate::{
    error::{Context, Result},
    process::{is_root, mounted, run_quiet},
    workspace::cargo,
};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, IsTerminal},
    path::Path,
    process::{Command, Stdio},
};

/// File systems that tests look into.
const FILE_SYSTEMS: [(&str, &str); 2] = [("tracefs", "/sys/kernel/tracing"), ("bpf", "/sys/fs/bpf")];

/// Runs the task: `test [CARGO TEST ARGUMENTS]`.
pub(crate) fn run(args: &[String]) -> Result {
    let root = is_root();
    if root {
        mount_file_systems();
    } else {
        println!(
            "not root: tests that load into the kernel are skipped; run `cargo xtask test` as root for all of them"
        );
    }
    let mut command = cargo();
    // What follows a `--` is for the tests themselves.
    let (args, test_args) = args.split_at(args.iter().position(|arg| arg == "--").unwrap_or(args.len()));
    command.args(["test", "--workspace", "--no-fail-fast"]).args(args);
    if std::io::stderr().is_terminal() {
        command.arg("--color=always");
    }
    // Tests say by a line on their output that they skip, and cargo shows the output of tests that succeed only when asked.
    command.args(["--", "--show-output"]).args(test_args.iter().skip(1));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut summary = Summary::default();
    for line in BufReader::new(child.stdout.take().expect("asked for a pipe")).split(b'\n') {
        let line = line.context("what cargo prints")?;
        let line = String::from_utf8_lossy(&line);
        if summary.hear(&line) {
            println!("{line}");
        }
    }
    let status = child.wait().context("cannot run cargo")?;
    print!("{}", summary.text());
    if !root {
        println!("not root: run `cargo xtask test` as root for what was skipped for want of it");
    }
    println!("{} passed, {} failed", summary.passed, summary.failed);
    if !status.success() {
        return Err("tests failed".into());
    }
    if summary.passed == 0 {
        return Err("no test ran".into());
    }
    Ok(())
}

/// Mounts what a fresh machine may not have mounted yet. Where that is impossible, the tests that need it say so themselves.
fn mount_file_systems() {
    for (kind, at) in FILE_SYSTEMS {
        if !Path::new(at).exists() || mounted(Path::new(at)).as_deref() == Some(kind) {
            continue;
        }
        match run_quiet(Command::new("mount").args(["-t", kind, kind, at])) {
            Ok(_) => println!("mounted {kind} at {at}"),
            Err(error) => println!("cannot mount {kind} at {at}: {error}"),
        }
    }
}

/// What has been learnt from libtest's output.
#[derive(Default)]
struct Summary {
    passed: u32,
    failed: u32,
    /// Tests by the reason for which they skipped.
    skipped: BTreeMap<String, Vec<String>>,
    /// In the part that shows the output of tests that succeeded, and the test whose output it is.
    successes: bool,
    test: String,
}

impl Summary {
    /// Takes in a line; whether it is to be shown.
    fn hear(&mut self, line: &str) -> bool {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.successes = false;
            let count = |what: &str| -> u32 {
                let fields = result.split([';', '.']).map(str::trim);
                fields.filter_map(|field| field.strip_suffix(what)?.trim().parse().ok()).next().unwrap_or(0)
            };
            self.passed += count(" passed");
            self.failed += count(" failed");
        } else if line == "successes:" {
            self.successes = true;
        } else if line == "failures:" {
            self.successes = false;
        } else if let Some(test) = line.strip_prefix("---- ").and_then(|line| line.strip_suffix(" stdout ----")) {
            test.clone_into(&mut self.test);
        } else if let Some(why) = line.strip_prefix("skipped: ").filter(|_| self.successes) {
            let tests = self.skipped.entry(why.to_owned()).or_default();
            if !tests.contains(&self.test) {
                tests.push(self.test.clone());
            }
        }
        !self.successes
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if !self.skipped.is_empty() {
            text += "\nskipped on this machine:\n";
        }
        for (why, tests) in &self.skipped {
            text += &format!("  {why}\n      {}\n", tests.join("\n      "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    /// Lines as libtest prints them with --show-output.
    #[test]
    fn skips_and_counts_are_read_from_the_output() {
        let output = "
running 3 tests
test a ... ok
test b ... ok
test c ... FAILED

successes:

---- a stdout ----
skipped: needs root
and more

successes:
    a
    b

failures:

---- c stdout ----
skipped: of a failed test, which is no skip

failures:
    c

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        let mut summary = Summary::default();
        let shown: Vec<&str> = output.lines().filter(|line| summary.hear(line)).collect();
        assert_eq!((summary.passed, summary.failed), (2, 1));
        assert_eq!(summary.text(), "\nskipped on this machine:\n  needs root\n      a\n");
        assert!(!shown.contains(&"and more") && shown.contains(&"---- c stdout ----"));
    }
}
