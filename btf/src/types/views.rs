//! A type of any kind, and the view that each kind opens into.

use core::fmt;

use super::lists::{EnumValues, Members, Params, Vars};
use super::{FwdKind, IntEncoding, Kind, Linkage};
use crate::raw::{Endian, Info, word};
use crate::{Btf, StrOffset, TypeId};

/// A type of any kind, read in place.
#[derive(Clone, Copy)]
pub struct Type<'a> {
    btf: &'a Btf,
    id: TypeId,
    endian: Endian,
    /// `struct btf_type` and what follows it.
    record: &'a [u8],
}

impl<'a> Type<'a> {
    pub(crate) fn new(btf: &'a Btf, id: TypeId, endian: Endian, record: &'a [u8]) -> Self {
        Type { btf, id, endian, record }
    }

    /// Its id.
    pub fn id(&self) -> TypeId {
        self.id
    }

    /// The BTF through which it was found (for split BTF the top one, also for types of a base).
    pub fn btf(&self) -> &'a Btf {
        self.btf
    }

    /// Its record: `struct btf_type` and what follows it, in the BTF's own byte order. Empty for
    /// `void`.
    pub fn record(&self) -> &'a [u8] {
        self.record
    }

    /// The second word of the record.
    #[inline]
    pub fn info(&self) -> Info {
        Info(word(self.endian, self.record, 4))
    }

    /// Its kind; `void` also for a kind that only the layout section describes.
    #[doc(alias = "btf_kind")]
    #[inline]
    pub fn kind(&self) -> Kind {
        Kind::from_number(self.info().kind()).unwrap_or(Kind::Void)
    }

    /// `vlen`: how many members, enumerators, parameters or variables it has.
    #[doc(alias = "btf_vlen")]
    pub fn vlen(&self) -> u32 {
        self.info().vlen()
    }

    /// `kind_flag`.
    #[doc(alias = "btf_kflag")]
    pub fn kind_flag(&self) -> bool {
        self.info().kind_flag()
    }

    /// The third word of the record: a size in bytes or the id of another type, depending on the
    /// kind.
    #[inline]
    pub fn size_or_type(&self) -> u32 {
        word(self.endian, self.record, 8)
    }

    /// Where its name stands.
    #[inline]
    pub fn name_offset(&self) -> StrOffset {
        StrOffset(word(self.endian, self.record, 0))
    }

    /// Its name as it stands; empty for anonymous types.
    #[doc(alias = "btf__name_by_offset")]
    pub fn name_bytes(&self) -> &'a [u8] {
        self.btf.string_bytes(self.name_offset()).unwrap_or_default()
    }

    /// Whether this is its name, without looking for the end of one that is longer.
    pub(crate) fn name_is(&self, name: &[u8]) -> bool {
        self.btf.strings_from(self.name_offset()).is_some_and(|strings| crate::strings::equals(strings, 0, name))
    }

    /// Its name; `None` for anonymous types, and for a name that is not UTF-8.
    pub fn name(&self) -> Option<&'a str> {
        core::str::from_utf8(self.name_bytes()).ok().filter(|name| !name.is_empty())
    }

    /// What follows `struct btf_type`.
    fn tail(&self) -> &'a [u8] {
        self.record.get(crate::raw::TYPE_LEN..).unwrap_or_default()
    }

    /// What it says, by kind.
    pub fn data(&self) -> TypeData<'a> {
        let tail = self.tail();
        let tail_word = || word(self.endian, tail, 0);
        let target = TypeId(self.size_or_type());
        let size = self.size_or_type();
        let flag = self.kind_flag();
        match self.kind() {
            Kind::Void => TypeData::Void,
            Kind::Int => {
                let data = tail_word();
                TypeData::Int(Int {
                    size,
                    encoding: IntEncoding((data >> 24 & 0xf) as u8),
                    bit_offset: (data >> 16) as u8,
                    bits: data as u8,
                })
            }
            Kind::Ptr => TypeData::Ptr(target),
            Kind::Array => TypeData::Array(Array {
                element: TypeId(tail_word()),
                index: TypeId(word(self.endian, tail, 4)),
                len: word(self.endian, tail, 8),
            }),
            Kind::Struct => TypeData::Struct(self.composite(tail)),
            Kind::Union => TypeData::Union(self.composite(tail)),
            Kind::Enum => TypeData::Enum(Enum {
                size,
                signed: flag,
                values: EnumValues::narrow(self.btf, self.endian, flag, tail),
            }),
            Kind::Enum64 => TypeData::Enum64(Enum {
                size,
                signed: flag,
                values: EnumValues::wide(self.btf, self.endian, flag, tail),
            }),
            Kind::Fwd => TypeData::Fwd(if flag { FwdKind::Union } else { FwdKind::Struct }),
            Kind::Typedef => TypeData::Typedef(target),
            Kind::Volatile => TypeData::Volatile(target),
            Kind::Const => TypeData::Const(target),
            Kind::Restrict => TypeData::Restrict(target),
            Kind::TypeTag => TypeData::TypeTag(target),
            Kind::Func => TypeData::Func(Func { proto: target, linkage: Linkage(self.vlen()) }),
            Kind::FuncProto => {
                TypeData::FuncProto(FuncProto { ret: target, params: Params::new(self.btf, self.endian, flag, tail) })
            }
            Kind::Var => TypeData::Var(Variable { type_id: target, linkage: Linkage(tail_word()) }),
            Kind::Datasec => TypeData::Datasec(Datasec { size, vars: Vars::new(self.btf, self.endian, flag, tail) }),
            Kind::Float => TypeData::Float(Float { size }),
            Kind::DeclTag => {
                let component = tail_word() as i32;
                TypeData::DeclTag(DeclTag { target, component: u32::try_from(component).ok() })
            }
        }
    }

    /// Members, if it is a struct or union.
    #[doc(alias = "btf_members")]
    pub fn members(&self) -> Option<Members<'a>> {
        match self.kind() {
            Kind::Struct | Kind::Union => Some(self.composite(self.tail()).members),
            _ => None,
        }
    }

    /// Parameters, if it is a function's prototype.
    #[doc(alias = "btf_params")]
    pub fn params(&self) -> Option<Params<'a>> {
        match self.kind() {
            Kind::FuncProto => Some(Params::new(self.btf, self.endian, false, self.tail())),
            _ => None,
        }
    }

    /// The enum of either width, if it is one.
    pub fn as_enum(&self) -> Option<Enum<'a>> {
        let signed = self.kind_flag();
        let values = match self.kind() {
            Kind::Enum => EnumValues::narrow(self.btf, self.endian, signed, self.tail()),
            Kind::Enum64 => EnumValues::wide(self.btf, self.endian, signed, self.tail()),
            _ => return None,
        };
        Some(Enum { size: self.size_or_type(), signed, values })
    }

    /// The struct or union, if it is one.
    pub fn as_composite(&self) -> Option<Composite<'a>> {
        self.kind().is_composite().then(|| self.composite(self.tail()))
    }

    fn composite(&self, tail: &'a [u8]) -> Composite<'a> {
        Composite { size: self.size_or_type(), members: Members::new(self.btf, self.endian, self.kind_flag(), tail) }
    }
}

impl fmt::Debug for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} '{}'", self.id, self.kind(), self.name_bytes().escape_ascii())
    }
}

/// What a type says, by kind.
#[derive(Clone)]
#[non_exhaustive]
pub enum TypeData<'a> {
    /// `void`, or a kind that is not known.
    Void,
    /// An integer.
    Int(Int),
    /// A pointer to a type.
    Ptr(TypeId),
    /// An array.
    Array(Array),
    /// A struct.
    Struct(Composite<'a>),
    /// A union.
    Union(Composite<'a>),
    /// An enum of 32-bit values.
    Enum(Enum<'a>),
    /// A forward declaration.
    Fwd(FwdKind),
    /// A typedef of a type.
    Typedef(TypeId),
    /// A type, `volatile`.
    Volatile(TypeId),
    /// A type, `const`.
    Const(TypeId),
    /// A type, `restrict`.
    Restrict(TypeId),
    /// A function.
    Func(Func),
    /// A function's prototype.
    FuncProto(FuncProto<'a>),
    /// A variable.
    Var(Variable),
    /// A data section.
    Datasec(Datasec<'a>),
    /// A floating-point number.
    Float(Float),
    /// A tag on a declaration; the tag is the type's name.
    DeclTag(DeclTag),
    /// A tag on a type; the tag is the type's name.
    TypeTag(TypeId),
    /// An enum of 64-bit values.
    Enum64(Enum<'a>),
}

/// An integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int {
    /// Size in bytes.
    pub size: u32,
    /// How it is to be shown.
    pub encoding: IntEncoding,
    /// `BTF_INT_OFFSET`: where the value begins within its bytes, in bits.
    pub bit_offset: u8,
    /// `BTF_INT_BITS`: how many bits it has.
    pub bits: u8,
}

/// An array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array {
    /// Type of the elements.
    pub element: TypeId,
    /// Type of the index; says nothing.
    pub index: TypeId,
    /// How many elements; 0 for a flexible array.
    pub len: u32,
}

/// A struct or union.
#[derive(Clone)]
pub struct Composite<'a> {
    /// Size in bytes.
    pub size: u32,
    members: Members<'a>,
}

impl<'a> Composite<'a> {
    /// Its members in the order of declaration.
    pub fn members(&self) -> Members<'a> {
        self.members.clone()
    }
}

/// An enumeration.
#[derive(Clone)]
pub struct Enum<'a> {
    /// Size in bytes.
    pub size: u32,
    /// Whether values are signed.
    pub signed: bool,
    values: EnumValues<'a>,
}

impl<'a> Enum<'a> {
    /// Its enumerators in the order of declaration.
    #[doc(alias = "btf_enum")]
    #[doc(alias = "btf_enum64")]
    pub fn values(&self) -> EnumValues<'a> {
        self.values.clone()
    }
}

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Func {
    /// Its prototype.
    pub proto: TypeId,
    /// Its linkage.
    pub linkage: Linkage,
}

/// A function's prototype.
#[derive(Clone)]
pub struct FuncProto<'a> {
    /// Type of what it returns.
    pub ret: TypeId,
    params: Params<'a>,
}

impl<'a> FuncProto<'a> {
    /// Its parameters.
    #[doc(alias = "btf_params")]
    pub fn params(&self) -> Params<'a> {
        self.params.clone()
    }
}

/// A variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its type.
    pub type_id: TypeId,
    /// Its linkage.
    pub linkage: Linkage,
}

/// A data section.
#[derive(Clone)]
pub struct Datasec<'a> {
    /// Size in bytes; compilers leave it 0 for whoever reads the ELF file to fill in.
    pub size: u32,
    vars: Vars<'a>,
}

impl<'a> Datasec<'a> {
    /// Its variables.
    #[doc(alias = "btf_var_secinfos")]
    pub fn vars(&self) -> Vars<'a> {
        self.vars.clone()
    }
}

/// A floating-point number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Float {
    /// Size in bytes.
    pub size: u32,
}

/// A tag on a declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeclTag {
    /// What is tagged.
    pub target: TypeId,
    /// Which member or parameter of it; `None` for the whole.
    pub component: Option<u32>,
}
