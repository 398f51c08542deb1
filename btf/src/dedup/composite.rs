//! Step 3: structs, unions and typedefs, each compared with those that stay and look like it.

use super::{Dedup, Key, UNKNOWN, kind_of};
use crate::raw::MEMBER_LEN;
use crate::records::Record;
use crate::{Error, Kind};

/// How many references an outline follows.
const OUTLINE_DEPTH: u32 = 8;

impl Dedup<'_> {
    pub(super) fn composites(&mut self) -> Result<(), Error> {
        for id in self.records.own() {
            // A walk from another may have found what it gives way to.
            if self.is_mapped(id) {
                continue;
            }
            let record = self.records.get(id);
            let key = match kind_of(id, record)? {
                Kind::Struct | Kind::Union => self.composite_key(id, record),
                Kind::Typedef => self.typedef_key(id, record),
                _ => continue,
            };
            self.composite(id, key)?;
        }
        Ok(())
    }

    fn composite(&mut self, id: u32, key: Key) -> Result<(), Error> {
        let mut cursor = self.table.find(key);
        while let Some(other) = self.candidate(&mut cursor)? {
            // Only what looks the same is walked: to a walk, a declaration is as good as a struct, and each would give way
            // to the other.
            if !self.looks_alike(id, other) {
                continue;
            }
            self.forget();
            if !self.is_equivalent(id, other)? {
                continue;
            }
            self.learn();
            if !self.needs_change_of_base {
                self.map[id as usize] = other;
                return Ok(());
            }
        }
        self.map[id as usize] = id;
        self.table.add(key, id);
        Ok(())
    }

    /// Forgets what was assumed.
    fn forget(&mut self) {
        for id in self.assumptions.drain(..) {
            self.assumed[id as usize] = UNKNOWN;
        }
        self.needs_change_of_base = false;
    }

    /// Takes what was assumed for true: declarations give way to what they declare, and structs to those that stay.
    fn learn(&mut self) {
        for n in 0..self.assumptions.len() {
            let stays = self.assumptions[n];
            let (goes, stays) = (self.resolve(self.assumed[stays as usize]), self.resolve(stays));
            let kind = |id| Kind::from_number(self.records.get(id).info().kind());
            let (goes_is, stays_is) = (kind(goes), kind(stays));
            let forward = Some(Kind::Fwd);
            // A base's declaration, too: those of the split BTF give way to it, and so to what it declares.
            if goes_is != forward && stays_is == forward {
                self.map[stays as usize] = goes;
            }
            if self.needs_change_of_base {
                continue;
            }
            let is_composite = goes_is.is_some_and(Kind::is_composite);
            let is_settled = is_composite && stays_is != forward && self.is_mapped(stays) && !self.is_mapped(goes);
            if (goes_is == forward && stays_is != forward) || is_settled {
                self.map[goes as usize] = stays;
            }
        }
    }

    /// Whether everything but the types that are referred to is equal.
    fn looks_alike(&self, a: u32, b: u32) -> bool {
        let (x, y) = (self.records.head(a), self.records.head(b));
        match x.kind() {
            Kind::Typedef => x.info == y.info && self.name(a, x.name) == self.name(b, y.name),
            _ => self.has_same_members(a, b),
        }
    }

    /// Whether two structs or unions have size and members in common, but for the types of the latter.
    pub(super) fn has_same_members(&self, a: u32, b: u32) -> bool {
        if !self.is_same_head(a, b) {
            return false;
        }
        let (x, y) = (self.records.get(a), self.records.get(b));
        let mut pairs = x.tail().chunks_exact(MEMBER_LEN).zip(y.tail().chunks_exact(MEMBER_LEN));
        match self.has_plain_names {
            true => pairs.all(|(m, n)| m[..4] == n[..4] && m[8..] == n[8..]),
            false => pairs.all(|(m, n)| m.get(8..) == n.get(8..) && self.item_name(a, x, m) == self.item_name(b, y, n)),
        }
    }

    pub(super) fn composite_key(&self, id: u32, record: Record<'_>) -> Key {
        record.tail().chunks_exact(MEMBER_LEN).fold(self.head_key(id, record), |key, member| {
            let key = key.with(self.item_name(id, record, member)).with(record.item_word(member, 8));
            self.with_outline(key, record.item_word(member, 4))
        })
    }

    pub(super) fn typedef_key(&self, id: u32, record: Record<'_>) -> Key {
        let key = Key::new(self.name(id, record.name())).with(record.info().0);
        self.with_outline(key, record.size_or_type())
    }

    /// Adds what can be told about a type without following it far: what two types have in common whenever a walk finds them the
    /// same. It keeps apart the many structs of a kernel that differ only in what their members point to.
    #[inline]
    fn with_outline(&self, mut key: Key, mut id: u32) -> Key {
        for _ in 0..OUTLINE_DEPTH {
            let head = self.records.head(id);
            let name = self.name(id, head.name);
            match head.kind() {
                Kind::Ptr | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
                    key = key.with(name).with(head.info.0);
                    id = head.size_or_type;
                }
                // A declaration is the same as what it declares; so it may be with enums of either width.
                Kind::Struct | Kind::Union | Kind::Fwd => return key.with(name).with(u32::from(Kind::Fwd.number())),
                Kind::Enum | Kind::Enum64 => return key.with(name).with(u32::from(Kind::Enum.number())),
                _ => return key.with(name).with(head.info.0),
            }
        }
        key
    }
}
