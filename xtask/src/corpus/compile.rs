//! Compiling one program with one side's headers. What came of it is kept beside a key of all that it was made from.

use super::sources::corpus_dir;
use crate::{
    error::{Context, Error, Result},
    fixtures::CLANG_PROGRAM,
    process::run_quiet,
    workspace::{create_dir, files_below, read, write},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Mutex, PoisonError},
};

/// A program of the corpus.
#[derive(Clone)]
pub(super) struct Program {
    /// Unique in its set, and good as a file's name.
    pub(super) name: String,
    pub(super) source: PathBuf,
    /// What the compiler is told, but for which headers `bpf/` has.
    pub(super) flags: Vec<String>,
    pub(super) endian: Endian,
    /// The folder of the `vmlinux.h` that it includes, if it does.
    pub(super) vmlinux: Option<PathBuf>,
}

/// Byte order of the machine that the program is for.
#[derive(Clone, Copy)]
pub(super) enum Endian {
    Little,
    Big,
}

/// Whose headers: a folder that holds `bpf/`, and what its files are.
pub(super) struct Side {
    /// What its objects' folder is called.
    pub(super) name: &'static str,
    /// Named by what its files hold.
    pub(super) include: PathBuf,
}

impl Side {
    /// A copy of the headers in `from`, which may change while programs are compiled.
    pub(super) fn new(name: &'static str, from: &Path) -> Result<Side> {
        let mut fingerprint = Fnv::new();
        let mut files = Vec::new();
        for path in files_below(&from.join("bpf"))? {
            let (file, text) = (path.strip_prefix(from).expect("found below it").to_owned(), read(&path)?);
            fingerprint.add(file.as_os_str().as_encoded_bytes());
            fingerprint.add(&text);
            files.push((file, text));
        }
        let include = corpus_dir().join(format!("include/{name}-{:016x}", fingerprint.0));
        for (file, text) in files {
            if !include.join(&file).exists() {
                write(&include.join(&file), &text)?;
            }
        }
        Ok(Side { name, include })
    }
}

/// What a compilation came to.
pub(super) enum Outcome {
    /// An object, and what the compiler warned of: one line each, without places.
    Object { bytes: Vec<u8>, warnings: Vec<String> },
    /// The first error.
    Failure(String),
}

/// Compiles the program of a set, or takes what an earlier run made of the same.
pub(super) fn compile(set: &str, program: &Program, side: &Side) -> Result<Outcome> {
    let dir = corpus_dir().join("objects").join(set).join(side.name);
    create_dir(&dir)?;
    let object = dir.join(format!("{}.bpf.o", program.name));
    let (said, kept_key) = (dir.join(format!("{}.txt", program.name)), dir.join(format!("{}.key", program.name)));
    let mut command = command(program, side, &object);
    let key = key(&command, program)?;
    if fs::read(&kept_key).is_ok_and(|kept| kept == key.as_bytes()) {
        return outcome(&object, &said, side);
    }
    _ = fs::remove_file(&object);
    let mut output = None;
    if let Some(types) = precompiled_types(program)? {
        output = Some(run(command.arg("-include-pch").arg(types))?);
    }
    // What does not compile with the types put in front is asked once more without, lest that be the reason.
    let output = match output {
        Some(output) if output.status.success() => output,
        _ => run(&mut self::command(program, side, &object))?,
    };
    write(&said, &output.stderr)?;
    if !output.status.success() {
        _ = fs::remove_file(&object);
    }
    write(&kept_key, key.as_bytes())?;
    outcome(&object, &said, side)
}

fn run(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().context(format_args!("cannot run {CLANG_PROGRAM}"))
}

fn clang(program: &Program) -> Command {
    let mut command = Command::new(CLANG_PROGRAM);
    command.arg(match program.endian {
        Endian::Little => "--target=bpfel",
        Endian::Big => "--target=bpfeb",
    });
    command.args(["-O2", "-g", "-Wall", "-fno-caret-diagnostics", "-fno-color-diagnostics"]);
    // Wherever the caller is, the same.
    command.current_dir(corpus_dir());
    command
}

fn command(program: &Program, side: &Side, object: &Path) -> Command {
    let mut command = clang(program);
    command.arg("-I").arg(&side.include).args(&program.flags);
    command.arg("-c").arg(&program.source).arg("-o").arg(object);
    command.arg("-MD").arg("-MF").arg(object.with_extension("d"));
    command
}

/// The kernel's types as the compiler keeps them once read, which is most of the time that a program takes. For programs that
/// begin with them, so that nothing that stands before can change what they mean.
fn precompiled_types(program: &Program) -> Result<Option<PathBuf>> {
    static MAKING: Mutex<()> = Mutex::new(());
    let Some(dir) = &program.vmlinux else { return Ok(None) };
    let source = read(&program.source)?;
    let source = String::from_utf8_lossy(&source);
    let first = source.lines().map(str::trim).find(|line| line.starts_with('#'));
    if !first.is_some_and(|line| matches!(line, "#include \"vmlinux.h\"" | "#include <vmlinux.h>")) {
        return Ok(None);
    }
    let header = dir.join("vmlinux.h");
    let mut command = clang(program);
    command.args(&program.flags).arg("-x").arg("c-header").arg(&header);
    let mut name = Fnv::new();
    command.get_args().for_each(|arg| name.add(arg.as_encoded_bytes()));
    let kept = corpus_dir().join("types").join(format!("{:016x}.pch", name.0));
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if !kept.exists() {
        create_dir(&corpus_dir().join("types"))?;
        let partial = kept.with_extension("partial");
        run_quiet(command.arg("-w").arg("-o").arg(&partial)).context(header.display())?;
        fs::rename(&partial, &kept).context(kept.display())?;
    }
    Ok(Some(kept))
}

/// All that goes into an object: the command names its headers by what they hold, and trees of sources never change once
/// unpacked, but for our own programs.
fn key(command: &Command, program: &Program) -> Result<String> {
    let mut key = Fnv::new();
    for arg in command.get_args() {
        key.add(arg.as_encoded_bytes());
    }
    let folder = program.source.parent().context("a source without a folder")?;
    for path in [&program.source, &folder.join("machine.h"), &folder.join("types.h")] {
        key.add(&fs::read(path).unwrap_or_default());
    }
    Ok(format!("{:016x}\n", key.0))
}

fn outcome(object: &Path, said: &Path, side: &Side) -> Result<Outcome> {
    let text = String::from_utf8_lossy(&read(said)?).into_owned();
    if !object.exists() {
        let error = text.lines().find_map(|line| line.split_once("error: ").map(|(_, error)| error));
        return Ok(Outcome::Failure(error.unwrap_or_else(|| text.lines().next().unwrap_or("nothing said")).to_owned()));
    }
    // A program that found the headers elsewhere would compare one side with itself.
    let dependencies = read(&object.with_extension("d"))?;
    let dependencies = String::from_utf8_lossy(&dependencies);
    let strays = |path: &&str| path.contains("/bpf/bpf_helpers.h") && !Path::new(path).starts_with(&side.include);
    if let Some(stray) = dependencies.split_whitespace().find(strays) {
        return Err(Error::new(format!("{} was compiled with {stray}", object.display())));
    }
    let warnings = text.lines().filter_map(|line| line.split_once("warning: ").map(|(_, warning)| warning.to_owned()));
    Ok(Outcome::Object { bytes: read(object)?, warnings: warnings.collect() })
}

/// FNV-1a, for keys of a cache.
struct Fnv(u64);

impl Fnv {
    fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        // The length, so that parts do not run into each other.
        for byte in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
