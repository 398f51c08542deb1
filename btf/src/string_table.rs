//! Strings in the making: each once, found by what it says.

use alloc::vec;
use alloc::vec::Vec;

use crate::index::hash;
use crate::{Btf, strings};

/// A free slot.
const FREE: u32 = u32::MAX;

/// A string section that grows, and a table of the strings in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct StringTable {
    bytes: Vec<u8>,
    /// Open addressing: the upper half of a string's hash, and where it stands.
    slots: Vec<(u32, u32)>,
    used: usize,
}

impl StringTable {
    /// The strings of a section; of those that stand there twice, the first is found.
    pub(crate) fn of(section: Vec<u8>) -> StringTable {
        let mut table = StringTable { bytes: section, ..StringTable::default() };
        let mut at = 0;
        while let Some(len) = table.bytes.get(at..).and_then(|rest| memchr::memchr(0, rest)) {
            table.enter(at, len);
            at += len + 1;
        }
        table
    }

    /// The section.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The section, to be changed where it stands. A string that is changed is no longer found by what it said; strings of
    /// a new text are found again when the table is made anew.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Length of the section.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Where a string stands.
    pub(crate) fn find(&self, string: &[u8]) -> Option<u32> {
        let (_, slot) = self.slot_of(string)?;
        Some(slot).filter(|&at| at != FREE)
    }

    /// Adds a string, which has no NUL in it, or finds it; `None` when the section would grow past `limit` bytes.
    pub(crate) fn add(&mut self, string: &[u8], limit: usize) -> Option<u32> {
        if let Some(at) = self.find(string) {
            return Some(at);
        }
        let at = self.bytes.len();
        if string.len() >= limit.min(FREE as usize).saturating_sub(at) {
            return None;
        }
        self.bytes.extend_from_slice(string);
        self.bytes.push(0);
        self.enter(at, string.len());
        Some(at as u32)
    }

    /// The slot where a string is, or would be, and what it holds; none while there are no slots.
    fn slot_of(&self, string: &[u8]) -> Option<(usize, u32)> {
        let hash = hash(string);
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        loop {
            let (tag, at) = *self.slots.get(slot)?;
            if at == FREE || (tag == (hash >> 32) as u32 && strings::equals(&self.bytes, at as usize, string)) {
                return Some((slot, at));
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Enters the string of `len` bytes at `at`, unless the same is there.
    fn enter(&mut self, at: usize, len: usize) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let Some(string) = self.bytes.get(at..at + len) else { return };
        if let Some((slot, FREE)) = self.slot_of(string) {
            self.slots[slot] = ((hash(string) >> 32) as u32, at as u32);
            self.used += 1;
        }
    }

    fn grow(&mut self) {
        let capacity = (self.slots.len() * 2).max(16);
        let old = core::mem::replace(&mut self.slots, vec![(0, FREE); capacity]);
        for (tag, at) in old.into_iter().filter(|&(_, at)| at != FREE) {
            let string = strings::get(&self.bytes, at as usize).unwrap_or_default();
            let mut slot = hash(string) as usize & (capacity - 1);
            while self.slots[slot].1 != FREE {
                slot = (slot + 1) & (capacity - 1);
            }
            self.slots[slot] = (tag, at);
        }
    }
}

/// The strings of a base and of what it is split over.
#[derive(Clone, Debug, Default)]
pub(crate) struct BaseStrings {
    /// A table for each level, the lowest first, with where its section begins in the common numbering.
    levels: Vec<(u32, StringTable)>,
}

impl BaseStrings {
    pub(crate) fn of(base: &Btf) -> BaseStrings {
        let mut levels: Vec<_> = core::iter::successors(Some(base), |btf| btf.base())
            .map(|btf| (btf.first_string(), StringTable::of(btf.own_strings().to_vec())))
            .collect();
        levels.reverse();
        BaseStrings { levels }
    }

    /// Where a string stands, the lowest level first.
    pub(crate) fn find(&self, string: &[u8]) -> Option<u32> {
        self.levels.iter().find_map(|(first, table)| Some(first + table.find(string)?))
    }
}
