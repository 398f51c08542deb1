//! Damage: to bits and words anywhere, to the header, to strings, and to types as such, where it gets further.

use crate::stress::random::Random;
use std::ops::Range;

/// Does something to the blob.
pub(in crate::stress) fn mutate(blob: &mut Vec<u8>, random: &mut Random) {
    match random.below(16) {
        0 | 1 => random.flip_bit(blob),
        2 | 3 => set_word(blob, random),
        4 => swap_words(blob, random),
        5 => truncate(blob, random),
        6 => edit_header(blob, random),
        7 => damage_strings(blob, random),
        8 | 9 => edit_info(blob, random),
        10 | 11 => redirect(blob, random),
        12 => splice(blob, random),
        13 => drop_record(blob, random),
        14 => repeat(blob, random),
        _ => rename(blob, random),
    }
}

fn is_big(blob: &[u8]) -> bool {
    blob.starts_with(&[0xeb, 0x9f])
}

fn word(blob: &[u8], at: usize) -> Option<u32> {
    let bytes: [u8; 4] = blob.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(if is_big(blob) { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}

fn put_word(blob: &mut [u8], at: usize, word: u32) {
    let bytes = if is_big(blob) { word.to_be_bytes() } else { word.to_le_bytes() };
    if let Some(place) = blob.get_mut(at..at + 4) {
        place.copy_from_slice(&bytes);
    }
}

/// Fields of `struct btf_header`.
const HDR_LEN: usize = 4;
const TYPE_OFF: usize = 8;
const TYPE_LEN: usize = 12;
const STR_OFF: usize = 16;
const STR_LEN: usize = 20;
const LAYOUT_OFF: usize = 24;

/// Where a section lies, so far as it does within the blob.
fn section(blob: &[u8], off: usize, len: usize) -> Range<usize> {
    let field = |at| word(blob, at).unwrap_or_default() as usize;
    let start = (field(HDR_LEN) + field(off)).min(blob.len());
    start..(start + field(len)).min(blob.len())
}

fn types(blob: &[u8]) -> Range<usize> {
    section(blob, TYPE_OFF, TYPE_LEN)
}

fn strings(blob: &[u8]) -> Range<usize> {
    section(blob, STR_OFF, STR_LEN)
}

/// The records of types, as far as they can be followed.
fn records(blob: &[u8]) -> Vec<Range<usize>> {
    let types = types(blob);
    let mut records = Vec::new();
    let mut at = types.start;
    while let Some(info) = word(blob, at + 4) {
        let vlen = (info & 0xff_ffff) as usize;
        // What follows struct btf_type, by kind (Documentation/bpf/btf.rst).
        let tail = match info >> 24 & 0x1f {
            1 | 14 | 17 => 4,
            3 => 12,
            4 | 5 | 15 | 19 => vlen * 12,
            6 | 13 => vlen * 8,
            _ => 0,
        };
        let end = at + 12 + tail;
        if end > types.end {
            break;
        }
        records.push(at..end);
        at = end;
    }
    records
}

fn pick_record(blob: &[u8], random: &mut Random) -> Option<Range<usize>> {
    let records = records(blob);
    records.get(random.below(records.len())).cloned()
}

/// A number that something may stumble over.
fn telling_number(blob: &[u8], random: &mut Random) -> u32 {
    let small = random.below(64) as u32;
    let len = blob.len() as u32;
    let string_len = word(blob, STR_LEN).unwrap_or_default();
    random.pick(&[
        0,
        1,
        2,
        small,
        small << 3,
        len,
        len / 12,
        string_len,
        string_len.wrapping_sub(1),
        0xff,
        0xffff,
        0xff_ffff,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_fffe,
        u32::MAX,
        1 << random_shift(small),
    ])
}

fn random_shift(number: u32) -> u32 {
    number % 32
}

fn set_word(blob: &mut [u8], random: &mut Random) {
    let at = random.below(blob.len() / 4) * 4;
    let number = telling_number(blob, random);
    put_word(blob, at, number);
}

fn swap_words(blob: &mut [u8], random: &mut Random) {
    let types = types(blob);
    let words = types.len() / 4;
    let (a, b) = (types.start + random.below(words) * 4, types.start + random.below(words) * 4);
    if let (Some(first), Some(second)) = (word(blob, a), word(blob, b)) {
        put_word(blob, a, second);
        put_word(blob, b, first);
    }
}

/// Cuts the end off; and has the header know of it, perhaps.
fn truncate(blob: &mut Vec<u8>, random: &mut Random) {
    let len = random.below(blob.len());
    if random.one_in(2) {
        let strings = strings(blob);
        let left = len.saturating_sub(strings.start) as u32;
        put_word(blob, STR_LEN, left);
    }
    blob.truncate(len);
}

fn edit_header(blob: &mut [u8], random: &mut Random) {
    let field = random.pick(&[0, HDR_LEN, TYPE_OFF, TYPE_LEN, STR_OFF, STR_LEN, LAYOUT_OFF, LAYOUT_OFF + 4]);
    let number = match random.one_in(2) {
        true => telling_number(blob, random),
        // Near what was there.
        false => word(blob, field).unwrap_or_default().wrapping_add(random.below(17) as u32).wrapping_sub(8),
    };
    put_word(blob, field, number);
}

fn damage_strings(blob: &mut [u8], random: &mut Random) {
    let strings = strings(blob);
    let at = match random.below(4) {
        0 => strings.end.saturating_sub(1),
        1 => strings.start,
        _ => strings.start + random.below(strings.len()),
    };
    if let Some(byte) = blob.get_mut(at) {
        *byte = random.pick(&[0, b'a', b' ', b'%', b'\n', b'"', b'\\', b'_', 0x80, 0xff]);
    }
}

/// Another kind, number of members or kind_flag.
fn edit_info(blob: &mut [u8], random: &mut Random) {
    let Some(record) = pick_record(blob, random) else { return };
    let info = word(blob, record.start + 4).unwrap_or_default();
    let changed = match random.below(4) {
        0 => info & !(0x1f << 24) | (random.below(32) as u32) << 24,
        1 => info & !0xff_ffff | random.below(6) as u32,
        2 => info ^ 1 << 31,
        _ => telling_number(blob, random),
    };
    put_word(blob, record.start + 4, changed);
}

/// Has something refer elsewhere: to itself, to a neighbour, to any type. Cycles come of it.
fn redirect(blob: &mut [u8], random: &mut Random) {
    let records = records(blob);
    let number = random.below(records.len());
    let Some(record) = records.get(number) else { return };
    let target = match random.below(4) {
        0 => number + 1,
        1 => number,
        2 => number + 2,
        _ => 1 + random.below(records.len()),
    };
    let words = record.len() / 4;
    // The size or type, or a word of what follows.
    let at = if random.one_in(2) { 2 } else { 2 + random.below(words - 2) };
    put_word(blob, record.start + at * 4, target as u32);
}

/// Puts bytes into the types at a place, and has the header know of it.
fn insert(blob: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    const ROOM: usize = 1 << 23;
    if blob.len() + bytes.len() > ROOM {
        return;
    }
    blob.splice(at..at, bytes.iter().copied());
    grow(blob, bytes.len() as u32);
}

fn grow(blob: &mut [u8], by: u32) {
    for field in [TYPE_LEN, STR_OFF] {
        let grown = word(blob, field).unwrap_or_default().wrapping_add(by);
        put_word(blob, field, grown);
    }
    if word(blob, HDR_LEN).is_some_and(|len| len > LAYOUT_OFF as u32) {
        let grown = word(blob, LAYOUT_OFF).unwrap_or_default().wrapping_add(by);
        put_word(blob, LAYOUT_OFF, grown);
    }
}

/// Puts a record once more elsewhere: ids of all that follow mean others.
fn splice(blob: &mut Vec<u8>, random: &mut Random) {
    let (Some(from), Some(to)) = (pick_record(blob, random), pick_record(blob, random)) else { return };
    let bytes = blob[from].to_vec();
    insert(blob, to.start, &bytes);
}

fn drop_record(blob: &mut Vec<u8>, random: &mut Random) {
    let Some(record) = pick_record(blob, random) else { return };
    let len = record.len() as u32;
    blob.drain(record);
    grow(blob, len.wrapping_neg());
}

/// Appends a record many times over: many types that are alike.
fn repeat(blob: &mut Vec<u8>, random: &mut Random) {
    let Some(record) = pick_record(blob, random) else { return };
    let bytes = blob[record].repeat(1 + random.below(64));
    let end = types(blob).end;
    insert(blob, end, &bytes);
}

/// Gives a type the name of another, or part of a name.
fn rename(blob: &mut [u8], random: &mut Random) {
    let (Some(from), Some(to)) = (pick_record(blob, random), pick_record(blob, random)) else { return };
    let name = word(blob, from.start).unwrap_or_default().wrapping_add(random.below(3) as u32 / 2);
    put_word(blob, to.start, name);
}
