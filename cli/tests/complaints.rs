//! Bad input: one line that names the thing and the cause, nothing on standard output, status 1; 2
//! for a command line that makes no sense.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs the tool and gives its status and what it complained of.
fn complaint(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_purebpf")).args(arguments).output().expect("the tool runs");
    assert!(output.stdout.is_empty(), "{arguments:?} printed {}", String::from_utf8_lossy(&output.stdout));
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Writes `bytes` to a file and has it inspected.
fn inspected(bytes: &[u8]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("given.bpf.o");
    fs::write(&path, bytes).expect("the folder takes files");
    complaint(&["object", "inspect", path.to_str().expect("UTF-8"), "--json"])
}

fn sample() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample/sample.bpf.o");
    fs::read(path).expect("the sample is there")
}

#[track_caller]
fn assert_says(result: &(Option<i32>, String), words: &[&str]) {
    assert_eq!(result.0, Some(1), "{}", result.1);
    assert_eq!(result.1.lines().count(), 1, "one line: {}", result.1);
    for word in words {
        assert!(result.1.contains(word), "'{word}' is missing in: {}", result.1);
    }
    assert!(!result.1.contains('\x1b'), "colour without a terminal");
}

#[test]
fn missing_file() {
    let result = complaint(&["object", "inspect", "/nonexistent/a.bpf.o"]);
    assert_says(&result, &["cannot read /nonexistent/a.bpf.o", "No such file"]);
}

#[test]
fn not_an_elf_file() {
    assert_says(&inspected(b"#!/bin/sh\necho hello\n"), &["given.bpf.o", "not an ELF file"]);
    assert_says(&inspected(b""), &["given.bpf.o", "not an ELF file (0 bytes)"]);
}

#[test]
fn an_elf_file_that_is_not_bpf() {
    let own = fs::read(env!("CARGO_BIN_EXE_purebpf")).expect("the tool's own file");
    assert_says(&inspected(&own), &["given.bpf.o", "not a BPF object"]);
}

#[test]
fn a_truncated_object() {
    let whole = sample();
    assert_says(&inspected(&whole[..whole.len() / 2]), &["given.bpf.o"]);
    assert_says(&inspected(&whole[..40]), &["given.bpf.o", "malformed ELF file"]);
}

#[test]
fn damaged_btf() {
    let result = {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("bad.btf");
        fs::write(&path, b"not BTF at all, but long enough").expect("the folder takes files");
        complaint(&["btf", "dump", "file", path.to_str().expect("UTF-8")])
    };
    assert_says(&result, &["bad.btf", "not BTF"]);
}

#[test]
fn a_command_line_that_makes_no_sense() {
    assert_eq!(complaint(&["object", "inspct", "x"]).0, Some(2));
    assert_eq!(complaint(&["btf", "dump", "file", "x", "format", "pascal"]).0, Some(2));
    assert_eq!(complaint(&["btf", "dump", "file", "x", "c", "format"]).0, Some(2));
}

#[test]
fn a_module_that_is_none() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample/sample.bpf.o");
    let kinds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../btf/tests/data/dump/kinds.btf");
    let (sample, kinds) = (sample.to_str().expect("UTF-8"), kinds.to_str().expect("UTF-8"));
    let result = complaint(&["object", "relocate", sample, "--btf", kinds, "--module-btf", "veth=/dev/null"]);
    assert_says(&result, &["veth", "/dev/null"]);
}
