//! How large maps are: what `--map-size` says, and something for maps that their application would have given a size.

use purebpf::OpenObject;
use purebpf::sys::uapi::MapType;

use super::sink::note;
use crate::Result;

/// What was said with `--map-size`.
#[derive(Clone, Debug)]
pub(crate) struct MapSize {
    map: String,
    max_entries: u32,
}

impl MapSize {
    /// `MAP=ENTRIES`, for the command line.
    pub(crate) fn parse(text: &str) -> Result<MapSize, String> {
        let (map, entries) = text.split_once('=').ok_or("expected MAP=ENTRIES")?;
        let max_entries = entries.parse().map_err(|_| format!("'{entries}' is no number of entries"))?;
        Ok(MapSize { map: map.to_owned(), max_entries })
    }
}

/// Entries of a map that says no number: what most tools with such maps give them.
const ENTRIES: u32 = 10240;

/// Bytes of a ring buffer that says none: a power of two, and whole pages everywhere.
const RING: u32 = 256 << 10;

/// Bytes of a stack in a map that says none: 127 frames (PERF_MAX_STACK_DEPTH, the kernel's default limit).
const STACK: u32 = 127 * 8;

/// Sets the sizes.
pub(super) fn apply(open: &mut OpenObject, sizes: &[MapSize]) -> Result {
    for size in sizes {
        open.map_mut(size.map.as_str())?.definition.max_entries = size.max_entries;
    }
    for map in &mut open.description_mut().maps {
        let definition = &mut map.definition;
        if !map.autocreate {
            continue;
        }
        if definition.map_type == MapType::STACK_TRACE && definition.value_size == 0 {
            definition.value_size = STACK;
        }
        if definition.max_entries != 0 {
            continue;
        }
        match definition.map_type {
            MapType::RINGBUF | MapType::USER_RINGBUF => definition.max_entries = RING,
            MapType::HASH
            | MapType::ARRAY
            | MapType::PERCPU_HASH
            | MapType::PERCPU_ARRAY
            | MapType::LRU_HASH
            | MapType::LRU_PERCPU_HASH
            | MapType::LPM_TRIE
            | MapType::STACK_TRACE
            | MapType::QUEUE
            | MapType::STACK => definition.max_entries = ENTRIES,
            // The others have none, or are given theirs by the loader.
            _ => continue,
        }
        note(&format!("map '{}' says no size: {}; --map-size says another", map.name, definition.max_entries));
    }
    Ok(())
}
