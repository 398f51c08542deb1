//! The kernel's side of BPF, in safe Rust: the words of `linux/bpf.h`, the instruction, one function or builder for each
//! command of bpf(2), perf events, file mappings, feature probes.
//!
//! # What it does
//!
//! - [`uapi`]: types, constants and structures of `linux/bpf.h`, generated from the header of Linux 7.2, with the names that
//!   libbpf and bpftool print. [`insn`]: the instruction. Both build on every operating system.
//! - [`map`], [`prog`], [`btf`], [`link`], [`pin`], [`id`], [`info`], [`token`]: the commands. File descriptors come in as
//!   `BorrowedFd` and go out as `OwnedFd`, close-on-exec and never below 3.
//! - [`perf_event`]: perf_event_open(2) and its ioctls.
//! - [`mapping`]: memory shared with the kernel (array maps, ring buffers), and the kernel's BTF files.
//! - [`probes`]: what the running kernel can do, by trying it: features, types, helpers, kernel functions; [`kernel_version`],
//!   [`possible_cpus`].
//! - [`Error`]: the command and the errno; [`Error::advice`] says what that errno means for that command, and which
//!   capability, sysctl or lockdown refuses.
//!
//! Every command's size rules are checked before the kernel sees a pointer: a safe look-up cannot make the kernel write
//! past the caller's slice, because [`map::Map`] knows how much it will write. What is not covered has one `unsafe`
//! escape hatch, [`syscall::bpf`].
//!
//! # What it does not do
//!
//! It reads no ELF files, relocates nothing, knows no section names, and keeps no state but the cache of probes. It raises
//! RLIMIT_MEMLOCK only where a kernel charges BPF memory to it (before 5.11), and only when a creation was refused for it.
//!
//! # Example
//!
//! ```no_run
//! use purebpf_sys::map::{Map, MapCreate};
//! use purebpf_sys::uapi::{ElemFlags, MapType};
//!
//! let fd = MapCreate::new(MapType::HASH, 4, 8, 1024).name("counters").create()?;
//! let map = Map::from_fd(fd)?;
//! map.update(&7u32.to_ne_bytes(), &1u64.to_ne_bytes(), ElemFlags::ANY)?;
//!
//! let mut value = [0; 8];
//! assert!(map.lookup(&7u32.to_ne_bytes(), &mut value, ElemFlags::empty())?);
//! assert_eq!(u64::from_ne_bytes(value), 1);
//! # Ok::<(), purebpf_sys::Error>(())
//! ```
//!
//! # Safety
//!
//! `unsafe` is denied everywhere but in `syscall` (the system call itself, and the view of UAPI structures as bytes),
//! `mapping` (mmap and volatile access), `perf_event` and `probes` where they call libc.

#![deny(unsafe_code)]

pub mod insn;
pub mod uapi;

/// Everything that talks to a kernel.
macro_rules! linux_modules {
    ($($(#[$attr:meta])* pub mod $name:ident;)*) => {$(
        #[cfg(any(target_os = "linux", target_os = "android"))]
        $(#[$attr])*
        pub mod $name;
    )*};
}

linux_modules! {
    pub mod btf;
    pub mod error;
    pub mod id;
    pub mod info;
    pub mod link;
    pub mod map;
    pub mod mapping;
    pub mod perf_event;
    pub mod pin;
    pub mod probes;
    pub mod prog;
    pub mod syscall;
    pub mod system;
    pub mod token;
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub use self::{
    error::{Errno, Error, Result},
    system::{kernel_version, possible_cpus},
};
pub use insn::Insn;
