//! Kernel functions: kprobes at their entry (or some bytes into them), kretprobes at their return.

use crate::{
    advice::{advice, not_traceable, tracefs_advice},
    error::{Error, Mechanism, Result},
    legacy_probe::{LegacyKind, LegacyProbe},
    link::Link,
    perf_event::attach_event,
    probe::{Pmu, ProbeAttachMode, attach_legacy, event_options, is_legacy},
    symbols::kernel::{Known, look_up},
};
use purebpf_sys::perf_event::PerfEvent;
use std::{ffi::CString, os::fd::BorrowedFd};

/// How a program is attached to a kernel function.
///
/// ```
/// use purebpf_attach::KprobeOptions;
/// let at_return = KprobeOptions::default().retprobe(true).cookie(7);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[doc(alias = "bpf_kprobe_opts")]
pub struct KprobeOptions {
    /// Bytes from the function's entry; 0 for return probes.
    pub offset: u64,
    /// At the function's return instead of its entry.
    pub retprobe: bool,
    /// What `bpf_get_attach_cookie` gives the program (from 5.15).
    pub cookie: u64,
    /// By which interface.
    pub attach_mode: ProbeAttachMode,
}

impl KprobeOptions {
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

/// Attaches `prog` (of type KPROBE) to the kernel function `function`, which may be spelt `MODULE:FUNCTION`.
///
/// # Errors
///
/// [`Error::NoFunction`] with the nearest names; [`Error::Unsupported`] on kernels without kprobes, or without what
/// `options` ask for; [`Error::Attach`].
#[doc(alias = "bpf_program__attach_kprobe")]
#[doc(alias = "bpf_program__attach_kprobe_opts")]
pub fn attach_kprobe(prog: BorrowedFd<'_>, function: &str, options: &KprobeOptions) -> Result<Link> {
    let target = match options.offset {
        0 => function.to_owned(),
        offset => format!("{function}+{offset:#x}"),
    };
    let wrong = |reason| Error::Options { mechanism: Mechanism::Kprobe, target: target.clone(), reason };
    if options.retprobe && options.offset != 0 {
        return Err(wrong("a return probe takes no offset"));
    }
    let name = CString::new(function).map_err(|_| wrong("a function's name has no zero byte"))?;
    if function.is_empty() {
        return Err(wrong("the function has no name"));
    }
    let pmu = Pmu::Kprobe.perf_type()?;
    let legacy = is_legacy(Mechanism::Kprobe, &target, options.attach_mode, pmu.is_some())?;
    let event_options = event_options(options.attach_mode, options.cookie);
    match pmu.filter(|_| !legacy) {
        Some(kind) => {
            let config = Pmu::Kprobe.retprobe_config(options.retprobe)?;
            let event = PerfEvent::kprobe(kind, config, &name, options.offset)
                .pid(-1)
                .cpu(0)
                .open()
                .map_err(|cause| {
                    let other = advice(Mechanism::Kprobe, &cause);
                    explain(function, &target, cause.errno(), other, |advice| attach_error(&target, advice, cause))
                })?;
            attach_event(Mechanism::Kprobe, &target, prog, event, &event_options)
        }
        None => {
            let probe = LegacyProbe::add(LegacyKind::Kprobe, options.retprobe, &target).map_err(|error| {
                let errno = error.errno();
                match error {
                    Error::File { path, cause, .. } => {
                        let other = tracefs_advice(errno);
                        explain(function, &target, errno, other, |advice| Error::File { path, advice, cause })
                    }
                    error => error,
                }
            })?;
            attach_legacy(Mechanism::Kprobe, &target, prog, probe, (-1, 0), &event_options)
        }
    }
}

fn attach_error(target: &str, advice: String, cause: purebpf_sys::Error) -> Error {
    Error::Attach { mechanism: Mechanism::Kprobe, target: target.into(), advice, cause }
}

/// What an errno means of a function: the kernel answers ENOENT or EINVAL to a name that is none, EADDRNOTAVAIL (from 6.6)
/// to one that is several functions', and EINVAL to those that may not be probed.
///
/// `other` is what is known of errnos that do not concern the function.
fn explain(function: &str, target: &str, errno: i32, other: String, error: impl FnOnce(String) -> Error) -> Error {
    let bare = function.rsplit(':').next().unwrap_or(function);
    match errno {
        libc::ENOENT | libc::EINVAL | libc::EADDRNOTAVAIL => match look_up(function) {
            Known::Nowhere(nearest) => Error::NoFunction { function: function.into(), nearest },
            Known::Times(count) if count > 1 => {
                error(format!("{count} functions are called {bare}, and a kprobe needs one"))
            }
            _ => match (not_traceable(bare), errno) {
                (Some(why), _) => error(why),
                (None, libc::EINVAL) => error(format!(
                    "{target} may not be probed: see blacklist in /sys/kernel/debug/kprobes, and whether an instruction begins \
                     there"
                )),
                (None, _) => error(String::new()),
            },
        },
        libc::EILSEQ => error("no instruction begins there".into()),
        _ => error(other),
    }
}
