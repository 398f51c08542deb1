//! Programs on perf events: what tracepoints, kprobes and uprobes come to, and events that the caller opens.

use crate::{
    advice::{event_advice, refused},
    error::{Error, Mechanism, Result},
    link::Link,
};
use purebpf_sys::{
    kernel_version,
    link::{LinkCreate, LinkTarget},
    perf_event,
    probes::{self, Feature},
    system::version,
    uapi::AttachType,
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How a program is attached to a perf event.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[doc(alias = "bpf_perf_event_opts")]
pub struct PerfEventOptions {
    /// What `bpf_get_attach_cookie` gives the program; needs a link, so Linux 5.15.
    pub cookie: u64,
    /// Attach by ioctl even where the kernel has links to perf events.
    pub force_ioctl: bool,
    /// Leave the event as it is; the caller enables it.
    pub dont_enable: bool,
}

impl PerfEventOptions {
    /// Sets [`cookie`](Self::cookie).
    pub fn cookie(mut self, cookie: u64) -> Self {
        self.cookie = cookie;
        self
    }

    /// Sets [`force_ioctl`](Self::force_ioctl).
    pub fn force_ioctl(mut self, force: bool) -> Self {
        self.force_ioctl = force;
        self
    }

    /// Sets [`dont_enable`](Self::dont_enable).
    pub fn dont_enable(mut self, dont: bool) -> Self {
        self.dont_enable = dont;
        self
    }
}

/// Has `prog` run at each sample of `event` (see [`purebpf_sys::perf_event::PerfEvent`]), and enables the event.
///
/// A link of the kernel keeps the event by itself, and the descriptor is closed; otherwise the [`Link`] keeps it.
///
/// # Errors
///
/// [`Error::Unsupported`] for a cookie without links; [`Error::Attach`].
#[doc(alias = "bpf_program__attach_perf_event")]
#[doc(alias = "bpf_program__attach_perf_event_opts")]
pub fn attach_perf_event(prog: BorrowedFd<'_>, event: OwnedFd, options: &PerfEventOptions) -> Result<Link> {
    attach_event(Mechanism::PerfEvent, "event", prog, event, options)
}

/// Whether this kernel has links to perf events (5.15).
pub(crate) fn has_perf_link() -> bool {
    // Where the probe may not try, the version is the best guess.
    probes::has(Feature::PerfLink).unwrap_or_else(|_| kernel_version() >= version(5, 15, 0))
}

pub(crate) fn attach_event(
    mechanism: Mechanism,
    target: &str,
    prog: BorrowedFd<'_>,
    event: OwnedFd,
    options: &PerfEventOptions,
) -> Result<Link> {
    let failed = |cause| refused(mechanism, target, cause);
    let refused_program = |cause: purebpf_sys::Error| Error::Attach {
        mechanism,
        target: target.into(),
        advice: event_advice(mechanism, &cause),
        cause,
    };
    let link = if options.force_ioctl || !has_perf_link() {
        if options.cookie != 0 {
            return Err(Error::Unsupported {
                mechanism,
                target: target.into(),
                what: "a cookie needs a link to a perf event, which kernels have since 5.15".into(),
            });
        }
        perf_event::set_bpf(event.as_fd(), prog).map_err(refused_program)?;
        enable(event.as_fd(), options).map_err(failed)?;
        Link::perf_event(event)
    } else {
        let link = LinkCreate::new(prog, LinkTarget::Fd(event.as_fd()), AttachType::PERF_EVENT)
            .bpf_cookie(options.cookie)
            .create()
            .map_err(refused_program)?;
        enable(event.as_fd(), options).map_err(failed)?;
        Link::kernel(link)
    };
    Ok(link)
}

fn enable(event: BorrowedFd<'_>, options: &PerfEventOptions) -> purebpf_sys::Result<()> {
    if options.dont_enable { Ok(()) } else { perf_event::enable(event) }
}
