//! What BPF programs written in C include: `<bpf/bpf_helpers.h>` and its neighbours, under the names and with the macros that
//! everyone uses, so that a program written for libbpf's headers compiles with these.
//!
//! | header | brings |
//! |---|---|
//! | `bpf/bpf_helpers.h` | the kernel's helpers, `SEC`, map definitions, `__ksym`, `__kconfig`, `bpf_printk` |
//! | `bpf/bpf_helper_defs.h` | each helper's number and signature; generated from `linux/bpf.h` |
//! | `bpf/bpf_core_read.h` | `BPF_CORE_READ` and its family: CO-RE relocations |
//! | `bpf/bpf_tracing.h` | `BPF_PROG`, `BPF_KPROBE`, the registers of a `pt_regs` by architecture |
//! | `bpf/bpf_endian.h` | `bpf_htons` and its family |
//! | `bpf/bpf_variadic.h` | what the macros of the others are made of |
//!
//! Nothing of this crate is needed at run time. A build script, or whatever else calls clang, takes the headers from it:
//! [`INCLUDE_DIR`] is where they lie as long as the crate's source does, and [`write_headers`] puts them anywhere else.
//!
//! What it does not bring: the kernel's types. `vmlinux.h` is `purebpf btf dump file /sys/kernel/btf/vmlinux format c`, or
//! `purebpf_btf::dump::c::Header` in Rust.
//!
//! ```
//! use std::process::Command;
//!
//! // In build.rs, as an argument of the command that compiles the BPF program:
//! let include = format!("-I{}", purebpf_helpers::INCLUDE_DIR);
//! let mut clang = Command::new("clang");
//! clang.args(["-target", "bpf", "-O2", "-g", "-c", "program.bpf.c", "-o", "program.bpf.o", &include]);
//! # assert!(std::path::Path::new(purebpf_helpers::INCLUDE_DIR).join("bpf/bpf_helpers.h").exists());
//! ```
#![forbid(unsafe_code)]

use std::{fs, io, path::Path};

/// The folder that holds `bpf/`, for the compiler's `-I`: in this crate's source, so good for build scripts and wherever else
/// the source stays.
pub const INCLUDE_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include");

/// The headers: each one's path below the include folder, and its text.
pub const HEADERS: [(&str, &str); 6] = [
    ("bpf/bpf_core_read.h", include_str!("../include/bpf/bpf_core_read.h")),
    ("bpf/bpf_endian.h", include_str!("../include/bpf/bpf_endian.h")),
    ("bpf/bpf_helper_defs.h", include_str!("../include/bpf/bpf_helper_defs.h")),
    ("bpf/bpf_helpers.h", include_str!("../include/bpf/bpf_helpers.h")),
    ("bpf/bpf_tracing.h", include_str!("../include/bpf/bpf_tracing.h")),
    ("bpf/bpf_variadic.h", include_str!("../include/bpf/bpf_variadic.h")),
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
