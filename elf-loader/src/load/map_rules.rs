//! Which attribute of a map a kernel refused: bpf(2) says EINVAL or E2BIG and no more, so its rules are gone through again.
//!
//! The rules are those of `map_create` (kernel/bpf/syscall.c) and of each type's `map_alloc_check` and `map_alloc`, as Linux
//! 5.10 to 7.2 have them. Nothing is refused by them: they are asked after the kernel has.

use purebpf_sys::system::version;
use purebpf_sys::uapi::{self as uapi, MapType};

use crate::object::MapDefinition;

use Size::{AnyButNone, Between, MultipleOf, None as NoSize, OneOf};

/// What a size may be.
#[derive(Clone, Copy, Debug)]
enum Size {
    /// 0: the type has no such thing.
    None,
    AnyButNone,
    OneOf(&'static [u32]),
    Between(u32, u32),
    /// A multiple, and not 0.
    MultipleOf(u32),
}

impl Size {
    fn fault(self, attribute: &str, value: u32, of: &str) -> Option<String> {
        let (fits, wanted) = match self {
            NoSize => (value == 0, format!("{of} have none")),
            AnyButNone => (value != 0, format!("{of} have one")),
            OneOf(sizes) => {
                let list: Vec<String> = sizes.iter().map(u32::to_string).collect();
                (sizes.contains(&value), format!("of {of} it is {}", list.join(" or ")))
            }
            Between(least, most) => ((least..=most).contains(&value), format!("of {of} it is from {least} to {most}")),
            MultipleOf(unit) => {
                (value != 0 && value % unit == 0, format!("of {of} it is a multiple of {unit} and not 0"))
            }
        };
        (!fits).then(|| format!("{attribute} is {value}: {wanted}"))
    }
}

/// What maps of a type are like.
#[derive(Clone, Copy, Debug)]
struct Rule {
    map_type: MapType,
    /// How they are called in a sentence.
    name: &'static str,
    key: Size,
    value: Size,
    /// Whether `max_entries` counts something; 0 if not, and never 0 if it does.
    counted: bool,
    /// Flags that may be set.
    flags: u32,
    /// Flags that must be.
    required: u32,
}

const NUMA: u32 = uapi::BPF_F_NUMA_NODE;
/// Limits for the holder of a descriptor.
const BY_FD: u32 = uapi::BPF_F_RDONLY | uapi::BPF_F_WRONLY;
/// And for programs.
const ACCESS: u32 = BY_FD | uapi::BPF_F_RDONLY_PROG | uapi::BPF_F_WRONLY_PROG;
const NO_PREALLOC: u32 = uapi::BPF_F_NO_PREALLOC;
const NO_COMMON_LRU: u32 = uapi::BPF_F_NO_COMMON_LRU;
const SEED: u32 = uapi::BPF_F_ZERO_SEED;
const STORAGE: u32 = NO_PREALLOC | uapi::BPF_F_CLONE;
const ARENA: u32 = uapi::BPF_F_MMAPABLE | uapi::BPF_F_SEGV_ON_FAULT | uapi::BPF_F_NO_USER_CONV;

const fn rule(map_type: MapType, name: &'static str, (key, value): (Size, Size), counted: bool, flags: u32) -> Rule {
    Rule { map_type, name, key, value, counted, flags, required: 0 }
}

const INDEX: Size = OneOf(&[4]);
const FD: Size = OneOf(&[4]);
const SOCKET: Size = OneOf(&[4, 8]);

/// By the number of the type.
const RULES: &[Rule] = &[
    rule(MapType::HASH, "hash maps", (AnyButNone, AnyButNone), true, NO_PREALLOC | NUMA | ACCESS | SEED),
    rule(
        MapType::ARRAY,
        "arrays",
        (INDEX, AnyButNone),
        true,
        NUMA | ACCESS | uapi::BPF_F_MMAPABLE | uapi::BPF_F_INNER_MAP,
    ),
    rule(MapType::PROG_ARRAY, "program arrays", (INDEX, FD), true, NUMA | BY_FD),
    rule(MapType::PERF_EVENT_ARRAY, "perf event arrays", (INDEX, FD), true, NUMA | BY_FD | uapi::BPF_F_PRESERVE_ELEMS),
    rule(MapType::PERCPU_HASH, "per-CPU hash maps", (AnyButNone, AnyButNone), true, NO_PREALLOC | ACCESS | SEED),
    rule(MapType::PERCPU_ARRAY, "per-CPU arrays", (INDEX, AnyButNone), true, ACCESS),
    rule(
        MapType::STACK_TRACE,
        "stack trace maps",
        (INDEX, MultipleOf(8)),
        true,
        NUMA | BY_FD | uapi::BPF_F_STACK_BUILD_ID,
    ),
    rule(MapType::CGROUP_ARRAY, "cgroup arrays", (INDEX, FD), true, NUMA | BY_FD),
    rule(MapType::LRU_HASH, "LRU hash maps", (AnyButNone, AnyButNone), true, NO_COMMON_LRU | NUMA | ACCESS | SEED),
    rule(
        MapType::LRU_PERCPU_HASH,
        "per-CPU LRU hash maps",
        (AnyButNone, AnyButNone),
        true,
        NO_COMMON_LRU | ACCESS | SEED,
    ),
    Rule {
        required: NO_PREALLOC,
        // `struct bpf_lpm_trie_key` and from 1 to 256 bytes behind it.
        ..rule(MapType::LPM_TRIE, "LPM tries", (Between(5, 260), AnyButNone), true, NO_PREALLOC | NUMA | ACCESS)
    },
    rule(MapType::ARRAY_OF_MAPS, "arrays of maps", (INDEX, FD), true, NUMA | BY_FD),
    rule(MapType::HASH_OF_MAPS, "hash maps of maps", (AnyButNone, FD), true, NO_PREALLOC | NUMA | ACCESS | SEED),
    rule(MapType::DEVMAP, "device maps", (INDEX, SOCKET), true, NUMA | BY_FD),
    rule(MapType::SOCKMAP, "socket maps", (INDEX, SOCKET), true, NUMA | BY_FD),
    rule(MapType::CPUMAP, "CPU maps", (INDEX, SOCKET), true, NUMA),
    rule(MapType::XSKMAP, "XSK maps", (INDEX, FD), true, NUMA | BY_FD),
    rule(MapType::SOCKHASH, "socket hash maps", (AnyButNone, SOCKET), true, NUMA | BY_FD),
    rule(
        MapType::CGROUP_STORAGE,
        "cgroup storage (of the older kind)",
        (OneOf(&[8, 16]), AnyButNone),
        false,
        NUMA | ACCESS,
    ),
    rule(MapType::REUSEPORT_SOCKARRAY, "socket arrays", (INDEX, SOCKET), true, NUMA | ACCESS),
    rule(
        MapType::PERCPU_CGROUP_STORAGE,
        "per-CPU cgroup storage (of the older kind)",
        (OneOf(&[8, 16]), AnyButNone),
        false,
        NUMA | ACCESS,
    ),
    rule(MapType::QUEUE, "queues", (NoSize, AnyButNone), true, NUMA | ACCESS),
    rule(MapType::STACK, "stacks", (NoSize, AnyButNone), true, NUMA | ACCESS),
    storage(MapType::SK_STORAGE, "socket storage"),
    rule(MapType::DEVMAP_HASH, "device hash maps", (INDEX, SOCKET), true, NUMA | BY_FD),
    rule(MapType::RINGBUF, "ring buffers", (NoSize, NoSize), true, NUMA | uapi::BPF_F_RB_OVERWRITE),
    storage(MapType::INODE_STORAGE, "inode storage"),
    storage(MapType::TASK_STORAGE, "task storage"),
    rule(MapType::BLOOM_FILTER, "bloom filters", (NoSize, AnyButNone), true, NUMA | ACCESS | SEED),
    rule(MapType::USER_RINGBUF, "user ring buffers", (NoSize, NoSize), true, NUMA),
    storage(MapType::CGRP_STORAGE, "cgroup storage"),
    Rule { required: uapi::BPF_F_MMAPABLE, ..rule(MapType::ARENA, "arenas", (NoSize, NoSize), true, ARENA) },
    // `struct bpf_insn_array_value`.
    rule(MapType::INSN_ARRAY, "instruction arrays", (INDEX, OneOf(&[16])), true, 0),
    Rule {
        required: NO_PREALLOC,
        ..rule(
            MapType::RHASH,
            "resizable hash maps",
            (Between(1, 0xffff), AnyButNone),
            true,
            NO_PREALLOC | NUMA | ACCESS,
        )
    },
];

const fn storage(map_type: MapType, name: &'static str) -> Rule {
    Rule { required: NO_PREALLOC, ..rule(map_type, name, (OneOf(&[4]), AnyButNone), false, STORAGE) }
}

/// Flags, their names, and the mainline kernel that brought them.
const FLAGS: [(u32, &str, (u32, u32)); 18] = [
    (uapi::BPF_F_NO_PREALLOC, "BPF_F_NO_PREALLOC", (4, 6)),
    (uapi::BPF_F_NO_COMMON_LRU, "BPF_F_NO_COMMON_LRU", (4, 10)),
    (uapi::BPF_F_NUMA_NODE, "BPF_F_NUMA_NODE", (4, 14)),
    (uapi::BPF_F_RDONLY, "BPF_F_RDONLY", (4, 15)),
    (uapi::BPF_F_WRONLY, "BPF_F_WRONLY", (4, 15)),
    (uapi::BPF_F_STACK_BUILD_ID, "BPF_F_STACK_BUILD_ID", (4, 17)),
    (uapi::BPF_F_ZERO_SEED, "BPF_F_ZERO_SEED", (5, 0)),
    (uapi::BPF_F_RDONLY_PROG, "BPF_F_RDONLY_PROG", (5, 2)),
    (uapi::BPF_F_WRONLY_PROG, "BPF_F_WRONLY_PROG", (5, 2)),
    (uapi::BPF_F_CLONE, "BPF_F_CLONE", (5, 4)),
    (uapi::BPF_F_MMAPABLE, "BPF_F_MMAPABLE", (5, 5)),
    (uapi::BPF_F_PRESERVE_ELEMS, "BPF_F_PRESERVE_ELEMS", (5, 10)),
    (uapi::BPF_F_INNER_MAP, "BPF_F_INNER_MAP", (5, 10)),
    (uapi::BPF_F_LINK, "BPF_F_LINK", (6, 4)),
    (uapi::BPF_F_VTYPE_BTF_OBJ_FD, "BPF_F_VTYPE_BTF_OBJ_FD", (6, 9)),
    (uapi::BPF_F_SEGV_ON_FAULT, "BPF_F_SEGV_ON_FAULT", (6, 9)),
    (uapi::BPF_F_NO_USER_CONV, "BPF_F_NO_USER_CONV", (6, 9)),
    (uapi::BPF_F_RB_OVERWRITE, "BPF_F_RB_OVERWRITE", (6, 19)),
];

/// The most that `kmalloc` gives at once, with pages of 4 KiB.
const KMALLOC_MAX: u64 = 4 << 20;
/// The most that a value of each CPU may take (`PCPU_MIN_UNIT_SIZE`).
const PERCPU_MAX: u32 = 32 << 10;
/// The longest key before 5.11, and of socket hash maps (`MAX_BPF_STACK`).
const STACK_MAX: u32 = 512;
/// How many frames a stack trace has unless `kernel.perf_event_max_stack` says otherwise.
const FRAMES: u32 = 127;

/// Errno numbers that are the same on every architecture that has BPF, and the kernel's own ENOTSUPP.
pub(super) mod errno {
    pub(in super::super) const EPERM: i32 = 1;
    pub(in super::super) const ENOENT: i32 = 2;
    pub(in super::super) const E2BIG: i32 = 7;
    pub(in super::super) const EBADF: i32 = 9;
    pub(in super::super) const ENOMEM: i32 = 12;
    pub(in super::super) const EEXIST: i32 = 17;
    pub(in super::super) const EINVAL: i32 = 22;
    pub(in super::super) const ENOSPC: i32 = 28;
    pub(in super::super) const ENOTSUPP: i32 = purebpf_sys::error::ENOTSUPP;
}

/// Which attribute of a map a kernel of this `version` (as `LINUX_VERSION_CODE` has it) refused with `errno`, and why: by the
/// kernel's own rules. `None` when they say nothing against it.
///
/// ```
/// use purebpf_elf_loader::{load::explain_map_create, object::MapDefinition};
/// use purebpf_sys::{system::version, uapi::MapType};
///
/// let mut array = MapDefinition::new(MapType::ARRAY);
/// (array.key_size, array.value_size, array.max_entries) = (8, 8, 16);
/// let einval = 22;
/// assert_eq!(
///     explain_map_create(&array, einval, version(6, 12, 0)).as_deref(),
///     Some("key_size is 8: of arrays it is 4")
/// );
/// ```
pub fn explain_map_create(map: &MapDefinition, errno: i32, version: u32) -> Option<String> {
    let rule = RULES.iter().find(|rule| rule.map_type == map.map_type);
    match errno {
        errno::EINVAL => invalid(map, rule, version),
        // The descriptor that is missing is looked up before anything else, and is whatever number 0 is.
        errno::EBADF => without_inner(map),
        errno::E2BIG => too_big(map).or_else(|| unknown_attribute(map, version)),
        errno::ENOMEM => Some(too_much_memory(map)),
        errno::ENOTSUPP => not_supported(map),
        errno::EPERM => forbidden(map, version),
        errno::ENOSPC => Some("the kernel has no ids left for maps".to_owned()),
        _ => None,
    }
}

fn invalid(map: &MapDefinition, rule: Option<&Rule>, running: u32) -> Option<String> {
    if map.map_type == MapType::STRUCT_OPS {
        // What is wrong with one depends on the kernel's types.
        return None;
    }
    let Some(rule) = rule else {
        return Some(format!("map_type is {}: this kernel does not know it", map.map_type.0));
    };
    if let Some(since) = map.map_type.since().filter(|since| running < *since) {
        return Some(format!("map_type: {} came with Linux {}, this is {}", rule.name, dotted(since), dotted(running)));
    }
    unknown_attribute(map, running)
        .or_else(|| rule.key.fault("key_size", map.key_size, rule.name))
        .or_else(|| rule.value.fault("value_size", map.value_size, rule.name))
        .or_else(|| entries(map, rule))
        .or_else(|| flags(map, rule, running))
        .or_else(|| of_type(map))
        .or_else(|| without_inner(map))
        .or_else(|| {
            let numbered = map.map_flags & NUMA != 0;
            numbered
                .then(|| format!("numa_node is {}: there is none of that number, or it is not online", map.numa_node))
        })
        .or_else(|| {
            let config = configuration(map.map_type)?;
            Some(format!("map_type: this kernel may have been built without {config}, which {} need", rule.name))
        })
}

/// What kernels are built with to have a type, where that may be left out (include/linux/bpf_types.h).
fn configuration(map_type: MapType) -> Option<&'static str> {
    Some(match map_type {
        MapType::STACK_TRACE => "CONFIG_PERF_EVENTS",
        MapType::CGROUP_ARRAY | MapType::CGRP_STORAGE => "CONFIG_CGROUPS",
        MapType::CGROUP_STORAGE | MapType::PERCPU_CGROUP_STORAGE => "CONFIG_CGROUP_BPF",
        MapType::INODE_STORAGE => "CONFIG_BPF_LSM",
        MapType::XSKMAP => "CONFIG_XDP_SOCKETS",
        MapType::SOCKMAP | MapType::SOCKHASH | MapType::REUSEPORT_SOCKARRAY => "CONFIG_INET",
        MapType::SK_STORAGE | MapType::DEVMAP | MapType::DEVMAP_HASH | MapType::CPUMAP => "CONFIG_NET",
        _ => return None,
    })
}

fn entries(map: &MapDefinition, rule: &Rule) -> Option<String> {
    match (rule.counted, map.max_entries) {
        (true, 0) => Some("max_entries is 0: it must be 1 or more".to_owned()),
        (false, 1..) => Some(format!(
            "max_entries is {}: {} has as many as there are owners, and takes 0",
            map.max_entries, rule.name
        )),
        _ => None,
    }
}

fn flags(map: &MapDefinition, rule: &Rule, running: u32) -> Option<String> {
    let missing = rule.required & !map.map_flags;
    if missing != 0 {
        return Some(format!("map_flags: {} must have {}", rule.name, names_of(missing)));
    }
    let foreign = map.map_flags & !rule.flags;
    if foreign != 0 {
        return Some(format!("map_flags: {} do not have {}", rule.name, names_of(foreign)));
    }
    let newer = FLAGS
        .iter()
        .find(|(flag, _, (major, minor))| map.map_flags & flag != 0 && running < version(*major, *minor, 0));
    if let Some((_, name, (major, minor))) = newer {
        return Some(format!("map_flags: {name} came with Linux {major}.{minor}, this is {}", dotted(running)));
    }
    [BY_FD, uapi::BPF_F_RDONLY_PROG | uapi::BPF_F_WRONLY_PROG]
        .into_iter()
        .find(|both| map.map_flags & both == *both)
        .map(|both| format!("map_flags: {} exclude each other", names_of(both)))
}

/// What else types ask for.
fn of_type(map: &MapDefinition) -> Option<String> {
    match map.map_type {
        MapType::RINGBUF | MapType::USER_RINGBUF => {
            let fits = map.max_entries.is_power_of_two() && map.max_entries % 4096 == 0;
            (!fits).then(|| {
                format!("max_entries is {}: the size of a ring is a power of two, and whole pages", map.max_entries)
            })
        }
        MapType::STACK_TRACE => {
            // `struct bpf_stack_build_id`.
            let frame = if map.map_flags & uapi::BPF_F_STACK_BUILD_ID != 0 { 32 } else { 8 };
            let value = map.value_size;
            if value % frame != 0 {
                return Some(format!("value_size is {value}: a frame with a build id takes {frame} bytes"));
            }
            (value / frame > FRAMES).then(|| {
                format!(
                    "value_size is {value}, for {} frames: there are at most {FRAMES}, or kernel.perf_event_max_stack",
                    value / frame
                )
            })
        }
        MapType::BLOOM_FILTER => (map.map_extra > 15)
            .then(|| format!("map_extra is {}: a bloom filter has at most 15 hash functions", map.map_extra)),
        MapType::ARENA => (map.map_extra % 4096 != 0)
            .then(|| format!("map_extra is {:#x}: an arena's address is that of a page", map.map_extra)),
        MapType::LRU_HASH | MapType::LRU_PERCPU_HASH => (map.map_flags & NO_COMMON_LRU != 0
            && map.map_flags & NUMA != 0)
            .then(|| format!("map_flags: {} exclude each other", names_of(NO_COMMON_LRU | NUMA))),
        MapType::LPM_TRIE => (u64::from(map.value_size) > KMALLOC_MAX / 2)
            .then(|| format!("value_size is {}: that is more than the kernel allocates at once", map.value_size)),
        MapType::SK_STORAGE | MapType::INODE_STORAGE | MapType::TASK_STORAGE | MapType::CGRP_STORAGE => {
            let typed = map.key_type_id.is_some() && map.value_type_id.is_some();
            (!typed)
                .then(|| "btf_key_type_id, btf_value_type_id: storage needs BTF types of its key and value".to_owned())
        }
        _ => None,
    }
}

/// `map_extra` where the type has none, or the kernel does not know it.
fn unknown_attribute(map: &MapDefinition, running: u32) -> Option<String> {
    if map.map_extra == 0 {
        return None;
    }
    if running < version(5, 16, 0) {
        return Some(format!("map_extra is {}: it came with Linux 5.16, this is {}", map.map_extra, dotted(running)));
    }
    let has = matches!(map.map_type, MapType::BLOOM_FILTER | MapType::ARENA | MapType::RHASH);
    (!has).then(|| format!("map_extra is {}: maps of this type have none", map.map_extra))
}

fn without_inner(map: &MapDefinition) -> Option<String> {
    let holds_maps = |map: &MapDefinition| matches!(map.map_type, MapType::ARRAY_OF_MAPS | MapType::HASH_OF_MAPS);
    if !holds_maps(map) {
        return None;
    }
    match &map.inner {
        None => Some("inner_map_fd: there is no inner map to go by; declare `__array(values, …)`".to_owned()),
        Some(inner) => holds_maps(inner).then(|| "inner_map_fd: maps of maps of maps there are none".to_owned()),
    }
}

fn too_big(map: &MapDefinition) -> Option<String> {
    let (key, value) = (u64::from(map.key_size), u64::from(map.value_size));
    let allocated = || {
        (value > KMALLOC_MAX)
            .then(|| format!("value_size is {value}: the most that the kernel allocates at once is {KMALLOC_MAX}"))
    };
    match map.map_type {
        // Before they were allocated page by page, that was less.
        MapType::ARRAY if map.value_size > i32::MAX as u32 => {
            Some(format!("value_size is {value}: it is at most {}", i32::MAX))
        }
        MapType::ARRAY => allocated().or_else(|| Some(too_much_memory(map))),
        MapType::PERCPU_ARRAY => percpu_value(map),
        MapType::HASH | MapType::LRU_HASH | MapType::HASH_OF_MAPS | MapType::PERCPU_HASH | MapType::LRU_PERCPU_HASH => {
            if let Some(fault) = percpu_value(map) {
                return Some(fault);
            }
            // Less a few dozen bytes of the kernel's own.
            if key + value > KMALLOC_MAX - 128 {
                return Some(format!(
                    "key_size and value_size are {} together: the most that the kernel allocates at once is {KMALLOC_MAX}",
                    key + value
                ));
            }
            (map.key_size > STACK_MAX).then(|| format!("key_size is {key}: this kernel takes at most {STACK_MAX}"))
        }
        MapType::SOCKHASH => {
            (map.key_size > STACK_MAX).then(|| format!("key_size is {key}: it is at most {STACK_MAX}"))
        }
        MapType::CPUMAP => {
            Some(format!("max_entries is {}: the kernel is not built for so many CPUs", map.max_entries))
        }
        MapType::STACK_TRACE => Some(format!("max_entries is {}: at most half of what 32 bits count", map.max_entries)),
        MapType::ARENA => Some(format!("max_entries is {}, in pages: an arena has at most 4 GiB", map.max_entries)),
        MapType::QUEUE | MapType::STACK | MapType::BLOOM_FILTER => allocated().or_else(|| {
            Some(format!("max_entries is {}: with values of {value} bytes that is too much", map.max_entries))
        }),
        MapType::SK_STORAGE
        | MapType::INODE_STORAGE
        | MapType::TASK_STORAGE
        | MapType::CGRP_STORAGE
        | MapType::CGROUP_STORAGE
        | MapType::PERCPU_CGROUP_STORAGE => {
            Some(format!("value_size is {value}: storage has at most {}", storage_limit(map.map_type)))
        }
        _ => None,
    }
}

fn is_percpu(map: &MapDefinition) -> bool {
    matches!(map.map_type, MapType::PERCPU_ARRAY | MapType::PERCPU_HASH | MapType::LRU_PERCPU_HASH)
}

fn percpu_value(map: &MapDefinition) -> Option<String> {
    let too_large = is_percpu(map) && map.value_size > PERCPU_MAX;
    too_large.then(|| format!("value_size is {}: for each CPU there are at most {PERCPU_MAX} bytes", map.value_size))
}

/// The most that a value in storage takes.
fn storage_limit(map_type: MapType) -> &'static str {
    match map_type {
        MapType::PERCPU_CGROUP_STORAGE => "32 KiB",
        // `BPF_LOCAL_STORAGE_MAX_VALUE_SIZE`; that of the older kind was a page.
        MapType::CGROUP_STORAGE => "64 KiB, in older kernels a page",
        _ => "64 KiB",
    }
}

fn too_much_memory(map: &MapDefinition) -> String {
    if let Some(fault) = percpu_value(map) {
        return fault;
    }
    let entries = u64::from(map.max_entries);
    if matches!(map.map_type, MapType::RINGBUF | MapType::USER_RINGBUF) {
        return format!("max_entries is {entries}: there is no memory for a ring of so many bytes");
    }
    let whole = entries.saturating_mul(u64::from(map.key_size) + u64::from(map.value_size));
    let each = if is_percpu(map) { ", for each CPU" } else { "" };
    let later = match map.map_type {
        MapType::HASH | MapType::PERCPU_HASH | MapType::HASH_OF_MAPS if map.map_flags & NO_PREALLOC == 0 => {
            "; with BPF_F_NO_PREALLOC it is taken when elements come"
        }
        _ => "",
    };
    format!("max_entries is {entries}: there are not {whole} bytes of memory for that{each}{later}")
}

fn not_supported(map: &MapDefinition) -> Option<String> {
    match map.map_type {
        MapType::LRU_HASH | MapType::LRU_PERCPU_HASH if map.map_flags & NO_PREALLOC != 0 => {
            Some("map_flags: LRU maps do not have BPF_F_NO_PREALLOC".to_owned())
        }
        MapType::ARRAY_OF_MAPS | MapType::HASH_OF_MAPS => {
            Some("inner_map_fd: maps of the inner map's type cannot be held in others".to_owned())
        }
        _ => None,
    }
}

fn forbidden(map: &MapDefinition, running: u32) -> Option<String> {
    if map.map_flags & SEED != 0 {
        return Some("map_flags: BPF_F_ZERO_SEED takes CAP_SYS_ADMIN".to_owned());
    }
    let of_the_net = [MapType::SOCKMAP, MapType::SOCKHASH, MapType::DEVMAP, MapType::DEVMAP_HASH, MapType::XSKMAP];
    if of_the_net.contains(&map.map_type) {
        return Some("map_type: maps of this type take CAP_NET_ADMIN".to_owned());
    }
    (running < version(5, 11, 0)).then(|| {
        "before Linux 5.11 a map's memory (max_entries, value_size) counts against RLIMIT_MEMLOCK (`ulimit -l`)"
            .to_owned()
    })
}

fn names_of(flags: u32) -> String {
    let mut rest = flags;
    let mut names: Vec<String> = Vec::new();
    for (flag, name, _) in FLAGS.iter().filter(|(flag, ..)| flags & flag != 0) {
        rest &= !flag;
        names.push((*name).to_owned());
    }
    if rest != 0 {
        names.push(format!("{rest:#x}"));
    }
    names.join(" and ")
}

/// `6.12` of a `LINUX_VERSION_CODE`.
fn dotted(version: u32) -> String {
    format!("{}.{}", version >> 16, version >> 8 & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(map_type: MapType, key_size: u32, value_size: u32, max_entries: u32) -> MapDefinition {
        MapDefinition { key_size, value_size, max_entries, ..MapDefinition::new(map_type) }
    }

    // What the running kernel says is in tests/kernel_map_rules.rs; these it cannot be made to say everywhere.
    #[test]
    fn what_a_kernel_lacks_is_told() {
        let bloom = map(MapType::BLOOM_FILTER, 0, 8, 4);
        let why = |map: &MapDefinition, errno, minor| explain_map_create(map, errno, version(5, minor, 0));
        assert_eq!(
            why(&bloom, errno::EINVAL, 10).unwrap(),
            "map_type: bloom filters came with Linux 5.16, this is 5.10"
        );
        assert_eq!(why(&bloom, errno::EINVAL, 16), None, "nothing is wrong with it");
        let sockets = map(MapType::XSKMAP, 4, 4, 4);
        assert!(why(&sockets, errno::EINVAL, 10).unwrap().contains("CONFIG_XDP_SOCKETS"));
        let array = map(MapType::ARRAY, 4, 8, 4);
        assert!(why(&array, errno::EPERM, 10).unwrap().contains("RLIMIT_MEMLOCK"));
        assert_eq!(why(&array, errno::EPERM, 11), None);
        assert!(why(&sockets, errno::EPERM, 11).unwrap().contains("CAP_NET_ADMIN"));
        let hash = map(MapType::HASH, 4, 8, 1 << 20);
        assert!(
            why(&hash, errno::ENOMEM, 11).unwrap().starts_with("max_entries is 1048576: there are not 12582912 bytes")
        );
    }

    /// Whatever a file declares.
    #[test]
    fn no_definition_is_too_strange() {
        let ends = [0, 1, 4, 0x8000, 0x7fff_ffff, u32::MAX];
        let errnos =
            [errno::EPERM, errno::E2BIG, errno::EBADF, errno::ENOMEM, errno::EINVAL, errno::ENOSPC, errno::ENOTSUPP];
        let mut told = 0;
        for number in 0..40 {
            for (key_size, value_size) in ends.iter().flat_map(|key| ends.map(|value| (*key, value))) {
                for max_entries in ends {
                    let mut map = map(MapType(number), key_size, value_size, max_entries);
                    (map.map_flags, map.map_extra) = (key_size, u64::from(value_size) << 32);
                    told += errnos.iter().filter(|errno| explain_map_create(&map, **errno, u32::MAX).is_some()).count();
                }
            }
        }
        assert!(told > 1000, "{told}");
    }
}
