//! Every map type in a real kernel: what user space puts in is what a program sees, and what the program puts in is what user
//! space reads, through the view that the type has.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{CGROUP2, Feature, LSM, cgroup2, kernel_test, needs};
use purebpf::attach::CgroupOptions;
use purebpf::bytemuck::{Pod, Zeroable};
use purebpf::map::LpmKey;
use purebpf::sys::mapping::Protection;
use purebpf::sys::perf_event::{PerfEvent, PerfType, software};
use purebpf::sys::prog::{TestRun, TestRunResult};
use purebpf::sys::uapi::{AttachType, ElemFlags, TestRunFlags};
use purebpf::{Map, Object, OpenObject};
use rustix::net::{AddressFamily, SocketType, sockopt};
use rustix::process::PidfdFlags;

const MAP_TYPES: &[u8] = include_bytes!("programs/map_types.bpf.o");
const MAP_TYPES_NET: &[u8] = include_bytes!("programs/map_types_net.bpf.o");
const MAP_TYPES_NEWER: &[u8] = include_bytes!("programs/map_types_newer.bpf.o");

/// The loopback interface.
const LO: u32 = 1;

const XDP_DROP: u32 = 1;
const XDP_REDIRECT: u32 = 4;

/// Look-up and removal in one step, for hash tables.
const HASH_TAKE: Feature = Feature::by_version("look-up and removal in one step", (5, 14));
const BLOOM_FILTER: Feature = Feature::by_version("bloom filters", (5, 16));
const RHASH: Feature = Feature::by_version("hash tables that grow", (7, 2));
const TASK_STORAGE: Feature = Feature::by_version("task storage", (5, 11));
const CGROUP_STORAGE: Feature = Feature::by_version("cgroup storage", (6, 2));

/// `struct value` of map_types.bpf.c.
#[derive(Clone, Copy, Debug, PartialEq, Zeroable, Pod)]
#[repr(C)]
struct Value {
    a: u32,
    b: u32,
    c: u32,
}

const fn value(a: u32) -> Value {
    Value { a, b: a + 10, c: a + 20 }
}

/// `struct tally` of map_types_net.bpf.c.
#[derive(Clone, Copy, Debug, Default, PartialEq, Zeroable, Pod)]
#[repr(C)]
struct Tally {
    packets: u64,
    bytes: u64,
}

/// Leaves on the programs of these names, and these maps.
fn open_part(object: &[u8], programs: &[&str], maps: &[&str]) -> OpenObject {
    let mut open = Object::open_bytes(object, "map_types").expect("the committed object opens");
    for id in open.program_ids() {
        let mut program = open.program_mut(id).unwrap();
        let wanted = programs.contains(&program.name());
        program.set_autoload(wanted);
    }
    for map in &mut open.description_mut().maps {
        map.autocreate = maps.contains(&map.name.as_str()) || map.name.contains('.');
    }
    open
}

/// Loads the programs of these names, and these maps.
fn load(object: &[u8], programs: &[&str], maps: &[&str]) -> Object {
    open_part(object, programs, maps).load().expect("it loads")
}

/// Loads a program `use_<map>` with its map, and gives both.
fn load_pair(object: &[u8], map: &str) -> (Object, Map) {
    let object = load(object, &[&format!("use_{map}")], &[map]);
    let map = object.map(map).unwrap();
    (object, map)
}

/// Runs a program of type raw_tracepoint on the first CPU.
fn run(object: &Object, program: &str) {
    let run = TestRun::new().flags(TestRunFlags::ON_CPU).cpu(0);
    let result = object.program(program).unwrap().test_run(run).unwrap();
    assert_eq!(result.retval, 0, "{program}");
}

/// Runs a program on a packet.
fn run_packet(object: &Object, program: &str) -> TestRunResult {
    object.program(program).unwrap().test_run(TestRun::new().data_in(&[0; 64])).unwrap()
}

fn seen<T: Pod>(object: &Object, name: &str) -> T {
    object.global(name).unwrap().get().unwrap()
}

#[test]
fn hash_and_lru_hash() {
    kernel_test(|| {
        for name in ["hash", "lru_hash"] {
            let (object, map) = load_pair(MAP_TYPES, name);
            let map = map.typed::<u32, Value>().unwrap();
            map.insert(&1, &value(7)).unwrap();
            run(&object, &format!("use_{name}"));
            assert_eq!(seen::<Value>(&object, &format!("seen_{name}")), value(7));
            assert_eq!(map.get(&2).unwrap(), Some(value(8)));
            assert_eq!(map.get(&3).unwrap(), None);

            let refused = map.update(&2, &value(0), ElemFlags::NOEXIST).unwrap_err().to_string();
            assert!(refused.contains("EEXIST") && refused.contains("BPF_NOEXIST only creates"), "{refused}");
            let refused = map.update(&3, &value(0), ElemFlags::EXIST).unwrap_err().to_string();
            assert!(refused.contains("ENOENT") && refused.contains("BPF_EXIST replaces only"), "{refused}");
            assert!(map.remove(&2).unwrap());
            assert!(!map.remove(&2).unwrap());
            if needs(&HASH_TAKE) {
                assert_eq!(map.take(&1).unwrap(), Some(value(7)));
                assert_eq!(map.take(&1).unwrap(), None);
            }
        }
    });
}

#[test]
fn hash_that_grows() {
    kernel_test(|| {
        if !needs(&RHASH) {
            return;
        }
        let (object, map) = load_pair(MAP_TYPES_NEWER, "rhash");
        let map = map.typed::<u32, u64>().unwrap();
        map.insert(&1, &7).unwrap();
        run(&object, "use_rhash");
        assert_eq!((seen::<u64>(&object, "seen_rhash"), map.get(&2).unwrap()), (7, Some(8)));
        assert_eq!(map.take(&1).unwrap(), Some(7));
        assert_eq!(map.insert_batch((0..900).map(|key| (key, u64::from(key)))).unwrap(), 900);
        // Each is deleted as it comes, and the table shrinks under the walk.
        let mut walked = Vec::new();
        for key in map.keys() {
            let key = key.unwrap();
            assert!(map.remove(&key).unwrap());
            walked.push(key);
        }
        walked.sort_unstable();
        assert_eq!(walked, (0..900).collect::<Vec<_>>());
        assert_eq!(map.insert_batch((0..900).map(|key| (key, u64::from(key)))).unwrap(), 900);
        assert_eq!(map.remove_batch(100..1000).unwrap(), 800);
        assert_eq!(map.drain().map(|entry| entry.unwrap().1).sum::<u64>(), (0..100).sum());
        assert_eq!(map.keys().count(), 0);
    });
}

#[test]
fn a_full_hash_says_so() {
    kernel_test(|| {
        let mut open = Object::open_bytes(MAP_TYPES, "map_types").unwrap();
        open.map_mut("hash").unwrap().definition.max_entries = 2;
        for id in open.program_ids() {
            open.program_mut(id).unwrap().set_autoload(false);
        }
        let object = open.load().unwrap();
        let hash = object.map("hash").unwrap().typed::<u32, Value>().unwrap();
        hash.insert(&1, &value(0)).unwrap();
        hash.insert(&2, &value(0)).unwrap();
        let full = hash.insert(&3, &value(0)).unwrap_err().to_string();
        assert!(full.contains("E2BIG") && full.contains("its max_entries is 2"), "{full}");
        let array = object.map("array").unwrap().typed::<u32, Value>().unwrap();
        let past = array.insert(&1000, &value(0)).unwrap_err().to_string();
        assert!(past.contains("index 1000 is past max_entries, 1000"), "{past}");
        let stays = array.remove(&1).unwrap_err().to_string();
        assert!(stays.contains("elements of an array cannot be removed"), "{stays}");
        let stays = array.take(&1).unwrap_err().to_string();
        assert!(stays.contains("an array has no look-up and removal in one step"), "{stays}");
    });
}

#[test]
fn array() {
    kernel_test(|| {
        let (object, map) = load_pair(MAP_TYPES, "array");
        let map = map.typed::<u32, Value>().unwrap();
        map.insert(&1, &value(7)).unwrap();
        run(&object, "use_array");
        assert_eq!(seen::<Value>(&object, "seen_array"), value(7));
        assert_eq!(map.get(&2).unwrap(), Some(value(8)));
        assert_eq!(map.get(&1000).unwrap(), None);
        assert_eq!(map.keys().map(Result::unwrap).collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
        let set: Vec<_> = map.iter().map(Result::unwrap).filter(|(_, value)| value.a != 0).collect();
        assert_eq!(set, [(1, value(7)), (2, value(8))]);
    });
}

#[test]
fn per_cpu_maps() {
    kernel_test(|| {
        let cpus = purebpf::sys::system::possible_cpus().unwrap();
        for name in ["percpu_hash", "lru_percpu_hash", "percpu_array"] {
            let (object, map) = load_pair(MAP_TYPES, name);
            let map = map.per_cpu::<u32, Value>().unwrap();
            assert_eq!(map.cpus(), cpus);
            let values: Vec<_> = (0..cpus as u32).map(|cpu| value(100 * cpu + 7)).collect();
            map.insert(&1, &values).unwrap();
            assert_eq!(map.get(&1).unwrap().unwrap(), values);
            run(&object, &format!("use_{name}"));
            // The program ran on the first CPU, and set that one's value; the kernel zeroes the others of a new key.
            assert_eq!(seen::<Value>(&object, &format!("seen_{name}")), value(7));
            let set = map.get(&2).unwrap().unwrap();
            assert_eq!(set[0], value(8));
            assert!(set[1..].iter().all(|other| *other == Value::zeroed()), "{set:?}");

            let few = map.insert(&1, &values[1..]).unwrap_err().to_string();
            assert!(
                few.contains(&format!("a value for each of {cpus} possible CPUs; {} were given", cpus - 1)),
                "{few}"
            );
            let keys: BTreeSet<u32> = map.keys().map(Result::unwrap).collect();
            assert!(keys.contains(&1) && keys.contains(&2));
            let entries: BTreeMap<_, _> = map.iter().map(Result::unwrap).collect();
            assert_eq!(entries[&1], values);

            // Many at once, and all of them back.
            let count = map.insert_batch((10..500).map(|key| (key, values.as_slice()))).unwrap();
            assert_eq!(count, 490);
            let entries: BTreeMap<_, _> = map.iter().map(Result::unwrap).collect();
            assert!((10..500).all(|key| entries[&key] == values), "{name}");
            if name != "percpu_array" {
                assert_eq!(map.remove_batch(10..400).unwrap(), 390);
                assert_eq!(map.drain().map(Result::unwrap).filter(|(_, all)| *all == values).count(), 100 + 1);
                assert_eq!(map.keys().count(), 0);
            }
        }
    });
}

#[test]
fn many_entries_go_in_and_out_at_once() {
    kernel_test(|| {
        for name in ["hash", "lru_hash"] {
            let (_object, map) = load_pair(MAP_TYPES, name);
            let map = map.typed::<u32, Value>().unwrap();
            // An LRU map may throw out before it is full.
            let all: BTreeMap<u32, Value> = (0..500).map(|key| (key, value(key))).collect();
            assert_eq!(map.insert_batch(all.clone()).unwrap(), 500);
            assert_eq!(map.iter().map(Result::unwrap).collect::<BTreeMap<_, _>>(), all);
            assert_eq!(map.keys().map(Result::unwrap).collect::<BTreeSet<_>>(), all.keys().copied().collect());

            // Keys that are not there are passed over, first, last and between.
            assert_eq!(map.remove_batch([1000, 0, 1001, 1002, 2, 4, 1003]).unwrap(), 3);
            assert_eq!(map.remove_batch([0, 2, 4]).unwrap(), 0);
            assert_eq!(map.remove_batch([]).unwrap(), 0);
            assert_eq!(map.keys().count(), 497);

            let drained: BTreeMap<_, _> = map.drain().map(Result::unwrap).collect();
            assert_eq!(drained.len(), 497);
            assert_eq!(drained[&499], value(499));
            assert_eq!(map.keys().count(), 0);
        }
        let (_object, map) = load_pair(MAP_TYPES, "array");
        let map = map.typed::<u32, Value>().unwrap();
        assert_eq!(map.insert_batch((0..1000).map(|key| (key, value(key)))).unwrap(), 1000);
        assert!(map.iter().map(Result::unwrap).eq((0..1000).map(|key| (key, value(key)))));
        let past = map.insert_batch((998..1002).map(|key| (key, value(0)))).unwrap_err().to_string();
        assert!(past.contains("index 1000 is past max_entries"), "{past}");
        assert_eq!(map.get(&999).unwrap(), Some(value(0)), "those before it are set");
        map.drain().next().unwrap().unwrap_err();
    });
}

/// The receiver of a key deletes it, or what comes after it, or all: the walk goes on where it was.
#[test]
fn walks_survive_what_is_deleted_meanwhile() {
    kernel_test(|| {
        let mut open = open_part(MAP_TYPES, &[], &["hash"]);
        open.map_mut("hash").unwrap().definition.max_entries = 40_000;
        let hash = open.load().unwrap().map("hash").unwrap().typed::<u32, Value>().unwrap();
        let trie = load(MAP_TYPES, &[], &["trie"]).map("trie").unwrap().typed::<LpmKey<[u8; 4]>, u32>().unwrap();

        // More than a batch of the walk's, and keys before and behind it are removed: of each pair one comes at least, none twice.
        const KEYS: u32 = 20_000;
        hash.insert_batch((0..KEYS).map(|key| (key, value(key)))).unwrap();
        let mut walked = BTreeSet::new();
        for key in hash.keys() {
            let key = key.unwrap();
            hash.remove(&key).unwrap();
            hash.remove(&(key ^ 1)).unwrap();
            assert!(walked.insert(key), "{key} comes twice");
        }
        assert!((0..KEYS).all(|key| walked.contains(&key) || walked.contains(&(key ^ 1))));
        assert_eq!(hash.keys().count(), 0);

        // Tries have no batches that this walk would use: key by key.
        for bits in 0..16 {
            trie.insert(&LpmKey::ipv4(Ipv4Addr::new(10, 0, 0, 0), bits), &bits).unwrap();
        }
        let mut walked = Vec::new();
        for key in trie.keys() {
            let key = key.unwrap();
            assert!(trie.remove(&key).unwrap());
            walked.push(key.bits());
        }
        walked.sort_unstable();
        assert_eq!(walked, (0..16).collect::<Vec<_>>());

        // Others delete behind and before the walk: what stays comes once.
        for bits in 0..16 {
            trie.insert(&LpmKey::ipv4(Ipv4Addr::new(10, 0, 0, 0), bits), &bits).unwrap();
        }
        let mut seen = Vec::new();
        for key in trie.keys() {
            seen.push(key.unwrap().bits());
            if seen.len() == 4 {
                for bits in (0..16).filter(|bits| bits % 2 == 1) {
                    trie.remove(&LpmKey::ipv4(Ipv4Addr::new(10, 0, 0, 0), bits)).unwrap();
                }
            }
        }
        let even: BTreeSet<_> = seen.iter().filter(|bits| *bits % 2 == 0).collect();
        assert_eq!(even.len(), 8, "{seen:?}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "none comes twice: {seen:?}");
    });
}

#[test]
fn arrays_in_shared_memory() {
    kernel_test(|| {
        let (object, map) = load_pair(MAP_TYPES, "shared");
        let shared = map.mapped::<Value>().unwrap();
        assert_eq!(shared.len(), 100);
        assert!(shared.is_writable());
        shared.set(1, &Value { a: 1, b: 2, c: 3 }).unwrap();
        run(&object, "use_shared");
        assert_eq!(shared.get(2), Some(Value { a: 3, b: 2, c: 1 }));
        assert_eq!(map.typed::<u32, Value>().unwrap().get(&2).unwrap(), shared.get(2));
        assert_eq!(shared.iter().filter(|value| value.a != 0).count(), 2);
        assert_eq!(shared.get(100), None);
        let past = shared.set(100, &value(0)).unwrap_err().to_string();
        assert!(past.contains("has 100 elements, none at 100"), "{past}");
        let busy = map.freeze().unwrap_err().to_string();
        assert!(busy.contains("EBUSY"), "it is mapped writable: {busy}");
        drop(shared);
        map.freeze().unwrap();
        let frozen = map.mapped::<Value>().unwrap();
        assert!(!frozen.is_writable());
        assert_eq!(frozen.get(2), Some(Value { a: 3, b: 2, c: 1 }));
        frozen.set(2, &value(0)).unwrap_err();
        map.mapped_with::<Value>(Protection::ReadWrite).unwrap_err();
        let refused = map.typed::<u32, Value>().unwrap().insert(&1, &value(0)).unwrap_err().to_string();
        assert!(refused.contains("EPERM") && refused.contains("frozen"), "{refused}");

        let other = load(MAP_TYPES, &[], &["array"]).map("array").unwrap().mapped::<Value>().unwrap_err().to_string();
        assert!(other.contains("was not made with BPF_F_MMAPABLE"), "{other}");
    });
}

#[test]
fn lpm_trie() {
    kernel_test(|| {
        let (object, map) = load_pair(MAP_TYPES, "trie");
        let trie = map.typed::<LpmKey<[u8; 4]>, u32>().unwrap();
        trie.insert(&LpmKey::ipv4(Ipv4Addr::new(10, 0, 0, 0), 8), &8).unwrap();
        trie.insert(&LpmKey::ipv4(Ipv4Addr::new(10, 1, 0, 0), 16), &16).unwrap();
        run(&object, "use_trie");
        assert_eq!(seen::<u32>(&object, "seen_trie"), 16, "the longest prefix");
        assert_eq!(trie.get(&LpmKey::exact([172, 17, 3, 4])).unwrap(), Some(17), "what the program put in");
        assert_eq!(trie.get(&LpmKey::exact([10, 2, 0, 1])).unwrap(), Some(8));
        assert_eq!(trie.get(&LpmKey::exact([192, 168, 0, 1])).unwrap(), None);
        let prefixes: BTreeSet<_> = trie.keys().map(|key| key.unwrap().bits()).collect();
        assert_eq!(prefixes, BTreeSet::from([8, 12, 16]));
        let long = trie.insert(&LpmKey::ipv4(Ipv4Addr::LOCALHOST, 33), &0).unwrap_err().to_string();
        assert!(long.contains("EINVAL") && long.contains("a prefix is at most 32 bits long"), "{long}");
    });
}

#[test]
fn queue_and_stack() {
    kernel_test(|| {
        for (name, first) in [("queue", 1), ("stack", 3)] {
            let (object, map) = load_pair(MAP_TYPES, name);
            let queue = map.queue::<Value>().unwrap();
            for a in 1..=3 {
                queue.push(&value(a)).unwrap();
            }
            assert_eq!(queue.peek().unwrap(), Some(value(first)));
            run(&object, &format!("use_{name}"));
            assert_eq!(seen::<Value>(&object, &format!("seen_{name}")), value(first));
            let last: Vec<_> = std::iter::from_fn(|| queue.pop().unwrap()).map(|value| value.a).collect();
            assert_eq!(last, if name == "queue" { [2, 3, 2] } else { [4, 2, 1] }, "{name}");
            assert_eq!(queue.peek().unwrap(), None);

            for a in 1..=4 {
                queue.push(&value(a)).unwrap();
            }
            let full = queue.push(&value(5)).unwrap_err().to_string();
            assert!(full.contains("E2BIG") && full.contains("its max_entries is 4"), "{full}");
            queue.push_over(&value(5)).unwrap();
            let other = map.typed::<u32, Value>().unwrap_err().to_string();
            assert!(other.contains("use Map::queue"), "{other}");
            let batch = map.update_batch([([], [0; 12])], ElemFlags::ANY).unwrap_err().to_string();
            assert!(batch.contains("has no keys, and so no batches"), "{batch}");
            map.delete_batch([[]]).unwrap_err();
        }
    });
}

#[test]
fn bloom_filter() {
    kernel_test(|| {
        if !needs(&BLOOM_FILTER) {
            return;
        }
        let (object, map) = load_pair(MAP_TYPES_NEWER, "bloom_filter");
        let filter = map.bloom_filter::<u64>().unwrap();
        assert_eq!(map.info().unwrap().map_extra, 3);
        filter.insert(&1111).unwrap();
        run(&object, "use_bloom_filter");
        assert_eq!((seen::<u32>(&object, "has_one"), seen::<u32>(&object, "has_two")), (1, 0));
        assert!(filter.contains(&3333).unwrap(), "what the program put in");
        assert!(!filter.contains(&2222).unwrap());
    });
}

#[test]
fn stack_traces() {
    kernel_test(|| {
        let object = load(MAP_TYPES, &["use_stacks"], &["kernel_stacks", "user_stacks"]);
        // Not on a chosen CPU, where another task would be the current one.
        object.program("use_stacks").unwrap().test_run(TestRun::new()).unwrap();
        let id = u32::try_from(seen::<i32>(&object, "kernel_stack")).expect("a stack was taken");
        let stacks = object.map("kernel_stacks").unwrap().stack_traces().unwrap();
        let frames = stacks.get(id).unwrap().expect("it is there");
        assert!(!frames.is_empty() && frames.iter().all(|ip| *ip > 1 << 63), "{frames:x?}");
        assert_eq!(stacks.ids().map(Result::unwrap).collect::<Vec<_>>(), [id]);
        assert!(stacks.remove(id).unwrap());
        assert_eq!(stacks.get(id).unwrap(), None);
        stacks.get_build_ids(id).unwrap_err();

        let id = u32::try_from(seen::<i32>(&object, "user_stack")).expect("a stack was taken");
        let stacks = object.map("user_stacks").unwrap().stack_traces().unwrap();
        let frames = stacks.get_build_ids(id).unwrap().expect("it is there");
        assert!(!frames.is_empty(), "this process has a stack");
        assert!(frames.iter().all(|frame| frame.status == 1 || frame.status == 2), "{frames:x?}");
        stacks.get(id).unwrap_err();
    });
}

#[test]
fn maps_of_maps() {
    kernel_test(|| {
        let object = load(
            MAP_TYPES,
            &["use_maps_of_maps"],
            &["array_of_maps", "hash_of_maps", "first_counter", "second_counter"],
        );
        let (first, second) = (object.map("first_counter").unwrap(), object.map("second_counter").unwrap());
        let array = object.map("array_of_maps").unwrap().descriptors::<u32>().unwrap();
        let hash = object.map("hash_of_maps").unwrap().descriptors::<u64>().unwrap();
        array.insert(&3, &first).unwrap();
        hash.insert(&0x1122_3344_5566_7788, &second).unwrap();
        run(&object, "use_maps_of_maps");
        let count = |map: &Map| map.typed::<u32, u64>().unwrap().get(&0).unwrap();
        assert_eq!((count(&first), count(&second)), (Some(1), Some(10)));

        assert_eq!(array.get(&3).unwrap(), Some(u64::from(first.id())));
        assert_eq!(array.get(&0).unwrap(), None);
        let inner = hash.inner_map(&0x1122_3344_5566_7788).unwrap().expect("it is there");
        assert_eq!((inner.id(), inner.name(), count(&inner)), (second.id(), "second_counter", Some(10)));
        assert_eq!(hash.keys().map(Result::unwrap).collect::<Vec<_>>(), [0x1122_3344_5566_7788]);
        let unlike = hash.insert(&1, object.map("array_of_maps").unwrap()).unwrap_err().to_string();
        assert!(unlike.contains("a map like the inner map of the definition"), "{unlike}");
        assert!(array.remove(&3).unwrap());
        assert_eq!(array.get(&3).unwrap(), None);
    });
}

#[test]
fn prog_array() {
    kernel_test(|| {
        let object = load(MAP_TYPES, &["use_programs", "called"], &["programs"]);
        let programs = object.map("programs").unwrap().descriptors::<u32>().unwrap();
        let called = object.program("called").unwrap();
        programs.insert(&2, &called).unwrap();
        run(&object, "use_programs");
        assert_eq!(seen::<u64>(&object, "tail_calls"), 1);
        assert_eq!(programs.get(&2).unwrap(), Some(u64::from(called.id().unwrap())));
        assert_eq!(programs.get(&1).unwrap(), None);
        assert_eq!(programs.keys().count(), 4);
        assert!(programs.remove(&2).unwrap());
        assert!(!programs.remove(&2).unwrap());
        assert_eq!(programs.get(&2).unwrap(), None);
        let wrong = programs.insert(&2, File::open("/dev/null").unwrap()).unwrap_err().to_string();
        assert!(wrong.contains("the value is"), "{wrong}");
    });
}

#[test]
fn perf_event_array() {
    kernel_test(|| {
        let object = load(MAP_TYPES, &["use_counters"], &["counters"]);
        let counters = object.map("counters").unwrap().descriptors::<u32>().unwrap();
        assert_eq!(counters.map().max_entries() as usize, purebpf::sys::system::possible_cpus().unwrap());
        let event = PerfEvent::new(PerfType::SOFTWARE, software::CPU_CLOCK).pid(-1).cpu(0).open().unwrap();
        run(&object, "use_counters");
        assert_eq!(seen::<i64>(&object, "counter_error"), -2, "ENOENT: none is there");
        counters.insert(&0, &event).unwrap();
        // Nanoseconds of the CPU's clock, which may be a coarse one.
        let deadline = Instant::now() + Duration::from_secs(60);
        while seen::<u64>(&object, "counter") == 0 {
            assert!(Instant::now() < deadline, "the clock stands still");
            run(&object, "use_counters");
            assert_eq!(seen::<i64>(&object, "counter_error"), 0);
        }
        let untold = counters.get(&0).unwrap_err().to_string();
        assert!(untold.contains("a perf_event_array cannot be read from user space"), "{untold}");
        assert!(counters.remove(&0).unwrap());
    });
}

#[test]
fn cgroup_array() {
    kernel_test(|| {
        if !needs(&CGROUP2) {
            return;
        }
        let object = load(MAP_TYPES, &["use_cgroups"], &["cgroups"]);
        let cgroups = object.map("cgroups").unwrap().descriptors::<u32>().unwrap();
        cgroups.insert(&0, File::open(cgroup2().unwrap()).unwrap()).unwrap();
        run(&object, "use_cgroups");
        // Everything is under the root; of an empty element the helper says EAGAIN.
        assert_eq!((seen::<i64>(&object, "under_first"), seen::<i64>(&object, "under_second")), (1, -11));
        cgroups.get(&0).unwrap_err();
        assert!(cgroups.remove(&0).unwrap());
    });
}

#[test]
fn sockmap_and_sockhash() {
    kernel_test(|| {
        let object = load(MAP_TYPES_NET, &["use_sockets"], &["sockets", "sockets_by_name"]);
        let sockets = object.map("sockets").unwrap().descriptors::<u32>().unwrap();
        let by_name = object.map("sockets_by_name").unwrap().descriptors::<u64>().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let cookie = sockopt::socket_cookie(&client).unwrap();

        sockets.insert(&1, &client).unwrap();
        assert_eq!(sockets.get(&1).unwrap(), Some(cookie));
        assert_eq!(run_packet(&object, "use_sockets").retval, 0);
        assert_eq!(seen::<u32>(&object, "seen_port"), u32::from(client.local_addr().unwrap().port()));
        assert_eq!(by_name.get(&0x1122_3344_5566_7788).unwrap(), Some(cookie), "what the program put in");
        assert_eq!(by_name.keys().map(Result::unwrap).collect::<Vec<_>>(), [0x1122_3344_5566_7788]);

        assert!(by_name.remove(&0x1122_3344_5566_7788).unwrap());
        assert!(!by_name.remove(&0x1122_3344_5566_7788).unwrap());
        assert!(!sockets.remove(&2).unwrap(), "nothing is there");
        sockets.remove(&4).unwrap_err();
        drop(client);
        assert_eq!(sockets.get(&1).unwrap(), None, "closed sockets leave");
        let wrong = sockets.insert(&1, File::open("/dev/null").unwrap()).unwrap_err().to_string();
        assert!(wrong.contains("map 'sockets'"), "{wrong}");
    });
}

#[test]
fn devmap_and_devmap_hash() {
    kernel_test(|| {
        let object =
            load(MAP_TYPES_NET, &["use_devices", "use_devices_by_name", "on_device"], &["devices", "devices_by_name"]);
        let on_device = object.program("on_device").unwrap();
        for (name, key) in [("devices", 3), ("devices_by_name", 1_000_000)] {
            let devices = object.map(name).unwrap().devices().unwrap();
            let program = format!("use_{name}");
            assert_eq!(run_packet(&object, &program).retval, XDP_DROP);
            devices.insert(key, LO, None).unwrap();
            assert_eq!(run_packet(&object, &program).retval, XDP_REDIRECT);
            let device = devices.get(key).unwrap().expect("it is there");
            assert_eq!((device.ifindex, device.program), (LO, 0));
            match name {
                "devices" => {
                    devices.insert(key, LO, Some(&on_device)).unwrap();
                    let device = devices.get(key).unwrap().expect("it is there");
                    assert_eq!((device.ifindex, device.program), (LO, on_device.id().unwrap()));
                }
                _ => {
                    let no_room = devices.insert(key, LO, Some(&on_device)).unwrap_err().to_string();
                    assert!(no_room.contains("values of 4 bytes"), "{no_room}");
                }
            }
            assert!(devices.remove(key).unwrap());
            assert_eq!(run_packet(&object, &program).retval, XDP_DROP);
            assert_eq!(devices.get(key).unwrap(), None);
            devices.insert(key, 0x7fff_ffff, None).unwrap_err();
        }
    });
}

#[test]
fn cpumap() {
    kernel_test(|| {
        let object = load(MAP_TYPES_NET, &["use_cpus", "on_cpu"], &["cpus"]);
        let cpus = object.map("cpus").unwrap().cpus().unwrap();
        assert_eq!(run_packet(&object, "use_cpus").retval, XDP_DROP);
        let on_cpu = object.program("on_cpu").unwrap();
        cpus.insert(0, 192, Some(&on_cpu)).unwrap();
        assert_eq!(run_packet(&object, "use_cpus").retval, XDP_REDIRECT);
        let queue = cpus.get(0).unwrap().expect("it is there");
        assert_eq!((queue.size, queue.program), (192, on_cpu.id().unwrap()));
        assert!(cpus.remove(0).unwrap());
        assert_eq!(cpus.get(0).unwrap(), None);
    });
}

#[test]
fn xskmap() {
    kernel_test(|| {
        let socket = match rustix::net::socket(AddressFamily::XDP, SocketType::RAW, None) {
            Ok(socket) => socket,
            Err(error) => {
                common::skip(format_args!("this kernel is built without AF_XDP: {error}"));
                return;
            }
        };
        // The kernel takes sockets that can receive.
        sockopt::set_xdp_rx_ring_size(&socket, 64).unwrap();
        let object = load(MAP_TYPES_NET, &["use_xsks"], &["xsks"]);
        let xsks = object.map("xsks").unwrap().descriptors::<u32>().unwrap();
        assert_eq!(run_packet(&object, "use_xsks").retval, XDP_DROP);
        xsks.insert(&2, &socket).unwrap();
        assert_eq!(run_packet(&object, "use_xsks").retval, XDP_REDIRECT);
        let untold = xsks.get(&2).unwrap_err().to_string();
        assert!(untold.contains("an xskmap cannot be read from user space"), "{untold}");
        assert!(xsks.remove(&2).unwrap());
        assert_eq!(run_packet(&object, "use_xsks").retval, XDP_DROP);
    });
}

/// A UDP socket that shares its port with others.
fn shared_socket(port: u16) -> UdpSocket {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap();
    sockopt::set_socket_reuseport(&socket, true).unwrap();
    rustix::net::bind(&socket, &std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).unwrap();
    UdpSocket::from(socket)
}

#[test]
fn reuseport_sockarray() {
    kernel_test(|| {
        let object = load(MAP_TYPES_NET, &["use_listeners"], &["listeners"]);
        let listeners = object.map("listeners").unwrap().descriptors::<u32>().unwrap();
        let first = shared_socket(0);
        let port = first.local_addr().unwrap().port();
        let sockets = [first, shared_socket(port), shared_socket(port)];
        let program = object.program("use_listeners").unwrap();
        let fd = program.as_fd().as_raw_fd();
        // SAFETY: the option's value is an int, which lives through the call.
        let done = unsafe {
            libc::setsockopt(
                sockets[0].as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_REUSEPORT_EBPF,
                (&raw const fd).cast(),
                size_of_val(&fd) as libc::socklen_t,
            )
        };
        assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
        for (key, socket) in (0u32..).zip(&sockets) {
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            listeners.insert(&key, socket).unwrap();
            assert_eq!(listeners.get(&key).unwrap(), Some(sockopt::socket_cookie(socket).unwrap()));
        }
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for chosen in [2u32, 0, 1] {
            object.global("chosen").unwrap().set(chosen).unwrap();
            sender.send_to(&[chosen as u8], (Ipv4Addr::LOCALHOST, port)).unwrap();
            let mut byte = [9];
            sockets[chosen as usize].recv(&mut byte).expect("the program chose this one");
            assert_eq!(byte, [chosen as u8]);
        }
        assert_eq!(seen::<u64>(&object, "selected"), 3);
    });
}

/// `struct bpf_cgroup_storage_key`.
#[derive(Clone, Copy, Debug, Zeroable, Pod)]
#[repr(C)]
struct CgroupStorageKey {
    cgroup_inode_id: u64,
    attach_type: u32,
    padding: u32,
}

#[test]
fn storage_of_sockets_and_of_attached_programs() {
    kernel_test(|| {
        if !needs(&CGROUP2) {
            return;
        }
        let object = load(MAP_TYPES_NET, &["use_storages"], &["by_socket", "by_cgroup", "by_cgroup_and_cpu"]);
        let by_socket = object.map("by_socket").unwrap().local_storage::<Tally>().unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert_eq!(by_socket.get(&socket).unwrap(), None);
        by_socket.insert(&socket, &Tally { packets: 100, bytes: 1000 }).unwrap();

        let root = File::open(cgroup2().unwrap()).unwrap();
        let link =
            object.program("use_storages").unwrap().attach_cgroup(root.as_fd(), &CgroupOptions::default()).unwrap();
        let target = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for _ in 0..3 {
            socket.send_to(b"12345678", target.local_addr().unwrap()).unwrap();
        }
        // IP and UDP headers, and 8 bytes.
        assert_eq!(by_socket.get(&socket).unwrap(), Some(Tally { packets: 103, bytes: 1000 + 3 * 36 }));
        assert_eq!(by_socket.get(&target).unwrap(), None);

        let key = CgroupStorageKey {
            cgroup_inode_id: std::os::unix::fs::MetadataExt::ino(&root.metadata().unwrap()),
            attach_type: AttachType::CGROUP_INET_EGRESS.0,
            padding: 0,
        };
        let by_cgroup = object.map("by_cgroup").unwrap().typed::<CgroupStorageKey, Tally>().unwrap();
        let total = by_cgroup.get(&key).unwrap().expect("the program is attached");
        assert!(total.packets >= 3 && total.bytes >= 3 * 36, "{total:?}");
        assert_eq!(by_cgroup.keys().map(|key| key.unwrap().cgroup_inode_id).collect::<Vec<_>>(), [key.cgroup_inode_id]);
        let each = object.map("by_cgroup_and_cpu").unwrap().per_cpu::<CgroupStorageKey, Tally>().unwrap();
        let tallies = each.get(&key).unwrap().expect("the program is attached");
        assert!(tallies.iter().map(|tally| tally.packets).sum::<u64>() >= 3, "{tallies:?}");
        drop(link);

        assert!(by_socket.remove(&socket).unwrap());
        assert!(!by_socket.remove(&socket).unwrap());
        let wrong = by_socket.insert(File::open("/dev/null").unwrap(), &Tally::default()).unwrap_err().to_string();
        assert!(wrong.contains("map 'by_socket'"), "{wrong}");
    });
}

/// A process of one thread that makes system calls when it is told to: it gives back what it is given.
struct Echo {
    child: Child,
    pidfd: OwnedFd,
}

impl Echo {
    fn start() -> Echo {
        let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("cat is there");
        let pidfd = rustix::process::pidfd_open(rustix::process::Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        Echo { child, pidfd }
    }

    /// At least one read and one write of the process.
    fn say(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"word").unwrap();
        let mut echo = [0; 4];
        self.child.stdout.as_mut().unwrap().read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"word");
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("it ends with its input");
    }
}

/// Loads one program for what a process does, with its map.
fn load_for(pid: u32, program: &str, map: &str) -> (Object, Map) {
    let mut open = open_part(MAP_TYPES_NEWER, &[program], &[map]);
    open.global_mut("pid").unwrap().set(pid).unwrap();
    let object = open.load().expect("it loads");
    let map = object.map(map).unwrap();
    (object, map)
}

#[test]
fn task_storage() {
    kernel_test(|| {
        if !needs(&TASK_STORAGE) {
            return;
        }
        let mut echo = Echo::start();
        let (object, map) = load_for(echo.child.id(), "use_task_storage", "by_task");
        let storage = map.local_storage::<u64>().unwrap();
        assert_eq!(storage.get(&echo.pidfd).unwrap(), None);
        storage.insert(&echo.pidfd, &1000).unwrap();
        let link = object.program("use_task_storage").unwrap().attach().unwrap().expect("its section says where");
        echo.say();
        drop(link);
        let value = storage.get(&echo.pidfd).unwrap().expect("it is there");
        assert!(value > 1000, "{value}");
        assert!(storage.remove(&echo.pidfd).unwrap());
        assert_eq!(storage.get(&echo.pidfd).unwrap(), None);
    });
}

#[test]
fn cgroup_storage_by_program() {
    kernel_test(|| {
        if !needs(&CGROUP_STORAGE) || !needs(&CGROUP2) {
            return;
        }
        let mut echo = Echo::start();
        // proc(5): the line of the unified hierarchy begins with 0.
        let cgroups = fs::read_to_string(format!("/proc/{}/cgroup", echo.child.id())).unwrap();
        let path = cgroups.lines().find_map(|line| line.strip_prefix("0::/")).expect("cgroup2 is mounted");
        let cgroup = File::open(cgroup2().unwrap().join(path)).unwrap();
        let (object, map) = load_for(echo.child.id(), "use_cgroup_storage", "by_cgroup");
        let storage = map.local_storage::<u64>().unwrap();
        assert_eq!(storage.get(&cgroup).unwrap(), None);
        let link = object.program("use_cgroup_storage").unwrap().attach().unwrap().expect("its section says where");
        echo.say();
        drop(link);
        assert!(storage.get(&cgroup).unwrap().expect("the program made it") > 0);
        storage.insert(&cgroup, &5).unwrap();
        assert_eq!(storage.get(&cgroup).unwrap(), Some(5));
        assert!(storage.remove(&cgroup).unwrap());
    });
}

#[test]
fn inode_storage() {
    kernel_test(|| {
        if !needs(&LSM) {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let file = File::create(&path).unwrap();
        let (object, map) = load_for(std::process::id(), "use_inode_storage", "by_inode");
        let storage = map.local_storage::<u64>().unwrap();
        assert_eq!(storage.get(&file).unwrap(), None);
        storage.insert(&file, &1000).unwrap();
        let link = object.program("use_inode_storage").unwrap().attach().unwrap().expect("its section says where");
        for _ in 0..3 {
            drop(File::open(&path).unwrap());
        }
        drop(link);
        assert_eq!(storage.get(&file).unwrap(), Some(1003));
        assert!(storage.remove(&file).unwrap());
    });
}
