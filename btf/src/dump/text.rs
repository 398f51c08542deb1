//! The text of a dump on its way to the writer: gathered in a buffer, measured, handed on in
//! pieces.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::{Btf, Error};

/// How much is gathered before the writer gets it.
const FLUSH_AT: usize = 32 << 10;

/// What any dump may take, however small its BTF.
const LEAST_LIMIT: u64 = 16 << 20;

/// What a dump may take for each byte of BTF.
const LIMIT_PER_BYTE: u64 = 64;

/// What a dump of values may take for each byte of data: a member of one byte, on a line of its own
/// with its name and its type's, takes a hundred.
const LIMIT_PER_DATA_BYTE: u64 = 256;

/// What a step counts for, in bytes: it takes as long as writing some.
const STEP: u64 = 8;

/// libbpf's `pfx` indents no deeper than this, which keeps the output of deep nesting from growing
/// with the square of the depth.
const MAX_TABS: usize = 13;

/// Text for a writer, with the account of what the dump has taken so far.
///
/// Everything is appended as bytes and checked to be UTF-8 when it is handed on, a piece at a time:
/// that is several times cheaper than checking each name.
pub(super) struct Text<'w> {
    buffer: Vec<u8>,
    writer: &'w mut dyn fmt::Write,
    /// Bytes handed to the writer and steps taken, without what is still in the buffer.
    spent: u64,
    limit: u64,
}

impl<'w> Text<'w> {
    /// Text for `writer`, limited by the size of `btf` and its bases.
    pub(super) fn new(btf: &Btf, writer: &'w mut dyn fmt::Write) -> Text<'w> {
        let len: usize = core::iter::successors(Some(btf), |btf| btf.base()).map(|btf| btf.raw_data().len()).sum();
        let limit = (len as u64).saturating_mul(LIMIT_PER_BYTE).saturating_add(LEAST_LIMIT);
        Text { buffer: Vec::new(), writer, spent: 0, limit }
    }

    /// Text for `writer` about `len` bytes of data whose types are in `btf`.
    pub(super) fn for_data(btf: &Btf, len: usize, writer: &'w mut dyn fmt::Write) -> Text<'w> {
        let mut text = Text::new(btf, writer);
        text.limit = text.limit.saturating_add((len as u64).saturating_mul(LIMIT_PER_DATA_BYTE));
        text
    }

    /// Accounts for a step of work, and hands on what has been gathered. Called at least once for
    /// each line and each reference followed, and never within a name.
    #[inline]
    pub(super) fn step(&mut self) -> Result<(), Error> {
        self.spent += STEP;
        if self.spent + self.buffer.len() as u64 > self.limit {
            return Err(Error::DumpTooLarge { limit: self.limit });
        }
        if self.buffer.len() >= FLUSH_AT { self.flush() } else { Ok(()) }
    }

    /// Accounts for `bytes` that were read without being written, before a dump reads one long name
    /// for each of its types.
    #[inline]
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), Error> {
        self.spent += bytes as u64;
        self.step()
    }

    /// Hands everything on.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        let written = match core::str::from_utf8(&self.buffer) {
            Ok(text) => self.writer.write_str(text),
            Err(_) => self.writer.write_str(&String::from_utf8_lossy(&self.buffer)),
        };
        self.spent += self.buffer.len() as u64;
        self.buffer.clear();
        written.map_err(|fmt::Error| Error::Write)
    }

    /// Appends text of ours.
    #[inline]
    pub(super) fn str(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    /// Appends a name of the BTF's.
    #[inline]
    pub(super) fn name(&mut self, name: &[u8]) {
        self.buffer.extend_from_slice(name);
    }

    /// Appends what `write` appends, but no more than `len` bytes of it.
    pub(super) fn limited(&mut self, len: usize, write: impl FnOnce(&mut Self)) {
        let start = self.buffer.len();
        write(self);
        self.buffer.truncate(start.saturating_add(len));
    }

    /// Appends a number.
    pub(super) fn number(&mut self, mut value: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.buffer.extend_from_slice(&digits[at..]);
    }

    /// Appends a number that may be negative.
    pub(super) fn signed(&mut self, value: i64) {
        if value < 0 {
            self.str("-");
        }
        self.number(value.unsigned_abs());
    }

    /// Appends a number in hexadecimal.
    pub(super) fn hex(&mut self, value: u128) {
        let digits = (128 - value.leading_zeros()).div_ceil(4).max(1);
        let digit = |n: u32| b"0123456789abcdef"[(value >> (4 * n) & 0xf) as usize];
        self.buffer.extend((0..digits).rev().map(digit));
    }

    /// Appends a character of ASCII.
    pub(super) fn byte(&mut self, byte: u8) {
        self.buffer.push(byte);
    }

    /// Starts a new line.
    pub(super) fn line(&mut self, level: u32) {
        self.buffer.push(b'\n');
        let tabs = (level as usize).min(MAX_TABS);
        self.buffer.extend_from_slice(&[b'\t'; MAX_TABS][..tabs]);
    }
}
