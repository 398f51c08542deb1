//! Types of a few essential names, found in one pass over the names of those types that may have them.
//!
//! The pass reads the first two bytes of each name, and asks a table which of the wanted names begin so: a name and all its
//! flavours begin with it. One in some hundred is looked at further.

use alloc::vec;
use alloc::vec::Vec;

use crate::essential_name;
use crate::index::Names;

/// After how many passes an index is worth its making: that takes as long as about a hundred, and whoever has asked so often
/// is likely to go on.
pub(crate) const BATCHES_BEFORE_INDEX: u32 = 64;

/// The bit of a wanted name; names share them if there are many.
fn bit(n: usize) -> u64 {
    1 << (n % 64)
}

/// The types, of those whose numbers are given, of each essential name that is wanted; in the order of their numbers.
pub(crate) fn find(names: &Names<'_>, numbers: &[u32], wanted: &[&[u8]]) -> Vec<Vec<u32>> {
    let mut found = vec![Vec::new(); wanted.len()];
    // For each byte, which of the wanted names may have it in the first place, and in the second.
    let mut filters = [[0; 256]; 2];
    for (n, name) in wanted.iter().enumerate().filter(|(_, name)| memchr::memchr(0, name).is_none()) {
        let [first, second] = &mut filters;
        match *name {
            [] => {}
            // At its end or where a flavour begins.
            [byte] => {
                first[usize::from(*byte)] |= bit(n);
                second[usize::from(b'\0')] |= bit(n);
                second[usize::from(b'_')] |= bit(n);
            }
            [byte, next, ..] => {
                first[usize::from(*byte)] |= bit(n);
                second[usize::from(*next)] |= bit(n);
            }
        }
    }
    for &number in numbers {
        let rest = names.rest(number);
        let Some(&[byte, next]) = rest.first_chunk() else { continue };
        let mut bits = filters[0][usize::from(byte)] & filters[1][usize::from(next)];
        while bits != 0 {
            let n = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            for n in (n..wanted.len()).step_by(64) {
                if is_flavour(rest, wanted[n]) {
                    found[n].push(number);
                }
            }
        }
    }
    found
}

/// Whether the string at the start of `rest` has this essential name.
fn is_flavour(rest: &[u8], wanted: &[u8]) -> bool {
    let Some(after) = rest.strip_prefix(wanted) else { return false };
    // Most have none, and end here.
    if !matches!(after.first(), Some(b'\0' | b'_')) {
        return false;
    }
    let Some(end) = memchr::memchr(0, after) else { return false };
    essential_name(&rest[..wanted.len() + end]) == wanted
}
