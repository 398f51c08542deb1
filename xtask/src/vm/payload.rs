//! What goes into the virtual machines: the kernel tests, linked statically, and the files they use, all at the paths they have
//! here, so that a path which cargo compiled into a test holds there too.
//!
//! What runs in the matrix is decided by name alone: every integration test target of any workspace member whose name
//! begins with `kernel`.

use super::{cpio::Archive, protocol::Binary};
use crate::{
    error::{Context, Result},
    process::run,
    workspace::{cargo, files_below, read, root, target_dir},
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The names of the test targets that run in the matrix.
const TEST_TARGETS: &str = "kernel*";

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Files above this size are nobody's fixture.
const LARGEST_FIXTURE: u64 = 64 << 20;

/// The programs built for the guest.
pub(crate) struct Payload {
    /// Process 1.
    pub(crate) init: PathBuf,
    /// The test binaries.
    pub(crate) binaries: Vec<Binary>,
    /// Everything that tests may look for: themselves, the examples, the tool, fixtures.
    files: BTreeSet<PathBuf>,
}

/// Builds everything for the guest: the tests of these packages, or of all, and the programs that tests start.
pub(crate) fn build(packages: &[String]) -> Result<Payload> {
    println!("building the kernel tests, statically linked");
    let mut init = static_cargo("build");
    init.args(["-p", "xtask", "--bin", "vm-init"]);
    let init = artifacts(&mut init)?;
    let init = init.first().context("cargo built no vm-init")?.executable.clone();
    // Not part of any test target, but started by some.
    let mut programs = static_cargo("build");
    programs.args(["--bins", "--examples"]);
    let mut tests = static_cargo("test");
    tests.args(["--no-run", "--test", TEST_TARGETS]);
    if packages.is_empty() {
        programs.args(["-p", "purebpf", "-p", "purebpf-cli"]);
        tests.arg("--workspace");
    } else {
        let packages: Vec<_> = packages.iter().flat_map(|package| ["--package", package]).collect();
        programs.args(&packages);
        tests.args(&packages);
    }
    let programs = artifacts(&mut programs)?;
    let tests = artifacts(&mut tests)?;

    let mut files: BTreeSet<PathBuf> = programs.into_iter().map(|artifact| artifact.executable).collect();
    let mut dirs = BTreeSet::from([root().to_owned()]);
    let mut binaries = Vec::new();
    for test in tests.iter().filter(|artifact| artifact.is_test) {
        files.insert(test.executable.clone());
        dirs.insert(test.dir.clone());
        let path =
            |path: &Path| path.to_str().map(str::to_owned).context(format_args!("not UTF-8: {}", path.display()));
        // `kernel` alone says nothing: that is how a crate other than the root package calls the only one it has.
        let name = if test.name == "kernel" { &test.package } else { &test.name };
        binaries.push(Binary { name: name.clone(), path: path(&test.executable)?, dir: path(&test.dir)? });
    }
    for dir in dirs {
        for part in ["tests", "examples"] {
            let part = dir.join(part);
            if part.exists() {
                files.extend(files_below(&part)?.into_iter().filter(|file| is_fixture(file)));
            }
        }
    }
    Ok(Payload { init, binaries, files })
}

/// Everything that is not source, and not too large to be for a test.
fn is_fixture(path: &Path) -> bool {
    let source = path.extension().is_some_and(|extension| extension == "rs");
    !source && path.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST_FIXTURE)
}

impl Payload {
    /// The part of the initial file system that changes from run to run.
    pub(crate) fn archive(&self) -> Result<Archive> {
        let mut archive = Archive::default();
        for path in &self.files {
            let name = path.to_str().context(format_args!("not UTF-8: {}", path.display()))?;
            archive.file(name, &read(path)?);
        }
        for binary in &self.binaries {
            archive.dir(&binary.dir);
        }
        Ok(archive)
    }
}

/// A cargo that links everything into the binary, in an output folder of its own, because other flags mean other artifacts.
fn static_cargo(subcommand: &str) -> Command {
    let mut command = cargo();
    command
        .arg(subcommand)
        .args(["--target", TARGET, "--message-format", "json-render-diagnostics"])
        .env("CARGO_TARGET_DIR", target_dir().join("vm/build"))
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        // An emulated processor is slow, so code is optimised a little; its checks and symbols stay, as tests need both.
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_PROFILE_DEV_STRIP", "debuginfo")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// A program that cargo built.
struct Artifact {
    name: String,
    package: String,
    dir: PathBuf,
    executable: PathBuf,
    is_test: bool,
}

/// The programs that a cargo command built, from its messages: cargo's book, "External tools".
fn artifacts(command: &mut Command) -> Result<Vec<Artifact>> {
    command.stdout(Stdio::piped()).stdin(Stdio::null());
    let child = command.spawn().context("cannot run cargo")?;
    let output = child.wait_with_output().context("cannot run cargo")?;
    if !output.status.success() {
        return Err("building for the virtual machines failed (what the compiler said is above)".into());
    }
    let messages = String::from_utf8(output.stdout).context("cargo's messages")?;
    let mut found = Vec::new();
    for line in messages.lines().filter(|line| line.starts_with('{')) {
        let message: serde_json::Value = serde_json::from_str(line).context("cargo's messages")?;
        let (Some("compiler-artifact"), Some(executable)) =
            (message["reason"].as_str(), message["executable"].as_str())
        else {
            continue;
        };
        let manifest = Path::new(message["manifest_path"].as_str().context("cargo's messages: no manifest_path")?);
        let dir = manifest.parent().context("cargo's messages: manifest_path has no folder")?.to_owned();
        found.push(Artifact {
            name: message["target"]["name"].as_str().context("cargo's messages: no target name")?.to_owned(),
            package: dir.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            dir,
            executable: executable.into(),
            is_test: message["profile"]["test"] == true && message["target"]["kind"][0] == "test",
        });
    }
    Ok(found)
}

/// A static busybox, so that the guest has a shell and ordinary programs for tests to watch.
pub(crate) fn busybox() -> Result<Vec<u8>> {
    let dir = crate::workspace::cache_dir()?.join("busybox");
    if !dir.exists() {
        let _lock = crate::workspace::lock_cache()?;
        if !dir.exists() {
            crate::debian::Suite::open("bookworm")?.unpack(&["busybox-static"], &dir)?;
        }
    }
    let places = ["bin/busybox", "usr/bin/busybox"].map(|at| dir.join(at));
    let place = places.into_iter().find(|at| at.exists());
    let place = place.context(format_args!("{}: no busybox: delete it to fetch anew", dir.display()))?;
    // A wrong file here would show only as a guest that does not boot.
    run(Command::new(&place).arg("true"))?;
    read(&place)
}

/// The shared libraries that this very program runs with: the C library and its dynamic linker, to be found and looked into (by
/// uprobes) in the guest as on any system.
pub(crate) fn c_library() -> Result<Vec<(String, Vec<u8>)>> {
    let maps = read(Path::new("/proc/self/maps"))?;
    let maps = String::from_utf8_lossy(&maps);
    // The sixth field of proc_pid_maps(5); the kernel gives the path after all links are followed.
    let paths = maps.lines().filter_map(|line| line.split_whitespace().nth(5)).filter(|path| path.contains(".so"));
    let paths: BTreeSet<&str> = paths.collect();
    let on_usr = |path: &str| if path.starts_with("/usr/") { path.to_owned() } else { format!("/usr{path}") };
    let mut libraries = Vec::new();
    for path in paths {
        libraries.push((on_usr(path), read(Path::new(path))?));
    }
    // Programs name their dynamic linker by this path, whatever it is a link to.
    let linker = "/lib64/ld-linux-x86-64.so.2";
    if let Ok(contents) = std::fs::read(linker) {
        libraries.push((on_usr(linker), contents));
    }
    Ok(libraries)
}
