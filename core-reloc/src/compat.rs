//! When a local type and a target's may stand for each other: three relations, from loose to strict.

use purebpf_btf::types::FwdKind;
use purebpf_btf::{Btf, IntEncoding, Kind, Type, TypeData, TypeId, essential_name};

use crate::Error;

/// How deep types may nest (libbpf's `depth` and `level`).
const MAX_DEPTH: u32 = 32;

/// How many steps a resolver may take to begin with. To match each of the 9,751 structs of Linux 6.18
/// with itself takes 6.3 million; types made to branch at every level would never end.
const STEPS: u32 = 1 << 23;

/// How many more it may take for each relocation. Most need a few dozen.
const STEPS_PER_RELOCATION: u32 = 1 << 12;

/// How many one question of [`types_are_compat`] may take, which looks into no struct.
const STEPS_FOR_COMPATIBILITY: u32 = 1 << 16;

/// The steps that are left: for one resolver, so that neither a single relocation nor the sum of
/// many takes longer than the size of its input warrants.
#[derive(Debug)]
pub(crate) struct Budget(u32);

impl Budget {
    pub(crate) fn new() -> Self {
        Budget(STEPS)
    }

    /// Another relocation has come.
    pub(crate) fn refill(&mut self) {
        self.0 = self.0.saturating_add(STEPS_PER_RELOCATION);
    }

    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), Error> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.0.checked_sub(steps));
        self.0 = left.ok_or(Error::TooComplex)?;
        Ok(())
    }

    /// A step in which a name is read: they may be as long as the BTF.
    pub(crate) fn spend_name(&mut self, name: &[u8]) -> Result<(), Error> {
        self.spend(1 + name.len() / 16)
    }
}

/// Whether a candidate's kind can stand for the local one's.
pub(crate) fn same_kind_class(local: Kind, target: Kind) -> bool {
    local == target || (local.is_any_enum() && target.is_any_enum())
}

/// Whether a field of one type can be read as the other: names and sizes of what integers and
/// pointers lead to do not matter.
pub(crate) fn fields_compat(
    local: &Btf,
    local_id: TypeId,
    target: &Btf,
    target_id: TypeId,
    budget: &mut Budget,
) -> Result<bool, Error> {
    let (mut local_id, mut target_id) = (local_id, target_id);
    for _ in 0..MAX_DEPTH {
        budget.spend(1)?;
        let (l, t) = (local.resolve(local_id)?, target.resolve(target_id)?);
        if l.kind().is_composite() && t.kind().is_composite() {
            return Ok(true);
        }
        if !same_kind_class(l.kind(), t.kind()) {
            return Ok(false);
        }
        match (l.data(), t.data()) {
            (TypeData::Ptr(_), _) | (TypeData::Float(_), _) => return Ok(true),
            (TypeData::Fwd(_) | TypeData::Enum(_) | TypeData::Enum64(_), _) => {
                let (l, t) = (l.name_bytes(), t.name_bytes());
                return Ok(l.is_empty() || t.is_empty() || names_match(l, t, budget)?);
            }
            (TypeData::Int(l), TypeData::Int(t)) => return Ok(l.bit_offset == 0 && t.bit_offset == 0),
            (TypeData::Array(l), TypeData::Array(t)) => (local_id, target_id) = (l.element, t.element),
            _ => return Ok(false),
        }
    }
    Err(Error::TooComplex)
}

/// Whether two types of the same essential name are the same for existence and size: their kinds
/// agree, all the way through pointers, arrays and prototypes. Used for typed externs too.
///
/// # Errors
/// When a type does not exist, or nests too deep.
#[doc(alias = "bpf_core_types_are_compat")]
pub fn types_are_compat(local: &Btf, local_id: TypeId, target: &Btf, target_id: TypeId) -> Result<bool, Error> {
    types_compat(local, local_id, target, target_id, &mut Budget(STEPS_FOR_COMPATIBILITY))
}

pub(crate) fn types_compat(
    local: &Btf,
    local_id: TypeId,
    target: &Btf,
    target_id: TypeId,
    budget: &mut Budget,
) -> Result<bool, Error> {
    let same = same_kind_class(local.type_by_id(local_id)?.kind(), target.type_by_id(target_id)?.kind());
    Ok(same && compat_within(local, local_id, target, target_id, MAX_DEPTH, budget)?)
}

fn compat_within(
    local: &Btf,
    mut local_id: TypeId,
    target: &Btf,
    mut target_id: TypeId,
    level: u32,
    budget: &mut Budget,
) -> Result<bool, Error> {
    for _ in 0..MAX_DEPTH {
        budget.spend(1)?;
        let (l, t) = (local.resolve(local_id)?, target.resolve(target_id)?);
        if !same_kind_class(l.kind(), t.kind()) {
            return Ok(false);
        }
        match (l.data(), t.data()) {
            (TypeData::Int(l), TypeData::Int(t)) => return Ok(l.bit_offset == 0 && t.bit_offset == 0),
            (TypeData::Ptr(l), TypeData::Ptr(t)) => (local_id, target_id) = (l, t),
            (TypeData::Array(l), TypeData::Array(t)) => (local_id, target_id) = (l.element, t.element),
            (TypeData::FuncProto(l), TypeData::FuncProto(t)) => {
                if l.params().len() != t.params().len() {
                    return Ok(false);
                }
                for (l, t) in l.params().zip(t.params()) {
                    let deeper = level.checked_sub(1).ok_or(Error::TooComplex)?;
                    if !compat_within(local, l.type_id, target, t.type_id, deeper, budget)? {
                        return Ok(false);
                    }
                }
                (local_id, target_id) = (l.ret, t.ret);
            }
            (
                TypeData::Void
                | TypeData::Struct(_)
                | TypeData::Union(_)
                | TypeData::Enum(_)
                | TypeData::Enum64(_)
                | TypeData::Fwd(_),
                _,
            ) => return Ok(true),
            _ => return Ok(false),
        }
    }
    Err(Error::TooComplex)
}

/// Whether a local type is a part of the target's: each local member, enumerator and parameter has
/// its like there, by name and by type.
pub(crate) fn types_match(
    local: &Btf,
    local_id: TypeId,
    target: &Btf,
    target_id: TypeId,
    budget: &mut Budget,
) -> Result<bool, Error> {
    match_within(local, local_id, target, target_id, false, MAX_DEPTH, budget)
}

fn match_within(
    local: &Btf,
    mut local_id: TypeId,
    target: &Btf,
    mut target_id: TypeId,
    mut behind_pointer: bool,
    level: u32,
    budget: &mut Budget,
) -> Result<bool, Error> {
    if level == 0 {
        return Err(Error::TooComplex);
    }
    for _ in 0..MAX_DEPTH {
        budget.spend(1)?;
        let (l, t) = (local.resolve(local_id)?, target.resolve(target_id)?);
        if !names_match(l.name_bytes(), t.name_bytes(), budget)? {
            return Ok(false);
        }
        match (l.data(), t.data()) {
            (TypeData::Void, TypeData::Void) => return Ok(true),
            (TypeData::Fwd(l), TypeData::Fwd(t)) => return Ok(l == t),
            (TypeData::Fwd(l), TypeData::Struct(_)) => return Ok(behind_pointer && l == FwdKind::Struct),
            (TypeData::Fwd(l), TypeData::Union(_)) => return Ok(behind_pointer && l == FwdKind::Union),
            (TypeData::Struct(_), TypeData::Fwd(t)) => return Ok(behind_pointer && t == FwdKind::Struct),
            (TypeData::Union(_), TypeData::Fwd(t)) => return Ok(behind_pointer && t == FwdKind::Union),
            (TypeData::Enum(_) | TypeData::Enum64(_), TypeData::Enum(_) | TypeData::Enum64(_)) => {
                return enums_match(l, t, budget);
            }
            (TypeData::Struct(_), TypeData::Struct(_)) | (TypeData::Union(_), TypeData::Union(_)) => {
                return if behind_pointer { Ok(true) } else { composites_match(l, t, level, budget) };
            }
            (TypeData::Int(l), TypeData::Int(t)) => {
                let signed = |encoding: IntEncoding| encoding.contains(IntEncoding::SIGNED);
                return Ok(l.size == t.size && signed(l.encoding) == signed(t.encoding));
            }
            (TypeData::Ptr(l), TypeData::Ptr(t)) => {
                behind_pointer = true;
                (local_id, target_id) = (l, t);
            }
            (TypeData::Array(l), TypeData::Array(t)) => {
                if l.len != t.len {
                    return Ok(false);
                }
                (local_id, target_id) = (l.element, t.element);
            }
            (TypeData::FuncProto(l), TypeData::FuncProto(t)) => {
                if l.params().len() != t.params().len() {
                    return Ok(false);
                }
                for (l, t) in l.params().zip(t.params()) {
                    if !match_within(local, l.type_id, target, t.type_id, behind_pointer, level - 1, budget)? {
                        return Ok(false);
                    }
                }
                (local_id, target_id) = (l.ret, t.ret);
            }
            _ => return Ok(false),
        }
    }
    Err(Error::TooComplex)
}

/// Names without their flavours; anonymous things match anonymous ones.
fn names_match(local: &[u8], target: &[u8], budget: &mut Budget) -> Result<bool, Error> {
    budget.spend_name(local)?;
    budget.spend_name(target)?;
    Ok(essential_name(local) == essential_name(target))
}

fn enums_match(local: Type<'_>, target: Type<'_>, budget: &mut Budget) -> Result<bool, Error> {
    let (Some(l), Some(t)) = (local.as_enum(), target.as_enum()) else { return Ok(false) };
    if l.size != t.size || l.values().len() > t.values().len() {
        return Ok(false);
    }
    for wanted in l.values() {
        let mut found = false;
        for value in t.values() {
            if names_match(wanted.name_bytes(), value.name_bytes(), budget)? {
                found = true;
                break;
            }
        }
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}

fn composites_match(local: Type<'_>, target: Type<'_>, level: u32, budget: &mut Budget) -> Result<bool, Error> {
    let (Some(l), Some(t)) = (local.members(), target.members()) else { return Ok(false) };
    if l.len() > t.len() {
        return Ok(false);
    }
    for wanted in l {
        let mut found = false;
        for member in t.clone() {
            if names_match(wanted.name_bytes(), member.name_bytes(), budget)?
                && match_within(local.btf(), wanted.type_id, target.btf(), member.type_id, false, level - 1, budget)?
            {
                found = true;
                break;
            }
        }
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}
