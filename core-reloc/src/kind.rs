//! The kinds of relocations.

/// What an instruction holds: `enum bpf_core_relo_kind`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[doc(alias = "bpf_core_relo_kind")]
#[repr(u32)]
#[non_exhaustive]
pub enum Kind {
    /// A field's offset in bytes.
    FieldByteOffset = 0,
    /// A field's size in bytes.
    FieldByteSize = 1,
    /// Whether a field exists.
    FieldExists = 2,
    /// Whether a field is signed.
    FieldSigned = 3,
    /// By how much a bitfield is to be shifted left in 64 bits.
    FieldLshiftU64 = 4,
    /// By how much it is then to be shifted right.
    FieldRshiftU64 = 5,
    /// The id of a type in the object's BTF.
    TypeIdLocal = 6,
    /// The id of a type in the kernel's BTF.
    TypeIdTarget = 7,
    /// Whether a type exists.
    TypeExists = 8,
    /// A type's size in bytes.
    TypeSize = 9,
    /// Whether an enumerator exists.
    EnumvalExists = 10,
    /// An enumerator's value.
    EnumvalValue = 11,
    /// Whether a type has all that the local one has.
    TypeMatches = 12,
}

/// Kinds and their names, in the order of their numbers.
const NAMES: [(Kind, &str); 13] = [
    (Kind::FieldByteOffset, "field_byte_offset"),
    (Kind::FieldByteSize, "field_byte_size"),
    (Kind::FieldExists, "field_exists"),
    (Kind::FieldSigned, "field_signed"),
    (Kind::FieldLshiftU64, "field_lshift_u64"),
    (Kind::FieldRshiftU64, "field_rshift_u64"),
    (Kind::TypeIdLocal, "type_id_local"),
    (Kind::TypeIdTarget, "type_id_target"),
    (Kind::TypeExists, "type_exists"),
    (Kind::TypeSize, "type_size"),
    (Kind::EnumvalExists, "enumval_exists"),
    (Kind::EnumvalValue, "enumval_value"),
    (Kind::TypeMatches, "type_matches"),
];

impl Kind {
    /// The kind of a number in `.BTF.ext`.
    pub fn from_number(number: u32) -> Option<Kind> {
        NAMES.get(usize::try_from(number).ok()?).map(|&(kind, _)| kind)
    }

    /// Its name: the enumerator's, lower-case, without its prefix.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// Whether it asks about a type as a whole.
    pub fn is_type_based(self) -> bool {
        use Kind::{TypeExists, TypeIdLocal, TypeIdTarget, TypeMatches, TypeSize};
        matches!(self, TypeIdLocal | TypeIdTarget | TypeExists | TypeMatches | TypeSize)
    }

    /// Whether it asks about an enumerator.
    pub fn is_enumval_based(self) -> bool {
        matches!(self, Kind::EnumvalExists | Kind::EnumvalValue)
    }

    /// Whether it asks about a field.
    pub fn is_field_based(self) -> bool {
        !self.is_type_based() && !self.is_enumval_based()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        for (number, (kind, name)) in NAMES.into_iter().enumerate() {
            assert_eq!(Kind::from_number(number as u32), Some(kind));
            assert_eq!(kind as usize, number);
            assert_eq!(kind.name(), name);
        }
        assert_eq!(Kind::from_number(NAMES.len() as u32), None);
    }
}
