//! What this version does not do yet, refused by name before the kernel is asked for anything: loaded without, it would do
//! something else than its author meant.

use purebpf_sys::uapi::{MapType, ProgType};

use crate::Error;
use crate::link::{Linked, StreamValue};
use crate::object::{ExternKind, Map, MapKind, Object, Pinning};

/// Refuses what of an object is to be loaded and cannot be.
pub(super) fn check(object: &Object, programs: &[Option<Linked>]) -> Result<(), Error> {
    for map in object.maps.iter().filter(|map| map.autocreate) {
        if let Some(what) = of_map(map) {
            return Err(Error::MapDefinition { map: map.name.clone(), what: what.to_owned() });
        }
    }
    if let Some(program) = object.programs.iter().find(|p| p.autoload && p.prog_type == ProgType::STRUCT_OPS) {
        return Err(Error::NotSupported { program: program.name.clone(), what: "struct_ops programs" });
    }
    check_kconfig(object, programs)
}

fn of_map(map: &Map) -> Option<&'static str> {
    match map.definition.map_type {
        MapType::ARENA => Some("is an arena, which is not supported yet: nobody would map it"),
        MapType::STRUCT_OPS => Some("is a struct_ops map, which is not supported yet"),
        _ if map.pinning != Pinning::None => Some("is to be pinned by its name, which is not supported yet"),
        _ => None,
    }
}

/// Configuration values are not read: a program that uses one would see zeros.
fn check_kconfig(object: &Object, programs: &[Option<Linked>]) -> Result<(), Error> {
    let is_kconfig = |n: usize| object.maps.get(n).is_some_and(|map| map.kind == MapKind::Kconfig);
    let uses = programs
        .iter()
        .flatten()
        .flat_map(|linked| &linked.references)
        .any(|reference| matches!(reference.value, StreamValue::MapValue(map) if is_kconfig(map.0)));
    match object.externs.iter().find(|ext| matches!(ext.kind, ExternKind::Kconfig { .. })) {
        Some(ext) if uses => Err(Error::ExternNotFound {
            name: ext.name.clone(),
            kind: "kconfig",
            what: "values of the kernel's configuration are not supported yet".into(),
        }),
        _ => Ok(()),
    }
}
