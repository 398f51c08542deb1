//! Records as they come: decoded by their type and printed, a line each.

use std::collections::HashMap;

use purebpf::btf::dump::value::Value;

use super::events::{Choice, EventTypes, Padding};
use super::line::{self, LineStyle};
use super::report::{hex, json, quoted};
use super::sink::Sink;
use crate::Result;
use crate::output::printable;

/// The most bytes of a record without type that are shown to people.
const MOST_BYTES: usize = 64;

/// Where a record came from.
pub(super) struct Origin<'o> {
    /// The buffer's map.
    pub(super) map: &'o str,
    /// The CPU, of perf buffers.
    pub(super) cpu: Option<u32>,
    pub(super) padding: Padding,
}

/// Prints records.
pub(super) struct Records<'a> {
    types: EventTypes<'a>,
    /// What was found for the records of a map, by their length.
    chosen: HashMap<String, HashMap<usize, Option<Choice<'a>>>>,
    style: LineStyle,
    /// Whether lines begin with the map's name, as there are several.
    name_maps: bool,
    /// How many are still to be told, if not all.
    left: Option<u64>,
}

impl<'a> Records<'a> {
    pub(super) fn new(types: EventTypes<'a>, style: LineStyle, name_maps: bool, count: Option<u64>) -> Records<'a> {
        Records { types, chosen: HashMap::new(), style, name_maps, left: count }
    }

    /// Whether as many were told as were asked for.
    pub(super) fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    /// Tells one record.
    pub(super) fn tell(&mut self, origin: &Origin<'_>, record: &[u8], sink: &mut Sink) -> Result {
        match &mut self.left {
            Some(0) => return Ok(()),
            Some(left) => *left -= 1,
            None => {}
        }
        let choice = self.choice(origin, record.len(), sink);
        if sink.is_json() {
            let mut line = format!("{{\"map\":{}", quoted(origin.map));
            if let Some(cpu) = origin.cpu {
                line.push_str(&format!(",\"cpu\":{cpu}"));
            }
            match choice {
                Some(choice) => {
                    let data = json(choice.btf, choice.id, record);
                    line.push_str(&format!(",\"type\":{},\"data\":{data}}}", quoted(&choice.name())));
                }
                None => line.push_str(&format!(",\"type\":null,\"bytes\":{}}}", quoted(&hex(record)))),
            }
            return sink.json(&line);
        }
        let mut line = String::new();
        if self.name_maps {
            line.push_str(&format!("{}: ", printable(origin.map)));
        }
        match choice.and_then(|choice| Value::new(choice.btf, choice.id, record).ok()) {
            Some(value) => line.push_str(&printable(&line::line(&value, self.style))),
            None => {
                let shown = record.get(..MOST_BYTES).unwrap_or(record);
                let more = if shown.len() < record.len() { " …" } else { "" };
                line.push_str(&format!("{} bytes: {}{more}", record.len(), hex(shown)));
            }
        }
        sink.text(&line)
    }

    /// That records were lost, because the programs sent them faster than they were read.
    pub(super) fn lost(&mut self, map: &str, cpu: u32, count: u64, sink: &mut Sink) -> Result {
        sink.json(&format!("{{\"map\":{},\"cpu\":{cpu},\"lost\":{count}}}", quoted(map)))?;
        sink.text(&format!("{}: {count} records of CPU {cpu} lost", printable(map)))
    }

    /// The type of a record; when one is met for the first time, what it is taken for is said.
    fn choice(&mut self, origin: &Origin<'_>, len: usize, sink: &mut Sink) -> Option<Choice<'a>> {
        if let Some(known) = self.chosen.get(origin.map).and_then(|by_length| by_length.get(&len)) {
            return *known;
        }
        let by_length = self.chosen.entry(origin.map.to_owned()).or_default();
        let choice = match self.types.of(origin.map, len, origin.padding) {
            Ok(choice) => {
                log::info!("map '{}': records of {len} bytes are of type '{}'", origin.map, choice.name());
                Some(choice)
            }
            Err(unknown) => {
                // Once a map: programs may send any length.
                if by_length.values().all(Option::is_some) {
                    sink.note(&unknown.hint(origin.map, len));
                }
                None
            }
        };
        // Programs that send text of any length would fill it with what says nothing.
        if by_length.len() < 4096 {
            by_length.insert(len, choice);
        }
        choice
    }
}
