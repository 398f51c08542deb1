//! Step 2: types that refer to none.

use super::table::Table;
use super::{Dedup, Key, UNKNOWN, kind_of};
use crate::raw::{self, Info};
use crate::records::Record;
use crate::{Error, Kind};

/// How many enums are equal to one.
enum Equals {
    None,
    One(u32),
    Several,
}

/// What speeds up the search among enums without a name, which all have one key.
#[derive(Default)]
pub(super) struct Enums {
    /// Enums without a name, by all that they say.
    whole: Table,
    /// Whether one of them has no enumerators, and so stands for any.
    nameless_forward: bool,
}

impl Dedup<'_> {
    pub(super) fn primitives(&mut self) -> Result<(), Error> {
        for id in self.records.own() {
            let record = self.records.get(id);
            match kind_of(id, record)? {
                Kind::Int | Kind::Float | Kind::Fwd => self.whole(id, record)?,
                Kind::Enum | Kind::Enum64 => self.enumeration(id, record)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// A type of which every word must be equal.
    fn whole(&mut self, id: u32, record: Record<'_>) -> Result<(), Error> {
        let key = self.whole_key(id, record);
        let mut cursor = self.table.find(key);
        while let Some(other) = self.candidate(&mut cursor)? {
            if self.is_same_record(id, other) {
                self.map[id as usize] = other;
                return Ok(());
            }
        }
        self.map[id as usize] = id;
        self.table.add(key, id);
        Ok(())
    }

    pub(super) fn whole_key(&self, id: u32, record: Record<'_>) -> Key {
        self.head_key(id, record).with(record.word(12))
    }

    /// The first three words.
    pub(super) fn head_key(&self, id: u32, record: Record<'_>) -> Key {
        Key::new(self.name(id, record.name())).with(record.info().0).with(record.size_or_type())
    }

    /// Whether name, info, and size or type are equal.
    #[inline]
    pub(super) fn is_same_head(&self, a: u32, b: u32) -> bool {
        let (x, y) = (self.records.head(a), self.records.head(b));
        x.info == y.info && x.size_or_type == y.size_or_type && self.name(a, x.name) == self.name(b, y.name)
    }

    /// Whether integers, floats, declarations, tags are equal: name, info, size, and the word behind it, if any.
    pub(super) fn is_same_record(&self, a: u32, b: u32) -> bool {
        let (x, y) = (self.records.get(a), self.records.get(b));
        self.is_same_head(a, b) && x.word(12) == y.word(12)
    }

    /// An enum. One without enumerators declares those of its name that have some; the first of these that comes along is
    /// what it gives way to.
    fn enumeration(&mut self, id: u32, record: Record<'_>) -> Result<(), Error> {
        let name = self.name(id, record.name());
        let is_forward = record.info().vlen() == 0;
        // Enums without a name are many, and there is hardly ever a declaration among them.
        if !is_forward && name == 0 && !self.enums.nameless_forward {
            match self.equal_enum(id, record)? {
                Equals::None => {
                    self.map[id as usize] = id;
                    self.enter_enum(id, record);
                    return Ok(());
                }
                Equals::One(other) => {
                    self.map[id as usize] = other;
                    return Ok(());
                }
                // A base may have more than one: which of them, the order in the table of all tells.
                Equals::Several => {}
            }
        }
        let mut cursor = self.table.find(enum_name_key(name));
        while let Some(other) = self.candidate(&mut cursor)? {
            if self.is_same_enum(id, other) || (is_forward && self.is_enum_named(other, name)) {
                self.map[id as usize] = other;
                return Ok(());
            }
            if self.is_forward_enum(other) && self.is_enum_named(other, name) {
                self.map[other as usize] = id;
            }
        }
        self.map[id as usize] = id;
        self.enter_enum(id, record);
        Ok(())
    }

    /// The enums without a name that are equal to one.
    fn equal_enum(&mut self, id: u32, record: Record<'_>) -> Result<Equals, Error> {
        let mut cursor = self.enums.whole.find(self.enum_key(id, record));
        let mut found = Equals::None;
        while let Some(other) = self.steps.next_of(&self.enums.whole, &mut cursor)? {
            if self.is_same_enum(id, other) {
                match found {
                    Equals::None => found = Equals::One(other),
                    _ => return Ok(Equals::Several),
                }
            }
        }
        Ok(found)
    }

    pub(super) fn enter_enum(&mut self, id: u32, record: Record<'_>) {
        let name = self.name(id, record.name());
        self.table.add(enum_name_key(name), id);
        if name == 0 {
            self.enums.nameless_forward |= record.info().vlen() == 0;
            self.enums.whole.add(self.enum_key(id, record), id);
        }
    }

    fn enum_key(&self, id: u32, record: Record<'_>) -> Key {
        let len = Kind::from_number(record.info().kind()).map_or(raw::ENUM_LEN, Kind::element_len);
        record.tail().chunks_exact(len).fold(self.head_key(id, record), |key, item| {
            let key = key.with(self.item_name(id, record, item)).with(record.item_word(item, 4));
            if len > 8 { key.with(record.item_word(item, 8)) } else { key }
        })
    }

    /// Whether two enums are equal, enumerators included.
    pub(super) fn is_same_enum(&self, a: u32, b: u32) -> bool {
        if !self.is_same_head(a, b) {
            return false;
        }
        let (x, y) = (self.records.get(a), self.records.get(b));
        let Some(kind) = Kind::from_number(x.info().kind()).filter(|kind| kind.is_any_enum()) else { return false };
        let len = kind.element_len();
        x.tail()
            .chunks_exact(len)
            .zip(y.tail().chunks_exact(len))
            .all(|(m, n)| m.get(4..) == n.get(4..) && self.item_name(a, x, m) == self.item_name(b, y, n))
    }

    /// Whether one of two enums may stand for the other: they are equal, or one only declares.
    pub(super) fn is_compatible_enum(&self, a: u32, b: u32) -> bool {
        if !self.is_forward_enum(a) && !self.is_forward_enum(b) {
            return self.is_same_enum(a, b);
        }
        self.is_enum_named(a, self.name(b, self.records.head(b).name)) && is_any_enum(self.records.get(b).info())
    }

    fn is_forward_enum(&self, id: u32) -> bool {
        let info = self.records.get(id).info();
        is_any_enum(info) && info.vlen() == 0
    }

    fn is_enum_named(&self, id: u32, name: u32) -> bool {
        let record = self.records.get(id);
        is_any_enum(record.info()) && self.name(id, record.name()) == name
    }
}

fn is_any_enum(info: Info) -> bool {
    Kind::from_number(info.kind()).is_some_and(Kind::is_any_enum)
}

/// The key under which all enums of a name are.
fn enum_name_key(name: u32) -> Key {
    Key::new(name).with(UNKNOWN)
}
