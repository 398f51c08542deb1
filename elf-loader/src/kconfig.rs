//! Values of the kernel's configuration: a text such as `/boot/config-*`, read for the externs of an object.
//!
//! The rules are libbpf's (its `bpf_object__process_kconfig_line` and `set_kcfg_value_*`): the first line that names an option
//! counts, `y`, `n` and `m` are told by their first letter, numbers are C's in any base, strings lose their quotes, keep their
//! backslashes and are cut to the array that they go to.

use std::collections::HashMap;
use std::io::Read;

use purebpf_btf::Nearest;

use crate::object::{Extern, ExternKind, KconfigType, Object};
use crate::{Error, nearest};

/// The largest configuration that is read, unpacked: real ones are some 300 kB.
const MAX_TEXT: u64 = 1 << 24;

/// Externs of an object, and the values that were found for them.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    wanted: Vec<Wanted<'a>>,
    by_name: HashMap<&'a [u8], usize>,
}

#[derive(Clone, Debug)]
struct Wanted<'a> {
    ext: &'a Extern,
    value: KconfigType,
    size: u32,
    offset: u32,
    /// What was found for it; what is left of its place is zero.
    found: Option<Vec<u8>>,
}

impl<'a> Values<'a> {
    /// Those configuration externs of `object` that `wanted` says yes to, none of which has a value yet.
    pub fn new(object: &'a Object, mut wanted: impl FnMut(&Extern) -> bool) -> Values<'a> {
        let externs = object.externs.iter().filter_map(|ext| match ext.kind {
            ExternKind::Kconfig { value, size, offset } => {
                wanted(ext).then_some(Wanted { ext, value, size, offset, found: None })
            }
            _ => None,
        });
        let wanted: Vec<_> = externs.collect();
        let mut by_name = HashMap::with_capacity(wanted.len());
        for (place, wanted) in wanted.iter().enumerate() {
            by_name.entry(wanted.ext.name.as_bytes()).or_insert(place);
        }
        Values { wanted, by_name }
    }

    /// Takes values out of a configuration text for those externs that have none yet. `place` is what errors call the text.
    ///
    /// # Errors
    /// When a line sets an option to nothing, or an extern to what its type does not hold.
    #[doc(alias = "kconfig")]
    pub fn read(&mut self, text: &[u8], place: &str) -> Result<(), Error> {
        for line in text.split(|&b| b == b'\n').filter(|line| line.starts_with(b"CONFIG_")) {
            let malformed = |what| Error::KconfigLine { place: place.to_owned(), line: shown(line), what };
            let at = memchr::memchr(b'=', line).ok_or_else(|| malformed("has no '='"))?;
            let (name, value) = (&line[..at], &line[at + 1..]);
            if value.is_empty() {
                return Err(malformed("has no value"));
            }
            let wanted = self.by_name.get(name).and_then(|place| self.wanted.get_mut(*place));
            let Some(wanted) = wanted.filter(|wanted| wanted.found.is_none()) else { continue };
            wanted.found = Some(wanted.convert(value).map_err(|what| wanted.misfit(&shown(value), place, what))?);
        }
        Ok(())
    }

    /// The names of those without a value yet.
    pub fn unset(&self) -> impl Iterator<Item = &'a Extern> + use<'a, '_> {
        self.wanted.iter().filter(|wanted| wanted.found.is_none()).map(|wanted| wanted.ext)
    }

    /// Gives an extern a number, as those have that no configuration file names.
    ///
    /// # Errors
    /// When its type does not hold it.
    pub fn set_number(&mut self, name: &str, number: u64) -> Result<(), Error> {
        let wanted = self.by_name.get(name.as_bytes()).and_then(|place| self.wanted.get_mut(*place));
        let Some(wanted) = wanted else { return Ok(()) };
        let bytes = wanted.number(number).map_err(|what| wanted.misfit(&number.to_string(), "the kernel", what))?;
        wanted.found = Some(bytes);
        Ok(())
    }

    /// What was found: places in the map in bytes, and what is there. Everything else is zero.
    pub fn into_parts(self) -> Vec<(u32, Vec<u8>)> {
        self.wanted.into_iter().filter_map(|wanted| Some((wanted.offset, wanted.found?))).collect()
    }
}

impl Wanted<'_> {
    fn misfit(&self, value: &str, place: &str, what: String) -> Error {
        let (name, value) = (self.ext.name.clone(), value.to_owned());
        Error::KconfigValue { name, value, place: place.to_owned(), what }
    }

    /// The bytes of a value that is not empty.
    fn convert(&self, text: &[u8]) -> Result<Vec<u8>, String> {
        match text.first() {
            Some(&letter @ (b'y' | b'n' | b'm')) => self.letter(letter),
            Some(b'"') => self.string(text),
            _ => {
                let number = parse_number(text)?;
                match self.value {
                    KconfigType::Int { .. } | KconfigType::Char { .. } => self.number(number),
                    _ => Err(format!("is a number, which {} is not", self.type_name())),
                }
            }
        }
    }

    fn letter(&self, letter: u8) -> Result<Vec<u8>, String> {
        match self.value {
            KconfigType::Bool if letter == b'm' => Err("is m: only enum libbpf_tristate and char hold that".into()),
            KconfigType::Bool => Ok(vec![u8::from(letter == b'y')]),
            KconfigType::Tristate => self.truncated(match letter {
                b'y' => 1,
                b'm' => 2,
                _ => 0,
            }),
            KconfigType::Char { .. } => Ok(vec![letter]),
            _ => {
                Err(format!("is a letter, which {} is not: bool, enum libbpf_tristate and char are", self.type_name()))
            }
        }
    }

    fn string(&self, text: &[u8]) -> Result<Vec<u8>, String> {
        if self.value != KconfigType::String {
            return Err(format!("is a string, which {} is not", self.type_name()));
        }
        let inner = text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        let inner = inner.ok_or("is a string without an end")?;
        // The last byte is the terminator's.
        let room = (self.size as usize).saturating_sub(1);
        Ok(inner[..inner.len().min(room)].to_vec())
    }

    fn number(&self, number: u64) -> Result<Vec<u8>, String> {
        let signed = match self.value {
            KconfigType::Bool if number > 1 => return Err("is neither 0 nor 1".into()),
            KconfigType::Bool => false,
            KconfigType::Int { signed } | KconfigType::Char { signed } => signed,
            _ => return Err(format!("is a number, which {} is not", self.type_name())),
        };
        // A number below zero is here as its two's complement in 64 bits (strtoull).
        let bits = self.size.saturating_mul(8);
        let fits = match (bits, signed) {
            (0, _) => false,
            (64.., _) => true,
            (_, true) => number.wrapping_add(1 << (bits - 1)) < 1 << bits,
            (_, false) => number >> bits == 0,
        };
        match fits {
            true => self.truncated(number),
            false => Err(format!("does not fit {} bytes", self.size)),
        }
    }

    /// The number in as many bytes as the extern has, which are 1, 2, 4 or 8.
    fn truncated(&self, number: u64) -> Result<Vec<u8>, String> {
        match self.size {
            1 => Ok((number as u8).to_ne_bytes().to_vec()),
            2 => Ok((number as u16).to_ne_bytes().to_vec()),
            4 => Ok((number as u32).to_ne_bytes().to_vec()),
            8 => Ok(number.to_ne_bytes().to_vec()),
            size => Err(format!("does not fit {size} bytes")),
        }
    }

    fn type_name(&self) -> &'static str {
        match self.value {
            KconfigType::Bool => "a bool",
            KconfigType::Tristate => "enum libbpf_tristate",
            KconfigType::Char { .. } => "a char",
            KconfigType::Int { .. } => "an integer",
            KconfigType::String => "an array of char",
        }
    }
}

/// A number as strtoull(3) reads it in base 0: white space, a sign, then `0x`, `0b`, `0` or a decimal; and nothing after it.
fn parse_number(text: &[u8]) -> Result<u64, String> {
    let none = || "is none of y, n, m, a string or a number".to_owned();
    let start = text.iter().position(|b| !matches!(b, b' ' | b'\t'..=b'\r')).ok_or_else(none)?;
    let text = &text[start..];
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest),
        digits => (10, digits),
    };
    let mut number = 0u64;
    if digits.is_empty() {
        return Err(none());
    }
    for &digit in digits {
        let digit = (digit as char).to_digit(base).ok_or_else(none)?;
        let next = number.checked_mul(u64::from(base)).and_then(|number| number.checked_add(u64::from(digit)));
        number = next.ok_or("does not fit 64 bits")?;
    }
    Ok(if negative { number.wrapping_neg() } else { number })
}

/// The text of a configuration file, which may be packed by gzip, as `/proc/config.gz` is.
///
/// # Errors
/// When it is damaged, or larger than any configuration.
pub fn unpack(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let text = match bytes.starts_with(&[0x1f, 0x8b]) {
        false => bytes,
        true => {
            let mut text = Vec::new();
            let unpacked = flate2::read::MultiGzDecoder::new(&bytes[..]).take(MAX_TEXT + 1).read_to_end(&mut text);
            unpacked.map_err(|err| format!("cannot be unpacked: {err}"))?;
            text
        }
    };
    match text.len() as u64 > MAX_TEXT {
        true => Err(format!("is larger than any configuration ({MAX_TEXT} bytes)")),
        false => Ok(text),
    }
}

/// Reads a configuration file, plain or packed.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn read_file(path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_TEXT + 1).read_to_end(&mut bytes));
    read.map_err(|err| format!("{path}: {err}"))?;
    unpack(bytes).map_err(|what| format!("{path} {what}"))
}

/// Why an option has no value, from the texts that it was looked for in.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn why_unset(name: &str, texts: &[(&[u8], &str)]) -> String {
    let places: Vec<&str> = texts.iter().map(|(_, place)| *place).collect();
    let mut nearest = Nearest::new(name);
    for line in texts.iter().flat_map(|(text, _)| text.split(|&b| b == b'\n')) {
        let off = line.strip_prefix(b"# ").and_then(|line| line.strip_suffix(b" is not set"));
        if off == Some(name.as_bytes()) {
            return format!("it is not set in {}; declared __weak, it would be zero", places.join(" and "));
        }
        let set = line.starts_with(b"CONFIG_").then(|| line.split(|&b| b == b'=').next()).flatten();
        if let Some(option) = off.or(set) {
            nearest.offer(option);
        }
    }
    format!("it is not in {}{}", places.join(" and "), nearest::said(&nearest.into_names()))
}

/// A line or a value in a message: cut where it gets long.
fn shown(text: &[u8]) -> String {
    const LONGEST: usize = 80;
    let cut = String::from_utf8_lossy(&text[..text.len().min(LONGEST)]).into_owned();
    if text.len() > LONGEST { cut + "…" } else { cut }
}
