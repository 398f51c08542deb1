//! A program outside the workspace that depends on one of its crates alone: it builds, pulls in what was promised, and works.

use std::fs;
use std::path::Path;
use std::process::Command;

use purebpf::btf::builder::Builder;
use purebpf::btf::{IntEncoding, Kind, TypeId};

const MANIFEST: &str = r#"
[package]
name = "struct_layout"
version = "0.0.0"
edition = "2024"

[dependencies]
purebpf-btf = { path = "PATH" }

[[bin]]
name = "struct_layout"
path = "struct_layout.rs"

[workspace]
"#;

/// `cargo` in a folder, without the network: all that is needed was needed to build this test.
fn cargo(dir: &Path, args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").expect("cargo runs tests");
    let output = Command::new(cargo)
        .args(["--offline", "--quiet"])
        .args(args)
        .current_dir(dir)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_program_with_btf_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    let btf = root.join("btf");
    fs::write(dir.path().join("Cargo.toml"), MANIFEST.replace("PATH", btf.to_str().unwrap())).unwrap();
    fs::copy(root.join("tests/outside/struct_layout.rs"), dir.path().join("struct_layout.rs")).unwrap();
    // The versions that this workspace was tested with.
    fs::copy(root.join("Cargo.lock"), dir.path().join("Cargo.lock")).unwrap();

    let tree = cargo(dir.path(), &["tree", "--edges", "no-proc-macro,normal", "--prefix", "none", "--format", "{p}"]);
    let mut crates: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    crates.sort_unstable();
    crates.dedup();
    assert_eq!(crates, ["memchr", "purebpf-btf", "struct_layout", "thiserror"]);

    // struct list { char tag; struct list *next; const char *const names[2]; unsigned flags : 4; }, by GCC for x86-64.
    let mut builder = Builder::new();
    let char = builder.add_int("char", 1, IntEncoding::SIGNED).unwrap();
    let unsigned = builder.add_int("unsigned int", 4, IntEncoding::NONE).unwrap();
    let constant = builder.add_reference(Kind::Const, char).unwrap();
    let pointer = builder.add_reference(Kind::Ptr, constant).unwrap();
    let constant = builder.add_reference(Kind::Const, pointer).unwrap();
    let names = builder.add_array(constant, unsigned, 2).unwrap();
    let next = builder.add_reference(Kind::Ptr, TypeId(names.0 + 2)).unwrap();
    builder.add_struct("list", 40).unwrap();
    builder.add_member("tag", char, 0).unwrap();
    builder.add_member("next", next, 64).unwrap();
    builder.add_member("names", names, 128).unwrap();
    builder.add_bitfield("flags", unsigned, 256, 4).unwrap();
    let file = dir.path().join("list.btf");
    fs::write(&file, builder.finish()).unwrap();

    let printed = cargo(dir.path(), &["run", "--", file.to_str().unwrap(), "list"]);
    assert_eq!(
        printed,
        "struct list {
        char tag                       /*     0     1 */
        /* 7 bytes of nothing */
        struct list *next              /*     8     8 */
        const char * const names[2]    /*    16    16 */
        unsigned int flags             /*    32     4 */
}; /* 40 */
"
    );
}
