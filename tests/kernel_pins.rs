//! Maps that are pinned by their name, taken from where they are, given by the caller, or for one program alone.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Feature, kernel_test, needs, skip};
use purebpf::elf_loader;
use purebpf::sys::map::MapCreate;
use purebpf::sys::prog::TestRun;
use purebpf::sys::uapi::{ElemFlags, MapFlags, MapType};
use purebpf::{Error, Map, Object, OpenObject, Program};

const PINNED: &[u8] = include_bytes!("programs/pinned_maps.bpf.o");
const LEGACY: &[u8] = include_bytes!("programs/legacy_maps.bpf.o");

const EXCLUSIVE: Feature = Feature::by_version("exclusive maps", (6, 18));

/// A folder of a bpffs that is there while a test runs, or none where nothing can be pinned.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Option<Folder> {
        let path = Path::new("/sys/fs/bpf").join(format!("purebpf-test-{}-{name}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => Some(Folder(path)),
            Err(error) => {
                skip(format_args!("nothing can be pinned in /sys/fs/bpf: {error}"));
                None
            }
        }
    }

    /// Names of what is pinned in it.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let _ = fs::remove_file(entry.path());
        }
        let _ = fs::remove_dir(&self.0);
    }
}

fn open(folder: &Folder) -> OpenObject {
    let mut open = Object::open_bytes(PINNED, "pinned_maps").unwrap();
    open.set_pin_root(&folder.0);
    open
}

/// Runs a program of a packet; what it returns.
fn run(program: &Program) -> i32 {
    let packet = [0; 64];
    program.test_run(TestRun::new().data_in(&packet)).unwrap().retval as i32
}

fn first(map: &Map) -> u64 {
    let value = map.lookup(&0u32.to_ne_bytes()).unwrap().unwrap();
    u64::from_ne_bytes(value.try_into().unwrap())
}

#[test]
fn what_is_pinned_by_its_name_is_found_again() {
    kernel_test(|| {
        let Some(folder) = Folder::new("again") else { return };
        let object = open(&folder).load().unwrap();
        assert_eq!(folder.names(), ["kept", "kept_too"]);
        run(&object.program("count").unwrap());
        let id = object.map("kept").unwrap().id();
        drop(object);

        // The count goes on in the map that is pinned, and begins anew in the one that is not.
        let object = open(&folder).load().unwrap();
        run(&object.program("count").unwrap());
        let kept = object.map("kept").unwrap();
        assert_eq!((kept.id(), first(&kept), first(&object.map("private").unwrap())), (id, 2, 1));
    });
}

#[test]
fn another_map_under_the_name_is_told_from_it_and_nothing_is_left() {
    kernel_test(|| {
        let Some(folder) = Folder::new("another") else { return };
        let other = MapCreate::new(MapType::HASH, 4, 16, 8).flags(MapFlags::NO_PREALLOC).create().unwrap();
        Map::from_fd(other).unwrap().pin(folder.0.join("kept_too")).unwrap();
        let error = open(&folder).load().unwrap_err().to_string();
        assert!(error.contains("map 'kept_too'") && error.contains(folder.0.to_str().unwrap()), "{error}");
        assert!(error.contains("value_size is 16, not 8, its map_flags are 0x1, not 0x0"), "{error}");
        // What was pinned before that was found is gone again.
        assert_eq!(folder.names(), ["kept_too"]);
        // Without that map the object loads.
        let mut without = open(&folder);
        without.map_mut("kept_too").unwrap().autocreate = false;
        drop(without.load().unwrap());
        assert_eq!(folder.names(), ["kept", "kept_too"]);
    });
}

#[test]
fn a_load_that_fails_takes_its_pins_back() {
    kernel_test(|| {
        let Some(folder) = Folder::new("back") else { return };
        let mut broken = open(&folder);
        broken.map_mut("private").unwrap().autocreate = false;
        let error = broken.load().unwrap_err();
        let Error::Object { cause, .. } = &error else { panic!("{error}") };
        assert!(matches!(**cause, elf_loader::Error::Rejected { .. }), "{error}");
        assert!(error.to_string().contains("map 'private' was not created"), "{error}");
        assert_eq!(folder.names(), [""; 0]);
        // A pin that was there before is not theirs to take.
        drop(open(&folder).load().unwrap());
        broken.load().unwrap_err();
        assert_eq!(folder.names(), ["kept", "kept_too"]);
    });
}

#[test]
fn a_pin_outside_of_a_bpffs_says_what_is_missing() {
    kernel_test(|| {
        let mut open = Object::open_bytes(PINNED, "pinned_maps").unwrap();
        open.set_pin_root(std::env::temp_dir());
        let error = open.load().unwrap_err().to_string();
        assert!(error.contains("map 'kept': pin /") && error.contains("mount -t bpf"), "{error}");
    });
}

#[test]
fn a_map_of_the_callers_is_used_instead() {
    kernel_test(|| {
        let mut open = Object::open_bytes(PINNED, "pinned_maps").unwrap();
        for name in ["kept", "kept_too"] {
            open.map_mut(name).unwrap().pinning = elf_loader::object::Pinning::None;
        }
        let given = Map::from_fd(MapCreate::new(MapType::ARRAY, 4, 8, 3).name("given").create().unwrap()).unwrap();
        given.update(&0u32.to_ne_bytes(), &41u64.to_ne_bytes(), ElemFlags::ANY).unwrap();
        open.reuse_map("private", &given).unwrap();
        // As often as it is loaded.
        for calls in 1..3 {
            let object = open.load().unwrap();
            assert_eq!(object.map("private").unwrap().id(), given.id());
            run(&object.program("count").unwrap());
            assert_eq!(run(&object.program("look").unwrap()), 41 + calls);
        }
        let file = fs::File::open("/proc/self/status").unwrap();
        assert!(matches!(open.reuse_map("private", &file), Err(Error::Map { .. })));
    });
}

#[test]
fn all_maps_and_programs_are_pinned_or_none() {
    kernel_test(|| {
        let Some(folder) = Folder::new("all") else { return };
        let object = Object::open_bytes(LEGACY, "legacy_maps").unwrap().load().unwrap();
        // The folder is made if only that is missing.
        let maps = folder.0.join("maps");
        object.pin_maps(&maps).unwrap();
        let there = Map::open_pinned(maps.join("old_counts")).unwrap();
        assert_eq!(there.id(), object.map("old_counts").unwrap().id());
        object.pin_programs(&folder.0).unwrap();
        assert_eq!(folder.names(), ["count", "maps"]);
        // One of them is taken: the others are not left.
        object.map("old_counts").unwrap().unpin(maps.join("old_counts")).unwrap();
        object.pin_maps(&maps).unwrap_err();
        let left: Vec<_> = fs::read_dir(&maps).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["old_hash"]);
        object.unpin_programs(&folder.0).unwrap();
        object.unpin_maps(&maps).unwrap_err();
        fs::remove_dir(&maps).unwrap();
        assert_eq!(folder.names(), [""; 0]);
    });
}

/// Maps of section `maps`, which libbpf gave up.
#[test]
fn maps_of_before_btf_are_created_and_counted_in() {
    kernel_test(|| {
        let object = Object::open_bytes(LEGACY, "legacy_maps").unwrap().load().unwrap();
        assert_eq!(run(&object.program("count").unwrap()), 0);
        let value = |map: &str| object.map(map).unwrap().lookup(&1u32.to_ne_bytes()).unwrap().unwrap();
        assert_eq!(
            (value("old_counts"), value("old_hash")),
            (1u64.to_ne_bytes().to_vec(), 5u64.to_ne_bytes().to_vec())
        );
        assert_eq!(object.map("old_hash").unwrap().raw().flags(), MapFlags::NO_PREALLOC);
    });
}

#[test]
fn an_exclusive_map_is_its_programs_alone() {
    kernel_test(|| {
        if !needs(&EXCLUSIVE) {
            return;
        }
        let mut open = Object::open_bytes(PINNED, "pinned_maps").unwrap();
        for name in ["kept", "kept_too"] {
            open.map_mut(name).unwrap().pinning = elf_loader::object::Pinning::None;
        }
        open.set_exclusive_program("kept", "count").unwrap();
        let object = open.load().unwrap();
        run(&object.program("count").unwrap());
        assert_eq!(first(&object.map("kept").unwrap()), 1);
        // The other program looks into the map that only this one may.
        open.set_exclusive_program("private", "count").unwrap();
        let error = open.load().unwrap_err().to_string();
        assert!(error.contains("program 'look' was refused"), "{error}");
        open.program_mut("look").unwrap().set_autoload(false);
        drop(open.load().unwrap());
        // There is no hash of what is not loaded.
        open.program_mut("count").unwrap().set_autoload(false);
        let error = open.load().unwrap_err().to_string();
        assert!(error.contains("is for program 'count' alone, which is not to be loaded"), "{error}");
    });
}
