//! `--set name=value`: a global variable, or a part of one, set before the object is loaded.
//!
//! What the text means depends on the type, which the object's BTF tells: numbers of every base and sign that fit the type,
//! `true` and `false`, characters, enumerators, strings into arrays of `char`, lists into other arrays. A path leads into structs and
//! arrays: `filter.pid=1`, `ports[2]=53`.

use purebpf::OpenObject;
use purebpf::btf::raw::Endian;
use purebpf::btf::types::{Enum, Int};
use purebpf::btf::{Btf, IntEncoding, Type, TypeData, TypeId};

use crate::Result;
use crate::type_name::type_name;

/// A path and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    path: String,
    value: String,
}

impl Setting {
    /// `NAME=VALUE`, for the command line. Blanks around the name are no part of it; those of the value are.
    pub(crate) fn parse(text: &str) -> Result<Setting, String> {
        match text.split_once('=') {
            Some((path, value)) if !path.trim().is_empty() => {
                Ok(Setting { path: path.trim().to_owned(), value: value.to_owned() })
            }
            _ => Err("expected NAME=VALUE".to_owned()),
        }
    }

    /// Sets it.
    pub(super) fn apply(&self, open: &mut OpenObject) -> Result {
        let object = open.description();
        let is_variable = |name: &str| object.variables.iter().any(|variable| variable.name == name);
        let (name, steps) = parse_path(&self.path, is_variable)
            .ok_or_else(|| format!("--set: '{}' is no variable, member or element", self.path))?;
        let btf = object.btf.clone();
        let variable = object.variables.iter().find(|variable| variable.name == name).cloned();
        // Complains when there is none of that name, and says which there are.
        let mut global = open.global_mut(name)?;
        let (Some(btf), Some(variable)) = (btf, variable) else {
            return Err(format!("variable '{name}': the object has no BTF that says its type").into());
        };
        let place = walk(&btf, variable.type_id, &steps).map_err(|what| format!("variable '{}': {what}", self.path))?;
        let encoded = encode(&btf, place.id, place.bit_size, &self.value)
            .map_err(|what| format!("variable '{}' of type '{}': {what}", self.path, type_name(&btf, place.id)))?;
        let written = match place.bit_size {
            None => put_bytes(global.bytes_mut(), place.bit_offset / 8, &encoded),
            Some(width) => put_bits(btf.endian(), global.bytes_mut(), place.bit_offset, width, &encoded),
        };
        Ok(written.ok_or_else(|| format!("variable '{}' reaches past its section", self.path))?)
    }
}

/// A step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step<'a> {
    Member(&'a str),
    Element(u32),
}

/// `name.member[3].member`. Names may have dots in them (those of functions' static variables have): the longest that there is counts.
fn parse_path(path: &str, is_variable: impl Fn(&str) -> bool) -> Option<(&str, Vec<Step<'_>>)> {
    let mut ends: Vec<usize> = path.match_indices(['.', '[']).map(|(at, _)| at).collect();
    ends.push(path.len());
    let longest = ends.iter().rev().find(|end| path.get(..**end).is_some_and(&is_variable));
    // Of a name that there is not, the first part is complained of.
    let end = *longest.or(ends.first())?;
    let (name, mut rest) = path.split_at(end);
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            let (member, tail) = tail.split_at(end);
            if member.is_empty() {
                return None;
            }
            steps.push(Step::Member(member));
            rest = tail;
        } else {
            let (index, tail) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(Step::Element(index.trim().parse().ok()?));
            rest = tail;
        }
    }
    (!name.is_empty()).then_some((name, steps))
}

/// A part of a variable.
struct Place {
    id: TypeId,
    bit_offset: u64,
    /// Its width, if it is a bitfield.
    bit_size: Option<u8>,
}

fn walk(btf: &Btf, variable: TypeId, steps: &[Step<'_>]) -> Result<Place, String> {
    let mut place = Place { id: variable, bit_offset: 0, bit_size: None };
    if let Ok(TypeData::Var(content)) = btf.type_by_id(variable).map(|ty| ty.data()) {
        place.id = content.type_id;
    }
    for step in steps {
        let resolved = btf.resolve(place.id).map_err(|error| error.to_string())?;
        match (step, resolved.data()) {
            (Step::Member(name), TypeData::Struct(_) | TypeData::Union(_)) => {
                let (offset, id, bit_size) = member(btf, &resolved, name, 8)
                    .ok_or_else(|| format!("'{}' has no member '{name}'", type_name(btf, place.id)))?;
                place = Place { id, bit_offset: place.bit_offset + offset, bit_size };
            }
            (Step::Element(n), TypeData::Array(array)) => {
                if *n >= array.len {
                    return Err(format!("'{}' has no element {n}", type_name(btf, place.id)));
                }
                let size = btf.size_of(array.element).map_err(|error| error.to_string())?;
                let bit_offset = place.bit_offset + u64::from(*n) * u64::from(size) * 8;
                place = Place { id: array.element, bit_offset, bit_size: None };
            }
            (Step::Member(name), _) => {
                return Err(format!("'{}' is no struct that could have a member '{name}'", type_name(btf, place.id)));
            }
            (Step::Element(_), _) => return Err(format!("'{}' is no array", type_name(btf, place.id))),
        }
    }
    Ok(place)
}

/// A member's place in its struct; those of members without name are the struct's.
fn member(btf: &Btf, composite: &Type<'_>, name: &str, depth: u32) -> Option<(u64, TypeId, Option<u8>)> {
    for candidate in composite.members()? {
        let offset = u64::from(candidate.bit_offset);
        if candidate.name() == Some(name) {
            return Some((offset, candidate.type_id, candidate.bit_size()));
        }
        if candidate.name_bytes().is_empty() && depth > 0 {
            let inner = btf.resolve(candidate.type_id).ok()?;
            if let Some((within, id, bit_size)) = member(btf, &inner, name, depth - 1) {
                return Some((offset + within, id, bit_size));
            }
        }
    }
    None
}

/// The bytes of a value of a type.
fn encode(btf: &Btf, id: TypeId, bit_size: Option<u8>, text: &str) -> Result<Vec<u8>, String> {
    let resolved = btf.resolve(id).map_err(|error| error.to_string())?;
    match resolved.data() {
        TypeData::Int(int) => integer(btf.endian(), &int, bit_size, text),
        TypeData::Enum(data) | TypeData::Enum64(data) => enumerator(btf.endian(), &data, bit_size, text),
        TypeData::Float(float) => match (float.size, text.trim().parse::<f64>()) {
            (_, Err(_)) => Err(format!("'{text}' is no number")),
            (4, Ok(number)) => Ok(in_order(btf.endian(), (number as f32).to_bits().into(), 4)),
            (8, Ok(number)) => Ok(in_order(btf.endian(), number.to_bits().into(), 8)),
            (size, Ok(_)) => Err(format!("floating-point numbers of {size} bytes cannot be set")),
        },
        TypeData::Array(array) => {
            let element = btf.resolve(array.element).map_err(|error| error.to_string())?;
            let size = btf.size_of(id).map_err(|error| error.to_string())? as usize;
            match element.data() {
                TypeData::Int(int) if int.size == 1 && element.name_bytes() == b"char" => string(text, size),
                _ => list(btf, array.element, text, array.len, size),
            }
        }
        TypeData::Struct(_) | TypeData::Union(_) => {
            Err("a struct is set member by member, as in name.member=value".to_owned())
        }
        TypeData::Ptr(_) => Err("an address cannot be set".to_owned()),
        _ => Err("it has no value that could be set".to_owned()),
    }
}

fn integer(endian: Endian, int: &Int, bit_size: Option<u8>, text: &str) -> Result<Vec<u8>, String> {
    let trimmed = text.trim();
    if int.encoding.contains(IntEncoding::BOOL) {
        return match trimmed {
            "true" | "1" => Ok(in_order(endian, 1, int.size)),
            "false" | "0" => Ok(in_order(endian, 0, int.size)),
            _ => Err(format!("'{text}' is neither true nor false")),
        };
    }
    let number = match (character(text), number(trimmed)) {
        (Some(code), _) => i128::from(code),
        (None, Some(number)) => number,
        (None, None) => return Err(format!("'{text}' is no number")),
    };
    let width = u32::from(bit_size.unwrap_or(int.bits));
    in_range(number, width, int.encoding.contains(IntEncoding::SIGNED))?;
    Ok(in_order(endian, number as u128, int.size))
}

fn enumerator(endian: Endian, data: &Enum<'_>, bit_size: Option<u8>, text: &str) -> Result<Vec<u8>, String> {
    let trimmed = text.trim();
    if let Some(value) = data.values().find(|value| value.name() == Some(trimmed)) {
        return Ok(in_order(endian, value.value.into(), data.size));
    }
    let Some(number) = number(trimmed) else {
        let mut names: Vec<_> = data.values().filter_map(|value| value.name()).collect();
        let more = if names.len() > 16 { ", …" } else { "" };
        names.truncate(16);
        return Err(format!("'{text}' is neither a number nor one of {}{more}", names.join(", ")));
    };
    let width = bit_size.map_or(data.size.saturating_mul(8), u32::from);
    in_range(number, width, data.signed)?;
    Ok(in_order(endian, number as u128, data.size))
}

fn in_range(number: i128, width: u32, signed: bool) -> Result<(), String> {
    let (low, high) = match (signed, width) {
        // No number that can be written is too large for these.
        (_, 127..) => (if signed { i128::MIN } else { 0 }, i128::MAX),
        (true, 0) | (false, 0) => (0, 0),
        (true, width) => (-(1i128 << (width - 1)), (1i128 << (width - 1)) - 1),
        (false, width) => (0, (1i128 << width) - 1),
    };
    match (low..=high).contains(&number) {
        true => Ok(()),
        false => Err(format!("{number} is out of its range, {low} to {high}")),
    }
}

/// A whole number in decimal, or with `0x`, `0o` or `0b` before it.
fn number(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o', ..] => (8, &digits[2..]),
        [b'0', b'b', ..] => (2, &digits[2..]),
        _ => (10, digits),
    };
    // A second sign is none.
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -number } else { number })
}

/// `'c'`.
fn character(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [b'\'', code, b'\''] => Some(*code),
        _ => None,
    }
}

/// Text into an array of `char`, with a zero behind it; the rest becomes zero.
fn string(text: &str, size: usize) -> Result<Vec<u8>, String> {
    let mut bytes = text.as_bytes().to_vec();
    if bytes.len() >= size {
        let room = size.saturating_sub(1);
        return Err(format!(
            "'{text}' is {} bytes long, and there is room for {room} and the zero at the end",
            bytes.len()
        ));
    }
    bytes.resize(size, 0);
    Ok(bytes)
}

/// `1,2,3` or `[1, 2, 3]`; what is not given becomes zero.
fn list(btf: &Btf, element: TypeId, text: &str, len: u32, size: usize) -> Result<Vec<u8>, String> {
    let inner = text.trim();
    let inner = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(inner);
    let parts: Vec<&str> = if inner.trim().is_empty() { Vec::new() } else { inner.split(',').collect() };
    if parts.len() > len as usize {
        return Err(format!("{} elements are given, and there are {len}", parts.len()));
    }
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(encode(btf, element, None, part.trim())?);
    }
    bytes.resize(size, 0);
    Ok(bytes)
}

/// The last `size` bytes of a number in the object's byte order; above 16, zeros before them.
fn in_order(endian: Endian, number: u128, size: u32) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(size as usize, 0);
    if endian == Endian::Big {
        bytes.reverse();
    }
    bytes
}

fn put_bytes(to: &mut [u8], offset: u64, bytes: &[u8]) -> Option<()> {
    let start = usize::try_from(offset).ok()?;
    to.get_mut(start..start.checked_add(bytes.len())?)?.copy_from_slice(bytes);
    Some(())
}

/// Writes the low `width` bits of a number at a bit: counted from the lowest bit of the first byte in little-endian
/// data, from the highest in big-endian.
fn put_bits(endian: Endian, to: &mut [u8], bit_offset: u64, width: u8, encoded: &[u8]) -> Option<()> {
    let low_first = |n: usize| match endian {
        Endian::Little => encoded.get(n / 8).map(|byte| byte >> (n % 8) & 1),
        Endian::Big => encoded.iter().rev().nth(n / 8).map(|byte| byte >> (n % 8) & 1),
    };
    for n in 0..usize::from(width) {
        let at = usize::try_from(bit_offset).ok()?.checked_add(n)?;
        let (bit, shift) = match endian {
            Endian::Little => (low_first(n)?, at % 8),
            Endian::Big => (low_first(usize::from(width) - 1 - n)?, 7 - at % 8),
        };
        let byte = to.get_mut(at / 8)?;
        *byte = *byte & !(1 << shift) | bit << shift;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{Endian, Step, number, parse_path, put_bits};

    #[test]
    fn paths_begin_with_the_longest_name() {
        let is_variable = |name: &str| ["a", "fn.counter", "fn.counter.1"].contains(&name);
        let parsed = |path| parse_path(path, is_variable).expect("a path");
        assert_eq!(parsed("a.b[3].c"), ("a", vec![Step::Member("b"), Step::Element(3), Step::Member("c")]));
        assert_eq!(parsed("fn.counter.1[0]"), ("fn.counter.1", vec![Step::Element(0)]));
        assert_eq!(parsed("fn.counter.x"), ("fn.counter", vec![Step::Member("x")]));
        assert_eq!(parsed("unknown.x"), ("unknown", vec![Step::Member("x")]));
        for path in ["a.", "a..b", "a[", "a[x]", "a[-1]", "a[1]b", "", ".a"] {
            assert_eq!(parse_path(path, is_variable), None, "{path}");
        }
    }

    #[test]
    fn numbers_as_c_and_rust_write_them() {
        assert_eq!(
            (number("-12"), number("+0x1F"), number("0b101"), number("0o17")),
            (Some(-12), Some(31), Some(5), Some(15))
        );
        for text in ["", "-", "0x", "--1", "1.5", "1e3", "twelve"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    /// A field of 5 bits behind one of 3: the C compiler puts the first into the low bits of the first byte in little-endian data, into
    /// the high ones in big-endian.
    #[test]
    fn bitfields_of_either_byte_order() {
        let mut bytes = [0xff, 0xff];
        put_bits(Endian::Little, &mut bytes, 3, 5, &[0b10010, 0, 0, 0]).expect("within");
        assert_eq!(bytes, [0b1001_0111, 0xff]);
        let mut bytes = [0xff, 0xff];
        put_bits(Endian::Big, &mut bytes, 3, 5, &[0, 0, 0, 0b10010]).expect("within");
        assert_eq!(bytes, [0b1111_0010, 0xff]);
        assert_eq!(put_bits(Endian::Little, &mut bytes, 12, 5, &[0]), None);
    }
}
