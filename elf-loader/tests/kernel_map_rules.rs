//! Maps that the running kernel refuses for one attribute each: that it does, that the attribute is named, and that the same
//! map with that attribute right is created.

use std::env;
use std::os::fd::{AsFd, OwnedFd};

use purebpf_btf::builder::Builder;
use purebpf_btf::{IntEncoding, TypeId};
use purebpf_elf_loader::load::explain_map_create;
use purebpf_elf_loader::object::MapDefinition;
use purebpf_sys::Error as SysError;
use purebpf_sys::btf::BtfLoad;
use purebpf_sys::map::MapCreate;
use purebpf_sys::system::{kernel_version, version};
use purebpf_sys::uapi::{self as uapi, MapFlags, MapType};

/// A map with one fault.
struct Case {
    /// Type, key, value, entries, flags.
    bad: (MapType, u32, u32, u32, u32),
    map_extra: u64,
    /// Whether it is given BTF types, and an inner map.
    typed: bool,
    inner: bool,
    /// What the explanation begins with.
    attribute: &'static str,
    /// Makes it right.
    mend: fn(&mut MapDefinition),
    /// The first kernels that have maps like the mended one, and that no longer refuse the bad one.
    since: (u32, u32),
    until: (u32, u32),
}

const ENOMEM: i32 = 12;

const NEVER: (u32, u32) = (99, 0);

const fn case(bad: (MapType, u32, u32, u32, u32), attribute: &'static str, mend: fn(&mut MapDefinition)) -> Case {
    Case { bad, map_extra: 0, typed: false, inner: false, attribute, mend, since: (5, 10), until: NEVER }
}

const NO_PREALLOC: u32 = uapi::BPF_F_NO_PREALLOC;
const MMAPABLE: u32 = uapi::BPF_F_MMAPABLE;
const ACCESS_PROG: u32 = uapi::BPF_F_RDONLY_PROG | uapi::BPF_F_WRONLY_PROG;
const MIB: u32 = 1 << 20;

const CASES: &[Case] = &[
    // arraymap.c: array_map_alloc_check
    case((MapType::ARRAY, 8, 8, 4, 0), "key_size is 8", |map| map.key_size = 4),
    case((MapType::ARRAY, 4, 0, 4, 0), "value_size is 0", |map| map.value_size = 8),
    case((MapType::ARRAY, 4, 8, 0, 0), "max_entries is 0", |map| map.max_entries = 4),
    case((MapType::ARRAY, 4, 8, 4, NO_PREALLOC), "map_flags: arrays do not have BPF_F_NO_PREALLOC", |map| {
        map.map_flags = 0;
    }),
    case((MapType::ARRAY, 4, 8, 4, ACCESS_PROG), "map_flags: BPF_F_RDONLY_PROG and", |map| {
        map.map_flags = uapi::BPF_F_RDONLY_PROG;
    }),
    case((MapType::ARRAY, 4, 1 << 31, 4, 0), "value_size is 2147483648", |map| map.value_size = 8),
    case((MapType::ARRAY, 4, MIB, i32::MAX as u32, 0), "max_entries is 2147483647", |map| map.max_entries = 4),
    case((MapType::ARRAY, 4, 8, 4, 1 << 31), "map_flags: arrays do not have 0x80000000", |map| map.map_flags = 0),
    case((MapType::PERCPU_ARRAY, 4, 40000, 1, 0), "value_size is 40000", |map| map.value_size = 4000),
    case((MapType::PERCPU_ARRAY, 4, 8, 1, MMAPABLE), "map_flags: per-CPU arrays", |map| map.map_flags = 0),
    case((MapType::PERCPU_ARRAY, 4, 8, 1, uapi::BPF_F_NUMA_NODE), "map_flags: per-CPU arrays", |map| map.map_flags = 0),
    case((MapType::PROG_ARRAY, 4, 8, 1, 0), "value_size is 8", |map| map.value_size = 4),
    case((MapType::PROG_ARRAY, 4, 4, 1, uapi::BPF_F_RDONLY_PROG), "map_flags: program arrays", |map| map.map_flags = 0),
    case((MapType::PERF_EVENT_ARRAY, 8, 4, 1, 0), "key_size is 8", |map| map.key_size = 4),
    case((MapType::ARRAY, 4, 8, 4, uapi::BPF_F_PRESERVE_ELEMS), "map_flags: arrays", |map| {
        map.map_type = MapType::PERF_EVENT_ARRAY;
        map.value_size = 4;
    }),
    // hashtab.c: htab_map_alloc_check
    case((MapType::HASH, 0, 8, 4, 0), "key_size is 0", |map| map.key_size = 4),
    case((MapType::HASH, 4, 0, 4, 0), "value_size is 0", |map| map.value_size = 4),
    case((MapType::HASH, 4, 8, 0, 0), "max_entries is 0", |map| map.max_entries = 4),
    case((MapType::HASH, 4, 8, 4, MMAPABLE), "map_flags: hash maps do not have BPF_F_MMAPABLE", |map| {
        map.map_flags = 0;
    }),
    case((MapType::HASH, 4, 8, 4, uapi::BPF_F_NO_COMMON_LRU), "map_flags: hash maps", |map| {
        map.map_type = MapType::LRU_HASH;
    }),
    case((MapType::HASH, 4, 5 * MIB, 1, NO_PREALLOC), "key_size and value_size are", |map| map.value_size = MIB),
    Case { until: (6, 1), ..case((MapType::HASH, 600, 8, 4, 0), "key_size is 600", |map| map.key_size = 512) },
    case((MapType::LRU_HASH, 4, 8, 4, NO_PREALLOC), "map_flags: LRU maps", |map| map.map_flags = 0),
    case((MapType::PERCPU_HASH, 4, 40000, 1, 0), "value_size is 40000", |map| map.value_size = 4000),
    case((MapType::PERCPU_HASH, 4, 8, 1, uapi::BPF_F_NUMA_NODE), "map_flags: per-CPU hash", |map| map.map_flags = 0),
    // lpm_trie.c: trie_alloc
    case((MapType::LPM_TRIE, 8, 8, 4, 0), "map_flags: LPM tries must have BPF_F_NO_PREALLOC", |map| {
        map.map_flags = NO_PREALLOC;
    }),
    case((MapType::LPM_TRIE, 4, 8, 4, NO_PREALLOC), "key_size is 4", |map| map.key_size = 5),
    case((MapType::LPM_TRIE, 261, 8, 4, NO_PREALLOC), "key_size is 261", |map| map.key_size = 260),
    // map_in_map.c, arraymap.c: array_of_map_alloc
    case((MapType::ARRAY_OF_MAPS, 4, 4, 4, 0), "inner_map_fd", |map| {
        map.inner = Some(Box::new(MapDefinition::new(MapType::ARRAY)));
    }),
    Case { inner: true, ..case((MapType::HASH_OF_MAPS, 4, 8, 4, 0), "value_size is 8", |map| map.value_size = 4) },
    // queue_stack_maps.c: queue_stack_map_alloc_check
    case((MapType::QUEUE, 4, 8, 4, 0), "key_size is 4", |map| map.key_size = 0),
    case((MapType::STACK, 0, 0, 4, 0), "value_size is 0", |map| map.value_size = 8),
    case((MapType::QUEUE, 0, 5 * MIB, 1, 0), "value_size is 5242880", |map| map.value_size = 8),
    // ringbuf.c: ringbuf_map_alloc
    case((MapType::RINGBUF, 0, 0, 5000, 0), "max_entries is 5000", |map| map.max_entries = 4096),
    case((MapType::RINGBUF, 0, 0, 1024, 0), "max_entries is 1024", |map| map.max_entries = 4096),
    case((MapType::RINGBUF, 0, 0, 0, 0), "max_entries is 0", |map| map.max_entries = 4096),
    case((MapType::RINGBUF, 4, 0, 4096, 0), "key_size is 4", |map| map.key_size = 0),
    case((MapType::RINGBUF, 0, 8, 4096, 0), "value_size is 8", |map| map.value_size = 0),
    Case {
        until: (6, 19),
        ..case(
            (MapType::RINGBUF, 0, 0, 4096, uapi::BPF_F_RB_OVERWRITE),
            "map_flags: BPF_F_RB_OVERWRITE came with Linux 6.19",
            |map| map.map_flags = 0,
        )
    },
    Case {
        since: (6, 1),
        ..case((MapType::USER_RINGBUF, 0, 0, 4096, uapi::BPF_F_RB_OVERWRITE), "map_flags: user ring buffers", |map| {
            map.map_flags = 0;
        })
    },
    // stackmap.c: stack_map_alloc
    case((MapType::STACK_TRACE, 4, 12, 4, 0), "value_size is 12", |map| map.value_size = 16),
    case((MapType::STACK_TRACE, 8, 16, 4, 0), "key_size is 8", |map| map.key_size = 4),
    case((MapType::STACK_TRACE, 4, 8 * 200, 4, 0), "value_size is 1600, for 200 frames", |map| {
        map.value_size = 8 * 127;
    }),
    case((MapType::STACK_TRACE, 4, 40, 4, uapi::BPF_F_STACK_BUILD_ID), "value_size is 40", |map| map.value_size = 64),
    // bpf_local_storage.c: bpf_local_storage_map_alloc_check
    case((MapType::SK_STORAGE, 4, 8, 0, NO_PREALLOC), "btf_key_type_id, btf_value_type_id", |map| {
        (map.key_type_id, map.value_type_id) = (Some(INT), Some(LONG));
    }),
    Case {
        typed: true,
        ..case((MapType::SK_STORAGE, 4, 8, 1, NO_PREALLOC), "max_entries is 1", |map| map.max_entries = 0)
    },
    Case {
        typed: true,
        ..case((MapType::SK_STORAGE, 4, 8, 0, 0), "map_flags: socket storage must", |map| map.map_flags = NO_PREALLOC)
    },
    Case {
        typed: true,
        ..case((MapType::SK_STORAGE, 4, 70000, 0, NO_PREALLOC), "value_size is 70000", |map| map.value_size = 8)
    },
    Case {
        typed: true,
        since: (5, 11),
        ..case((MapType::TASK_STORAGE, 8, 8, 0, NO_PREALLOC), "key_size is 8", |map| map.key_size = 4)
    },
    // local_storage.c: cgroup_storage_map_alloc
    case((MapType::CGROUP_STORAGE, 4, 8, 0, 0), "key_size is 4", |map| map.key_size = 8),
    case((MapType::CGROUP_STORAGE, 8, 8, 1, 0), "max_entries is 1", |map| map.max_entries = 0),
    case((MapType::CGROUP_STORAGE, 8, 70000, 0, 0), "value_size is 70000", |map| map.value_size = 8),
    // bloom_filter.c: bloom_map_alloc
    Case { since: (5, 16), ..case((MapType::BLOOM_FILTER, 4, 8, 4, 0), "key_size is 4", |map| map.key_size = 0) },
    Case {
        since: (5, 16),
        map_extra: 16,
        ..case((MapType::BLOOM_FILTER, 0, 8, 4, 0), "map_extra is 16", |map| map.map_extra = 15)
    },
    // syscall.c: map_create
    Case { map_extra: 1, ..case((MapType::HASH, 4, 8, 4, 0), "map_extra is 1", |map| map.map_extra = 0) },
    case((MapType::HASH, 4, 8, 4, uapi::BPF_F_NUMA_NODE), "numa_node is 1023", |map| map.numa_node = 0),
    case((MapType(999), 4, 8, 4, 0), "map_type is 999", |map| map.map_type = MapType::HASH),
    case((MapType::HASH, 4, 8, 4, uapi::BPF_F_RDONLY | uapi::BPF_F_WRONLY), "map_flags: BPF_F_RDONLY and", |map| {
        map.map_flags = 0;
    }),
    // devmap.c, cpumap.c, sock_map.c, xskmap.c, reuseport_array.c
    case((MapType::DEVMAP, 4, 16, 4, 0), "value_size is 16", |map| map.value_size = 4),
    case((MapType::CPUMAP, 4, 4, 1 << 20, 0), "max_entries is 1048576", |map| map.max_entries = 1),
    case((MapType::SOCKMAP, 4, 2, 4, 0), "value_size is 2", |map| map.value_size = 8),
    case((MapType::SOCKHASH, 600, 4, 4, 0), "key_size is 600", |map| map.key_size = 512),
    case((MapType::XSKMAP, 4, 8, 4, 0), "value_size is 8", |map| map.value_size = 4),
    case((MapType::REUSEPORT_SOCKARRAY, 4, 2, 4, 0), "value_size is 2", |map| map.value_size = 8),
    // arena.c: arena_map_alloc
    Case {
        since: (6, 9),
        ..case((MapType::ARENA, 0, 0, 4, 0), "map_flags: arenas must have BPF_F_MMAPABLE", |map| {
            map.map_flags = MMAPABLE;
        })
    },
    Case { since: (6, 9), ..case((MapType::ARENA, 4, 0, 4, MMAPABLE), "key_size is 4", |map| map.key_size = 0) },
    Case {
        since: (6, 9),
        ..case((MapType::ARENA, 0, 0, 1 << 21, MMAPABLE), "max_entries is 2097152", |map| map.max_entries = 4)
    },
    // bpf_insn_array.c: insn_array_alloc_check
    Case { since: (6, 19), ..case((MapType::INSN_ARRAY, 4, 8, 4, 0), "value_size is 8", |map| map.value_size = 16) },
    Case {
        since: (7, 2),
        ..case((MapType::RHASH, 4, 8, 4, 0), "map_flags: resizable hash maps must", |map| map.map_flags = NO_PREALLOC)
    },
];

/// Ids of the types that [`types`] has.
const INT: TypeId = TypeId(1);
const LONG: TypeId = TypeId(2);

fn types() -> OwnedFd {
    let mut builder = Builder::new();
    assert_eq!(builder.add_int("int", 4, IntEncoding::SIGNED).unwrap(), INT);
    assert_eq!(builder.add_int("long", 8, IntEncoding::SIGNED).unwrap(), LONG);
    BtfLoad::new(&builder.finish()).load().unwrap()
}

fn create(map: &MapDefinition, types: &OwnedFd) -> Result<OwnedFd, SysError> {
    let mut create = MapCreate::new(map.map_type, map.key_size, map.value_size, map.max_entries)
        .flags(MapFlags::from_bits_retain(map.map_flags))
        .map_extra(map.map_extra);
    if map.map_flags & uapi::BPF_F_NUMA_NODE != 0 {
        create = create.numa_node(map.numa_node);
    }
    if let (Some(key), Some(value)) = (map.key_type_id, map.value_type_id) {
        create = create.btf(types.as_fd(), key.0, value.0);
    }
    let inner = MapCreate::new(MapType::ARRAY, 4, 4, 1).create().unwrap();
    if map.inner.is_some() {
        create = create.inner_map(inner.as_fd());
    }
    create.create()
}

fn definition(case: &Case) -> MapDefinition {
    let (map_type, key_size, value_size, max_entries, map_flags) = case.bad;
    let mut map = MapDefinition::new(map_type);
    (map.key_size, map.value_size, map.max_entries, map.map_flags) = (key_size, value_size, max_entries, map_flags);
    map.map_extra = case.map_extra;
    // Counts with the flag alone.
    map.numa_node = 1023;
    if case.typed {
        (map.key_type_id, map.value_type_id) = (Some(INT), Some(LONG));
    }
    map.inner = case.inner.then(|| Box::new(MapDefinition::new(MapType::ARRAY)));
    map
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

#[test]
fn the_attribute_that_is_refused_is_named() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let types = types();
    let running = kernel_version();
    let at_least = |(major, minor)| running >= version(major, minor, 0);
    let (mut told, mut wrong) = (0, String::new());
    for case in CASES {
        let bad = definition(case);
        let mut mended = bad.clone();
        (case.mend)(&mut mended);
        let what = format!("{:?}, '{}'", case.bad, case.attribute);
        if !at_least(case.since) {
            // The type itself is what is wrong.
            let error = create(&mended, &types).expect_err("it is newer");
            let why = explain_map_create(&mended, error.errno(), running).unwrap_or_default();
            if !why.starts_with("map_type: ") {
                wrong += &format!("{what}: newer: {error}: '{why}'\n");
            }
            continue;
        }
        if let Err(error) = create(&mended, &types) {
            // A kernel built without the type; those of the matrix have all, if not always the memory.
            println!("not here: {what}: {error}");
            if env::var_os("PUREBPF_MATRIX").is_some() && error.errno() != ENOMEM {
                wrong += &format!("{what}: mended: {error}\n");
            }
            continue;
        }
        match create(&bad, &types) {
            Ok(_) if at_least(case.until) => {}
            Ok(_) => wrong += &format!("{what}: created\n"),
            Err(error) => {
                let why = explain_map_create(&bad, error.errno(), running).unwrap_or_default();
                told += 1;
                println!("{error}; {why}");
                if !why.starts_with(case.attribute) {
                    wrong += &format!("{what}: {error}: '{why}'\n");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(told > CASES.len() / 2, "{told} of {}", CASES.len());
}
