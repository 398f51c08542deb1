//! Specs: what an accessor string means in the local types, and in a candidate's.
//!
//! An accessor string such as `0:1:2` is a path by numbers: the element of the pointer that the
//! program has, then members and array elements. The *local* spec keeps only its turning points,
//! named members and array elements; anonymous structs on the way are passed through, since another
//! kernel may nest otherwise. Matching walks the candidate along the same turning points, by name.

use alloc::vec::Vec;

use purebpf_btf::types::Array;
use purebpf_btf::types::Member;
use purebpf_btf::{Btf, Type, TypeData, TypeId, essential_name};

use crate::candidates::Candidate;
use crate::compat::{self, Budget};
use crate::{Error, Kind, Relocation};

/// Longest path (libbpf's and the kernel's `BPF_CORE_SPEC_MAX_LEN`).
pub(crate) const MAX_LEN: usize = 64;

/// A turning point of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accessor<'a> {
    /// The struct, union or enum with the member, or the type of the array's elements.
    pub(crate) type_id: TypeId,
    /// Which member, enumerator or element.
    pub(crate) index: u32,
    /// The member's or enumerator's name; `None` for an element.
    pub(crate) name: Option<&'a [u8]>,
}

/// A path in one BTF.
#[derive(Clone, Debug)]
pub(crate) struct Spec<'a> {
    pub(crate) btf: &'a Btf,
    /// The type that the path begins at.
    pub(crate) root: TypeId,
    pub(crate) accessors: Vec<Accessor<'a>>,
    /// Numbers of the whole path, anonymous members included.
    raw_len: usize,
    /// Where the path leads, in bits from the root.
    pub(crate) bit_offset: u32,
}

impl<'a> Spec<'a> {
    fn new(btf: &'a Btf, root: TypeId) -> Self {
        Spec { btf, root, accessors: Vec::new(), raw_len: 0, bit_offset: 0 }
    }

    /// The spec of a relocation in the local types.
    pub(crate) fn local(btf: &'a Btf, relocation: &Relocation<'_>, budget: &mut Budget) -> Result<Spec<'a>, Error> {
        let bad = |what| Error::BadAccess { what };
        let mut spec = Spec::new(btf, relocation.local_type);
        btf.type_by_id(relocation.local_type)?;
        if relocation.kind.is_type_based() {
            return if relocation.access == "0" { Ok(spec) } else { Err(bad("a type's is always '0'")) };
        }
        budget.spend_name(relocation.access.as_bytes())?;
        let path = parse(relocation.access)?;
        let first = path[0];
        let root = btf.resolve(relocation.local_type)?;
        if relocation.kind.is_enumval_based() {
            let values = root.as_enum().ok_or(bad("an enumerator's begins at an enum"))?;
            if path.len() > 1 {
                return Err(bad("an enumerator's is a single number"));
            }
            let few = bad("the enum has fewer enumerators");
            budget.spend(first as usize / 16)?;
            let value = values.values().nth(first as usize).ok_or(few)?;
            spec.push(root.id(), first, Some(value.name_bytes()))?;
            return Ok(spec);
        }
        spec.push(root.id(), first, None)?;
        spec.advance_elements(first, root.id())?;
        let mut id = root.id();
        for &index in &path[1..] {
            let current = btf.resolve(id)?;
            if let Some(mut members) = current.members() {
                let member = members.nth(index as usize).ok_or(bad("the struct has fewer members"))?;
                spec.advance(member.bit_offset)?;
                spec.raw_len += 1;
                budget.spend_name(member.name_bytes())?;
                if !member.name_bytes().is_empty() {
                    spec.accessors.push(Accessor { type_id: current.id(), index, name: Some(member.name_bytes()) });
                }
                id = member.type_id;
            } else if let TypeData::Array(array) = current.data() {
                let element = btf.resolve(array.element)?;
                if !spec.ends_in_flexible_array(&array) && index >= array.len {
                    return Err(bad("the array has fewer elements"));
                }
                id = element.id();
                spec.push(id, index, None)?;
                spec.advance_elements(index, id)?;
            } else {
                return Err(Error::NotAComposite { type_id: current.id(), kind: current.kind() });
            }
        }
        Ok(spec)
    }

    /// The same path in a candidate; `None` when the candidate does not have it.
    pub(crate) fn matching(
        &self,
        kind: Kind,
        candidate: &mut Candidate<'a>,
        budget: &mut Budget,
    ) -> Result<Option<Spec<'a>>, Error> {
        let (btf, id) = (candidate.btf, candidate.id);
        let mut spec = Spec::new(btf, id);
        let found = if kind == Kind::TypeMatches {
            candidate.matches(self.btf, self.root, budget)?
        } else if kind.is_type_based() {
            compat::types_compat(self.btf, self.root, btf, id, budget)?
        } else if kind.is_enumval_based() {
            match self.accessors.first() {
                Some(enumerator) => spec.match_enumerator(enumerator, budget)?,
                None => false,
            }
        } else {
            spec.match_path(self, budget)?
        };
        Ok(found.then_some(spec))
    }

    fn match_enumerator(&mut self, local: &Accessor<'_>, budget: &mut Budget) -> Result<bool, Error> {
        let target = self.btf.resolve(self.root)?;
        let Some(values) = target.as_enum() else { return Ok(false) };
        let wanted = essential_name(local.name.unwrap_or_default());
        for (index, value) in values.values().enumerate() {
            budget.spend_name(value.name_bytes())?;
            if essential_name(value.name_bytes()) == wanted {
                self.push(target.id(), index as u32, Some(value.name_bytes()))?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn match_path(&mut self, local: &Spec<'a>, budget: &mut Budget) -> Result<bool, Error> {
        let mut id = self.root;
        for (step, accessor) in local.accessors.iter().enumerate() {
            let target = self.btf.resolve(id)?;
            if accessor.name.is_some() {
                match self.match_member(local.btf, accessor, target, 0, budget)? {
                    Some(next) => id = next,
                    None => return Ok(false),
                }
                continue;
            }
            id = target.id();
            if step > 0 {
                let TypeData::Array(array) = target.data() else { return Ok(false) };
                if !self.ends_in_flexible_array(&array) && accessor.index >= array.len {
                    return Ok(false);
                }
                id = self.btf.resolve(array.element)?.id();
            }
            self.push(id, accessor.index, None)?;
            self.advance_elements(accessor.index, id)?;
        }
        Ok(true)
    }

    /// Looks for a member of the local one's name in `target` and the anonymous members in it;
    /// gives its type.
    fn match_member(
        &mut self,
        local_btf: &Btf,
        local: &Accessor<'_>,
        target: Type<'a>,
        depth: usize,
        budget: &mut Budget,
    ) -> Result<Option<TypeId>, Error> {
        let Some(members) = target.members() else { return Ok(None) };
        let local_member = member_of(local_btf, local)?;
        for (index, member) in members.enumerate() {
            if self.raw_len + depth >= MAX_LEN {
                return Err(Error::PathTooLong);
            }
            let name = member.name_bytes();
            budget.spend_name(name)?;
            if name.is_empty() {
                let before = self.bit_offset;
                self.advance(member.bit_offset)?;
                let inner = self.btf.resolve(member.type_id)?;
                if let Some(found) = self.match_member(local_btf, local, inner, depth + 1, budget)? {
                    return Ok(Some(found));
                }
                self.bit_offset = before;
            } else if Some(name) == local.name {
                if !compat::fields_compat(local_btf, local_member.type_id, self.btf, member.type_id, budget)? {
                    return Ok(None);
                }
                self.advance(member.bit_offset)?;
                self.raw_len += depth + 1;
                self.accessors.push(Accessor { type_id: target.id(), index: index as u32, name: Some(name) });
                return Ok(Some(member.type_id));
            }
        }
        Ok(None)
    }

    fn push(&mut self, type_id: TypeId, index: u32, name: Option<&'a [u8]>) -> Result<(), Error> {
        if self.raw_len >= MAX_LEN {
            return Err(Error::PathTooLong);
        }
        self.raw_len += 1;
        self.accessors.push(Accessor { type_id, index, name });
        Ok(())
    }

    fn advance(&mut self, bits: u32) -> Result<(), Error> {
        self.bit_offset = self.bit_offset.checked_add(bits).ok_or(Error::OffsetOverflow { type_id: self.root })?;
        Ok(())
    }

    fn advance_elements(&mut self, count: u32, element: TypeId) -> Result<(), Error> {
        let overflow = Error::OffsetOverflow { type_id: self.root };
        // In 64 bits: a type of 512 MiB and more has no offset past its element 0, but does have that.
        let bits = u64::from(self.btf.size_of(element)?) * 8;
        let bits = bits.checked_mul(u64::from(count)).and_then(|bits| u32::try_from(bits).ok());
        self.advance(bits.ok_or(overflow)?)
    }

    /// Whether an array that the path has come to is the last member of its struct, and of no
    /// length: any element is within its bounds.
    fn ends_in_flexible_array(&self, array: &Array) -> bool {
        let Some(last) = self.accessors.last().filter(|last| last.name.is_some()) else { return false };
        let owner = self.btf.type_by_id(last.type_id);
        array.len == 0 && owner.is_ok_and(|owner| last.index.checked_add(1) == Some(owner.vlen()))
    }
}

/// The member that a named accessor stands for.
pub(crate) fn member_of<'b>(btf: &'b Btf, accessor: &Accessor<'_>) -> Result<Member<'b>, Error> {
    let owner = btf.type_by_id(accessor.type_id)?;
    let member = owner.members().and_then(|mut members| members.nth(accessor.index as usize));
    member.ok_or(Error::NotAComposite { type_id: accessor.type_id, kind: owner.kind() })
}

/// The numbers of an accessor string.
fn parse(access: &str) -> Result<Vec<u32>, Error> {
    let mut path = Vec::new();
    for number in access.split(':') {
        if path.len() == MAX_LEN {
            return Err(Error::PathTooLong);
        }
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let number = number.parse::<i32>().ok().filter(|_| digits);
        path.push(number.ok_or(Error::BadAccess { what: "it is no list of numbers with ':' between" })? as u32);
    }
    Ok(path)
}
