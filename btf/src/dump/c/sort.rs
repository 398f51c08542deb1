//! The order of a sorted dump: by rank, name, own name, and a hash of the contents, so that
//! `vmlinux.h` of one kernel can be compared with that of the next.
//!
//! bpftool's order is kept exactly, and it dumps more types than write anything. Most of a kernel's
//! types (pointers, functions, modifiers) come last, when all that they could need has been
//! written; those are left out here, which halves the sorting. What may still write something is
//! kept: a forward declaration that nothing needed so far, or what leads to one.

use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::dump::text::Text;
use crate::{Btf, Error, Kind, Type, TypeData, TypeId};

/// Rank of what is not sorted by name, and comes last.
const LAST: u8 = 10;

/// A type with what it is sorted by.
struct Entry<'a> {
    rank: u8,
    id: TypeId,
    /// The start of `sort_name`, so that most comparisons need not look at names.
    prefix: u64,
    /// The name of the type at the end of the chain.
    sort_name: &'a [u8],
    own_name: &'a [u8],
    /// Made where it matters.
    hash: u64,
}

/// The types of `btf` in the order in which a sorted dump goes through them, without those that
/// cannot write anything by then.
///
/// The first in order is missing, as it is in bpftool's: it begins with the second (having sorted
/// `void` along with the rest, which does come first only if nothing else has a rank). The type is
/// written only if another needs it.
pub(super) fn sorted(btf: &Btf, text: &mut Text<'_>) -> Result<Vec<TypeId>, Error> {
    let ends = chain_ends(btf)?;
    let end = |id: TypeId| ends.get(id.0 as usize).copied().unwrap_or(id);
    let mut entries = Vec::new();
    let mut unranked = Vec::new();
    for this in core::iter::once(btf.type_or_void(TypeId::VOID)).chain(btf.types()) {
        // Types of these kinds have no rank and write nothing.
        if matches!(this.kind(), Kind::Func | Kind::Var | Kind::Datasec) {
            continue;
        }
        let last = btf.type_or_void(end(this.id()));
        let entry = Entry::new(&this, &last);
        text.charge(entry.sort_name.len() + entry.own_name.len())?;
        if entry.rank < LAST { entries.push(entry) } else { unranked.push(entry) }
    }
    let mut hashes = Hashes::new(btf, text);
    sort(&mut entries, &mut hashes)?;
    let first = entries.first().map_or(TypeId::VOID, |entry| entry.id);
    unranked.retain(|entry| may_write(&btf.type_or_void(end(entry.id))) || end(entry.id) == end(first));
    sort(&mut unranked, &mut hashes)?;
    Ok(entries.iter().chain(&unranked).map(|entry| entry.id).filter(|&id| id != first).collect())
}

/// Sorts by everything; hashes are made of those types only that names do not tell apart.
fn sort(entries: &mut [Entry<'_>], hashes: &mut Hashes<'_, '_, '_>) -> Result<(), Error> {
    entries.sort_unstable_by(|a, b| a.compare(b).then(a.id.cmp(&b.id)));
    for alike in entries.chunk_by_mut(|a, b| a.compare(b) == Ordering::Equal).filter(|alike| alike.len() > 1) {
        for entry in alike.iter_mut() {
            entry.hash = hashes.hash(entry.id, true)?;
        }
        alike.sort_unstable_by_key(|entry| (entry.hash, entry.id));
    }
    Ok(())
}

/// Whether anything can be left to write by way of a type without rank that leads to this one: not
/// if this is one that has a rank, for then it was written, and what leads to it as well.
fn may_write(last: &Type<'_>) -> bool {
    match last.kind() {
        Kind::Int | Kind::Float => false,
        Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 => last.name_offset().0 == 0,
        _ => true,
    }
}

impl<'a> Entry<'a> {
    fn new(this: &Type<'a>, last: &Type<'a>) -> Entry<'a> {
        let own_name = this.name_bytes();
        let is_chain = this.id() != last.id();
        let mut sort_name = last.name_bytes();
        // Constants declared in an anonymous enum are sorted by the first of them.
        if !is_chain && this.name_offset().0 == 0 {
            if let Some(first) = this.as_enum().and_then(|data| data.values().next()) {
                sort_name = first.name_bytes();
            }
        }
        let mut prefix = [0; 8];
        for (to, from) in prefix.iter_mut().zip(sort_name) {
            *to = *from;
        }
        Entry {
            rank: rank(this, last),
            id: this.id(),
            prefix: u64::from_be_bytes(prefix),
            sort_name,
            own_name,
            hash: 0,
        }
    }

    fn compare(&self, other: &Entry<'_>) -> Ordering {
        (self.rank, self.prefix)
            .cmp(&(other.rank, other.prefix))
            .then_with(|| compare_names(self.sort_name, other.sort_name))
            .then_with(|| compare_names(self.own_name, other.own_name))
    }
}

/// As `strcmp` does, but names that are the same string need not be read.
fn compare_names(a: &[u8], b: &[u8]) -> Ordering {
    if a.as_ptr() == b.as_ptr() && a.len() == b.len() { Ordering::Equal } else { a.cmp(b) }
}

/// Rank by kind, of a chain by the kind at its end if the chain begins with a name: anonymous enums,
/// enums, numbers, structs, prototypes, the rest.
#[doc(alias = "btf_type_rank")]
fn rank(this: &Type<'_>, last: &Type<'_>) -> u8 {
    let named = this.name_offset().0 != 0;
    let is_chain = this.id() != last.id();
    match last.kind() {
        _ if is_chain && !named => LAST,
        Kind::Enum | Kind::Enum64 => u8::from(named),
        Kind::Int | Kind::Float => 2,
        Kind::Struct | Kind::Union if named => 3,
        Kind::FuncProto if named => 4,
        _ => LAST,
    }
}

/// What a type leads to by one step, if it is of a kind that does.
fn next_in_chain(this: &Type<'_>) -> Option<TypeId> {
    match this.data() {
        TypeData::Array(array) => Some(array.element),
        TypeData::DeclTag(tag) => Some(tag.target),
        TypeData::Ptr(next)
        | TypeData::Typedef(next)
        | TypeData::Const(next)
        | TypeData::Volatile(next)
        | TypeData::Restrict(next)
        | TypeData::TypeTag(next) => Some(next),
        _ => None,
    }
}

/// For each type the one at the end of its chain: itself, if it leads nowhere.
fn chain_ends(btf: &Btf) -> Result<Vec<TypeId>, Error> {
    const UNKNOWN: TypeId = TypeId(u32::MAX);
    const OPEN: TypeId = TypeId(u32::MAX - 1);
    let mut ends = vec![UNKNOWN; btf.type_count() as usize];
    let mut chain = Vec::new();
    for n in 0..ends.len() {
        let mut id = TypeId(n as u32);
        let end = loop {
            match ends.get(id.0 as usize) {
                Some(&UNKNOWN) => {}
                Some(&OPEN) => return Err(Error::TypeCycle { id }),
                Some(&end) => break end,
                None => break id,
            }
            ends[id.0 as usize] = OPEN;
            chain.push(id);
            match next_in_chain(&btf.type_or_void(id)) {
                Some(next) => id = next,
                None => break id,
            }
        };
        for id in chain.drain(..) {
            ends[id.0 as usize] = end;
        }
    }
    Ok(ends)
}

/// bpftool's hashes of types, which tell apart types of one name. Each is made when first asked for.
struct Hashes<'a, 't, 'w> {
    btf: &'a Btf,
    /// Whose account the reading of names goes to.
    text: &'t mut Text<'w>,
    /// By id: of the type alone, and with its members.
    alone: Vec<Option<u64>>,
    with_members: Vec<Option<u64>>,
}

impl<'a, 't, 'w> Hashes<'a, 't, 'w> {
    fn new(btf: &'a Btf, text: &'t mut Text<'w>) -> Self {
        let count = btf.type_count() as usize;
        Hashes { btf, text, alone: vec![None; count], with_members: vec![None; count] }
    }

    /// A chain's hash is made from its end backwards. There is no cycle: [`chain_ends`] has seen to
    /// that.
    #[doc(alias = "btf_type_disambig_hash")]
    fn hash(&mut self, id: TypeId, with_members: bool) -> Result<u64, Error> {
        let mut chain = Vec::new();
        let mut id = id;
        let mut hash = loop {
            if let Some(hash) = self.known(id, with_members) {
                break hash;
            }
            chain.push(id);
            match next_in_chain(&self.btf.type_or_void(id)) {
                Some(next) => id = next,
                None => break 0,
            }
        };
        while let Some(id) = chain.pop() {
            let this = self.btf.type_or_void(id);
            let own = self.hash_name(0, this.name_offset().0, this.name_bytes())?;
            hash = match this.data() {
                TypeData::Array(array) => mix(mix(own, array.len.into()), hash),
                _ if next_in_chain(&this).is_some() => mix(own, hash),
                _ => self.hash_end(&this, own, with_members)?,
            };
            let table = if with_members { &mut self.with_members } else { &mut self.alone };
            if let Some(known) = table.get_mut(id.0 as usize) {
                *known = Some(hash);
            }
        }
        Ok(hash)
    }

    fn known(&self, id: TypeId, with_members: bool) -> Option<u64> {
        let table = if with_members { &self.with_members } else { &self.alone };
        table.get(id.0 as usize).copied().flatten()
    }

    fn hash_end(&mut self, this: &Type<'a>, own: u64, with_members: bool) -> Result<u64, Error> {
        let mut hash = own;
        if let Some(data) = this.as_enum() {
            for value in data.values() {
                hash = self.hash_name(hash, value.name_offset.0, value.name_bytes())?;
            }
        }
        if with_members {
            for member in this.members().into_iter().flatten() {
                hash = self.hash_name(hash, member.name_offset.0, member.name_bytes())?;
                hash = mix(hash, self.hash(member.type_id, false)?);
            }
        }
        Ok(hash)
    }

    fn hash_name(&mut self, hash: u64, offset: u32, name: &[u8]) -> Result<u64, Error> {
        self.text.charge(name.len())?;
        if offset == 0 {
            return Ok(hash);
        }
        // libbpf's `str_hash`, in which bytes are signed.
        Ok(mix(hash, name.iter().fold(0, |hash, &byte| mix(hash, byte as i8 as u64))))
    }
}

fn mix(hash: u64, value: u64) -> u64 {
    hash.wrapping_mul(31).wrapping_add(value)
}
