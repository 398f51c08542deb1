//! The name index: from a name to the types that carry it, for the price of a hash.
//!
//! A chained hash table in two arrays, `heads` (a power of two, at least one a type) and `next`
//! (one a type), both of type numbers. Names stay where they are, in the string section; an entry
//! costs eight bytes or fewer.
//!
//! Entries are filed under the hash of their *essential* name, so that one index answers both
//! questions that are asked of it: a look-up by exact name compares whole names along the chain,
//! a look-up by essential name (CO-RE's) compares essential ones.
//!
//! Types are entered from the last to the first and each at the head of its chain, so a chain
//! yields ids in ascending order. A BTF made to collide costs its maker's victim a walk along one
//! chain at each look-up, which is what a linear search costs every time.

use alloc::vec;
use alloc::vec::Vec;

/// No type: the end of a chain.
const NONE: u32 = u32::MAX;

pub(crate) struct NameIndex {
    heads: Vec<u32>,
    next: Vec<u32>,
}

impl NameIndex {
    /// Enters the types 0 to `count`, each under what `name_of` gives for it; those without a name
    /// are left out.
    pub(crate) fn build<'a>(count: usize, name_of: impl Fn(usize) -> Option<&'a [u8]>) -> NameIndex {
        let buckets = count.next_power_of_two();
        let mut index = NameIndex { heads: vec![NONE; buckets], next: vec![NONE; count] };
        for n in (0..count).rev() {
            let Some(name) = name_of(n).filter(|name| !name.is_empty()) else { continue };
            let bucket = index.bucket(essential_name(name));
            index.next[n] = index.heads[bucket];
            index.heads[bucket] = n as u32;
        }
        index
    }

    /// The first type that may carry `name`; the caller compares.
    pub(crate) fn first(&self, name: &[u8]) -> Option<u32> {
        let head = *self.heads.get(self.bucket(essential_name(name)))?;
        (head != NONE).then_some(head)
    }

    /// The one that may be next after type `n`.
    pub(crate) fn after(&self, n: u32) -> Option<u32> {
        let next = *self.next.get(n as usize)?;
        (next != NONE).then_some(next)
    }

    fn bucket(&self, name: &[u8]) -> usize {
        (hash(name) >> 32) as usize & (self.heads.len() - 1)
    }
}

/// Multiply and fold, eight bytes at a time: names are short, and nothing here needs to resist
/// an adversary (see above).
pub(crate) fn hash(name: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * u128::from(K);
        product as u64 ^ (product >> 64) as u64
    };
    let mut words = name.chunks_exact(8);
    let mut hash = name.len() as u64 ^ K;
    for word in &mut words {
        hash = mix(hash, u64::from_le_bytes(word.try_into().unwrap_or_default()));
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    mix(mix(hash, u64::from_le_bytes(last)), K)
}

/// The part of a name before its flavour: `task_struct` of `task_struct___old`. The last `___`
/// counts if something other than an underscore stands on both its sides (libbpf's
/// `bpf_core_essential_name_len`).
///
/// ```
/// use purebpf_btf::essential_name;
/// assert_eq!(essential_name(b"task_struct___old"), b"task_struct");
/// assert_eq!(essential_name(b"task_struct"), b"task_struct");
/// assert_eq!(essential_name(b"a____b"), b"a____b");
/// ```
pub fn essential_name(name: &[u8]) -> &[u8] {
    // From the end: the window x___y with x and y other than '_'.
    let mut end = name.len();
    while end >= 5 {
        let window = &name[end - 5..end];
        if window[0] != b'_' && &window[1..4] == b"___" && window[4] != b'_' {
            return &name[..end - 4];
        }
        end -= 1;
    }
    name
}
