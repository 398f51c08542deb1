//! What programs have counted: global variables and maps, decoded by their types, from time to time or at the end.

use purebpf::btf::dump::value::{Json, JsonStyle, Value};
use purebpf::btf::{Btf, TypeData, TypeId};
use purebpf::elf_loader::object::Variable;
use purebpf::sys::uapi::MapType;
use purebpf::{Global, Map, MapKind, Object};

use super::histogram;
use super::line::{self, LineStyle};
use super::sink::Sink;
use crate::Result;
use crate::output::printable;

/// What is reported, and what was reported last.
pub(super) struct Report<'a> {
    object: &'a Object,
    btf: &'a Btf,
    globals: Vec<Watched>,
    maps: Vec<Map>,
    most_entries: usize,
    style: LineStyle,
}

/// A variable, with its bytes when it was told last.
struct Watched {
    global: Global,
    type_id: TypeId,
    last: Vec<u8>,
}

impl<'a> Report<'a> {
    /// Of an object that has just been loaded. `only` are the maps to tell of, if not all; `most_entries` of each.
    ///
    /// # Errors
    /// When `only` names a map that the object has not, or variables cannot be read.
    pub(super) fn new(
        object: &'a Object,
        only: &[String],
        most_entries: usize,
        style: LineStyle,
    ) -> Result<Option<Report<'a>>> {
        for name in only {
            object.map(name.as_str())?;
        }
        let Some(btf) = &object.description().btf else { return Ok(None) };
        let wanted = |map: &&Map| match only {
            [] => is_told(map.map_type()) && map.kind() == Some(MapKind::User),
            only => only.iter().any(|name| name == map.name()),
        };
        let maps = object.maps().filter(wanted).cloned().collect();
        let mut globals: Vec<Watched> = Vec::new();
        for variable in object.description().variables.iter().filter(|variable| is_written(object, variable)) {
            // Static variables may share a name, by which the first is found.
            if globals.iter().any(|watched| watched.global.name() == variable.name) {
                continue;
            }
            let Ok(global) = object.global(&variable.name) else { continue };
            let mut last = vec![0; global.size()];
            global.read(&mut last)?;
            globals.push(Watched { global, type_id: variable.type_id, last });
        }
        let style = LineStyle { without_histograms: true, ..style };
        Ok(Some(Report { object, btf, globals, maps, most_entries, style }))
    }

    /// Tells the variables that have changed since they were told last, and the entries of the maps.
    pub(super) fn tell(&mut self, sink: &mut Sink) -> Result {
        let mut changed = Vec::new();
        for (n, watched) in self.globals.iter_mut().enumerate() {
            let mut now = vec![0; watched.global.size()];
            watched.global.read(&mut now)?;
            if now != watched.last {
                watched.last = now;
                changed.push(n);
            }
        }
        let changed = changed.iter().filter_map(|n| self.globals.get(*n));
        if sink.is_json() {
            let jsons: Vec<_> = changed
                .map(|watched| {
                    let content = content(self.btf, watched.type_id);
                    format!("{}:{}", quoted(watched.global.name()), json(self.btf, content, &watched.last))
                })
                .collect();
            if !jsons.is_empty() {
                sink.json(&format!("{{\"globals\":{{{}}}}}", jsons.join(",")))?;
            }
        } else {
            for watched in changed {
                let name = watched.global.name();
                let Ok(value) = Value::new(self.btf, watched.type_id, &watched.last) else { continue };
                if !histogram::has_one(name, &value) {
                    sink.text(&format!("{} = {}", printable(name), printable(&line::line(&value, self.style))))?;
                }
                self.histograms(name, &value, sink)?;
            }
        }
        for map in &self.maps {
            self.map(map, sink)?;
        }
        sink.flush()
    }

    fn histograms(&self, name: &str, value: &Value<'_>, sink: &mut Sink) -> Result {
        for (path, slots) in histogram::within(name, value) {
            if !path.is_empty() {
                sink.text(&format!("{}:", printable(&path)))?;
            }
            sink.block(&histogram::draw(&slots, "value"))?;
        }
        Ok(())
    }

    fn map(&self, map: &Map, sink: &mut Sink) -> Result {
        let described = map.map_id().and_then(|id| self.object.description().maps.get(id.0));
        let (key_type, value_type) = match described {
            Some(described) => (described.definition.key_type_id, described.definition.value_type_id),
            None => (None, None),
        };
        let is_array = matches!(map.map_type(), MapType::ARRAY | MapType::PERCPU_ARRAY);
        let (mut told, mut more) = (Vec::new(), 0u64);
        for entry in map.entries() {
            let (key, value) = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    // A map that changes too fast is told as far as it was seen.
                    sink.note(&error.to_string());
                    break;
                }
            };
            // An array has all its elements from the start.
            if is_array && value.iter().all(|byte| *byte == 0) {
                continue;
            }
            match told.len() < self.most_entries {
                true => told.push((key, value)),
                false => more += 1,
            }
        }
        if told.is_empty() {
            return Ok(());
        }
        if sink.is_json() {
            let entries: Vec<_> = told
                .iter()
                .map(|(key, value)| {
                    let key = typed_json(self.btf, key_type, key);
                    match per_cpu(map, value) {
                        None => format!("{{\"key\":{key},\"value\":{}}}", typed_json(self.btf, value_type, value)),
                        Some(cpus) => {
                            let cpus: Vec<_> = cpus
                                .iter()
                                .map(|(cpu, value)| {
                                    format!("{{\"cpu\":{cpu},\"value\":{}}}", typed_json(self.btf, value_type, value))
                                })
                                .collect();
                            format!("{{\"key\":{key},\"values\":[{}]}}", cpus.join(","))
                        }
                    }
                })
                .collect();
            let left_out = if more > 0 { format!(",\"left_out\":{more}") } else { String::new() };
            return sink.json(&format!(
                "{{\"map\":{},\"entries\":[{}]{left_out}}}",
                quoted(map.name()),
                entries.join(",")
            ));
        }
        sink.text(&format!("{}: {} entries", printable(map.name()), told.len() as u64 + more))?;
        for (key, value) in &told {
            let key = self.typed_line(key_type, key);
            match per_cpu(map, value) {
                None => self.entry(&key, value_type, value, sink)?,
                Some(cpus) => {
                    for (cpu, value) in cpus.iter().filter(|(_, value)| value.iter().any(|byte| *byte != 0)) {
                        self.entry(&format!("{key} cpu {cpu}"), value_type, value, sink)?;
                    }
                }
            }
        }
        if more > 0 {
            sink.text(&format!("  … and {more} more"))?;
        }
        Ok(())
    }

    fn entry(&self, key: &str, value_type: Option<TypeId>, value: &[u8], sink: &mut Sink) -> Result {
        let line = format!("  {key}: {}", self.typed_line(value_type, value));
        sink.text(line.trim_end())?;
        match value_type.and_then(|id| Value::new(self.btf, id, value).ok()) {
            Some(value) => self.histograms("", &value, sink),
            None => Ok(()),
        }
    }

    fn typed_line(&self, id: Option<TypeId>, bytes: &[u8]) -> String {
        match id.and_then(|id| Value::new(self.btf, id, bytes).ok()) {
            Some(value) => printable(&line::line(&value, self.style)).into_owned(),
            None => hex(bytes),
        }
    }
}

/// The maps whose entries say something by themselves.
fn is_told(map_type: MapType) -> bool {
    matches!(
        map_type,
        MapType::HASH
            | MapType::ARRAY
            | MapType::PERCPU_HASH
            | MapType::PERCPU_ARRAY
            | MapType::LRU_HASH
            | MapType::LRU_PERCPU_HASH
            | MapType::LPM_TRIE
    )
}

/// Whether programs may write a variable.
fn is_written(object: &Object, variable: &Variable) -> bool {
    let map = object.description().maps.get(variable.map.0);
    map.is_some_and(|map| matches!(map.kind, MapKind::Data | MapKind::Bss))
}

/// The values of the CPUs, of a map that has one for each.
fn per_cpu<'v>(map: &Map, bytes: &'v [u8]) -> Option<Vec<(usize, &'v [u8])>> {
    let is_per_cpu = matches!(
        map.map_type(),
        MapType::PERCPU_HASH | MapType::PERCPU_ARRAY | MapType::LRU_PERCPU_HASH | MapType::PERCPU_CGROUP_STORAGE
    );
    // Each is rounded up to 8 bytes (`bpf_percpu_hash_copy`).
    let stride = map.value_size().next_multiple_of(8).max(8);
    let value = |slot: &'v [u8]| slot.get(..map.value_size()).unwrap_or(slot);
    is_per_cpu.then(|| bytes.chunks(stride).map(value).enumerate().collect())
}

/// A variable's content.
fn content(btf: &Btf, id: TypeId) -> TypeId {
    match btf.type_by_id(id).map(|ty| ty.data()) {
        Ok(TypeData::Var(variable)) => variable.type_id,
        _ => id,
    }
}

fn typed_json(btf: &Btf, id: Option<TypeId>, bytes: &[u8]) -> String {
    match id {
        Some(id) => json(btf, id, bytes),
        None => quoted(&hex(bytes)),
    }
}

/// A value as JSON, as its types mean it. What its bytes do not reach is left out.
pub(super) fn json(btf: &Btf, id: TypeId, bytes: &[u8]) -> String {
    let mut text = String::new();
    match Value::new(btf, id, bytes) {
        // The text is JSON in any case.
        Ok(value) => drop(Json::new(JsonStyle::Natural).flexible_arrays(true).write(&value, &mut text)),
        Err(_) => text = quoted(&hex(bytes)),
    }
    text
}

/// A string as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Bytes as hexadecimal digits, with a blank after each.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}
