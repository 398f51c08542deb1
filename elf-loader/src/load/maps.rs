//! Maps: found where they are pinned, else created, filled, frozen.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use purebpf_sys::Error as SysError;
use purebpf_sys::probes::Feature;
use purebpf_sys::uapi::{self, MapType};

use super::kernel::{Kernel, MapFacts, MapSpec, kernel_name};
use super::map_rules::{errno, explain_map_create};
use super::modules::Modules;
use super::session::Pins;
use super::struct_ops::Table;
use crate::Error;
use crate::error::advice;
use crate::object::{Map, MapDefinition, MapId, MapKind, Object, Pinning, Slot, round_ring_size};

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

/// The maps of an object in the kernel, by their id.
#[derive(Debug)]
pub(super) struct Maps<K: Kernel> {
    /// `None` for those that were not to be created.
    pub(super) handles: Vec<Option<K::Handle>>,
    /// Arenas: the kernel takes no program that uses one before it is mapped.
    pub(super) arenas: Vec<Option<Arena<K::Memory>>>,
}

/// An arena, mapped.
#[derive(Debug)]
pub struct Arena<M> {
    /// All of it.
    pub memory: M,
    /// Where in it the variables of the object begin, in bytes.
    pub variables: usize,
}

/// Gives the SHA-256 of the only program that may use a map.
type HashOf<'a> = dyn Fn(&Map) -> Result<Option<[u8; 32]>, Error> + 'a;

/// What maps are created from, beside the object.
pub(super) struct Inputs<'a, K: Kernel> {
    pub(super) object: &'a Object,
    pub(super) kernel: &'a K,
    /// The object's types in the kernel.
    pub(super) btf: Option<&'a K::Handle>,
    /// What the `.kconfig` map holds where it is not zero.
    pub(super) config: &'a [(u32, Vec<u8>)],
    /// Tables of operations as the kernel has them.
    pub(super) tables: &'a [Option<Table>],
    pub(super) modules: &'a Modules<K>,
    /// The hash of the only program that may use a map.
    pub(super) hash: &'a HashOf<'a>,
    /// Maps like those that others are to hold.
    pub(super) inner_maps: &'a [(MapId, K::Handle)],
    /// The folder of pins by name.
    pub(super) pin_root: &'a Path,
}

/// Creates all maps of an object that are to be, but for those in `given`. What is pinned is noted in `pins`.
pub(super) fn create_all<K: Kernel>(
    inputs: &Inputs<'_, K>,
    given: Vec<(MapId, K::Handle)>,
    pins: &Pins,
    warnings: &mut Vec<String>,
) -> Result<Maps<K>, Error> {
    let Inputs { object, kernel, .. } = *inputs;
    let mut given: HashMap<usize, K::Handle> = given.into_iter().map(|(id, handle)| (id.0, handle)).collect();
    let mut maps = Maps { handles: Vec::with_capacity(object.maps.len()), arenas: Vec::new() };
    let mut made = Vec::with_capacity(object.maps.len());
    for (n, map) in object.maps.iter().enumerate() {
        // Instructions cannot refer to data there; programs that do are poisoned.
        let wanted = map.autocreate && (!is_data(map) || kernel.supports(Feature::GlobalData));
        let (mut handle, mut arena, mut is_new) = (None, None, false);
        if wanted {
            let (found, new) = find_or_create(inputs, MapId(n), given.remove(&n), pins, warnings)?;
            // One that was there lies where it was mapped first, and holds what others keep in it.
            if map.is_arena() && new {
                arena = Some(map_arena(map, kernel, &found)?);
            }
            (handle, is_new) = (Some(found), new);
        }
        maps.handles.push(handle);
        maps.arenas.push(arena);
        made.push(is_new);
    }
    // The maps that others hold may be declared after those.
    for ((map, handle), is_new) in object.maps.iter().zip(&maps.handles).zip(made) {
        let Some(handle) = handle.as_ref().filter(|_| is_new && map.struct_ops.is_none()) else { continue };
        for (index, slot) in &map.slots {
            match slot {
                Slot::Map(id) => fill_slot(map, kernel, handle, *index, held(&maps.handles, id.0))?,
                Slot::Program(_) => {}
                Slot::Broken(why) => {
                    return Err(Error::MapDefinition { map: map.name.clone(), what: why.to_string() });
                }
            }
        }
        // Whoever finds it finds what it holds.
        if let Some(path) = pin_path(map, inputs.pin_root).filter(|_| holds_maps(map)) {
            kernel.pin(handle, &path).map_err(|cause| pin_fault(map, &path, cause))?;
            pins.add(path);
        }
    }
    Ok(maps)
}

/// Whether a map holds maps from the start, which may be created after it.
fn holds_maps(map: &Map) -> bool {
    map.slots.iter().any(|(_, slot)| matches!(slot, Slot::Map(_)))
}

/// The map that is there already, given or pinned, else a new one, pinned if it is to be. Says whether it is new.
fn find_or_create<K: Kernel>(
    inputs: &Inputs<'_, K>,
    id: MapId,
    given: Option<K::Handle>,
    pins: &Pins,
    warnings: &mut Vec<String>,
) -> Result<(K::Handle, bool), Error> {
    let Inputs { object, kernel, .. } = *inputs;
    let map = object.maps.get(id.0).ok_or(Error::NoSuch { what: "map", index: id.0 })?;
    let Some(path) = pin_path(map, inputs.pin_root) else {
        return match given {
            Some(handle) => Ok((handle, false)),
            None => Ok((create(inputs, map, id, warnings)?, true)),
        };
    };
    let fault = |cause: SysError| pin_fault(map, &path, cause);
    let (mut made, mut is_new) = (given, false);
    let mut tried = false;
    loop {
        if let Some(found) = kernel.pinned(&path).map_err(fault)? {
            let facts = kernel.map_facts(&found).map_err(fault)?;
            return match differences(map, &wanted(inputs, map, id)?, &facts) {
                Some(what) => Err(Error::MapPin { map: map.name.clone(), path, what, cause: None }),
                None => Ok((found, false)),
            };
        }
        let handle = match made.take() {
            Some(handle) => handle,
            None => {
                is_new = true;
                create(inputs, map, id, warnings)?
            }
        };
        if is_new && holds_maps(map) {
            return Ok((handle, true));
        }
        match kernel.pin(&handle, &path) {
            Ok(()) => {
                pins.add(path);
                return Ok((handle, is_new));
            }
            // Between the look at the path and the pin, another may have put the same map there.
            Err(cause) if cause.errno() == errno::EEXIST && !tried => (tried, made) = (true, Some(handle)),
            Err(cause) => return Err(fault(cause)),
        }
    }
}

/// What a map is created with on this kernel.
fn wanted<K: Kernel>(inputs: &Inputs<'_, K>, map: &Map, id: MapId) -> Result<MapDefinition, Error> {
    let kernel = inputs.kernel;
    let mut definition = map.definition.clone();
    adjust(&mut definition, is_data(map), kernel)
        .map_err(|source| refused(map, &map.definition, kernel.version(), source))?;
    if let Some(table) = inputs.tables.get(id.0).and_then(Option::as_ref) {
        definition.value_size = table.value_size;
    }
    Ok(definition)
}

/// Whether a map holds a section of the object's.
fn is_data(map: &Map) -> bool {
    !matches!(map.kind, MapKind::User | MapKind::StructOps)
}

/// Where a map is pinned.
fn pin_path(map: &Map, root: &Path) -> Option<PathBuf> {
    match (&map.pin_path, map.pinning) {
        (Some(path), _) => Some(path.clone()),
        (None, Pinning::ByName) => Some(root.join(&map.name)),
        _ => None,
    }
}

fn pin_fault(map: &Map, path: &Path, cause: SysError) -> Error {
    let what = match cause.errno() {
        errno::EPERM => format!("{cause}; it may not be in a bpffs: `mount -t bpf bpf /sys/fs/bpf` makes one"),
        _ => format!("{cause}{}", advice(&cause)),
    };
    Error::MapPin { map: map.name.clone(), path: path.to_owned(), what, cause: Some(Arc::new(cause)) }
}

/// In what a map that is pinned differs from the one that would be created (libbpf's `map_is_reuse_compat`).
fn differences(map: &Map, wanted: &MapDefinition, found: &MapFacts) -> Option<String> {
    let mut found = *found;
    if matches!(map.definition.map_type, MapType::DEVMAP | MapType::DEVMAP_HASH) {
        // The kernel sets it by itself.
        found.map_flags &= !uapi::BPF_F_RDONLY_PROG;
    }
    let type_name = |number: MapType| number.name().map_or_else(|| number.0.to_string(), str::to_owned);
    let mut all = Vec::new();
    if found.map_type != wanted.map_type {
        all.push(format!("type is {}, not {}", type_name(found.map_type), type_name(wanted.map_type)));
    }
    let numbers = [
        ("key_size", found.key_size, wanted.key_size),
        ("value_size", found.value_size, wanted.value_size),
        ("max_entries", found.max_entries, wanted.max_entries),
    ];
    for (name, found, wanted) in numbers.into_iter().filter(|(_, found, wanted)| found != wanted) {
        all.push(format!("{name} is {found}, not {wanted}"));
    }
    if found.map_flags != wanted.map_flags {
        all.push(format!("map_flags are {:#x}, not {:#x}", found.map_flags, wanted.map_flags));
    }
    if found.map_extra != wanted.map_extra {
        all.push(format!("map_extra is {:#x}, not {:#x}", found.map_extra, wanted.map_extra));
    }
    (!all.is_empty()).then(|| format!("another map is pinned there: its {}", all.join(", its ")))
}

/// Maps an arena, with the variables that the object keeps in it.
fn map_arena<K: Kernel>(map: &Map, kernel: &K, handle: &K::Handle) -> Result<Arena<K::Memory>, Error> {
    let fault =
        |cause: SysError| Error::MapFill { map: map.name.clone(), advice: advice(&cause), cause: Arc::new(cause) };
    let page_size = kernel.page_size();
    let len = usize::try_from(map.arena_size(page_size)).map_err(|_| {
        fault(SysError::Invalid { what: "an arena of more bytes than this process has", value: map.name.clone() })
    })?;
    let variables = map.initial_value.as_deref().unwrap_or_default();
    if !variables.is_empty() && map.definition.map_flags & uapi::BPF_F_SEGV_ON_FAULT != 0 {
        let what = "holds variables, and has BPF_F_SEGV_ON_FAULT, with which nobody but programs may fill them";
        return Err(Error::MapDefinition { map: map.name.clone(), what: what.to_owned() });
    }
    let address = (map.definition.map_extra != 0).then_some(map.definition.map_extra);
    let at_end = !variables.is_empty() && kernel.supports(Feature::Ldimm64FullRangeOff);
    let offset = if at_end { map.arena_variables(page_size) as usize } else { 0 };
    let memory = kernel.map_memory(handle, address, len, offset, variables).map_err(fault)?;
    Ok(Arena { memory, variables: offset })
}

/// Puts programs into the arrays that hold them from the start.
pub(super) fn fill_program_slots<K: Kernel>(
    object: &Object,
    kernel: &K,
    maps: &[Option<K::Handle>],
    programs: &[Option<K::Handle>],
) -> Result<(), Error> {
    for (map, handle) in object.maps.iter().zip(maps) {
        let Some(handle) = handle.as_ref().filter(|_| map.kind != MapKind::StructOps) else { continue };
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
    inputs: &Inputs<'_, K>,
    map: &Map,
    id: MapId,
    warnings: &mut Vec<String>,
) -> Result<K::Handle, Error> {
    let Inputs { kernel, btf, .. } = *inputs;
    let version = kernel.version();
    let mut definition = wanted(inputs, map, id)?;
    let table = inputs.tables.get(id.0).and_then(Option::as_ref);
    let hash = (inputs.hash)(map)?;
    // The kernel wants to see a map like those that this one is to hold; that is no longer needed afterwards.
    let given = inputs.inner_maps.iter().rfind(|(of, _)| *of == id).map(|(_, handle)| handle);
    let inner = match definition.inner.as_ref().filter(|_| given.is_none()) {
        Some(inner) => {
            let mut inner = (**inner).clone();
            let told = inner.clone();
            let refused = |source| refused(map, &told, version, source);
            adjust(&mut inner, false, kernel).map_err(refused)?;
            let name = format!("{}.inner", map.name);
            let spec = spec(kernel, &name, &inner, btf);
            Some(create_one(kernel, &name, spec, warnings).map_err(refused)?)
        }
        None => None,
    };
    let mut spec = spec(kernel, &map.name, &definition, btf);
    spec.inner = given.or(inner.as_ref());
    spec.ifindex = map.ifindex;
    spec.exclusive_program = hash.as_ref().map(<[u8; 32]>::as_slice);
    if let Some(table) = table {
        // It is the kernel's type that counts; the object's types must be there all the same (`map_create`).
        spec.btf = btf.map(|btf| (btf, 0, 0));
        spec.kernel_value_type = table.value_type.0;
        spec.kernel_value_module = table.module.and_then(|module| inputs.modules.handle(module));
    }
    let handle = create_one(kernel, &map.name, spec, warnings);
    let handle = handle.map_err(|source| {
        if btf.is_none() {
            (definition.key_type_id, definition.value_type_id) = (None, None);
        }
        refused(map, &definition, version, source)
    })?;
    if !map.is_arena() && map.kind != MapKind::StructOps {
        fill(map, kernel, &handle, inputs.config)?;
    }
    Ok(handle)
}

/// Sizes that depend on the machine, flags that depend on the kernel.
fn adjust<K: Kernel>(definition: &mut MapDefinition, is_data: bool, kernel: &K) -> Result<(), SysError> {
    match definition.map_type {
        MapType::RINGBUF | MapType::USER_RINGBUF => {
            definition.max_entries = round_ring_size(definition.max_entries, kernel.page_size());
        }
        MapType::PERF_EVENT_ARRAY if definition.max_entries == 0 => {
            definition.max_entries = kernel.possible_cpus()?;
        }
        _ => {}
    }
    // Data can be reached without; what an author asks for is asked of the kernel.
    if is_data
        && definition.map_flags & uapi::BPF_F_MMAPABLE != 0
        && definition.map_type == MapType::ARRAY
        && !kernel.supports(Feature::ArrayMmap)
    {
        definition.map_flags &= !uapi::BPF_F_MMAPABLE;
    }
    Ok(())
}

/// What a map is created from.
fn spec<'a, K: Kernel>(
    kernel: &K,
    name: &'a str,
    definition: &MapDefinition,
    btf: Option<&'a K::Handle>,
) -> MapSpec<'a, K::Handle> {
    let number = |id: Option<purebpf_btf::TypeId>| id.map_or(0, |id| id.0);
    let (key, value) = (number(definition.key_type_id), number(definition.value_type_id));
    let with_btf = !WITHOUT_BTF.contains(&definition.map_type) && value != 0;
    MapSpec {
        name: kernel_name(kernel, name),
        map_type: definition.map_type,
        key_size: definition.key_size,
        value_size: definition.value_size,
        max_entries: definition.max_entries,
        map_flags: definition.map_flags,
        numa_node: definition.numa_node,
        map_extra: definition.map_extra,
        btf: btf.filter(|_| with_btf).map(|btf| (btf, key, value)),
        inner: None,
        kernel_value_type: 0,
        kernel_value_module: None,
        exclusive_program: None,
        ifindex: 0,
    }
}

fn create_one<K: Kernel>(
    kernel: &K,
    name: &str,
    mut spec: MapSpec<'_, K::Handle>,
    warnings: &mut Vec<String>,
) -> Result<K::Handle, SysError> {
    match kernel.map_create(&spec) {
        // Types only serve whoever looks at the map; it works without, but for storage and tables of operations.
        Err(error) if spec.btf.is_some() && spec.kernel_value_type == 0 && !NEEDS_BTF.contains(&spec.map_type) => {
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
