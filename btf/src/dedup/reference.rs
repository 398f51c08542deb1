//! Step 5: types that refer to others, each after what it refers to.

use alloc::vec::Vec;

use super::{Dedup, IN_PROGRESS, Key, UNKNOWN, kind_of};
use crate::records::Record;
use crate::{Error, Kind, TypeId, fields};

impl Dedup<'_> {
    pub(super) fn references(&mut self) -> Result<(), Error> {
        let mut stack = Vec::new();
        for id in self.records.own() {
            if self.map[id as usize] != UNKNOWN {
                continue;
            }
            self.map[id as usize] = IN_PROGRESS;
            stack.push((id, fields::ids(self.records.get(id).info())));
            while let Some((id, places)) = stack.last_mut() {
                let id = *id;
                let record = self.records.get(id);
                let Some(at) = places.next() else {
                    self.reference(id, record)?;
                    stack.pop();
                    continue;
                };
                let next = record.word(at);
                match self.map.get(next as usize) {
                    Some(&IN_PROGRESS) => return Err(Error::TypeCycle { id: TypeId(next) }),
                    Some(&UNKNOWN) => {
                        self.map[next as usize] = IN_PROGRESS;
                        stack.push((next, fields::ids(self.records.get(next).info())));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// A type all of whose references are settled.
    fn reference(&mut self, id: u32, record: Record<'_>) -> Result<(), Error> {
        self.steps.take()?;
        kind_of(id, record)?;
        let key = self.reference_key(id, record);
        let mut cursor = self.table.find(key);
        while let Some(other) = self.candidate(&mut cursor)? {
            if self.is_same_reference(id, other) {
                self.map[id as usize] = other;
                return Ok(());
            }
        }
        self.map[id as usize] = id;
        self.table.add(key, id);
        Ok(())
    }

    /// The type at a place of a record, after what became of it. A base's types do not change.
    #[inline]
    fn settled(&self, id: u32, record: Record<'_>, at: usize) -> u32 {
        let target = record.word(at);
        if id < self.records.first_id { target } else { self.resolve(target) }
    }

    pub(super) fn reference_key(&self, id: u32, record: Record<'_>) -> Key {
        let info = record.info();
        let mut key = Key::new(self.name(id, record.name())).with(info.0);
        for at in fields::ids(info) {
            key = key.with(self.settled(id, record, at));
        }
        for at in fields::names(info).skip(1) {
            key = key.with(self.place_name(id, record, at));
        }
        own_words(record).into_iter().fold(key, Key::with)
    }

    /// Whether two types are the same once their references are.
    fn is_same_reference(&self, a: u32, b: u32) -> bool {
        let (x, y) = (self.records.get(a), self.records.get(b));
        let info = x.info();
        info == y.info()
            && own_words(x) == own_words(y)
            && self.name(a, x.name()) == self.name(b, y.name())
            && fields::ids(info).all(|at| self.settled(a, x, at) == self.settled(b, y, at))
            && fields::names(info).skip(1).all(|at| self.place_name(a, x, at) == self.place_name(b, y, at))
    }

    #[inline]
    fn place_name(&self, id: u32, record: Record<'_>, at: usize) -> u32 {
        self.item_name(id, record, record.bytes.get(at..).unwrap_or_default())
    }
}

/// The words of a record that are neither names nor types: an array's length, a tag's component.
fn own_words(record: Record<'_>) -> [u32; 2] {
    match Kind::from_number(record.info().kind()) {
        Some(Kind::Array) => [record.size_or_type(), record.word(20)],
        Some(Kind::DeclTag) => [record.word(12), 0],
        _ => [0; 2],
    }
}
