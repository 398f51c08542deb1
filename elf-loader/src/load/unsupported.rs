//! What this version does not do yet, refused by name before the kernel is asked for anything: loaded without, it would do
//! something else than its author meant.

use purebpf_sys::uapi::{MapType, ProgType};

use crate::Error;
use crate::object::{Map, Object, Pinning};

/// Refuses what of an object is to be loaded and cannot be.
pub(super) fn check(object: &Object) -> Result<(), Error> {
    for map in object.maps.iter().filter(|map| map.autocreate) {
        if let Some(what) = of_map(map) {
            return Err(Error::MapDefinition { map: map.name.clone(), what: what.to_owned() });
        }
    }
    if let Some(program) = object.programs.iter().find(|p| p.autoload && p.prog_type == ProgType::STRUCT_OPS) {
        return Err(Error::NotSupported { program: program.name.clone(), what: "struct_ops programs" });
    }
    Ok(())
}

fn of_map(map: &Map) -> Option<&'static str> {
    match map.definition.map_type {
        MapType::ARENA => Some("is an arena, which is not supported yet: nobody would map it"),
        MapType::STRUCT_OPS => Some("is a struct_ops map, which is not supported yet"),
        _ if map.pinning != Pinning::None => Some("is to be pinned by its name, which is not supported yet"),
        _ => None,
    }
}
