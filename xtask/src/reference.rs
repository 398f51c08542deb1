//! `reference`: builds the reference that "as libbpf does" refers to: libbpf and bpftool from the newest kernel source that Debian
//! packages. Nothing of ours uses it at run time; tests' expectations come from it.

use crate::{
    debian::{Suite, Wanted, ensure_installed},
    error::{Context, Result},
    process::run_quiet,
    workspace::{cache_dir, create_dir, lock_cache, target_dir},
};
use std::{fs, path::Path, process::Command, thread};

/// The package, and the versions that it holds.
const SOURCE: &str = "linux-source-7.2";
const LIBBPF: &str = "v1.8";
const BPFTOOL: &str = "v7.8.0";

/// What building libbpf and bpftool reads of the kernel's tree.
const PARTS: [&str; 9] = [
    "tools/lib/*",
    "tools/bpf/*",
    "tools/build/*",
    "tools/scripts/*",
    "tools/include/*",
    "tools/arch/*/include/*",
    "kernel/bpf/disasm.*",
    "include/uapi/*",
    "scripts/bpf_doc.py",
];

/// What it is built with.
const NEEDED: [Wanted; 7] = [
    Wanted::program("gcc", "gcc"),
    Wanted::program("make", "make"),
    Wanted::program("xz-utils", "xz"),
    Wanted::program("python3", "python3"),
    Wanted::file("libelf-dev", &["/usr/include/libelf.h"]),
    Wanted::file("zlib1g-dev", &["/usr/include/zlib.h"]),
    Wanted::file("libssl-dev", &["/usr/include/openssl/evp.h"]),
];

/// Runs the task.
pub(crate) fn run(args: &[String]) -> Result {
    if !args.is_empty() {
        return Err("usage: cargo xtask reference".into());
    }
    ensure_installed("building libbpf and bpftool", &NEEDED)?;
    let package = cache_dir()?.join(SOURCE);
    if !package.exists() {
        let _lock = lock_cache()?;
        if !package.exists() {
            Suite::open("sid")?.unpack(&[SOURCE], &package)?;
        }
    }
    let tarball = package.join(format!("usr/src/{SOURCE}.tar.xz"));

    let dir = target_dir().join("reference");
    let (source, build) = (dir.join("source"), dir.join("build"));
    for part in [&source, &build] {
        if part.exists() {
            fs::remove_dir_all(part).context(part.display())?;
        }
        create_dir(part)?;
    }
    println!("unpacking {}", tarball.display());
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(&tarball).arg("--directory").arg(&source);
    tar.args(["--strip-components=1", "--wildcards"]).args(PARTS.map(|part| format!("*/{part}")));
    run_quiet(&mut tar)?;

    println!("building libbpf and bpftool");
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut make = Command::new("make");
    make.arg("-C").arg(source.join("tools/bpf/bpftool")).arg(format!("-j{jobs}"));
    // The trailing slash is part of the variable's meaning.
    make.arg(format!("OUTPUT={}/", build.display()));
    // Without what may or may not be on a machine, so that the reference is the same everywhere.
    make.args(["feature-llvm=0", "feature-libbfd=0", "feature-libcap=0", "feature-clang-bpf-co-re=0"]);
    run_quiet(&mut make)?;

    install(&build, &dir)?;
    let bpftool = dir.join("bpftool");
    let version = run_quiet(Command::new(&bpftool).arg("version"))?;
    let words: Vec<&str> = version.split_whitespace().collect();
    if !words.contains(&BPFTOOL) || !words.contains(&LIBBPF) {
        return Err(format!("{SOURCE} no longer holds bpftool {BPFTOOL} with libbpf {LIBBPF}: {version}").into());
    }
    println!("{}: bpftool {BPFTOOL}", bpftool.display());
    println!("{}: libbpf {LIBBPF}; link with -lelf -lz", dir.join("libbpf.a").display());
    println!("{}: its headers, for -I", dir.join("include").display());
    println!("{}: the kernel's source, so far as it was needed", source.display());
    Ok(())
}

/// Puts what was built where it is easily found.
fn install(build: &Path, dir: &Path) -> Result {
    create_dir(&dir.join("include/bpf"))?;
    let headers = build.join("libbpf/include/bpf");
    for header in fs::read_dir(&headers).context(headers.display())? {
        let header = header.context(headers.display())?;
        fs::copy(header.path(), dir.join("include/bpf").join(header.file_name())).context(header.path().display())?;
    }
    for (from, to) in [("libbpf/libbpf.a", "libbpf.a"), ("bpftool", "bpftool")] {
        fs::copy(build.join(from), dir.join(to)).context(build.join(from).display())?;
    }
    Ok(())
}
