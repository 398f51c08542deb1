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
    // 32-bit values are sign-extended whatever the enum's sign, as libbpf and the kernel do: that
    // is what the compiler wrote into the instruction.
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
    let bits = Bits::of(spec, member.bitfield_size, target.id())?;
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
        Kind::FieldRshiftU64 => value = Value::of(64u64.wrapping_sub(u64::from(bits.bit_size))),
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
    bit_offset: u32,
    bit_size: u32,
    byte_offset: u32,
    byte_size: u32,
}

impl Bits {
    fn of(spec: &Spec<'_>, bitfield_size: Option<u8>, type_id: TypeId) -> Result<Bits, Error> {
        let bit_offset = spec.bit_offset;
        let mut byte_size = spec.btf.size_of(type_id)?;
        let Some(bit_size) = bitfield_size.map(u32::from) else {
            let overflow = Error::OffsetOverflow { type_id };
            let bit_size = byte_size.checked_mul(8).ok_or(overflow)?;
            return Ok(Bits { bit_offset, bit_size, byte_offset: bit_offset / 8, byte_size });
        };
        let unreadable = Error::UnreadableBitfield { bit_offset, bit_size };
        if byte_size == 0 || byte_size > 8 {
            return Err(unreadable);
        }
        // The smallest aligned read that covers all its bits, from its type's size upwards.
        loop {
            let byte_offset = bit_offset / 8 / byte_size * byte_size;
            if bit_offset + bit_size - byte_offset * 8 <= byte_size * 8 {
                return Ok(Bits { bit_offset, bit_size, byte_offset, byte_size });
            }
            if byte_size >= 8 {
                return Err(unreadable);
            }
            byte_size *= 2;
        }
    }

    /// By how much a 64-bit value, of which the low bytes were read, is shifted left so that the
    /// field's highest bit is on top.
    fn left_shift(&self, endian: Endian) -> u64 {
        let before = self.bit_offset.wrapping_sub(self.byte_offset.wrapping_mul(8));
        let shift = match endian {
            Endian::Little => 64u32.wrapping_sub(before.wrapping_add(self.bit_size)),
            Endian::Big => 8u32.wrapping_sub(self.byte_size).wrapping_mul(8).wrapping_add(before),
        };
        // Negative for fields wider than 64 bits, of which no shift makes sense; libbpf's answer.
        i64::from(shift as i32) as u64
    }
}
