//! execsnoop: every process that executes a program, live, and how it ends.
//!
//! ```text
//! sudo cargo run --release --example execsnoop -- --min-duration 0 --count 10
//! ```
//!
//! The object beside this file was compiled from `execsnoop.bpf.c`; nothing but Rust is needed to run it.

mod event;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use event::{Clock, Event};
use purebpf::RingBuffer;

/// The compiled programs. They are the same for all kernels from 5.10.
const OBJECT: &[u8] = include_bytes!("execsnoop.bpf.o");

/// Longest wait before looking whether it is time to end.
const TICK: Duration = Duration::from_millis(100);

/// Trace processes as they execute programs and end.
#[derive(Debug, Parser)]
#[command(name = "execsnoop")]
struct Options {
    /// Only processes of this user, by number
    #[arg(long, value_name = "UID")]
    uid: Option<u32>,
    /// Only processes that ran at least so long; each is shown when it ends
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    min_duration: u64,
    /// Print a JSON object on each line
    #[arg(long)]
    json: bool,
    /// End after so many events
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let needs_root = error.downcast_ref::<purebpf::Error>().is_some_and(purebpf::Error::is_permission);
            match needs_root {
                true => eprintln!("execsnoop: needs root, or CAP_BPF and CAP_PERFMON: {error}"),
                false => eprintln!("execsnoop: {error}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, interrupted.clone())?;
    }

    let mut open = purebpf::Object::open_bytes(OBJECT, "execsnoop.bpf.o")?;
    if let Some(uid) = options.uid {
        open.global_mut("filter_by_uid")?.set(1u8)?;
        open.global_mut("filter_uid")?.set(uid)?;
    }
    open.global_mut("min_duration_ns")?.set(options.min_duration.saturating_mul(1_000_000))?;
    let object = open.load()?;
    let mut ring = RingBuffer::new(object.map("events")?)?;
    let links = object.attach()?;

    eprintln!("execsnoop: attached; Ctrl-C ends");

    let clock = Clock::now();
    let left = options.count.unwrap_or(u64::MAX);
    let mut output = Output { json: options.json, shown: 0, left, clock, failed: None };
    output.heading()?;
    // A time that no clock can show does not come.
    let end = options.duration.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds)));
    while output.left > 0 && output.failed.is_none() && !interrupted.load(Ordering::Relaxed) {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            break;
        }
        ring.poll(left.map_or(TICK, |left| left.min(TICK)), |record| output.record(record))?;
        io::stdout().flush().or_else(|error| output.note(error))?;
    }
    drop(links);

    let dropped = object.global("dropped_events")?.get::<u64>()?;
    let forgotten = object.global("dropped_processes")?.get::<u64>()?;
    let shown = output.shown;
    eprintln!("execsnoop: {shown} events shown, {dropped} dropped, the ends of {forgotten} processes missed");
    Ok(())
}

/// Where events go.
struct Output {
    json: bool,
    /// Events shown, and still to be shown.
    shown: u64,
    left: u64,
    clock: Clock,
    /// Why nothing more can be written: whoever read our output is gone.
    failed: Option<io::Error>,
}

impl Output {
    fn heading(&mut self) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let heading = format!(
            "{:<12} {:<4} {:>7} {:>7} {:>6} {:<16} {}",
            "TIME", "WHAT", "PID", "PPID", "UID", "COMM", "FILE AND ARGUMENTS, OR DURATION AND END"
        );
        let heading = if io::stdout().is_terminal() { format!("\x1b[1m{heading}\x1b[0m") } else { heading };
        writeln!(io::stdout(), "{heading}").and_then(|()| io::stdout().flush()).or_else(|error| self.note(error))
    }

    /// A broken pipe ends the run, quietly.
    fn note(&mut self, error: io::Error) -> io::Result<()> {
        if error.kind() != io::ErrorKind::BrokenPipe {
            return Err(error);
        }
        self.failed = Some(error);
        Ok(())
    }

    fn record(&mut self, record: &[u8]) {
        if self.left == 0 || self.failed.is_some() {
            return;
        }
        let Some(event) = Event::parse(record) else {
            eprintln!("execsnoop: a record of {} bytes makes no sense", record.len());
            return;
        };
        let line = match self.json {
            true => event.to_json(&self.clock).to_string(),
            false => event.to_line(&self.clock),
        };
        match writeln!(io::stdout(), "{line}") {
            Ok(()) => {
                self.shown += 1;
                self.left -= 1;
            }
            Err(error) => self.failed = Some(error),
        }
    }
}
