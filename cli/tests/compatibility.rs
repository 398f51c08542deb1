//! docs/compatibility.md rests on tests: each that it names is there.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/compatibility.md")).expect("the page is there");
    let named: Vec<(&str, &str)> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once("::"))
        .filter(|(file, _)| file.ends_with(".rs"))
        .collect();
    assert!(named.len() > 80, "the page names tests: {}", named.len());
    for (file, test) in named {
        let source = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(source.contains(&format!("fn {test}()")), "{file} has no test {test}");
    }
}

/// A row's numbers lead to notes below its table.
#[test]
fn every_number_has_its_note() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let mut sections = 0;
    for section in page.split("\n## ").skip(1) {
        sections += 1;
        let title = section.lines().next().unwrap_or_default();
        let notes: Vec<&str> = section
            .lines()
            .filter_map(|line| Some(line.split_once(". ")?.0))
            .filter(|n| n.parse::<u32>().is_ok())
            .collect();
        let rows = section
            .lines()
            .filter(|line| line.starts_with('|') && !line.starts_with("|---") && !line.starts_with("| |"));
        let mut used = Vec::new();
        for row in rows {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 6, "{title}: {row}");
            // Those of libbpf-rs that have none are libbpf's.
            for cell in [cells[1], cells[2], cells[4], cells[5]] {
                assert!(cell == "–" || cell.contains(' '), "{title}: '{cell}' has no note in {row}");
            }
            for cell in &cells[1..] {
                let (word, note) = cell.split_once(' ').unwrap_or((cell, ""));
                assert!(["yes", "part", "no", "–"].contains(&word), "{title}: '{cell}' in {row}");
                assert!(note.is_empty() || notes.contains(&note), "{title}: no note {note} for {row}");
                used.push(note);
            }
        }
        for note in notes {
            assert!(used.contains(&note), "{title}: nothing leads to note {note}");
        }
    }
    assert_eq!(sections, 6);
}
