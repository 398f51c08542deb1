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

/// `-j` and `-p` have the types of the list. That they are bpftool's to the byte is tested where they are written, and on a real
/// kernel in `kernel_btf`.
#[test]
fn json_has_the_types_of_the_list() {
    let list = fs::read_to_string(data("kinds.raw.txt")).expect("bpftool's answer");
    let compact = dump(&data("kinds.btf"), &["-j"]).output().expect("the tool runs");
    let pretty = dump(&data("kinds.btf"), &["-p"]).output().expect("the tool runs");
    let [compact, pretty] = [compact, pretty].map(|output| String::from_utf8(output.stdout).expect("UTF-8"));
    assert_eq!(compact.lines().count(), 1);
    assert!(pretty.starts_with("{\n    \"types\": ["), "{}", &pretty[..40]);
    let value: serde_json::Value = serde_json::from_str(&compact).expect("JSON");
    assert_eq!(value, serde_json::from_str::<serde_json::Value>(&pretty).expect("JSON"));
    let told: Vec<_> = value["types"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|this| format!("[{}] {} ", this["id"], this["kind"].as_str().expect("a word")))
        .collect();
    let listed: Vec<_> = list.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(told.len(), listed.len());
    assert!(told.iter().zip(&listed).all(|(told, line)| line.starts_with(told.as_str())));
    for format in [&["format", "c", "-j"][..], &["format", "rust", "-p"]] {
        assert_eq!(dump(&data("kinds.btf"), format).output().expect("the tool runs").status.code(), Some(2));
    }
}

/// A struct as Rust, with what it needs and no more.
#[test]
fn rust_has_what_the_roots_need() {
    let list = fs::read_to_string(data("kinds.raw.txt")).expect("bpftool's answer");
    let line =
        list.lines().find(|line| line.contains("] STRUCT '") && !line.contains("(anon)")).expect("it has a struct");
    let id = line.split(['[', ']']).nth(1).expect("an id");
    let name = line.split('\'').nth(1).expect("a name");
    let output = dump(&data("kinds.btf"), &["format", "rust", "root_id", id]).output().expect("the tool runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains(&format!("pub struct {name} {{")), "{text}");
    assert!(text.contains(&format!("size_of::<{name}>()")), "{text}");
    let whole = dump(&data("kinds.btf"), &["format", "rust"]).output().expect("the tool runs").stdout;
    assert!(whole.len() > 2 * text.len());
}

/// Several files over one base are merged, and each type stands once: a module with itself is that module. (bpftool prints the same.)
#[test]
fn several_files_are_merged() {
    let module = data("module.btf");
    let module = module.to_str().expect("UTF-8");
    let base = data("scopes64.btf");
    let output = dump(Path::new(module), &["file", module, "-B", base.to_str().expect("UTF-8")]).output();
    let text = String::from_utf8(output.expect("the tool runs").stdout).expect("UTF-8");
    let once = fs::read_to_string(data("module.raw.txt")).expect("bpftool's answer");
    assert!(text == once, "{text}");
    let output = dump(Path::new(module), &["file", module]).output().expect("the tool runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--base-btf"));
}
