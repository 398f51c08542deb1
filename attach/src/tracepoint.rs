//! Tracepoints, in both forms: by tracefs's numbers, with the fields that tracefs describes, and raw, by name alone, with
//! the arguments as the kernel passes them.

use crate::{
    advice::refused,
    error::{Error, Mechanism, Result},
    link::Link,
    perf_event::{PerfEventOptions, attach_event},
    tracefs,
};
use purebpf_sys::{
    link::raw_tracepoint_open,
    perf_event::{PerfEvent, PerfType},
};
use std::{ffi::CString, os::fd::BorrowedFd};

/// How a program is attached to a tracepoint.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[doc(alias = "bpf_tracepoint_opts")]
pub struct TracepointOptions {
    /// What `bpf_get_attach_cookie` gives the program (from 5.15).
    pub cookie: u64,
}

impl TracepointOptions {
    /// Sets [`cookie`](Self::cookie).
    pub fn cookie(mut self, cookie: u64) -> Self {
        self.cookie = cookie;
        self
    }
}

/// Attaches `prog` (of type TRACEPOINT) to the tracepoint `CATEGORY/NAME` of tracefs.
///
/// # Errors
///
/// [`Error::NoTracepoint`] with the nearest names, [`Error::TracefsNotMounted`], [`Error::Attach`].
#[doc(alias = "bpf_program__attach_tracepoint")]
#[doc(alias = "bpf_program__attach_tracepoint_opts")]
pub fn attach_tracepoint(
    prog: BorrowedFd<'_>,
    category: &str,
    name: &str,
    options: &TracepointOptions,
) -> Result<Link> {
    let target = format!("{category}/{name}");
    let id = tracefs::tracepoint_id(category, name)?;
    let event = PerfEvent::new(PerfType::TRACEPOINT, id)
        .pid(-1)
        .cpu(0)
        .open()
        .map_err(|cause| refused(Mechanism::Tracepoint, &target, cause))?;
    let options = PerfEventOptions::default().cookie(options.cookie);
    attach_event(Mechanism::Tracepoint, &target, prog, event, &options)
}

/// How a program is attached to a raw tracepoint.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[doc(alias = "bpf_raw_tracepoint_opts")]
pub struct RawTracepointOptions {
    /// What `bpf_get_attach_cookie` gives the program (from 6.10).
    pub cookie: u64,
}

impl RawTracepointOptions {
    /// Sets [`cookie`](Self::cookie).
    pub fn cookie(mut self, cookie: u64) -> Self {
        self.cookie = cookie;
        self
    }
}

/// Attaches `prog` (of type RAW_TRACEPOINT or RAW_TRACEPOINT_WRITABLE) to the tracepoint `name`. Needs no tracefs.
///
/// # Errors
///
/// [`Error::NoTracepoint`] with the nearest names where tracefs tells them; [`Error::Attach`].
#[doc(alias = "bpf_program__attach_raw_tracepoint")]
#[doc(alias = "bpf_program__attach_raw_tracepoint_opts")]
pub fn attach_raw_tracepoint(prog: BorrowedFd<'_>, name: &str, options: &RawTracepointOptions) -> Result<Link> {
    let missing = |nearest| Error::NoTracepoint { tracepoint: name.into(), nearest };
    let c_name = CString::new(name).map_err(|_| missing(Vec::new()))?;
    let fd = raw_tracepoint_open(Some(&c_name), prog, options.cookie).map_err(|cause| match cause.errno() {
        libc::ENOENT => missing(tracefs::nearest_names(name)),
        libc::EINVAL | libc::E2BIG if options.cookie != 0 => Error::Attach {
            mechanism: Mechanism::RawTracepoint,
            target: name.into(),
            advice: "raw tracepoints take a cookie since Linux 6.10".into(),
            cause,
        },
        _ => refused(Mechanism::RawTracepoint, name, cause),
    })?;
    Ok(Link::kernel(fd))
}
