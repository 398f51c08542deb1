//! Which bytes make a name for the kernel.

use super::{MAX_NAME_OFFSET, Validator};
use crate::strings;

/// `KSYM_NAME_LEN`: a name may have as many bytes, without its NUL.
const MAX_LEN: usize = 512;

impl Validator<'_> {
    pub(super) fn name_exists(&self, offset: u32) -> bool {
        offset <= MAX_NAME_OFFSET && (offset as usize) < self.strings.len()
    }

    fn name(&self, offset: u32) -> &[u8] {
        strings::get(self.strings, offset as usize).unwrap_or_default()
    }

    pub(super) fn is_identifier(&self, offset: u32) -> bool {
        let name = self.name(offset);
        let [first, rest @ ..] = name else { return false };
        let starts = |byte: u8| is_letter(byte) || matches!(byte, b'_' | b'.');
        name.len() <= MAX_LEN && starts(*first) && rest.iter().all(|&byte| starts(byte) || byte.is_ascii_digit())
    }

    /// Whether a name can be a data section's.
    pub(super) fn is_section_name(&self, offset: u32) -> bool {
        if !self.rules.any_section_name {
            return self.is_identifier(offset);
        }
        let name = self.name(offset);
        let is_printable = |&byte: &u8| matches!(byte, 0x20..=0x7e | 0xa0..);
        !name.is_empty() && name.len() <= MAX_LEN && name.iter().all(is_printable)
    }

    pub(super) fn is_empty(&self, offset: u32) -> bool {
        self.name(offset).is_empty()
    }
}

/// The kernel's `isalpha`, whose characters are those of Latin-1.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, 0xc0..=0xd6 | 0xd8..=0xf6 | 0xf8..)
}
