//! Step 4: declarations that no walk met.

use alloc::vec::Vec;

use super::Dedup;
use crate::{Error, Kind};

impl Dedup<'_> {
    /// Lets each declaration give way to the struct or union of its name, if just one stays.
    pub(super) fn forwards(&mut self) -> Result<(), Error> {
        let kind = |id| Kind::from_number(self.records.get(id).info().kind());
        // What stays and has a name, by name.
        let mut definitions: Vec<(u32, u32)> = (1..self.records.count())
            .filter(|&id| kind(id).is_some_and(Kind::is_composite) && self.map[id as usize] == id)
            .map(|id| (self.name(id, self.records.head(id).name), id))
            .collect();
        definitions.sort_unstable();
        for id in self.records.own() {
            let record = self.records.get(id);
            if kind(id) != Some(Kind::Fwd) || self.map[id as usize] != id {
                continue;
            }
            let name = self.name(id, record.name());
            let first = definitions.partition_point(|&(other, _)| other < name);
            let mut of_name =
                definitions.get(first..).unwrap_or_default().iter().take_while(|(other, _)| *other == name);
            let (Some(&(_, definition)), None) = (of_name.next(), of_name.next()) else { continue };
            let declared = if record.info().kind_flag() { Kind::Union } else { Kind::Struct };
            if kind(definition) == Some(declared) {
                self.map[id as usize] = definition;
            }
        }
        Ok(())
    }
}
