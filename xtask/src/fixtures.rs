//! `fixtures`: compiles the BPF programs of tests and examples. The objects are committed beside their sources, so that only
//! who changes a program needs clang; `fixtures --check` compiles once more, elsewhere, and compares.
//!
//! An object is the same bytes whoever compiles it and wherever: one version of clang, the BTF of one kernel for `vmlinux.h`, and
//! nothing of this machine in what the compiler is told. The last is more than paths in the debug information: clang puts
//! forward declarations into BTF in the order of their addresses in memory, which depends on every allocation before, and so
//! on the length of a path, and on where the kernel puts its memory. It works in a folder that holds just the sources, whose path
//! is as long everywhere, is told paths below it, and its memory is where it always is.

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
pub(crate) const STRIP_PROGRAM: &str = "llvm-strip-19";

/// The package of [`CLANG_PROGRAM`].
pub(crate) const CLANG: Wanted = Wanted::program("clang-19", CLANG_PROGRAM);
pub(crate) const STRIP: Wanted = Wanted::program("llvm-19", STRIP_PROGRAM);

/// Whose types `vmlinux.h` declares. Fields that other kernels have elsewhere are found through CO-RE.
const KERNEL_BTF: &str = "tests/data/sample/vmlinux-6.18.44.btf.zst";

/// Where programs are. Objects below tests/data came compiled, with what other tools say of them.
const FOLDERS: [&str; 2] = ["tests/programs", "examples"];

/// Instructions of version 3 (32-bit arithmetic and jumps): every kernel from 5.1 on knows them, newer versions of clang take
/// them by themselves, and they spare the shifts that the verifier of older kernels loses track of values in.
pub(crate) const INSTRUCTION_SET: &str = "-mcpu=v3";

/// Runs the task: `fixtures [--check]`.
pub(crate) fn run(args: &[String]) -> Result {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err("usage: cargo xtask fixtures [--check]".into()),
    };
    ensure_installed("compiling BPF programs", &[CLANG, STRIP])?;
    let (sources, orphans) = programs()?;
    let work = work_dir()?;
    let compiled = lay_out(&work).and_then(|()| compile_all(&sources, &work));
    // Whatever came of it, the copies are of no more use.
    _ = fs::remove_dir_all(&work);
    let compiled = compiled?;
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

/// How long the path of the folder is that the compiler works in.
const WORK_PATH_LEN: usize = 200;

/// A folder of this process's own below the output folder, with as long a path as any other's. (The compiler asks for the real
/// paths of the files that it opens, and keeps them.)
fn work_dir() -> Result<PathBuf> {
    let parent = target_dir().join("fixtures");
    create_dir(&parent)?;
    let parent = parent.canonicalize().context(parent.display())?;
    let width = WORK_PATH_LEN.checked_sub(parent.as_os_str().len() + 1).filter(|width| *width >= 10);
    let width = width.context(format_args!("{}: too long a path to compile in", parent.display()))?;
    Ok(parent.join(format!("{:0>width$}", std::process::id())))
}

/// What programs include, below the folder that the compiler works in: our headers, and those beside the programs.
pub(crate) const HELPERS: &str = "bpf-helpers/include";

/// Copies sources and headers to where they are compiled.
fn lay_out(work: &Path) -> Result {
    for folder in FOLDERS.into_iter().chain([HELPERS]) {
        for path in files_below(&root().join(folder))? {
            let name = path.strip_prefix(root()).expect("found below it");
            if name.extension().is_some_and(|extension| extension == "c" || extension == "h") {
                write(&work.join(name), &read(&path)?)?;
            }
        }
    }
    write_vmlinux_header(&work.join("include/vmlinux.h"))
}

/// The kernel's BTF that the tests have.
pub(crate) fn kernel_btf() -> Result<Vec<u8>> {
    let compressed = read(&root().join(KERNEL_BTF))?;
    let mut bytes = Vec::new();
    let decoder = ruzstd::decoding::StreamingDecoder::new(&compressed[..]).map_err(text_of);
    decoder.and_then(|mut decoder| decoder.read_to_end(&mut bytes).map_err(text_of)).context(KERNEL_BTF)?;
    Ok(bytes)
}

/// The header of the kernel's types, by our own dump.
pub(crate) fn write_vmlinux_header(path: &Path) -> Result {
    let btf = Btf::parse(kernel_btf()?).context(KERNEL_BTF)?;
    let mut header = String::new();
    dump::c::Header::new(&btf).write(&mut header).context(KERNEL_BTF)?;
    write(path, header.as_bytes())
}

fn text_of(error: impl Display) -> String {
    error.to_string()
}

/// What each source compiles to, in their order; several compilers at a time.
fn compile_all(sources: &[PathBuf], work: &Path) -> Result<Vec<Vec<u8>>> {
    let next = AtomicUsize::new(0);
    let compiled = Mutex::new(Vec::new());
    let compile_some = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(source) = sources.get(index) else { return };
            let outcome = compile(source, work);
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

fn compile(source: &Path, work: &Path) -> Result<Vec<u8>> {
    let object = source.with_extension("o");
    let mut clang = in_work(CLANG_PROGRAM, work);
    clang
        .args(["--target=bpfel", INSTRUCTION_SET, "-D__TARGET_ARCH_x86", "-O2", "-g", "-Wall", "-Wextra", "-Werror"])
        // Programs need not use all that the kernel gives them, and compare what it gives as it comes.
        .args(["-Wno-unused-parameter", "-Wno-sign-compare"])
        .args(["-fdebug-compilation-dir=.", "-fno-addrsig", "-fno-ident"])
        .args(["-I", HELPERS, "-isystem", "include", "-c"])
        .arg(source)
        .arg("-o")
        .arg(&object);
    run_quiet(&mut clang).context(source.display())?;
    // DWARF goes; BTF stays.
    run_quiet(in_work(STRIP_PROGRAM, work).arg("-g").arg(&object)).context(source.display())?;
    read(&work.join(object))
}

/// A program that is at work in `work` and does not know where that is: it is told by a name that is as long everywhere.
fn in_work(program: &str, work: &Path) -> Command {
    // Without address space randomisation: now and then it turns round the order of two addresses in memory.
    let mut command = Command::new("setarch");
    command.arg("--addr-no-randomize").arg(program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.current_dir(work).env_clear().env("PATH", path).env("PWD", "/proc/self/cwd");
    command
}
