//! What changes a BTF as a whole: another's types appended, the order of types, the byte order, the layout section.

use alloc::vec;
use alloc::vec::Vec;

use super::Builder;
use crate::layout::LAYOUT_LEN;
use crate::raw::{Endian, Info, word};
use crate::types::Kind;
use crate::{Btf, Error, StrOffset, Type, TypeId, fields};

impl Builder {
    /// Appends the own types of another BTF and what they name, and gives the id that its first one has now; the others
    /// follow. Nothing is sought to be shared but strings: see [`dedup`](crate::dedup).
    ///
    /// Split BTF can be appended to what is split over the same base.
    ///
    /// # Errors
    /// When byte orders differ, the other is split over something else, or the result would be too large.
    #[doc(alias = "btf__add_btf")]
    pub fn append(&mut self, other: &Btf) -> Result<TypeId, Error> {
        self.expect_order_of(other)?;
        if let Some(base) = other.base() {
            // Ids and offsets of the base mean the same here only if they end where ours begin.
            if base.type_count() != self.first_id || base.strings_end() != self.first_string {
                return Err(Error::CannotBuild { what: "split BTF appended to what is not split over its base" });
            }
        }
        let first = TypeId(self.type_count());
        let shift = first.0 - other.first_id().0;
        let mut strings = Copied::new(other);
        let before = (self.types.len(), self.offsets.len(), self.strings.len());
        let appended = self.append_types(other, &mut strings, shift);
        if let Err(error) = appended {
            // What fails changes nothing.
            self.types.truncate(before.0);
            self.offsets.truncate(before.1);
            self.strings.truncate(before.2);
            return Err(error);
        }
        Ok(first)
    }

    fn append_types(&mut self, other: &Btf, strings: &mut Copied, shift: u32) -> Result<(), Error> {
        for own in other.own_types() {
            self.copy_type(&own, strings, |id| match id.0 < other.first_id().0 {
                true => Ok(id),
                // What a prototype returns may be any number.
                false => id.0.checked_add(shift).map(TypeId).ok_or(Error::TooManyTypes),
            })?;
        }
        Ok(())
    }

    /// Appends one type of another BTF. The types that it refers to are asked for: `map` says which of this BTF's stands for each.
    ///
    /// # Errors
    /// When byte orders differ, the type is `void`, `map` fails, or the result would be too large.
    #[doc(alias = "btf__add_type")]
    pub fn add_type_of(
        &mut self,
        this: &Type<'_>,
        map: impl FnMut(TypeId) -> Result<TypeId, Error>,
    ) -> Result<TypeId, Error> {
        self.expect_order_of(this.btf())?;
        self.copy_type(this, &mut Copied::unmapped(this.btf()), map)
    }

    fn expect_order_of(&self, other: &Btf) -> Result<(), Error> {
        if other.endian() == self.endian { Ok(()) } else { Err(Error::EndianMismatch) }
    }

    /// As [`add_type_of`](Builder::add_type_of), for several types of one BTF.
    pub(crate) fn copy_type(
        &mut self,
        this: &Type<'_>,
        strings: &mut Copied,
        mut map: impl FnMut(TypeId) -> Result<TypeId, Error>,
    ) -> Result<TypeId, Error> {
        let record = this.record();
        let kind = this.info().kind();
        if Kind::from_number(kind).is_none() && !this.id().is_void() {
            // What its words mean is not known, and here no layout section may describe it.
            return Err(Error::UnknownKind { id: this.id(), kind });
        }
        let fits = self.types.len().checked_add(record.len()).is_some_and(|len| u32::try_from(len).is_ok());
        if this.id().is_void() {
            return Err(Error::CannotBuild { what: "void as a type of its own" });
        }
        if !fits || self.type_count() >= i32::MAX as u32 {
            return Err(Error::TooManyTypes);
        }
        let start = self.types.len();
        self.types.extend_from_slice(record);
        let copied = self.rewrite(start, this, strings, &mut map);
        if let Err(error) = copied {
            self.types.truncate(start);
            return Err(error);
        }
        let id = TypeId(self.type_count());
        self.offsets.push(start as u32);
        Ok(id)
    }

    fn rewrite(
        &mut self,
        start: usize,
        this: &Type<'_>,
        strings: &mut Copied,
        map: &mut dyn FnMut(TypeId) -> Result<TypeId, Error>,
    ) -> Result<(), Error> {
        let endian = self.endian;
        let at_word = |at| word(endian, this.record(), at);
        for at in fields::names(this.info()) {
            let old = StrOffset(at_word(at));
            let new = match strings.get(old) {
                Some(new) => new,
                None => {
                    let len = self.strings.len();
                    let new = self.add_string(this.btf().string(old)?)?;
                    strings.left = strings.left.checked_sub(self.strings.len() - len).ok_or(Error::TooManyStrings)?;
                    strings.set(old, new);
                    new
                }
            };
            self.put_word(start + at, new.0);
        }
        for at in fields::ids(this.info()) {
            let old = TypeId(at_word(at));
            if !old.is_void() {
                self.put_word(start + at, map(old)?.0);
            }
        }
        Ok(())
    }

    /// Puts the types into another order: `new_ids` has for each type of its own, in today's order, the id that it gets.
    /// References follow.
    ///
    /// # Errors
    /// When `new_ids` does not name each of its own ids once.
    #[doc(alias = "btf__permute")]
    pub fn permute(&mut self, new_ids: &[TypeId]) -> Result<(), Error> {
        const BAD: Error = Error::CannotBuild { what: "an order of types that does not name each once" };
        let count = self.offsets.len();
        let mut order = vec![usize::MAX; count];
        for (old, new) in new_ids.iter().enumerate() {
            let place = new.0.checked_sub(self.first_id).and_then(|n| order.get_mut(n as usize)).ok_or(BAD)?;
            if core::mem::replace(place, old) != usize::MAX {
                return Err(BAD);
            }
        }
        if new_ids.len() != count {
            return Err(BAD);
        }
        let mut types = Vec::with_capacity(self.types.len());
        let mut offsets = Vec::with_capacity(count);
        for old in order {
            offsets.push(types.len() as u32);
            let start = types.len();
            types.extend_from_slice(self.own_record(old));
            let Some(record) = types.get_mut(start..) else { continue };
            for at in fields::ids(Info(word(self.endian, record, 4))) {
                let target = word(self.endian, record, at);
                let new = target.checked_sub(self.first_id).and_then(|n| new_ids.get(n as usize));
                if let (Some(new), Some(place)) = (new, record.get_mut(at..at + 4)) {
                    place.copy_from_slice(&self.endian.bytes(new.0));
                }
            }
        }
        (self.types, self.offsets) = (types, offsets);
        Ok(())
    }

    /// Sorts the types by name, those without one first, and otherwise keeps their order: so that a look-up by name needs no
    /// index. Linux 7.0 and later have their types so. Gives the new ids, for whatever else has ids of this BTF.
    ///
    /// # Errors
    /// When a type's name does not exist, as it may if its record was changed by hand.
    pub fn sort_by_name(&mut self) -> Result<Vec<TypeId>, Error> {
        let mut order: Vec<usize> = (0..self.offsets.len()).collect();
        let names: Vec<&[u8]> = order.iter().map(|&n| self.name_of(n)).collect::<Result<_, _>>()?;
        order.sort_by(|&a, &b| names[a].cmp(names[b]));
        let mut new_ids = vec![TypeId::VOID; order.len()];
        for (new, old) in order.into_iter().enumerate() {
            new_ids[old] = TypeId(self.first_id + new as u32);
        }
        self.permute(&new_ids)?;
        Ok(new_ids)
    }

    fn name_of(&self, n: usize) -> Result<&[u8], Error> {
        let offset = StrOffset(word(self.endian, self.own_record(n), 0));
        if offset == StrOffset::EMPTY {
            return Ok(&[]);
        }
        match self.string(offset) {
            Some(name) => Ok(name),
            None => self.base.as_ref().ok_or(Error::NoSuchString { offset })?.string(offset),
        }
    }

    /// Changes the byte order of everything.
    #[doc(alias = "btf__set_endianness")]
    pub fn set_endian(&mut self, endian: Endian) {
        if endian == self.endian {
            return;
        }
        // All records are of words; those that only a layout section describes, too, as far as anybody knows.
        for word in self.types.chunks_exact_mut(4) {
            word.reverse();
        }
        // struct btf_layout has its flags in two bytes.
        for flags in self.layout.iter_mut().flat_map(|layout| layout.chunks_exact_mut(4)).filter_map(|l| l.get_mut(2..))
        {
            flags.reverse();
        }
        self.endian = endian;
    }

    /// Adds a layout section, which tells readers that are older than a kind how long its records are. Linux takes it from 7.0 on.
    ///
    /// What a [copied](Builder::copy_of) BTF says of kinds that are not known here stays.
    #[doc(alias = "btf__new_empty_opts")]
    pub fn add_layout(&mut self) {
        let old = self.layout.take().unwrap_or_default();
        let kinds = Kind::ALL.len().max(old.len() / LAYOUT_LEN);
        let describe = |number: usize| match u8::try_from(number).ok().and_then(Kind::from_number) {
            Some(kind) => [kind.fixed_tail() as u8, kind.element_len() as u8, 0, 0],
            None => old.get(number * LAYOUT_LEN..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default(),
        };
        self.layout = Some((0..kinds).flat_map(describe).collect());
    }

    /// Leaves the layout section out that a [copied](Builder::copy_of) BTF has. Types of kinds that only it describes can then not be
    /// read.
    pub fn remove_layout(&mut self) {
        self.layout = None;
    }
}

/// How much longer the strings may become than those that are copied: suffixes of one long string, each named by itself, would
/// otherwise be more than memory holds.
const LEAST_LIMIT: usize = 16 << 20;
const LIMIT_PER_BYTE: usize = 8;

/// Where the strings of another BTF stand here, as far as they have been copied.
pub(crate) struct Copied {
    /// By old offset, less `first`; 0 for those not copied.
    places: Vec<u32>,
    first: u32,
    /// How many bytes of strings may still be added.
    left: usize,
}

impl Copied {
    fn new(other: &Btf) -> Copied {
        Copied { places: vec![0; other.own_strings().len()], first: other.first_string(), ..Copied::unmapped(other) }
    }

    /// For copies of a few types, whose strings are looked for each time; those of a base, too.
    pub(crate) fn unmapped(other: &Btf) -> Copied {
        let left = LEAST_LIMIT.saturating_add((other.strings_end() as usize).saturating_mul(LIMIT_PER_BYTE));
        Copied { places: Vec::new(), first: 0, left }
    }

    fn get(&self, old: StrOffset) -> Option<StrOffset> {
        // What a base names stays, in split BTF.
        let Some(at) = old.0.checked_sub(self.first) else { return Some(old) };
        self.places.get(at as usize).filter(|&&new| new != 0).map(|&new| StrOffset(new))
    }

    fn set(&mut self, old: StrOffset, new: StrOffset) {
        if let Some(place) = old.0.checked_sub(self.first).and_then(|at| self.places.get_mut(at as usize)) {
            *place = new.0;
        }
    }
}
