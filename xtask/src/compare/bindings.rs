//! Rust definitions, which nobody else writes from BTF: the compiler says whether they are right. They assert the size of each type
//! and the offset of each member themselves.

use super::{Outcome, Tools, inputs::Subject};
use crate::{
    error::{Context, Result},
    process::run_quiet,
    workspace::write,
};
use purebpf_btf::dump::rust::Bindings;
use std::{env, process::Command};

/// Our definitions compile. It is this machine's compiler: the sizes and alignments that they are made of are the same on all 64-bit
/// machines of the corpus but for s390x's `__int128`, which ours do not name.
pub(super) fn compile(subject: &Subject, tools: &Tools) -> Result<Outcome> {
    let mut text = String::from("#![no_std]\n#![allow(warnings)]\n");
    Bindings::new(&subject.btf).write(&mut text).context("ours")?;
    let source = subject.scratch(tools, "rs");
    write(&source, text.as_bytes())?;
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition=2024", "--crate-type=lib", "--crate-name=types", "--emit=metadata", "-o"]);
    let compiled = run_quiet(rustc.arg(subject.scratch(tools, "rmeta")).arg(&source));
    Ok(match compiled {
        Ok(_) => Outcome::Same,
        Err(error) => {
            let text = error.to_string();
            Outcome::Different(text.lines().find(|line| line.contains("error")).unwrap_or(&text).trim().to_owned())
        }
    })
}
