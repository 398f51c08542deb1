//! `corpus objects`: compiled objects, of others: those that the sets of `corpus headers` compile to with libbpf's headers, and those
//! that Debian's packages bring, most of them within the programs that load them.
//!
//!     target/corpus/objects/SOURCE/NAME.bpf.o    (of a set, and of a package)
//!
//! An object that several sources have is the first one's.

use super::{
    btf::in_parallel,
    compile::{Outcome, Program, Side, compile},
    embedded::{is_elf, objects_within},
    sources::{SETS, corpus_dir},
};
use crate::{
    debian::{Suite, ensure_installed},
    error::{Context, Result},
    fixtures::CLANG,
    reference::reference,
    workspace::{cache_dir, create_dir, files_below, lock_cache, read, write},
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Debian packages that bring objects, and what their source is called here.
const PACKAGES: [(&str, &[&str]); 10] = [
    ("libbpf-tools", &["libbpf-tools"]),
    ("xdp-tools", &["xdp-tools"]),
    ("libxdp1", &["libxdp1"]),
    ("suricata", &["suricata"]),
    ("bpfilter", &["bpfilter", "libbpfilter0"]),
    ("udev-hid-bpf", &["udev-hid-bpf"]),
    // What its daemons load stands in libraries that they share, and in packages of their own.
    ("systemd", &["systemd", "libsystemd-shared", "systemd-container", "systemd-userdbd", "udev"]),
    ("qemu", &["qemu-system-x86", "qemu-system-common"]),
    ("pwru", &["pwru"]),
    ("bpftop", &["bpftop"]),
];

/// Where packages are looked for, in order.
const SUITES: [&str; 2] = ["sid", "trixie"];

/// An object of the corpus.
#[cfg_attr(not(feature = "compare"), expect(dead_code, reason = "what `compare objects` reads"))]
pub(crate) struct CorpusObject {
    /// Where it comes from: a set's or a package's name.
    pub(crate) source: &'static str,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// What a source gave.
struct Source {
    name: &'static str,
    /// Names and paths, in order; or why there is none.
    objects: std::result::Result<Vec<(String, PathBuf)>, String>,
    /// How many of them no source before had.
    new: usize,
}

/// Runs the task.
pub(super) fn run() -> Result {
    let (sources, objects) = gather()?;
    println!("\n{:<16} {:>8} {:>8}", "source", "objects", "new");
    for source in &sources {
        match &source.objects {
            Ok(found) => println!("{:<16} {:>8} {:>8}", source.name, found.len(), source.new),
            Err(why) => println!("{:<16}  skipped: {why}", source.name),
        }
    }
    println!("{} different objects in {}", objects.len(), dir().display());
    Ok(())
}

/// All objects, each once; made where they are not there yet. A source that cannot be had is said to be missing.
#[cfg_attr(not(feature = "compare"), expect(dead_code, reason = "what `compare objects` asks for"))]
pub(crate) fn objects() -> Result<Vec<CorpusObject>> {
    let (sources, objects) = gather()?;
    for source in &sources {
        if let Err(why) = &source.objects {
            println!("{}: skipped: {why}", source.name);
        }
    }
    Ok(objects)
}

fn dir() -> PathBuf {
    corpus_dir().join("objects")
}

fn gather() -> Result<(Vec<Source>, Vec<CorpusObject>)> {
    ensure_installed("compiling BPF programs", &[CLANG])?;
    let libbpf = Side::new("libbpf", &reference()?.join("include"))?;
    let mut sources = Vec::new();
    for set in &SETS {
        let objects = compiled(set.name, set.programs, &libbpf).map_err(|error| error.to_string());
        sources.push(Source { name: set.name, objects, new: 0 });
    }
    for (name, packages) in PACKAGES {
        let objects = packaged(name, packages).map_err(|error| error.to_string());
        match sources.iter_mut().find(|source| source.name == name) {
            // libbpf-tools is both a set of programs and a package.
            Some(Source { objects: known @ Err(_), .. }) => *known = objects,
            Some(Source { objects: Ok(known), .. }) => match objects {
                Ok(more) => known.extend(more),
                Err(why) => println!("{name}: Debian's package: skipped: {why}"),
            },
            None => sources.push(Source { name, objects, new: 0 }),
        }
    }
    let mut seen: BTreeSet<[u8; 32]> = BTreeSet::new();
    let mut objects = Vec::new();
    for source in &mut sources {
        for (name, path) in source.objects.iter().flatten() {
            if seen.insert(Sha256::digest(read(path)?).into()) {
                source.new += 1;
                objects.push(CorpusObject { source: source.name, name: name.clone(), path: path.clone() });
            }
        }
    }
    Ok((sources, objects))
}

/// What of a set compiles with libbpf's headers.
fn compiled(set: &str, programs: fn() -> Result<Vec<Program>>, libbpf: &Side) -> Result<Vec<(String, PathBuf)>> {
    let programs = programs()?;
    let objects = Mutex::new(Vec::new());
    in_parallel(&programs, |program| {
        if let Outcome::Object { .. } = compile(set, program, libbpf).context(&program.name)? {
            let path = dir().join(set).join(libbpf.name).join(format!("{}.bpf.o", program.name));
            let mut objects = objects.lock().unwrap_or_else(PoisonError::into_inner);
            objects.push((program.name.clone(), path));
        }
        Ok(())
    })?;
    let mut objects = objects.into_inner().unwrap_or_else(PoisonError::into_inner);
    objects.sort();
    Ok(objects)
}

/// What Debian's packages bring: taken out once.
fn packaged(name: &str, packages: &[&str]) -> Result<Vec<(String, PathBuf)>> {
    let into = dir().join(name).join("debian");
    if !into.exists() {
        let partial = into.with_extension(format!("partial-{}", std::process::id()));
        create_dir(&partial)?;
        for package in packages {
            take_objects(&unpacked(package)?, &partial)?;
        }
        fs::rename(&partial, &into).context(format_args!("cannot make {}", into.display()))?;
    }
    let found = files_below(&into)?.into_iter();
    let found = found.map(|path| (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), path));
    let objects: Vec<(String, PathBuf)> =
        found.filter_map(|(name, path)| Some((name.strip_suffix(".bpf.o")?.to_owned(), path))).collect();
    if objects.is_empty() { Err("its packages carry no objects".into()) } else { Ok(objects) }
}

/// A package in the cache, from the first suite that has it.
fn unpacked(package: &str) -> Result<PathBuf> {
    let dir = cache_dir()?.join(package);
    if dir.exists() {
        return Ok(dir);
    }
    let _lock = lock_cache()?;
    let mut outcome = Ok(());
    for suite in SUITES {
        if dir.exists() {
            break;
        }
        outcome = Suite::open(suite).and_then(|suite| suite.unpack(&[package], &dir));
    }
    outcome.map(|()| dir)
}

/// Writes the objects within all files of a package.
fn take_objects(package: &Path, into: &Path) -> Result {
    for path in files_below(package)? {
        let bytes = read(&path)?;
        if !is_elf(&bytes) {
            continue;
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        // Without the suffix that Debian gives tools that have the names of bpfcc-tools', and that of objects.
        let stem = file.trim_end_matches(".o").trim_end_matches(".bpf").trim_end_matches("-libbpf");
        let objects = objects_within(&bytes);
        for (index, object) in objects.iter().enumerate() {
            let suffix = if objects.len() == 1 { String::new() } else { format!("-{index}") };
            write(&into.join(format!("{stem}{suffix}.bpf.o")), object)?;
        }
    }
    Ok(())
}
