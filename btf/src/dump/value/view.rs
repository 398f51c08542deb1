//! [`Value`]: a type over bytes, and what it opens into.

use core::fmt;

use super::float::FloatValue;
use super::number::{EnumNumber, IntValue, read_bits};
use crate::types::{Array, Int, Members, Vars};
use crate::{Btf, Error, Kind, Type, TypeData, TypeId, types};

/// How deep values may nest in one another. Linux 6.18 needs 14.
const MAX_DEPTH: u16 = 256;

/// How many members a look-up by name may visit. Honest structs have few that are anonymous; some
/// that nest in one another could otherwise ask for 2^256 visits.
const MAX_MEMBER_STEPS: u32 = 1 << 16;

/// A type laid over bytes.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    btf: &'a Btf,
    id: TypeId,
    /// All the bytes there are, of which the value's begin at `offset`.
    bytes: &'a [u8],
    offset: u64,
    /// Where it begins within its first byte, in bits.
    start_bit: u8,
    /// Its width if its struct says that it is a bitfield.
    bit_size: Option<u8>,
    /// How many values it is in.
    depth: u16,
    /// Whether nothing follows it but what the bytes have more than the types.
    is_last: bool,
}

/// What a value says, by the kind of its type.
#[derive(Clone)]
#[non_exhaustive]
pub enum ValueData<'a> {
    /// An integer, a boolean or a character.
    Int(IntValue),
    /// A floating-point number.
    Float(FloatValue),
    /// An address.
    Ptr(u64),
    /// A number of an enum.
    Enum(EnumNumber<'a>),
    /// A struct's members.
    Struct(Fields<'a>),
    /// A union's members, each with its own idea of the same bytes.
    Union(Fields<'a>),
    /// An array's elements.
    Array(Elements<'a>),
    /// What a variable holds.
    Var(Value<'a>),
    /// A data section's variables.
    Datasec(SectionVars<'a>),
}

impl<'a> Value<'a> {
    /// What `bytes` are as a value of type `id`. There may be more of them than the type has, or
    /// fewer.
    ///
    /// # Errors
    /// When there is no such type.
    pub fn new(btf: &'a Btf, id: TypeId, bytes: &'a [u8]) -> Result<Value<'a>, Error> {
        btf.type_by_id(id)?;
        Ok(Value { btf, id, bytes, offset: 0, start_bit: 0, bit_size: None, depth: 0, is_last: true })
    }

    /// Its BTF.
    pub fn btf(&self) -> &'a Btf {
        self.btf
    }

    /// Its type as declared, with typedefs and modifiers.
    pub fn ty(&self) -> Type<'a> {
        self.btf.type_or_void(self.id)
    }

    /// The id of its type as declared.
    pub fn type_id(&self) -> TypeId {
        self.id
    }

    /// Where it begins, in bytes from the start of the outermost value.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Its width in bits if its struct says that it is a bitfield.
    pub fn bitfield_size(&self) -> Option<u8> {
        self.bit_size
    }

    /// Its bytes, as far as they are there; of a bitfield, those of its whole type.
    pub fn bytes(&self) -> &'a [u8] {
        let rest = self.rest();
        let size = self.btf.size_of(self.id).map_or(0, |size| size as usize);
        rest.get(..size).unwrap_or(rest)
    }

    /// The bytes from its beginning to the end of the data.
    pub(super) fn rest(&self) -> &'a [u8] {
        usize::try_from(self.offset).ok().and_then(|offset| self.bytes.get(offset..)).unwrap_or_default()
    }

    /// All the bytes that the outermost value was given.
    pub(super) fn all_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What it says. Typedefs and modifiers are seen through.
    ///
    /// # Errors
    /// When the bytes do not reach it ([`Error::DataTruncated`]; structs, unions, arrays and sections
    /// open nevertheless), when the type has no values (a function, `void`), no number has its size,
    /// or values nest too deep.
    pub fn data(&self) -> Result<ValueData<'a>, Error> {
        if self.depth > MAX_DEPTH {
            return Err(Error::TooDeep { id: self.id, limit: MAX_DEPTH.into() });
        }
        if let TypeData::Var(var) = self.ty().data() {
            return Ok(ValueData::Var(Value { id: var.type_id, bit_size: None, ..self.deeper() }));
        }
        let resolved = self.btf.resolve(self.id)?;
        let id = resolved.id();
        Ok(match resolved.data() {
            TypeData::Int(int) => ValueData::Int(self.int(&int)?),
            TypeData::Enum(data) | TypeData::Enum64(data) => {
                let (start, width, is_bitfield) = self.place(data.size, None);
                let bits = self.number(start, width, 64)?;
                let is_wide = resolved.kind() == Kind::Enum64;
                ValueData::Enum(EnumNumber::new(&data, bits, width, is_wide, is_bitfield))
            }
            TypeData::Float(float) => {
                let bits = self.number(0, float.size.saturating_mul(8), 128)?;
                let value = FloatValue::new(float.size, bits, self.btf.endian(), resolved.name_bytes());
                ValueData::Float(value.ok_or(Error::NotANumber { id, bits: float.size.saturating_mul(8) })?)
            }
            TypeData::Ptr(_) => {
                let size = u32::from(self.btf.pointer_size().unwrap_or(8));
                ValueData::Ptr(self.number(0, size * 8, 64)? as u64)
            }
            TypeData::Struct(data) => {
                ValueData::Struct(Fields { value: *self, members: data.members(), all_last: false })
            }
            TypeData::Union(data) => ValueData::Union(Fields { value: *self, members: data.members(), all_last: true }),
            TypeData::Array(array) => ValueData::Array(Elements::new(*self, array)?),
            TypeData::Datasec(section) => ValueData::Datasec(SectionVars { value: *self, vars: section.vars() }),
            _ => return Err(Error::Unsized { id, kind: resolved.kind() }),
        })
    }

    /// Where a number's bits are: from which bit, how many, and whether that is a bitfield.
    fn place(&self, size: u32, int: Option<&Int>) -> (u32, u32, bool) {
        let whole = size.saturating_mul(8);
        if let Some(width) = self.bit_size {
            return (self.start_bit.into(), width.into(), true);
        }
        // Before kind_flag, a bitfield was an integer type of fewer bits than its bytes have.
        match int.filter(|int| int.bits != 0) {
            Some(int) => {
                let start = u32::from(self.start_bit) + u32::from(int.bit_offset);
                (start, int.bits.into(), start % 8 != 0 || u32::from(int.bits) != whole)
            }
            None => (0, whole, false),
        }
    }

    fn int(&self, int: &Int) -> Result<IntValue, Error> {
        let (start, width, is_bitfield) = self.place(int.size, Some(int));
        let bits = self.number(start, width, 128)?;
        Ok(IntValue { bits, width: width as u8, encoding: int.encoding, is_bitfield })
    }

    fn number(&self, start: u32, width: u32, most: u32) -> Result<u128, Error> {
        if width == 0 || width > most {
            return Err(Error::NotANumber { id: self.id, bits: width });
        }
        read_bits(self.btf.endian(), self.rest(), start, width).ok_or_else(|| self.truncated(start + width))
    }

    /// The error of a number that ends `bits` bits from here.
    fn truncated(&self, bits: u32) -> Error {
        let needed = self.offset.saturating_add(bits.div_ceil(8).into());
        Error::DataTruncated { id: self.id, needed, len: self.bytes.len() as u64 }
    }

    /// The same place, one value further in.
    fn deeper(&self) -> Value<'a> {
        Value { depth: self.depth.saturating_add(1), ..*self }
    }

    /// A value within this one.
    fn at(&self, id: TypeId, bit_offset: u64, bit_size: Option<u8>, is_last: bool) -> Value<'a> {
        Value {
            id,
            offset: self.offset.saturating_add(bit_offset / 8),
            start_bit: (bit_offset % 8) as u8,
            bit_size,
            is_last: is_last && self.is_last,
            ..self.deeper()
        }
    }

    /// Its member of a name, in anonymous members too; `None` if it has none, or is no struct or
    /// union. A variable's is its content's.
    ///
    /// # Errors
    /// As [`data`](Value::data).
    pub fn member(&self, name: impl AsRef<[u8]>) -> Result<Option<Value<'a>>, Error> {
        self.member_within(name.as_ref(), &mut { MAX_MEMBER_STEPS })
    }

    fn member_within(&self, name: &[u8], steps: &mut u32) -> Result<Option<Value<'a>>, Error> {
        let fields = match self.data()? {
            ValueData::Struct(fields) | ValueData::Union(fields) => fields,
            ValueData::Var(content) => return content.member_within(name, steps),
            _ => return Ok(None),
        };
        for field in fields {
            *steps = steps.checked_sub(1).ok_or(Error::TooDeep { id: self.id, limit: MAX_MEMBER_STEPS })?;
            let found = if field.is_anonymous() {
                // Only a struct or union can stand for its members.
                match field.value.btf.resolve(field.value.id)?.kind().is_composite() {
                    true => field.value.member_within(name, steps)?,
                    false => None,
                }
            } else {
                (field.name_bytes() == name).then_some(field.value)
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Its element of a number; `None` if it has none, or is no array.
    ///
    /// # Errors
    /// As [`data`](Value::data).
    pub fn element(&self, n: u32) -> Result<Option<Value<'a>>, Error> {
        Ok(match self.data()? {
            ValueData::Array(elements) => elements.get(n),
            ValueData::Var(content) => content.element(n)?,
            _ => None,
        })
    }

    /// Its number, if it is an integer, a pointer or of an enum, and fits.
    pub fn to_u64(&self) -> Option<u64> {
        self.to_i128()?.try_into().ok()
    }

    /// Its number, if it is an integer, a pointer or of an enum, and fits.
    pub fn to_i64(&self) -> Option<i64> {
        self.to_i128()?.try_into().ok()
    }

    /// Its number, if it is an integer, a pointer or of an enum, and fits.
    pub fn to_i128(&self) -> Option<i128> {
        match self.data().ok()? {
            ValueData::Int(int) => int.to_i128(),
            ValueData::Enum(number) => Some(number.to_i128()),
            ValueData::Ptr(address) => Some(address.into()),
            ValueData::Var(content) => content.to_i128(),
            _ => None,
        }
    }

    /// Its text without the NUL and what is behind it, if it is an array of bytes.
    pub fn to_text(&self) -> Option<&'a [u8]> {
        match self.data().ok()? {
            ValueData::Array(elements) => elements.text(),
            ValueData::Var(content) => content.to_text(),
            _ => None,
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}: {:02x?}", self.ty(), self.offset, self.bytes())
    }
}

/// A member and its value.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// The member.
    pub member: types::Member<'a>,
    /// Its value.
    pub value: Value<'a>,
}

impl<'a> Field<'a> {
    /// The member's name; `None` where it has none, or one that is not UTF-8.
    pub fn name(&self) -> Option<&'a str> {
        self.member.name()
    }

    /// The member's name as it stands; empty where it has none.
    pub fn name_bytes(&self) -> &'a [u8] {
        self.member.name_bytes()
    }

    /// Whether the member has no name, so that its own members are its struct's.
    pub fn is_anonymous(&self) -> bool {
        self.name_bytes().is_empty()
    }
}

/// The members of a struct or union, in the order of declaration.
#[derive(Clone)]
pub struct Fields<'a> {
    value: Value<'a>,
    members: Members<'a>,
    /// Whether each member ends where the whole does, as those of a union may.
    all_last: bool,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let member = self.members.next()?;
        let is_last = self.all_last || self.members.len() == 0;
        let value = self.value.at(member.type_id, member.bit_offset.into(), member.bitfield_size, is_last);
        Some(Field { member, value })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.members.size_hint()
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// The elements of an array, as far as the bytes reach: one that begins behind their end is left out.
#[derive(Clone)]
pub struct Elements<'a> {
    array: Value<'a>,
    element: TypeId,
    /// Size of an element, in bytes.
    size: u32,
    /// How many the type has; 0 for a flexible array.
    declared: u32,
    next: u32,
    end: u32,
}

impl<'a> Elements<'a> {
    fn new(array: Value<'a>, data: Array) -> Result<Elements<'a>, Error> {
        let size = array.btf.size_of(data.element)?;
        let end = reached(&array, size).min(data.len);
        Ok(Elements { array, element: data.element, size, declared: data.len, next: 0, end })
    }

    /// Its BTF.
    pub fn btf(&self) -> &'a Btf {
        self.array.btf
    }

    /// Type of the elements, as declared.
    pub fn element_type(&self) -> TypeId {
        self.element
    }

    /// Size of an element, in bytes.
    pub fn element_size(&self) -> u32 {
        self.size
    }

    /// How many the type has, also if the bytes do not reach so far.
    pub fn declared_len(&self) -> u32 {
        self.declared
    }

    /// Whether it is a flexible array, declared last and with no length of its own. It gives no
    /// elements; [`flexible`](Elements::flexible) does.
    pub fn is_flexible(&self) -> bool {
        self.declared == 0 && self.array.is_last
    }

    /// The whole elements that the bytes hold of a flexible array; as it is, any other array.
    pub fn flexible(mut self) -> Elements<'a> {
        if self.is_flexible() && self.size != 0 {
            self.end = u32::try_from(self.array.rest().len() / self.size as usize).unwrap_or(u32::MAX);
        }
        self
    }

    /// The element of a number, counted from the array's start.
    pub fn get(&self, n: u32) -> Option<Value<'a>> {
        let bit_offset = u64::from(n) * u64::from(self.size) * 8;
        (n < self.end).then(|| self.array.at(self.element, bit_offset, None, false))
    }

    /// Whether the elements are integers of one byte, which text may be made of.
    pub fn is_bytes(&self) -> bool {
        self.size == 1 && self.array.btf.resolve(self.element).is_ok_and(|element| element.kind() == Kind::Int)
    }

    /// The bytes of all its elements, as far as they are there.
    pub fn bytes(&self) -> &'a [u8] {
        let rest = self.array.rest();
        let len = usize::try_from(u64::from(self.end) * u64::from(self.size)).unwrap_or(usize::MAX);
        rest.get(..len).unwrap_or(rest)
    }

    /// The text in an array of bytes, without the NUL and what is behind it.
    pub fn text(&self) -> Option<&'a [u8]> {
        let bytes = self.bytes();
        let len = memchr::memchr(0, bytes).unwrap_or(bytes.len());
        if self.is_bytes() { bytes.get(..len) } else { None }
    }
}

/// How many elements of `size` bytes begin within the bytes.
fn reached(array: &Value<'_>, size: u32) -> u32 {
    match array.rest().len().div_ceil((size as usize).max(1)) {
        _ if size == 0 => u32::MAX,
        count => u32::try_from(count).unwrap_or(u32::MAX),
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let element = self.get(self.next)?;
        self.next += 1;
        Some(element)
    }

    fn nth(&mut self, n: usize) -> Option<Value<'a>> {
        self.next = u32::try_from(n).ok().and_then(|n| self.next.checked_add(n)).map_or(self.end, |n| n.min(self.end));
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.next) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Elements<'_> {}

/// A variable of a section, and its value.
#[derive(Clone, Copy)]
pub struct SectionVar<'a> {
    /// The variable's place.
    pub var: types::Var<'a>,
    /// The variable as a value, which opens into its content.
    pub value: Value<'a>,
}

impl<'a> SectionVar<'a> {
    /// The variable's name; `None` for one that is not UTF-8.
    pub fn name(&self) -> Option<&'a str> {
        self.var.variable().name()
    }
}

/// The variables of a data section, in the order of their records.
#[derive(Clone)]
pub struct SectionVars<'a> {
    value: Value<'a>,
    vars: Vars<'a>,
}

impl<'a> Iterator for SectionVars<'a> {
    type Item = SectionVar<'a>;

    fn next(&mut self) -> Option<SectionVar<'a>> {
        let var = self.vars.next()?;
        let value = self.value.at(var.type_id, u64::from(var.offset) * 8, None, false);
        Some(SectionVar { var, value })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.vars.size_hint()
    }
}

impl ExactSizeIterator for SectionVars<'_> {}
