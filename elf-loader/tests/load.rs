//! Loading: what a kernel is asked, in which order, and that nothing is left when it refuses.

mod common;

use std::collections::HashSet;

use common::{KERNELS, kernel, objects, open};
use purebpf_btf::{KernelBtf, Kind};
use purebpf_elf_loader::Error;
use purebpf_elf_loader::load::{Call, DryKernel, FailNth, Kernel, Loaded, Options, prepare};
use purebpf_elf_loader::object::{AttachBtf, Object};
use purebpf_sys::insn::pseudo;
use purebpf_sys::probes::Feature;
use purebpf_sys::uapi::{MapType, ProgType};

const KALLSYMS: &str = "ffffffff82a0f8c0 D init_task\n";
const CONFIG: &str = "CONFIG_HZ=250\nCONFIG_IPV6=m\nCONFIG_BPF_SYSCALL=y\nCONFIG_LOCALVERSION=\"\"\n";

fn load<K: Kernel>(object: &Object, kernel: K) -> Result<Loaded<K>, Error> {
    prepare(object, kernel, Options::default())?.load(object)
}

/// A kernel that has what the committed objects ask for.
fn dry_kernel(target: &KernelBtf) -> DryKernel {
    DryKernel::new(Some(target.clone())).with_kallsyms(KALLSYMS).with_config(CONFIG)
}

/// A call in a few words.
fn short(call: &Call) -> String {
    match call {
        Call::MapCreate { map, name, inner: None, .. } => format!("{map} = map {name}"),
        Call::MapCreate { map, name, inner: Some(inner), .. } => format!("{map} = map {name} of {inner}"),
        Call::MapUpdate { map, key, value } if value.len() == 4 => {
            let word = |bytes: &[u8]| u32::from_ne_bytes(bytes.try_into().unwrap());
            format!("{map}[{}] = {}", word(key), word(value))
        }
        Call::MapUpdate { map, value, .. } => format!("{map}[0] = {} bytes", value.len()),
        Call::MapFreeze { map } => format!("freeze {map}"),
        Call::BtfLoad { btf, .. } => format!("{btf} = btf"),
        Call::ModuleBtf { btf, module } => format!("{btf} = btf of {module}"),
        Call::ProgLoad { program, name, .. } => format!("{program} = program {name}"),
        Call::KernelBtf => "kernel types".to_owned(),
        Call::Kallsyms => "kernel symbols".to_owned(),
        Call::ProgBindMap { program, map } => format!("{map} with {program}"),
        Call::Config => "configuration".to_owned(),
        Call::Release(number) => format!("close {number}"),
        other => panic!("{other:?}"),
    }
}

/// The order is libbpf's (bpf_object_prepare, bpf_object_load): BTF, maps and their contents, programs, each with the read-only
/// data bound to it, and the arrays that hold programs; a template is closed as soon as its map exists.
#[test]
fn the_kernel_is_asked_in_libbpf_s_order() {
    let target = kernel(KERNELS[0]);
    let object = open("many_maps");
    let dry = dry_kernel(&target);
    let loaded = load(&object, dry.clone()).unwrap();
    let calls: Vec<_> = dry.calls().iter().map(short).collect();
    assert_eq!(
        calls,
        [
            "kernel types",
            "kernel symbols",
            "configuration",
            "1 = btf",
            "2 = map inner_a",
            "3 = map inner_b",
            "4 = map outer_array.inner",
            "5 = map outer_array of 4",
            "close 4",
            "6 = map jumps",
            "7 = map outer_hash.inner",
            "8 = map outer_hash of 7",
            "close 7",
            "9 = map outer_rings.inner",
            "10 = map outer_rings of 9",
            "close 9",
            "11 = map queue",
            "12 = map odd_ring",
            "13 = map per_cpu_events",
            "14 = map odd_sizes",
            "15 = map bloom",
            "16 = map stacks",
            "17 = map of_tasks",
            "18 = map .data.wide",
            "18[0] = 8 bytes",
            "19 = map .data.hidden",
            "19[0] = 8 bytes",
            "20 = map .rodata.fixed",
            "20[0] = 7",
            "freeze 20",
            "21 = map many_map.data",
            "21[0] = 8",
            "22 = map many_map.rodata",
            "22[0] = 5 bytes",
            "freeze 22",
            // What is zero need not be written.
            "23 = map .bss.zeros",
            "24 = map many_map.bss",
            "25 = map many_ma.kconfig",
            "25[0] = 37 bytes",
            "freeze 25",
            "5[1] = 2",
            "5[3] = 3",
            "26 = program jumped_to",
            "20 with 26",
            "22 with 26",
            "27 = program jumped_to_too",
            "20 with 27",
            "22 with 27",
            "28 = program use_externs",
            "20 with 28",
            "22 with 28",
            "29 = program use_maps",
            "20 with 29",
            "22 with 29",
            "6[0] = 26",
            "6[2] = 27",
        ]
    );
    assert_eq!(dry.live(), 1 + 21 + 4);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    drop(loaded);
    assert_eq!(dry.live(), 0);
}

/// Types are kept from the map types for which libbpf does (bpf_object__create_map).
#[test]
fn maps_are_created_with_adjusted_sizes_and_types() {
    let target = kernel(KERNELS[0]);
    let object = open("many_maps");
    let dry = dry_kernel(&target);
    drop(load(&object, dry.clone()).unwrap());
    let calls = dry.calls();
    let map = |wanted: &str| {
        let found = calls.iter().find_map(|call| match call {
            Call::MapCreate { name, map_type, max_entries, types, .. } if name == wanted => {
                Some((*map_type, *max_entries, types.is_some()))
            }
            _ => None,
        });
        found.unwrap_or_else(|| panic!("{wanted}"))
    };
    // 5000 bytes round up to a power of two; the dry kernel has 4 CPUs.
    assert_eq!(map("odd_ring"), (MapType::RINGBUF, 8192, false));
    assert_eq!(map("outer_rings.inner"), (MapType::RINGBUF, 8192, false));
    assert_eq!(map("per_cpu_events"), (MapType::PERF_EVENT_ARRAY, 4, false));
    assert_eq!(map("outer_array"), (MapType::ARRAY_OF_MAPS, 4, false));
    assert_eq!(map("inner_a"), (MapType::ARRAY, 2, true));
    assert_eq!(map("queue"), (MapType::QUEUE, 10, false));
    assert_eq!(map("of_tasks"), (MapType::TASK_STORAGE, 0, true));
    assert_eq!(map("many_map.rodata"), (MapType::ARRAY, 1, true));
}

#[test]
fn references_are_filled_in() {
    let object = open("subprograms");
    let dry = DryKernel::new(None);
    drop(load(&object, dry.clone()).unwrap());
    let calls = dry.calls();
    let number = |wanted: &str| {
        let found = calls.iter().find_map(|call| match call {
            Call::MapCreate { map, name, .. } if name == wanted => Some(*map),
            _ => None,
        });
        found.unwrap()
    };
    let insns = calls.iter().find_map(|call| match call {
        Call::ProgLoad { name, insns, .. } if name == "second" => Some(insns),
        _ => None,
    });
    let values: Vec<i32> =
        insns.unwrap().iter().filter(|i| i.is_ld_imm64() && i.src() == pseudo::MAP_VALUE).map(|i| i.imm).collect();
    let expected = HashSet::from([number("subprogr.bss"), number("subprogr.rodata")]);
    assert_eq!(values.iter().copied().collect::<HashSet<_>>(), expected);
    assert_eq!(values.len(), 2);
}

/// A map that is not created makes its references calls of helpers that do not exist, as libbpf's poison_map_ldimm64 does.
#[test]
fn references_to_maps_that_are_off_are_poisoned() {
    let mut object = open("maps");
    let table = object.map("table").unwrap();
    object.maps[table.0].autocreate = false;
    let dry = DryKernel::new(None);
    let loaded = load(&object, dry.clone()).unwrap();
    assert!(loaded.maps[table.0].is_none());
    let poisoned = dry.calls().iter().any(|call| match call {
        Call::ProgLoad { insns, .. } => {
            insns.windows(2).any(|w| w.iter().all(|i| i.is_call() && i.imm == 2_001_000_000 + table.0 as i32))
        }
        _ => false,
    });
    assert!(poisoned);
}

/// What these fail with: whatever a kernel may answer to any call.
const ERRNOS: [i32; 6] = [1, 4, 7, 11, 12, 22];
const EPERM: i32 = 1;

/// Objects with everything that a load does: those of which libbpf's word is known, and those with pins, tables of operations,
/// arenas and jump tables.
fn objects_to_fail() -> Vec<(String, Object)> {
    let newer = ["pinned_maps", "tables", "arena", "jump_table", "context_tags", "legacy_maps"];
    let known = objects().into_iter().map(|(name, _)| name);
    let mut all: Vec<_> = known.chain(newer.map(str::to_owned)).map(|name| (name.clone(), open(&name))).collect();
    for (_, object) in &mut all {
        // What section names say is somebody else's to know.
        for program in object.programs.iter_mut().filter(|program| program.section.starts_with("struct_ops")) {
            program.prog_type = ProgType::STRUCT_OPS;
        }
    }
    all
}

/// Every command, mapping and file of a load, failed once: the load either goes on with a warning or without what failed, or says
/// what failed; and failed for good. Nothing is left each time, no pin either, and the object loads when all is well again.
#[test]
fn whichever_call_fails_nothing_is_left() {
    let target = kernel(KERNELS[0]);
    let mut tried = 0;
    for (name, object) in objects_to_fail() {
        // A kernel that does not know the tag is asked for no more.
        let lacking = (name == "context_tags").then_some(Feature::ArgCtxTag);
        let dry = || dry_kernel(&target).without(lacking);
        let whole = dry();
        drop(load(&object, whole.clone()).unwrap_or_else(|err| panic!("{name}: {err}")));
        let is_asked = |call: &Call| !matches!(call, Call::Release(_) | Call::Unpin { .. });
        let calls: Vec<Call> = whole.calls().into_iter().filter(is_asked).collect();
        assert!(!calls.is_empty());
        for (n, call) in calls.iter().enumerate() {
            for errno in ERRNOS {
                tried += 1;
                let dry_once = dry();
                let once = load(&object, FailNth::new(dry_once.clone(), n, errno));
                if let Err(error) = &once {
                    assert!(!matches!(call, Call::ProgBindMap { .. }), "{name}: nothing depends on it: {error}");
                    // What is missed first without the kernel's types depends on the object.
                    if !matches!(call, Call::KernelBtf) {
                        assert_names(&calls, call, error);
                    }
                    assert!(dry_once.pins().is_empty(), "{name}: {n}: {call:?}: {:?}", dry_once.pins());
                }
                drop(once);
                assert_eq!(dry_once.live(), 0, "{name}: {n}: {call:?}");

                let dry_good = dry();
                let error = load(&object, FailNth::new(dry_good.clone(), n, errno).for_good());
                match (call, error) {
                    // A BTF that is refused is gone without; the next thing fails then.
                    (Call::BtfLoad { .. }, Err(error)) if errno == EPERM => {
                        assert!(matches!(error, Error::BtfLoad { .. }), "{error}");
                    }
                    (Call::BtfLoad { .. }, Err(_)) => {}
                    // Without kernel types, what needs none is loaded.
                    (Call::KernelBtf, Err(_)) => {}
                    // Nothing depends on it; what fails is what comes after.
                    (Call::ProgBindMap { .. }, _) => {}
                    (_, Err(error)) => assert_names(&calls, call, &error),
                    (_, Ok(_)) => panic!("{name}: went on after {call:?}"),
                }
                assert_eq!((dry_good.live(), dry_good.pins().len()), (0, 0), "{name}: {n} for good: {call:?}");
            }
        }
        drop(load(&object, dry()).unwrap());
    }
    assert!(tried > 2000, "{tried}");
}

/// By several threads, too, whichever of them it is that fails.
#[test]
fn threads_leave_nothing_either() {
    let object = open("twenty");
    let with_threads = |kernel| {
        let mut options = Options::default();
        options.threads = 4;
        prepare(&object, kernel, options)?.load(&object)
    };
    let whole = DryKernel::new(Some(kernel(KERNELS[0])));
    let loaded = with_threads(FailNth::new(whole.clone(), usize::MAX, EPERM)).unwrap();
    assert!(loaded.programs.iter().all(Option::is_some));
    drop(loaded);
    let calls = whole.calls().iter().filter(|call| !matches!(call, Call::Release(_))).count();
    assert!(calls > 20);
    for n in 0..calls {
        let dry = DryKernel::new(Some(kernel(KERNELS[0])));
        let failed = with_threads(FailNth::new(dry.clone(), n, EPERM).for_good());
        // Only bindings of read-only data to programs may fail without a word.
        let loaded = dry.calls().iter().filter(|call| matches!(call, Call::ProgLoad { .. })).count();
        assert_eq!(failed.is_ok(), loaded == 20, "call {n}");
        drop(failed);
        assert_eq!(dry.live(), 0, "call {n}");
    }
}

/// A pin that was there before a load that fails is there after it.
#[test]
fn what_others_pinned_stays() {
    let object = open("pinned_maps");
    let dry = DryKernel::new(None);
    drop(load(&object, dry.clone()).unwrap());
    let pins = dry.pins();
    assert_eq!(pins.len(), 2);
    for n in 0..dry.calls().len() {
        drop(load(&object, FailNth::new(dry.clone(), n, EPERM).for_good()));
        assert_eq!(dry.pins(), pins, "call {n}");
    }
}

/// The error names what the call was about.
fn assert_names(calls: &[Call], call: &Call, error: &Error) {
    let map_name = |number: i32| {
        let found = calls.iter().find_map(|call| match call {
            Call::MapCreate { map, name, .. } if *map == number => Some(name.clone()),
            _ => None,
        });
        found.unwrap()
    };
    let name = match call {
        // The map of a jump table is its program's.
        Call::MapCreate { name, .. } if name == ".jumptables" => "jump table".to_owned(),
        Call::MapCreate { name, .. } => name.trim_end_matches(".inner").to_owned(),
        Call::MapUpdate { map, .. }
        | Call::MapFreeze { map }
        | Call::MapMemory { map, .. }
        | Call::MapFacts { map } => match map_name(*map) {
            name if name == ".jumptables" => "jump table".to_owned(),
            name => name,
        },
        Call::Pinned { path, .. } | Call::Pin { path, .. } => path.display().to_string(),
        Call::ProgLoad { name, .. } => name.clone(),
        Call::BtfLoad { .. } => "BTF".to_owned(),
        Call::ModuleBtf { module, .. } => module.clone(),
        Call::KernelBtf => "BTF of the kernel".to_owned(),
        Call::Kallsyms => "symbols".to_owned(),
        Call::Config => "configuration".to_owned(),
        other => panic!("{other:?}"),
    };
    let text = error.to_string();
    assert!(text.contains(&name), "{name}: {text}");
}

#[test]
fn what_failed_once_can_be_loaded_again() {
    let object = open("subprograms");
    let dry = DryKernel::new(None);
    load(&object, FailNth::new(dry.clone(), 1, 12).for_good()).unwrap_err();
    let loaded = load(&object, dry.clone()).unwrap();
    assert!(loaded.programs.iter().all(Option::is_some));
}

#[test]
fn a_refused_btf_is_gone_without() {
    let object = open("subprograms");
    // EINVAL, and once more with a log.
    let dry = DryKernel::new(None);
    let kernel = FailNth::new(FailNth::new(dry.clone(), 0, 22), 0, 22);
    let loaded = load(&object, kernel).unwrap();
    assert!(loaded.btf.is_none());
    assert!(loaded.warnings[0].contains("BTF"), "{:?}", loaded.warnings);
    assert!(dry.calls().iter().all(|call| !matches!(call, Call::ProgLoad { infos: Some(_), .. })));
}

#[test]
fn a_map_goes_without_types_that_the_kernel_refuses() {
    let object = open("subprograms");
    let dry = DryKernel::new(None);
    // Call 0 is the BTF, 1 the first map.
    let loaded = load(&object, FailNth::new(dry.clone(), 1, 22)).unwrap();
    assert!(loaded.warnings[0].contains("subprogr.rodata"), "{:?}", loaded.warnings);
    let types = dry.calls().into_iter().find_map(|call| match call {
        Call::MapCreate { name, types, .. } if name == "subprogr.rodata" => Some(types),
        _ => None,
    });
    assert_eq!(types, Some(None));
}

fn attach_to(name: &str, module: Option<&str>, kernel: Option<KernelBtf>) -> Result<Vec<Call>, Error> {
    let mut object = open("subprograms");
    for program in &mut object.programs {
        program.attach_btf =
            Some(AttachBtf { name: name.to_owned(), kind: Kind::Func, module: module.map(str::to_owned) });
    }
    let dry = DryKernel::new(kernel);
    drop(load(&object, dry.clone())?);
    Ok(dry.calls())
}

#[test]
fn attach_targets_are_found_by_name() {
    let target = kernel(KERNELS[0]);
    let id = target.vmlinux().find("do_exit", Kind::Func).unwrap().0;
    for module in [None, Some("vmlinux")] {
        let calls = attach_to("do_exit", module, Some(target.clone())).unwrap();
        let found = calls.iter().find_map(|call| match call {
            Call::ProgLoad { attach_btf, .. } => Some(*attach_btf),
            _ => None,
        });
        assert_eq!(found, Some(Some((id, None))));
    }
    for (name, module) in [("no_such_function", None), ("do_exit", Some("vml"))] {
        let error = attach_to(name, module, Some(target.clone())).unwrap_err();
        assert!(matches!(&error, Error::AttachTarget { target, .. } if target == name), "{error}");
    }
    let error = attach_to("do_exit", None, None).unwrap_err();
    assert!(matches!(error, Error::NoKernelBtf { .. }), "{error}");
}

/// An object whose CO-RE programs are off loads where there are no types.
#[test]
fn a_kernel_without_types_loads_what_needs_none() {
    let mut object = open("core");
    let error = load(&object, DryKernel::new(None)).unwrap_err();
    assert!(matches!(&error, Error::NoKernelBtf { why } if why.contains("this kernel has none")), "{error}");
    object.programs.iter_mut().for_each(|program| program.autoload = false);
    let loaded = load(&object, DryKernel::new(None)).unwrap();
    assert!(loaded.warnings[0].contains("this kernel has none"), "{:?}", loaded.warnings);
}

#[test]
fn externs_that_are_missing_are_named() {
    let object = open("many_types");
    let error = load(&object, DryKernel::new(Some(kernel(KERNELS[0])))).unwrap_err();
    assert!(matches!(&error, Error::ExternNotFound { name, kind: "ksym", .. } if name == "init_task"), "{error}");
    load(&object, DryKernel::new(Some(kernel(KERNELS[0]))).with_kallsyms(KALLSYMS)).unwrap();
}
