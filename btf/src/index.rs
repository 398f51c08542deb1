//! The name index: from a name to the types that carry it.
//!
//! A BTF whose types stand in the order of their names (Linux 7.0 and later sort theirs, anonymous
//! types first) is its own index: a name is found by halving. One pass finds out, as libbpf's
//! `btf_check_sorted` does, and gives up at the first two types that are out of order.
//!
//! For all others it is a hash table in two arrays: the numbers of all types with a name, those of one bucket side by side, and where
//! each bucket begins. Names stay where they are, in the string section; an entry costs four bytes, and a bucket, which holds one to
//! two, four more. Types are entered in the order of their ids, so a bucket yields ids in ascending order.
//!
//! Either way one index answers both questions that are asked of it: for the types of an exact
//! name, and for those of an *essential* name (CO-RE's). In sorted BTF, the flavours of a name are
//! the neighbours that begin with it and `___`; in the table, entries are filed under what a name
//! has in common with all its flavours ([`key`]).
//!
//! A BTF made to collide costs its maker's victim a walk through one bucket at each look-up, which is
//! what a linear search costs every time.

use alloc::vec;
use alloc::vec::Vec;

use crate::raw::{self, Endian};
use crate::{Btf, StrOffset, strings};

/// No bucket: that of a type without a name.
const NONE: u32 = u32::MAX;

/// How much of a name counts in the index: `KSYM_NAME_LEN`, past which the kernel takes none.
/// Without a limit, types that share one long string, each from a byte further on, would take time
/// in the square of the BTF's size.
const MAX_KEY: usize = 512;

/// What stands between a name and its flavour.
const SEPARATOR: &[u8] = b"___";

/// The names of a BTF's own types, by type number.
pub(crate) struct Names<'a> {
    pub(crate) endian: Endian,
    pub(crate) types: &'a [u8],
    pub(crate) offsets: &'a [u32],
    pub(crate) strings: &'a [u8],
    pub(crate) first_string: u32,
    pub(crate) base: Option<&'a Btf>,
}

impl<'a> Names<'a> {
    /// The string section from where the name of type `n` begins.
    #[inline]
    pub(crate) fn rest(&self, n: u32) -> &'a [u8] {
        let Some(&at) = self.offsets.get(n as usize) else { return &[] };
        let offset = raw::word(self.endian, self.types, at as usize);
        let rest = match offset.checked_sub(self.first_string) {
            Some(at) => self.strings.get(at as usize..),
            None => self.base.and_then(|base| base.strings_from(StrOffset(offset))),
        };
        rest.unwrap_or_default()
    }

    /// A name, or as much of it as can matter to a [`key`].
    #[inline]
    fn start(&self, n: u32) -> &'a [u8] {
        let rest = self.rest(n);
        let rest = &rest[..rest.len().min(MAX_KEY + SEPARATOR.len() + 1)];
        &rest[..memchr::memchr(0, rest).unwrap_or(rest.len())]
    }

    fn is(&self, n: u32, name: &[u8]) -> bool {
        strings::equals(self.rest(n), 0, name)
    }

    fn is_flavour_of(&self, n: u32, name: &[u8]) -> bool {
        essential_name(strings::get(self.rest(n), 0).unwrap_or_default()) == name
    }

    fn begins_with(&self, n: u32, name: &[u8], then: &[u8]) -> bool {
        self.rest(n).strip_prefix(name).is_some_and(|rest| rest.starts_with(then))
    }

    /// Whether the name of type `n` sorts before `name` followed by `then`.
    fn is_before(&self, n: u32, name: &[u8], then: &[u8]) -> bool {
        // The NUL at the name's end sorts before whatever the other name has there.
        let rest = self.rest(n);
        let (head, tail) = rest.split_at(rest.len().min(name.len()));
        head.cmp(name).then_with(|| tail[..tail.len().min(then.len())].cmp(then)).is_lt()
    }

    /// The first type from `from` on, in sorted BTF, whose name is not before `name` and `then`.
    fn lower_bound(&self, from: u32, name: &[u8], then: &[u8]) -> u32 {
        let (mut low, mut high) = (from, self.offsets.len() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.is_before(middle, name, then) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

pub(crate) enum NameIndex {
    /// The types stand in the order of their names, from `first_named` on those that have one.
    Sorted { first_named: u32 },
    Hashed {
        /// Where each bucket begins in `types`; and, last, the end.
        starts: Vec<u32>,
        types: Vec<u32>,
    },
}

/// Where a walk over the types of one name has come to.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Start,
    /// The next of the bucket, and the end of that.
    Bucket(u32, u32),
    Exact(u32),
    Flavours(u32),
    End,
}

impl NameIndex {
    pub(crate) fn build(names: &Names<'_>) -> NameIndex {
        match first_named_if_sorted(names) {
            Some(first_named) => NameIndex::Sorted { first_named },
            None => NameIndex::hashed(names),
        }
    }

    fn hashed(names: &Names<'_>) -> NameIndex {
        let count = names.offsets.len() as u32;
        let hashes: Vec<u32> = (0..count)
            .map(|n| match names.start(n) {
                [] => NONE,
                // The top bit says nothing: so no hash is `NONE`.
                name => (hash(key(name)) >> 33) as u32,
            })
            .collect();
        let named = hashes.iter().filter(|&&hash| hash != NONE).count();
        let buckets = (named / 2).next_power_of_two();
        let mask = buckets as u32 - 1;
        let mut starts = vec![0u32; buckets + 1];
        let bucket_of = |hash: u32| (hash & mask) as usize;
        for &hash in hashes.iter().filter(|&&hash| hash != NONE) {
            starts[bucket_of(hash) + 1] += 1;
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        // While types are entered, `starts` tells where the next of a bucket goes: at last, where the next bucket begins.
        let mut types = vec![0; named];
        for (n, &hash) in (0..count).zip(&hashes).filter(|(_, hash)| **hash != NONE) {
            let place = &mut starts[bucket_of(hash)];
            types[*place as usize] = n;
            *place += 1;
        }
        starts.rotate_right(1);
        starts[0] = 0;
        NameIndex::Hashed { starts, types }
    }

    /// The next type of a name, or of an essential name. Types of one BTF come in the order of
    /// their ids.
    pub(crate) fn next(&self, names: &Names<'_>, place: &mut Place, name: &[u8], essential: bool) -> Option<u32> {
        let count = names.offsets.len() as u32;
        loop {
            match *place {
                Place::Start => {
                    *place = match self {
                        NameIndex::Sorted { first_named } => Place::Exact(names.lower_bound(*first_named, name, b"")),
                        NameIndex::Hashed { starts, .. } => {
                            let bucket = (hash(key(name)) >> 33) as usize & starts.len().saturating_sub(2);
                            match starts.get(bucket..bucket + 2) {
                                Some(&[start, end]) => Place::Bucket(start, end),
                                _ => Place::End,
                            }
                        }
                    };
                }
                Place::Bucket(at, end) if at < end => {
                    let NameIndex::Hashed { types, .. } = self else { return None };
                    *place = Place::Bucket(at + 1, end);
                    let n = *types.get(at as usize)?;
                    if if essential { names.is_flavour_of(n, name) } else { names.is(n, name) } {
                        return Some(n);
                    }
                }
                Place::Exact(n) if n < count && names.is(n, name) => {
                    *place = Place::Exact(n + 1);
                    // A name with a flavour is not its own essential name.
                    if !essential || names.is_flavour_of(n, name) {
                        return Some(n);
                    }
                }
                Place::Exact(n) if essential => *place = Place::Flavours(names.lower_bound(n, name, SEPARATOR)),
                Place::Flavours(n) if n < count && names.begins_with(n, name, SEPARATOR) => {
                    *place = Place::Flavours(n + 1);
                    if names.is_flavour_of(n, name) {
                        return Some(n);
                    }
                }
                Place::Bucket(..) | Place::Exact(_) | Place::Flavours(_) => *place = Place::End,
                Place::End => return None,
            }
        }
    }
}

/// The first type with a name, if types stand in the order of their names.
fn first_named_if_sorted(names: &Names<'_>) -> Option<u32> {
    let count = names.offsets.len() as u32;
    let mut first_named = count;
    let mut last: &[u8] = b"";
    for n in 0..count {
        let name = names.start(n);
        if name < last || name.len() > MAX_KEY {
            return None;
        }
        if first_named == count && !name.is_empty() {
            first_named = n;
        }
        last = name;
    }
    Some(first_named)
}

/// What a name has in common with all names of the same essential name: its start, up to the first
/// place where a flavour could be cut off.
///
/// An essential name ends at the *last* such place, and so begins with everything up to the first.
fn key(name: &[u8]) -> &[u8] {
    let mut at = 2;
    // Three underscores cover one of every third byte.
    while let Some(&byte) = name.get(at) {
        if at > MAX_KEY + SEPARATOR.len() {
            break;
        }
        if byte != b'_' {
            at += 3;
            continue;
        }
        let start = name[..at].iter().rposition(|&byte| byte != b'_').map_or(0, |before| before + 1);
        let end = name[at..].iter().position(|&byte| byte != b'_').map_or(name.len(), |after| at + after);
        if end - start == SEPARATOR.len() && start > 0 && end < name.len() {
            return &name[..start.min(MAX_KEY)];
        }
        at = end + 3;
    }
    &name[..name.len().min(MAX_KEY)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    /// Three types of no size, named by these offsets into `\0a\0b\0`.
    fn index_of(names: [u32; 3]) -> NameIndex {
        let types: Vec<u8> = names.iter().flat_map(|name| [name.to_le_bytes(), [0; 4], [0; 4]].concat()).collect();
        NameIndex::build(&Names {
            endian: Endian::Little,
            types: &types,
            offsets: &[0, 12, 24],
            strings: b"\0a\0b\0",
            first_string: 0,
            base: None,
        })
    }

    #[test]
    fn types_in_order_need_no_table() {
        assert!(matches!(index_of([0, 1, 3]), NameIndex::Sorted { first_named: 1 }));
        assert!(matches!(index_of([1, 1, 1]), NameIndex::Sorted { first_named: 0 }));
        assert!(matches!(index_of([0, 0, 0]), NameIndex::Sorted { first_named: 3 }));
        assert!(matches!(index_of([0, 3, 1]), NameIndex::Hashed { .. }));
        assert!(matches!(index_of([1, 0, 3]), NameIndex::Hashed { .. }));
    }

    /// What the table rests on: a name and its essential name are filed in one place. All names of
    /// up to nine letters of `_ab`, alone and at the end of something longer than counts.
    #[test]
    fn a_name_and_its_essential_name_have_one_key() {
        let mut name = Vec::new();
        for n in 0..3usize.pow(9) {
            name.clear();
            name.extend((0..9).map(|digit| b"_ab"[n / 3usize.pow(digit) % 3]));
            for start in 0..9 {
                let name = &name[start..];
                assert_eq!(key(name), key(essential_name(name)), "{}", name.escape_ascii());
            }
        }
        for len in MAX_KEY - 9..MAX_KEY + 9 {
            for tail in ["___x", "___x___y", "____x", "_x___yy", "x___"] {
                let name = format!("{}{tail}", "n".repeat(len));
                assert_eq!(key(name.as_bytes()), key(essential_name(name.as_bytes())), "{name}");
                // What the table sees of a long name is its start.
                let start = &name.as_bytes()[..name.len().min(MAX_KEY + SEPARATOR.len() + 1)];
                assert_eq!(key(name.as_bytes()), key(start), "{name}");
            }
        }
    }
}
