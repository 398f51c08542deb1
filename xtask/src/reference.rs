//! `reference`: builds the reference that "as libbpf does" refers to: libbpf and bpftool from the newest kernel source that Debian
//! packages; and with them our own programs of xtask/oracle, which ask libbpf one question each. Nothing of ours uses any of it at run
//! time; tests' expectations come from it.

use crate::{
    debian::{Suite, Wanted, ensure_installed},
    error::{Context, Result},
    process::run_quiet,
    workspace::{cache_dir, create_dir, lock_cache, root, target_dir},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::SystemTime,
};

/// The package, and the versions that it holds.
const SOURCE: &str = "linux-source-7.2";
const LIBBPF: &str = "v1.8";
const BPFTOOL: &str = "v7.8.0";

/// The programs of xtask/oracle, each of a source of its name, and what more the compiler is told.
const ORACLES: [(&str, &[&str]); 3] = [
    ("btf-oracle", &[]),
    // It watches what libbpf asks of the kernel.
    ("object-oracle", &["-Wl,--wrap=syscall"]),
    ("bpf-watch.so", &["-shared", "-fPIC"]),
];

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
    for (oracle, flags) in ORACLES {
        println!("{}: answers of libbpf's", build_oracle(&dir, oracle, flags)?.display());
    }
    println!("{}: the kernel's source, so far as it was needed", source.display());
    Ok(())
}

/// The folder of what the task builds, built if it is not there, its oracles built anew if their sources changed.
pub(crate) fn reference() -> Result<PathBuf> {
    let dir = target_dir().join("reference");
    if !dir.join("bpftool").exists() {
        run(&[])?;
    }
    for (oracle, flags) in ORACLES {
        let changed = |path: PathBuf| fs::metadata(path).and_then(|found| found.modified()).ok();
        let built: Option<SystemTime> = changed(dir.join(oracle));
        if built.is_none() || built < changed(oracle_source(oracle)) {
            build_oracle(&dir, oracle, flags)?;
        }
    }
    Ok(dir)
}

fn oracle_source(name: &str) -> PathBuf {
    root().join("xtask/oracle").join(name).with_extension("c")
}

/// Links a program of xtask/oracle with the libbpf.a beside which it is put.
fn build_oracle(dir: &Path, name: &str, flags: &[&str]) -> Result<PathBuf> {
    let program = dir.join(name);
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-Wall", "-Werror"]).arg(format!("-I{}", dir.join("include").display()));
    // The kernel's own words, of libbpf's version.
    gcc.arg(format!("-I{}", dir.join("source/tools/include/uapi").display()));
    gcc.arg(oracle_source(name)).arg(dir.join("libbpf.a")).args(["-lelf", "-lz", "-o"]).arg(&program);
    gcc.args(flags);
    run_quiet(&mut gcc)?;
    Ok(program)
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
