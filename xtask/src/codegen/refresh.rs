//! `codegen --refresh`: the inputs anew, from the newest linux/bpf.h that Debian has.
//!
//! Only facts are taken from the header: names, numbers, types and their layout. What it says about them stays there.

use super::{
    helpers::HELPERS,
    uapi::{MACROS, TYPES, UNNAMED, VERSION},
};
use crate::{
    debian::{Suite, Wanted, ensure_installed},
    error::{Context, Error, Result},
    fixtures::{CLANG, CLANG_PROGRAM},
    process::run_quiet,
    vmlinux_btf::elf_section,
    workspace::{cache_dir, create_dir, lock_cache, read, root, target_dir, write},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

/// Makes all inputs but what is written by hand.
pub(super) fn inputs() -> Result {
    ensure_installed("codegen --refresh", &[CLANG, Wanted::file("libc6-dev", &["/usr/include/stdio.h"])])?;
    let _lock = lock_cache()?;
    let package = cache_dir()?.join("linux-libc-dev");
    Suite::open("sid")?.unpack(&["linux-libc-dev"], &package)?;
    let include = package.join("usr/include");
    let header = include.join("linux/bpf.h");
    let header = String::from_utf8(read(&header)?).context(header.display())?;

    let work = target_dir().join("codegen");
    create_dir(&work)?;
    let clang = || {
        let mut clang = Command::new(CLANG_PROGRAM);
        clang.current_dir(&work).arg("-I").arg(&include);
        // asm/ is the machine's own; what bpf.h uses of it is the same everywhere.
        clang.args(["-isystem", "/usr/include/x86_64-linux-gnu"]);
        clang
    };
    let inputs = root().join("xtask/inputs");
    write(&inputs.join(HELPERS), helpers(&header)?.as_bytes())?;
    let types = types(&header, &work, clang)?;
    write(&inputs.join(TYPES), &types)?;
    write(&inputs.join(MACROS), macros(&types, &work, clang)?.as_bytes())?;
    println!("made {HELPERS}, {TYPES} and {MACROS} anew");
    Ok(())
}

/// The table of helpers: numbers from ___BPF_FUNC_MAPPER, prototypes from the lines above it that are prototypes.
fn helpers(header: &str) -> Result<String> {
    let mut prototypes: BTreeMap<&str, Prototype<'_>> = BTreeMap::new();
    let mut last = None;
    let mut lines = header.lines();
    while let Some(line) = lines.next() {
        if let Some((name, prototype)) = prototype(line) {
            last = Some(name);
            prototypes.entry(name).and_modify(|first| first.join(&prototype)).or_insert(prototype);
        } else if line.trim() == "* \tAttributes" || line.trim() == "* Attributes" {
            let attribute = lines.next().unwrap_or_default().trim_start_matches([' ', '*', '\t']);
            if let Some(prototype) = last.and_then(|name| prototypes.get_mut(name)) {
                prototype.attribute = attribute;
            }
        }
    }
    let mut text = String::from(
        "# Helpers, from linux/bpf.h by `cargo xtask codegen --refresh`.\n# number\tname\tattributes\tresult\tparameters\n",
    );
    let mapper = header.split("#define ___BPF_FUNC_MAPPER(").nth(1).context("bpf.h has no ___BPF_FUNC_MAPPER")?;
    let entries = mapper.lines().skip(1).take_while(|line| line.trim_end().ends_with('\\'));
    for entry in entries.filter_map(|line| line.trim().strip_prefix("FN(")) {
        let mut words = entry.split(',').map(str::trim);
        let (name, number) = words.next().zip(words.next()).context(format_args!("not understood: FN({entry}"))?;
        if name == "unspec" {
            continue;
        }
        let prototype = prototypes.get(name).context(format_args!("bpf.h has no prototype of bpf_{name}"))?;
        let Prototype { result, parameters, attribute } = prototype;
        text += &format!("{number}\t{name}\t{attribute}\t{result}\t{parameters}\n");
    }
    Ok(text)
}

struct Prototype<'a> {
    result: &'a str,
    parameters: String,
    attribute: &'a str,
}

impl Prototype<'_> {
    /// A helper that takes several types of context has a prototype for each: what they have in common is an address.
    fn join(&mut self, other: &Prototype<'_>) {
        let (first, rest) = self.parameters.split_once(',').unwrap_or((&self.parameters, ""));
        let differs = other.parameters.split(',').next() != Some(first);
        if differs {
            self.parameters = if rest.is_empty() { "void *ctx".to_owned() } else { format!("void *ctx,{rest}") };
        }
    }
}

/// A line that gives a helper's prototype: ` * long bpf_map_delete_elem(struct bpf_map *map, const void *key)`.
fn prototype(line: &str) -> Option<(&str, Prototype<'_>)> {
    let declaration = line.strip_prefix(" * ").filter(|text| !text.starts_with([' ', '\t']))?;
    let (head, parameters) = declaration.strip_suffix(')')?.split_once('(')?;
    let at = head.rfind([' ', '*'])? + 1;
    let name = head[at..].strip_prefix("bpf_")?;
    let result = head[..at].trim_end();
    // Sentences that mention a helper have the same form, but begin with a word that is no type.
    let words = ["void", "int", "long", "u32", "u64", "s64", "struct"];
    let is_type = result.split([' ', '*']).next().is_some_and(|word| words.contains(&word));
    let parameters = parameters.to_owned();
    (is_type && !result.is_empty()).then_some((name, Prototype { result, parameters, attribute: "" }))
}

/// The header's types as clang's BPF back end writes them into .BTF: those that code refers to. So there is a variable of each, and
/// the enumerations that have no name are given one, in a copy of the header.
fn types(header: &str, work: &Path, clang: impl Fn() -> Command) -> Result<Vec<u8>> {
    let mut named = String::new();
    let mut variables = String::from("#include \"named.h\"\n");
    for (number, line) in header.lines().enumerate() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("enum"), Some("{"), _) if line.starts_with("enum") => {
                named += &line.replacen("enum", &format!("enum {UNNAMED}{number}"), 1);
                variables += &format!("enum {UNNAMED}{number} value_{number};\n");
            }
            (Some(kind @ ("struct" | "union" | "enum")), Some(name), Some("{")) if line.starts_with(kind) => {
                named += line;
                variables += &format!("{kind} {name} value_{number};\n");
            }
            _ => named += line,
        }
        named.push('\n');
    }
    write(&work.join("named.h"), named.as_bytes())?;
    write(&work.join("types.c"), variables.as_bytes())?;
    run_quiet(clang().args(["-target", "bpf", "-g", "-c", "types.c", "-o", "types.o"]))?;
    let object = read(&work.join("types.o"))?;
    let bytes = elf_section(&object, ".BTF").context("clang made no .BTF section")?;
    purebpf_btf::Btf::parse(bytes.clone()).context("what clang made")?;
    Ok(bytes)
}

/// The header's macros that are numbers, in order of name: a program prints what the compiler makes of each.
fn macros(types: &[u8], work: &Path, clang: impl Fn() -> Command) -> Result<String> {
    write(&work.join("header.c"), b"#include <linux/bpf.h>\n")?;
    let defined = run_quiet(clang().args(["-E", "-dM", "header.c"]))?;
    let is_name = |name: &str| {
        let known = name.strip_prefix("BPF_").or_else(|| name.strip_prefix("XDP_"));
        known.is_some_and(|rest| {
            !rest.is_empty()
                && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        })
    };
    let names = defined.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' ').map(|(name, _)| name));
    // Enumerators are often macros too, for #ifdef: those are in the types.
    let btf = purebpf_btf::Btf::parse(types.to_vec()).context("what clang made")?;
    let enumerators: BTreeSet<&str> = btf
        .own_types()
        .filter_map(|item| item.as_enum())
        .flat_map(|data| data.values())
        .filter_map(|value| value.name())
        .collect();
    let names: BTreeSet<&str> = names.filter(|name| is_name(name) && !enumerators.contains(name)).collect();
    let mut program =
        String::from("#include <linux/bpf.h>\n#include <linux/version.h>\n#include <stdio.h>\nint main(void)\n{\n");
    for name in names.iter().chain([&VERSION]) {
        program += &format!("\tprintf(\"%s\\t%llu\\n\", \"{name}\", (unsigned long long)({name}));\n");
    }
    program += "\treturn 0;\n}\n";
    write(&work.join("macros.c"), program.as_bytes())?;
    run_quiet(clang().args(["macros.c", "-o", "macros"]))?;
    let values = run_quiet(&mut Command::new(work.join("macros")))?;
    if values.lines().count() != names.len() + 1 {
        return Err(Error::new("the program that prints macros printed too little"));
    }
    Ok(format!(
        "# Macros of linux/bpf.h that are numbers, by `cargo xtask codegen --refresh`.\n# name\tvalue\n{values}"
    ))
}
