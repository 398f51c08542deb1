//! Functions of binaries: uprobes at their entry (or some bytes into them), uretprobes at their return.

mod path;

pub use path::resolve_binary;

use crate::{
    advice::advice,
    error::{Error, Mechanism, Result},
    legacy_probe::{LegacyKind, LegacyProbe},
    link::Link,
    perf_event::attach_event,
    probe::{Pmu, ProbeAttachMode, attach_legacy, event_options, is_legacy},
    symbols::elf::function_offset,
};
use purebpf_sys::perf_event::PerfEvent;
use std::{
    ffi::CString,
    os::{fd::BorrowedFd, unix::ffi::OsStrExt},
    path::Path,
};

/// The processes in which a uprobe fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UprobeProcess {
    /// All that map the file, now or later.
    #[default]
    All,
    /// The caller's own thread.
    Own,
    /// This one (a thread's id, in the caller's pid namespace).
    Pid(u32),
}

/// How a program is attached to a function of a binary.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[doc(alias = "bpf_uprobe_opts")]
pub struct UprobeOptions<'a> {
    /// The function, with `@VERSION` or `@@VERSION` behind it where the library has several of the name. `None`:
    /// [`offset`](Self::offset) counts from the start of the file.
    pub function: Option<&'a str>,
    /// Bytes from the function's entry, or from the start of the file.
    pub offset: u64,
    /// At the function's return instead of its entry.
    pub retprobe: bool,
    /// In which processes.
    pub process: UprobeProcess,
    /// Offset in the file of the counter that the kernel raises while the probe is there (a USDT semaphore); 0 for none.
    pub ref_ctr_offset: u32,
    /// What `bpf_get_attach_cookie` gives the program (from 5.15).
    pub cookie: u64,
    /// By which interface.
    pub attach_mode: ProbeAttachMode,
}

impl<'a> UprobeOptions<'a> {
    /// Sets [`function`](Self::function).
    pub fn function(mut self, function: &'a str) -> Self {
        self.function = Some(function);
        self
    }

    /// Sets [`offset`](Self::offset).
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Sets [`retprobe`](Self::retprobe).
    pub fn retprobe(mut self, retprobe: bool) -> Self {
        self.retprobe = retprobe;
        self
    }

    /// Sets [`process`](Self::process).
    pub fn process(mut self, process: UprobeProcess) -> Self {
        self.process = process;
        self
    }

    /// Sets [`ref_ctr_offset`](Self::ref_ctr_offset).
    pub fn ref_ctr_offset(mut self, offset: u32) -> Self {
        self.ref_ctr_offset = offset;
        self
    }

    /// Sets [`cookie`](Self::cookie).
    pub fn cookie(mut self, cookie: u64) -> Self {
        self.cookie = cookie;
        self
    }

    /// Sets [`attach_mode`](Self::attach_mode).
    pub fn attach_mode(mut self, mode: ProbeAttachMode) -> Self {
        self.attach_mode = mode;
        self
    }
}

/// `config` of the uprobe PMU holds the reference counter's offset above this bit (`PERF_UPROBE_REF_CTR_OFFSET_SHIFT`).
const REF_CTR_OFFSET_SHIFT: u32 = 32;

/// Attaches `prog` (of type KPROBE) to a function of the file `binary`: a path, or the bare name of a library or program,
/// which is looked for as [`resolve_binary`] does. A path may lead through `/proc/PID/root` into another mount namespace.
///
/// # Errors
///
/// [`Error::NoBinary`], [`Error::NoSymbol`] with the nearest names, [`Error::AmbiguousSymbol`], [`Error::Elf`],
/// [`Error::Unsupported`], [`Error::Attach`].
#[doc(alias = "bpf_program__attach_uprobe")]
#[doc(alias = "bpf_program__attach_uprobe_opts")]
pub fn attach_uprobe(prog: BorrowedFd<'_>, binary: impl AsRef<Path>, options: &UprobeOptions<'_>) -> Result<Link> {
    let path = resolve_binary(binary.as_ref())?;
    let target = describe(&path, options);
    let wrong = |reason| Error::Options { mechanism: Mechanism::Uprobe, target: target.clone(), reason };
    if options.retprobe && options.offset != 0 && options.function.is_some() {
        return Err(wrong("a return probe takes no offset from its function"));
    }
    let start = match options.function {
        Some(function) => {
            let (name, version) = split_version(function);
            function_offset(&path, name, version)?
        }
        None => 0,
    };
    let offset = start
        .checked_add(options.offset)
        .filter(|offset| i64::try_from(*offset).is_ok())
        .ok_or_else(|| wrong("the offset lies beyond any file"))?;
    let (pid, cpu) = match options.process {
        UprobeProcess::All => (-1, 0),
        UprobeProcess::Own => (0, -1),
        UprobeProcess::Pid(pid) => (i32::try_from(pid).map_err(|_| wrong("no process has this id"))?, -1),
    };
    let pmu = Pmu::Uprobe.perf_type()?;
    let legacy = is_legacy(Mechanism::Uprobe, &target, options.attach_mode, pmu.is_some())?;
    let event_options = event_options(options.attach_mode, options.cookie);
    match pmu.filter(|_| !legacy) {
        Some(kind) => {
            let config = Pmu::Uprobe.retprobe_config(options.retprobe)?
                | u64::from(options.ref_ctr_offset) << REF_CTR_OFFSET_SHIFT;
            let c_path = CString::new(path.as_os_str().as_bytes()).map_err(|_| wrong("a path has no zero byte"))?;
            let event = PerfEvent::uprobe(kind, config, &c_path, offset).pid(pid).cpu(cpu).open().map_err(|cause| {
                Error::Attach {
                    mechanism: Mechanism::Uprobe,
                    target: target.clone(),
                    advice: match cause.errno() {
                        libc::ESRCH => "there is no such process".into(),
                        libc::EINVAL if !path.is_file() => "only regular files can be probed".into(),
                        libc::EINVAL if options.ref_ctr_offset != 0 => {
                            "another probe there has another reference counter, or the kernel has none (Linux 4.20)".into()
                        }
                        _ => advice(Mechanism::Uprobe, &cause),
                    },
                    cause,
                }
            })?;
            attach_event(Mechanism::Uprobe, &target, prog, event, &event_options)
        }
        None => {
            if options.ref_ctr_offset != 0 {
                return Err(wrong("a probe made through tracefs takes no reference counter"));
            }
            // The kernel opens what begins with `/`, and nothing else (`__trace_uprobe_create`).
            let path = std::path::absolute(&path).map_err(|cause| Error::file(&path, cause))?;
            let place = path.to_str().ok_or_else(|| wrong("tracefs takes no path that is not UTF-8"))?;
            let probe = LegacyProbe::add(LegacyKind::Uprobe, options.retprobe, &format!("{place}:{offset:#x}"))?;
            attach_legacy(Mechanism::Uprobe, &target, prog, probe, (pid, cpu), &event_options)
        }
    }
}

/// `NAME`, `NAME@VERSION` or `NAME@@VERSION`.
fn split_version(function: &str) -> (&str, Option<&str>) {
    match function.split_once('@') {
        Some((name, version)) => (name, Some(version.strip_prefix('@').unwrap_or(version))),
        None => (function, None),
    }
}

/// As a section would spell it.
fn describe(path: &Path, options: &UprobeOptions<'_>) -> String {
    let path = path.display();
    match (options.function, options.offset) {
        (Some(function), 0) => format!("{path}:{function}"),
        (Some(function), offset) => format!("{path}:{function}+{offset:#x}"),
        (None, offset) => format!("{path}:{offset:#x}"),
    }
}
