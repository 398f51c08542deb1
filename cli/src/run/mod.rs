//! `purebpf run`: an object's programs at work, without a loader written for them.
//!
//! Opened, globals set, loaded, attached to what sections and options say; then records are decoded and printed as they come, and what
//! programs count is told from time to time and at the end. Each of these is a module.

mod buffers;
mod events;
mod globals;
mod histogram;
mod iterators;
mod line;
mod records;
mod report;
mod sink;
mod sizes;
mod targets;
mod trace;

use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use purebpf::{Link, Object, OpenObject, elf_loader, kernel};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use crate::arguments::{Format, RunArguments};
use crate::output::Style;
use crate::{Result, logger, output};
use buffers::Buffers;
use events::EventTypes;
use iterators::IterProgram;
use line::LineStyle;
use records::Records;
use report::Report;
use sink::{Sink, note};
use targets::{Outcome, Targets};
use trace::TracePipe;

pub(crate) use events::EventType;
pub(crate) use globals::Setting;
pub(crate) use sizes::MapSize;
pub(crate) use targets::AttachTo;

pub(crate) fn run(arguments: &RunArguments, format: Format) -> Result {
    logger::start(arguments.verbose);
    // From here on a signal ends the run in good order, however early it comes.
    let signals = signals()?;
    let targets = targets(arguments)?;
    let mut open = Object::open(&arguments.file)?;
    choose(&mut open, arguments)?;
    for setting in &arguments.set {
        setting.apply(&mut open)?;
    }
    sizes::apply(&mut open, &arguments.map_size)?;
    if let Some(path) = &arguments.kconfig {
        open.set_kconfig(fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?);
    }
    let besides = match &arguments.types {
        Some(path) => Some(kernel::btf_file(path)?),
        None => None,
    };
    let object = load(&mut open, arguments.keep_going)?;
    let style = LineStyle { human_time: arguments.human_time, ..LineStyle::default() };
    let mut buffers = Buffers::of(&object, arguments.perf_pages)?;
    let has_buffers = buffers.count() > 0;
    let kernels_types = || has_buffers.then(kernel::running_kernel_btf)?.ok().map(|kernel| kernel.vmlinux().clone());
    let besides = besides.as_ref().map(purebpf::btf::KernelBtf::vmlinux);
    let types = EventTypes::new(object.description(), besides, &arguments.event_type, kernels_types)?;
    let mut report = Report::new(&object, &arguments.map, arguments.show_entries, style)?;
    let mut trace = if arguments.trace { Some(TracePipe::open()?) } else { None };
    let mut sink = Sink::new(format != Format::Text);
    let mut records = Records::new(types, style, buffers.count() > 1, arguments.count);

    let (links, iterators) = attach(&object, &targets, arguments.keep_going)?;
    eprintln!("{}: {}; Ctrl-C ends", Style::stderr().bold("running"), attached(links.len(), iterators.len()));
    // Iterators wait for nothing: they are asked once, unless it is said how often.
    let once = links.is_empty() && arguments.duration.is_none() && arguments.interval.is_none();

    let end = arguments.duration.and_then(|duration| Instant::now().checked_add(duration));
    let mut next_report = arguments.interval.and_then(|interval| Instant::now().checked_add(interval));
    while !once && !records.is_done() {
        let now = Instant::now();
        if end.is_some_and(|end| end <= now) {
            break;
        }
        if next_report.is_some_and(|at| at <= now) {
            iterators::tell(&iterators, &mut sink)?;
            if let Some(report) = &mut report {
                report.tell(&mut sink)?;
            }
            next_report = arguments.interval.and_then(|interval| Instant::now().checked_add(interval));
        }
        let wake = end.into_iter().chain(next_report).min();
        let mut sources = vec![signals.as_fd()];
        sources.extend(buffers.sources());
        sources.extend(trace.as_ref().map(AsFd::as_fd));
        if wait(&sources, wake)? {
            break;
        }
        buffers.read(&mut records, &mut sink)?;
        if let Some(trace) = &mut trace {
            trace.read(|line| tell_traced(line, &mut sink))?;
        }
        sink.flush()?;
    }
    // What programs have sent and counted until here is told; they go on no longer.
    drop(links);
    buffers.read(&mut records, &mut sink)?;
    iterators::tell(&iterators, &mut sink)?;
    if let Some(report) = report.as_mut().filter(|_| !arguments.no_report) {
        report.tell(&mut sink)?;
    }
    sink.flush()
}

fn attached(links: usize, iterators: usize) -> String {
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match (links, iterators) {
        (links, 0) => count(links, "link"),
        (0, iterators) => count(iterators, "iterator"),
        (links, iterators) => format!("{}, {}", count(links, "link"), count(iterators, "iterator")),
    }
}

fn tell_traced(line: &str, sink: &mut Sink) -> Result {
    sink.json(&format!("{{\"trace\":{}}}", report::quoted(line)))?;
    sink.text(&format!("trace: {}", output::printable(line.trim_start())))
}

/// A descriptor that becomes readable when somebody wants the run to end.
fn signals() -> Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
    }
    Ok(read)
}

/// Waits until there is something to read, or `until`. Says whether it is a signal.
fn wait(sources: &[BorrowedFd<'_>], until: Option<Instant>) -> Result<bool> {
    let mut polled: Vec<_> = sources.iter().map(|source| PollFd::from_borrowed_fd(*source, PollFlags::IN)).collect();
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    let timeout = left.and_then(|left| Timespec::try_from(left).ok());
    match poll(&mut polled, timeout.as_ref()) {
        Ok(_) => Ok(polled.first().is_some_and(|signal| signal.revents().contains(PollFlags::IN))),
        // The signal's own byte is in the pipe.
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(format!("poll: {error}").into()),
    }
}

fn targets(arguments: &RunArguments) -> Result<Targets> {
    let interface = match &arguments.interface {
        Some(name) => Some((name.clone(), interface(name)?)),
        None => None,
    };
    let cgroup = match &arguments.cgroup {
        Some(path) => {
            let folder = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Some((path.clone(), folder))
        }
        None => None,
    };
    let attach = arguments.attach.clone();
    Ok(Targets { interface, cgroup, pid: arguments.pid, frequency: arguments.frequency, attach })
}

/// An interface's number, by its name or the number itself.
fn interface(name: &str) -> Result<u32> {
    match (purebpf::attach::net::ifindex(name), name.parse()) {
        (Ok(ifindex), _) | (Err(_), Ok(ifindex)) => Ok(ifindex),
        (Err(error), Err(_)) => Err(format!("--interface: {error}").into()),
    }
}

/// Leaves on the programs that are asked for.
fn choose(open: &mut OpenObject, arguments: &RunArguments) -> Result {
    if !arguments.program.is_empty() {
        for id in open.program_ids() {
            open.program_mut(id)?.set_autoload(false);
        }
    }
    for to in &arguments.attach {
        // Complains when there is no such program.
        open.program_mut(to.program.as_str())?;
    }
    for (names, on) in [(&arguments.program, true), (&arguments.no_autoload, false)] {
        for name in names {
            open.program_mut(name.as_str())?.set_autoload(on);
        }
    }
    Ok(())
}

/// Loads the object; with `keep_going`, without the programs that cannot be.
fn load(open: &mut OpenObject, keep_going: bool) -> Result<Object> {
    loop {
        let error = match open.load() {
            Ok(object) => return Ok(object),
            Err(error) => error,
        };
        let Some(program) = culprit(&error).filter(|_| keep_going).map(str::to_owned) else { return Err(error.into()) };
        let mut turned_off = open.program_mut(program.as_str())?;
        if !turned_off.autoload() {
            return Err(error.into());
        }
        turned_off.set_autoload(false);
        let first = error.to_string();
        note(&format!("program '{program}' is left out: {}", first.lines().next().unwrap_or_default()));
    }
}

/// The program for which an object could not be loaded.
fn culprit(error: &purebpf::Error) -> Option<&str> {
    use elf_loader::Error::{AttachTarget, BadReference, Rejected};
    let purebpf::Error::Object { cause, .. } = error else { return None };
    match &**cause {
        Rejected { program, .. } | AttachTarget { program, .. } | BadReference { program, .. } => Some(program),
        _ => None,
    }
}

/// Attaches what can be. What nothing says a place for is named; if that is all, there is nothing to run.
fn attach(object: &Object, targets: &Targets, keep_going: bool) -> Result<(Vec<Link>, Vec<IterProgram>)> {
    let (mut links, mut iterators) = (Vec::new(), Vec::new());
    let (mut failed, mut nowhere) = (0, Vec::new());
    for program in object.programs() {
        let described = program.program_id().and_then(|id| object.description().programs.get(id.0));
        if described.is_some_and(|described| !described.autoattach) {
            continue;
        }
        match targets.attach(program, described.and_then(|described| described.expected_attach_type)) {
            Ok(Outcome::Attached(more, to)) => {
                log::info!("program '{}': attached to {to}", program.name());
                links.extend(more);
            }
            Ok(Outcome::Iterator(iterator)) => iterators.push(iterator),
            Ok(Outcome::Nowhere(what)) => nowhere.push((program, what)),
            Err(error) if keep_going => {
                note(&format!("{error}"));
                failed += 1;
            }
            Err(error) => return Err(error),
        }
    }
    for (program, what) in &nowhere {
        note(&format!("program '{}' (section '{}') is not attached: {what}", program.name(), program.section()));
    }
    if links.is_empty() && iterators.is_empty() {
        let some = failed > 0 || !nowhere.is_empty();
        return Err(if some { "no program could be attached" } else { "there is no program to attach" }.into());
    }
    Ok((links, iterators))
}

/// Seconds between two things.
pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    seconds(text)
        .and_then(|seconds| if seconds.is_zero() { Err("expected more than 0".to_owned()) } else { Ok(seconds) })
}

/// Seconds, with a fraction if it must be.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "expected seconds, not less than 0".to_owned())
}

/// What the decoders make of an object's variables as they are in its file, for tests with damaged objects.
#[cfg(test)]
pub(crate) fn describe_variables(object: &elf_loader::object::Object) -> String {
    use purebpf::btf::dump::value::Value;
    let Some(btf) = &object.btf else { return String::new() };
    let zeros = [0; 256];
    let mut text = String::new();
    for variable in &object.variables {
        let initial = object.maps.get(variable.map.0).and_then(|map| map.initial_value.as_deref());
        let bytes = initial.and_then(|bytes| bytes.get(variable.offset as usize..)).unwrap_or(&zeros);
        let Ok(value) = Value::new(btf, variable.type_id, bytes) else { continue };
        text.push_str(&line::line(&value, LineStyle { human_time: true, without_histograms: true }));
        for (path, slots) in histogram::within(&variable.name, &value) {
            text.push_str(&path);
            text.push_str(&histogram::draw(&slots, "value"));
        }
    }
    text
}
