//! The buffers of an object that records come through.

use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};

use purebpf::ringbuf::{PerfBuffer, PerfEvent};
use purebpf::sys::uapi::MapType;
use purebpf::{Object, RingBuffer};

use super::events::Padding;
use super::records::{Origin, Records};
use super::sink::Sink;
use crate::Result;

/// The object's ring buffers and perf buffers.
pub(super) struct Buffers {
    rings: Vec<(String, RingBuffer)>,
    perf: Vec<(String, PerfBuffer)>,
}

impl Buffers {
    /// All that the object declares; each CPU's ring of a perf buffer has so many pages. Every array of perf events is taken for a
    /// buffer: what else one is for, reading counters, needs an application that opens them.
    pub(super) fn of(object: &Object, perf_pages: usize) -> Result<Buffers> {
        let mut buffers = Buffers { rings: Vec::new(), perf: Vec::new() };
        for map in object.maps() {
            let name = map.name().to_owned();
            let failed = |error: purebpf::ringbuf::Error| format!("map '{}': {error}", map.name());
            match map.map_type() {
                MapType::RINGBUF => buffers.rings.push((name, RingBuffer::new(map).map_err(failed)?)),
                MapType::PERF_EVENT_ARRAY => {
                    buffers.perf.push((name, PerfBuffer::new(map, perf_pages).map_err(failed)?));
                }
                _ => {}
            }
        }
        Ok(buffers)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.rings.len() + self.perf.len()
    }

    /// What becomes readable when there are records.
    pub(super) fn sources(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.rings.iter().map(|(_, ring)| ring.as_fd()).chain(self.perf.iter().map(|(_, perf)| perf.as_fd()))
    }

    /// Reads what is there now, but not much more than a buffer holds at a time: the others have their turn.
    pub(super) fn read(&mut self, records: &mut Records<'_>, sink: &mut Sink) -> Result {
        for (map, ring) in &mut self.rings {
            let origin = Origin { map, cpu: None, padding: Padding::None };
            let mut turn = Turn::new(ring.size());
            let read = ring.try_consume(|record| {
                let told = records.tell(&origin, record, sink);
                turn.goes_on(told, record.len(), records)
            });
            turn.told?;
            read.map_err(|error| format!("map '{map}': {error}"))?;
        }
        for (map, perf) in &mut self.perf {
            for cpu in perf.rings_mut() {
                let number = cpu.cpu();
                let origin = Origin { map, cpu: Some(number), padding: Padding::Perf };
                let ring = cpu.ring_mut();
                let mut turn = Turn::new(ring.size());
                let read = ring.try_consume(|record| {
                    let told = match record.event() {
                        PerfEvent::Sample(sample) => records.tell(&origin, sample, sink),
                        PerfEvent::Lost(count) => records.lost(map, number, count, sink),
                        // Nothing that a program sent.
                        _ => Ok(()),
                    };
                    turn.goes_on(told, record.bytes().len(), records)
                });
                turn.told?;
                read.map_err(|error| format!("map '{map}': CPU {number}: {error}"))?;
            }
        }
        Ok(())
    }
}

/// One buffer's turn: as much as it holds, or until nothing more can be told or is asked for.
struct Turn {
    left: usize,
    told: Result,
}

impl Turn {
    fn new(size: usize) -> Turn {
        Turn { left: size, told: Ok(()) }
    }

    fn goes_on(&mut self, told: Result, len: usize, records: &Records<'_>) -> ControlFlow<()> {
        self.told = told;
        // What is around each record counts as well.
        self.left = self.left.saturating_sub(len.saturating_add(8));
        match self.told.is_err() || records.is_done() || self.left == 0 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
