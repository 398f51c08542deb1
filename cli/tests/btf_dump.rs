//! `purebpf btf dump file`, in bpftool's words and with bpftool's answers: those kept in the BTF crate's test data.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../btf/tests/data/dump").join(name)
}

fn dump(file: &Path, format: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_purebpf"));
    command.args(["btf", "dump", "file"]).arg(file).args(format);
    command
}

#[test]
fn formats_are_bpftools() {
    for (format, expected) in [
        (&[][..], "kinds.raw.txt"),
        (&["format", "raw"], "kinds.raw.txt"),
        (&["format", "c"], "kinds.h"),
        (&["format", "c", "unsorted"], "kinds.unsorted.h"),
    ] {
        let output = dump(&data("kinds.btf"), format).output().expect("the tool runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{format:?}: {output:?}");
        let expected = fs::read_to_string(data(expected)).expect("bpftool's answer");
        assert!(String::from_utf8_lossy(&output.stdout) == expected, "{format:?} differs from {expected}");
    }
}

/// An object's own types: those of its `.BTF` section.
#[test]
fn objects_have_types_too() {
    let object = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample/sample.bpf.o");
    let output = dump(&object, &["format", "raw"]).output().expect("the tool runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("] FUNC 'on_exec' "), "{text}");
}

/// `purebpf btf dump file … | head -1` is no failure.
#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let object = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample/sample.bpf.o");
    let mut child =
        dump(&object, &["format", "raw"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the tool runs");
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().expect("asked for a pipe").read_to_string(&mut complaint).expect("UTF-8");
    assert_eq!((child.wait().expect("it is ours").code(), complaint.as_str()), (Some(0), ""));
}

/// Split BTF over its base, as of a file of a module; `module.raw.txt` is bpftool's answer with `-B`.
#[test]
fn split_btf_over_its_base() {
    for option in ["-B", "--base-btf"] {
        let mut command = dump(&data("module.btf"), &[option]);
        let output = command.arg(data("scopes64.btf")).output().expect("the tool runs");
        assert!(output.status.success(), "{output:?}");
        let expected = fs::read_to_string(data("module.raw.txt")).expect("bpftool's answer");
        assert!(String::from_utf8_lossy(&output.stdout) == expected, "differs from module.raw.txt");
    }
    let output = dump(&data("module.btf"), &[]).output().expect("the tool runs");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint.contains("module.btf") && complaint.contains("--base-btf"), "{complaint}");
}

/// `root_id`: those types only, in that order; as bpftool, which refuses ids that are not there before it writes.
#[test]
fn chosen_types() {
    let all = fs::read_to_string(data("kinds.raw.txt")).expect("bpftool's answer");
    // A type is its line and those behind it that begin with a tab.
    let of = |id: u32| {
        let begin = all.find(&format!("[{id}] ")).expect("it has this type");
        let end = all[begin..].find("\n[").map_or(all.len(), |at| begin + at + 1);
        &all[begin..end]
    };
    let output = dump(&data("kinds.btf"), &["root_id", "7", "root_id", "0x2"]).output().expect("the tool runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), [of(7), of(2)].concat());
    let output = dump(&data("kinds.btf"), &["root_id", "4294967295"]).output().expect("the tool runs");
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no type [4294967295]"));
}
