//! Differences in words: `+` for what is new, `-` for what is gone, `~` for what is otherwise.

use std::fmt::Write as _;

use super::functions::Parameter;
use super::members::{Change as MemberChange, Leaf};
use super::{About, Change, Class, Counts, Detail, Diff, FromTo, Item};
use crate::output::printable;

/// So many members that one after the other moved by as much are told in one line.
const LEAST_RUN: usize = 3;

/// All of it, with the numbers at the end; each moved member by itself, or those that moved together in one line.
pub(super) fn text(diff: &Diff, all_moves: bool) -> String {
    let mut out = String::new();
    for item in &diff.items {
        write_item(item, all_moves, &mut out);
    }
    if !diff.items.is_empty() {
        out.push('\n');
    }
    out + &summary(diff)
}

/// The numbers.
pub(super) fn summary(diff: &Diff) -> String {
    let mut out = String::new();
    for (class, counts) in Class::ALL.into_iter().zip(&diff.counts) {
        let Counts { added, removed, changed, same } = *counts;
        if added + removed + changed + same != 0 {
            let plural = match class {
                Class::Struct => "structs",
                Class::Union => "unions",
                Class::Enum => "enums",
                Class::Typedef => "typedefs",
                Class::Func => "functions",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{plural}: {added} added, {removed} removed, {changed} changed, {same} the same");
        }
    }
    out
}

fn write_item(item: &Item, all_moves: bool, out: &mut String) {
    let name = match item.name.is_empty() {
        true => "anonymous enums".to_owned(),
        false => format!("{} {}", item.class.word(), printable(&item.name)),
    };
    let namesakes = match item.namesakes {
        (0..=1, 0..=1) => String::new(),
        (from, to) => format!(" (of this name: {from} -> {to})"),
    };
    match &item.change {
        Change::Added(about) => out.push_str(&format!("+ {name}{}{namesakes}\n", about_text(about))),
        Change::Removed(about) => out.push_str(&format!("- {name}{}{namesakes}\n", about_text(about))),
        Change::Changed(details) => {
            out.push_str(&format!("~ {name}{namesakes}\n"));
            let mut rest = &details[..];
            while let [first, others @ ..] = rest {
                let run = if all_moves { 0 } else { run(rest) };
                if run >= LEAST_RUN {
                    let (moved, others) = rest.split_at(run);
                    write_run(moved, out);
                    rest = others;
                } else {
                    write_detail(first, out);
                    rest = others;
                }
            }
        }
    }
}

fn about_text(about: &About) -> String {
    match about {
        About::Size(size) => format!(": {}", bytes(*size)),
        About::Target(text) | About::Signature(text) => format!(": {}", printable(text)),
    }
}

fn bytes(number: u32) -> String {
    format!("{number} byte{}", if number == 1 { "" } else { "s" })
}

/// By how many bits a member moved, if nothing else has become of it.
fn moved(detail: &Detail) -> Option<(i128, &str, FromTo<u64>)> {
    match detail {
        Detail::Member(MemberChange::Changed { path, bit_offset, type_text: None, size: None, width: None }) => {
            Some((i128::from(bit_offset.to) - i128::from(bit_offset.from), path, *bit_offset))
        }
        _ => None,
    }
}

/// How many of the first details are members that moved by as much.
fn run(details: &[Detail]) -> usize {
    let Some((by, ..)) = details.first().and_then(moved) else { return 0 };
    details.iter().take_while(|detail| moved(detail).is_some_and(|other| other.0 == by)).count()
}

fn write_run(details: &[Detail], out: &mut String) {
    let ends = (details.first().and_then(moved), details.last().and_then(moved));
    let (Some((by, first, first_at)), Some((_, last, last_at))) = ends else { return };
    let amount = match by % 8 {
        0 => format!("{:+} byte{}", by / 8, if by.abs() == 8 { "" } else { "s" }),
        _ => format!("{by:+} bits"),
    };
    let (first, last, count) = (printable(first), printable(last), details.len());
    let (from, to) = (arrow(first_at), arrow(last_at));
    out.push_str(&format!("\t~ {count} members moved by {amount}: {first} ({from}) to {last} ({to})\n"));
}

fn arrow(bit_offset: FromTo<u64>) -> String {
    format!("{} -> {}", place(bit_offset.from), place(bit_offset.to))
}

/// In bytes, and bits of the last.
fn place(bit_offset: u64) -> String {
    match bit_offset % 8 {
        0 => (bit_offset / 8).to_string(),
        bit => format!("{}:{bit}", bit_offset / 8),
    }
}

fn leaf_text(leaf: &Leaf) -> String {
    let size = match leaf.width {
        Some(1) => "1 bit".to_owned(),
        Some(width) => format!("{width} bits"),
        None => bytes(leaf.size),
    };
    format!("{} at {}, {size}", printable(&leaf.type_text), place(leaf.bit_offset))
}

fn write_detail(detail: &Detail, out: &mut String) {
    let line = match detail {
        Detail::Size(size) => format!("size {} -> {}", size.from, bytes(size.to)),
        Detail::Member(change) => member(change),
        Detail::ValueAdded { name, value } => format!("+ {} = {value}", printable(name)),
        Detail::ValueRemoved { name, value } => format!("- {} = {value}", printable(name)),
        Detail::ValueChanged { name, value } => format!("~ {}: {} -> {}", printable(name), value.from, value.to),
        Detail::Target(target) => texts("was", "is", target),
        Detail::Signature(signature) => texts("was", "is", signature),
        Detail::Returns(types) => format!("~ returns {}", type_change(types)),
        Detail::ParameterAdded(added) => format!("+ parameter {}", parameter(added)),
        Detail::ParameterRemoved(removed) => format!("- parameter {}", parameter(removed)),
        Detail::ParameterChanged { name, position, type_text } => {
            let name = if name.is_empty() { String::new() } else { format!(" {}", printable(name)) };
            let moved = match position.from == position.to {
                true => format!("~ parameter {}{name}", position.to),
                false => format!("~ parameter {} -> {}{name}", position.from, position.to),
            };
            match type_text {
                Some(types) => format!("{moved}: {}", type_change(types)),
                None => moved,
            }
        }
    };
    out.push_str(&format!("\t{line}\n"));
}

fn texts(was: &str, is: &str, texts: &FromTo<String>) -> String {
    format!("{was} {}\n\t{is}  {}", printable(&texts.from), printable(&texts.to))
}

fn parameter(parameter: &Parameter) -> String {
    let name = if parameter.name.is_empty() { String::new() } else { format!(" {}", printable(&parameter.name)) };
    format!("{}{name}: {}", parameter.position, printable(&parameter.type_text))
}

/// Types without a name look alike where only what is in them differs.
fn type_change(types: &FromTo<String>) -> String {
    match types.from == types.to {
        true => format!("{} has something else in it", printable(&types.to)),
        false => format!("{} -> {}", printable(&types.from), printable(&types.to)),
    }
}

fn member(change: &MemberChange) -> String {
    match change {
        MemberChange::Added(leaf) => format!("+ {}: {}", printable(&leaf.path), leaf_text(leaf)),
        MemberChange::Removed(leaf) => format!("- {}: {}", printable(&leaf.path), leaf_text(leaf)),
        MemberChange::Renamed { from, to } => {
            format!("~ {} is now {}: {}", printable(from), printable(&to.path), leaf_text(to))
        }
        MemberChange::Changed { path, bit_offset, type_text, size, width } => {
            let mut said = Vec::new();
            if bit_offset.from != bit_offset.to {
                said.push(format!("moved {}", arrow(*bit_offset)));
            }
            said.extend(type_text.as_ref().map(|types| format!("type {}", type_change(types))));
            said.extend(size.map(|size| format!("size {} -> {}", size.from, bytes(size.to))));
            said.extend(width.map(|width| match (width.from, width.to) {
                (None, Some(bits)) => format!("became a bitfield of {bits}"),
                (Some(bits), None) => format!("was a bitfield of {bits}"),
                (from, to) => format!("bits {} -> {}", from.unwrap_or(0), to.unwrap_or(0)),
            }));
            format!("~ {}: {}", printable(path), said.join("; "))
        }
    }
}
