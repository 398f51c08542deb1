//! `msrv`: checks the crates with the oldest Rust that they promise to build with (`rust-version` in Cargo.toml).
//!
//! That Rust comes from Debian trixie, whose version stays; unpacked into the cache with the libraries it needs and started
//! through its own dynamic linker, so that it runs on whatever this machine is.

use crate::{
    debian::{Suite, Wanted, ensure_installed},
    error::{Context, Result},
    process::{run, run_quiet},
    workspace::{cache_dir, lock_cache, read, root, target_dir, write},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// The crates that the promise is for. Their tests, and these tasks, may use newer things.
const CRATES: [&str; 9] = [
    "purebpf",
    "purebpf-sys",
    "purebpf-btf",
    "purebpf-core-reloc",
    "purebpf-elf-loader",
    "purebpf-attach",
    "purebpf-ringbuf",
    "purebpf-helpers",
    "purebpf-cli",
];

/// What cargo and rustc are linked with.
const LINKED: [&str; 6] =
    ["libstd-rust-1.85", "libcurl4t64", "libgit2-1.9", "libssh2-1t64", "libsqlite3-0", "libssl3t64"];

/// Runs the task.
pub(crate) fn run_task(args: &[String]) -> Result {
    if !args.is_empty() {
        return Err("usage: cargo xtask msrv".into());
    }
    let promised = promised_version()?;
    // Build scripts and procedural macros are linked with the machine's own.
    ensure_installed("checking with an older Rust", &[Wanted::program("gcc", "cc")])?;
    let toolchain = Toolchain::get()?;
    let version = run_quiet(Command::new(&toolchain.rustc).arg("--version"))?;
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    if number != promised && !number.starts_with(&format!("{promised}.")) {
        return Err(format!("Cargo.toml promises Rust {promised}, and Debian trixie has {number}: change one").into());
    }
    println!("checking with {}", version.trim());
    // What it needs from the registry was fetched by the newer cargo, which knows how to in more networks.
    run(crate::workspace::cargo().args(["fetch", "--locked", "--quiet"]))?;
    let mut check = Command::new(&toolchain.cargo);
    check.args(["check", "--locked", "--offline"]).args(CRATES.iter().flat_map(|name| ["--package", name]));
    check.current_dir(root()).env("RUSTC", &toolchain.rustc).env("CARGO_TARGET_DIR", target_dir().join("msrv"));
    for name in ["RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "CARGO", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        check.env_remove(name);
    }
    run(&mut check)
}

/// `rust-version` of the workspace.
fn promised_version() -> Result<String> {
    let manifest = read(&root().join("Cargo.toml"))?;
    let manifest = String::from_utf8(manifest).context("Cargo.toml")?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version"));
    let version = line.and_then(|line| line.split('"').nth(1)).context("Cargo.toml has no rust-version")?;
    Ok(version.to_owned())
}

/// Programs that run the unpacked toolchain.
struct Toolchain {
    rustc: PathBuf,
    cargo: PathBuf,
}

impl Toolchain {
    fn get() -> Result<Toolchain> {
        let tree = cache_dir()?.join("rust-trixie");
        if !tree.exists() {
            let _lock = lock_cache()?;
            if !tree.exists() {
                let suite = Suite::open("trixie")?;
                let libraries = suite.libraries(&LINKED)?;
                let mut packages = vec!["rustc", "cargo", "libstd-rust-dev"];
                packages.extend(libraries.iter().map(String::as_str));
                suite.unpack(&packages, &tree)?;
            }
        }
        let sysroot = tree.join("usr");
        let rustc = wrapper(&tree, "rustc", &format!("--sysroot {}", sysroot.display()))?;
        let cargo = wrapper(&tree, "cargo", "")?;
        Ok(Toolchain { rustc, cargo })
    }
}

/// A script that starts a program of the tree with the tree's own dynamic linker and libraries.
fn wrapper(tree: &Path, program: &str, arguments: &str) -> Result<PathBuf> {
    let libraries = tree.join("usr/lib/x86_64-linux-gnu");
    let script = tree.join(format!("run-{program}"));
    let text = format!(
        "#!/bin/sh\nexec {libraries}/ld-linux-x86-64.so.2 --library-path {libraries} --argv0 {program} {} {arguments} \"$@\"\n",
        tree.join("usr/bin").join(program).display(),
        libraries = libraries.display(),
    );
    write(&script, text.as_bytes())?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).context(script.display())?;
    Ok(script)
}
