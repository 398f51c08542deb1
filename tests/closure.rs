//! What each crate pulls in: the whole of its dependency closure, so that no arrow is added by
//! accident, and no C compiler comes in through a build script.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Crates of others that a crate may pull in at run time, by crate. Procedural macros and what they
/// need run in the compiler and are listed once, below.
const CLOSURES: &[(&str, &[&str], &[&str])] = &[
    ("purebpf-sys", &[], &["bitflags", "libc", "thiserror"]),
    ("purebpf-btf", &[], &["memchr", "thiserror"]),
    ("purebpf-core-reloc", &["purebpf-btf"], &["memchr", "thiserror"]),
    (
        "purebpf-elf-loader",
        &["purebpf-btf", "purebpf-core-reloc", "purebpf-sys"],
        &[
            "adler2",
            "bitflags",
            "block-buffer",
            "cfg-if",
            "cpufeatures",
            "crc32fast",
            "crypto-common",
            "digest",
            "flate2",
            "hybrid-array",
            "libc",
            "memchr",
            "miniz_oxide",
            "object",
            "sha2",
            "simd-adler32",
            "thiserror",
            "typenum",
        ],
    ),
    ("purebpf-attach", &["purebpf-btf", "purebpf-sys"], &["bitflags", "libc", "memchr", "object", "thiserror"]),
    ("purebpf-ringbuf", &["purebpf-sys"], &["bitflags", "libc", "thiserror"]),
    ("purebpf-helpers", &[], &[]),
    (
        "purebpf",
        &[
            "purebpf-attach",
            "purebpf-btf",
            "purebpf-core-reloc",
            "purebpf-elf-loader",
            "purebpf-ringbuf",
            "purebpf-sys",
        ],
        &[
            "adler2",
            "bitflags",
            "block-buffer",
            "bytemuck",
            "cfg-if",
            "cpufeatures",
            "crc32fast",
            "crypto-common",
            "digest",
            "flate2",
            "hybrid-array",
            "libc",
            "log",
            "memchr",
            "miniz_oxide",
            "object",
            "sha2",
            "simd-adler32",
            "thiserror",
            "typenum",
        ],
    ),
];

/// Procedural macros, and what those are made of.
const COMPILE_TIME: &[&str] = &["bytemuck_derive", "proc-macro2", "quote", "syn", "thiserror-impl", "unicode-ident"];

/// Build scripts that are known to compile nothing: they ask the compiler for its version.
const HARMLESS_BUILD_SCRIPTS: &[&str] = &["crc32fast", "libc", "object", "proc-macro2", "quote", "thiserror"];

/// What a crate's closure is by `cargo tree`, itself left out.
fn closure(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .args(["--target", "x86_64-unknown-linux-gnu", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != package)
        .map(str::to_owned)
        .collect()
}

#[test]
fn each_crate_pulls_in_what_is_written_here() {
    for (package, ours, theirs) in CLOSURES {
        let expected: BTreeSet<String> = ours.iter().chain(*theirs).map(|name| (*name).to_owned()).collect();
        let mut found = closure(package);
        found.retain(|name| !COMPILE_TIME.contains(&name.as_str()));
        assert_eq!(found, expected, "closure of {package}");
    }
}

/// Every build script in the facade's closure is one that is known to call no compiler.
#[test]
fn no_build_script_compiles_c() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut with_script = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("a list") {
        let name = package["name"].as_str().expect("a name").to_owned();
        let targets = package["targets"].as_array().expect("a list");
        let has = targets.iter().any(|target| target["kind"][0] == "custom-build");
        with_script.insert(name, has);
    }
    for name in closure("purebpf") {
        assert!(
            !with_script[&name] || HARMLESS_BUILD_SCRIPTS.contains(&name.as_str()),
            "{name} has a build script; look at what it does"
        );
    }
    assert!(!closure("purebpf").contains("cc"));
}

/// Crates that promise to build without std do not ask for it in what they depend on. (Whether they ask for it themselves, their
/// `#![no_std]` sees to; a dependency that has it would only be found where there is no std.)
#[test]
fn crates_without_std_ask_nobody_for_it() {
    for package in ["purebpf-btf", "purebpf-core-reloc"] {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--package", package, "--no-default-features", "--edges", "normal,features"])
            .args(["--prefix", "none", "--target", "x86_64-unknown-linux-gnu", "--locked"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        // Procedural macros run in the compiler, which has std.
        let features = text.lines().filter(|line| line.contains("feature \"std\""));
        let asked: Vec<_> = features.filter(|line| !COMPILE_TIME.iter().any(|name| line.starts_with(name))).collect();
        assert!(asked.is_empty(), "{package}: {asked:?}");
        assert!(text.contains("memchr"), "the tree shows dependencies: {text}");
    }
}
