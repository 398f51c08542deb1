//! The buffers of an object that records come through.

use std::os::fd::{AsFd, BorrowedFd};

use purebpf::sys::uapi::MapType;
use purebpf::{Object, RingBuffer};

use super::events::Padding;
use super::records::{Origin, Records};
use super::sink::Sink;
use crate::Result;

/// The object's ring buffers and perf buffers.
pub(super) struct Buffers {
    rings: Vec<(String, RingBuffer)>,
}

impl Buffers {
    /// All that the object declares.
    pub(super) fn of(object: &Object) -> Result<Buffers> {
        let mut rings = Vec::new();
        for map in object.maps() {
            if map.map_type() == MapType::RINGBUF {
                let ring = RingBuffer::new(map).map_err(|error| format!("map '{}': {error}", map.name()))?;
                rings.push((map.name().to_owned(), ring));
            }
        }
        Ok(Buffers { rings })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.rings.len()
    }

    /// What becomes readable when there are records.
    pub(super) fn sources(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.rings.iter().map(|(_, ring)| ring.as_fd())
    }

    /// Reads what is there now, but no more than a ring holds at a time: the others have their turn.
    pub(super) fn read(&mut self, records: &mut Records<'_>, sink: &mut Sink) -> Result {
        for (map, ring) in &mut self.rings {
            let origin = Origin { map, cpu: None, padding: Padding::None };
            let mut told = Ok(());
            let mut left = ring.size() / 8;
            let read = ring.try_consume(|record| {
                told = records.tell(&origin, record, sink);
                left = left.saturating_sub(1);
                match told.is_err() || records.is_done() || left == 0 {
                    true => std::ops::ControlFlow::Break(()),
                    false => std::ops::ControlFlow::Continue(()),
                }
            });
            told?;
            read.map_err(|error| format!("map '{map}': {error}"))?;
        }
        Ok(())
    }
}
