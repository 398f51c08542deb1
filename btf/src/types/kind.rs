//! The kinds of types, and the small enumerations that their records carry.

use crate::raw;

/// The kind of a type: `BTF_KIND_*`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// `void`, type 0; also what a kind is taken for that only a layout section describes.
    Void = 0,
    /// An integer.
    Int = 1,
    /// A pointer.
    Ptr = 2,
    /// An array of fixed (or no) length.
    Array = 3,
    /// A struct.
    Struct = 4,
    /// A union.
    Union = 5,
    /// An enumeration of values up to 32 bits.
    Enum = 6,
    /// A struct, union or enum that is only declared.
    Fwd = 7,
    /// A typedef.
    Typedef = 8,
    /// `volatile`.
    Volatile = 9,
    /// `const`.
    Const = 10,
    /// `restrict`.
    Restrict = 11,
    /// A function: a name for a prototype.
    Func = 12,
    /// A function's prototype.
    FuncProto = 13,
    /// A variable in a data section.
    Var = 14,
    /// A data section: variables with their places.
    Datasec = 15,
    /// A floating-point number.
    Float = 16,
    /// `__attribute__((btf_decl_tag(...)))`: a tag on a declaration.
    DeclTag = 17,
    /// `__attribute__((btf_type_tag(...)))`: a tag on a type.
    TypeTag = 18,
    /// An enumeration with 64-bit values.
    Enum64 = 19,
}

impl Kind {
    /// All kinds in the order of their numbers, `void` first.
    pub const ALL: [Kind; 20] = [
        Kind::Void,
        Kind::Int,
        Kind::Ptr,
        Kind::Array,
        Kind::Struct,
        Kind::Union,
        Kind::Enum,
        Kind::Fwd,
        Kind::Typedef,
        Kind::Volatile,
        Kind::Const,
        Kind::Restrict,
        Kind::Func,
        Kind::FuncProto,
        Kind::Var,
        Kind::Datasec,
        Kind::Float,
        Kind::DeclTag,
        Kind::TypeTag,
        Kind::Enum64,
    ];

    /// The kind of a number; `None` for 0 and for numbers not yet given out.
    #[inline]
    pub const fn from_number(number: u8) -> Option<Kind> {
        if number == 0 || number as usize >= Self::ALL.len() { None } else { Some(Self::ALL[number as usize]) }
    }

    /// `BTF_KIND_*` as a number.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// `const`, `volatile`, `restrict` or a type tag: what changes nothing about the layout.
    pub fn is_modifier(self) -> bool {
        matches!(self, Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag)
    }

    /// A struct or a union.
    pub fn is_composite(self) -> bool {
        matches!(self, Kind::Struct | Kind::Union)
    }

    /// An enumeration of either width.
    pub fn is_any_enum(self) -> bool {
        matches!(self, Kind::Enum | Kind::Enum64)
    }

    /// Whether the third word of the record is a size (else a type, or nothing).
    pub fn has_size(self) -> bool {
        matches!(self, Kind::Int | Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 | Kind::Datasec | Kind::Float)
    }

    /// Whether a type of this kind says how something lies in memory, or names what does: integers, floats, structs, unions, enums,
    /// typedefs and declarations. These are what CO-RE relocates to.
    #[inline]
    pub const fn has_shape(self) -> bool {
        matches!(
            self,
            Kind::Int
                | Kind::Struct
                | Kind::Union
                | Kind::Enum
                | Kind::Fwd
                | Kind::Typedef
                | Kind::Float
                | Kind::Enum64
        )
    }

    /// Whether the third word of the record is the id of another type.
    pub const fn has_type(self) -> bool {
        matches!(
            self,
            Kind::Ptr
                | Kind::Typedef
                | Kind::Volatile
                | Kind::Const
                | Kind::Restrict
                | Kind::Func
                | Kind::FuncProto
                | Kind::Var
                | Kind::DeclTag
                | Kind::TypeTag
        )
    }

    /// Bytes that follow `struct btf_type` once, and bytes that follow it `vlen` times, by the number of the kind.
    const TAILS: [(u8, u8); Kind::ALL.len()] = {
        let mut tails = [(0, 0); Kind::ALL.len()];
        tails[Kind::Int as usize].0 = 4;
        tails[Kind::Var as usize].0 = 4;
        tails[Kind::DeclTag as usize].0 = 4;
        tails[Kind::Array as usize].0 = raw::ARRAY_LEN as u8;
        tails[Kind::Struct as usize].1 = raw::MEMBER_LEN as u8;
        tails[Kind::Union as usize].1 = raw::MEMBER_LEN as u8;
        tails[Kind::Enum as usize].1 = raw::ENUM_LEN as u8;
        tails[Kind::Enum64 as usize].1 = raw::ENUM64_LEN as u8;
        tails[Kind::FuncProto as usize].1 = raw::PARAM_LEN as u8;
        tails[Kind::Datasec as usize].1 = raw::VAR_SECINFO_LEN as u8;
        tails
    };

    /// Bytes that follow `struct btf_type` once.
    #[inline]
    pub(crate) fn fixed_tail(self) -> usize {
        Self::TAILS[self as usize].0.into()
    }

    /// Bytes that follow `vlen` times.
    #[inline]
    pub(crate) fn element_len(self) -> usize {
        Self::TAILS[self as usize].1.into()
    }
}

/// `BTF_INT_*`: how an integer is to be shown. Unknown bits are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
#[repr(transparent)]
pub struct IntEncoding(pub u8);

impl IntEncoding {
    /// An unsigned number.
    pub const NONE: IntEncoding = IntEncoding(0);
    /// `BTF_INT_SIGNED`.
    pub const SIGNED: IntEncoding = IntEncoding(1);
    /// `BTF_INT_CHAR`.
    pub const CHAR: IntEncoding = IntEncoding(2);
    /// `BTF_INT_BOOL`.
    pub const BOOL: IntEncoding = IntEncoding(4);

    /// Whether all bits of `other` are set.
    pub const fn contains(self, other: IntEncoding) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Linkage of a function (`BTF_FUNC_*`) or a variable (`BTF_VAR_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(transparent)]
pub struct Linkage(pub u32);

impl Linkage {
    /// Known in its own file only.
    pub const STATIC: Linkage = Linkage(0);
    /// Defined here, known everywhere (for variables: allocated).
    pub const GLOBAL: Linkage = Linkage(1);
    /// Defined elsewhere.
    pub const EXTERN: Linkage = Linkage(2);
}

/// What a forward declaration declares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FwdKind {
    /// `struct name;`
    Struct,
    /// `union name;`
    Union,
}
