//! `purebpf prog load` and `loadall` on the running kernel: what is pinned where, what it is, and that of a failure nothing is left.
//! The sets of pins are those that bpftool 7.8 (libbpf 1.8) leaves for the same command lines, where the test does not say otherwise.

#[path = "../../tests/common/mod.rs"]
mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{kernel_test, skip};
use purebpf::sys::info::{self, LinkKind};
use purebpf::sys::map::MapCreate;
use purebpf::sys::uapi::{MapType, ProgType};
use purebpf::{Link, Map, Program};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::os::fd::AsFd;

const PINNED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/programs/pinned.bpf.o");
const PINNED_OBJECT: &[u8] = include_bytes!("../../tests/programs/pinned.bpf.o");
const UNTYPED_OBJECT: &[u8] = include_bytes!("../../tests/programs/untyped.bpf.o");
const REJECTED_OBJECT: &[u8] = include_bytes!("../../tests/programs/rejected.bpf.o");
const PINNED_BY_NAME_OBJECT: &[u8] = include_bytes!("../../tests/programs/pinned_by_name.bpf.o");
const KCONFIG_OBJECT: &[u8] = include_bytes!("../../tests/programs/kconfig.bpf.o");
const OBJECTS: [(&str, &[u8]); 5] = [
    ("kconfig", KCONFIG_OBJECT),
    ("pinned", PINNED_OBJECT),
    ("untyped", UNTYPED_OBJECT),
    ("rejected", REJECTED_OBJECT),
    ("pinned_by_name", PINNED_BY_NAME_OBJECT),
];

/// A BPF file system of the test's own, gone with all that is pinned in it, beside objects as files.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// None where none can be mounted, which the test says.
    fn new() -> Option<Place> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, bytes) in OBJECTS {
            fs::write(folder.path().join(format!("{name}.bpf.o")), bytes).expect("the folder takes files");
        }
        fs::create_dir(folder.path().join("bpf")).expect("the folder takes folders");
        match mount("bpf", folder.path().join("bpf"), "bpf", MountFlags::empty(), None) {
            Ok(()) => Some(Place { folder }),
            Err(error) => {
                skip(format_args!("no BPF file system can be mounted: {error}"));
                None
            }
        }
    }

    fn object(&self, name: &str) -> String {
        self.folder.path().join(format!("{name}.bpf.o")).to_str().expect("UTF-8").to_owned()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join("bpf").join(name).to_str().expect("UTF-8").to_owned()
    }

    /// All that is in the file system, folders with a slash. The kernel puts iterators into the first one that is mounted.
    fn pins(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let root = self.folder.path().join("bpf");
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("it can be read").flatten() {
                let name = entry.path().strip_prefix(&root).expect("below it").to_str().expect("UTF-8").to_owned();
                if entry.file_type().expect("it has a type").is_dir() {
                    folders.push(entry.path());
                    found.insert(format!("{name}/"));
                } else if !name.ends_with(".debug") {
                    found.insert(name);
                }
            }
        }
        found
    }

    #[track_caller]
    fn assert_pins(&self, expected: &[&str]) {
        assert_eq!(self.pins(), expected.iter().map(|name| (*name).to_owned()).collect());
    }

    /// `prog load|loadall` of an object, in words after the path.
    fn load(&self, command: &str, object: &str, path: &str, words: &[&str]) -> Output {
        let words: Vec<String> = words.iter().map(|word| word.replace("BPFFS", &self.path(""))).collect();
        let output = Command::new(env!("CARGO_BIN_EXE_purebpf"))
            .args(["prog", command, &self.object(object), &self.path(path)])
            .args(words)
            .output();
        output.expect("the tool runs")
    }

    /// As [`load`](Place::load), which must succeed; what it said on standard error.
    #[track_caller]
    fn loads(&self, command: &str, object: &str, path: &str, words: &[&str]) -> String {
        let output = self.load(command, object, path, words);
        assert!(output.status.success() && output.stdout.is_empty(), "{words:?}: {output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    }

    /// As [`load`](Place::load), which must fail, with nothing left behind; what it said.
    #[track_caller]
    fn fails(&self, command: &str, object: &str, path: &str, words: &[&str]) -> String {
        let before = self.pins();
        let output = self.load(command, object, path, words);
        assert!(!output.status.success() && output.stdout.is_empty(), "{words:?}: {output:?}");
        assert_eq!(self.pins(), before, "{words:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    }

    fn program(&self, name: &str) -> Program {
        Program::open_pinned(self.path(name)).expect("a program is pinned there")
    }

    fn map(&self, name: &str) -> Map {
        Map::open_pinned(self.path(name)).expect("a map is pinned there")
    }

    /// A map as `table` of the object is, pinned.
    fn table(&self, pin: &str, name: &str) -> Map {
        let map = MapCreate::new(MapType::HASH, 4, 8, 16).name(name).create().expect("a map");
        let map = Map::from_fd(map).expect("it is described");
        map.pin(self.path(pin)).expect("it is pinned");
        map
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let unmounted = unmount(self.folder.path().join("bpf"), UnmountFlags::DETACH);
        if !std::thread::panicking() {
            unmounted.expect("it can be unmounted");
        }
    }
}

/// The ids of a program's maps.
fn map_ids(program: &Program) -> BTreeSet<u32> {
    info::prog_map_ids(program.as_fd()).expect("the kernel tells").into_iter().collect()
}

#[test]
fn load_pins_the_first_program() {
    kernel_test(|| {
        let Some(place) = Place::new() else { return };
        assert_eq!(place.loads("load", "pinned", "one", &[]), "");
        place.assert_pins(&["one"]);
        let info = place.program("one").info().unwrap();
        assert_eq!((info.name.as_str(), info.prog_type), ("on_sys_enter", ProgType::RAW_TRACEPOINT));

        let shown = Command::new(env!("CARGO_BIN_EXE_purebpf"))
            .args(["prog", "show", "pinned", &place.path("one"), "--json"])
            .output()
            .expect("the tool runs");
        let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
        assert_eq!((&shown["id"], &shown["name"]), (&info.id.into(), &"on_sys_enter".into()));

        // A second load is another program, and `null` in JSON.
        let output = place.load("load", "pinned", "two", &["--json"]);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"null\n".as_slice()));
        assert_ne!(place.program("two").id().unwrap(), info.id);
    });
}

#[test]
fn loadall_pins_each_by_its_name() {
    kernel_test(|| {
        let Some(place) = Place::new() else { return };
        assert_eq!(place.loads("loadall", "pinned", "all", &[]), "");
        place.assert_pins(&["all/", "all/on_sys_enter", "all/anywhere", "all/filter"]);
        for (name, prog_type) in [
            ("on_sys_enter", ProgType::RAW_TRACEPOINT),
            ("anywhere", ProgType::RAW_TRACEPOINT),
            ("filter", ProgType::SOCKET_FILTER),
        ] {
            let info = place.program(&format!("all/{name}")).info().unwrap();
            assert_eq!((info.name.as_str(), info.prog_type), (name, prog_type));
        }
        // A folder that is there is as good, unless a name is taken.
        fs::create_dir(place.path("there")).unwrap();
        place.loads("loadall", "pinned", "there", &[]);
        assert_eq!(place.pins().iter().filter(|name| name.starts_with("there/")).count(), 4);
        let said = place.fails("loadall", "pinned", "there", &[]);
        assert!(said.contains("on_sys_enter") && said.contains("EEXIST"), "{said}");
    });
}

/// bpftool refuses an object with a program that is off (`SEC("?…")`): it cannot pin what is not loaded. Here it is passed over.
#[test]
fn programs_that_are_off_are_passed_over() {
    kernel_test(|| {
        let Some(place) = Place::new() else { return };
        place.loads("loadall", "untyped", "all", &["type", "socket"]);
        place.assert_pins(&["all/", "all/untyped"]);
    });
}

#[test]
fn pinmaps_pins_all_maps() {
    kernel_test(|| {
        let Some(place) = Place::new() else { return };
        place.loads("loadall", "pinned", "all", &["pinmaps", "BPFFSmaps"]);
        let mut expected = vec!["all/", "all/on_sys_enter", "all/anywhere", "all/filter"];
        // BPF file systems take no dots in names: `pinned.rodata`.
        expected.extend(["maps/", "maps/hits", "maps/table", "maps/pinned_rodata"]);
        place.assert_pins(&expected);
        let ids = ["hits", "table", "pinned_rodata"].map(|name| place.map(&format!("maps/{name}")).id());
        assert_eq!(map_ids(&place.program("all/anywhere")), BTreeSet::from(ids));

        place.loads("load", "pinned", "one", &["--pinmaps", "BPFFSone-maps"]);
        assert_eq!(place.map("one-maps/hits").map_type(), MapType::ARRAY);
        // Where there is nothing to pin, there is no folder.
        place.loads("load", "untyped", "two", &["type", "socket", "pinmaps", "BPFFStwo-maps"]);
        assert!(place.pins().contains("two") && !place.pins().contains("two-maps/"));
    });
}

#[test]
fn a_type_given_by_hand() {
    kernel_test(|| {
        let Some(place) = Place::new() else { return };
        let said = place.fails("load", "untyped", "none", &[]);
        assert!(said.contains("section 'my_section' does not say of what type it is"), "{said}");
        for (n, (name, prog_type)) in [
            ("socket", ProgType::SOCKET_FILTER),
            ("xdp", ProgType::XDP),
            ("kprobe", ProgType::KPROBE),
            ("cgroup/bind4", ProgType::CGROUP_SOCK_ADDR),
        ]
        .into_iter()
        .enumerate()
        {
            let pin = format!("by-hand-{n}");
            place.loads("load", "untyped", &pin, &["type", name]);
            assert_eq!(place.program(&pin).info().unwrap().prog_type, prog_type, "{name}");
        }
        // What the section says counts for nothing then: bpftool pins the program, too, and not a link.
        let said = place.loads("load", "pinned", "socket", &["type", "socket", "autoattach"]);
        assert!(said.contains("pinned without"), "{said}");
        assert_eq!(place.program("socket").info().unwrap().prog_type, ProgType::SOCKET_FILTER);
    });
}

/// As with bpftool, a map that took another's place is pinned by its own name.
#[test]
fn maps_that_are_there_are_used() {
    kernel_test(|| {
        let Some(place) = Place::new() else { return };
        let shared = place.table("shared", "purebpf_shared");
        let id = shared.id().to_string();
        let pin = place.path("shared");
        for (n, words) in [
            ["map", "name", "table", "id", &id],
            // The object's maps are in the order of its BTF.
            ["map", "idx", "0", "name", "purebpf_shared"],
            ["map", "idx", "0x0", "pinned", &pin],
            ["--map", "name", "table", "pinned", &pin],
        ]
        .into_iter()
        .enumerate()
        {
            let folder = format!("all-{n}");
            let maps = format!("maps-{n}");
            let pinmaps = format!("BPFFS{maps}");
            place.loads("loadall", "pinned", &folder, &[&words[..], &["pinmaps", &pinmaps]].concat());
            let used = map_ids(&place.program(&format!("{folder}/anywhere")));
            assert!(used.contains(&shared.id()) && used.len() == 3, "{words:?}: {used:?}");
            let names: Vec<_> = place.pins().into_iter().filter(|name| name.starts_with(&maps)).collect();
            let expected = ["", "hits", "pinned_rodata", "purebpf_shared"].map(|name| format!("{maps}/{name}"));
            assert_eq!(names, expected, "{words:?}");
        }
        // What one program wrote the other reads.
        let program = place.program("all-0/anywhere");
        program.test_run(purebpf::sys::prog::TestRun::new()).expect("a raw tracepoint is run by hand");
        assert_eq!(shared.lookup(&7u32.to_ne_bytes()).unwrap(), Some(70u64.to_ne_bytes().to_vec()));

        for (words, expected) in [
            (&["map", "name", "nothing", "id", &id][..], "no map 'nothing' (it has: table, hits, pinned.rodata)"),
            (&["map", "idx", "3", "id", &id], "no map 3: it has 3"),
            (&["map", "name", "table", "id", &id, "map", "idx", "0", "id", &id], "'table' is replaced twice"),
            (&["map", "name", "table", "id", "4294967295"], "there is no map with id 4294967295"),
            (&["map", "name", "table", "pinned", "/nowhere"], "/nowhere"),
        ] {
            let said = place.fails("loadall", "pinned", "none", words);
            assert!(said.contains(expected), "{words:?}: {said}");
        }
        // The verifier sees that the value is too small for what programs do with it.
        let small = MapCreate::new(MapType::ARRAY, 4, 4, 1).create().unwrap();
        let small = Map::from_fd(small).unwrap();
        small.pin(place.path("small")).unwrap();
        let small = place.path("small");
        let said = place.fails("loadall", "pinned", "none", &["map", "name", "hits", "pinned", &small]);
        assert!(said.contains("was refused"), "{said}");
    });
}

/// Loading pins such a map in /sys/fs/bpf, unless it is there; when pinning anything else fails, its pin goes, too, which bpftool
/// leaves. `pinmaps` with another folder pins it there as well, where bpftool fails.
#[test]
fn maps_that_are_pinned_by_name() {
    kernel_test(|| {
        let Some(place) = Place::new() else { return };
        let shared = Path::new("/sys/fs/bpf/purebpf_shared");
        match rustix::fs::statfs("/sys/fs/bpf") {
            Ok(there) if there.f_type as u64 & 0xffff_ffff == 0xcafe_4a11 => {}
            _ => return skip("/sys/fs/bpf is no BPF file system"),
        }
        fs::create_dir(place.path("all")).unwrap();
        place.table("all/count_shared", "m");
        let said = place.fails("loadall", "pinned_by_name", "all", &[]);
        assert!(said.contains("EEXIST") && !shared.exists(), "{said}");

        let loaded = place.load("load", "pinned_by_name", "one", &["pinmaps", "BPFFSmaps"]);
        let id = Map::open_pinned(shared).map(|map| map.id());
        // The second load finds it, and leaves it when it fails.
        let failed = place.load("loadall", "pinned_by_name", "all", &[]);
        let again = Map::open_pinned(shared).map(|map| map.id());
        let second = place.load("load", "pinned_by_name", "two", &[]);
        fs::remove_file(shared).expect("it is pinned");
        assert!(
            loaded.status.success() && second.status.success() && !failed.status.success(),
            "{loaded:?} {second:?}"
        );
        let id = id.expect("it was pinned");
        assert_eq!(again.expect("it was pinned still"), id);
        assert_eq!(place.map("maps/purebpf_shared").id(), id);
        assert_eq!(map_ids(&place.program("one")), BTreeSet::from([id]));
        assert_eq!(map_ids(&place.program("two")), BTreeSet::from([id]));
    });
}

/// The loopback device runs no programs, and tells XDP programs nothing.
#[test]
fn devices() {
    kernel_test(|| {
        let Some(place) = Place::new() else { return };
        for words in [&["offload_dev", "lo"][..], &["xdpmeta_dev", "lo"], &["--xdpmeta-dev", "lo"]] {
            let said = place.fails("load", "untyped", "one", &[&["type", "xdp"], words].concat());
            assert!(said.contains("program 'untyped' was refused"), "{words:?}: {said}");
        }
        // What is no XDP program is not bound to the device.
        place.loads("load", "untyped", "filter", &["type", "socket", "xdpmeta_dev", "lo"]);
        let said = place.fails("load", "untyped", "one", &["type", "xdp", "offload_dev", "no-such-device"]);
        assert!(said.contains("interface 'no-such-device'"), "{said}");
    });
}

/// With --debug, all that the verifier said of what it took, too.
#[test]
fn debug_tells_the_log() {
    kernel_test(|| {
        let Some(place) = Place::new() else { return };
        let said = place.loads("loadall", "pinned", "all", &["-d"]);
        assert_eq!(said.lines().filter(|line| line.starts_with("processed ")).count(), 3, "{said}");
        let quiet = place.loads("loadall", "pinned", "quiet", &[]);
        assert_eq!(quiet, "");
    });
}

/// A link that is pinned holds its program where it is attached when the tool has ended.
#[test]
fn autoattach_pins_links() {
    kernel_test(|| {
        let Some(place) = Place::new() else { return };
        let said = place.loads("loadall", "pinned", "all", &["autoattach", "pinmaps", "BPFFSmaps"]);
        let notes: Vec<&str> = said.lines().collect();
        assert_eq!(notes.len(), 2, "{said}");
        assert!(notes[0].contains("'anywhere'") && notes[1].contains("'filter'"), "{said}");

        let hits = || {
            let value = place.map("maps/hits").lookup(&[0; 4]).unwrap().expect("an array has its first element");
            u64::from_ne_bytes(value.try_into().expect("eight bytes"))
        };
        // Every system call counts, that by which the counter is read included.
        let before = hits();
        assert!(hits() > before, "the program runs");
        let link = Link::open(place.path("all/on_sys_enter")).expect("a link is pinned there");
        assert!(matches!(link.info().unwrap().kind, LinkKind::RawTracepoint { .. }), "{link:?}");
        drop(link);
        // The others have no link, and are there themselves.
        assert_eq!(place.program("all/anywhere").name(), "anywhere");
        assert_eq!(place.program("all/filter").name(), "filter");

        fs::remove_file(place.path("all/on_sys_enter")).unwrap();
        wait_for_rest(hits);
    });
}

/// Waits until two system calls are not counted: a raw tracepoint lets go of its program when all CPUs have passed it.
fn wait_for_rest(hits: impl Fn() -> u64) {
    for _ in 0..1_000_000 {
        let before = hits();
        if hits() == before {
            return;
        }
    }
    panic!("it is attached still");
}

#[test]
fn a_failure_leaves_nothing() {
    kernel_test(|| {
        let Some(place) = Place::new() else { return };
        // The second of two programs is refused.
        let said = place.fails("loadall", "rejected", "all", &["pinmaps", "BPFFSmaps"]);
        assert!(said.contains("'without_null_check' was refused") && said.contains("verifier:"), "{said}");
        // All that the verifier said, too.
        let said = place.fails("loadall", "rejected", "all", &["--debug"]);
        assert!(said.contains("\nprocessed ") && said.contains(" insns (limit "), "{said}");

        // All programs are off.
        for command in ["load", "loadall"] {
            let said = place.fails(command, "kconfig", "all", &["pinmaps", "BPFFSmaps"]);
            assert!(said.contains("object 'kconfig' has no program that is loaded"), "{said}");
        }
        // The path is taken.
        place.table("taken", "m");
        let said = place.fails("load", "pinned", "taken", &[]);
        assert!(said.contains("/bpf/taken exists already"), "{said}");
        // The place of the last program is.
        fs::create_dir(place.path("all")).unwrap();
        place.table("all/filter", "m");
        let said = place.fails("loadall", "pinned", "all", &[]);
        assert!(said.contains("'filter'") && said.contains("EEXIST"), "{said}");
        let said = place.fails("loadall", "pinned", "all", &["autoattach"]);
        assert!(said.contains("EEXIST"), "{said}");
        // That of the last map is: programs and other maps were pinned before.
        fs::create_dir(place.path("maps")).unwrap();
        place.table("maps/pinned_rodata", "m");
        for words in [&["pinmaps", "BPFFSmaps"][..], &["autoattach", "pinmaps", "BPFFSmaps"]] {
            let said = place.fails("loadall", "pinned", "more", words);
            assert!(said.contains("pinned_rodata") && said.contains("EEXIST"), "{said}");
        }

        // Folders are made one deep.
        for (command, path, words) in [
            ("load", "a/b", &[][..]),
            ("loadall", "a/b", &[]),
            ("loadall", "b", &["pinmaps", "BPFFSa/b"]),
            ("load", "b", &["pinmaps", "BPFFSa/b"]),
        ] {
            let said = place.fails(command, "pinned", path, words);
            assert!(said.contains("No such file or directory"), "{said}");
        }
    });
}

/// Where there is no BPF file system, one is mounted, as by bpftool; but not over files, which bpftool hides.
#[test]
fn a_file_system_is_mounted() {
    kernel_test(|| {
        if Place::new().is_none() {
            return;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let run = |command: &str, path: &Path, words: &[&str]| {
            let mut tool = Command::new(env!("CARGO_BIN_EXE_purebpf"));
            tool.args(["prog", command, PINNED]).arg(path).args(words).output().expect("the tool runs")
        };
        let names = |folder: &Path| -> BTreeSet<PathBuf> {
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into()).collect()
        };

        let refused = run("loadall", &at("all"), &["--nomount"]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("not in a BPF file system"), "{refused:?}");
        assert!(!at("all").exists());

        fs::write(at("file"), "is here").unwrap();
        let refused = run("load", &at("one"), &[]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("has files"), "{refused:?}");
        assert_eq!(names(folder.path()), BTreeSet::from(["file".into()]));

        // What was mounted for the programs goes when the maps cannot be pinned.
        let refused = run("loadall", &at("all"), &["pinmaps", folder.path().to_str().unwrap()]);
        assert!(!refused.status.success() && !at("all").exists(), "{refused:?}");

        let loaded = run("loadall", &at("all"), &[]);
        assert!(loaded.status.success(), "{loaded:?}");
        let found = Program::open_pinned(at("all/filter")).map(|program| program.name().to_owned());
        unmount(at("all"), UnmountFlags::DETACH).expect("a file system was mounted");
        assert_eq!(found.expect("it is pinned"), "filter");
        assert_eq!(names(&at("all")), BTreeSet::new());
    });
}
