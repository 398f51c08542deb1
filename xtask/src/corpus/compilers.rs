//! `corpus compilers`: our own programs as the compilers that people have compile them: clang 11 to 23, gcc's BPF back end, and
//! what bpftool's linker makes of that; with older and newer instructions, other optimisation, without types, for the other byte
//! order, stripped.
//!
//!     target/corpus/objects/compilers/COMPILER/VARIANT/PROGRAM.bpf.o
//!
//! Compilers are fetched, from Debian or, for the versions of clang that Debian no longer has, within Python's ziglang; and run from
//! the cache by the loader and with the libraries of their own release. None is installed. What one does not compile is counted.

use super::{btf::in_parallel, sources::corpus_dir};
use crate::{
    debian::{Suite, Wanted, ensure_installed},
    error::{Context, Result},
    fixtures::kernel_btf,
    process::{have, run_quiet},
    reference::reference,
    workspace::{cache_dir, create_dir, files_below, lock_cache, read, root, write},
};
use purebpf_btf::{Btf, dump};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

/// Where a compiler comes from.
#[derive(Clone, Copy)]
enum Origin {
    /// Debian's suite, and what it calls the library that most of the compiler is in.
    Clang { suite: &'static str, library: &'static str },
    /// The version of Python's package ziglang, whose program is that clang too.
    Zig { version: &'static str },
    /// Debian's suite of gcc-bpf.
    Gcc { suite: &'static str },
}

/// Compilers, each with its name here: that of its package, with the version.
const COMPILERS: [(&str, Origin); 16] = [
    ("clang-11", Origin::Clang { suite: "bullseye", library: "libclang-cpp11" }),
    ("clang-12", Origin::Zig { version: "0.8.1" }),
    ("clang-13", Origin::Clang { suite: "bookworm", library: "libclang-cpp13" }),
    ("clang-14", Origin::Clang { suite: "bookworm", library: "libclang-cpp14" }),
    ("clang-15", Origin::Clang { suite: "bookworm", library: "libclang-cpp15" }),
    ("clang-16", Origin::Clang { suite: "bookworm", library: "libclang-cpp16" }),
    ("clang-17", Origin::Clang { suite: "trixie", library: "libclang-cpp17t64" }),
    ("clang-18", Origin::Clang { suite: "trixie", library: "libclang-cpp18" }),
    ("clang-19", Origin::Clang { suite: "trixie", library: "libclang-cpp19" }),
    ("clang-20", Origin::Zig { version: "0.15.2" }),
    ("clang-21", Origin::Clang { suite: "sid", library: "libclang-cpp21" }),
    ("clang-22", Origin::Clang { suite: "trixie", library: "libclang-cpp22" }),
    ("clang-23", Origin::Clang { suite: "sid", library: "libclang-cpp23" }),
    ("gcc-12", Origin::Gcc { suite: "bookworm" }),
    ("gcc-14", Origin::Gcc { suite: "trixie" }),
    ("gcc-16", Origin::Gcc { suite: "sid" }),
];

/// How programs are compiled.
struct Variant {
    name: &'static str,
    optimisation: &'static str,
    instructions: &'static str,
    /// Types, and what clang writes with them.
    debug: bool,
    big_endian: bool,
}

/// All programs are compiled in the first way; in each of the others a third of them, of each compiler another.
const VARIANTS: [Variant; 6] = [
    Variant { name: "v3", optimisation: "-O2", instructions: "v3", debug: true, big_endian: false },
    Variant { name: "v1", optimisation: "-O2", instructions: "v1", debug: true, big_endian: false },
    Variant { name: "v2-O1", optimisation: "-O1", instructions: "v2", debug: true, big_endian: false },
    Variant { name: "v4", optimisation: "-O2", instructions: "v4", debug: true, big_endian: false },
    Variant { name: "untyped", optimisation: "-O2", instructions: "v3", debug: false, big_endian: false },
    Variant { name: "big", optimisation: "-O2", instructions: "v3", debug: true, big_endian: true },
];

/// What is made of objects of the first way, of a third of them each, and with which arguments of llvm-strip.
const STRIPPED: [(&str, &str); 3] =
    [("stripped", "--strip-debug"), ("unneeded", "--strip-unneeded"), ("bare", "--strip-all")];

const STRIP_PROGRAM: &str = "llvm-strip-19";
const STRIP: Wanted = Wanted::program("llvm-19", STRIP_PROGRAM);

/// The set's name.
const SET: &str = "compilers";

/// Runs the task: of all compilers, or of those that are named.
pub(super) fn run(names: &[String]) -> Result {
    if let Some(name) = names.iter().find(|name| COMPILERS.iter().all(|(known, _)| known != name)) {
        return Err(format!("no compiler {name:?}: there are {}", COMPILERS.map(|(known, _)| known).join(", ")).into());
    }
    let made = make(names)?;
    println!("{:<10} {:>8} {:>8}  first reason", "compiler", "objects", "failed");
    for (compiler, outcome) in &made {
        match outcome {
            Ok(Made { objects, failures }) => {
                let reason = failures.first().map_or("", |(_, reason)| reason);
                println!("{compiler:<10} {objects:>8} {:>8}  {reason}", failures.len());
            }
            Err(why) => println!("{compiler:<10} skipped: {why}"),
        }
    }
    println!("{} objects in {}", objects()?.len(), dir().display());
    Ok(())
}

fn dir() -> PathBuf {
    corpus_dir().join("objects").join(SET)
}

/// Names and paths of the objects that are there, in order.
pub(crate) fn objects() -> Result<Vec<(String, PathBuf)>> {
    let dir = dir();
    let found = files_below(&dir)?.into_iter().filter_map(|path| {
        let name = path.strip_prefix(&dir).ok()?.to_string_lossy().strip_suffix(".bpf.o")?.to_owned();
        Some((name, path))
    });
    Ok(found.collect())
}

/// What a compiler made.
struct Made {
    objects: usize,
    /// What it did not compile, and why.
    failures: Vec<(String, String)>,
}

/// Everything, of each compiler whose objects are not there yet.
fn make(names: &[String]) -> Result<Vec<(&'static str, std::result::Result<Made, String>)>> {
    ensure_installed("stripping BPF programs", &[STRIP])?;
    let work = Work::new()?;
    let mut made = Vec::new();
    for (index, (name, origin)) in COMPILERS.into_iter().enumerate() {
        if !names.is_empty() && names.iter().all(|wanted| wanted != name) {
            continue;
        }
        let outcome = Compiler::fetch(name, origin).and_then(|compiler| work.compile_all(&compiler, index));
        made.push((name, outcome.map_err(|error| error.to_string())));
    }
    Ok(made)
}

/// A compiler in the cache.
struct Compiler {
    name: &'static str,
    origin: Origin,
    /// What it is unpacked in.
    dir: PathBuf,
}

impl Compiler {
    fn fetch(name: &'static str, origin: Origin) -> Result<Compiler> {
        let folder = match origin {
            Origin::Clang { .. } => name.to_owned(),
            Origin::Zig { version } => format!("ziglang-{version}"),
            Origin::Gcc { suite } => format!("gcc-bpf-{suite}"),
        };
        let dir = cache_dir()?.join(folder);
        if !dir.exists() {
            let _lock = lock_cache()?;
            let of_debian = |suite, needs: &[&str], more: &[String]| -> Result {
                let suite = Suite::open(suite)?;
                let mut packages = suite.libraries(needs)?;
                packages.extend_from_slice(more);
                suite.unpack(&packages.iter().map(String::as_str).collect::<Vec<_>>(), &dir)
            };
            match origin {
                Origin::Clang { suite, library } => {
                    let version = name.trim_start_matches("clang-");
                    of_debian(suite, &[library], &[name.to_owned(), format!("libclang-common-{version}-dev")])?;
                }
                Origin::Gcc { suite } => of_debian(suite, &["gcc-bpf"], &[])?,
                Origin::Zig { version } => unpack_wheel(version, &dir)?,
            }
        }
        Ok(Compiler { name, origin, dir })
    }

    /// The compiler, to be told what any is told.
    fn command(&self) -> Result<Command> {
        if let Origin::Zig { .. } = self.origin {
            let mut command = Command::new(self.dir.join("ziglang/zig"));
            command.arg("clang");
            return Ok(command);
        }
        // By the loader of its own release: it may be older or newer than this system.
        let loader = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
            .map(|dir| self.dir.join(dir).join("ld-linux-x86-64.so.2"))
            .into_iter()
            .find(|path| path.exists());
        let loader = loader.context(format_args!("{}: no loader", self.dir.display()))?;
        let version = self.name.trim_start_matches("clang-");
        let mut libraries = vec!["usr/lib/x86_64-linux-gnu".to_owned(), "lib/x86_64-linux-gnu".to_owned()];
        if let Origin::Clang { .. } = self.origin {
            libraries.push(format!("usr/lib/llvm-{version}/lib"));
        }
        let libraries: Vec<String> = libraries.iter().map(|dir| self.dir.join(dir).display().to_string()).collect();
        let libraries = libraries.join(":");
        let mut command = Command::new(&loader);
        command.arg("--library-path").arg(&libraries);
        if let Origin::Clang { .. } = self.origin {
            // Which of its parts are where it would ask of the program that runs, which is the loader.
            let home = self.dir.join(format!("usr/lib/llvm-{version}"));
            // What is a link in one version is the folder itself in another.
            let places = [home.join("lib/clang"), self.dir.join("usr/lib/clang")];
            let headers = places.iter().filter_map(|place| files_below(place).ok()).flatten();
            let header = headers.into_iter().find(|path| path.ends_with("include/stdarg.h"));
            let resources = header.as_deref().and_then(|header| header.ancestors().nth(2));
            let resources = resources.context(format_args!("{}: no stdarg.h", self.dir.display()))?;
            command.arg(home.join("bin/clang")).arg("-resource-dir").arg(resources);
        } else {
            let bin = self.dir.join("usr/bin");
            let parts = self.dir.join("usr/lib/gcc/bpf");
            let parts = fs::read_dir(&parts).context(parts.display())?.flatten().next();
            let parts = parts.context("no part of gcc")?.path();
            command.arg(bin.join("bpf-gcc"));
            command.arg("-wrapper").arg(format!("{},--library-path,{libraries}", loader.display()));
            command.arg(format!("-B{}/", parts.display())).arg(format!("-B{}/bpf-", bin.display()));
        }
        Ok(command)
    }
}

/// Fetches a version of Python's ziglang.
fn unpack_wheel(version: &str, into: &Path) -> Result {
    if !have("python3") {
        return Err("fetching ziglang needs python3 with pip".into());
    }
    let partial = into.with_extension(format!("partial-{}", std::process::id()));
    create_dir(&partial)?;
    let unpacked = (|| {
        println!("fetching ziglang {version} with pip");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest"]);
        run_quiet(pip.arg(&partial).arg(format!("ziglang=={version}")))?;
        let wheel = files_below(&partial)?.into_iter().next().context("pip downloaded nothing")?;
        let tree = partial.join("tree");
        run_quiet(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&tree))?;
        let program = tree.join("ziglang/zig");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).context(program.display())?;
        fs::rename(&tree, into).context(format_args!("cannot make {}", into.display()))
    })();
    _ = fs::remove_dir_all(&partial);
    unpacked
}

/// What is compiled, with what.
struct Work {
    /// Programs by name.
    programs: BTreeMap<String, PathBuf>,
    /// The folder of vmlinux.h.
    types: PathBuf,
    reference: PathBuf,
    /// Of all that objects are made of, but for compilers.
    key: String,
}

impl Work {
    fn new() -> Result<Work> {
        let mut programs = BTreeMap::new();
        let mut key = Sha256::new();
        for folder in ["tests/programs", "examples", "bpf-helpers/include", "xtask/src/corpus/compilers.rs"] {
            let path = root().join(folder);
            let files = if path.is_dir() { files_below(&path)? } else { vec![path] };
            for path in files {
                let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if let Some(name) = file.strip_suffix(".bpf.c") {
                    programs.insert(name.to_owned(), path.clone());
                }
                if ["c", "h", "rs"].iter().any(|extension| path.extension().is_some_and(|found| found == *extension)) {
                    key.update(read(&path)?);
                }
            }
        }
        let btf = kernel_btf()?;
        key.update(&btf);
        let mut header = String::new();
        let btf = Btf::parse(btf).context("the kernel's types")?;
        dump::c::Header::new(&btf).write(&mut header).context("the kernel's types")?;
        let types = dir().join("include");
        write(&types.join("vmlinux.h"), header.as_bytes())?;
        let key: String = key.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Work { programs, types, reference: reference()?, key })
    }

    /// All that a compiler makes, unless it is there.
    fn compile_all(&self, compiler: &Compiler, index: usize) -> Result<Made> {
        let dir = dir().join(compiler.name);
        let (key, failed) = (dir.join("key"), dir.join("failed.tsv"));
        if !fs::read_to_string(&key).is_ok_and(|kept| kept == self.key) {
            println!("{}: compiling", compiler.name);
            if dir.exists() {
                fs::remove_dir_all(&dir).context(dir.display())?;
            }
            let failures = self.compile_programs(compiler, index, &dir)?;
            write(
                &failed,
                failures.iter().map(|(what, why)| format!("{what}\t{why}\n")).collect::<String>().as_bytes(),
            )?;
            write(&key, self.key.as_bytes())?;
        }
        let objects =
            files_below(&dir)?.iter().filter(|path| path.extension().is_some_and(|found| found == "o")).count();
        let text = fs::read_to_string(&failed).context(failed.display())?;
        let failures = text.lines().filter_map(|line| line.split_once('\t'));
        Ok(Made { objects, failures: failures.map(|(what, why)| (what.to_owned(), why.to_owned())).collect() })
    }

    /// Compiles, strips and links. Returns what failed and why.
    fn compile_programs(&self, compiler: &Compiler, index: usize, dir: &Path) -> Result<Vec<(String, String)>> {
        let failures = Mutex::new(Vec::new());
        let failed = |what: String, why: &str| {
            // What libbpf says before bpftool does tells more; the first line is which command it was.
            let said = |word| why.lines().find_map(|line: &str| line.split_once(word).map(|(_, error)| error));
            let why = said("libbpf: ").or_else(|| said("rror: ")).or_else(|| why.lines().nth(1)).unwrap_or(why);
            failures.lock().unwrap_or_else(PoisonError::into_inner).push((what, why.trim().replace('\t', " ")));
        };
        let is_chosen = |program: usize, variant: usize| variant == 0 || (program + variant + index) % 3 == 1;
        let mut compilations = Vec::new();
        for (program, (name, source)) in self.programs.iter().enumerate() {
            for (number, variant) in VARIANTS.iter().enumerate() {
                if is_chosen(program, number) {
                    compilations.push((name, source, variant));
                }
            }
        }
        for variant in &VARIANTS {
            create_dir(&dir.join(variant.name))?;
        }
        in_parallel(&compilations, |(name, source, variant)| {
            let object = dir.join(variant.name).join(format!("{name}.bpf.o"));
            if let Err(error) = run_quiet(&mut self.compilation(compiler, source, variant, &object)?) {
                failed(format!("{}/{name}", variant.name), &error.to_string());
            }
            Ok(())
        })?;
        let object = |variant: &str, name: &str| dir.join(variant).join(format!("{name}.bpf.o"));
        let first = VARIANTS[0].name;
        let compiled: Vec<&String> = self.programs.keys().filter(|name| object(first, name).exists()).collect();
        for (number, (variant, argument)) in STRIPPED.into_iter().enumerate() {
            create_dir(&dir.join(variant))?;
            for (program, name) in compiled.iter().enumerate() {
                if !is_chosen(program, number + 1) {
                    continue;
                }
                let mut strip = Command::new(STRIP_PROGRAM);
                strip.arg(argument).arg("-o").arg(object(variant, name)).arg(object(first, name));
                if let Err(error) = run_quiet(&mut strip) {
                    failed(format!("{variant}/{name}"), &error.to_string());
                }
            }
        }
        // Each alone, and with the next one; those for the other byte order too.
        let variants = [(first, "linked"), ("big", "linked-big")];
        for (from, variant) in variants {
            create_dir(&dir.join(variant))?;
            let there: Vec<&String> = self.programs.keys().filter(|name| object(from, name).exists()).collect();
            let alone = there.iter().map(|name| vec![*name]);
            let pairs = there.windows(2).map(<[&String]>::to_vec);
            for names in alone.chain(pairs) {
                let together = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join("+");
                let into = object(variant, &together);
                let mut linker = Command::new(self.reference.join("bpftool"));
                linker.args(["gen", "object"]).arg(&into).args(names.iter().map(|name| object(from, name)));
                if let Err(error) = run_quiet(&mut linker) {
                    // It leaves what it began.
                    _ = fs::remove_file(&into);
                    failed(format!("{variant}/{together}"), &error.to_string());
                }
            }
        }
        let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        failures.sort();
        Ok(failures)
    }

    fn compilation(&self, compiler: &Compiler, source: &Path, variant: &Variant, object: &Path) -> Result<Command> {
        let mut command = compiler.command()?;
        // Which programs a compiler has no words for is to be known, not what it thinks of the rest.
        command.args(["-w", variant.optimisation]).arg(format!("-mcpu={}", variant.instructions));
        command.arg("-D__TARGET_ARCH_x86");
        if let Origin::Gcc { .. } = compiler.origin {
            // Newer C has other keywords than the kernel's types; clang's attribute for CO-RE is not known to all of them.
            command.args(["-std=gnu17", "-DBPF_NO_PRESERVE_ACCESS_INDEX"]);
            command.arg(if variant.big_endian { "-mbig-endian" } else { "-mlittle-endian" });
            if variant.debug {
                command.arg("-gbtf");
            }
            // Ours are for clang.
            command.arg("-I").arg(self.reference.join("include"));
        } else {
            command.arg(if variant.big_endian { "--target=bpfeb" } else { "--target=bpfel" });
            if variant.debug {
                command.arg("-g");
            }
            command.arg("-I").arg(root().join("bpf-helpers/include"));
        }
        command.arg("-isystem").arg(&self.types).arg("-c").arg(source).arg("-o").arg(object);
        Ok(command)
    }
}
