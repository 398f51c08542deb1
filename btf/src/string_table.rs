//! Strings in the making: each once, found by what it says.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::index::hash;
use crate::{Btf, strings};

/// A free slot.
const FREE: u32 = u32::MAX;

/// How many slots a string may be away from the one it hashes to. Honest strings stay within a few; the hash is a plain one, and those
/// made to collide go to a tree.
const MAX_PROBES: usize = 64;

/// A string section that grows, and a table of the strings in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct StringTable {
    bytes: Vec<u8>,
    /// Open addressing: the upper half of a string's hash, and where it stands.
    slots: Vec<(u32, u32)>,
    used: usize,
    crowded: BTreeMap<Vec<u8>, u32>,
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

    /// Forgets all strings from `len` bytes on, where one begins.
    pub(crate) fn truncate(&mut self, len: usize) {
        if len < self.bytes.len() {
            let mut bytes = core::mem::take(&mut self.bytes);
            bytes.truncate(len);
            *self = StringTable::of(bytes);
        }
    }

    /// Where a string stands.
    pub(crate) fn find(&self, string: &[u8]) -> Option<u32> {
        match self.slot_of(string) {
            Slot::Taken(at) => Some(at),
            // A string that once found no place stays in the tree, even if growth has made room.
            _ => self.crowded.get(string).copied(),
        }
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

    /// The slot where a string is, or would be.
    fn slot_of(&self, string: &[u8]) -> Slot {
        let hash = hash(string);
        let Some(mask) = self.slots.len().checked_sub(1) else { return Slot::None };
        for probe in 0..MAX_PROBES {
            let slot = (hash as usize).wrapping_add(probe) & mask;
            let Some(&(tag, at)) = self.slots.get(slot) else { break };
            if at == FREE {
                return Slot::Free(slot);
            }
            if tag == (hash >> 32) as u32 && strings::equals(&self.bytes, at as usize, string) {
                return Slot::Taken(at);
            }
        }
        Slot::None
    }

    /// Enters the string of `len` bytes at `at`, unless the same is there.
    fn enter(&mut self, at: usize, len: usize) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let Some(string) = self.bytes.get(at..at + len) else { return };
        match self.slot_of(string) {
            Slot::Taken(_) => {}
            Slot::Free(slot) if self.crowded.is_empty() || !self.crowded.contains_key(string) => {
                self.slots[slot] = ((hash(string) >> 32) as u32, at as u32);
                self.used += 1;
            }
            Slot::Free(_) => {}
            Slot::None => _ = self.crowded.entry(string.to_vec()).or_insert(at as u32),
        }
    }

    fn grow(&mut self) {
        let capacity = (self.slots.len() * 2).max(16);
        let old = core::mem::replace(&mut self.slots, vec![(0, FREE); capacity]);
        self.used = 0;
        for (tag, at) in old.into_iter().filter(|&(_, at)| at != FREE) {
            let string = strings::get(&self.bytes, at as usize).unwrap_or_default();
            let first = hash(string) as usize;
            let free = (0..MAX_PROBES).map(|probe| first.wrapping_add(probe) & (capacity - 1));
            match free.into_iter().find(|&slot| self.slots[slot].1 == FREE) {
                Some(slot) => {
                    self.slots[slot] = (tag, at);
                    self.used += 1;
                }
                None => _ = self.crowded.insert(string.to_vec(), at),
            }
        }
    }
}

/// Where a string is, or could be put.
enum Slot {
    Taken(u32),
    Free(usize),
    None,
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
