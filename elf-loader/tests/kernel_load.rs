//! Loading into the running kernel: that maps hold what they are declared with, and that nothing stays open.

#[path = "../../tests/common/leaks.rs"]
mod leaks;

use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use purebpf_elf_loader::Error;
use purebpf_elf_loader::load::{FailNth, Loaded, Options, RunningKernel, prepare};
use purebpf_elf_loader::object::Object;
use purebpf_sys::info::{map_info, prog_info};
use purebpf_sys::map::Map;
use purebpf_sys::uapi::{ElemFlags, ProgType};

// Within the test, as virtual machines have nothing else of the workspace.
const MANY_MAPS: &[u8] = include_bytes!("../../tests/programs/many_maps.bpf.o");

/// How many descriptors this process has open. No other test of this target opens any meanwhile: there is one.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

/// What every kernel from 5.10 on takes of it.
fn old_enough() -> Object {
    let mut object = Object::open(MANY_MAPS, "many_maps").unwrap();
    for program in &mut object.programs {
        program.prog_type = ProgType::RAW_TRACEPOINT;
        program.autoload = program.name.starts_with("jumped_to");
    }
    for map in &mut object.maps {
        map.autocreate = !["bloom", "of_tasks"].contains(&map.name.as_str());
    }
    object
}

fn id_in(map: &OwnedFd, index: u32) -> Option<u32> {
    let mut value = [0; 4];
    let found = Map::from_fd(map.as_fd()).unwrap().lookup(&index.to_ne_bytes(), &mut value, ElemFlags::ANY).unwrap();
    found.then(|| u32::from_ne_bytes(value))
}

#[test]
fn maps_hold_what_they_are_declared_with_and_nothing_stays_open() {
    let _watch = leaks::Watch::start();
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let object = old_enough();
    let before = descriptors();
    let loaded: Loaded<RunningKernel> =
        prepare(&object, RunningKernel::new(), Options::default()).unwrap().load(&object).unwrap();
    let map = |name: &str| loaded.maps[object.map(name).unwrap().0].as_ref().unwrap();
    let program = |name: &str| loaded.programs[object.program(name).unwrap().0].as_ref().unwrap();

    // The kernel gives ids for what such maps hold.
    let outer: Vec<_> = (0..4).map(|index| id_in(map("outer_array"), index)).collect();
    let id = |name: &str| Some(map_info(map(name).as_fd()).unwrap().id);
    assert_eq!(outer, [None, id("inner_a"), None, id("inner_b")]);
    let jumps: Vec<_> = (0..3).map(|index| id_in(map("jumps"), index)).collect();
    let id = |name: &str| Some(prog_info(program(name).as_fd()).unwrap().id);
    assert_eq!(jumps, [id("jumped_to"), None, id("jumped_to_too")]);

    drop(loaded);
    assert_eq!(descriptors(), before);

    // Whichever call fails: every fourth, for the kernel takes its time to free maps of maps.
    for n in (0..).step_by(4) {
        let kernel = FailNth::new(RunningKernel::new(), n, 22);
        let outcome = prepare(&object, kernel.for_good(), Options::default()).and_then(|p| p.load(&object));
        if n == 0 {
            assert!(matches!(outcome, Err(Error::NoKallsyms { .. })), "types are gone without, symbols are not");
        }
        let done = outcome.is_ok();
        drop(outcome);
        assert_eq!(descriptors(), before, "call {n}");
        if done {
            assert!(n > 20, "{n} calls");
            break;
        }
    }
}
