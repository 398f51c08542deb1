//! At most one of us in this process at each place of a map: a second would take the first one's records, or give
//! space back that it still reads.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The maps in use, by id, and the places in them. An id stays the map's for as long as a descriptor of the map is
/// open.
static IN_USE: Mutex<BTreeSet<(u32, u32)>> = Mutex::new(BTreeSet::new());

/// The right to be the one at a place of a map: a ring buffer has one, a perf event array one for each key.
#[derive(Debug)]
pub(crate) struct Sole {
    place: (u32, u32),
}

impl Sole {
    /// `None` while another has it.
    pub(crate) fn of(map_id: u32, key: u32) -> Option<Self> {
        let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (map_id, key);
        in_use.insert(place).then(|| Self { place })
    }
}

impl Drop for Sole {
    fn drop(&mut self) {
        let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        in_use.remove(&self.place);
    }
}
