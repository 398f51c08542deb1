//! What BPF programs written in C include: `<bpf/bpf_helpers.h>` and its neighbours, under the names and with the macros that
//! everyone uses, so that a program written for libbpf's headers compiles with these.
//!
//! | header | brings |
//! |---|---|
//! | `bpf/bpf_helpers.h` | the kernel's helpers, `SEC`, map definitions, `__ksym`, `__kconfig`, tags, `bpf_printk`, `bpf_for` |
//! | `bpf/bpf_helper_defs.h` | each helper's number and signature; generated from `linux/bpf.h` |
//! | `bpf/bpf_core_read.h` | `BPF_CORE_READ` and its family, bitfields, what the kernel has: CO-RE relocations |
//! | `bpf/bpf_tracing.h` | `BPF_PROG`, `BPF_KPROBE`, `BPF_KSYSCALL`, the registers of a `pt_regs` by architecture |
//! | `bpf/usdt.bpf.h` | `BPF_USDT`, `bpf_usdt_arg`: arguments of USDT probes |
//! | `bpf/bpf_endian.h` | `bpf_htons` and its family |
//! | `bpf/bpf_variadic.h` | what the macros of the others are made of |
//!
//! The compiler is clang, from version 13 on; what needs a newer one says so where it is defined. What programs compile to is,
//! but for a few cases that docs/differences.md of the repository lists, what libbpf's headers make of them, byte for byte:
//! docs/headers-corpus.md has the numbers.
//!
//! Nothing of this crate is needed at run time. A build script, or whatever else calls clang, takes the headers from it:
//! [`include_dir`] is where they lie as long as the crate's source does, and [`write_headers`] puts them anywhere else.
//!
//! What it does not bring: the kernel's types. `vmlinux.h` is `purebpf btf dump file /sys/kernel/btf/vmlinux format c`, or
//! `purebpf_btf::dump::c::Header` in Rust.
//!
//! A program that counts how often each process opens a file:
//!
//! ```c
#![doc = include_str!("../tests/example/example.bpf.c")]
//! ```
//!
//! and what compiles it:
//!
//! ```
//! use std::process::Command;
//!
//! // In build.rs, as an argument of the command that compiles the BPF program:
//! let mut clang = Command::new("clang");
//! clang.args(["-target", "bpf", "-D__TARGET_ARCH_x86", "-O2", "-g", "-c", "program.bpf.c", "-o", "program.bpf.o"]);
//! clang.arg("-I").arg(purebpf_helpers::include_dir());
//! # assert!(purebpf_helpers::include_dir().join("bpf/bpf_helpers.h").exists());
//! ```
#![forbid(unsafe_code)]

use std::{fs, io, path::Path};

/// The folder that holds `bpf/`, for the compiler's `-I`: in this crate's source, so good for build scripts and wherever else
/// the source stays.
pub const INCLUDE_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include");

/// [`INCLUDE_DIR`] as a path.
pub fn include_dir() -> &'static Path {
    Path::new(INCLUDE_DIR)
}

/// The headers: each one's path below the include folder, and its text.
pub const HEADERS: [(&str, &str); 7] = [
    ("bpf/bpf_core_read.h", include_str!("../include/bpf/bpf_core_read.h")),
    ("bpf/bpf_endian.h", include_str!("../include/bpf/bpf_endian.h")),
    ("bpf/bpf_helper_defs.h", include_str!("../include/bpf/bpf_helper_defs.h")),
    ("bpf/bpf_helpers.h", include_str!("../include/bpf/bpf_helpers.h")),
    ("bpf/bpf_tracing.h", include_str!("../include/bpf/bpf_tracing.h")),
    ("bpf/bpf_variadic.h", include_str!("../include/bpf/bpf_variadic.h")),
    ("bpf/usdt.bpf.h", include_str!("../include/bpf/usdt.bpf.h")),
];

/// Writes the headers below `dir`, which is then what the compiler's `-I` takes. Folders are made as needed; what is already
/// the same stays untouched, so that nothing is rebuilt for it.
///
/// # Errors
///
/// When a folder or file cannot be written.
pub fn write_headers(dir: &Path) -> io::Result<()> {
    for (name, text) in HEADERS {
        let path = dir.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            fs::write(&path, text)?;
        }
    }
    Ok(())
}
