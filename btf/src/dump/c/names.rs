//! How often each name was used: what tells the second `struct foo` of a BTF that it is
//! `struct foo___2`.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::dump::text::Text;
use crate::index::hash;

/// How long the name of a type may get by its `___2`, in bytes: libbpf has a buffer of 256 for it.
const MAX_RENAMED: usize = 255;

/// A name as it is written.
#[derive(Clone, Copy)]
pub(super) struct Name<'n> {
    pub(super) bytes: &'n [u8],
    /// Which use of the name this is; from the second on it is written behind the name.
    pub(super) nth: u32,
}

impl<'n> Name<'n> {
    /// A name that need not be unique.
    pub(super) fn plain(bytes: &'n [u8]) -> Name<'n> {
        Name { bytes, nth: 1 }
    }

    /// Whether the name as written is this one.
    pub(super) fn is(&self, name: &[u8]) -> bool {
        self.nth <= 1 && self.bytes == name
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.nth <= 1
    }

    /// Writes the name of a type, which is cut off where libbpf cuts it.
    pub(super) fn write(&self, text: &mut Text<'_>) {
        if self.nth > 1 {
            text.limited(MAX_RENAMED, |text| self.write_whole(text));
        } else {
            text.name(self.bytes);
        }
    }

    /// Appends the name of a type to `bytes`, cut off where libbpf cuts it.
    pub(super) fn append_to(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.extend_from_slice(self.bytes);
        if self.nth > 1 {
            bytes.extend_from_slice(alloc::format!("___{}", self.nth).as_bytes());
            bytes.truncate(start + MAX_RENAMED);
        }
    }

    /// Writes the name however long it is.
    pub(super) fn write_whole(&self, text: &mut Text<'_>) {
        text.name(self.bytes);
        if self.nth > 1 {
            text.str("___");
            text.number(self.nth.into());
        }
    }
}

/// How many slots a name may be away from the one it hashes to. With the table at most half full,
/// honest names stay within a few.
const MAX_PROBES: usize = 32;

/// Counts of names, in a hash table with linear probing.
///
/// The hash is a plain one that can be made to collide. Names that would be probed for too long
/// therefore go to a tree, which bounds the cost of any BTF.
#[derive(Default)]
pub(super) struct NameCounts<'a> {
    /// A power of two of them, or none yet.
    slots: Vec<Slot<'a>>,
    used: usize,
    crowded: BTreeMap<&'a [u8], u32>,
}

/// A name with its count; empty while the count is 0.
#[derive(Clone, Copy, Default)]
struct Slot<'a> {
    name: &'a [u8],
    hash: u32,
    count: u32,
}

impl<'a> NameCounts<'a> {
    /// Counts one more use of `name`; the first gives 1.
    #[doc(alias = "btf_dump_name_dups")]
    pub(super) fn count(&mut self, name: &'a [u8]) -> u32 {
        if self.used * 2 >= self.slots.len() {
            self.grow();
        }
        let hash = (hash(name) >> 32) as u32;
        let crowded_out = !self.crowded.is_empty();
        let Some(slot) = self.find(name, hash) else { return increment(self.crowded.entry(name).or_insert(0)) };
        if slot.count != 0 {
            return increment(&mut slot.count);
        }
        if !crowded_out {
            *slot = Slot { name, hash, count: 1 };
            self.used += 1;
            return 1;
        }
        // A name that once found no place stays in the tree, even if growth has made room.
        if let Some(count) = self.crowded.get_mut(name) {
            return increment(count);
        }
        if let Some(slot) = self.find(name, hash) {
            *slot = Slot { name, hash, count: 1 };
            self.used += 1;
        }
        1
    }

    /// The slot of `name`, or the empty one that is its to take; `None` where it has no place.
    fn find(&mut self, name: &[u8], hash: u32) -> Option<&mut Slot<'a>> {
        let mask = self.slots.len().checked_sub(1)?;
        let at = (0..MAX_PROBES).map(|probe| (hash as usize).wrapping_add(probe) & mask).find(|&at| {
            let slot = &self.slots[at];
            slot.count == 0 || (slot.hash == hash && slot.name == name)
        })?;
        self.slots.get_mut(at)
    }

    fn grow(&mut self) {
        let grown = vec![Slot::default(); (self.slots.len() * 2).max(64)];
        let old = core::mem::replace(&mut self.slots, grown);
        self.used = 0;
        for slot in old.into_iter().filter(|slot| slot.count != 0) {
            match self.find(slot.name, slot.hash) {
                Some(place) => {
                    *place = slot;
                    self.used += 1;
                }
                None => {
                    self.crowded.insert(slot.name, slot.count);
                }
            }
        }
    }
}

fn increment(count: &mut u32) -> u32 {
    *count = count.saturating_add(1);
    *count
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    #[test]
    fn counts_like_a_map() {
        let names: Vec<String> = (0..5000).map(|n| format!("name{}", n * n % 1777)).collect();
        let mut expected = BTreeMap::new();
        let mut counts = NameCounts::default();
        for name in &names {
            let count = expected.entry(name).or_insert(0);
            *count += 1;
            assert_eq!(counts.count(name.as_bytes()), *count, "{name}");
        }
    }

    /// Names that all hash to one slot: counted right, and without a walk over all of them.
    #[test]
    fn collisions_go_to_the_tree() {
        let mut counts = NameCounts::default();
        counts.grow();
        let names: Vec<String> =
            (0..).map(|n| format!("{n}")).filter(|n| hash(n.as_bytes()) >> 32 & 0x3ff == 7).take(100).collect();
        for round in 1..=3 {
            for name in &names {
                assert_eq!(counts.count(name.as_bytes()), round, "{name}");
            }
        }
        assert!(!counts.crowded.is_empty());
    }
}
