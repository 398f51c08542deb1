//! Development tasks: `cargo xtask <task>`. The table below is all there is; each task is a file.
//!
//! Tasks need nothing but Rust and Debian packages. Run as root they install the packages they need, and say so; otherwise they
//! say which to install.

mod debian;
mod error;
mod kernels;
mod process;
mod vm;
mod vmlinux_btf;
mod workspace;

use error::Result;
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
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let Some((name, args)) = args.split_first().filter(|(name, _)| !matches!(name.as_str(), "-h" | "--help" | "help"))
    else {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    };
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
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

fn usage() -> String {
    let mut text = String::from("cargo xtask <task>\n\ntasks:\n");
    for task in TASKS {
        text += &format!("  {} {}\n      {}\n", task.name, task.arguments, task.about);
    }
    text
}
