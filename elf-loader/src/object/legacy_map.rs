//! Maps as they were declared before BTF: variables of type `struct bpf_map_def` in section `maps`. libbpf dropped them in 1.0;
//! objects that have them are still about, and so are compilers of them (gobpf, aya).

use std::collections::HashMap;

use object::elf as consts;
use purebpf_sys::uapi::{self, MapType};

use super::btf_map::{PAGE_SIZE, round_ring_size};
use super::elf::{Elf, Section, Symbol, shown};
use super::model::{Map, MapDefinition, MapKind, Pinning};
use crate::Error;

/// The words that all declarations have: type, key size, value size, entries, flags.
const WORDS: usize = 5;

/// `struct bpf_map_def` of aya: what all have, an id, and where to pin.
const AYA_WORDS: usize = 7;

/// Whether a section holds such declarations: `maps`, or `maps/NAME`, as gobpf had one for each.
pub(super) fn is_legacy(section: &Section<'_>) -> bool {
    let named = section.name == b"maps" || section.name.starts_with(b"maps/");
    named && section.kind == consts::SHT_PROGBITS && section.has_data()
}

/// Adds the maps of all such sections in the order of their places.
pub(super) fn collect(elf: &Elf<'_>, maps: &mut Vec<Map>) -> Result<(), Error> {
    if !elf.sections.iter().any(is_legacy) {
        return Ok(());
    }
    let mut declared: HashMap<usize, Vec<&Symbol<'_>>> = HashMap::new();
    for symbol in &elf.symbols {
        let is_variable = matches!(symbol.kind, consts::STT_OBJECT | consts::STT_NOTYPE) && !symbol.name.is_empty();
        if let Some(section) = symbol.section.filter(|_| is_variable) {
            declared.entry(section).or_default().push(symbol);
        }
    }
    for (number, section) in elf.sections.iter().enumerate().filter(|(_, section)| is_legacy(section)) {
        let mut symbols = declared.remove(&number).unwrap_or_default();
        symbols.sort_by_key(|symbol| symbol.value);
        symbols.dedup_by_key(|symbol| symbol.value);
        for (n, symbol) in symbols.iter().enumerate() {
            elf.charge(symbol.name.len() + section.name.len())?;
            // Compilers before LLVM 4 gave no sizes.
            let next = symbols.get(n + 1).map_or(section.size, |next| next.value);
            let end = if symbol.size > 0 { symbol.value.saturating_add(symbol.size) } else { next };
            let fault = |what: String| Error::MapDefinition { map: shown(symbol.name), what };
            let bytes = usize::try_from(symbol.value).ok().zip(usize::try_from(end).ok());
            let bytes = bytes.and_then(|(begin, end)| section.data.get(begin..end));
            let bytes = bytes.ok_or_else(|| {
                fault(format!("lies outside section {} ({} bytes)", section.name_lossy(), section.size))
            })?;
            let words: Vec<u32> = (0..bytes.len() / 4).map_while(|n| elf.endian.u32(bytes, n * 4)).collect();
            let (definition, pinning) = define(&words, bytes.len()).map_err(fault)?;
            let map = Map::new(symbol.name_lossy(), MapKind::User, definition);
            maps.push(Map { section: Some(section.name_lossy()), section_offset: symbol.value, pinning, ..map });
        }
    }
    Ok(())
}

fn define(words: &[u32], len: usize) -> Result<(MapDefinition, Pinning), String> {
    let Some((&[map_type, key_size, value_size, max_entries, map_flags], rest)) = words.split_first_chunk::<WORDS>()
    else {
        return Err(format!("is declared in {len} bytes; struct bpf_map_def has {}", WORDS * 4));
    };
    let mut definition = MapDefinition::new(MapType(map_type));
    (definition.key_size, definition.value_size) = (key_size, value_size);
    (definition.max_entries, definition.map_flags) = (max_entries, map_flags);
    if definition.map_type == MapType::UNSPEC {
        return Err("has no type".into());
    }
    if matches!(definition.map_type, MapType::RINGBUF | MapType::USER_RINGBUF) {
        definition.max_entries = round_ring_size(max_entries, PAGE_SIZE);
    }
    // The kernel's samples had a NUMA node where aya has the pinning; it goes with its flag.
    let pinned = rest == [0, 1] && words.len() == AYA_WORDS && map_flags & uapi::BPF_F_NUMA_NODE == 0;
    if !pinned && rest.iter().any(|&word| word != 0) {
        return Err(format!(
            "is declared with more than struct bpf_map_def has ({len} bytes; what follows the first {} is not zero), and \
             what that means depends on the loader; declare it in .maps",
            WORDS * 4
        ));
    }
    Ok((definition, if pinned { Pinning::ByName } else { Pinning::None }))
}
