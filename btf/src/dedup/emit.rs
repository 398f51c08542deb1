//! Step 6: what stays, with new ids and names.

use alloc::vec::Vec;

use super::{Dedup, Deduped, UNKNOWN};
use crate::ext::{BtfExt, Field};
use crate::{Btf, Error, TypeId, fields, serialize};

impl Dedup<'_> {
    pub(super) fn emit(mut self, btf: &Btf, ext: Option<&BtfExt>) -> Result<Deduped, Error> {
        self.number();
        let records = self.records;
        let (layout, strings) = (btf.own_layout(), self.names.strings());
        let mut bytes = serialize::header(records.endian, self.length(), layout, strings.len());
        for id in records.own().filter(|&id| self.map[id as usize] == id) {
            let record = records.get(id);
            let start = bytes.len();
            bytes.extend_from_slice(record.bytes);
            let mut put = |at: usize, word: u32| {
                if let Some(place) = bytes.get_mut(start + at..start + at + 4) {
                    place.copy_from_slice(&records.endian.bytes(word));
                }
            };
            for at in fields::names(record.info()) {
                put(at, self.names.new_place(record.word(at)));
            }
            for at in fields::ids(record.info()) {
                put(at, self.new_id(record.word(at))?);
            }
        }
        let ext = ext.map(|ext| self.emit_ext(ext)).transpose()?;
        bytes.extend_from_slice(layout.unwrap_or_default());
        bytes.extend_from_slice(strings);
        for id in 0..records.count() {
            self.map[id as usize] = self.resolve(id);
        }
        // The map becomes that of ids, where it stands.
        let (map, new) = (self.map, self.assumed);
        let ids = map.into_iter().map(|id| new.get(id as usize).copied().unwrap_or(id)).collect();
        Ok(Deduped { btf: bytes, ext, ids })
    }

    /// Gives the types that stay their new ids, in their old order. Nothing is assumed any more; the ids take that place.
    fn number(&mut self) {
        let mut next = self.records.first_id;
        for (id, (new, &stays)) in self.assumed.iter_mut().zip(&self.map).enumerate() {
            let id = id as u32;
            *new = match id < self.records.first_id {
                true => id,
                false if stays == id => {
                    next += 1;
                    next - 1
                }
                false => UNKNOWN,
            };
        }
    }

    /// Length of the records of the types that stay.
    fn length(&self) -> usize {
        let stays = |id: &u32| self.map[*id as usize] == *id;
        self.records.own().filter(stays).map(|id| self.records.get(id).bytes.len()).sum()
    }

    fn new_id(&self, id: u32) -> Result<u32, Error> {
        let missing = Error::NoSuchType { id: TypeId(id), count: self.records.count() };
        self.assumed.get(self.resolve(id) as usize).copied().filter(|&id| id != UNKNOWN).ok_or(missing)
    }

    fn emit_ext(&self, ext: &BtfExt) -> Result<Vec<u8>, Error> {
        let mut bytes = ext.raw_data().to_vec();
        for (field, at) in ext.fields() {
            let word = match field {
                Field::String => self.names.new_place(ext.word(at)),
                Field::Type => self.new_id(ext.word(at))?,
            };
            if let Some(place) = bytes.get_mut(at..at + 4) {
                place.copy_from_slice(&ext.endian().bytes(word));
            }
        }
        Ok(bytes)
    }
}
