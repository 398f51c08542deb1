//! Where Rust would put what the BTF has, and what must be done to make that the same place.

use alloc::vec;
use alloc::vec::Vec;

use super::MAX_DEPTH;
use crate::types::Member;
use crate::{Btf, Error, Kind, Type, TypeData, TypeId};

/// Size and alignment in bytes that the Rust definition of a type has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) size: u64,
    pub(super) align: u64,
}

impl Layout {
    fn bytes(size: u64) -> Layout {
        Layout { size, align: 1 }
    }
}

/// A struct or union as it will be defined.
pub(super) struct Plan<'a> {
    pub(super) fields: Vec<Field<'a>>,
    pub(super) packed: bool,
    pub(super) layout: Layout,
}

/// A bitfield.
pub(super) struct Bitfield<'a> {
    pub(super) member: Member<'a>,
    /// Where it begins, in bits from the start of the struct.
    pub(super) offset: u64,
    pub(super) bits: u8,
}

/// What takes up space in a struct.
pub(super) enum Field<'a> {
    Member(Member<'a>),
    /// So many bytes of nothing.
    Padding(u64),
    /// Bytes with bitfields in them.
    Bits {
        /// Where they begin, in bits from the start of the struct.
        start: u64,
        bytes: u64,
        members: Vec<Bitfield<'a>>,
    },
    /// All bytes of a struct that Rust cannot say.
    Opaque(u64),
}

/// Layouts of structs and unions, as far as they are known.
pub(super) struct Layouts<'a> {
    btf: &'a Btf,
    pointer_size: u64,
    known: Vec<Option<Layout>>,
}

impl<'a> Layouts<'a> {
    pub(super) fn new(btf: &'a Btf) -> Layouts<'a> {
        Layouts {
            btf,
            pointer_size: btf.pointer_size().unwrap_or(8).into(),
            known: vec![None; btf.type_count() as usize],
        }
    }

    /// The layout of what a type is written as; `None` for what has none, such as a function.
    pub(super) fn of(&mut self, id: TypeId, depth: u32) -> Result<Option<Layout>, Error> {
        let depth = depth.checked_add(1).filter(|&depth| depth < MAX_DEPTH);
        let depth = depth.ok_or(Error::TooDeep { id, limit: MAX_DEPTH })?;
        let this = target(self.btf, id)?;
        Ok(match this.data() {
            TypeData::Int(int) => Some(number(int.size.into())),
            TypeData::Enum(data) | TypeData::Enum64(data) => Some(number(data.size.into())),
            TypeData::Float(float) => Some(match float.size {
                2 | 4 | 8 => number(float.size.into()),
                size => Layout::bytes(size.into()),
            }),
            TypeData::Ptr(_) => Some(number(self.pointer_size)),
            TypeData::Array(array) => match self.of(array.element, depth)? {
                Some(element) => element
                    .size
                    .checked_mul(array.len.into())
                    .map(|size| Layout { size, ..element })
                    .ok_or(Error::SizeOverflow { id })
                    .map(Some)?,
                None => None,
            },
            TypeData::Struct(_) | TypeData::Union(_) => Some(match self.known.get(this.id().0 as usize) {
                Some(Some(layout)) => *layout,
                _ => self.plan(&this, depth)?.layout,
            }),
            _ => None,
        })
    }

    /// How a struct or union is to be defined.
    pub(super) fn plan(&mut self, this: &Type<'a>, depth: u32) -> Result<Plan<'a>, Error> {
        let plan = match this.kind() {
            Kind::Union => self.union(this, depth),
            _ => self.structure(this, depth),
        };
        let plan = match plan {
            // What holds itself, or more than can be counted, is bytes, too; those that hold it have said so by then.
            Err(Error::TooDeep { .. } | Error::SizeOverflow { .. }) if depth == 0 => None,
            plan => plan?,
        };
        let size = u64::from(this.size_or_type());
        let plan = plan.unwrap_or_else(|| Plan {
            fields: vec![Field::Opaque(size)],
            packed: false,
            layout: Layout::bytes(size),
        });
        if let Some(known) = self.known.get_mut(this.id().0 as usize) {
            *known = Some(plan.layout);
        }
        Ok(plan)
    }

    /// A struct's members in their order, gaps filled; `None` if they overlap or stick out.
    fn structure(&mut self, this: &Type<'a>, depth: u32) -> Result<Option<Plan<'a>>, Error> {
        let size = u64::from(this.size_or_type());
        let mut plan = Plan { fields: Vec::new(), packed: false, layout: Layout { size, align: 1 } };
        let mut end = 0;
        for member in this.members().into_iter().flatten() {
            let offset = u64::from(member.bit_offset);
            if let Some(bits) = member.bit_size() {
                let field = Bitfield { member, offset: offset + self.offset_in_type(&member), bits };
                match plan.add_bits(field, &mut end) {
                    true => continue,
                    false => return Ok(None),
                }
            }
            let Some(layout) = self.of(member.type_id, depth)? else { return Ok(None) };
            if offset % 8 != 0 || offset / 8 < end {
                return Ok(None);
            }
            plan.pad(offset / 8, &mut end);
            plan.packed |= end % layout.align != 0;
            plan.layout.align = plan.layout.align.max(layout.align);
            plan.fields.push(Field::Member(member));
            let Some(after) = end.checked_add(layout.size) else { return Ok(None) };
            end = after;
        }
        if end > size {
            return Ok(None);
        }
        plan.pad(size, &mut end);
        plan.packed |= size % plan.layout.align != 0;
        if plan.packed {
            plan.layout.align = 1;
        }
        Ok(Some(plan))
    }

    /// Where a bitfield begins within its type, in bits: old BTF says it there.
    fn offset_in_type(&self, member: &Member<'a>) -> u64 {
        match (member.bitfield_size, target(self.btf, member.type_id).map(|this| this.data())) {
            (None, Ok(TypeData::Int(int))) => int.bit_offset.into(),
            _ => 0,
        }
    }

    /// A union's members, and its size if none has it.
    fn union(&mut self, this: &Type<'a>, depth: u32) -> Result<Option<Plan<'a>>, Error> {
        let size = u64::from(this.size_or_type());
        let mut plan = Plan { fields: Vec::new(), packed: false, layout: Layout { size, align: 1 } };
        let mut largest = 0;
        for member in this.members().into_iter().flatten() {
            if let Some(bits) = member.bit_size() {
                let offset = u64::from(member.bit_offset) + self.offset_in_type(&member);
                let bytes = (offset + u64::from(bits)).div_ceil(8);
                if bits > 64 {
                    return Ok(None);
                }
                let members = vec![Bitfield { member, offset, bits }];
                plan.fields.push(Field::Bits { start: 0, bytes, members });
                largest = largest.max(bytes);
                continue;
            }
            let Some(layout) = self.of(member.type_id, depth)? else { return Ok(None) };
            if member.bit_offset != 0 {
                return Ok(None);
            }
            plan.layout.align = plan.layout.align.max(layout.align);
            plan.fields.push(Field::Member(member));
            largest = largest.max(layout.size);
        }
        if largest > size {
            return Ok(None);
        }
        if size % plan.layout.align != 0 {
            plan.packed = true;
            plan.layout.align = 1;
        }
        // A union without members is none for Rust.
        if largest.next_multiple_of(plan.layout.align) != size || plan.fields.is_empty() {
            plan.fields.push(Field::Padding(size));
        }
        Ok(Some(plan))
    }
}

impl<'a> Plan<'a> {
    fn pad(&mut self, to: u64, end: &mut u64) {
        if to > *end {
            self.fields.push(Field::Padding(to - *end));
            *end = to;
        }
    }

    /// Adds a bitfield to the bytes that hold those before it, or to new ones. Says whether there is room.
    fn add_bits(&mut self, field: Bitfield<'a>, end: &mut u64) -> bool {
        let (offset, bits) = (field.offset, u64::from(field.bits));
        let stop = (offset + bits).div_ceil(8);
        if bits > 64 {
            return false;
        }
        if let Some(Field::Bits { start, bytes, members }) = self.fields.last_mut() {
            if offset < members.last().map_or(0, |last| last.offset + u64::from(last.bits)) {
                return false;
            }
            if offset / 8 <= *end {
                *bytes = (*bytes).max(stop - *start / 8);
                *end = *start / 8 + *bytes;
                members.push(field);
                return true;
            }
        }
        if offset / 8 < *end {
            return false;
        }
        self.pad(offset / 8, end);
        self.fields.push(Field::Bits { start: *end * 8, bytes: stop - *end, members: vec![field] });
        *end = stop;
        true
    }
}

/// The type behind modifiers and typedefs.
pub(super) fn target(btf: &Btf, id: TypeId) -> Result<Type<'_>, Error> {
    let mut at = id;
    for _ in 0..MAX_DEPTH {
        let this = btf.skip_modifiers(at)?;
        match this.data() {
            TypeData::Typedef(next) => at = next,
            _ => return Ok(this),
        }
    }
    Err(Error::TooDeep { id, limit: MAX_DEPTH })
}

/// A number of `size` bytes: Rust has those of 1 to 16, aligned to their size; others are bytes.
fn number(size: u64) -> Layout {
    match size {
        1 | 2 | 4 | 8 | 16 => Layout { size, align: size },
        _ => Layout::bytes(size),
    }
}
