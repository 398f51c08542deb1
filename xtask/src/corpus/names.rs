//! What programs find in libbpf's headers, by name: the list that a test of bpf-helpers holds ours against.

use crate::{
    error::{Context, Error, Result},
    reference::reference,
    workspace::{read, root, write},
};
use std::collections::BTreeSet;

const LIST: &str = "bpf-helpers/tests/names.txt";

/// The headers that programs include.
const HEADERS: [&str; 5] = ["bpf_core_read.h", "bpf_endian.h", "bpf_helpers.h", "bpf_tracing.h", "usdt.bpf.h"];

/// Names with three underscores in front are what macros are made of. These of them are known to be used by programs.
const USED_INTERNALS: [&str; 24] = [
    "___apply",
    "___arrow",
    "___bpf_apply",
    "___bpf_concat",
    "___bpf_ctx_cast",
    "___bpf_field_ref",
    "___bpf_fill",
    "___bpf_kprobe_args",
    "___bpf_kretprobe_args",
    "___bpf_narg",
    "___bpf_nth",
    "___bpf_pick_printk",
    "___bpf_swab16",
    "___bpf_swab32",
    "___bpf_swab64",
    "___bpf_syscall_args",
    "___bpf_syswrap_args",
    "___bpf_typeof",
    "___bpf_usdt_args",
    "___concat",
    "___core_read",
    "___narg",
    "___nth",
    "___type",
];

/// How names begin that are declared rather than #defined.
const DECLARED: [&str; 8] =
    ["bpf_", "__bpf_", "BPF_FIELD_", "BPF_TYPE_", "BPF_ENUMVAL_", "BPF_USDT_ARG_", "LINUX_HAS_", "TRI_"];
const DECLARED_TOO: [&str; 3] = ["LIBBPF_PIN_", "libbpf_", "pt_regs___"];

/// Makes the list, or checks that it is what the reference's headers say.
pub(super) fn list(check: bool) -> Result {
    let dir = reference()?.join("include/bpf");
    let text = |name: &str| -> Result<String> { String::from_utf8(read(&dir.join(name))?).context(name) };
    let helpers = text("bpf_helper_defs.h")?;
    let helpers: BTreeSet<&str> = words(&helpers).collect();
    let mut list = String::from(
        "# What libbpf's headers define for programs: header, macro or name. Made by `cargo xtask corpus names`.\n",
    );
    for header in HEADERS {
        let text = text(header)?;
        for (kind, name) in names(&text) {
            if !helpers.contains(name) {
                list += &format!("{header} {kind} {name}\n");
            }
        }
    }
    let path = root().join(LIST);
    if std::fs::read(&path).is_ok_and(|kept| kept == list.as_bytes()) {
        return Ok(());
    }
    if check {
        return Err(Error::new(format!("{LIST}: not what libbpf's headers define; run `cargo xtask corpus names`")));
    }
    write(&path, list.as_bytes())?;
    println!("made {LIST}");
    Ok(())
}

/// The macros of a header, and what it declares.
fn names(text: &str) -> BTreeSet<(&'static str, &str)> {
    let mut names = BTreeSet::new();
    let mut in_macro = false;
    let mut in_comment = false;
    for line in text.lines() {
        let code = line.trim_start();
        let comment = in_comment || code.starts_with("/*");
        if comment {
            in_comment = !code.contains("*/");
            continue;
        }
        let directive = code.strip_prefix('#').map(str::trim_start);
        if let Some(name) = directive.and_then(|rest| words(rest.strip_prefix("define")?).next()) {
            if !name.starts_with("___") || USED_INTERNALS.contains(&name) {
                names.insert(("macro", name));
            }
        } else if directive.is_none() && !in_macro {
            let declared = |name: &&str| DECLARED.iter().chain(&DECLARED_TOO).any(|start| name.starts_with(start));
            names.extend(words(code).filter(declared).map(|name| ("name", name)));
        }
        in_macro = (in_macro || directive.is_some()) && line.ends_with('\\');
    }
    let macros: BTreeSet<&str> = names.iter().filter(|(kind, _)| *kind == "macro").map(|(_, name)| *name).collect();
    names.retain(|(kind, name)| *kind == "macro" || !macros.contains(name));
    names
}

/// Identifiers, outside of strings and of comments that end a line.
fn words(code: &str) -> impl Iterator<Item = &str> {
    let code = code.split("/*").next().unwrap_or_default();
    let outside = code.split('"').step_by(2);
    outside
        .flat_map(|part| part.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn macros_and_declarations_are_told_apart() {
        let header = "/* bpf_comment\n * BPF_TYPE_NO */\n#ifndef GUARD\n# define SEC(name) bpf_inside \\\n\tbpf_inside_too\n\
                      #define ___own 1\n#define ___bpf_fill(a) a\nextern int bpf_it(struct bpf_that *x); /* bpf_end */\n";
        let found: Vec<_> = names(header).into_iter().collect();
        assert_eq!(found, [("macro", "SEC"), ("macro", "___bpf_fill"), ("name", "bpf_it"), ("name", "bpf_that")]);
    }
}
