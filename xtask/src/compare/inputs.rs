//! What is compared: BTF of kernels and their modules, of this machine's kernel, and of the objects of our tests.

use super::{Tools, poured};
use crate::{
    corpus::{
        btf::{KernelTypes, kernels},
        units::units,
    },
    error::{Context, Result},
    vmlinux_btf::elf_section,
    workspace::{create_dir, files_below, read, root, target_dir, write},
};
use purebpf_btf::{Btf, Endian};
use std::{
    env::consts::ARCH,
    fmt, fs,
    path::{Path, PathBuf},
};

/// One input.
pub(crate) struct Subject {
    /// The kernel it is of, or `machine`, or `objects`.
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    /// What it is split from.
    pub(crate) base: Option<PathBuf>,
    pub(crate) btf: Btf,
    /// The target that clang knows its machine by.
    pub(crate) clang_target: &'static str,
    pub(crate) place: Place,
    /// Of a module: another kernel of its byte order.
    pub(crate) other_kernel: Option<(PathBuf, Btf)>,
}

/// The byte order of this machine, which libbpf writes where nothing asks for another.
pub(super) const NATIVE: Endian = if cfg!(target_endian = "little") { Endian::Little } else { Endian::Big };

/// What the BTF is to others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A kernel's, or an object's: there once.
    Whole,
    /// A module's, split from its kernel's.
    Split,
    /// Gathered from many units, each with types of its own: only there to be deduplicated.
    Gathered,
}

impl Place {
    fn of(base: &Option<PathBuf>) -> Place {
        if base.is_some() { Place::Split } else { Place::Whole }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.group, self.name)
    }
}

impl Subject {
    /// A path for a file that a check makes.
    pub(crate) fn scratch(&self, tools: &Tools, ending: &str) -> PathBuf {
        tools.scratch.join(format!("{}-{}.{ending}", self.group, self.name))
    }

    /// Removes what the checks of a module made: a header is that of a whole kernel.
    pub(crate) fn clean(&self, tools: &Tools) {
        if self.base.is_some() {
            let made =
                ["c.h", "c-unsorted.h", "c.c", "c-unsorted.c", "ids", "distilled-base", "distilled-split", "relocated"];
            for ending in made {
                _ = fs::remove_file(self.scratch(tools, ending));
            }
        }
    }
}

const MACHINE: &str = "machine";
const OBJECTS: &str = "objects";
/// What `corpus btf-units` made: if it did, or if this asks for it by name.
const UNITS: &str = "units";

/// The inputs of these names, or all. The largest come first: they take longest.
pub(crate) fn subjects(names: &[String], modules: usize) -> Result<Vec<Subject>> {
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let of_corpus: Vec<String> =
        names.iter().filter(|name| !matches!(name.as_str(), MACHINE | OBJECTS | UNITS)).cloned().collect();
    let mut subjects = Vec::new();
    if names.is_empty() || !of_corpus.is_empty() {
        let kernels = kernels(&of_corpus)?;
        for kernel in &kernels {
            of_kernel(kernel, modules, &mut subjects)?;
        }
        subjects.extend(poured::subject(&kernels)?);
    }
    if wanted(MACHINE) {
        of_machine(modules, &mut subjects)?;
    }
    if let (true, Some(file)) = (wanted(UNITS), units(names.iter().any(|name| name == UNITS))?) {
        subjects.push(Subject {
            group: UNITS.to_owned(),
            name: "types".to_owned(),
            btf: parse(&file, None)?,
            file,
            base: None,
            clang_target: "bpf",
            place: Place::Gathered,
            other_kernel: None,
        });
    }
    if wanted(OBJECTS) {
        of_objects(&mut subjects)?;
    }
    name_other_kernels(&mut subjects);
    subjects.sort_by_key(|subject| match subject.place {
        Place::Gathered => 0,
        Place::Whole => 1,
        Place::Split => 2,
    });
    Ok(subjects)
}

/// Tells each module of a kernel that is not its own: the next that has its byte order.
fn name_other_kernels(subjects: &mut [Subject]) {
    let kernels = subjects.iter().filter(|subject| subject.place == Place::Whole && subject.group != OBJECTS);
    let kernels: Vec<(PathBuf, Btf)> = kernels.map(|kernel| (kernel.file.clone(), kernel.btf.clone())).collect();
    for module in subjects.iter_mut().filter(|subject| subject.place == Place::Split) {
        let own = kernels.iter().position(|(file, _)| Some(file) == module.base.as_ref()).unwrap_or_default();
        let mut others = kernels.iter().cycle().skip(own + 1).take(kernels.len().saturating_sub(1));
        module.other_kernel = others.find(|(_, btf)| btf.endian() == module.btf.endian()).cloned();
    }
}

/// So many of these, evenly among them.
fn sample<T>(items: Vec<T>, limit: usize) -> Vec<T> {
    let step = items.len().div_ceil(limit.max(1)).max(1);
    items.into_iter().step_by(step).take(limit).collect()
}

fn of_kernel(kernel: &KernelTypes, modules: usize, subjects: &mut Vec<Subject>) -> Result {
    let subject = |name: &str, file: &Path, btf: Btf, base: Option<PathBuf>| Subject {
        group: kernel.name.to_owned(),
        name: name.to_owned(),
        file: file.to_owned(),
        place: Place::of(&base),
        other_kernel: None,
        base,
        btf,
        clang_target: kernel.clang_target,
    };
    let vmlinux = parse(&kernel.vmlinux, None)?;
    for module in sample(kernel.modules.iter().collect(), modules) {
        let distilled = module.distilled_base.as_ref().map(|path| parse(path, None)).transpose()?;
        let btf = parse(&module.btf, Some(distilled.as_ref().unwrap_or(&vmlinux)))?;
        let base = module.distilled_base.as_ref().unwrap_or(&kernel.vmlinux);
        subjects.push(subject(&module.name, &module.btf, btf, Some(base.clone())));
    }
    subjects.push(subject("vmlinux", &kernel.vmlinux, vmlinux, None));
    Ok(())
}

/// The kernel that runs, copied: what is loaded next may be another.
fn of_machine(modules: usize, subjects: &mut Vec<Subject>) -> Result {
    let from = Path::new("/sys/kernel/btf");
    let clang_target = match ARCH {
        "x86_64" => "x86_64-linux-gnu",
        "aarch64" => "aarch64-linux-gnu",
        "s390x" => "s390x-linux-gnu",
        _ => return Ok(()),
    };
    if !from.join("vmlinux").exists() {
        println!("{MACHINE}: skipped: no {}", from.join("vmlinux").display());
        return Ok(());
    }
    let to = target_dir().join("compare/machine");
    create_dir(&to)?;
    let mut copied = Vec::new();
    for file in files_below(from)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let copy = to.join(&name);
        write(&copy, &read(&file)?)?;
        copied.push((name, copy));
    }
    let vmlinux_file = to.join("vmlinux");
    let vmlinux = parse(&vmlinux_file, None)?;
    let subject = |name: String, file: PathBuf, btf: Btf, base: Option<PathBuf>| Subject {
        group: MACHINE.to_owned(),
        name,
        file,
        place: Place::of(&base),
        other_kernel: None,
        base,
        btf,
        clang_target,
    };
    copied.retain(|(name, _)| name != "vmlinux");
    for (name, file) in sample(copied, modules) {
        let btf = parse(&file, Some(&vmlinux))?;
        subjects.push(subject(name, file, btf, Some(vmlinux_file.clone())));
    }
    subjects.push(subject("vmlinux".to_owned(), vmlinux_file, vmlinux, None));
    Ok(())
}

/// The objects of the tests and examples.
fn of_objects(subjects: &mut Vec<Subject>) -> Result {
    let scratch = target_dir().join("compare/objects");
    create_dir(&scratch)?;
    for folder in ["tests/programs", "examples", "tests/data"] {
        for path in files_below(&root().join(folder))? {
            if path.extension().is_none_or(|ending| ending != "o") {
                continue;
            }
            let Some(section) = elf_section(&read(&path)?, ".BTF") else { continue };
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let file = scratch.join(&name);
            write(&file, &section)?;
            subjects.push(Subject {
                group: OBJECTS.to_owned(),
                name,
                btf: parse(&file, None)?,
                file,
                base: None,
                clang_target: "bpf",
                place: Place::Whole,
                other_kernel: None,
            });
        }
    }
    Ok(())
}

pub(super) fn parse(path: &Path, base: Option<&Btf>) -> Result<Btf> {
    let bytes = read(path)?;
    let parsed = match base {
        Some(base) => Btf::parse_split(bytes, base),
        None => Btf::parse(bytes),
    };
    parsed.context(path.display())
}
