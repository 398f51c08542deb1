//! Development tasks: `cargo xtask <task>`. The table below is all there is; each task is a file.
//!
//! Tasks need nothing but Rust and Debian packages. Run as root they install the packages they need, and say so; otherwise they
//! say which to install.

mod bench;
mod ci;
mod codegen;
mod compare;
#[cfg(feature = "compare")]
mod core_selftests;
mod corpus;
mod debian;
mod error;
mod fixtures;
mod kernels;
mod msrv;
mod process;
mod reference;
mod stress;
mod test;
mod vm;
mod vmlinux_btf;
mod workspace;

use error::{Context, Result};
use std::{env, process::ExitCode};

/// A task of the command line.
struct Task {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result,
}

const TASKS: &[Task] = &[
    Task {
        name: "test",
        arguments: "[CARGO TEST ARGUMENTS]",
        about: "everything this machine can test, and what it skipped and why",
        run: test::run,
    },
    Task {
        name: "vm",
        arguments: "[--kernel NAME]... [--package NAME]... [--update] [--jobs N] [FILTER]",
        about: "run the kernel tests on each kernel of the matrix, in virtual machines",
        run: vm::run,
    },
    Task {
        name: "kernel-btf",
        arguments: "KERNEL FILE",
        about: "write a matrix kernel's BTF to a file",
        run: vmlinux_btf::run,
    },
    Task {
        name: "fixtures",
        arguments: "[--check]",
        about: "compile the BPF programs of tests and examples, or check that their objects are what they compile to",
        run: fixtures::run,
    },
    Task {
        name: "codegen",
        arguments: "[--check | --refresh]",
        about: "make generated sources from xtask/inputs, check them, or make the inputs from the newest linux/bpf.h",
        run: codegen::run,
    },
    Task {
        name: "reference",
        arguments: "",
        about: "build the reference libbpf and bpftool from Debian's kernel source",
        run: reference::run,
    },
    Task {
        name: "corpus",
        arguments: "headers [--check] [--set NAME]... [--limit N] [FILTER] | names | objects | btf [KERNEL]... | btf-units",
        about: "compile what others wrote with libbpf's headers and with ours, and compare; list what libbpf's define; gather the \
                objects of both and those that Debian's packages bring, the BTF out of kernels and their modules, and that of a kernel's units \
                out of pahole",
        run: corpus::run,
    },
    Task {
        name: "compare",
        arguments: "btf [--only CHECK]... [--modules N | all] [KERNEL | machine | objects | units]... | \
                    objects [--only inspect | streams | loads]... [--kernel NAME]... [--limit N] [FILTER]",
        about: "what we make of BTF beside what libbpf and bpftool make of it, on the kernels of `corpus btf`; what we make of \
                objects beside what libbpf makes of them, on those of `corpus objects`",
        run: compare::run,
    },
    Task {
        name: "core-selftests",
        arguments: "[FILTER]",
        about: "the kernel's own tests of CO-RE, with us in libbpf's place: every value that a program finds, every failure",
        run: core_selftests,
    },
    Task {
        name: "bench",
        arguments: "btf [--rounds N] [--file BTF] [--chart] | object [--rounds N] [--chart]",
        about: "the same work by us, libbpf and other Rust crates, on BTF or on BPF objects: time, memory, instructions; --chart \
                draws it for the README",
        run: bench::run_task,
    },
    Task {
        name: "stress",
        arguments: "btf | object [--count N] [--seed S] [--jobs N]",
        about: "BTF of a kernel, or objects, damaged in a million ways: read, printed, deduplicated; opened, linked, loaded; nothing \
                may panic, hang or eat memory",
        run: stress::run,
    },
    Task {
        name: "msrv",
        arguments: "",
        about: "check the crates with the oldest Rust they promise to build with",
        run: msrv::run_task,
    },
    Task {
        name: "ci",
        arguments: "[STEP]...",
        about: "what a change must pass besides `test`: format, drift, lints, docs, benches, fuzz, no-std, msrv, vm",
        run: ci::run_steps,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let Some((name, args)) = args.split_first().filter(|(name, _)| !matches!(name.as_str(), "-h" | "--help" | "help"))
    else {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    };
    let Some(task) = find(name) else {
        eprint!("error: there is no task {name:?}\n\n{}", usage());
        return ExitCode::from(2);
    };
    if args.iter().any(|arg| matches!(arg.as_str(), "-h" | "--help")) {
        println!("cargo xtask {} {}\n    {}", task.name, task.arguments, task.about);
        return ExitCode::SUCCESS;
    }
    match (task.run)(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn find(name: &str) -> Option<&'static Task> {
    TASKS.iter().find(|task| task.name == name)
}

/// Runs a task for another.
fn run_task(name: &str, args: &[&str]) -> Result {
    let task = find(name).context(format_args!("there is no task {name:?}"))?;
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    (task.run)(&args)
}

fn usage() -> String {
    let mut text = String::from("cargo xtask <task>\n\ntasks:\n");
    for task in TASKS {
        let call = format!("{} {}", task.name, task.arguments);
        text += &format!("  {}\n      {}\n", call.trim_end(), task.about);
    }
    text
}

#[cfg(feature = "compare")]
fn core_selftests(args: &[String]) -> Result {
    core_selftests::run(args)
}

#[cfg(not(feature = "compare"))]
fn core_selftests(args: &[String]) -> Result {
    process::with_all_crates(&["core-selftests"], args)
}
