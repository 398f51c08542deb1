//! The lists that records carry: members, enumerators, parameters, section variables.
//!
//! A record's extent was checked when the BTF was parsed, so the iterators are exact and cannot
//! fail.

use crate::raw::{self, Endian, word};
use crate::{Btf, StrOffset, TypeId};

/// Declares an iterator over records of one size.
macro_rules! record_iterator {
    ($(#[$doc:meta])* $vis:vis $name:ident => $item:ident, $len:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        $vis struct $name<'a> {
            btf: &'a Btf,
            endian: Endian,
            flag: bool,
            records: core::slice::ChunksExact<'a, u8>,
        }

        impl<'a> $name<'a> {
            pub(super) fn new(btf: &'a Btf, endian: Endian, flag: bool, tail: &'a [u8]) -> Self {
                $name { btf, endian, flag, records: tail.chunks_exact($len) }
            }
        }

        impl<'a> Iterator for $name<'a> {
            type Item = $item<'a>;

            #[inline]
            fn next(&mut self) -> Option<$item<'a>> {
                let record = self.records.next()?;
                Some($item::read(self.btf, self.endian, self.flag, record))
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.records.size_hint()
            }

            #[inline]
            fn nth(&mut self, n: usize) -> Option<$item<'a>> {
                let record = self.records.nth(n)?;
                Some($item::read(self.btf, self.endian, self.flag, record))
            }
        }

        impl ExactSizeIterator for $name<'_> {}

        impl DoubleEndedIterator for $name<'_> {
            fn next_back(&mut self) -> Option<Self::Item> {
                let record = self.records.next_back()?;
                Some($item::read(self.btf, self.endian, self.flag, record))
            }
        }
    };
}

/// Declares `name`, `name_bytes` and `name_offset` of a list's item.
macro_rules! named {
    ($item:ident) => {
        impl<'a> $item<'a> {
            /// Its name; `None` where it has none, or one that is not UTF-8.
            pub fn name(&self) -> Option<&'a str> {
                core::str::from_utf8(self.name_bytes()).ok().filter(|name| !name.is_empty())
            }

            /// Its name as it stands; empty where it has none.
            #[inline]
            pub fn name_bytes(&self) -> &'a [u8] {
                self.btf.string_bytes(self.name_offset).unwrap_or_default()
            }
        }
    };
}

record_iterator!(
    /// The members of a struct or union.
    pub Members => Member, raw::MEMBER_LEN
);
record_iterator!(
    /// The enumerators of an enum of 32-bit values.
    pub(super) Enum32Values => EnumValue32, raw::ENUM_LEN
);
record_iterator!(
    /// The enumerators of an enum of 64-bit values.
    pub(super) Enum64Values => EnumValue64, raw::ENUM64_LEN
);
record_iterator!(
    /// The parameters of a function prototype.
    pub Params => Param, raw::PARAM_LEN
);
record_iterator!(
    /// The variables of a data section.
    pub Vars => Var, raw::VAR_SECINFO_LEN
);

/// A member of a struct or union.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    btf: &'a Btf,
    /// Where its name stands.
    pub name_offset: StrOffset,
    /// Its type.
    pub type_id: TypeId,
    /// Where it begins, in bits from the start of the struct.
    #[doc(alias = "btf_member_bit_offset")]
    pub bit_offset: u32,
    /// Its width in bits if the struct says so (`kind_flag` set) and it is a bitfield. Older BTF
    /// writes a bitfield's width into its integer type instead: see
    /// [`bit_size`](Member::bit_size).
    #[doc(alias = "btf_member_bitfield_size")]
    pub bitfield_size: Option<u8>,
}

named!(Member);

impl<'a> Member<'a> {
    fn read(btf: &'a Btf, endian: Endian, kind_flag: bool, record: &'a [u8]) -> Self {
        let offset = word(endian, record, 8);
        // With kind_flag, BTF_MEMBER_BIT_OFFSET is the low 24 bits and BTF_MEMBER_BITFIELD_SIZE
        // the high 8.
        let (bit_offset, size) = if kind_flag { (offset & 0x00ff_ffff, (offset >> 24) as u8) } else { (offset, 0) };
        Member {
            btf,
            name_offset: StrOffset(word(endian, record, 0)),
            type_id: TypeId(word(endian, record, 4)),
            bit_offset,
            bitfield_size: (size != 0).then_some(size),
        }
    }

    /// Its width in bits if it is a bitfield by either way of saying so: `kind_flag`, or an integer
    /// type narrower than its bytes.
    pub fn bit_size(&self) -> Option<u8> {
        if self.bitfield_size.is_some() {
            return self.bitfield_size;
        }
        let resolved = self.btf.resolve(self.type_id).ok()?;
        let crate::TypeData::Int(int) = resolved.data() else { return None };
        let narrow = u32::from(int.bits) != int.size.saturating_mul(8) || int.bit_offset != 0;
        (narrow && int.bits != 0).then_some(int.bits)
    }
}

pub(super) struct EnumValue32<'a> {
    btf: &'a Btf,
    name: StrOffset,
    value: u32,
}

impl<'a> EnumValue32<'a> {
    fn read(btf: &'a Btf, endian: Endian, _: bool, record: &'a [u8]) -> Self {
        EnumValue32 { btf, name: StrOffset(word(endian, record, 0)), value: word(endian, record, 4) }
    }
}

pub(super) struct EnumValue64<'a> {
    btf: &'a Btf,
    name: StrOffset,
    value: u64,
}

impl<'a> EnumValue64<'a> {
    fn read(btf: &'a Btf, endian: Endian, _: bool, record: &'a [u8]) -> Self {
        let (low, high) = (word(endian, record, 4), word(endian, record, 8));
        EnumValue64 { btf, name: StrOffset(word(endian, record, 0)), value: u64::from(high) << 32 | u64::from(low) }
    }
}

/// An enumerator.
#[derive(Clone, Copy)]
pub struct EnumValue<'a> {
    btf: &'a Btf,
    /// Where its name stands.
    pub name_offset: StrOffset,
    /// Its value, sign-extended to 64 bits where the enum is signed.
    pub value: u64,
}

named!(EnumValue);

/// The enumerators of an enum of either width.
#[derive(Clone)]
pub struct EnumValues<'a>(Width<'a>);

#[derive(Clone)]
enum Width<'a> {
    Narrow { values: Enum32Values<'a>, signed: bool },
    Wide(Enum64Values<'a>),
}

impl<'a> EnumValues<'a> {
    pub(super) fn narrow(btf: &'a Btf, endian: Endian, signed: bool, tail: &'a [u8]) -> Self {
        EnumValues(Width::Narrow { values: Enum32Values::new(btf, endian, signed, tail), signed })
    }

    pub(super) fn wide(btf: &'a Btf, endian: Endian, signed: bool, tail: &'a [u8]) -> Self {
        EnumValues(Width::Wide(Enum64Values::new(btf, endian, signed, tail)))
    }
}

impl<'a> Iterator for EnumValues<'a> {
    type Item = EnumValue<'a>;

    fn next(&mut self) -> Option<EnumValue<'a>> {
        match &mut self.0 {
            Width::Narrow { values, signed } => values.next().map(|v| EnumValue {
                btf: v.btf,
                name_offset: v.name,
                value: if *signed { v.value as i32 as i64 as u64 } else { u64::from(v.value) },
            }),
            Width::Wide(values) => values.next().map(|v| EnumValue { btf: v.btf, name_offset: v.name, value: v.value }),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Width::Narrow { values, .. } => values.size_hint(),
            Width::Wide(values) => values.size_hint(),
        }
    }
}

impl ExactSizeIterator for EnumValues<'_> {}

/// A parameter of a function prototype. One without name and of type `void`, at the end, is `...`.
#[derive(Clone, Copy)]
pub struct Param<'a> {
    btf: &'a Btf,
    /// Where its name stands.
    pub name_offset: StrOffset,
    /// Its type.
    pub type_id: TypeId,
}

named!(Param);

impl<'a> Param<'a> {
    fn read(btf: &'a Btf, endian: Endian, _: bool, record: &'a [u8]) -> Self {
        Param { btf, name_offset: StrOffset(word(endian, record, 0)), type_id: TypeId(word(endian, record, 4)) }
    }
}

/// A variable's place in a data section: `struct btf_var_secinfo`.
#[derive(Clone, Copy)]
pub struct Var<'a> {
    btf: &'a Btf,
    /// The variable ([`Kind::Var`](crate::Kind::Var); a function in `.ksyms`).
    pub type_id: TypeId,
    /// Where it begins, in bytes from the start of the section.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
}

impl<'a> Var<'a> {
    fn read(btf: &'a Btf, endian: Endian, _: bool, record: &'a [u8]) -> Self {
        Var {
            btf,
            type_id: TypeId(word(endian, record, 0)),
            offset: word(endian, record, 4),
            size: word(endian, record, 8),
        }
    }

    /// The variable's type record.
    pub fn variable(&self) -> super::Type<'a> {
        self.btf.type_or_void(self.type_id)
    }
}
