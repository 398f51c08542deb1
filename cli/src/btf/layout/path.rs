//! Where a member lies that a path names: `task_struct.mm.owner`, `sk_buff.cb[4]`, through pointers and anonymous members.

use purebpf::btf::{Btf, Nearest, TypeData, TypeId};

use super::find::proposals;
use super::{MAX_DEPTH, MAX_ENTRIES, Place, composite, place};
use crate::btf::declaration::{shown, type_text};

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Member(String),
    Index(u64),
}

impl Step {
    /// Reads `.a.b[3]`. None for anything else.
    pub(super) fn parse_all(mut text: &str) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        while !text.is_empty() {
            if let Some(rest) = text.strip_prefix('.') {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (name, rest) = rest.split_at(end);
                steps.push(Step::Member(Some(name).filter(|name| !name.is_empty())?.to_owned()));
                text = rest;
            } else {
                let (number, rest) = text.strip_prefix('[')?.split_once(']')?;
                steps.push(Step::Index(number.parse().ok()?));
                text = rest;
            }
        }
        Some(steps)
    }
}

/// A part of a path that lies in one piece of memory: what follows a pointer lies in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// What it lies in: `task_struct`, `struct mm_struct`.
    pub(super) within: String,
    /// How it is reached in that: `se.load.weight`.
    pub(super) path: String,
    pub(super) type_id: TypeId,
    /// From the start of what it lies in, in bits.
    pub(super) bit_offset: u64,
    /// In bytes; of a bitfield, that of its type.
    pub(super) size: u32,
    /// Of a bitfield, its width in bits.
    pub(super) width: Option<u32>,
}

/// Follows a path from the type `id`, which is called `name`. There is one part, and one more for each pointer that is gone through.
///
/// # Errors
/// What is not there, and what is near to it.
pub(super) fn follow(btf: &Btf, id: TypeId, name: &str, steps: &[Step]) -> Result<Vec<Part>, String> {
    let begin = |within: String, type_id| {
        let size = btf.size_of(type_id).unwrap_or(0);
        Part { within, path: String::new(), type_id, bit_offset: 0, size, width: None }
    };
    let mut parts = Vec::new();
    let mut part = begin(name.to_owned(), id);
    for step in steps {
        let resolve = |id| btf.resolve(id).map_err(|error| error.to_string());
        let current = resolve(part.type_id)?;
        // What a pointer points to is gone on with, unless it is asked for itself as the pointer's.
        if let TypeData::Ptr(target) = current.data() {
            let mut next = begin(pointee(btf, target), target);
            if let Step::Index(index) = step {
                let from = index.checked_mul(next.size.into()).and_then(|bytes| bytes.checked_mul(8));
                next.bit_offset = from.ok_or_else(|| format!("[{index}] is out of all reach"))?;
                next.path = format!("[{index}]");
            }
            parts.push(std::mem::replace(&mut part, next));
            if matches!(step, Step::Index(_)) {
                continue;
            }
        }
        match step {
            Step::Member(member) => step_to_member(btf, &mut part, member)?,
            Step::Index(index) => {
                let TypeData::Array(array) = resolve(part.type_id)?.data() else {
                    return Err(format!("'{}' is no array: {}", whole(&part), type_text(btf, part.type_id)));
                };
                // A flexible array says 0 and has any number.
                if *index >= u64::from(array.len) && array.len != 0 {
                    return Err(format!("'{}' has {} elements: there is no [{index}]", whole(&part), array.len));
                }
                part.type_id = array.element;
                part.size = btf.size_of(array.element).unwrap_or(0);
                part.width = None;
                let from = index.checked_mul(part.size.into()).and_then(|bytes| bytes.checked_mul(8));
                let place = from.and_then(|from| part.bit_offset.checked_add(from));
                part.bit_offset = place.ok_or_else(|| format!("[{index}] is out of all reach"))?;
                part.path.push_str(&format!("[{index}]"));
            }
        }
    }
    parts.push(part);
    Ok(parts)
}

/// What is behind a pointer, as it is called.
fn pointee(btf: &Btf, target: TypeId) -> String {
    let text = type_text(btf, target);
    for keyword in ["const ", "volatile ", "struct ", "union "] {
        if let Some(name) = text.strip_prefix(keyword) {
            return name.strip_prefix("struct ").or(name.strip_prefix("union ")).unwrap_or(name).to_owned();
        }
    }
    text
}

pub(super) fn whole(part: &Part) -> String {
    let between = if part.path.is_empty() || part.path.starts_with('[') { "" } else { "." };
    format!("{}{between}{}", part.within, part.path)
}

fn step_to_member(btf: &Btf, part: &mut Part, name: &str) -> Result<(), String> {
    if composite(btf, part.type_id).is_none() {
        let what = type_text(btf, part.type_id);
        return Err(format!("'{}' has no members, and no '{name}': {what}", whole(part)));
    }
    let mut found = None;
    for_each_member(btf, part.type_id, |other, member| {
        found = (other == name.as_bytes()).then_some(member);
        found.is_none()
    });
    let Some((type_id, bit_offset, place)) = found else {
        let mut nearest = Nearest::new(name);
        for_each_member(btf, part.type_id, |other, _| {
            nearest.offer(other);
            true
        });
        return Err(format!("'{}' has no member '{name}'{}", whole(part), proposals(nearest)));
    };
    part.type_id = type_id;
    part.bit_offset = part.bit_offset.saturating_add(bit_offset);
    part.size = place.size;
    part.width = place.bits.map(|bits| bits.width);
    if !part.path.is_empty() {
        part.path.push('.');
    }
    part.path.push_str(name);
    Ok(())
}

/// Calls `visit` with the members that have names, those of anonymous structs and unions included, until it has seen enough: each
/// with its name, its type, its offset in bits, and its place in its own struct.
fn for_each_member<'a>(btf: &'a Btf, id: TypeId, mut visit: impl FnMut(&'a [u8], (TypeId, u64, Place)) -> bool) {
    let mut todo = vec![(id, 0u64, 0)];
    let mut left = MAX_ENTRIES;
    while let Some((id, base, depth)) = todo.pop() {
        let Some((_, composite)) = composite(btf, id) else { continue };
        let inner = todo.len();
        for member in composite.members() {
            left = left.saturating_sub(1);
            if left == 0 {
                return;
            }
            let place = place(btf, &member);
            let start = place.offset * 8 + place.bits.map_or(0, |bits| u64::from(bits.offset));
            let bit_offset = base.saturating_add(start);
            match member.name_bytes() {
                b"" if depth < MAX_DEPTH => todo.push((member.type_id, bit_offset, depth + 1)),
                name => {
                    if !visit(name, (member.type_id, bit_offset, place)) {
                        return;
                    }
                }
            }
        }
        // In the order of declaration.
        todo[inner..].reverse();
    }
}

/// One part in words: `task_struct.mm: struct mm_struct * at byte 2440, 8 bytes`.
pub(super) fn text(btf: &Btf, part: &Part) -> String {
    let kind = type_text(btf, part.type_id);
    let (byte, bit) = (part.bit_offset / 8, part.bit_offset % 8);
    let place = match part.width {
        Some(1) => format!("at byte {byte}, bit {bit} (bit {}), 1 bit", part.bit_offset),
        Some(width) => format!("at byte {byte}, bit {bit} (bit {}), {width} bits", part.bit_offset),
        None => format!("at byte {byte}, {} bytes", part.size),
    };
    format!("{}: {} {place}", whole(part), shown(kind.as_bytes()))
}
