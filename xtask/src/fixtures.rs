//! `fixtures`: compiles the BPF programs of tests and examples. The objects are committed beside their sources, so that only
//! who changes a program needs clang; `fixtures --check` compiles once more, elsewhere, and compares.
//!
//! An object is the same bytes whoever compiles it and wherever: one version of clang, the BTF of one kernel for `vmlinux.h`,
//! paths relative to the workspace.

use crate::{
    debian::{Wanted, ensure_installed},
    error::{Context, Error, Result},
    process::run_quiet,
    workspace::{create_dir, files_below, read, root, target_dir, write},
};
use purebpf_btf::{Btf, dump};
use std::{
    fmt::Display,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// The compiler's program. Version 19 is the newest that Debian's oldest supported release has, and so can be had
/// everywhere; another version compiles other bytes.
pub(crate) const CLANG_PROGRAM: &str = "clang-19";
const STRIP_PROGRAM: &str = "llvm-strip-19";

/// The package of [`CLANG_PROGRAM`].
pub(crate) const CLANG: Wanted = Wanted::program("clang-19", CLANG_PROGRAM);
const STRIP: Wanted = Wanted::program("llvm-19", STRIP_PROGRAM);

/// Whose types `vmlinux.h` declares. Fields that other kernels have elsewhere are found through CO-RE.
const KERNEL_BTF: &str = "tests/data/sample/vmlinux-6.18.44.btf.zst";

/// Where programs are. Objects below tests/data came compiled, with what other tools say of them.
const FOLDERS: [&str; 2] = ["tests/programs", "examples"];

/// Instructions of version 3 (32-bit arithmetic and jumps): every kernel from 5.1 on knows them, newer versions of clang take
/// them by themselves, and they spare the shifts that the verifier of older kernels loses track of values in.
const INSTRUCTION_SET: &str = "-mcpu=v3";

/// Runs the task: `fixtures [--check]`.
pub(crate) fn run(args: &[String]) -> Result {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err("usage: cargo xtask fixtures [--check]".into()),
    };
    ensure_installed("compiling BPF programs", &[CLANG, STRIP])?;
    let work = target_dir().join("fixtures");
    create_dir(&work)?;
    let include = work.join("include");
    write_vmlinux_header(&include.join("vmlinux.h"))?;

    let (sources, orphans) = programs()?;
    let compiled = compile_all(&sources, &include, &work)?;
    let mut drifted = orphans;
    for (source, bytes) in sources.iter().zip(compiled) {
        let object = source.with_extension("o");
        let path = root().join(&object);
        if fs::read(&path).is_ok_and(|kept| kept == bytes) {
            continue;
        }
        if check {
            drifted.push(object);
        } else {
            write(&path, &bytes)?;
            println!("made {}", object.display());
        }
    }
    if drifted.is_empty() {
        println!("fixtures: {} objects are what their sources compile to", sources.len());
        return Ok(());
    }
    let names: Vec<String> = drifted.iter().map(|path| path.display().to_string()).collect();
    Err(Error::new(format!(
        "not what {CLANG_PROGRAM} makes of a source beside it: {}; run `cargo xtask fixtures`, and remove objects without a source",
        names.join(", ")
    )))
}

/// Sources, and objects without one; as paths from the workspace's root.
fn programs() -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let mut sources = Vec::new();
    let mut objects = Vec::new();
    for folder in FOLDERS {
        for path in files_below(&root().join(folder))? {
            let path = path.strip_prefix(root()).expect("found below it").to_owned();
            let name = path.to_string_lossy();
            if name.ends_with(".bpf.c") {
                sources.push(path);
            } else if name.ends_with(".bpf.o") {
                objects.push(path);
            }
        }
    }
    objects.retain(|object| !sources.contains(&object.with_extension("c")));
    Ok((sources, objects))
}

/// The header of the kernel's types, by our own dump.
fn write_vmlinux_header(path: &Path) -> Result {
    let compressed = read(&root().join(KERNEL_BTF))?;
    let mut bytes = Vec::new();
    let decoder = ruzstd::decoding::StreamingDecoder::new(&compressed[..]).map_err(text_of);
    decoder.and_then(|mut decoder| decoder.read_to_end(&mut bytes).map_err(text_of)).context(KERNEL_BTF)?;
    let btf = Btf::parse(bytes).context(KERNEL_BTF)?;
    let mut header = String::new();
    dump::c::Header::new(&btf).write(&mut header).context(KERNEL_BTF)?;
    write(path, header.as_bytes())
}

fn text_of(error: impl Display) -> String {
    error.to_string()
}

/// What each source compiles to, in their order; several compilers at a time.
fn compile_all(sources: &[PathBuf], include: &Path, work: &Path) -> Result<Vec<Vec<u8>>> {
    let next = AtomicUsize::new(0);
    let compiled = Mutex::new(Vec::new());
    let compile_some = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(source) = sources.get(index) else { return };
            let object = work.join(format!("{index}-{}.o", std::process::id()));
            let outcome = compile(source, include, &object);
            _ = fs::remove_file(&object);
            compiled.lock().unwrap_or_else(PoisonError::into_inner).push((index, outcome));
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into).min(sources.len()) {
            scope.spawn(compile_some);
        }
    });
    let mut compiled = compiled.into_inner().unwrap_or_else(PoisonError::into_inner);
    compiled.sort_by_key(|(index, _)| *index);
    compiled.into_iter().map(|(_, outcome)| outcome).collect()
}

fn compile(source: &Path, include: &Path, object: &Path) -> Result<Vec<u8>> {
    let mut clang = Command::new(CLANG_PROGRAM);
    clang
        .current_dir(root())
        .args(["--target=bpfel", INSTRUCTION_SET, "-D__TARGET_ARCH_x86", "-O2", "-g", "-Wall", "-Wextra", "-Werror"])
        // Programs need not use all that the kernel gives them, and compare what it gives as it comes.
        .args(["-Wno-unused-parameter", "-Wno-sign-compare"])
        // Line information names files from the workspace's root, wherever that is.
        .arg("-fdebug-compilation-dir=.")
        .arg(format!("-ffile-prefix-map={}=include", include.display()))
        .arg(format!("-ffile-prefix-map={}=.", root().display()))
        .args(["-fno-addrsig", "-fno-ident"])
        .args(["-I", "bpf-helpers/include", "-isystem"])
        .arg(include)
        .arg("-c")
        .arg(source)
        .arg("-o")
        .arg(object);
    run_quiet(&mut clang).context(source.display())?;
    // DWARF goes; BTF stays.
    run_quiet(Command::new(STRIP_PROGRAM).arg("-g").arg(object)).context(source.display())?;
    read(object)
}
