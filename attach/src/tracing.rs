//! Programs whose target was chosen when they were loaded: fentry, fexit, fmod_ret, fsession, tp_btf, lsm, freplace.

use crate::{
    advice::{advice, refused},
    error::{Error, Mechanism, Result},
    link::Link,
};
use purebpf_btf::TypeId;
use purebpf_sys::{
    link::{LinkCreate, LinkTarget, raw_tracepoint_open},
    uapi::AttachType,
};
use std::os::fd::BorrowedFd;

/// How a tracing program is attached.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[doc(alias = "bpf_trace_opts")]
pub struct TracingOptions {
    /// What `bpf_get_attach_cookie` gives the program (from 5.19; tp_btf from 6.10).
    pub cookie: u64,
}

impl TracingOptions {
    /// Sets [`cookie`](Self::cookie).
    pub fn cookie(mut self, cookie: u64) -> Self {
        self.cookie = cookie;
        self
    }
}

/// Attaches `prog` to what it was loaded for. `attach_type` is the one it was loaded with: `TRACE_FENTRY`, `TRACE_FEXIT`,
/// `MODIFY_RETURN`, `TRACE_FSESSION`, `TRACE_RAW_TP`, `LSM_MAC`; 0 for freplace.
///
/// Kernels before 5.19 attach most of these only by BPF_RAW_TRACEPOINT_OPEN, which is tried when BPF_LINK_CREATE does not
/// know the attach type.
///
/// # Errors
///
/// [`Error::Attach`].
#[doc(alias = "bpf_program__attach_trace")]
#[doc(alias = "bpf_program__attach_trace_opts")]
#[doc(alias = "bpf_program__attach_lsm")]
pub fn attach_tracing(prog: BorrowedFd<'_>, attach_type: AttachType, options: &TracingOptions) -> Result<Link> {
    let create = LinkCreate::new(prog, LinkTarget::None, attach_type);
    let create = if options.cookie == 0 { create } else { create.tracing(0, options.cookie) };
    let created = match create.create() {
        Err(error) if error.errno() == libc::EINVAL && options.cookie == 0 => raw_tracepoint_open(None, prog, 0),
        result => result,
    };
    let mechanism =
        if matches!(attach_type, AttachType::LSM_MAC) { Mechanism::Lsm } else { Mechanism::Tracing };
    created.map(Link::kernel).map_err(|cause| Error::Attach {
        mechanism,
        target: attach_type.to_string(),
        advice: match cause.errno() {
            libc::EINVAL | libc::E2BIG if options.cookie != 0 => {
                "tracing programs take a cookie since Linux 5.19, tp_btf since 6.10".into()
            }
            _ => advice(mechanism, &cause),
        },
        cause,
    })
}

/// Attaches the extension `prog` (of type EXT) to the function `function` of the program `target`, which may be another than the
/// one it was loaded for (from 5.10) if the functions have the same prototype. For the one it was loaded for,
/// [`attach_tracing`] is enough.
///
/// `function` comes from [`BtfTarget::find_in_program`](crate::section::BtfTarget::find_in_program).
///
/// # Errors
///
/// [`Error::Attach`]: EINVAL for a function that does not fit, EBUSY for one that is replaced already.
#[doc(alias = "bpf_program__attach_freplace")]
pub fn attach_freplace(prog: BorrowedFd<'_>, target: BorrowedFd<'_>, function: TypeId) -> Result<Link> {
    LinkCreate::new(prog, LinkTarget::Fd(target), AttachType(0))
        .target_btf_id(function.0)
        .create()
        .map(Link::kernel)
        .map_err(|cause| refused(Mechanism::Tracing, format!("function {} of a program", function.0), cause))
}
