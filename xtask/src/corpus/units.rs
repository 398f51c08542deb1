//! `corpus btf-units`: the types of a kernel as the compiler left them, unit by unit, before they are deduplicated: millions of them.
//!
//! pahole makes them of the debug information of Debian's kernel and hands them to libbpf's btf__dedup; a library of ours that is
//! loaded before libbpf (xtask/oracle/dedup-input.c) writes them to target/corpus/btf-units/6.12.btf. What pahole made of it is beside
//! it: what is deduplicated is the kernel's own BTF.

use super::sources::corpus_dir;
use crate::{
    debian::{Suite, Wanted, ensure_installed},
    error::{Context, Result},
    process::run_quiet,
    workspace::{cache_dir, create_dir, files_below, lock_cache, root},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const SUITE: &str = "trixie";
const KERNEL: &str = "6.12";
const DEBUG_PACKAGE: (&str, &str) = ("linux-image-6.12.", "-cloud-amd64-dbg");

/// Runs the task.
pub(super) fn run() -> Result {
    let units = units(true)?.context("nothing was made")?;
    println!("{}: {} bytes", units.display(), fs::metadata(&units).context(units.display())?.len());
    Ok(())
}

/// The file, if it is there or is to be made.
pub(crate) fn units(make: bool) -> Result<Option<PathBuf>> {
    let file = corpus_dir().join("btf-units").join(format!("{KERNEL}.btf"));
    if !file.exists() {
        if !make {
            return Ok(None);
        }
        gather(&file)?;
    }
    Ok(Some(file))
}

fn gather(file: &Path) -> Result {
    ensure_installed("listening to pahole", &[Wanted::program("gcc", "gcc")])?;
    let dir = file.parent().context(file.display())?;
    create_dir(dir)?;
    let tools = tools()?;
    let shim = dir.join("dedup-input.so");
    let mut gcc = Command::new("gcc");
    gcc.args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"]).arg(&shim);
    run_quiet(gcc.arg(root().join("xtask/oracle/dedup-input.c")))?;
    let vmlinux = vmlinux(dir)?;
    println!("reading the debug information of {}", vmlinux.display());
    let libraries = tools.join("usr/lib/x86_64-linux-gnu");
    let partial = file.with_extension("partial");
    // By its own loader: it is of a newer system than this may be.
    let mut pahole = Command::new(libraries.join("ld-linux-x86-64.so.2"));
    pahole.arg("--library-path").arg(&libraries).arg("--preload").arg(&shim).arg(tools.join("usr/bin/pahole"));
    pahole.args(["-J", "--btf_features=default"]);
    pahole.arg(format!("--btf_encode_detached={}", dir.join(format!("{KERNEL}.deduplicated.btf")).display()));
    run_quiet(pahole.arg(&vmlinux).env("DEDUP_INPUT", &partial))?;
    // It takes a third of a gigabyte, and has served.
    fs::remove_file(&vmlinux).context(vmlinux.display())?;
    fs::rename(&partial, file).context(file.display())
}

/// pahole and its libraries.
fn tools() -> Result<PathBuf> {
    let dir = cache_dir()?.join("pahole");
    if !dir.exists() {
        let _lock = lock_cache()?;
        if !dir.exists() {
            let suite = Suite::open(SUITE)?;
            let packages = suite.libraries(&["pahole"])?;
            suite.unpack(&packages.iter().map(String::as_str).collect::<Vec<_>>(), &dir)?;
        }
    }
    Ok(dir)
}

/// The kernel with its debug information.
fn vmlinux(dir: &Path) -> Result<PathBuf> {
    let into = dir.join("debug");
    if !into.exists() {
        let _lock = lock_cache()?;
        let suite = Suite::open(SUITE)?;
        let (prefix, suffix) = DEBUG_PACKAGE;
        suite.unpack_part(&suite.newest_named(prefix, suffix)?, "*/boot/vmlinux-*", &into)?;
    }
    let found = files_below(&into)?
        .into_iter()
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinux-")));
    found.context(format_args!("{}: no vmlinux", into.display()))
}
