//! What kprobes and uprobes have in common: the PMUs that make them perf events, and the choice between these and tracefs.

use crate::{
    advice::refused,
    error::{Error, Mechanism, Result},
    legacy_probe::LegacyProbe,
    link::Link,
    perf_event::{PerfEventOptions, attach_event, has_perf_link},
};
use purebpf_sys::perf_event::{PerfEvent, PerfType};
use std::{
    fs, io,
    os::fd::{BorrowedFd, OwnedFd},
};

/// By which of the kernel's interfaces a kprobe or uprobe is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[doc(alias = "probe_attach_mode")]
pub enum ProbeAttachMode {
    /// The newest that this kernel has.
    #[default]
    #[doc(alias = "PROBE_ATTACH_MODE_DEFAULT")]
    Default,
    /// A line in tracefs's `kprobe_events` or `uprobe_events`, which outlives a killed process.
    #[doc(alias = "PROBE_ATTACH_MODE_LEGACY")]
    Legacy,
    /// A perf event that is given the program by ioctl (from 4.17).
    #[doc(alias = "PROBE_ATTACH_MODE_PERF")]
    Perf,
    /// A perf event with a link (from 5.15).
    #[doc(alias = "PROBE_ATTACH_MODE_LINK")]
    Link,
}

/// A PMU of `/sys/bus/event_source/devices`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pmu {
    Kprobe,
    Uprobe,
}

impl Pmu {
    fn name(self) -> &'static str {
        match self {
            Pmu::Kprobe => "kprobe",
            Pmu::Uprobe => "uprobe",
        }
    }

    /// The type that perf_event_open takes; `None` on kernels without this PMU.
    pub(crate) fn perf_type(self) -> Result<Option<PerfType>> {
        let path = format!("/sys/bus/event_source/devices/{}/type", self.name());
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(number) => Ok(Some(PerfType(number))),
                Err(_) => Err(unreadable(&path)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(path, error)),
        }
    }

    /// The bit of `config` that makes it a return probe.
    pub(crate) fn retprobe_config(self, retprobe: bool) -> Result<u64> {
        if !retprobe {
            return Ok(0);
        }
        let path = format!("/sys/bus/event_source/devices/{}/format/retprobe", self.name());
        let text = fs::read_to_string(&path).map_err(|source| Error::file(&path, source))?;
        config_bit(&text).ok_or_else(|| unreadable(&path))
    }
}

/// `config:0` as the bit it names.
fn config_bit(format: &str) -> Option<u64> {
    let bit: u32 = format.trim().strip_prefix("config:")?.parse().ok()?;
    1u64.checked_shl(bit)
}

fn unreadable(path: &str) -> Error {
    Error::file(path, io::Error::new(io::ErrorKind::InvalidData, "not what the kernel writes there"))
}

/// Which interface a mode comes to, given whether the PMU is there: `Ok(true)` for tracefs.
pub(crate) fn is_legacy(mechanism: Mechanism, target: &str, mode: ProbeAttachMode, pmu: bool) -> Result<bool> {
    let unsupported = |what: String| Err(Error::Unsupported { mechanism, target: target.into(), what });
    match mode {
        ProbeAttachMode::Legacy => Ok(true),
        ProbeAttachMode::Default => Ok(!pmu),
        ProbeAttachMode::Perf | ProbeAttachMode::Link if !pmu => {
            unsupported(format!("this kernel has no PMU of {mechanism}s (since Linux 4.17, where {mechanism}s are configured)"))
        }
        ProbeAttachMode::Link if !has_perf_link() => {
            unsupported("this kernel has no links to perf events (Linux 5.15)".into())
        }
        ProbeAttachMode::Perf | ProbeAttachMode::Link => Ok(false),
    }
}

/// What of a probe's options concerns its perf event.
pub(crate) fn event_options(mode: ProbeAttachMode, cookie: u64) -> PerfEventOptions {
    let by_ioctl = matches!(mode, ProbeAttachMode::Legacy | ProbeAttachMode::Perf);
    PerfEventOptions::default().cookie(cookie).force_ioctl(by_ioctl)
}

/// Opens the tracepoint that a tracefs probe became, and attaches to it. The probe goes with the link, or on failure.
pub(crate) fn attach_legacy(
    mechanism: Mechanism,
    target: &str,
    prog: BorrowedFd<'_>,
    probe: LegacyProbe,
    (pid, cpu): (i32, i32),
    options: &PerfEventOptions,
) -> Result<Link> {
    let event = open(mechanism, target, PerfEvent::new(PerfType::TRACEPOINT, probe.tracepoint_id()?).pid(pid).cpu(cpu))?;
    Ok(attach_event(mechanism, target, prog, event, options)?.with_legacy(Some(probe)))
}

fn open(mechanism: Mechanism, target: &str, event: PerfEvent<'_>) -> Result<OwnedFd> {
    event.open().map_err(|source| refused(mechanism, target, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_format_files() {
        assert_eq!(config_bit("config:0\n"), Some(1));
        assert_eq!(config_bit("config:3"), Some(8));
        assert_eq!(config_bit("config:64"), None);
        assert_eq!(config_bit("config:32-63"), None);
        assert_eq!(config_bit("config1:0"), None);
    }

    #[test]
    fn modes_need_what_they_name() {
        let legacy = |mode, pmu| is_legacy(Mechanism::Kprobe, "f", mode, pmu);
        assert!(legacy(ProbeAttachMode::Default, false).unwrap());
        assert!(!legacy(ProbeAttachMode::Default, true).unwrap());
        assert!(legacy(ProbeAttachMode::Legacy, true).unwrap());
        assert!(!legacy(ProbeAttachMode::Perf, true).unwrap());
        assert!(matches!(legacy(ProbeAttachMode::Perf, false), Err(Error::Unsupported { .. })));
        assert!(matches!(legacy(ProbeAttachMode::Link, false), Err(Error::Unsupported { .. })));
    }
}
