//! Everything that libbpf's headers define for programs, ours define in the header of the same name, or in one that it includes.
//! tests/names.txt is made from the reference libbpf by `cargo xtask corpus names`.

use purebpf_helpers::HEADERS;
use std::collections::BTreeSet;

/// A header's text and that of all that it includes.
fn with_included(name: &str) -> String {
    let text = HEADERS.iter().find(|(header, _)| *header == format!("bpf/{name}"));
    let text = text.unwrap_or_else(|| panic!("no header {name}")).1;
    let included = text.lines().filter_map(|line| line.strip_prefix("#include \"")?.strip_suffix('"'));
    included.map(with_included).collect::<String>() + text
}

/// What follows #define.
fn macros(text: &str) -> BTreeSet<&str> {
    let defined = text.lines().filter_map(|line| line.trim_start().strip_prefix("#define "));
    defined.filter_map(|rest| words(rest).next()).collect()
}

/// Identifiers outside of comments and macros.
fn declared(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let (mut in_comment, mut in_macro) = (false, false);
    for line in text.lines() {
        in_comment |= line.trim_start().starts_with("/*");
        in_macro |= line.starts_with('#');
        if !in_comment && !in_macro {
            found.extend(words(line));
        }
        in_comment &= !line.contains("*/");
        in_macro &= line.ends_with('\\');
    }
    found
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

#[test]
fn every_name_of_libbpf_is_there() {
    let list = include_str!("names.txt").lines().filter(|line| !line.starts_with('#'));
    let mut missing = Vec::new();
    let mut count = 0;
    for line in list {
        let [header, kind, name] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("names.txt: {line}") };
        let text = with_included(header);
        let names = if kind == "macro" { macros(&text) } else { declared(&text) };
        if !names.contains(name) {
            missing.push(line);
        }
        count += 1;
    }
    assert!(missing.is_empty(), "not defined: {missing:#?}");
    assert!(count > 250, "names.txt lists {count} names only");
}

/// The number of helpers in linux/bpf.h of 7.2: bpf_cgrp_storage_delete is 211.
#[test]
fn every_helper_is_there_under_its_number() {
    let text = with_included("bpf_helper_defs.h");
    let numbers: BTreeSet<u32> = text
        .lines()
        .filter(|line| line.starts_with("static ") && line.contains("(* const bpf_"))
        .map(|line| {
            let number = line.rsplit_once("(void *) ").and_then(|(_, end)| end.strip_suffix(';'));
            number.unwrap_or_else(|| panic!("no number: {line}")).parse().unwrap()
        })
        .collect();
    assert_eq!(numbers, (1..=211).collect());
}
