//! The types that stay, by a hash of what must be equal.
//!
//! Where more than one of them would do, the first that is met is taken, and libbpf's result depends on the order in which
//! *its* hash table gives them: the latest first, but the whole chain turned around each time the table grows. So this one is built
//! alike: chained, new entries in front, doubled when three quarters are used.

use alloc::vec;
use alloc::vec::Vec;

use super::Key;

/// The end of a chain.
const END: u32 = u32::MAX;

#[derive(Default)]
pub(super) struct Table {
    heads: Vec<u32>,
    entries: Vec<Entry>,
}

struct Entry {
    key: u32,
    id: u32,
    next: u32,
}

/// How far a look-up has come.
#[derive(Clone, Copy)]
pub(super) struct Cursor {
    key: u32,
    next: u32,
}

impl Table {
    /// Adds a type under a key, in front of all others of that key.
    pub(super) fn add(&mut self, key: Key, id: u32) {
        if (self.entries.len() + 1) * 4 / 3 > self.heads.len() {
            self.grow();
        }
        let n = self.entries.len() as u32;
        let key = key.folded();
        let bucket = bucket(key, self.heads.len());
        self.entries.push(Entry { key, id, next: self.heads[bucket] });
        self.heads[bucket] = n;
    }

    fn grow(&mut self) {
        let old = core::mem::take(&mut self.heads);
        self.heads = vec![END; (old.len() * 2).max(4)];
        for mut n in old {
            while n != END {
                let Some(entry) = self.entries.get_mut(n as usize) else { break };
                let bucket = bucket(entry.key, self.heads.len());
                let next = core::mem::replace(&mut entry.next, self.heads[bucket]);
                self.heads[bucket] = n;
                n = next;
            }
        }
    }

    /// The beginning of a walk over the types of a key.
    #[inline]
    pub(super) fn find(&self, key: Key) -> Cursor {
        let key = key.folded();
        let next = if self.heads.is_empty() { END } else { self.heads[bucket(key, self.heads.len())] };
        Cursor { key, next }
    }

    /// The next entry of the cursor's bucket: the type, if it has the cursor's key. `None` at the end.
    #[inline]
    pub(super) fn next(&self, cursor: &mut Cursor) -> Option<Option<u32>> {
        let entry = self.entries.get(cursor.next as usize)?;
        cursor.next = entry.next;
        Some((entry.key == cursor.key).then_some(entry.id))
    }
}

#[inline]
fn bucket(key: u32, buckets: usize) -> usize {
    key as usize & (buckets - 1)
}
