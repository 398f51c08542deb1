//! `purebpf btf dedup`. That its result is libbpf's is tested where it is made; here, that files come and go as they should.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../btf/tests/data/dump").join(name)
}

fn tool(arguments: &[&str], files: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_purebpf")).arg("btf").args(arguments).args(files).output().expect("the tool runs")
}

#[track_caller]
fn text(arguments: &[&str], files: &[&Path]) -> String {
    let output = tool(arguments, files);
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?} {files:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// `scopes64.btf` was deduplicated by pahole, that is by libbpf: twice its types come to it again.
#[test]
fn twice_the_same_is_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out.btf");
    let scopes = data("scopes64.btf");
    let said = text(&["dedup", "-o", out.to_str().expect("UTF-8")], &[&scopes, &scopes]);
    let once = fs::read_to_string(data("scopes64.raw.txt")).expect("bpftool's answer");
    let types = once.lines().filter(|line| line.starts_with('[')).count();
    assert!(said.starts_with(&format!("{types} types of {}, ", 2 * types)), "{said}");
    assert_eq!(text(&["dump", "file"], &[&out]), once);
    // And what is so already stays, also when it is written over itself.
    let bytes = fs::read(&out).expect("it was written");
    text(&["dedup", "-o", out.to_str().expect("UTF-8")], &[&out]);
    assert!(fs::read(&out).expect("it was written") == bytes);
}

#[test]
fn split_over_a_base() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out.btf");
    let (module, base) = (data("module.btf"), data("scopes64.btf"));
    let base = base.to_str().expect("UTF-8");
    let said = text(&["dedup", "-B", base, "--json", "-o", out.to_str().expect("UTF-8")], &[&module, &module]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let once = fs::read_to_string(data("module.raw.txt")).expect("bpftool's answer");
    let types = once.lines().filter(|line| line.starts_with('[')).count();
    assert_eq!(said["types"], serde_json::json!({ "before": 2 * types, "after": types }));
    assert_eq!(text(&["dump", "-B", base, "file"], &[&out]), once);
}

#[test]
fn what_cannot_be() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out.btf");
    let out = out.to_str().expect("UTF-8");
    let kinds = data("kinds.btf");
    for (arguments, files, words) in [
        (&["dedup", "-o", out][..], &[Path::new("/nonexistent/a.btf")][..], "cannot read /nonexistent/a.btf"),
        (&["dedup", "-o", "/nonexistent/out"], &[&kinds], "cannot write /nonexistent/out"),
        (&["dedup", "-o", out], &[&kinds, &data("kinds_be.btf")], "kinds_be.btf: "),
        (&["dedup", "-o", out], &[&data("module.btf")], "--base-btf"),
    ] {
        let output = tool(arguments, files);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{complaint}");
        assert!(complaint.contains(words) && complaint.lines().count() == 1, "{arguments:?}: {complaint}");
        assert!(!Path::new(out).exists());
    }
    assert_eq!(tool(&["dedup"], &[&kinds]).status.code(), Some(2), "nowhere to write");
}
