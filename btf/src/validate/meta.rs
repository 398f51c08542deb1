//! The first pass: each record by itself.

use super::{MAX_TYPE, Validator, refuse};
use crate::raw;
use crate::records::Record;
use crate::{Error, Kind};

/// Bits of `info` that mean nothing before Linux 7.0.
const RESERVED_INFO: u32 = 0x60ff_0000;

/// How a type may be called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// Not at all.
    Never,
    /// By an identifier, or not.
    Optional,
    Identifier,
    Section,
    /// By anything that is not empty.
    Text,
    /// Nobody looks.
    Free,
}

fn naming(kind: Kind) -> Naming {
    match kind {
        Kind::Ptr | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::Array | Kind::FuncProto => Naming::Never,
        Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 => Naming::Optional,
        Kind::Typedef | Kind::Fwd | Kind::Func | Kind::Var => Naming::Identifier,
        Kind::Datasec => Naming::Section,
        Kind::DeclTag | Kind::TypeTag => Naming::Text,
        Kind::Void | Kind::Int | Kind::Float => Naming::Free,
    }
}

impl Validator<'_> {
    pub(super) fn check_records(&self) -> Result<(), Error> {
        for id in self.records.own() {
            self.check_record(self.records.get(id)).map_err(|why| refuse(id, why))?;
        }
        Ok(())
    }

    fn check_record(&self, record: Record<'_>) -> Result<(), &'static str> {
        let info = record.info();
        let kind = Kind::from_number(info.kind()).ok_or("its kind is unknown")?;
        if !self.rules.linux_7_0 && info.0 & RESERVED_INFO != 0 {
            return Err("reserved bits of its info are set");
        }
        if !self.name_exists(record.name()) {
            return Err("its name is past the end of the strings");
        }
        self.check_flags(record, kind)?;
        let has_good_name = match naming(kind) {
            Naming::Never => record.name() == 0,
            Naming::Optional => record.name() == 0 || self.is_identifier(record.name()),
            Naming::Identifier => record.name() != 0 && self.is_identifier(record.name()),
            Naming::Section => record.name() != 0 && self.is_section_name(record.name()),
            Naming::Text => !self.is_empty(record.name()),
            Naming::Free => true,
        };
        if !has_good_name {
            return Err(match naming(kind) {
                Naming::Never => "it has a name, as none of its kind has",
                Naming::Text => "its tag is empty",
                Naming::Section => "its name is none of a section",
                _ => "its name is no identifier",
            });
        }
        match kind {
            Kind::Int => check_int(record),
            Kind::Float => one_of(record.size_or_type(), &[2, 4, 8, 12, 16]),
            Kind::Fwd if record.size_or_type() != 0 => Err("a declaration refers to a type"),
            Kind::Array => match () {
                () if record.size_or_type() != 0 => Err("an array has a size of its own"),
                () if is_no_type(record.word(12)) => Err("its elements are of no type"),
                () if is_no_type(record.word(16)) => Err("its index is of no type"),
                () => Ok(()),
            },
            Kind::Struct | Kind::Union => self.check_members(record, kind),
            Kind::Enum | Kind::Enum64 => self.check_enumerators(record, kind),
            Kind::Func if info.vlen() > 1 => Err("its linkage is neither static nor global"),
            Kind::Var => match () {
                () if is_no_type(record.size_or_type()) => Err("it is of no type"),
                () if record.word(12) > 1 => Err("its linkage is neither static nor global"),
                () => Ok(()),
            },
            Kind::Datasec => check_section(record),
            Kind::DeclTag if (record.word(12) as i32) < -1 => Err("it is of a component that cannot be"),
            _ if kind.has_type() && kind != Kind::FuncProto && record.size_or_type() > MAX_TYPE => {
                // What a function and a tag refer to is looked at in the second pass.
                if matches!(kind, Kind::Func | Kind::DeclTag) {
                    Ok(())
                } else {
                    Err("it refers to an id beyond 0xfffff")
                }
            }
            _ => Ok(()),
        }
    }

    /// `vlen` and `kind_flag` of kinds that have no use for them.
    fn check_flags(&self, record: Record<'_>, kind: Kind) -> Result<(), &'static str> {
        let info = record.info();
        let counts = kind.element_len() != 0 || kind == Kind::Func;
        if !counts && info.vlen() != 0 {
            return Err("its vlen is not 0");
        }
        let may_have_flag = match kind {
            Kind::Struct | Kind::Union | Kind::Fwd | Kind::Enum | Kind::Enum64 => true,
            Kind::DeclTag | Kind::TypeTag => self.rules.tag_attributes,
            _ => false,
        };
        if info.kind_flag() && !may_have_flag { Err("its kind_flag is set") } else { Ok(()) }
    }

    fn check_members(&self, record: Record<'_>, kind: Kind) -> Result<(), &'static str> {
        let mut last = 0;
        for member in record.tail().chunks_exact(raw::MEMBER_LEN) {
            let (name, type_id, word) =
                (record.item_word(member, 0), record.item_word(member, 4), record.item_word(member, 8));
            let offset = if record.info().kind_flag() { word & 0xff_ffff } else { word };
            if !self.name_exists(name) || (name != 0 && !self.is_identifier(name)) {
                return Err("the name of a member is no identifier");
            }
            if is_no_type(type_id) {
                return Err("a member is of no type");
            }
            if kind == Kind::Union && offset != 0 {
                return Err("a member of the union is not at its start");
            }
            if offset < last {
                return Err("its members are not in order");
            }
            if offset.div_ceil(8) > record.size_or_type() {
                return Err("a member begins past its end");
            }
            last = offset;
        }
        Ok(())
    }

    fn check_enumerators(&self, record: Record<'_>, kind: Kind) -> Result<(), &'static str> {
        one_of(record.size_or_type(), &[1, 2, 4, 8])?;
        for value in record.tail().chunks_exact(kind.element_len()) {
            let name = record.item_word(value, 0);
            if name == 0 || !self.name_exists(name) || !self.is_identifier(name) {
                return Err("the name of an enumerator is no identifier");
            }
        }
        Ok(())
    }
}

fn is_no_type(id: u32) -> bool {
    id == 0 || id > MAX_TYPE
}

fn one_of(size: u32, sizes: &[u32]) -> Result<(), &'static str> {
    if sizes.contains(&size) { Ok(()) } else { Err("its size is none of those of its kind") }
}

fn check_int(record: Record<'_>) -> Result<(), &'static str> {
    let data = record.word(12);
    let (bits, offset) = (data & 0xff, data >> 16 & 0xff);
    if data & 0xf000_0000 != 0 {
        return Err("unknown bits of its integer data are set");
    }
    if bits + offset > 128 {
        return Err("it has more than 128 bits");
    }
    if (bits + offset).div_ceil(8) > record.size_or_type() {
        return Err("it has more bits than its size has room for");
    }
    match data >> 24 {
        0 | 1 | 2 | 4 => Ok(()),
        _ => Err("its encoding is unknown"),
    }
}

fn check_section(record: Record<'_>) -> Result<(), &'static str> {
    let size = record.size_or_type();
    if size == 0 {
        return Err("the section is of size 0");
    }
    let (mut end, mut sum) = (0u32, 0u64);
    for var in record.tail().chunks_exact(raw::VAR_SECINFO_LEN) {
        let (type_id, offset, len) = (record.item_word(var, 0), record.item_word(var, 4), record.item_word(var, 8));
        if is_no_type(type_id) {
            return Err("a variable of the section is none");
        }
        if offset < end || offset >= size {
            return Err("the section's variables are not in order and within it");
        }
        if len == 0 || len > size {
            return Err("a variable of the section is of size 0, or larger than the section");
        }
        end = offset.wrapping_add(len);
        if end > size {
            return Err("a variable ends past the section's end");
        }
        sum += u64::from(len);
    }
    if sum > size.into() { Err("the section's variables come to more than its size") } else { Ok(()) }
}
