//! Who knows libbpf finds the function here: each `bpf_*` symbol of libbpf 1.8 that is about bpf(2) is a `doc(alias)`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The symbols of `libbpf.map` that begin with `bpf_` and belong to bpf.h, without the objects' (`bpf_object__…`), the
/// programs' lines' (`bpf_prog_linfo__…`) and those of netlink (`bpf_tc_…`, `bpf_xdp_…`).
const NAMES: &str = include_str!("data/libbpf-names.txt");

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// All names that the crate's items have besides their own.
fn aliases() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(rest) = line.trim().strip_prefix("#[doc(alias = \"") else { continue };
            let name = rest.strip_suffix("\")]").unwrap();
            // Only what is public is in the documentation. Attributes and comments may stand between.
            let item = lines.clone().map(str::trim).find(|line| !line.starts_with('#') && !line.starts_with("//"));
            if item.is_some_and(|item| item.starts_with("pub ")) {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

#[test]
fn every_symbol_is_an_alias() {
    let names: BTreeSet<&str> = NAMES.lines().collect();
    assert_eq!(names.len(), 57);
    let aliases = aliases();
    let missing: Vec<_> = names.iter().filter(|name| !aliases.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // The probes, and the lines of a program.
    for name in [
        "libbpf_probe_bpf_prog_type",
        "libbpf_probe_bpf_map_type",
        "libbpf_probe_bpf_helper",
        "bpf_prog_linfo__new",
        "bpf_prog_linfo__lfind",
        "bpf_prog_linfo__lfind_addr_func",
    ] {
        assert!(aliases.contains(name), "{name}");
    }
}
