//! `bench object`: opening and preparing BPF objects, on the kernel that runs.
//!
//! Two objects, compiled from peers/objects: one of a single program, and one of 64. What preparing takes is told
//! without bpf(2), which is the kernel's time and the same whoever calls; instructions are those of user space anyway.

use super::{
    Bench,
    measure::{Arguments, Work},
};
use crate::{
    debian::ensure_installed,
    error::{Context, Result},
    fixtures,
    process::run_quiet,
    workspace::{create_dir, read, root, target_dir},
};
use purebpf_btf::Btf;
use std::{path::PathBuf, process::Command};

const OBJECTS: [(&str, &str); 2] = [("one", "one program"), ("many", "64 programs")];

pub(super) fn bench() -> Result<Bench> {
    ensure_installed("compiling BPF programs", &[fixtures::CLANG, fixtures::STRIP])?;
    let mut works = Vec::new();
    for (object, about) in OBJECTS {
        let file = compile(object)?;
        for (name, verb) in [("open", "open"), ("prepare", "relocate and make maps of")] {
            let arguments = Arguments::default().with("--object", &file);
            works.push(Work { name, label: format!("{name} {object}"), about: format!("{verb} {about}"), arguments });
        }
    }
    const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
    let kernel = Btf::parse(read(VMLINUX.as_ref())?).context(VMLINUX)?;
    let about = format!("kernel with BTF of {} types, time without bpf(2)", kernel.own_types().len());
    println!("{about}; aya-obj makes no maps");
    Ok(Bench { name: "object", libraries: &["purebpf", "libbpf", "aya-obj"], works, about })
}

/// Compiles an object of peers/objects.
fn compile(name: &str) -> Result<PathBuf> {
    let dir = target_dir().join("bench");
    create_dir(&dir)?;
    let source = root().join(format!("peers/objects/{name}.bpf.c"));
    let object = dir.join(format!("{name}.bpf.o"));
    let mut clang = Command::new(fixtures::CLANG_PROGRAM);
    clang.args(["--target=bpfel", fixtures::INSTRUCTION_SET, "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-I"]);
    clang.arg(root().join(fixtures::HELPERS)).arg("-c").arg(&source).arg("-o").arg(&object);
    run_quiet(&mut clang).context(source.display())?;
    run_quiet(Command::new(fixtures::STRIP_PROGRAM).arg("-g").arg(&object)).context(source.display())?;
    Ok(object)
}
