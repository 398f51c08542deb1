//! What a relocation comes to along one spec: an offset, a size, a truth.

use purebpf_btf::raw::Endian;
use purebpf_btf::{Btf, IntEncoding, Kind as BtfKind, TypeData, TypeId};

use crate::spec::{Spec, member_of};
use crate::{Error, Kind};

/// A value, and what is needed to check and to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) value: u64,
    /// Whether the compiler and we must agree on it.
    pub(crate) validate: bool,
    /// The field that a load or store reaches, if its size matters.
    pub(crate) access: Option<Access>,
}

/// A field that a load or store reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) size: u32,
    pub(crate) type_id: TypeId,
}

impl Value {
    fn of(value: u64) -> Value {
        Value { value, validate: true, access: None }
    }
}

/// The value of a relocation; `None` for what cannot be had without a spec and poisons the
/// instruction.
pub(crate) fn of(kind: Kind, spec: Option<&Spec<'_>>) -> Result<Option<Value>, Error> {
    let exists = Value::of(u64::from(spec.is_some()));
    match (kind, spec) {
        (Kind::FieldExists | Kind::EnumvalExists | Kind::TypeExists | Kind::TypeMatches, _) => Ok(Some(exists)),
        (Kind::TypeSize | Kind::TypeIdTarget, None) => Ok(Some(Value::of(0))),
        (Kind::TypeSize, Some(spec)) => Ok(Some(Value::of(u64::from(spec.btf.size_of(spec.root)?)))),
        // Ids change when objects are linked.
        (Kind::TypeIdTarget | Kind::TypeIdLocal, Some(spec)) => {
            Ok(Some(Value { validate: false, ..Value::of(u64::from(spec.root.0)) }))
        }
        (_, None) => Ok(None),
        (Kind::EnumvalValue, Some(spec)) => enumerator(spec).map(Some),
        (_, Some(spec)) => field(kind, spec).map(Some),
    }
}

fn enumerator(spec: &Spec<'_>) -> Result<Value, Error> {
    let accessor = spec.accessors.first().ok_or(Error::PathTooLong)?;
    let owner = spec.btf.type_by_id(accessor.type_id)?;
    let value = owner.as_enum().and_then(|values| values.values().nth(accessor.index as usize));
    let value = value.ok_or(Error::NotAComposite { type_id: owner.id(), kind: owner.kind() })?.value;
    // 32-bit values are sign-extended whatever the enum's sign, as libbpf and the kernel do: compilers
    // before LLVM 15 did not say which enums are signed.
    let narrow = owner.kind() == BtfKind::Enum;
    Ok(Value::of(if narrow { value as i32 as i64 as u64 } else { value }))
}

fn field(kind: Kind, spec: &Spec<'_>) -> Result<Value, Error> {
    let accessor = spec.accessors.last().ok_or(Error::PathTooLong)?;
    if accessor.name.is_none() {
        return element(kind, spec, accessor.type_id);
    }
    let member = member_of(spec.btf, accessor)?;
    let target = spec.btf.resolve(member.type_id)?;
    let bits = Bits::of(spec.bit_offset, member.bitfield_size, spec.btf.size_of(target.id())?)?;
    let is_bitfield = member.bitfield_size.is_some();
    // Compilers choose how to read a bitfield; only its sign and width cannot be read otherwise.
    let mut value = Value { value: 0, validate: !is_bitfield, access: None };
    match kind {
        Kind::FieldByteOffset => {
            value.value = u64::from(bits.byte_offset);
            if !is_bitfield {
                let size = spec.btf.size_of(innermost_element(spec.btf, target.id())?)?;
                value.access = Some(Access { size, type_id: target.id() });
            }
        }
        Kind::FieldByteSize => value.value = u64::from(bits.byte_size),
        Kind::FieldSigned => {
            let signed = match target.data() {
                TypeData::Int(int) => int.encoding.contains(IntEncoding::SIGNED),
                TypeData::Enum(data) | TypeData::Enum64(data) => data.signed,
                _ => false,
            };
            value = Value::of(u64::from(signed));
        }
        Kind::FieldLshiftU64 => value.value = bits.left_shift(spec.btf.endian()),
        Kind::FieldRshiftU64 => value = Value::of(bits.right_shift()),
        _ => return Err(Error::NotForArrays { kind }),
    }
    Ok(value)
}

/// `a[n]`: an element has no bits of its own.
fn element(kind: Kind, spec: &Spec<'_>, type_id: TypeId) -> Result<Value, Error> {
    match kind {
        Kind::FieldByteOffset => {
            let size = spec.btf.size_of(innermost_element(spec.btf, type_id)?)?;
            let access = Some(Access { size, type_id });
            Ok(Value { access, ..Value::of(u64::from(spec.bit_offset / 8)) })
        }
        Kind::FieldByteSize => Ok(Value::of(u64::from(spec.btf.size_of(type_id)?))),
        _ => Err(Error::NotForArrays { kind }),
    }
}

/// What an array, of however many dimensions, is made of.
fn innermost_element(btf: &Btf, type_id: TypeId) -> Result<TypeId, Error> {
    let mut id = type_id;
    // size_of has the same limit.
    for _ in 0..32 {
        let resolved = btf.resolve(id)?;
        match resolved.data() {
            TypeData::Array(array) => id = array.element,
            _ => return Ok(resolved.id()),
        }
    }
    Err(Error::TooComplex)
}

/// Where a field's bits lie, and which bytes are to be read to have them all.
struct Bits {
    /// Where they begin, in bits from `byte_offset`.
    skipped: u32,
    bit_size: u32,
    byte_offset: u32,
    byte_size: u32,
}

impl Bits {
    /// The bits of a field at `bit_offset`, of a type of `byte_size` bytes.
    fn of(bit_offset: u32, bitfield_size: Option<u8>, mut byte_size: u32) -> Result<Bits, Error> {
        let Some(bit_size) = bitfield_size.map(u32::from) else {
            let (byte_offset, skipped) = (bit_offset / 8, bit_offset % 8);
            return Ok(Bits { skipped, bit_size: byte_size.wrapping_mul(8), byte_offset, byte_size });
        };
        let unreadable = Error::UnreadableBitfield { bit_offset, bit_size };
        // The smallest aligned read that covers all its bits, from its type's size upwards.
        loop {
            let first = (bit_offset / 8).checked_div(byte_size).ok_or(unreadable.clone())?;
            // No more than bit_offset.
            let byte_offset = first * byte_size;
            let skipped = bit_offset - byte_offset * 8;
            if u64::from(skipped) + u64::from(bit_size) <= u64::from(byte_size) * 8 {
                return Ok(Bits { skipped, bit_size, byte_offset, byte_size });
            }
            if byte_size >= 8 {
                return Err(unreadable);
            }
            byte_size *= 2;
        }
    }

    /// By how much a 64-bit value, of which the low bytes were read, is shifted left so that the
    /// field's highest bit is on top.
    ///
    /// Fields wider than 64 bits have no such number, and clang refuses to ask for one. The
    /// arithmetic is libbpf's: 32 bits, unsigned.
    fn left_shift(&self, endian: Endian) -> u64 {
        u64::from(match endian {
            Endian::Little => 64u32.wrapping_sub(self.skipped.wrapping_add(self.bit_size)),
            Endian::Big => 8u32.wrapping_sub(self.byte_size).wrapping_mul(8).wrapping_add(self.skipped),
        })
    }

    /// By how much it is then shifted right, to have the field alone.
    fn right_shift(&self) -> u64 {
        u64::from(64u32.wrapping_sub(self.bit_size))
    }
}
