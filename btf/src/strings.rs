//! The string section: NUL-terminated names, addressed by byte offset.

use crate::Error;

/// Checks what every look-up relies on: the section begins with the empty string and ends with a
/// NUL. Split BTF has no empty string of its own, and may have no strings at all; nor need a base
/// that names nothing.
pub(crate) fn check(strings: &[u8], is_split: bool) -> Result<(), Error> {
    let starts = is_split || strings.first().is_none_or(|&b| b == 0);
    let ends = strings.last().is_none_or(|&b| b == 0);
    if starts && ends { Ok(()) } else { Err(Error::BadStringSection) }
}

/// The string at `at`, up to its NUL; `None` outside the section.
#[inline]
pub(crate) fn get(strings: &[u8], at: usize) -> Option<&[u8]> {
    let rest = strings.get(at..)?;
    let len = memchr::memchr(0, rest)?;
    rest.get(..len)
}

/// Whether the string at `at` is `name`, without looking for its end first.
#[inline]
pub(crate) fn equals(strings: &[u8], at: usize, name: &[u8]) -> bool {
    let Some(rest) = strings.get(at..) else { return false };
    rest.len() > name.len() && rest[name.len()] == 0 && &rest[..name.len()] == name
}
