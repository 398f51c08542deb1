//! The records of a BTF by id, for what goes through them all again and again.

use crate::raw::{Endian, Info, TYPE_LEN, word};
use crate::{Btf, Kind, StrOffset, strings};

/// The records of a BTF's own types at hand, and those of its base behind it.
#[derive(Clone, Copy)]
pub(crate) struct Records<'a> {
    pub(crate) endian: Endian,
    pub(crate) first_id: u32,
    types: &'a [u8],
    offsets: &'a [u32],
    strings: &'a [u8],
    first_string: u32,
    base: Option<&'a Btf>,
}

impl<'a> Records<'a> {
    pub(crate) fn new(btf: &'a Btf, offsets: &'a [u32]) -> Records<'a> {
        Records {
            endian: btf.endian(),
            first_id: btf.first_id().0,
            types: btf.own_type_section(),
            offsets,
            strings: btf.own_strings(),
            first_string: btf.first_string(),
            base: btf.base(),
        }
    }

    /// How many ids there are, `void` and those of a base included.
    pub(crate) fn count(&self) -> u32 {
        self.first_id + self.offsets.len() as u32
    }

    /// The ids of its own types.
    pub(crate) fn own(&self) -> core::ops::Range<u32> {
        self.first_id..self.count()
    }

    /// The string at an offset; empty where there is none.
    #[inline]
    pub(crate) fn string(&self, offset: u32) -> &'a [u8] {
        let string = match offset.checked_sub(self.first_string) {
            Some(at) => strings::get(self.strings, at as usize),
            None => self.base.and_then(|base| base.string_bytes(StrOffset(offset))),
        };
        string.unwrap_or_default()
    }

    /// `struct btf_type` of an id; zeros for `void`.
    #[inline]
    pub(crate) fn head(&self, id: u32) -> Head {
        let own = |n: u32| {
            let at = *self.offsets.get(n as usize)?;
            self.types.get(at as usize..)?.first_chunk::<TYPE_LEN>()
        };
        match id.checked_sub(self.first_id).and_then(own) {
            Some(bytes) => Head::read(self.endian, bytes),
            None => self.get(id).head(),
        }
    }

    /// The record of an id; empty for `void`.
    #[inline]
    pub(crate) fn get(&self, id: u32) -> Record<'a> {
        let bytes = match id.checked_sub(self.first_id) {
            Some(n) => {
                let start = self.offsets.get(n as usize).map_or(self.types.len(), |&at| at as usize);
                let end = self.offsets.get(n as usize + 1).map_or(self.types.len(), |&next| next as usize);
                self.types.get(start..end).unwrap_or_default()
            }
            None => self.base.map(|base| base.type_or_void(crate::TypeId(id)).record()).unwrap_or_default(),
        };
        Record { endian: self.endian, bytes }
    }
}

/// `struct btf_type`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Where the name stands.
    pub(crate) name: u32,
    pub(crate) info: Info,
    pub(crate) size_or_type: u32,
}

impl Head {
    #[inline]
    fn read(endian: Endian, bytes: &[u8; TYPE_LEN]) -> Head {
        let read = |at| word(endian, bytes, at);
        Head { name: read(0), info: Info(read(4)), size_or_type: read(8) }
    }

    /// The kind; `void` for one that is not known.
    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        Kind::from_number(self.info.kind()).unwrap_or(Kind::Void)
    }
}

/// `struct btf_type` and what follows it.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    endian: Endian,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// The word at `at` bytes; 0 past the end.
    #[inline]
    pub(crate) fn word(&self, at: usize) -> u32 {
        word(self.endian, self.bytes, at)
    }

    #[inline]
    pub(crate) fn head(&self) -> Head {
        Head::read(self.endian, self.bytes.first_chunk().unwrap_or(&[0; TYPE_LEN]))
    }

    /// Where its name stands.
    #[inline]
    pub(crate) fn name(&self) -> u32 {
        self.word(0)
    }

    /// Its second word.
    #[inline]
    pub(crate) fn info(&self) -> Info {
        Info(self.word(4))
    }

    /// Its third word, a size or a type.
    #[inline]
    pub(crate) fn size_or_type(&self) -> u32 {
        self.word(8)
    }

    /// What follows the first three words.
    #[inline]
    pub(crate) fn tail(&self) -> &'a [u8] {
        self.bytes.get(TYPE_LEN..).unwrap_or_default()
    }

    /// The word at `at` bytes of a list's item.
    #[inline]
    pub(crate) fn item_word(&self, item: &[u8], at: usize) -> u32 {
        word(self.endian, item, at)
    }
}
