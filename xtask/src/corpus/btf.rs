//! `corpus btf`: BTF as kernels have it. Of each kernel of the matrix, of arm64's and of s390x's (the other byte order), that of
//! vmlinux and of every module, out of Debian's packages and without booting anything:
//!
//!     target/corpus/btf/NAME/vmlinux.btf
//!     target/corpus/btf/NAME/modules/MODULE.btf
//!     target/corpus/btf/NAME/modules/MODULE.base.btf    the distilled base, of a module that has one

use super::sources::corpus_dir;
use crate::{
    error::{Context, Error, Result},
    kernels::{FOREIGN, KERNELS, Kernel, KernelFiles, module_file},
    vmlinux_btf::{elf_section, vmlinux_btf},
    workspace::{create_dir, write},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// The BTF of a kernel and its modules, on disk.
pub(crate) struct KernelTypes {
    pub(crate) name: &'static str,
    /// The target that clang knows the kernel's machine by.
    pub(crate) clang_target: &'static str,
    pub(crate) vmlinux: PathBuf,
    /// In order of name.
    pub(crate) modules: Vec<ModuleTypes>,
}

/// The split BTF of a module.
pub(crate) struct ModuleTypes {
    pub(crate) name: String,
    pub(crate) btf: PathBuf,
    /// What it is split from, where that is not the kernel's.
    pub(crate) distilled_base: Option<PathBuf>,
}

/// Runs the task: `corpus btf [NAME]...`.
pub(super) fn run(names: &[String]) -> Result {
    for types in kernels(names)? {
        let sizes = |paths: &mut dyn Iterator<Item = &PathBuf>| -> u64 {
            paths.filter_map(|path| Some(fs::metadata(path).ok()?.len())).sum()
        };
        println!(
            "{:<11} vmlinux {:>9} bytes; {:>4} modules, {:>9} bytes, {} with a distilled base",
            types.name,
            sizes(&mut [&types.vmlinux].into_iter()),
            types.modules.len(),
            sizes(&mut types.modules.iter().map(|module| &module.btf)),
            types.modules.iter().filter(|module| module.distilled_base.is_some()).count(),
        );
    }
    println!("in {}", dir().display());
    Ok(())
}

fn dir() -> PathBuf {
    corpus_dir().join("btf")
}

/// The types of these kernels, or of all when none is named; written first where they are not there yet.
pub(crate) fn kernels(names: &[String]) -> Result<Vec<KernelTypes>> {
    let all = || KERNELS.iter().chain(&FOREIGN);
    let known = || all().map(|kernel| kernel.name).collect::<Vec<_>>().join(", ");
    if let Some(name) = names.iter().find(|name| all().all(|kernel| kernel.name != **name)) {
        return Err(Error::new(format!("no kernel {name:?}: there are {}", known())));
    }
    let wanted = all().filter(|kernel| names.is_empty() || names.iter().any(|name| name == kernel.name));
    wanted.map(types_of).collect()
}

fn types_of(kernel: &'static Kernel) -> Result<KernelTypes> {
    let dir = dir().join(kernel.name);
    if !dir.exists() {
        let partial = dir.with_extension(format!("partial-{}", std::process::id()));
        create_dir(&partial.join("modules"))?;
        extract(&kernel.files(false)?, &partial)?;
        fs::rename(&partial, &dir).context(format_args!("cannot make {}", dir.display()))?;
    }
    let modules = dir.join("modules");
    let files = fs::read_dir(&modules).context(modules.display())?;
    let names = files.filter_map(|file| {
        let name = file.ok()?.file_name().into_string().ok()?;
        name.strip_suffix(".btf").filter(|name| !name.ends_with(".base")).map(str::to_owned)
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    let module = |name: String| {
        let base = modules.join(format!("{name}.base.btf"));
        ModuleTypes { btf: modules.join(format!("{name}.btf")), distilled_base: base.exists().then_some(base), name }
    };
    let clang_target = match kernel.architecture {
        "amd64" => "x86_64-linux-gnu",
        "arm64" => "aarch64-linux-gnu",
        "s390x" => "s390x-linux-gnu",
        other => return Err(Error::new(format!("no clang target is known for {other}"))),
    };
    Ok(KernelTypes {
        name: kernel.name,
        clang_target,
        vmlinux: dir.join("vmlinux.btf"),
        modules: names.into_iter().map(module).collect(),
    })
}

/// Writes the sections of a kernel and its modules.
fn extract(kernel: &KernelFiles, dir: &Path) -> Result {
    println!("taking the BTF out of {} and its modules", kernel.release);
    write(&dir.join("vmlinux.btf"), &vmlinux_btf(kernel)?)?;
    let modules = kernel.modules()?;
    in_parallel(&modules, |(name, path)| {
        let elf = module_file(path)?;
        for (section, ending) in [(".BTF", "btf"), (".BTF.base", "base.btf")] {
            // A module that defines no type of its own may have no section.
            if let Some(bytes) = elf_section(&elf, section) {
                fs::write(dir.join("modules").join(format!("{name}.{ending}")), bytes).context(path.display())?;
            }
        }
        Ok(())
    })
}

/// Does something with each of these, several at a time. The first failure is what comes of it.
pub(crate) fn in_parallel<T: Sync>(items: &[T], work: impl Fn(&T) -> Result + Sync) -> Result {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let work_some = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = work(item) {
                failures.lock().unwrap_or_else(PoisonError::into_inner).push(error);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(work_some);
        }
    });
    let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failures.is_empty() { Ok(()) } else { Err(failures.remove(0)) }
}
