//! From a relocation to a fixup: candidates, matching, and agreement among them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use purebpf_btf::{Btf, IntEncoding, KernelBtf, TypeData, TypeId};

use crate::candidates::{Candidate, Candidates};
use crate::compat::Budget;
use crate::spec::Spec;
use crate::value::{self, Access, Value};
use crate::{Error, Kind, Warning};

/// A relocation, as `.BTF.ext` has it.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "bpf_core_relo")]
pub struct Relocation<'a> {
    /// The local type that the path begins at.
    pub local_type: TypeId,
    /// The accessor string: numbers with `:` between.
    pub access: &'a str,
    /// What the instruction holds.
    pub kind: Kind,
}

/// What a relocation comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "bpf_core_relo_res")]
pub struct Fixup {
    /// What the instruction holds.
    pub kind: Kind,
    /// What is to become of it.
    pub outcome: Outcome,
    /// The value by the object's own types, which the instruction should have now.
    pub local_value: u64,
    /// Whether the instruction must have that value. Not where compilers and linkers may differ: for
    /// bitfields and type ids.
    pub validate: bool,
    /// How many candidates remain.
    pub candidates: usize,
    /// What a load or store is to do about its size.
    pub resize: Resize,
}

/// What is to become of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It gets this value.
    Patch {
        /// The value.
        value: u64,
    },
    /// Nothing in the target matches: it is made invalid, which matters only where it can be
    /// reached.
    Poison,
}

/// What a load or store is to do about its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// Nothing: the fields are of the same size, or none is accessed.
    Keep,
    /// From so many bytes to so many; zero-extension keeps the value right.
    To {
        /// Size of the local field in bytes.
        from: u32,
        /// Size of the target's field in bytes.
        to: u32,
    },
    /// The fields differ in size and no other size would read the right value: a signed integer, a
    /// struct.
    Unsound,
}

impl Resize {
    pub(crate) fn is_unsound(self) -> bool {
        self == Resize::Unsound
    }

    pub(crate) fn sizes(self) -> Option<(u32, u32)> {
        match self {
            Resize::To { from, to } => Some((from, to)),
            _ => None,
        }
    }
}

impl Fixup {
    /// The value that the instruction gets; `None` if it is poisoned.
    pub fn new_value(&self) -> Option<u64> {
        match self.outcome {
            Outcome::Patch { value } => Some(value),
            Outcome::Poison => None,
        }
    }
}

/// Resolves the relocations of one object against one target, in their order.
#[derive(Debug)]
pub struct Resolver<'a> {
    local: &'a Btf,
    candidates: Option<Candidates<'a>>,
    budget: Budget,
}

impl<'a> Resolver<'a> {
    /// A resolver of relocations among the types of `local`. Without a target only
    /// [`Kind::TypeIdLocal`] can be resolved.
    pub fn new(local: &'a Btf, target: Option<&'a KernelBtf>) -> Resolver<'a> {
        Resolver { local, candidates: target.map(Candidates::new), budget: Budget::new() }
    }

    /// Tells which local types relocations will be of. The target's types are then gone through once for them all, and not
    /// once for each; nothing else depends on it.
    pub fn expect(&mut self, local_types: impl IntoIterator<Item = TypeId>) {
        if let Some(candidates) = &mut self.candidates {
            candidates.expect(self.local, local_types);
        }
    }

    /// What a relocation comes to.
    ///
    /// # Errors
    /// When the relocation makes no sense in the local types, or candidates contradict each other.
    /// That nothing matches is no error: see [`Outcome::Poison`].
    #[doc(alias = "bpf_core_calc_relo_insn")]
    pub fn resolve(&mut self, relocation: &Relocation<'_>) -> Result<Fixup, Error> {
        let local = self.local;
        let kind = relocation.kind;
        let budget = &mut self.budget;
        budget.refill();
        let spec = Spec::local(local, relocation, budget)?;
        if kind == Kind::TypeIdLocal {
            let value = u64::from(relocation.local_type.0);
            return Ok(Fixup {
                kind,
                outcome: Outcome::Patch { value },
                local_value: value,
                validate: false,
                candidates: 0,
                resize: Resize::Keep,
            });
        }
        let candidates = self.candidates.as_mut().ok_or(Error::NoTarget)?.of(local, relocation.local_type, budget)?;
        let local_value = value::of(kind, Some(&spec))?;
        let mut matching: Vec<Match<'a>> = Vec::new();
        for candidate in candidates.iter_mut() {
            budget.spend(1)?;
            let Some(found) = spec.matching(kind, candidate, budget)? else { continue };
            let value = value::of(kind, Some(&found))?;
            matching.push(Match { candidate: *candidate, bit_offset: found.bit_offset, value });
        }
        if let [first, others @ ..] = matching.as_slice() {
            for other in others {
                agree(kind, first, other, candidates)?;
            }
        }
        let target = match matching.first() {
            Some(first) => first.value.map(|value| (Some(first.candidate.btf), value)),
            None => value::of(kind, None)?.map(|value| (None, value)),
        };
        let fixup = |remaining| {
            let local_value = local_value.unwrap_or(Value { value: 0, validate: true, access: None });
            let resize = match target {
                Some((Some(btf), target)) => resize(local, local_value.access, btf, target.access),
                _ => Resize::Keep,
            };
            Fixup {
                kind,
                outcome: target.map_or(Outcome::Poison, |(_, value)| Outcome::Patch { value: value.value }),
                local_value: local_value.value,
                validate: local_value.validate,
                candidates: remaining,
                resize,
            }
        };
        let fixup = fixup(if matching.is_empty() { candidates.len() } else { matching.len() });
        // Where some match and some do not, the others are no longer asked about this local type.
        if !matching.is_empty() {
            *candidates = matching.iter().map(|found| found.candidate).collect();
        }
        Ok(fixup)
    }

    /// What should be known although no relocation failed for it.
    pub fn warnings(&self) -> &[Warning] {
        self.candidates.as_ref().map_or(&[], |candidates| &candidates.warnings)
    }
}

/// A candidate that has what the local path leads to.
struct Match<'a> {
    candidate: Candidate<'a>,
    bit_offset: u32,
    value: Option<Value>,
}

/// Whether two candidates make the same code.
fn agree(kind: Kind, first: &Match<'_>, other: &Match<'_>, candidates: &[Candidate<'_>]) -> Result<(), Error> {
    let ambiguous = |first, other| Error::Ambiguous { first, other, candidates: describe(candidates) };
    if kind.is_field_based() && first.bit_offset != other.bit_offset {
        let at = |bits: u32| format!("the field is at bit {bits}");
        return Err(ambiguous(at(first.bit_offset), at(other.bit_offset)));
    }
    let (first, other) = (first.value.map(|value| value.value), other.value.map(|value| value.value));
    if first != other {
        let of =
            |value: Option<u64>| value.map_or_else(|| "nothing".into(), |value| format!("{} is {value}", kind.name()));
        return Err(ambiguous(of(first), of(other)));
    }
    Ok(())
}

/// How many bytes of a name an error shows; names of C have fewer.
const MAX_SHOWN: usize = 128;

fn describe(candidates: &[Candidate<'_>]) -> String {
    let mut text = String::new();
    for (n, candidate) in candidates.iter().take(8).enumerate() {
        let name = candidate.btf.type_by_id(candidate.id).map(|t| t.name_bytes()).unwrap_or_default();
        text.push_str(if n > 0 { ", " } else { "" });
        let shown = name.get(..MAX_SHOWN).unwrap_or(name);
        text.push_str(&format!("{} {}", candidate.id, shown.escape_ascii()));
    }
    text
}

/// What a load or store of the local field must do to read the target's. Another size is sound for
/// pointers and unsigned integers, which zero-extension leaves as they are.
fn resize(local: &Btf, from: Option<Access>, target: &Btf, to: Option<Access>) -> Resize {
    let size = |access: Option<Access>| access.map_or(0, |access| access.size);
    let (from, to) = match (from, to) {
        _ if size(from) == size(to) => return Resize::Keep,
        (Some(from), Some(to)) => (from, to),
        (None, None) => return Resize::Keep,
        // A bitfield here and a whole field there: a load of one cannot be a load of the other.
        (None, Some(_)) | (Some(_), None) => return Resize::Unsound,
    };
    let sound =
        match (local.type_by_id(from.type_id).map(|t| t.data()), target.type_by_id(to.type_id).map(|t| t.data())) {
            (Ok(TypeData::Ptr(_)), Ok(TypeData::Ptr(_))) => true,
            (Ok(TypeData::Int(from)), Ok(TypeData::Int(to))) => {
                from.encoding != IntEncoding::SIGNED && to.encoding != IntEncoding::SIGNED
            }
            _ => false,
        };
    if sound { Resize::To { from: from.size, to: to.size } } else { Resize::Unsound }
}
