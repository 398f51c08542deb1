//! The headers that the crate hands out are those that lie in it, all of them, and include nothing that it does not have.

use purebpf_helpers::{HEADERS, INCLUDE_DIR, include_dir, write_headers};
use std::{collections::BTreeSet, fs, path::Path};

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir.join("bpf")).expect("the folder of the headers");
    entries.map(|entry| format!("bpf/{}", entry.unwrap().file_name().to_str().unwrap())).collect()
}

#[test]
fn every_header_is_handed_out() {
    let listed: BTreeSet<String> = HEADERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(listed, names(include_dir()));
    assert_eq!(include_dir(), Path::new(INCLUDE_DIR));
}

#[test]
fn headers_include_each_other_and_nothing_else() {
    for (name, text) in HEADERS {
        let mut before = "";
        for line in text.lines() {
            if let Some(file) = line.strip_prefix("#include ") {
                let included = format!("bpf/{}", file.trim_matches(['"', '<', '>']));
                // Or what they do without where it is missing.
                let asked = before.starts_with(&format!("#if __has_include({file})"));
                assert!(asked || HEADERS.iter().any(|(name, _)| *name == included), "{name} includes {file}");
            }
            before = line;
        }
    }
}

#[test]
fn written_headers_are_the_same_and_stay_untouched() {
    let dir = tempfile::tempdir().unwrap();
    write_headers(dir.path()).unwrap();
    assert_eq!(names(dir.path()), names(Path::new(INCLUDE_DIR)));
    let helpers = dir.path().join("bpf/bpf_helpers.h");
    let original = fs::read(Path::new(INCLUDE_DIR).join("bpf/bpf_helpers.h")).unwrap();
    assert_eq!(fs::read(&helpers).unwrap(), original);

    let before = fs::metadata(&helpers).unwrap().modified().unwrap();
    write_headers(dir.path()).unwrap();
    assert_eq!(fs::metadata(&helpers).unwrap().modified().unwrap(), before);
    fs::write(&helpers, "old").unwrap();
    write_headers(dir.path()).unwrap();
    assert_eq!(fs::read(&helpers).unwrap(), original);
}
