//! `codegen`: source files that are tables of the kernel's facts, made from inputs that are kept in `xtask/inputs`, so that
//! anyone makes the same bytes without a kernel tree.
//!
//! | input | holds | becomes |
//! |---|---|---|
//! | `helpers.tsv` | number, name, attributes, result and parameters of each helper | `bpf_helper_defs.h` |
//! | `helper-summaries.tsv` | a sentence of ours on what a helper does | comments there |
//! | `bpf-uapi.btf` | the types of linux/bpf.h, as BTF | `bpf-sys/src/uapi/generated.rs` |
//! | `bpf-uapi-macros.tsv` | the numbers that linux/bpf.h defines as macros | there too |
//!
//! All but the summaries come from the newest linux/bpf.h of Debian sid: `codegen --refresh` makes them anew.

mod helpers;
mod refresh;
mod uapi;

use crate::{
    error::{Context, Error, Result},
    workspace::{read, root, write},
};
use std::{ffi::OsStr, path::Path};

/// A file that is made.
struct Output {
    path: &'static str,
    make: fn() -> Result<String>,
}

const OUTPUTS: [Output; 2] = [
    Output { path: "bpf-helpers/include/bpf/bpf_helper_defs.h", make: helpers::header },
    Output { path: "bpf-sys/src/uapi/generated.rs", make: uapi::module },
];

/// Runs the task: `codegen [--check | --refresh]`.
pub(crate) fn run(args: &[String]) -> Result {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        [flag] if flag == "--refresh" => {
            refresh::inputs()?;
            false
        }
        _ => return Err("usage: cargo xtask codegen [--check | --refresh]".into()),
    };
    let mut drifted = Vec::new();
    for output in &OUTPUTS {
        let text = (output.make)().context(format_args!("making {}", output.path))?;
        let path = root().join(output.path);
        if std::fs::read(&path).is_ok_and(|kept| kept == text.as_bytes()) {
            continue;
        }
        if check {
            drifted.push(output.path);
        } else {
            write(&path, text.as_bytes())?;
            println!("made {}", output.path);
        }
    }
    if drifted.is_empty() {
        println!("codegen: {} files are what their inputs say", OUTPUTS.len());
        return Ok(());
    }
    Err(Error::new(format!("not what xtask/inputs says: {}; run `cargo xtask codegen`", drifted.join(", "))))
}

/// The text of an input.
fn input(name: impl AsRef<OsStr>) -> Result<String> {
    let path = Path::new("xtask/inputs").join(name.as_ref());
    String::from_utf8(read(&root().join(&path))?).context(path.display())
}

/// The rows of an input of so many columns, tabs between them. Lines that begin with `#` are comments.
fn rows<'a, const N: usize>(name: &str, text: &'a str) -> Result<Vec<[&'a str; N]>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|(index, line)| {
            let columns: Vec<&str> = line.split('\t').collect();
            let count = columns.len();
            columns.try_into().map_err(|_| {
                Error::new(format!("xtask/inputs/{name}, line {}: {count} columns, expected {N}", index + 1))
            })
        })
        .collect()
}
