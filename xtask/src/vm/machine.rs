//! One virtual machine: boots a kernel in QEMU, listens to what it says, ends it in any case.

use super::protocol::Word;
use crate::{
    error::{Context, Result},
    kernels::KernelFiles,
};
use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// What the kernels are told.
///
/// - `lsm=` names `bpf`, because on 5.10 LSM programs attach without it and never fire.
/// - From 6.18 on, local storages and some other maps allocate with `kmalloc_nolock`, which on a processor without cmpxchg16b
///   gives nothing but from caches that are checked: `slab_debug`, with the least of its checks.
const COMMAND_LINE: &str = "console=ttyS1,115200 loglevel=7 panic=-1 oops=panic reboot=t quiet lsm=lockdown,yama,bpf \
                            slab_debug=F,kmalloc-*";

/// How long a machine may take to reach process 1 (seconds when it has a core for itself, many more when it has not).
const BOOT_LIMIT: Duration = Duration::from_secs(240);

/// How long it may take for everything.
const TOTAL_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Kernel console lines shown when a machine died.
const CONSOLE_TAIL: usize = 40;

/// What a machine did.
pub(crate) struct Session {
    /// The tests, in the order run.
    pub(crate) tests: Vec<TestRun>,
    /// Whether process 1 was reached.
    pub(crate) booted: bool,
    /// Why the machine's word cannot be taken for the whole truth: it died, hung, or could not set itself up.
    pub(crate) trouble: Option<String>,
    /// Its kernel's console.
    pub(crate) console: PathBuf,
}

/// One test on one kernel.
pub(crate) struct TestRun {
    /// `binary::test`.
    pub(crate) name: String,
    /// What came of it.
    pub(crate) outcome: Outcome,
    /// How long it took.
    pub(crate) took: Duration,
    /// What it printed.
    pub(crate) output: Vec<String>,
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It ran to its end.
    Ok,
    /// It says that it could not be run here, and why.
    Skipped(String),
    /// It did not succeed: an exit status, a signal, a time limit.
    Failed(String),
}

/// Ends QEMU when dropped, whatever happened in between.
struct Qemu(Child);

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Boots the kernel with this initial file system; `logs` is the folder for what it printed.
pub(crate) fn run(kernel: &KernelFiles, initrd: &Path, logs: &Path) -> Result<Session> {
    let console = logs.join(format!("{}-console.log", kernel.name));
    let transcript_path = logs.join(format!("{}-tests.log", kernel.name));
    let mut transcript =
        File::create(&transcript_path).context(format_args!("cannot create {}", transcript_path.display()))?;
    let mut command = Command::new("qemu-system-x86_64");
    command
        // KVM inside a virtual machine does not boot these kernels; emulation does, everywhere. Single-threaded, because with
        // more threads the kernel's patching of its own code meets another processor in the middle of it now and then. Without
        // cmpxchg16b, after which QEMU 7.2 now and then hands an interrupt flags that are none (a double fault in kmalloc).
        .args(["-M", "pc", "-accel", "tcg,thread=single", "-cpu", "max,la57=off,cx16=off", "-smp", "2", "-m", "1024"])
        .arg("-kernel")
        .arg(&kernel.vmlinuz)
        .arg("-initrd")
        .arg(initrd)
        .args(["-append", COMMAND_LINE])
        .args(["-nodefaults", "-no-user-config", "-vga", "none", "-display", "none", "-no-reboot"])
        .args(["-serial", "stdio"])
        .arg("-serial")
        .arg(format!("file:{}", console.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut qemu = Qemu(command.spawn().context("cannot run qemu-system-x86_64")?);
    let stdout = qemu.0.stdout.take().expect("asked for a pipe");
    let mut stderr = qemu.0.stderr.take().expect("asked for a pipe");

    let (said, hear) = mpsc::channel();
    let lines = thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n') {
            let Ok(line) = line else { break };
            if said.send(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()).is_err() {
                break;
            }
        }
    });
    let complaints = thread::spawn(move || std::io::read_to_string(&mut stderr).unwrap_or_default());

    let started = Instant::now();
    let mut log = Log::default();
    let stopped = loop {
        let limit = if log.booted { TOTAL_LIMIT } else { BOOT_LIMIT };
        match hear.recv_timeout(limit.saturating_sub(started.elapsed())) {
            Ok(line) => {
                writeln!(transcript, "{line}").context(transcript_path.display())?;
                if let Some(announcement) = log.hear(&line) {
                    println!("{:>6}: {announcement} ({:.0} s)", kernel.name, started.elapsed().as_secs_f32());
                }
            }
            Err(RecvTimeoutError::Disconnected) => break None,
            Err(RecvTimeoutError::Timeout) if log.booted => {
                break Some(format!("not done within {} s", limit.as_secs()));
            }
            Err(RecvTimeoutError::Timeout) => break Some(format!("not booted within {} s", limit.as_secs())),
        }
    };
    drop(qemu);
    let _ = lines.join();
    let complaints = complaints.join().unwrap_or_default();
    let mut session = log.finish(stopped, console);
    if let Some(trouble) = &mut session.trouble
        && !complaints.trim().is_empty()
    {
        *trouble = format!("{trouble}\n    qemu: {}", complaints.trim().replace('\n', "\n    qemu: "));
    }
    Ok(session)
}

/// What has been heard so far.
#[derive(Default)]
struct Log {
    booted: bool,
    tests: Vec<TestRun>,
    running: Option<TestRun>,
    skipped: Option<String>,
    notes: Vec<String>,
    exit: Option<i32>,
}

impl Log {
    /// Takes in a line; what is worth telling at once, if anything.
    fn hear(&mut self, line: &str) -> Option<String> {
        match Word::parse(line) {
            Some(Word::Boot { release }) => {
                self.booted = true;
                return Some(format!("booted {release}"));
            }
            Some(Word::Begin { test }) => {
                self.end("another test began before it ended");
                self.running = Some(TestRun {
                    name: test.to_owned(),
                    outcome: Outcome::Ok,
                    took: Duration::ZERO,
                    output: Vec::new(),
                });
            }
            Some(Word::Output { line }) => {
                if let Some(test) = &mut self.running {
                    test.output.push(line.to_owned());
                    self.skipped = self.skipped.take().or_else(|| skip_reason(line).map(str::to_owned));
                }
            }
            Some(Word::End { succeeded, millis, how }) => {
                let mut test = self.running.take()?;
                test.took = Duration::from_millis(millis);
                let skipped = self.skipped.take();
                test.outcome = match (succeeded, skipped) {
                    (true, None) => Outcome::Ok,
                    (true, Some(why)) => Outcome::Skipped(why),
                    (false, _) => Outcome::Failed(how.to_owned()),
                };
                let told = (!succeeded).then(|| format!("{} FAILED: {how}", test.name));
                self.tests.push(test);
                return told;
            }
            Some(Word::Note { text }) => self.notes.push(text.to_owned()),
            Some(Word::Exit { status }) => {
                self.exit = Some(status);
                return Some(format!("done, status {status}"));
            }
            // Anything else came from elsewhere: a BIOS, a bootloader, a program that wrote to the port.
            None => {}
        }
        None
    }

    fn end(&mut self, how: &str) {
        if let Some(mut test) = self.running.take() {
            test.outcome = Outcome::Failed(how.to_owned());
            self.tests.push(test);
        }
        self.skipped = None;
    }

    fn finish(mut self, stopped: Option<String>, console: PathBuf) -> Session {
        self.end("the machine ended before the test did");
        let failed = self.tests.iter().any(|test| matches!(test.outcome, Outcome::Failed(_)));
        let mut trouble = match (stopped, self.exit) {
            (Some(stopped), _) => Some(stopped),
            (None, None) => Some("the machine stopped without giving its exit status".to_owned()),
            (None, Some(0)) if !failed => None,
            (None, Some(1)) if failed => None,
            (None, Some(status)) => Some(format!("exit status {status}")),
        };
        if !self.notes.is_empty() {
            let notes = self.notes.join("\n    ");
            trouble = Some(trouble.map_or_else(|| notes.clone(), |trouble| format!("{trouble}: {notes}")));
        }
        Session { tests: self.tests, booted: self.booted, trouble, console }
    }
}

impl Session {
    /// The last lines of the kernel's console.
    pub(crate) fn console_tail(&self) -> String {
        let text = std::fs::read(&self.console).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let tail = &lines[lines.len().saturating_sub(CONSOLE_TAIL)..];
        tail.iter().map(|line| format!("    | {line}\n")).collect()
    }
}

/// The reason in a line by which a test says that it skips: `skipped: why`, after libtest's `test NAME ... ` if it is the first.
pub(crate) fn skip_reason(line: &str) -> Option<&str> {
    let line = if line.starts_with("test ") { line.split_once(" ... ")?.1 } else { line };
    line.strip_prefix("skipped: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(lines: &[&str]) -> Session {
        let mut log = Log::default();
        for line in lines {
            log.hear(line);
        }
        log.finish(None, PathBuf::new())
    }

    #[test]
    fn every_way_a_test_can_end() {
        let heard = session(&[
            "SeaBIOS",
            "@boot 6.1.0",
            "@begin kernel_a::one",
            "@| running 1 test",
            "@end ok 12 ok",
            "@begin kernel_a::two",
            "@| test two ... skipped: needs tcx (Linux 6.6)",
            "@| ok",
            "@end ok 3 ok",
            "@begin kernel_a::three",
            "@| skipped: said before it failed",
            "@end failed 9 exit status: 101",
            "@exit 1",
        ]);
        let outcomes: Vec<&Outcome> = heard.tests.iter().map(|test| &test.outcome).collect();
        assert_eq!(
            outcomes,
            [
                &Outcome::Ok,
                &Outcome::Skipped("needs tcx (Linux 6.6)".into()),
                &Outcome::Failed("exit status: 101".into())
            ]
        );
        assert_eq!(heard.trouble, None);
    }

    #[test]
    fn a_machine_that_dies_is_no_success() {
        let silent = session(&[]);
        assert!(silent.trouble.is_some());
        let died = session(&["@boot 5.10.0", "@begin kernel_a::one"]);
        assert!(matches!(died.tests[0].outcome, Outcome::Failed(_)));
        assert!(died.trouble.is_some());
        let lied = session(&["@boot 5.10.0", "@begin kernel_a::one", "@end failed 1 x", "@exit 0"]);
        assert!(lied.trouble.is_some(), "status 0 with a failed test");
    }
}
