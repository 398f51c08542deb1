//! Paths to members: `task_struct.mm.owner`, `sk_buff.cb[4]`.

use alloc::vec::Vec;

use crate::types::{Kind, TypeData};
use crate::{Btf, Error, TypeId};

/// How many anonymous structs are looked into for a member, one within another.
const MAX_NESTING: u32 = 32;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The type of what is there.
    pub type_id: TypeId,
    /// Where it begins, in bits from the start of the struct that the path began with or, if it leads through pointers, of what the last
    /// of them points to.
    pub bit_offset: u64,
    /// Its width in bits, if it is a bitfield.
    pub bitfield_size: Option<u8>,
    /// The pointers on the way, each to be read before the next: where it lies, in bits, and the type that it points to.
    pub pointers: Vec<(u64, TypeId)>,
}

impl Place {
    /// Where it begins in whole bytes; for a bitfield, the byte with its first bit.
    pub fn byte_offset(&self) -> u64 {
        self.bit_offset / 8
    }
}

impl Btf {
    /// Follows a path from a struct, union or typedef through members and elements of arrays. Members of anonymous structs are found as
    /// in C; pointers are followed, and told; `.` and `->` mean the same.
    ///
    /// ```
    /// use purebpf_btf::{Btf, IntEncoding, builder::Builder};
    ///
    /// let mut builder = Builder::new();
    /// let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
    /// let pair = builder.add_array(int, int, 2)?;
    /// builder.add_struct("point", 12)?;
    /// builder.add_member("tag", int, 0)?;
    /// builder.add_member("at", pair, 32)?;
    /// let btf = Btf::parse(builder.finish())?;
    /// assert_eq!(btf.place("point.at[1]")?.byte_offset(), 8);
    /// # Ok::<(), purebpf_btf::Error>(())
    /// ```
    ///
    /// # Errors
    /// With the part of the path that leads nowhere.
    pub fn place(&self, path: &str) -> Result<Place, Error> {
        let mut walk = Walk {
            btf: self,
            place: Place { type_id: TypeId::VOID, bit_offset: 0, bitfield_size: None, pointers: Vec::new() },
        };
        let mut at = path.find(['.', '[', '-']).unwrap_or(path.len());
        let name = path.get(..at).unwrap_or_default().trim();
        walk.place.type_id =
            self.start_of_path(name).ok_or(Error::BadPath { at: 0, why: "no struct, union or typedef" })?;
        while let Some(rest) = path.get(at..).filter(|rest| !rest.is_empty()) {
            let (step, len) = Step::first_of(rest).map_err(|why| Error::BadPath { at, why })?;
            walk.go(step).map_err(|why| Error::BadPath { at, why })?;
            at += len;
        }
        Ok(walk.place)
    }

    fn start_of_path(&self, name: &str) -> Option<TypeId> {
        let (kinds, name): (&[Kind], &str) = match name.split_once(' ') {
            Some(("struct", name)) => (&[Kind::Struct], name.trim()),
            Some(("union", name)) => (&[Kind::Union], name.trim()),
            _ => (&[Kind::Struct, Kind::Union, Kind::Typedef], name),
        };
        kinds.iter().find_map(|&kind| self.find(name, kind))
    }
}

/// A part of a path.
enum Step<'p> {
    Member(&'p str),
    Element(u64),
}

impl Step<'_> {
    /// The first step of what is left of a path, and its length.
    fn first_of(rest: &str) -> Result<(Step<'_>, usize), &'static str> {
        if let Some(index) = rest.strip_prefix('[') {
            let (digits, _) = index.split_once(']').ok_or("a bracket that is not closed")?;
            let index = digits.trim().parse().map_err(|_| "an index that is no number")?;
            return Ok((Step::Element(index), digits.len() + 2));
        }
        let dot = if rest.starts_with("->") { 2 } else { 1 };
        let name = rest.get(dot..).unwrap_or_default();
        let len = name.find(['.', '[', '-']).unwrap_or(name.len());
        match name.get(..len).map(str::trim) {
            Some(name) if !name.is_empty() => Ok((Step::Member(name), dot + len)),
            _ => Err("no name of a member"),
        }
    }
}

struct Walk<'a> {
    btf: &'a Btf,
    place: Place,
}

impl Walk<'_> {
    fn go(&mut self, step: Step<'_>) -> Result<(), &'static str> {
        const TOO_DEEP: &str = "a type that leads to no end";
        if self.place.bitfield_size.is_some() {
            return Err("a bitfield has no members");
        }
        let mut this = self.btf.resolve(self.place.type_id).map_err(|_| TOO_DEEP)?;
        let is_member = matches!(step, Step::Member(_));
        if let (TypeData::Ptr(target), true) = (this.data(), is_member) {
            self.place.pointers.push((self.place.bit_offset, target));
            self.place.bit_offset = 0;
            this = self.btf.resolve(target).map_err(|_| TOO_DEEP)?;
        }
        match step {
            Step::Element(index) => {
                let TypeData::Array(array) = this.data() else { return Err("what is indexed is no array") };
                // A flexible array has as many elements as there is room for.
                if array.len != 0 && index >= array.len.into() {
                    return Err("an index past the end of the array");
                }
                let size = self.btf.size_of(array.element).map_err(|_| "an array of elements without size")?;
                let offset =
                    index.checked_mul(u64::from(size) * 8).and_then(|bits| bits.checked_add(self.place.bit_offset));
                self.place.bit_offset = offset.ok_or("an index that overflows")?;
                self.place.type_id = array.element;
                Ok(())
            }
            Step::Member(name) => match this.kind() {
                Kind::Struct | Kind::Union => {
                    self.member(this.id(), name, MAX_NESTING)?.then_some(()).ok_or("no such member")
                }
                Kind::Fwd => Err("a struct that is only declared here"),
                _ => Err("what has no members"),
            },
        }
    }

    /// Goes to a member of a struct, or of an anonymous one within. Says whether there is one.
    fn member(&mut self, id: TypeId, name: &str, nesting: u32) -> Result<bool, &'static str> {
        let nesting = nesting.checked_sub(1).ok_or("anonymous structs that nest without end")?;
        for member in self.btf.type_or_void(id).members().into_iter().flatten() {
            if member.name_bytes() == name.as_bytes() {
                self.place.bit_offset = self.place.bit_offset.saturating_add(member.bit_offset.into());
                self.place.bitfield_size = member.bit_size();
                self.place.type_id = member.type_id;
                return Ok(true);
            }
            if !member.name_bytes().is_empty() {
                continue;
            }
            let Ok(inner) = self.btf.skip_modifiers(member.type_id) else { continue };
            if inner.kind().is_composite() {
                let before = self.place.bit_offset;
                self.place.bit_offset = before.saturating_add(member.bit_offset.into());
                if self.member(inner.id(), name, nesting)? {
                    return Ok(true);
                }
                self.place.bit_offset = before;
            }
        }
        Ok(false)
    }
}
