//! Programs compile with the headers and nothing else: those below tests/macros, which use every macro, for every machine, and
//! the example of the crate's documentation. What they compile to is compared with what libbpf's headers make of them by
//! `cargo xtask corpus headers`, not here.

use purebpf_helpers::{HEADERS, include_dir, write_headers};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The compiler, if it is there and knows BPF.
fn clang() -> Option<&'static str> {
    let knows_bpf = |name: &&str| {
        let output = Command::new(name).arg("-print-targets").output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("bpf"))
    };
    let found = ["clang-19", "clang"].into_iter().find(knows_bpf);
    if found.is_none() {
        eprintln!("skipped: neither clang-19 nor clang is there and compiles BPF programs");
    }
    found
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Compiles with warnings as errors; what the compiler says if it does not succeed.
fn compile(clang: &str, source: &Path, target: &str, include: &Path, flags: &[&str]) -> Result<(), String> {
    let mut command = Command::new(clang);
    command.args([
        &format!("--target={target}"),
        "-O2",
        "-g",
        "-mcpu=v3",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-nostdlibinc",
    ]);
    // The programs' own: parameters for their registers' sake, numbers compared as they come.
    command.args(["-Wno-unused-parameter", "-Wno-sign-compare", "-Wno-unused-function"]);
    command.args(flags).arg("-I").arg(include).arg("-I").arg(source.parent().unwrap());
    let output = command.arg("-c").arg(source).args(["-o", "/dev/null"]).output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr))),
    }
}

#[test]
fn every_macro_compiles_on_every_machine() {
    let Some(clang) = clang() else { return };
    let mut count = 0;
    for entry in fs::read_dir(tests().join("macros")).unwrap() {
        let source = entry.unwrap().path();
        let text = fs::read_to_string(&source).unwrap();
        // Programs that include linux/bpf.h want the newest, which not every machine has.
        if !source.to_str().unwrap().ends_with(".bpf.c") || text.contains("<linux/bpf.h>") {
            continue;
        }
        let machines = include_str!("macros/machines.txt").lines().filter(|line| !line.starts_with('#'));
        for machine in machines {
            let [name, target, flags @ ..] = &machine.split(' ').collect::<Vec<_>>()[..] else { panic!("{machine}") };
            // Others differ by byte order at most.
            if !text.contains("machine.h") && !matches!(*name, "x86-user" | "s390") {
                continue;
            }
            compile(clang, &source, target, include_dir(), flags).unwrap();
            count += 1;
        }
    }
    assert!(count >= 4 * 13 + 6 * 2, "only {count} programs compiled");
}

#[test]
fn the_example_compiles_with_written_headers() {
    let Some(clang) = clang() else { return };
    let dir = tempfile::tempdir().unwrap();
    write_headers(dir.path()).unwrap();
    compile(clang, &tests().join("example/example.bpf.c"), "bpf", dir.path(), &["-D__TARGET_ARCH_x86"]).unwrap();
}

/// Each header says itself what it needs of the others.
#[test]
fn headers_can_be_included_alone() {
    let Some(clang) = clang() else { return };
    let dir = tempfile::tempdir().unwrap();
    for (name, _) in HEADERS {
        let source = dir.path().join("alone.bpf.c");
        fs::write(&source, format!("#include \"machine.h\"\n#include <{name}>\n#include <{name}>\n")).unwrap();
        // machine.h without its includes of the headers: types only.
        let machine = fs::read_to_string(tests().join("macros/machine.h")).unwrap();
        let types: String =
            machine.lines().filter(|line| !line.contains("#include <bpf/")).map(|l| format!("{l}\n")).collect();
        let types = types.replace("extern void keep(unsigned long long value) __ksym;", "");
        fs::write(dir.path().join("machine.h"), types).unwrap();
        fs::copy(tests().join("macros/types.h"), dir.path().join("types.h")).unwrap();
        compile(clang, &source, "bpf", include_dir(), &["-D__TARGET_ARCH_x86"]).unwrap();
    }
}

/// Programs that say no machine are told so when they ask for a register, and only then.
#[test]
fn registers_of_no_machine_are_an_error_that_says_what_to_do() {
    let Some(clang) = clang() else { return };
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("machineless.bpf.c");
    let program = |body: &str| {
        let types = tests().join("macros/types.h");
        format!(
            "#include \"{}\"\n#include <bpf/bpf_tracing.h>\nlong probe(struct pt_regs *ctx) {{ return {body}; }}\n",
            types.display()
        )
    };
    fs::write(&source, program("!ctx")).unwrap();
    compile(clang, &source, "bpf", include_dir(), &[]).unwrap();
    fs::write(&source, program("PT_REGS_PARM1(ctx)")).unwrap();
    let said = compile(clang, &source, "bpf", include_dir(), &[]).unwrap_err();
    assert!(said.contains("-D__TARGET_ARCH_x86"), "{said}");
    fs::write(&source, program("BPF_KPROBE_READ_RET_IP(ctx->ip, ctx)")).unwrap();
    let said = compile(clang, &source, "bpf", include_dir(), &[]).unwrap_err();
    assert!(said.contains("-D__TARGET_ARCH_x86"), "{said}");
}

/// A register that a machine does not have is an error that says so, not another register.
#[test]
fn registers_that_a_machine_lacks_are_an_error() {
    let Some(clang) = clang() else { return };
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("fourth.bpf.c");
    let machine = tests().join("macros/machine.h");
    let program =
        format!("#include \"{}\"\nlong f(struct pt_regs *ctx) {{ return PT_REGS_PARM4(ctx); }}\n", machine.display());
    fs::write(&source, program).unwrap();
    compile(clang, &source, "bpf", include_dir(), &["-D__TARGET_ARCH_x86"]).unwrap();
    let said = compile(clang, &source, "bpf", include_dir(), &["-D__TARGET_ARCH_x86", "-D__i386__"]).unwrap_err();
    assert!(said.contains("__unsupported__"), "{said}");
}
