//! Step 1: the strings, each once, in the order in which they are first named.

use alloc::vec;
use alloc::vec::Vec;

use crate::ext::{BtfExt, Field};
use crate::string_table::{BaseStrings, StringTable};
use crate::{Btf, Error, StrOffset, fields};

/// How large the strings may become: suffixes of one long string, each named by itself, would otherwise be more than memory
/// holds.
const LEAST_LIMIT: usize = 16 << 20;
const LIMIT_PER_BYTE: usize = 8;

/// Where each string that is named will stand.
pub(super) struct Names {
    /// Where the strings of this BTF begin in the numbering that goes on from the base's.
    first_string: u32,
    /// Which offsets are named, a bit each, and how many before each word.
    named: Vec<u64>,
    before: Vec<u32>,
    /// The new place of each offset that is named.
    places: Vec<u32>,
    /// The new strings.
    strings: Vec<u8>,
    /// Whether no string stood there twice: then old offsets tell names apart as well as new ones do.
    are_distinct: bool,
}

impl Names {
    pub(super) fn new(btf: &Btf, ext: Option<&BtfExt>) -> Result<Names, Error> {
        let first_string = btf.first_string();
        let len = (btf.strings_end() - first_string) as usize;
        let mut names = Names {
            first_string,
            named: vec![0; len.div_ceil(64)],
            before: Vec::new(),
            places: Vec::new(),
            strings: Vec::new(),
            are_distinct: btf.base().is_none(),
        };
        each_name(btf, ext, |offset| {
            names.mark(offset);
            Ok(())
        })?;
        names.count();
        names.place(btf, ext)?;
        Ok(names)
    }

    fn mark(&mut self, offset: u32) {
        let Some(at) = offset.checked_sub(self.first_string) else { return };
        if let Some(word) = self.named.get_mut(at as usize / 64) {
            *word |= 1 << (at % 64);
        }
    }

    fn count(&mut self) {
        let mut count = 0;
        self.before = self
            .named
            .iter()
            .map(|word| {
                let before = count;
                count += word.count_ones();
                before
            })
            .collect();
        self.places = vec![u32::MAX; count as usize];
    }

    /// Gives each string its place, when it is first named.
    fn place(&mut self, btf: &Btf, ext: Option<&BtfExt>) -> Result<(), Error> {
        let limit = LEAST_LIMIT + (self.named.len() * 64).saturating_mul(LIMIT_PER_BYTE);
        let of_base = btf.base().map(BaseStrings::of).unwrap_or_default();
        let mut table = StringTable::default();
        if btf.base().is_none() {
            table.add(b"", limit);
        }
        each_name(btf, ext, |offset| {
            let Some(n) = self.number(offset) else { return Ok(()) };
            if self.places.get(n) != Some(&u32::MAX) {
                return Ok(());
            }
            let string = btf.string(StrOffset(offset))?;
            self.places[n] = match of_base.find(string) {
                Some(place) => place,
                None => {
                    let len = table.len();
                    let at = table.add(string, limit).ok_or(Error::DedupTooLarge)?;
                    self.are_distinct &= table.len() > len;
                    self.first_string.checked_add(at).ok_or(Error::DedupTooLarge)?
                }
            };
            Ok(())
        })?;
        self.strings = table.into_bytes();
        self.strings.shrink_to_fit();
        Ok(())
    }

    /// The number of an offset among those that are named.
    #[inline]
    fn number(&self, offset: u32) -> Option<usize> {
        let at = offset.checked_sub(self.first_string).filter(|_| offset != 0)?;
        let (word, bit) = (at as usize / 64, at % 64);
        let below = self.named.get(word)? & ((1 << bit) - 1);
        Some((*self.before.get(word)? + below.count_ones()) as usize)
    }

    /// The place of what is named by an old offset.
    #[inline]
    pub(super) fn new_place(&self, offset: u32) -> u32 {
        self.number(offset).and_then(|n| self.places.get(n)).copied().unwrap_or(offset)
    }

    /// A number that is the same for two offsets if they name the same; 0 for what has no name.
    #[inline]
    pub(super) fn identity(&self, offset: u32) -> u32 {
        if self.are_distinct { offset } else { self.new_place(offset) }
    }

    /// Whether no string of this BTF stands there twice, and none in a base.
    pub(super) fn are_distinct(&self) -> bool {
        self.are_distinct
    }

    /// The new strings.
    pub(super) fn strings(&self) -> &[u8] {
        &self.strings
    }
}

/// Calls `each` with every offset of a string that the BTF's own types name, and then `.BTF.ext`, in libbpf's order.
fn each_name(btf: &Btf, ext: Option<&BtfExt>, mut each: impl FnMut(u32) -> Result<(), Error>) -> Result<(), Error> {
    let records = btf.records();
    for id in records.own() {
        let record = records.get(id);
        for at in fields::names(record.info()) {
            each(record.word(at))?;
        }
    }
    if let Some(ext) = ext {
        for (field, at) in ext.fields() {
            if field == Field::String {
                each(ext.word(at))?;
            }
        }
    }
    Ok(())
}
