//! The programs of the corpus, and what each set of them is compiled with: as its own makefile does, so far as that is
//! known to the compiler.

use super::compile::{Endian, Program};
use crate::{
    debian::{Suite, Wanted, ensure_installed},
    error::{Context, Result},
    kernels::select,
    process::run_quiet,
    reference::reference,
    vmlinux_btf::vmlinux_btf,
    workspace::{cache_dir, create_dir, files_below, lock_cache, read, root, target_dir, write},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A set of programs that come from one place.
pub(super) struct Set {
    /// What it is called on the command line, in tables and in paths.
    pub(super) name: &'static str,
    /// Where its programs come from, in a few words.
    pub(super) about: &'static str,
    /// Whether the programs are ours: then each must compile with libbpf's headers.
    pub(super) own: bool,
    /// Finds and, where needed, fetches them. What cannot be had is an error that says why.
    pub(super) programs: fn() -> Result<Vec<Program>>,
}

/// All sets, in order of the report.
pub(super) const SETS: [Set; 5] = [
    Set {
        name: "macros",
        about: "bpf-helpers/tests/macros: every macro of the headers, on every machine",
        own: true,
        programs: macros,
    },
    Set {
        name: "libbpf-tools",
        about: "Debian's source package bpfcc, folder libbpf-tools",
        own: false,
        programs: libbpf_tools,
    },
    Set {
        name: "kernel-7.2",
        about: "linux-source-7.2: programs of perf, sched_ext, bpftool, rtla, HID drivers, samples",
        own: false,
        programs: || kernel_programs(&LINUX_7_2),
    },
    Set {
        name: "selftests-7.2",
        about: "linux-source-7.2: tools/testing/selftests/bpf/progs",
        own: false,
        programs: || selftests(&LINUX_7_2),
    },
    Set {
        name: "selftests-6.12",
        about: "linux-source-6.12: tools/testing/selftests/bpf/progs",
        own: false,
        programs: || selftests(&LINUX_6_12),
    },
];

/// A kernel's source in Debian, and the matrix's kernel of the same version.
struct Linux {
    package: &'static str,
    suite: &'static str,
    kernel: &'static str,
}

const LINUX_7_2: Linux = Linux { package: "linux-source-7.2", suite: "sid", kernel: "7.2" };
const LINUX_6_12: Linux = Linux { package: "linux-source-6.12", suite: "trixie", kernel: "6.12" };

/// What BPF programs are, and include, in a kernel's tree.
const PARTS: [&str; 11] = [
    "tools/testing/selftests/bpf/*",
    "tools/include/*",
    "tools/arch/x86/include/*",
    "tools/sched_ext/*",
    "tools/perf/util/*",
    "tools/perf/bench/bpf_skel/*",
    "tools/bpf/bpftool/skeleton/*",
    "tools/tracing/rtla/src/*",
    "samples/*",
    "drivers/hid/bpf/*",
    "kernel/bpf/preload/*",
];

/// The folder of everything that the task makes.
pub(super) fn corpus_dir() -> PathBuf {
    target_dir().join("corpus")
}

impl Linux {
    /// The tree of its source, so far as PARTS says.
    fn tree(&self) -> Result<PathBuf> {
        let package = unpacked(self.suite, self.package)?;
        let tarball = package.join(format!("usr/src/{}.tar.xz", self.package));
        extracted(&tarball, self.package, |tar| {
            tar.arg("--wildcards").args(PARTS.map(|part| format!("*/{part}")));
        })
    }

    /// A folder with `vmlinux.h` of the matrix's kernel, as bpftool writes it.
    fn vmlinux_header(&self) -> Result<PathBuf> {
        let dir = corpus_dir().join("vmlinux").join(self.kernel);
        let header = dir.join("vmlinux.h");
        if !header.exists() {
            let btf = vmlinux_types(self.kernel)?;
            let text = run_quiet(
                Command::new(reference()?.join("bpftool"))
                    .args(["btf", "dump", "file"])
                    .arg(&btf)
                    .args(["format", "c"]),
            )?;
            write(&header, text.as_bytes())?;
        }
        Ok(dir)
    }

    /// The UAPI headers of its version, as installed.
    fn uapi(&self) -> Result<Vec<String>> {
        let package = unpacked_as(self.suite, "linux-libc-dev", &format!("linux-libc-dev-{}", self.suite))?;
        let folders = ["usr/include", "usr/lib/linux/uapi/x86", "usr/include/x86_64-linux-gnu"];
        let folders = folders.map(|folder| package.join(folder)).into_iter().filter(|folder| folder.exists());
        Ok(folders.map(|folder| format!("-isystem{}", folder.display())).collect())
    }
}

/// A file with the BTF of a kernel of the matrix.
pub(crate) fn vmlinux_types(kernel: &str) -> Result<PathBuf> {
    let btf = corpus_dir().join("vmlinux").join(kernel).join("vmlinux.btf");
    if !btf.exists() {
        let files = select(&[kernel.to_owned()])?[0].files(false)?;
        write(&btf, &vmlinux_btf(&files)?)?;
    }
    Ok(btf)
}

/// A Debian package unpacked in the cache.
fn unpacked(suite: &'static str, package: &str) -> Result<PathBuf> {
    unpacked_as(suite, package, package)
}

fn unpacked_as(suite: &'static str, package: &str, name: &str) -> Result<PathBuf> {
    let dir = cache_dir()?.join(name);
    if !dir.exists() {
        let _lock = lock_cache()?;
        if !dir.exists() {
            Suite::open(suite)?.unpack(&[package], &dir)?;
        }
    }
    Ok(dir)
}

/// A tarball's contents below the output folder, without its top folder.
fn extracted(tarball: &Path, name: &str, select: impl FnOnce(&mut Command)) -> Result<PathBuf> {
    let dir = corpus_dir().join("sources").join(name);
    if dir.exists() {
        return Ok(dir);
    }
    println!("unpacking {}", tarball.display());
    let partial = dir.with_extension(format!("partial-{}", std::process::id()));
    create_dir(&partial)?;
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(tarball).arg("--directory").arg(&partial).arg("--strip-components=1");
    select(&mut tar);
    // A pattern that matches nothing is no failure: trees differ.
    let outcome = run_quiet(&mut tar);
    if outcome.as_ref().is_err_and(|error| !error.to_string().contains("Not found in archive")) {
        _ = fs::remove_dir_all(&partial);
        return outcome.map(|_| dir);
    }
    fs::rename(&partial, &dir).context(format_args!("cannot make {}", dir.display()))?;
    Ok(dir)
}

/// The C library's headers and the compiler's own come last, as the selftests' makefile has them: `--target=bpf` alone does not
/// know the machine's.
pub(crate) fn system_headers() -> Result<Vec<String>> {
    ensure_installed(
        "compiling programs that include the C library's headers",
        &[Wanted::file("libc6-dev", &["/usr/include/stdio.h"])],
    )?;
    let resources = run_quiet(Command::new(crate::fixtures::CLANG_PROGRAM).arg("-print-resource-dir"))?;
    Ok(vec![
        format!("-idirafter{}/include", resources.trim()),
        "-idirafter/usr/include/x86_64-linux-gnu".to_owned(),
        "-idirafter/usr/include".to_owned(),
    ])
}

/// The folder of the newest kernel's BPF selftests.
#[cfg(feature = "compare")]
pub(crate) fn kernel_selftests() -> Result<PathBuf> {
    Ok(LINUX_7_2.tree()?.join("tools/testing/selftests/bpf"))
}

/// The selftests: flags of tools/testing/selftests/bpf/Makefile, BPF_CFLAGS and CLANG_BPF_BUILD_RULE.
fn selftests(linux: &Linux) -> Result<Vec<Program>> {
    let tree = linux.tree()?;
    let here = tree.join("tools/testing/selftests/bpf");
    let mut flags = vec![
        "-mcpu=v3".to_owned(),
        "-D__TARGET_ARCH_x86".to_owned(),
        "-DENABLE_ATOMICS_TESTS".to_owned(),
        "-std=gnu11".to_owned(),
        "-fno-strict-aliasing".to_owned(),
        "-fms-extensions".to_owned(),
        "-Wno-microsoft-anon-tag".to_owned(),
        "-Wno-compare-distinct-pointer-types".to_owned(),
        "-Wno-initializer-overrides".to_owned(),
    ];
    let vmlinux = linux.vmlinux_header()?;
    let folders = [
        vmlinux.clone(),
        here.clone(),
        tree.join("tools/include/uapi"),
        tree.join("tools/include"),
        here.join("libarena/include"),
    ];
    flags.extend(folders.map(|folder| format!("-I{}", folder.display())));
    flags.extend(linux.uapi()?);
    flags.extend(system_headers()?);
    let mut programs = Vec::new();
    for source in c_files(&here.join("progs"))? {
        let name = file_stem(&source);
        let mut flags = flags.clone();
        // Two programs that the makefile compiles otherwise.
        if matches!(name.as_str(), "test_l4lb_noinline" | "test_xdp_noinline") {
            flags.push("-fno-inline".to_owned());
        }
        programs.push(Program { name, source, flags, endian: Endian::Little, vmlinux: Some(vmlinux.clone()) });
    }
    Ok(programs)
}

/// BPF programs elsewhere in the kernel's tree, each with its neighbours' headers.
fn kernel_programs(linux: &Linux) -> Result<Vec<Program>> {
    let tree = linux.tree()?;
    let vmlinux = linux.vmlinux_header()?;
    let mut flags = vec![
        "-mcpu=v3".to_owned(),
        "-D__TARGET_ARCH_x86".to_owned(),
        "-fms-extensions".to_owned(),
        "-Wno-microsoft-anon-tag".to_owned(),
        "-Wno-compare-distinct-pointer-types".to_owned(),
    ];
    let folders = [
        "tools/sched_ext/include",
        "tools/sched_ext/include/bpf-compat",
        "tools/perf/util",
        "tools/perf/util/bpf_skel",
        "samples/bpf",
        "drivers/hid/bpf/progs",
        "tools/testing/selftests/bpf",
        "tools/include/uapi",
        "tools/include",
    ];
    flags.extend(folders.map(|folder| format!("-I{}", tree.join(folder).display())));
    flags.extend(linux.uapi()?);
    flags.extend(system_headers()?);
    let mut programs = Vec::new();
    for source in files_below(&tree)? {
        let path = source.strip_prefix(&tree).expect("found below it").to_string_lossy().into_owned();
        // Samples of the old kind, *_kern.c, are compiled with the kernel's own headers.
        if path.starts_with("tools/testing/") || !path.ends_with(".bpf.c") {
            continue;
        }
        // perf keeps a small vmlinux.h of its own, which would hide the kernel's.
        let own = [format!("-I{}", vmlinux.display())];
        programs.push(Program {
            name: path.trim_end_matches(".bpf.c").replace('/', "_"),
            source,
            flags: own.into_iter().chain(flags.clone()).collect(),
            endian: Endian::Little,
            vmlinux: Some(vmlinux.clone()),
        });
    }
    Ok(programs)
}

/// Names a folder with the sources of libbpf-tools, for where Debian's source packages are not to be had.
const LIBBPF_TOOLS: &str = "PUREBPF_LIBBPF_TOOLS";

/// libbpf-tools: flags of its Makefile.
fn libbpf_tools() -> Result<Vec<Program>> {
    let here = match env::var_os(LIBBPF_TOOLS) {
        Some(dir) => PathBuf::from(dir),
        None => debian_libbpf_tools()
            .context(format_args!("no source of bpfcc; {LIBBPF_TOOLS} may name a folder that holds libbpf-tools"))?,
    };
    let mut flags = vec!["-D__TARGET_ARCH_x86".to_owned()];
    let vmlinux = [here.join("x86"), LINUX_7_2.vmlinux_header()?];
    // Its own vmlinux.h, where the package has one: it was made to have all that the programs need.
    let vmlinux = vmlinux.into_iter().find(|dir| dir.join("vmlinux.h").exists()).context("no vmlinux.h")?;
    flags.push(format!("-I{}", vmlinux.display()));
    flags.push(format!("-I{}", here.display()));
    flags.extend(LINUX_7_2.uapi()?);
    // The C library's <errno.h> asks for that of 32-bit x86, which few machines have, unless it finds the selftests' gnu/stubs.h.
    flags.push(format!("-idirafter{}", LINUX_7_2.tree()?.join("tools/testing/selftests/bpf").display()));
    flags.extend(system_headers()?);
    let sources = c_files(&here)?.into_iter().filter(|source| source.to_string_lossy().ends_with(".bpf.c"));
    Ok(sources
        .map(|source| Program {
            name: file_stem(&source).trim_end_matches(".bpf").to_owned(),
            source,
            flags: flags.clone(),
            endian: Endian::Little,
            vmlinux: Some(vmlinux.clone()),
        })
        .collect())
}

/// The folder in Debian's source package.
fn debian_libbpf_tools() -> Result<PathBuf> {
    let dir = cache_dir()?.join("bpfcc-source");
    if !dir.exists() {
        let _lock = lock_cache()?;
        if !dir.exists() {
            Suite::open("sid")?.unpack_source("bpfcc", &dir)?;
        }
    }
    Ok(dir.join("libbpf-tools"))
}

/// Our own programs: each for each machine that machines.txt lists.
fn macros() -> Result<Vec<Program>> {
    let here = root().join("bpf-helpers/tests/macros");
    let machines = String::from_utf8(read(&here.join("machines.txt"))?).context("machines.txt")?;
    let mut shared = vec!["-mcpu=v3".to_owned(), format!("-I{}", here.display())];
    shared.extend(LINUX_7_2.uapi()?);
    shared.extend(system_headers()?);
    let mut programs = Vec::new();
    for source in c_files(&here)? {
        let text = read(&source)?;
        // Programs that ask for no machine's registers are compiled for both byte orders only.
        let everywhere = String::from_utf8_lossy(&text).contains("machine.h");
        for line in machines.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            let (machine, target) = words.next().zip(words.next()).context(format_args!("machines.txt: {line}"))?;
            if everywhere || matches!(machine, "x86-user" | "s390") {
                programs.push(Program {
                    name: format!("{}-{machine}", file_stem(&source).trim_end_matches(".bpf")),
                    source: source.clone(),
                    flags: words.map(str::to_owned).chain(shared.clone()).collect(),
                    endian: if target == "bpfeb" { Endian::Big } else { Endian::Little },
                    vmlinux: None,
                });
            }
        }
    }
    Ok(programs)
}

/// The C files in a folder, not below it.
fn c_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let files = files_below(dir)?.into_iter();
    Ok(files.filter(|path| path.parent() == Some(dir) && path.extension().is_some_and(|name| name == "c")).collect())
}

fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
