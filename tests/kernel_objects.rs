//! Objects in a real kernel: maps, globals, subprograms, CO-RE, rings; loads that fail, and loads after that.

mod common;

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{Feature, kernel_test, needs, vmlinux_btf};
use purebpf::btf::Kind;
use purebpf::bytemuck::{self, Pod, Zeroable};
use purebpf::elf_loader::object::AttachBtf;
use purebpf::sys::prog::TestRun;
use purebpf::sys::uapi::{BPF_F_MMAPABLE, ElemFlags};
use purebpf::{Error, Link, Object, OpenObject, Program, RingBuffer};

const GLOBALS: &[u8] = include_bytes!("programs/globals.bpf.o");
const MAPS: &[u8] = include_bytes!("programs/maps.bpf.o");
const INNER_MAPS: &[u8] = include_bytes!("programs/inner_maps.bpf.o");
const SUBPROGRAMS: &[u8] = include_bytes!("programs/subprograms.bpf.o");
const CORE: &[u8] = include_bytes!("programs/core.bpf.o");
const REJECTED: &[u8] = include_bytes!("programs/rejected.bpf.o");
const MISSING_FIELD: &[u8] = include_bytes!("programs/missing_field.bpf.o");
const RESIZED: &[u8] = include_bytes!("programs/resized.bpf.o");
const TWENTY: &[u8] = include_bytes!("programs/twenty.bpf.o");
const RING: &[u8] = include_bytes!("programs/ring.bpf.o");
const TRACING_EVENTS: &[u8] = include_bytes!("programs/tracing_events.bpf.o");

const BIND_MAP: Feature = Feature::by_version("maps that are bound to programs", (5, 10));

fn load(object: &[u8], name: &str) -> Object {
    Object::open_bytes(object, name).expect("the committed object opens").load().expect("it loads")
}

/// Runs a program of type raw_tracepoint once, on this CPU.
fn run(program: &Program) {
    program.test_run(TestRun::new()).expect("raw tracepoints can be run by hand (5.10)");
}

fn get(object: &Object, name: &str) -> u64 {
    object.global(name).unwrap().get().unwrap()
}

#[derive(Clone, Copy, Debug, PartialEq, Zeroable, Pod)]
#[repr(C)]
struct Limits {
    low: u32,
    high: u32,
    step: u64,
}

#[test]
fn globals_of_every_section_are_set_before_and_read_after() {
    kernel_test(|| {
        let mut open = Object::open_bytes(GLOBALS, "globals").unwrap();
        assert_eq!(open.global_mut("ro_byte").unwrap().get::<u8>().unwrap(), 1);
        assert_eq!(open.global_mut("rw_array").unwrap().get::<[u32; 4]>().unwrap(), [10, 11, 12, 13]);
        open.global_mut("ro_long").unwrap().set(1000u64).unwrap();
        open.global_mut("zero_limits").unwrap().set(Limits { low: 1, high: 2, step: 3 }).unwrap();
        let wrong = open.global_mut("ro_long").unwrap().set(1u32).unwrap_err();
        assert!(matches!(wrong, Error::Size { expected: 8, actual: 4, .. }), "{wrong}");

        let object = open.load().unwrap();
        run(&object.program("add_up").unwrap());
        // 1 + 1000 + 3 + 4 + 5, then 6 + 7 + 8 + 9 + 14 + 0, the array, and 1 + 2 + 3.
        assert_eq!(get(&object, "sum"), 1013 + 44 + 46 + 6);
        assert_eq!(object.global("rw_byte").unwrap().get::<u8>().unwrap(), 7);
        assert_eq!(object.global("rw_short").unwrap().get::<u16>().unwrap(), 8);
        assert_eq!(object.global("rw_array").unwrap().get::<[u32; 4]>().unwrap(), [11, 12, 13, 14]);
        assert_eq!(object.global("zero_limits").unwrap().get::<Limits>().unwrap(), Limits { low: 1, high: 2, step: 4 });
        assert_eq!(get(&object, "custom"), 15);
        assert_eq!(get(&object, "zero"), 1);

        // Live: what is set here, the program sees.
        object.global("rw_long").unwrap().set(10_000u64).unwrap();
        let before = get(&object, "sum");
        run(&object.program("add_up").unwrap());
        assert!(get(&object, "sum") > before + 9_000);
        assert_eq!(get(&object, "rw_long"), 10_001);

        let frozen = object.global("ro_byte").unwrap().set(2u8).unwrap_err();
        assert!(frozen.to_string().contains("read-only"), "{frozen}");
        let none = object.global("no_such_variable").unwrap_err().to_string();
        assert!(none.contains("no_such_variable") && none.contains("rw_array"), "{none}");
    });
}

/// A section that cannot be mapped, as one with static variables only: read through bpf(2), and not written, since that would
/// write back its other variables too.
#[test]
fn globals_that_are_not_mapped_are_read_and_not_written() {
    kernel_test(|| {
        let mut open = Object::open_bytes(GLOBALS, "globals").unwrap();
        open.map_mut(".bss").unwrap().definition.map_flags &= !BPF_F_MMAPABLE;
        let object = open.load().unwrap();
        run(&object.program("add_up").unwrap());
        assert_eq!(get(&object, "zero"), 1);
        let refused = object.global("zero").unwrap().set(7u64).unwrap_err().to_string();
        assert!(refused.contains("'zero'") && refused.contains("not mapped"), "{refused}");
        assert_eq!(get(&object, "zero"), 1);
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Zeroable, Pod)]
#[repr(C)]
struct Pair {
    a: u32,
    b: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Zeroable, Pod)]
#[repr(C)]
struct Tally {
    count: u64,
    last: u64,
}

#[test]
fn maps_are_shared_with_programs() {
    kernel_test(|| {
        let object = load(MAPS, "maps");
        let table = object.map("table").unwrap().typed::<Pair, Tally>().unwrap();
        let key = Pair { a: 1, b: 2 };
        table.insert(&key, &Tally { count: 5, last: 0 }).unwrap();
        table.insert(&Pair { a: 9, b: 9 }, &Tally { count: 1, last: 1 }).unwrap();
        run(&object.program("touch").unwrap());
        assert_eq!(table.get(&key).unwrap(), Some(Tally { count: 6, last: 77 }));
        assert_eq!(table.get(&Pair { a: 0, b: 0 }).unwrap(), None);
        let mut keys: Vec<_> = table.keys().map(|key| key.unwrap().a).collect();
        keys.sort_unstable();
        assert_eq!(keys, [1, 9]);
        assert_eq!(table.iter().count(), 2);
        table.update(&key, &Tally { count: 0, last: 0 }, ElemFlags::NOEXIST).unwrap_err();
        assert!(table.remove(&key).unwrap());
        assert!(!table.remove(&key).unwrap());

        let slots = object.map("slots").unwrap().typed::<u32, u64>().unwrap();
        assert_eq!(slots.get(&3).unwrap(), Some(1));
        assert_eq!(slots.keys().count(), 4);

        let per_cpu = object.map("per_cpu").unwrap().per_cpu::<u32, u32>().unwrap();
        let values = per_cpu.get(&1).unwrap().expect("an array has all its keys");
        assert_eq!(values.len(), purebpf::sys::system::possible_cpus().unwrap());
        assert_eq!(values.iter().sum::<u32>(), 1);
        let wrong = object.map("per_cpu").unwrap().typed::<u32, u32>().unwrap_err().to_string();
        assert!(wrong.contains("use Map::per_cpu"), "{wrong}");
        let wrong = object.map("slots").unwrap().per_cpu::<u32, u64>().unwrap_err().to_string();
        assert!(wrong.contains("is an array, no per-CPU map"), "{wrong}");

        let sparse = object.map("sparse").unwrap().typed::<u64, u64>().unwrap();
        assert_eq!(sparse.get(&11).unwrap(), Some(12));
        let wrong = object.map("sparse").unwrap().typed::<u32, u64>().unwrap_err();
        assert!(matches!(wrong, Error::Size { what: "key of map", expected: 8, actual: 4, .. }), "{wrong}");
        let none = object.map("no_such_map").unwrap_err().to_string();
        assert!(none.contains("no_such_map") && none.contains("recent"), "{none}");
    });
}

#[test]
fn maps_hold_maps_like_the_declared_ones() {
    kernel_test(|| {
        let object = load(INNER_MAPS, "inner_maps");
        let count = object.program("count_both").unwrap();
        run(&count);
        let counters = object.map("counters").unwrap();
        // The value that user space gives is a descriptor.
        let fd = counters.as_fd().as_raw_fd().to_ne_bytes();
        object.map("by_number").unwrap().update(&3u32.to_ne_bytes(), &fd, ElemFlags::ANY).unwrap();
        object.map("by_key").unwrap().update(&(1u64 << 40).to_ne_bytes(), &fd, ElemFlags::ANY).unwrap();
        run(&count);
        run(&count);
        object.map("by_key").unwrap().delete(&(1u64 << 40).to_ne_bytes()).unwrap();
        run(&count);
        let counters = counters.typed::<u32, u64>().unwrap();
        assert_eq!((counters.get(&0).unwrap(), counters.get(&1).unwrap()), (Some(3), Some(2)));
    });
}

#[test]
fn subprograms_are_linked_in() {
    kernel_test(|| {
        let mut open = Object::open_bytes(SUBPROGRAMS, "subprograms").unwrap();
        open.global_mut("base").unwrap().set(10u32).unwrap();
        let object = open.load().unwrap();
        run(&object.program("first").unwrap());
        run(&object.program("second").unwrap());
        // leaf(x) = 2x + 10; outer(3) = leaf(3) + leaf(4) + 1.
        assert_eq!(object.global("first_result").unwrap().get::<u32>().unwrap(), (16 + 18 + 1) + 20);
        assert_eq!(object.global("second_result").unwrap().get::<u32>().unwrap(), 24);
    });
}

/// What each kind comes to, told by the kernel's own types.
#[test]
fn core_relocations_fit_the_running_kernel() {
    kernel_test(|| {
        let object = load(CORE, "core");
        run(&object.program("relocate").unwrap());
        let btf = vmlinux_btf().expect("it has loaded, so there is BTF");
        let task = btf.type_by_id(btf.find("task_struct", Kind::Struct).unwrap()).unwrap();
        let pid = task.members().unwrap().find(|member| member.name() == Some("pid"));
        assert_eq!(
            u64::from(object.global("pid").unwrap().get::<u32>().unwrap()),
            rustix::thread::gettid().as_raw_nonzero().get() as u64
        );
        let parent = rustix::process::getppid().expect("somebody started us").as_raw_nonzero().get() as u32;
        assert_eq!(object.global("parent_tgid").unwrap().get::<u32>().unwrap(), parent);
        assert_eq!(get(&object, "pid_offset"), u64::from(pid.expect("a task has a pid").bit_offset / 8));
        assert_eq!(get(&object, "type_size"), u64::from(btf.size_of(task.id()).unwrap()));
        assert_eq!(get(&object, "type_id_kernel"), u64::from(btf.find("list_head", Kind::Struct).unwrap().0));
        for (name, expected) in [
            ("pid_size", 4),
            ("pid_exists", 1),
            ("pid_is_signed", 1),
            ("missing_field_exists", 0),
            ("missing_type_exists", 0),
            ("type_exists", 1),
            ("type_matches", 1),
            ("enum_exists", 1),
            ("missing_enum_exists", 0),
            // enum bpf_map_type: BPF_MAP_TYPE_ARRAY.
            ("enum_value", 2),
            // `ihl` is the lower half of its byte, here read as one byte: 64 - 4 either way.
            ("bitfield_lshift", 60),
            ("bitfield_rshift", 60),
        ] {
            assert_eq!(get(&object, name), expected, "{name}");
        }
        assert_ne!(get(&object, "type_id_local"), 0);
    });
}

#[test]
fn a_rejected_program_says_why_and_the_rest_can_be_loaded() {
    kernel_test(|| {
        let mut open = Object::open_bytes(REJECTED, "rejected").unwrap();
        let error = open.load().expect_err("the verifier refuses it");
        assert!(!error.is_permission(), "EACCES is the verifier's word here");
        // The text is the whole of it: whoever prints a chain of errors prints it once.
        assert!(std::error::Error::source(&error).is_none());
        let log = error.verifier_log().expect("it was the verifier");
        assert!(log.contains("processed"), "the statistics at its end: {log}");
        let error = error.to_string();
        assert!(!error.contains("processed"), "{error}");
        for word in ["without_null_check", "map_value_or_null", "*slot = 7"] {
            assert!(error.contains(word), "'{word}' is missing in: {error}");
        }
        assert!(error.lines().count() < 25, "one screen: {error}");

        // Nothing is lost: the same object, without what the kernel refused.
        open.program_mut("without_null_check").unwrap().set_autoload(false);
        let object = open.load().unwrap();
        run(&object.program("fine").unwrap());
        assert_eq!(get(&object, "hits"), 1);
        let missing = object.program("without_null_check").unwrap_err();
        assert!(matches!(missing, Error::NotLoaded { .. }), "{missing}");
    });
}

#[test]
fn a_field_that_no_kernel_has_is_named() {
    kernel_test(|| {
        let open = Object::open_bytes(MISSING_FIELD, "missing_field").unwrap();
        let error = open.load().expect_err("the instruction is poisoned").to_string();
        for word in ["reads_missing_field", "task_struct___wrong.no_kernel_has_this", "CO-RE"] {
            assert!(error.contains(word), "'{word}' is missing in: {error}");
        }
    });
}

/// CO-RE relocated to the types of a file: here those of another kernel, whose offsets the programs then have.
#[test]
fn types_of_a_file_serve_for_core() {
    kernel_test(|| {
        let packed = &include_bytes!("data/sample/vmlinux-6.12.107-amd64.btf.zst")[..];
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vmlinux.btf");
        let mut unpacked = fs::File::create(&file).unwrap();
        std::io::copy(&mut ruzstd::decoding::StreamingDecoder::new(packed).expect("zstd"), &mut unpacked).unwrap();

        let types = purebpf::kernel::btf_file(&file).unwrap();
        let other = types.vmlinux().clone();
        let mut open = Object::open_bytes(CORE, "core").unwrap();
        let object = open.set_core_btf(types).load().unwrap();
        run(&object.program("relocate").unwrap());
        let task = other.type_by_id(other.find("task_struct", Kind::Struct).unwrap()).unwrap();
        let pid = task.members().unwrap().find(|member| member.name() == Some("pid")).unwrap();
        assert_eq!(get(&object, "pid_offset"), u64::from(pid.bit_offset / 8));
        assert_eq!(get(&object, "type_size"), u64::from(other.size_of(task.id()).unwrap()));
        assert_eq!(get(&object, "type_id_kernel"), u64::from(other.find("list_head", Kind::Struct).unwrap().0));
    });
}

/// What programs attach to is the running kernel's, whatever types CO-RE has: ids of others would mean something else.
#[test]
fn types_of_a_file_do_not_serve_for_targets() {
    kernel_test(|| {
        use purebpf::btf::{Btf, KernelBtf, builder::Builder};
        let mut open = Object::open_bytes(TRACING_EVENTS, "tracing_events").unwrap();
        for other in ["on_tracepoint", "on_raw_tp"] {
            open.program_mut(other).unwrap().set_autoload(false);
        }
        open.set_core_btf(KernelBtf::new(Btf::parse(Builder::new().finish()).unwrap()));
        assert_eq!(open.load().unwrap().attach().unwrap().len(), 1);
    });
}

#[test]
fn a_target_that_the_kernel_does_not_have_is_named() {
    kernel_test(|| {
        let mut open = Object::open_bytes(TRACING_EVENTS, "tracing_events").unwrap();
        let target = AttachBtf { name: "btf_trace_no_such_event".into(), kind: Kind::Typedef, module: None };
        open.program_mut("on_tp_btf").unwrap().set_attach_btf(Some(target));
        let error = open.load().expect_err("there is no such tracepoint").to_string();
        assert!(error.contains("on_tp_btf") && error.contains("btf_trace_no_such_event"), "{error}");
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Zeroable, Pod)]
#[repr(C)]
struct Record {
    number: u64,
    twice: u64,
}

#[test]
fn records_come_through_the_ring_in_order() {
    kernel_test(|| {
        let object = load(RING, "ring");
        let send = object.program("send").unwrap();
        let mut ring = RingBuffer::new(object.map("records").unwrap()).unwrap();
        let mut seen = Vec::new();
        // More than the ring holds at once.
        for round in 0..10 {
            (0..100).for_each(|_| run(&send));
            ring.poll(Duration::from_secs(10), |record| {
                seen.push(*bytemuck::from_bytes::<Record>(record));
            })
            .unwrap();
            assert_eq!(seen.len(), (round + 1) * 100);
        }
        let expected: Vec<_> = (0..1000).map(|n| Record { number: n, twice: 2 * n }).collect();
        assert_eq!(seen, expected);
        assert_eq!(get(&object, "dropped"), 0);
        // A full ring: what does not fit is counted, not lost unseen.
        (0..1000).for_each(|_| run(&send));
        let mut more = 0;
        ring.consume(|_| more += 1).unwrap();
        assert_eq!(get(&object, "dropped"), 1000 - more);
        assert!(more > 100, "4096 bytes hold 170 records of 24");
    });
}

/// What a daemon does: everything in one struct, behind an `Arc`, used from two threads.
struct Daemon {
    object: Object,
    _links: Vec<Link>,
    ring: std::sync::Mutex<RingBuffer>,
    seen: AtomicU64,
    stop: AtomicBool,
}

#[test]
fn a_loaded_object_lives_in_a_struct_used_from_two_threads() {
    kernel_test(|| {
        let object = load(RING, "ring");
        let ring = RingBuffer::new(object.map("records").unwrap()).unwrap();
        let links = object.attach().unwrap();
        let daemon = Arc::new(Daemon {
            object,
            _links: links,
            ring: std::sync::Mutex::new(ring),
            seen: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let reader = {
            let daemon = daemon.clone();
            std::thread::spawn(move || {
                let mut ring = daemon.ring.lock().unwrap();
                while !daemon.stop.load(Ordering::Acquire) {
                    ring.poll(Duration::from_millis(50), |_| _ = daemon.seen.fetch_add(1, Ordering::Release)).unwrap();
                }
            })
        };
        let send = daemon.object.program("send").unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        for n in 1..=500 {
            run(&send);
            while daemon.seen.load(Ordering::Acquire) < n {
                assert!(Instant::now() < end, "record {n} did not arrive");
                std::thread::yield_now();
            }
        }
        daemon.stop.store(true, Ordering::Release);
        reader.join().unwrap();
        assert_eq!(get(&daemon.object, "sent"), 500);
        // A handle keeps what it needs after the object is gone.
        let sent = daemon.object.global("sent").unwrap();
        drop(daemon);
        run(&send);
        assert_eq!(sent.get::<u64>().unwrap(), 501);
    });
}

#[test]
fn the_same_object_loads_twice() {
    kernel_test(|| {
        let open = Object::open_bytes(GLOBALS, "globals").unwrap();
        let (one, two) = (open.load().unwrap(), open.load().unwrap());
        run(&one.program("add_up").unwrap());
        assert_eq!((get(&one, "zero"), get(&two, "zero")), (1, 0));
    });
}

#[test]
fn programs_and_maps_tell_the_kernel_their_names() {
    kernel_test(|| {
        let object = load(MAPS, "maps");
        let info = object.program("touch").unwrap().info().unwrap();
        assert_eq!(info.name, "touch");
        assert_eq!(object.map("table").unwrap().raw().info().unwrap().name, "table");
        assert_eq!(object.map(&String::from("table")).unwrap().name(), "table");
        let by_id = object.program(object.program("touch").unwrap().program_id().unwrap()).unwrap();
        assert_eq!(by_id.name(), "touch");
    });
}

#[test]
fn what_is_pinned_can_be_found_again() {
    kernel_test(|| {
        let bpffs = Path::new("/sys/fs/bpf");
        let object = load(MAPS, "maps");
        let pin = bpffs.join(format!("purebpf-test-{}", std::process::id()));
        if let Err(error) = object.map("slots").unwrap().pin(&pin) {
            common::skip(format_args!("nothing can be pinned in {}: {error}", bpffs.display()));
            return;
        }
        let again = purebpf::sys::pin::obj_get(&pin, purebpf::sys::pin::Access::ReadWrite).unwrap();
        fs::remove_file(&pin).unwrap();
        let again = purebpf::sys::map::Map::from_fd(again).unwrap();
        assert_eq!(again.id(), object.map("slots").unwrap().raw().id());
    });
}

/// Whichever thread comes to it first, the fault is that of the first program.
#[test]
fn programs_are_verified_by_several_threads() {
    kernel_test(|| {
        let mut open = Object::open_bytes(TWENTY, "twenty").unwrap();
        open.set_threads(4);
        let object = open.load().unwrap();
        let names: Vec<_> = object.programs().map(|program| program.name().to_owned()).collect();
        assert_eq!(names.len(), 20);
        for (program, name) in object.programs().zip(&names) {
            assert!(program.info().unwrap().name == name[..name.len().min(15)]);
        }
        drop(object);
        let of = |name: &str, open: &OpenObject| {
            let id = open.description().program(name).unwrap();
            open.description().programs[id.0].function
        };
        // The verifier wants the last instruction to be an exit.
        for broken in [3, 5, 19] {
            let function = of(&names[broken], &open);
            open.description_mut().functions[function.0].insns.pop();
        }
        for _ in 0..20 {
            let error = open.load().unwrap_err().to_string();
            assert!(error.contains(&format!("program '{}' was refused", names[3])), "{error}");
        }
    });
}

/// The types say so too: they are where `bpftool map dump` looks.
#[test]
fn an_array_is_made_as_long_as_it_is_needed() {
    kernel_test(|| {
        let mut open = Object::open_bytes(RESIZED, "resized").unwrap();
        open.resize_global("many", 5 * 4).unwrap();
        open.global_mut("count").unwrap().set(5u32).unwrap();
        open.global_mut("many").unwrap().set([10i32, 20, 30, 40, 50]).unwrap();
        let object = open.load().unwrap();
        let packet = [0; 64];
        let add = object.program("add").unwrap();
        assert_eq!(add.test_run(TestRun::new().data_in(&packet)).unwrap().retval, 3);
        assert_eq!(object.global("many").unwrap().get::<[i32; 5]>().unwrap(), [10, 21, 32, 43, 54]);
        let info = object.map(".data.many").unwrap().info().unwrap();
        assert_eq!(info.value_size, 24);
        assert_ne!(info.btf_value_type_id, 0, "the kernel took the types as they are now");

        for (name, size, why) in [
            ("many", 6, "no whole elements"),
            ("many", 0, "no whole elements"),
            ("before", 8, "others come after it"),
            ("alone", 8, "no array"),
            ("nobody", 4, "none of this name"),
        ] {
            let error = open.resize_global(name, size).unwrap_err().to_string();
            assert!(error.contains(why), "{name} {size}: {error}");
        }
        // Shorter, too.
        open.resize_global("many", 4).unwrap();
        open.global_mut("count").unwrap().set(1u32).unwrap();
        let object = open.load().unwrap();
        assert_eq!(object.global("many").unwrap().get::<[i32; 1]>().unwrap(), [10]);
    });
}

#[test]
fn a_prepared_object_gives_programs_one_by_one() {
    kernel_test(|| {
        let mut open = Object::open_bytes(TWENTY, "twenty").unwrap();
        let names: Vec<_> = open.description().programs.iter().map(|program| program.name.clone()).collect();
        open.program_mut(names[1].as_str()).unwrap().set_autoload(false);
        let prepared = open.prepare().unwrap();
        let (one, another) = (prepared.load_one(&names[0]).unwrap(), prepared.load_one(&names[0]).unwrap());
        assert_ne!(one.id().unwrap(), another.id().unwrap());
        assert!(matches!(prepared.load_one(&names[1]), Err(Error::NotLoaded { .. })));
        let object = prepared.load().unwrap();
        assert_eq!(object.programs().count(), 19);
    });
}

/// `bpftool prog show` finds what describes a program in a map that no instruction of it refers to.
#[test]
fn read_only_data_belongs_to_all_programs() {
    kernel_test(|| {
        if !needs(&BIND_MAP) {
            return;
        }
        let object = load(RESIZED, "resized");
        let mut open = Object::open_bytes(GLOBALS, "globals").unwrap();
        open.set_threads(1);
        for object in [object, open.load().unwrap()] {
            let read_only = object.map(".rodata").unwrap().id();
            for program in object.programs() {
                let maps = purebpf::sys::info::prog_map_ids(program.as_fd()).unwrap();
                assert!(maps.contains(&read_only), "{}: {maps:?}", program.name());
            }
        }
    });
}
