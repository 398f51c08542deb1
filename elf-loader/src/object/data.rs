//! Data sections: a map each, and the variables in them.

use std::collections::HashMap;

use object::elf as consts;
use purebpf_btf::{Btf, Linkage, TypeData, types::Datasec};
use purebpf_sys::uapi::{self, MapType};

use super::btf_map::PAGE_SIZE;
use super::elf::{Elf, Section, Symbol};
use super::model::{Map, MapDefinition, MapId, MapKind, Variable};
use crate::Error;

/// Longest name that a map may have in the kernel, without the NUL (`BPF_OBJ_NAME_LEN`).
const MAX_NAME: usize = 15;

/// Adds a map for each data section with anything in it, and the variables of all.
pub(super) fn collect(
    elf: &Elf<'_>,
    btf: Option<&Btf>,
    object: &str,
    maps: &mut Vec<Map>,
    variables: &mut Vec<Variable>,
) -> Result<(), Error> {
    let datasecs = btf.map(datasecs).unwrap_or_default();
    for section in &elf.sections {
        let Some(kind) = kind_of(section) else { continue };
        let Ok(size) = u32::try_from(section.size) else { continue };
        let section_name = section.name_lossy();
        let datasec = datasecs.get(section.name);
        let mut definition = data_definition(kind, size);
        definition.value_type_id = datasec.map(|(id, _)| *id);
        if let (Some(btf), Some((_, datasec))) = (btf, datasec) {
            if has_visible_variable(elf, datasec) {
                definition.map_flags |= uapi::BPF_F_MMAPABLE;
            }
            collect_variables(elf, btf, datasec, size, MapId(maps.len()), variables)?;
        }
        elf.charge(section.name.len() + section.data.len())?;
        let value = if kind == MapKind::Bss { Vec::new() } else { section.data.to_vec() };
        let map = Map::new(map_name(object, &section_name), kind, definition);
        maps.push(Map { section: Some(section_name), initial_value: Some(value), ..map });
    }
    Ok(())
}

/// The section of variables that lie in an arena (`__arena`, clang's address space 1).
pub(super) const ARENA: &str = ".addr_space.1";

/// Gives the variables of [`ARENA`] to the object's arena.
///
/// # Errors
/// When there is none, or more than one, or one that is too small for them.
pub(super) fn collect_arena(
    elf: &Elf<'_>,
    btf: Option<&Btf>,
    maps: &mut [Map],
    variables: &mut Vec<Variable>,
) -> Result<(), Error> {
    let mut arenas = maps.iter_mut().enumerate().filter(|(_, map)| map.is_arena());
    let (arena, second) = (arenas.next(), arenas.next());
    let fault = |map: &Map, what: String| Error::MapDefinition { map: map.name.clone(), what };
    if let (Some((_, first)), Some((_, second))) = (&arena, &second) {
        // Pointers say only that they lead into the arena.
        return Err(fault(second, format!("is the object's second arena, after '{}': there can be one", first.name)));
    }
    let section = elf.section_named(ARENA).filter(|section| section.has_data());
    let Some(section) = section else { return Ok(()) };
    let Some((place, arena)) = arena else {
        let what = format!("holds {} bytes of variables, and the object declares no arena for them", section.size);
        return Err(Error::MapDefinition { map: ARENA.to_owned(), what });
    };
    let size = arena.arena_size(PAGE_SIZE);
    let Some(len) = u32::try_from(section.size).ok().filter(|len| u64::from(*len) <= size) else {
        let what = format!("has {size} bytes, and the object's variables in it take {}", section.size);
        return Err(fault(arena, what));
    };
    elf.charge(section.data.len())?;
    arena.initial_value = Some(section.data.to_vec());
    if let (Some(btf), Some((_, datasec))) = (btf, btf.and_then(|btf| datasecs(btf).remove(ARENA.as_bytes()))) {
        collect_variables(elf, btf, &datasec, len, MapId(place), variables)?;
    }
    Ok(())
}

/// The data sections of a BTF by name.
fn datasecs(btf: &Btf) -> HashMap<&[u8], (purebpf_btf::TypeId, Datasec<'_>)> {
    btf.own_types()
        .filter_map(|t| match t.data() {
            TypeData::Datasec(datasec) => Some((t.name_bytes(), (t.id(), datasec))),
            _ => None,
        })
        .collect()
}

fn kind_of(section: &Section<'_>) -> Option<MapKind> {
    if section.size == 0 {
        return None;
    }
    match section.kind {
        consts::SHT_PROGBITS if section.is_code() => None,
        consts::SHT_PROGBITS if section.is_or_extends(".data") => Some(MapKind::Data),
        consts::SHT_PROGBITS if section.is_or_extends(".rodata") => Some(MapKind::Rodata),
        consts::SHT_NOBITS if section.is_or_extends(".bss") => Some(MapKind::Bss),
        _ => None,
    }
}

/// The definition of a map that holds `size` bytes of a data section.
pub(super) fn data_definition(kind: MapKind, size: u32) -> MapDefinition {
    let mut definition = MapDefinition::new(MapType::ARRAY);
    definition.key_size = 4;
    definition.value_size = size;
    definition.max_entries = 1;
    if matches!(kind, MapKind::Rodata | MapKind::Kconfig) {
        definition.map_flags = uapi::BPF_F_RDONLY_PROG;
    }
    definition
}

/// The name of a data section's map: the object's, cut short, and the section's, of what the kernel takes for a name. Sections with a
/// second dot keep their own name: `.data.mine` and `.rodata.mine` whole (the kernel is told as much of it as it takes), others
/// cut (libbpf's `internal_map_name`, `map_uses_real_name`).
pub(super) fn map_name(object: &str, section: &str) -> String {
    if section.starts_with(".data.") || section.starts_with(".rodata.") {
        return section.to_owned();
    }
    let is_custom = section.get(1..).is_some_and(|rest| rest.contains('.'));
    let suffix = section.len().max(7);
    let prefix = if is_custom { 0 } else { MAX_NAME.saturating_sub(suffix).min(object.len()) };
    let name = format!("{}{section}", object.get(..prefix).unwrap_or(object));
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.';
    name.bytes().take(MAX_NAME).map(|b| if allowed(b) { b as char } else { '_' }).collect()
}

/// Whether any variable can be seen from outside: only then is the map made for mmap.
fn has_visible_variable(elf: &Elf<'_>, datasec: &Datasec<'_>) -> bool {
    datasec.vars().any(|var| match var.variable().data() {
        TypeData::Var(variable) if variable.linkage != Linkage::STATIC => {
            let hidden = |name: &[u8]| elf.data_symbol(name).is_some_and(Symbol::is_hidden);
            !hidden(var.variable().name_bytes())
        }
        _ => false,
    })
}

fn collect_variables(
    elf: &Elf<'_>,
    btf: &Btf,
    datasec: &Datasec<'_>,
    section_size: u32,
    map: MapId,
    variables: &mut Vec<Variable>,
) -> Result<(), Error> {
    let first = variables.len();
    for var in datasec.vars() {
        let TypeData::Var(declared) = var.variable().data() else { continue };
        let Some(name) = var.variable().name() else { continue };
        let mut offset = var.offset;
        if datasec.size == 0 && declared.linkage == Linkage::GLOBAL {
            match elf.data_symbol(name.as_bytes()).and_then(|symbol| u32::try_from(symbol.value).ok()) {
                Some(value) => offset = value,
                None => continue,
            }
        }
        let size = btf.size_of(declared.type_id).unwrap_or(var.size);
        if offset.checked_add(size).is_some_and(|end| end <= section_size) {
            elf.charge(name.len() + size_of::<Variable>())?;
            variables.push(Variable { name: name.to_owned(), map, offset, size, type_id: declared.type_id });
        }
    }
    variables[first..].sort_by_key(|variable| variable.offset);
    Ok(())
}
