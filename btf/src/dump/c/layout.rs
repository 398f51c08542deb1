//! Alignment as a C compiler has it, and what it tells of a struct: whether it was packed.
//!
//! This is [`Btf::align_of`](crate::Btf::align_of) with two differences that a dump needs: each
//! type is looked at once, and the answers are libbpf's also where BTF is odd (no alignment is 0,
//! and only `kind_flag` makes a bitfield).

use super::{Dumper, MAX_CHAIN};
use crate::types::Composite;
use crate::{Kind, TypeData, TypeId};

/// What is known of a type's alignment.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Align {
    #[default]
    Unknown,
    /// Being found out: met again, the type is part of itself.
    Open,
    /// In bytes; 0 for what has none, such as `void`, and for all that has such a thing in it.
    Known(u8),
}

/// A struct whose members are being looked at.
pub(super) struct Open {
    id: TypeId,
    /// The member to look at next.
    next: usize,
    widest: u8,
}

impl Dumper<'_> {
    /// Alignment in bytes, or 0 where there is none.
    #[doc(alias = "btf__align_of")]
    #[inline]
    pub(super) fn align_of(&mut self, id: TypeId) -> u8 {
        match self.state(id).align {
            Align::Known(align) => align,
            _ => self.find_align(id),
        }
    }

    fn find_align(&mut self, id: TypeId) -> u8 {
        let align = match self.leaf_align(id) {
            Ok(align) => align,
            Err(composite) => self.composite_align(composite),
        };
        self.state(id).align = Align::Known(align);
        align
    }

    /// Follows a type to the one whose alignment it has: that alignment, or the struct or union
    /// whose alignment is yet to be found.
    fn leaf_align(&mut self, mut id: TypeId) -> Result<u8, TypeId> {
        for _ in 0..MAX_CHAIN {
            match self.state(id).align {
                Align::Known(align) => return Ok(align),
                Align::Open => return Ok(0),
                Align::Unknown => {}
            }
            let head = self.records.head(id.0);
            id = match head.kind() {
                Kind::Int | Kind::Enum | Kind::Enum64 | Kind::Float => {
                    return Ok(head.size_or_type.min(self.pointer_size.into()) as u8);
                }
                Kind::Ptr => return Ok(self.pointer_size),
                Kind::Typedef | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
                    TypeId(head.size_or_type)
                }
                Kind::Array => match self.get(id).data() {
                    TypeData::Array(array) => array.element,
                    _ => return Ok(0),
                },
                Kind::Struct | Kind::Union => return Err(id),
                _ => return Ok(0),
            };
        }
        Ok(0)
    }

    /// Alignment of a struct or union: of its widest member, or 1 if any member is not where that
    /// member's alignment wants it, or the size is no multiple.
    fn composite_align(&mut self, id: TypeId) -> u8 {
        let mut open = core::mem::take(&mut self.open_structs);
        open.clear();
        open.push(self.open(id));
        let mut inner = None;
        while let Some(mut top) = open.pop() {
            let align = match self.look_at(&mut top, inner.take()) {
                Ok(align) => align,
                Err(member) => {
                    open.push(top);
                    open.push(self.open(member));
                    continue;
                }
            };
            self.state(top.id).align = Align::Known(align);
            inner = Some(align);
        }
        self.open_structs = open;
        inner.unwrap_or(0)
    }

    fn open(&mut self, id: TypeId) -> Open {
        self.state(id).align = Align::Open;
        Open { id, next: 0, widest: 1 }
    }

    /// Looks at the members of a struct from where it was left; `inner` is the alignment of the one
    /// for which it was left. Gives the struct's alignment, or what to find out first.
    fn look_at(&mut self, open: &mut Open, mut inner: Option<u8>) -> Result<u8, TypeId> {
        let this = self.get(open.id);
        let Some(composite) = this.as_composite() else { return Ok(0) };
        let mut members = composite.members();
        if open.next > 0 {
            members.nth(open.next - 1);
        }
        for member in members {
            let align = match (inner.take(), self.state(member.type_id).align) {
                (Some(align), _) | (None, Align::Known(align)) => align,
                _ => self.leaf_align(member.type_id)?,
            };
            if align == 0 {
                return Ok(0);
            }
            open.widest = open.widest.max(align);
            if member.bitfield_size.is_none() && member.bit_offset % (8 * u32::from(align)) != 0 {
                return Ok(1);
            }
            open.next += 1;
        }
        Ok(if composite.size % u32::from(open.widest) == 0 { open.widest } else { 1 })
    }

    /// Size in bytes, 0 for what has none.
    pub(super) fn size_of(&self, id: TypeId) -> u32 {
        let (mut count, mut at) = (1u32, id);
        // Few references lead to the end of nearly all; for others, and for errors, there is the long way.
        for _ in 0..8 {
            let head = self.records.head(at.0);
            match head.kind() {
                Kind::Typedef | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
                    at = TypeId(head.size_or_type);
                }
                Kind::Array => {
                    let array = self.records.get(at.0);
                    let Some(product) = count.checked_mul(array.word(20)) else { break };
                    (count, at) = (product, TypeId(array.word(12)));
                }
                Kind::Ptr => return count.checked_mul(self.pointer_size.into()).unwrap_or(0),
                kind if kind.has_size() => return count.checked_mul(head.size_or_type).unwrap_or(0),
                _ => break,
            }
        }
        self.btf.size_of(id).unwrap_or(0)
    }

    /// Whether a struct must have been packed: a member lies where no compiler would put it by
    /// itself, or the size is no multiple of the alignment.
    #[doc(alias = "btf_is_struct_packed")]
    pub(super) fn is_packed(&mut self, composite: &Composite<'_>) -> bool {
        let mut widest = 1;
        for member in composite.members() {
            let align = self.align_of(member.type_id);
            let bits = 8 * u32::from(align);
            if align != 0 && member.bitfield_size.is_none() && member.bit_offset % bits != 0 {
                return true;
            }
            widest = widest.max(align);
        }
        composite.size % u32::from(widest) != 0
    }
}
