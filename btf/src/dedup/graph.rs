//! Walking through two types side by side.
//!
//! The one that would go is called `goes`, the one that stays and that it is compared with, `stays`. The walk assumes of each
//! pair that it meets that the two are equal; the answer is yes if nothing contradicts.

use super::{Dedup, is_id};
use crate::fields::{self, Places};
use crate::raw;
use crate::records::{Head, Record};
use crate::{Error, Kind, TypeId};

/// How deep two types are compared that both stand for one of those that stay. libbpf's limit.
const MAX_IDENTICAL_DEPTH: u32 = 16;

/// Two types whose references are being compared: as many of both, at the same places.
pub(super) struct Frame<'a> {
    goes: Record<'a>,
    stays: Record<'a>,
    places: Places,
}

impl Frame<'_> {
    #[inline]
    fn next(&mut self) -> Option<(u32, u32)> {
        let at = self.places.next()?;
        Some((self.goes.word(at), self.stays.word(at)))
    }
}

/// What comparing two types came to.
enum Verdict {
    Different,
    Same,
    /// They are the same if the two that they refer to are.
    If(u32, u32),
    /// They are the same if all those are that they refer to.
    IfAll(Places),
}

impl Verdict {
    #[inline]
    fn of(is_same: bool) -> Verdict {
        if is_same { Verdict::Same } else { Verdict::Different }
    }
}

impl Dedup<'_> {
    /// Whether the graphs that begin at two types are the same.
    pub(super) fn is_equivalent(&mut self, goes: u32, stays: u32) -> Result<bool, Error> {
        self.frames.clear();
        let (mut goes, mut stays) = (goes, stays);
        loop {
            self.steps.take()?;
            match self.compare(goes, stays)? {
                Verdict::Different => return Ok(false),
                Verdict::Same => {}
                Verdict::If(next, of_stays) => {
                    (goes, stays) = (next, of_stays);
                    continue;
                }
                Verdict::IfAll(places) => {
                    // What stays may have changed from a declaration to what is declared.
                    let stays = self.behind_declaration(stays);
                    let (goes, stays) = (self.records.get(goes), self.records.get(stays));
                    self.frames.push(Frame { goes, stays, places });
                }
            }
            (goes, stays) = loop {
                let Some(frame) = self.frames.last_mut() else { return Ok(true) };
                match frame.next() {
                    Some(pair) => break pair,
                    None => self.frames.pop(),
                };
            };
        }
    }

    /// Compares two types but for what they refer to.
    #[inline]
    fn compare(&mut self, goes: u32, stays: u32) -> Result<Verdict, Error> {
        if self.resolve(goes) == self.resolve(stays) {
            return Ok(Verdict::Same);
        }
        let stays = self.behind_declaration(stays);
        let assumed = self.assumed.get(stays as usize).copied().unwrap_or_default();
        if is_id(assumed) {
            // One compilation unit may have several copies of a type that are not known as such.
            return Ok(Verdict::of(assumed == goes || self.is_identical(assumed, goes)?));
        }
        if let Some(entry) = self.assumed.get_mut(stays as usize) {
            *entry = goes;
            self.assumptions.push(stays);
        }
        let (x, y) = (self.records.head(goes), self.records.head(stays));
        if self.name(goes, x.name) != self.name(stays, y.name) {
            return Ok(Verdict::Different);
        }
        let kind = x.kind();
        if kind != y.kind() {
            let is_declaration = kind == Kind::Fwd || y.kind() == Kind::Fwd;
            return Ok(Verdict::of(is_declaration && self.is_declared(x, y, stays)));
        }
        Ok(match kind {
            Kind::Void => Verdict::Same,
            Kind::Int | Kind::Fwd | Kind::Float => Verdict::of(self.is_same_record(goes, stays)),
            Kind::Enum | Kind::Enum64 => Verdict::of(self.is_compatible_enum(goes, stays)),
            Kind::Var | Kind::Datasec | Kind::DeclTag => {
                return Err(Error::MisplacedType { id: TypeId(goes), kind });
            }
            Kind::Struct | Kind::Union | Kind::Array | Kind::FuncProto => match self.is_alike(goes, stays, kind) {
                true => Verdict::IfAll(fields::compared_ids(x.info)),
                false => Verdict::Different,
            },
            _ if x.info == y.info => Verdict::If(x.size_or_type, y.size_or_type),
            _ => Verdict::Different,
        })
    }

    /// Whether two types of a kind that refers to several others, and of one name, say the same but for what they refer to.
    fn is_alike(&self, a: u32, b: u32, kind: Kind) -> bool {
        let (x, y) = (self.records.get(a), self.records.get(b));
        match kind {
            Kind::Array => x.word(20) == y.word(20) && self.is_same_head(a, b),
            Kind::FuncProto => x.info() == y.info() && self.has_same_parameter_names(a, b),
            _ => self.has_same_members(a, b),
        }
    }

    /// Whether one of two types, which is a declaration, can be that of the other.
    fn is_declared(&mut self, goes: Head, stays: Head, stays_id: u32) -> bool {
        let (declaration, definition) = if goes.kind() == Kind::Fwd { (goes, stays) } else { (stays, goes) };
        let declared = if declaration.info.kind_flag() { Kind::Union } else { Kind::Struct };
        let is_declared = declared == definition.kind();
        self.needs_change_of_base |= is_declared && stays.kind() == Kind::Fwd && stays_id < self.records.first_id;
        is_declared
    }

    /// What a declaration is known to declare; the type itself, if nothing is or it is none.
    fn behind_declaration(&self, id: u32) -> u32 {
        if self.records.head(id).kind() != Kind::Fwd {
            return id;
        }
        let resolved = self.resolve(id);
        if self.records.head(resolved).kind() == Kind::Fwd { id } else { resolved }
    }

    fn has_same_parameter_names(&self, a: u32, b: u32) -> bool {
        let (x, y) = (self.records.get(a), self.records.get(b));
        let mut pairs = x.tail().chunks_exact(raw::PARAM_LEN).zip(y.tail().chunks_exact(raw::PARAM_LEN));
        match self.has_plain_names {
            true => pairs.all(|(m, n)| m[..4] == n[..4]),
            false => pairs.all(|(m, n)| self.item_name(a, x, m) == self.item_name(b, y, n)),
        }
    }

    /// Whether two types say the same, as far as one can see: nothing is assumed, and what lies deeper than
    /// [`MAX_IDENTICAL_DEPTH`] counts as different.
    fn is_identical(&mut self, a: u32, b: u32) -> Result<bool, Error> {
        let mut pending = alloc::vec![(a, b, MAX_IDENTICAL_DEPTH)];
        while let Some((a, b, depth)) = pending.pop() {
            self.steps.take()?;
            let (x, y) = (self.records.head(a), self.records.head(b));
            let kind = x.kind();
            if depth == 0 || kind != y.kind() {
                return Ok(false);
            }
            let is_same = match kind {
                Kind::Void => true,
                Kind::Int | Kind::Fwd | Kind::Float => self.is_same_record(a, b),
                Kind::Enum | Kind::Enum64 => self.is_compatible_enum(a, b),
                Kind::Var | Kind::Datasec | Kind::DeclTag => false,
                _ if self.name(a, x.name) != self.name(b, y.name) => false,
                Kind::Struct | Kind::Union | Kind::Array | Kind::FuncProto => {
                    let (m, n) = (self.records.get(a), self.records.get(b));
                    let is_alike = self.is_alike(a, b, kind);
                    if is_alike {
                        let deeper = fields::compared_ids(x.info).map(|at| (m.word(at), n.word(at), depth - 1));
                        pending.extend(deeper.filter(|(m, n, _)| m != n));
                    }
                    is_alike
                }
                _ => {
                    pending.push((x.size_or_type, y.size_or_type, depth));
                    x.info == y.info
                }
            };
            if !is_same {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
