//! First contents of maps of maps and arrays of programs: relocations of `.maps`, each a pointer in a map's `values`.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use purebpf_sys::uapi::MapType;

use super::code::Code;
use super::elf::{Elf, Symbol, shown};
use super::model::{Map, MapId, Slot};
use crate::Error;

/// Size of a pointer in a BPF object.
const POINTER: u64 = 8;

/// Fills in the slots of the maps that `.maps` declares; `values` says where in the section those of each begin and end.
///
/// # Errors
/// When a pointer belongs to no map. One that leads nowhere is its map's loss alone.
pub(super) fn collect(elf: &Elf<'_>, values: &[Range<u64>], code: &Code, maps: &mut [Map]) -> Result<(), Error> {
    let Some(number) = elf.section_number(super::btf_map::MAPS) else { return Ok(()) };
    let Some(relocations) = elf.relocations.get(&number) else { return Ok(()) };
    let places: HashMap<u64, MapId> =
        maps.iter().take(values.len()).enumerate().map(|(n, map)| (map.section_offset, MapId(n))).collect();
    for relocation in relocations {
        let (at, symbol) = (relocation.offset, elf.symbols.get(relocation.symbol));
        // Maps lie in the order of their places.
        let after = maps[..values.len()].partition_point(|map| map.section_offset <= at);
        let found = after.checked_sub(1).and_then(|n| Some((maps.get_mut(n)?, values.get(n)?)));
        let Some((map, values)) = found.filter(|(_, values)| at < values.end) else {
            let what = format!("the pointer at {at} of section .maps belongs to no map");
            return Err(Error::MapDefinition { map: symbol.map(|s| shown(s.name)).unwrap_or_default(), what });
        };
        let target = (|| {
            let symbol =
                symbol.ok_or_else(|| format!("refers to symbol {}, which does not exist", relocation.symbol))?;
            let offset = at.checked_sub(values.start).filter(|offset| offset % POINTER == 0);
            let index = offset.and_then(|offset| u32::try_from(offset / POINTER).ok());
            let index = index.ok_or("has a pointer that is no element of 'values'")?;
            Ok((index, slot(map, number, symbol, &places, code)?))
        })();
        let (index, slot) = target.unwrap_or_else(|what: String| (0, Slot::Broken(Arc::from(what))));
        if let Slot::Broken(what) = &slot {
            elf.charge(what.len())?;
        }
        map.slots.push((index, slot));
    }
    Ok(())
}

fn slot(
    map: &Map,
    number: usize,
    symbol: &Symbol<'_>,
    places: &HashMap<u64, MapId>,
    code: &Code,
) -> Result<Slot, String> {
    let name = || shown(symbol.name);
    match map.definition.map_type {
        // Indices are keys of 4 bytes, in a hash too.
        MapType::HASH_OF_MAPS if map.definition.key_size != 4 => Err(format!(
            "holds maps from the start, for which its key must have 4 bytes, not {}",
            map.definition.key_size
        )),
        MapType::ARRAY_OF_MAPS | MapType::HASH_OF_MAPS => {
            let found = places.get(&symbol.value).filter(|_| symbol.section == Some(number));
            found.map(|&map| Slot::Map(map)).ok_or_else(|| format!("holds '{}', which is no map", name()))
        }
        MapType::PROG_ARRAY => {
            let found = symbol.section.and_then(|section| code.program_at(section, symbol.value));
            found.map(Slot::Program).ok_or_else(|| format!("holds '{}', which is no program", name()))
        }
        _ => Err(format!("holds '{}' from the start, and is neither a map of maps nor an array of programs", name())),
    }
}
