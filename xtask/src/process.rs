//! Other programs: run them, say clearly which one failed, find out whether they are there.

use crate::{
    error::{Context, Error, Result},
    workspace::cargo,
};
use std::{
    env, fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

/// Runs a command with our own output streams.
pub(crate) fn run(command: &mut Command) -> Result {
    let status = command.stdin(Stdio::null()).status().context(cannot_start(command))?;
    if status.success() { Ok(()) } else { Err(Error::new(format!("`{}` failed ({status})", shown(command)))) }
}

/// Runs a task once more, in a release build.
pub(crate) fn run_in_release(task: &str, args: &[String]) -> Result {
    run(cargo().args(["run", "--release", "--quiet", "--package", "xtask", "--", task]).args(args))
}

/// Runs a command quietly; what it printed appears only in the error when it fails.
pub(crate) fn run_quiet(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().context(cannot_start(command))?;
    String::from_utf8(check(command, output)?).context(format_args!("what `{}` printed", shown(command)))
}

/// Feeds `input` to a command and returns what it printed: decompressors, mostly.
pub(crate) fn filter(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context(cannot_start(command))?;
    let mut stdin = child.stdin.take().expect("asked for a pipe");
    let output = thread::scope(|scope| {
        // A second thread, because both pipes may be full at once. A broken pipe shows in the exit status.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output()
    });
    check(command, output.context(cannot_start(command))?)
}

fn check(command: &Command, output: Output) -> Result<Vec<u8>> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(30)..].join("\n    ");
    Err(Error::new(format!("`{}` failed ({})\n    {tail}", shown(command), output.status)))
}

fn cannot_start(command: &Command) -> String {
    format!("cannot run `{}`", command.get_program().to_string_lossy())
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Whether a program of this name is on the PATH.
pub(crate) fn have(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| fs::metadata(dir.join(program)).is_ok_and(|found| found.is_file()))
}

/// Whether we are root: the effective uid of this process is 0.
pub(crate) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uids.and_then(|uids| uids.split_whitespace().nth(1)) == Some("0")
}

/// Whether something is mounted at this path, and of which file system type.
pub(crate) fn mounted(at: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mut types = fields.filter(|fields| fields.get(1).map(Path::new) == Some(at));
    types.next_back().and_then(|fields| fields.get(2).map(|kind| (*kind).to_owned()))
}

/// Runs a task by a build that has the crates that it loads objects with, which other tasks do without.
#[cfg(not(feature = "compare"))]
pub(crate) fn with_all_crates(task: &[&str], args: &[String]) -> Result {
    let mut cargo = cargo();
    cargo.args(["run", "--quiet", "--package", "xtask", "--features", "compare", "--"]);
    run(cargo.args(task).args(args))
}
