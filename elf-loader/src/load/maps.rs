//! Maps: created, filled, frozen.

use std::sync::Arc;

use purebpf_sys::Error as SysError;
use purebpf_sys::probes::Feature;
use purebpf_sys::uapi::{self, MapType};

use super::kernel::{Kernel, MapSpec, kernel_name};
use super::map_rules::explain_map_create;
use crate::Error;
use crate::error::advice;
use crate::object::{Map, MapDefinition, MapKind, Object, Slot, round_ring_size};

/// Map types for which the kernel takes no types of keys and values.
const WITHOUT_BTF: [MapType; 14] = [
    MapType::PERF_EVENT_ARRAY,
    MapType::CGROUP_ARRAY,
    MapType::STACK_TRACE,
    MapType::ARRAY_OF_MAPS,
    MapType::HASH_OF_MAPS,
    MapType::DEVMAP,
    MapType::DEVMAP_HASH,
    MapType::CPUMAP,
    MapType::XSKMAP,
    MapType::SOCKMAP,
    MapType::SOCKHASH,
    MapType::QUEUE,
    MapType::STACK,
    MapType::ARENA,
];

/// Map types that the kernel does not create without.
const NEEDS_BTF: [MapType; 4] =
    [MapType::SK_STORAGE, MapType::INODE_STORAGE, MapType::TASK_STORAGE, MapType::CGRP_STORAGE];

/// Creates all maps of an object that are to be. `config` is what the `.kconfig` map holds where it is not zero.
pub(super) fn create_all<K: Kernel>(
    object: &Object,
    kernel: &K,
    btf: Option<&K::Handle>,
    config: &[(u32, Vec<u8>)],
    warnings: &mut Vec<String>,
) -> Result<Vec<Option<K::Handle>>, Error> {
    let mut handles = Vec::with_capacity(object.maps.len());
    for map in &object.maps {
        // Instructions cannot refer to data there; programs that do are poisoned.
        let wanted = map.autocreate && (map.kind == MapKind::User || kernel.supports(Feature::GlobalData));
        handles.push(if wanted { Some(create(map, kernel, btf, config, warnings)?) } else { None });
    }
    // The maps that others hold may be declared after those.
    for (map, handle) in object.maps.iter().zip(&handles) {
        let Some(handle) = handle else { continue };
        for (index, slot) in &map.slots {
            match slot {
                Slot::Map(id) => fill_slot(map, kernel, handle, *index, held(&handles, id.0))?,
                Slot::Program(_) => {}
                Slot::Broken(why) => {
                    return Err(Error::MapDefinition { map: map.name.clone(), what: why.to_string() });
                }
            }
        }
    }
    Ok(handles)
}

/// Puts programs into the arrays that hold them from the start.
pub(super) fn fill_program_slots<K: Kernel>(
    object: &Object,
    kernel: &K,
    maps: &[Option<K::Handle>],
    programs: &[Option<K::Handle>],
) -> Result<(), Error> {
    for (map, handle) in object.maps.iter().zip(maps) {
        let Some(handle) = handle else { continue };
        for (index, slot) in &map.slots {
            if let Slot::Program(id) = slot {
                fill_slot(map, kernel, handle, *index, held(programs, id.0))?;
            }
        }
    }
    Ok(())
}

fn held<H>(handles: &[Option<H>], place: usize) -> Option<&H> {
    handles.get(place)?.as_ref()
}

/// Puts a map or a program into a slot; one that was not to be created leaves it empty.
fn fill_slot<K: Kernel>(
    map: &Map,
    kernel: &K,
    handle: &K::Handle,
    index: u32,
    held: Option<&K::Handle>,
) -> Result<(), Error> {
    let Some(held) = held else { return Ok(()) };
    let update = kernel.map_update(handle, &index.to_ne_bytes(), &kernel.number(held).to_ne_bytes());
    update.map_err(|source| Error::MapSlot {
        map: map.name.clone(),
        index,
        advice: advice(&source),
        cause: Arc::new(source),
    })
}

fn create<K: Kernel>(
    map: &Map,
    kernel: &K,
    btf: Option<&K::Handle>,
    config: &[(u32, Vec<u8>)],
    warnings: &mut Vec<String>,
) -> Result<K::Handle, Error> {
    let version = kernel.version();
    let mut definition = map.definition.clone();
    adjust(&mut definition, kernel).map_err(|source| refused(map, &map.definition, version, source))?;
    // The kernel wants to see a map like those that this one is to hold; that is no longer needed afterwards.
    let inner = match &definition.inner {
        Some(inner) => {
            let mut inner = (**inner).clone();
            let told = inner.clone();
            let refused = |source| refused(map, &told, version, source);
            adjust(&mut inner, kernel).map_err(refused)?;
            let name = format!("{}.inner", map.name);
            Some(create_one(kernel, &name, &inner, btf, None, warnings).map_err(refused)?)
        }
        None => None,
    };
    let handle = create_one(kernel, &map.name, &definition, btf, inner.as_ref(), warnings);
    let handle = handle.map_err(|source| {
        if btf.is_none() {
            (definition.key_type_id, definition.value_type_id) = (None, None);
        }
        refused(map, &definition, version, source)
    })?;
    fill(map, kernel, &handle, config)?;
    Ok(handle)
}

/// Sizes that depend on the machine, flags that depend on the kernel.
fn adjust<K: Kernel>(definition: &mut MapDefinition, kernel: &K) -> Result<(), SysError> {
    match definition.map_type {
        MapType::RINGBUF | MapType::USER_RINGBUF => {
            definition.max_entries = round_ring_size(definition.max_entries, kernel.page_size());
        }
        MapType::PERF_EVENT_ARRAY if definition.max_entries == 0 => {
            definition.max_entries = kernel.possible_cpus()?;
        }
        _ => {}
    }
    if definition.map_flags & uapi::BPF_F_MMAPABLE != 0
        && definition.map_type == MapType::ARRAY
        && !kernel.supports(Feature::ArrayMmap)
    {
        definition.map_flags &= !uapi::BPF_F_MMAPABLE;
    }
    Ok(())
}

fn create_one<K: Kernel>(
    kernel: &K,
    name: &str,
    definition: &MapDefinition,
    btf: Option<&K::Handle>,
    inner: Option<&K::Handle>,
    warnings: &mut Vec<String>,
) -> Result<K::Handle, SysError> {
    let number = |id: Option<purebpf_btf::TypeId>| id.map_or(0, |id| id.0);
    let (key, value) = (number(definition.key_type_id), number(definition.value_type_id));
    let with_btf = !WITHOUT_BTF.contains(&definition.map_type) && value != 0;
    let mut spec = MapSpec {
        name: kernel_name(kernel, name),
        map_type: definition.map_type,
        key_size: definition.key_size,
        value_size: definition.value_size,
        max_entries: definition.max_entries,
        map_flags: definition.map_flags,
        numa_node: definition.numa_node,
        map_extra: definition.map_extra,
        btf: btf.filter(|_| with_btf).map(|btf| (btf, key, value)),
        inner,
    };
    match kernel.map_create(&spec) {
        // Types only serve whoever looks at the map; it works without, but for storage.
        Err(error) if spec.btf.is_some() && !NEEDS_BTF.contains(&definition.map_type) => {
            spec.btf = None;
            let handle = kernel.map_create(&spec)?;
            warnings.push(format!("map '{name}' was created without the types of its keys and values: {error}"));
            Ok(handle)
        }
        result => result,
    }
}

/// Gives a data map its first value; what programs must not write is frozen.
fn fill<K: Kernel>(map: &Map, kernel: &K, handle: &K::Handle, config: &[(u32, Vec<u8>)]) -> Result<(), Error> {
    let Some(initial) = &map.initial_value else { return Ok(()) };
    let config = if map.kind == MapKind::Kconfig { config } else { &[] };
    let refused =
        |source: SysError| Error::MapFill { map: map.name.clone(), advice: advice(&source), cause: Arc::new(source) };
    // The kernel made it of zeros.
    let parts = [(0, initial)].into_iter().chain(config.iter().map(|(place, bytes)| (*place, bytes)));
    if parts.clone().any(|(_, bytes)| bytes.iter().any(|&byte| byte != 0)) {
        let mut value = vec![0; map.definition.value_size as usize];
        for (place, bytes) in parts {
            // What does not fit the map's size as it was set by hand is cut.
            let rest = value.get_mut(place as usize..).unwrap_or_default();
            let len = bytes.len().min(rest.len());
            rest[..len].copy_from_slice(&bytes[..len]);
        }
        kernel.map_update(handle, &0u32.to_ne_bytes(), &value).map_err(refused)?;
    }
    if map.is_read_only() {
        kernel.map_freeze(handle).map_err(refused)?;
    }
    Ok(())
}

/// The error of a map that was to be created as `definition` says, on a kernel of this version.
fn refused(map: &Map, definition: &MapDefinition, version: u32, source: SysError) -> Error {
    let map_type = definition.map_type.name().map_or_else(|| definition.map_type.0.to_string(), str::to_owned);
    let rule = explain_map_create(definition, source.errno(), version).map(|why| format!("; {why}"));
    // Which privilege is missing is known from elsewhere, and a rule says more than what an errno may mean.
    let advice = match rule {
        Some(rule) if source.is_permission() => rule + &advice(&source),
        Some(rule) => rule,
        None => advice(&source),
    };
    Error::MapCreate {
        map: map.name.clone(),
        definition: format!(
            "{map_type}, key {} B, value {} B, {} entries, flags {:#x}",
            definition.key_size, definition.value_size, definition.max_entries, definition.map_flags
        ),
        advice,
        cause: Arc::new(source),
    }
}
