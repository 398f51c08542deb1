//! Split BTF that can be moved to another kernel: a module built today, loaded on a vmlinux of tomorrow.
//!
//! Ids in split BTF are numbers of its base, and a rebuilt base has other numbers. [`distill_base`] makes, of a module's
//! BTF, one that brings along what it needs to know of its base: names and sizes, in a small *distilled base*. [`relocate`] looks these up
//! in whatever vmlinux there is. The kernel does the same when it loads a module that has a section `.BTF.base`.
//!
//! ```
//! use purebpf_btf::{Btf, IntEncoding, Kind, builder::Builder, distill};
//!
//! let mut builder = Builder::new();
//! builder.add_int("int", 4, IntEncoding::SIGNED)?;
//! let list = builder.add_struct("list_head", 16)?;
//! let vmlinux = Btf::parse(builder.finish())?;
//! let mut builder = Builder::split(&vmlinux);
//! builder.add_struct("entry", 16)?;
//! builder.add_member("list", list, 0)?;
//! let module = Btf::parse_split(builder.finish(), &vmlinux)?;
//!
//! let distilled = distill::distill_base(&module)?;
//! let small_base = Btf::parse(distilled.base)?;
//! let module = Btf::parse_split(distilled.split, &small_base)?;
//!
//! let mut builder = Builder::new();
//! builder.add_float("double", 8)?;
//! builder.add_struct("list_head", 16)?;
//! let other_vmlinux = Btf::parse(builder.finish())?;
//! let module = Btf::parse_split(distill::relocate(&module, &other_vmlinux)?, &other_vmlinux)?;
//! let entry = module.type_by_id(module.find("entry", Kind::Struct).unwrap())?;
//! assert_eq!(entry.members().unwrap().next().unwrap().type_id, purebpf_btf::TypeId(2));
//! # Ok::<(), purebpf_btf::Error>(())
//! ```

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::builder::{Builder, Copied};
use crate::types::Kind;
use crate::{Btf, Error, StrOffset, Type, TypeData, TypeId, fields, serialize};

/// What [`distill_base`] gives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Distilled {
    /// The distilled base.
    pub base: Vec<u8>,
    /// The split BTF over that.
    pub split: Vec<u8>,
}

/// How a base type gets into the distilled pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the base: by name, with what tells it from others.
    Base,
    /// In the split BTF, whole: it has no name to be found by, or leads on to others.
    Split,
}

/// Makes the pair that [`relocate`] takes of split BTF.
///
/// # Errors
/// When the BTF is not split, or refers to something of its base that is no type.
#[doc(alias = "btf__distill_base")]
pub fn distill_base(split: &Btf) -> Result<Distilled, Error> {
    let base = split.base().ok_or(Error::NotSplit)?;
    let used = used_of_base(split, base)?;
    let mut new_base = Builder::new_in(split.endian());
    let mut new_ids = vec![TypeId::VOID; base.type_count() as usize];
    let mut strings = Copied::unmapped(split);
    for this in used.iter().filter(|this| place_of(this) == Place::Base) {
        new_ids[this.id().0 as usize] = outline(&mut new_base, this, &mut strings)?;
    }
    let new_base = new_base.finish();
    let small = Btf::parse(new_base.clone())?;

    // Behind the split BTF's own types come those of the base that it takes over.
    let first_id = small.type_count();
    let taken_over = used.iter().filter(|this| place_of(this) == Place::Split);
    for (new, this) in (first_id + split.own_types().len() as u32..).zip(taken_over.clone()) {
        new_ids[this.id().0 as usize] = TypeId(new);
    }
    let new_id = |id: TypeId| match id.0.checked_sub(split.first_id().0) {
        Some(n) => first_id.checked_add(n).map(TypeId).ok_or(Error::TooManyTypes),
        None => new_ids.get(id.0 as usize).copied().ok_or(Error::NoSuchType { id, count: base.type_count() }),
    };
    let mut new_split = Builder::split(&small);
    for this in split.own_types().chain(taken_over.copied()) {
        new_split.copy_type(&this, &mut strings, new_id)?;
    }
    Ok(Distilled { base: new_base, split: new_split.finish() })
}

/// The types of the base that the split BTF refers to, and those that these refer to, by id. What a named struct or union
/// holds is not looked at.
fn used_of_base<'a>(split: &'a Btf, base: &Btf) -> Result<Vec<Type<'a>>, Error> {
    let mut used = vec![false; base.type_count() as usize];
    let mut pending: Vec<TypeId> = Vec::new();
    let note = |this: &Type<'_>, pending: &mut Vec<TypeId>| {
        pending.extend(fields::ids(this.info()).map(|at| TypeId(crate::raw::word(split.endian(), this.record(), at))));
    };
    for own in split.own_types() {
        note(&own, &mut pending);
        while let Some(id) = pending.pop() {
            let Some(entry) = used.get_mut(id.0 as usize).filter(|entry| !**entry && !id.is_void()) else { continue };
            *entry = true;
            let this = split.type_or_void(id);
            match this.kind() {
                Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag | Kind::Void => {
                    return Err(Error::MisplacedType { id, kind: this.kind() });
                }
                Kind::Struct | Kind::Union if this.name_offset() != StrOffset::EMPTY => {}
                _ => note(&this, &mut pending),
            }
        }
    }
    let ids = (0u32..).zip(used).filter(|(_, used)| *used);
    Ok(ids.map(|(id, _)| split.type_or_void(TypeId(id))).collect())
}

fn place_of(this: &Type<'_>) -> Place {
    let is_named = this.name_offset() != StrOffset::EMPTY;
    match this.kind() {
        Kind::Int | Kind::Float | Kind::Fwd => Place::Base,
        Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 if is_named => Place::Base,
        _ => Place::Split,
    }
}

/// What a distilled base says of a type: numbers and declarations as they are; of structs, unions and enums name and size.
fn outline(base: &mut Builder, this: &Type<'_>, strings: &mut Copied) -> Result<TypeId, Error> {
    let (name, size) = (this.name_bytes(), this.size_or_type());
    match this.kind() {
        Kind::Struct => base.add_struct(name, size),
        Kind::Union => base.add_union(name, size),
        Kind::Enum | Kind::Enum64 => base.add_enum(name, size, false),
        _ => base.copy_type(this, strings, Ok),
    }
}

/// Moves split BTF from the distilled base that it was parsed over to `base`: gives its bytes, to be parsed over that.
///
/// A type of the distilled base is the one of its name in `base`, of its size if it is a number or an enum, if a struct of the split BTF
/// holds it, or if there are several of the name.
///
/// # Errors
/// When the split BTF's base is no distilled one, or a type of it has no match in `base`, or several.
#[doc(alias = "btf__relocate")]
pub fn relocate(split: &Btf, base: &Btf) -> Result<Vec<u8>, Error> {
    let distilled = split.base().ok_or(Error::NotSplit)?;
    if base.endian() != split.endian() {
        return Err(Error::EndianMismatch);
    }
    let matches = Matches::find(split, distilled, base)?;
    let (old_first, new_first) = (split.first_id().0, base.type_count());
    let (old_string, new_string) = (split.first_string(), base.strings_end());
    let too_large = Error::CannotBuild { what: "more types or strings than can be numbered" };

    let mut types = split.own_type_section().to_vec();
    let mut rest = &mut types[..];
    for own in split.own_types() {
        let Some((record, after)) = rest.split_at_mut_checked(own.record().len()) else { break };
        rest = after;
        let word = |at: usize| crate::raw::word(split.endian(), own.record(), at);
        let mut put = |at: usize, word: u32| {
            if let Some(place) = record.get_mut(at..at + 4) {
                place.copy_from_slice(&split.endian().bytes(word));
            }
        };
        for at in fields::ids(own.info()) {
            put(
                at,
                match word(at).checked_sub(old_first) {
                    Some(n) => new_first.checked_add(n).ok_or(too_large)?,
                    None => matches.ids.get(word(at) as usize).map_or(0, |id| id.0),
                },
            );
        }
        for at in fields::names(own.info()) {
            put(
                at,
                match word(at).checked_sub(old_string) {
                    _ if word(at) == 0 => 0,
                    Some(n) => new_string.checked_add(n).ok_or(too_large)?,
                    None => matches.names.get(&word(at)).ok_or(Error::NoSuchString { offset: StrOffset(word(at)) })?.0,
                },
            );
        }
    }
    Ok(serialize::btf(split.endian(), &types, split.own_layout(), split.own_strings()))
}

/// What stands in a base for each type and name of a distilled one.
struct Matches {
    ids: Vec<TypeId>,
    names: BTreeMap<u32, StrOffset>,
}

impl Matches {
    fn find(split: &Btf, distilled: &Btf, base: &Btf) -> Result<Matches, Error> {
        let embedded = embedded(split, distilled);
        let mut matches = Matches { ids: vec![TypeId::VOID; distilled.type_count() as usize], names: BTreeMap::new() };
        let mut steps =
            LEAST_STEPS + STEPS_PER_TYPE * (u64::from(distilled.type_count()) + u64::from(base.type_count()));
        for wanted in distilled.types() {
            let is_plain =
                matches!(wanted.kind(), Kind::Int | Kind::Float | Kind::Enum | Kind::Struct | Kind::Union | Kind::Fwd);
            if !is_plain || wanted.name_offset() == StrOffset::EMPTY {
                return Err(Error::NotDistilled { id: wanted.id(), kind: wanted.kind() });
            }
            let mut of_name = Vec::new();
            for id in base.ids_named(wanted.name_bytes()) {
                steps = steps.checked_sub(1).ok_or(Error::TooManyAlike)?;
                of_name.push(base.type_or_void(id));
            }
            let is_ambiguous = of_name.iter().filter(|found| found.kind().is_composite()).nth(1).is_some();
            let is_embedded = embedded.get(wanted.id().0 as usize).copied().unwrap_or(false);
            let mut found = of_name.iter().filter(|found| is_match(&wanted, found, is_ambiguous, is_embedded));
            // What nobody holds may have become a mere declaration.
            let declared = || of_name.iter().find(|found| !is_embedded && declares(found, &wanted));
            let first = found.next().or_else(declared);
            let first = first.ok_or(Error::NotInBase { id: wanted.id(), kind: wanted.kind() })?;
            if let Some(second) = found.next() {
                return Err(Error::AmbiguousInBase { id: wanted.id(), first: first.id(), second: second.id() });
            }
            matches.ids[wanted.id().0 as usize] = first.id();
            matches.names.insert(wanted.name_offset().0, first.name_offset());
        }
        Ok(matches)
    }
}

/// How many types of the base may be looked at.
const LEAST_STEPS: u64 = 1 << 20;
const STEPS_PER_TYPE: u64 = 16;

/// Whether `found` declares the struct or union `wanted`.
fn declares(found: &Type<'_>, wanted: &Type<'_>) -> bool {
    let declared = if found.kind_flag() { Kind::Union } else { Kind::Struct };
    found.kind() == Kind::Fwd && wanted.kind() == declared
}

/// Whether a type of the base is what a distilled one of its name means.
fn is_match(wanted: &Type<'_>, found: &Type<'_>, is_ambiguous: bool, is_embedded: bool) -> bool {
    let same_size = wanted.size_or_type() == found.size_or_type();
    match (wanted.kind(), found.kind()) {
        (Kind::Int, Kind::Int) => {
            let encoding = |this: &Type<'_>| match this.data() {
                TypeData::Int(int) => int.encoding,
                _ => Default::default(),
            };
            same_size && encoding(wanted) == encoding(found)
        }
        (Kind::Float, Kind::Float) | (Kind::Enum, Kind::Enum | Kind::Enum64) => same_size,
        (Kind::Fwd, Kind::Fwd) => wanted.kind_flag() == found.kind_flag(),
        (Kind::Fwd, Kind::Struct) => !wanted.kind_flag() && !is_ambiguous,
        (Kind::Fwd, Kind::Union) => wanted.kind_flag() && !is_ambiguous,
        (Kind::Struct | Kind::Union, kind) => kind == wanted.kind() && (same_size || !(is_ambiguous || is_embedded)),
        _ => false,
    }
}

/// Which types of the distilled base are part of a struct or union of the split BTF, by value.
fn embedded(split: &Btf, distilled: &Btf) -> Vec<bool> {
    let mut embedded = vec![false; distilled.type_count() as usize];
    for member in split.own_types().filter_map(|own| own.members()).flatten() {
        let mut id = member.type_id;
        // Longer chains are cycles.
        for _ in 0..64 {
            let this = split.type_or_void(id);
            id = match this.data() {
                TypeData::Array(array) => array.element,
                TypeData::Typedef(target) => target,
                _ if this.kind().is_modifier() => TypeId(this.size_or_type()),
                TypeData::Struct(_) | TypeData::Union(_) => {
                    if let Some(entry) = embedded.get_mut(id.0 as usize) {
                        *entry = true;
                    }
                    break;
                }
                _ => break,
            };
        }
    }
    embedded
}
