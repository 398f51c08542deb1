//! Where BPF programs go: the table of ELF section names, the targets parsed from them, the mechanisms that attach a
//! program to its target, and the links that hold it there.
//!
//! # What it does
//!
//! - [`section`]: from a section's name (`SEC("fentry/do_exit")`) to program type, expected attach type, flags and target.
//!   All 116 names of libbpf 1.8, every grammar, parsed strictly. Pure: no file is read, no kernel is asked.
//! - [`attach_kprobe`], [`attach_uprobe`], [`attach_tracepoint`], [`attach_raw_tracepoint`], [`attach_tracing`],
//!   [`attach_freplace`], [`attach_xdp`], [`attach_tcx`], [`attach_cgroup`], [`attach_socket_filter`], [`attach_perf_event`]: each takes a
//!   program's descriptor, a target and typed options, and gives a [`Link`]. [`auto_attach`] does what a section's name
//!   says. [`attach_struct_ops`] puts a map's table of operations in use.
//! - [`Link`]: holds the attachment, and detaches when it is dropped; pins, inspects and updates links of the kernel.
//! - [`symbols`]: functions of the kernel and of ELF files by name, and what a misspelt name may have meant.
//!
//! # What it does not do
//!
//! It loads no programs and knows nothing of objects: a program is a `BorrowedFd`, so those of any loader will do. It does
//! not attach by patterns (kprobe.multi, uprobe.multi, tracing.multi), to USDT probes, to system calls by name or to
//! iterators yet, although their sections parse; nor does it find functions of libraries inside archives.
//!
//! # Example
//!
//! ```no_run
//! use purebpf_attach::{KprobeOptions, attach_kprobe};
//! # fn f(prog: std::os::fd::BorrowedFd<'_>) -> Result<(), purebpf_attach::Error> {
//! let link = attach_kprobe(prog, "vfs_read", &KprobeOptions::default().retprobe(true))?;
//! println!("{:?}", link.info()?);
//! drop(link); // detached
//! # Ok(()) }
//! ```
//!
//! # Safety
//!
//! `unsafe` is denied everywhere but in three functions, each of one call: `guarded_fd` moves a descriptor out of a value
//! that has a destructor, [`net::ifindex`] calls if_nametoindex and `socket` setsockopt, which the standard library lacks.

#![deny(unsafe_code)]

pub mod error;
pub mod section;
pub mod symbols;

pub use error::{Error, Mechanism, Result};

/// Everything that talks to a kernel.
macro_rules! linux_modules {
    ($($(#[$attr:meta])* $vis:vis mod $name:ident;)*) => {$(
        #[cfg(any(target_os = "linux", target_os = "android"))]
        $(#[$attr])*
        $vis mod $name;
    )*};
}

linux_modules! {
    mod advice;
    mod auto_attach;
    mod cgroup;
    mod guarded_fd;
    mod kprobe;
    mod legacy_probe;
    mod link;
    pub mod net;
    mod perf_event;
    mod placement;
    mod probe;
    mod socket;
    mod struct_ops;
    pub mod tracefs;
    mod tracepoint;
    mod tracing;
    pub mod uprobe;
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub use self::{
    auto_attach::auto_attach,
    cgroup::{CgroupOptions, attach_cgroup},
    kprobe::{KprobeOptions, attach_kprobe},
    link::Link,
    net::{TcxOptions, XdpMode, XdpOptions, attach_tcx, attach_xdp},
    perf_event::{PerfEventOptions, attach_perf_event},
    placement::Placement,
    probe::ProbeAttachMode,
    socket::attach_socket_filter,
    struct_ops::attach_struct_ops,
    tracepoint::{RawTracepointOptions, TracepointOptions, attach_raw_tracepoint, attach_tracepoint},
    tracing::{TracingOptions, attach_freplace, attach_tracing},
    uprobe::{UprobeOptions, UprobeProcess, attach_uprobe},
};
