//! `purebpf btf dump` of what the kernel holds: BTF objects, and those of programs and maps that the test loads. The answers are
//! bpftool 7.8's, asked on the spot where `cargo xtask reference` has built it; without it, what the library says of the same bytes.

#[path = "../../tests/common/mod.rs"]
mod common;

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{VMLINUX_BTF, kernel_test, needs, skip};
use purebpf::Object;
use purebpf::btf::{Btf, Kind, TypeId, dump};
use purebpf::sys::{id::btf_get_fd_by_id, info, kernel_version, pin, system::version};

const DECODED: &[u8] = include_bytes!("../../tests/programs/decoded.bpf.o");

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_purebpf")).args(arguments).output().expect("the tool runs")
}

#[track_caller]
fn text(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// bpftool as `cargo xtask reference` builds it, beside the tool under test.
fn bpftool() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_purebpf")).ancestors().nth(2)?;
    Some(target.join("reference/bpftool")).filter(|path| path.exists())
}

/// Asserts that the tool answers as bpftool does, if that is there.
#[track_caller]
fn assert_bpftools(bpftool: Option<&Path>, arguments: &[&str]) {
    let Some(bpftool) = bpftool else { return };
    let theirs = Command::new(bpftool).args(arguments).output().expect("bpftool runs");
    assert!(theirs.status.success(), "{arguments:?}: {theirs:?}");
    assert!(text(arguments).as_bytes() == theirs.stdout, "{arguments:?}: another answer than bpftool's");
}

/// One of the object's programs is loaded: that is enough for all maps, and for its BTF.
fn load() -> (Object, String) {
    let mut open = Object::open_bytes(DECODED, "decoded").expect("the committed object opens");
    let ids: Vec<_> = open.program_ids().collect();
    for id in &ids[1..] {
        open.program_mut(*id).expect("it has this program").set_autoload(false);
    }
    let name = open.program_mut(ids[0]).expect("it has this program").name().to_owned();
    (open.load().expect("it loads"), name)
}

fn raw_types(btf: &Btf, ids: &[u32]) -> String {
    let mut text = String::new();
    for id in ids {
        dump::raw_type(btf, TypeId(*id), &mut text).expect("text can be made of it");
    }
    text
}

#[test]
fn programs_and_maps() {
    kernel_test(|| {
        let bpftool = bpftool();
        let (object, program) = load();
        let program = object.program(program.as_str()).unwrap().info().unwrap();
        let fd = btf_get_fd_by_id(program.btf_id).unwrap();
        let btf = Btf::parse(info::btf_data(fd.as_fd()).unwrap()).unwrap();
        let mut whole = String::new();
        dump::raw(&btf, &mut whole).unwrap();

        let (id, tag) = (program.id.to_string(), hex(&program.tag));
        let btf_id = program.btf_id.to_string();
        for source in [&["prog", "id", &id][..], &["prog", "tag", &tag], &["id", &btf_id]] {
            assert_eq!(text(&[&["btf", "dump"], source].concat()), whole);
            for format in [&[][..], &["format", "c"], &["format", "c", "unsorted"], &["root_id", "3", "root_id", "1"]] {
                assert_bpftools(bpftool.as_deref(), &[&["btf", "dump"], source, format].concat());
            }
            for form in ["-j", "-p"] {
                assert_bpftools(bpftool.as_deref(), &[&[form, "btf", "dump"], source].concat());
                assert_bpftools(bpftool.as_deref(), &[&[form, "btf", "dump"], source, &["root_id", "2"]].concat());
            }
        }
        let mut seen_keys = 0;
        for map in object.maps() {
            let info = info::map_info(map.raw().as_fd()).unwrap();
            let id = info.id.to_string();
            let map = ["btf", "dump", "map", "id", &id];
            let (key, value) = (info.btf_key_type_id, info.btf_value_type_id);
            seen_keys += u32::from(key != 0);
            for (part, ids) in [("key", &[key][..]), ("value", &[value]), ("kv", &[key, value]), ("", &[key, value])] {
                let part: &[&str] = if part.is_empty() { &[] } else { &[part] };
                if info.btf_id == 0 {
                    let output = run(&[&map, part].concat());
                    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
                    assert!(complaint.contains("has no BTF") && complaint.contains(&info.name), "{complaint}");
                    continue;
                }
                assert_eq!(text(&[&map, part].concat()), raw_types(&btf, ids), "{} {part:?}", info.name);
                assert_bpftools(bpftool.as_deref(), &[&map, part].concat());
                assert_bpftools(bpftool.as_deref(), &[&map, part, &["format", "c"]].concat());
            }
            if info.btf_id != 0 {
                assert_eq!(text(&[&map[..], &["all"]].concat()), whole);
            }
        }
        assert!(seen_keys >= 2, "of some maps the kernel knows the type of the key");
    });
}

/// By name, which has to be one object's only, and by a pin.
#[test]
fn names_and_pins() {
    kernel_test(|| {
        let (object, program) = load();
        let one = object.map("seen").unwrap();
        let id = one.raw().id().to_string();
        let expected = text(&["btf", "dump", "map", "id", &id]);
        assert_eq!(text(&["btf", "dump", "map", "name", "seen"]), expected);
        let whole = text(&["btf", "dump", "map", "id", &id, "all"]);
        assert_eq!(text(&["btf", "dump", "prog", "name", &program]), whole);
        let pin = format!("/sys/fs/bpf/purebpf_test_{}", std::process::id());
        match pin::obj_pin(one.raw().as_fd(), Path::new(&pin)) {
            Ok(()) => {
                let pinned = run(&["btf", "dump", "map", "pinned", &pin]);
                let wrong = run(&["btf", "dump", "prog", "pinned", &pin]);
                std::fs::remove_file(&pin).unwrap();
                assert_eq!(String::from_utf8_lossy(&pinned.stdout), expected);
                assert_eq!(wrong.status.code(), Some(1), "a map is no program");
            }
            Err(error) => skip(format!("{error}: no BPF file system")),
        }

        let (second, _) = load();
        let output = run(&["btf", "dump", "map", "name", "seen"]);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1));
        let ids = [&id, &second.map("seen").unwrap().raw().id().to_string()].map(String::as_str).join(", ");
        assert!(
            complaint.contains(&format!("more than one map has the name 'seen': choose one by id, of {ids}")),
            "{complaint}"
        );
    });
}

/// Every BTF object that the kernel has of itself and its modules, these over vmlinux without being told.
#[test]
fn the_kernels_own() {
    kernel_test(|| {
        if !needs(&VMLINUX_BTF) {
            return;
        }
        let bpftool = bpftool();
        let kernel = purebpf::kernel::running_kernel_btf().unwrap();
        let mut count = 0;
        for id in purebpf::sys::id::ObjectKind::Btf.ids() {
            let id = id.unwrap();
            // Someone else's may go at any time.
            let Ok(fd) = btf_get_fd_by_id(id) else { continue };
            let about = info::btf_info(fd.as_fd()).unwrap();
            if !about.kernel_btf || count == 3 {
                continue;
            }
            count += 1;
            let bytes = info::btf_data(fd.as_fd()).unwrap();
            let btf = match about.name.as_str() {
                "vmlinux" => Btf::parse(bytes).unwrap(),
                _ => Btf::parse_split(bytes, kernel.vmlinux()).unwrap(),
            };
            let mut whole = String::new();
            dump::raw(&btf, &mut whole).unwrap();
            let (id, file) = (id.to_string(), format!("/sys/kernel/btf/{}", about.name));
            for source in [["id", id.as_str()], ["file", file.as_str()]] {
                let arguments = [&["btf", "dump"][..], &source].concat();
                assert!(text(&arguments) == whole, "{source:?} of {}", about.name);
                assert_bpftools(bpftool.as_deref(), &arguments);
            }
            assert_bpftools(bpftool.as_deref(), &["btf", "dump", "file", &file, "format", "c"]);
        }
        // From 5.11 the kernel says which are its own.
        assert!(count > 0 || kernel_version() < version(5, 11, 0), "vmlinux has BTF, and the kernel an object of it");
    });
}

/// Layouts are the running kernel's unless a file is named; and its modules', of which those are asked that are needed.
#[test]
fn layouts_of_the_running_kernel() {
    kernel_test(|| {
        if !needs(&VMLINUX_BTF) {
            return;
        }
        let vmlinux = "/sys/kernel/btf/vmlinux";
        let own = text(&["btf", "layout", "struct", "task_struct"]);
        assert_eq!(text(&["btf", "layout", "struct", "task_struct", "--btf", vmlinux]), own);
        assert!(own.starts_with("struct task_struct {\n") && own.contains("\t/* size: "), "{own}");
        assert_eq!(text(&["btf", "layout", "struct", "task_struct", "--module", "vmlinux"]), own);
        let none = run(&["btf", "layout", "task_struct", "--module", "no_such_module"]);
        assert!(
            String::from_utf8_lossy(&none.stderr).contains("there is no BTF of a module 'no_such_module'"),
            "{none:?}"
        );

        let kernel = purebpf::kernel::running_kernel_btf().unwrap();
        let vmlinux = kernel.vmlinux();
        // A struct that only a module has, if there is a module.
        let of_module = kernel.modules().iter().find_map(|module| {
            let btf = module.btf(vmlinux).ok()?;
            let has_members = |this: &purebpf::btf::Type<'_>| this.kind() == Kind::Struct && this.vlen() > 0;
            let only_here = |this: &purebpf::btf::Type<'_>| vmlinux.find(this.name_bytes(), Kind::Struct).is_none();
            let found = btf.own_types().find(|this| has_members(this) && this.name().is_some() && only_here(this))?;
            Some((module.name(), found.name()?.to_owned(), found.size_or_type()))
        });
        let Some((module, name, size)) = of_module else { return skip("no module with BTF is loaded") };
        let there = text(&["btf", "layout", "struct", &name, "--module", module]);
        assert!(there.contains(&format!("\t/* size: {size}, ")), "{there}");
        assert!(text(&["btf", "layout", "struct", &name]).starts_with("struct "), "found without naming the module");
    });
}

#[test]
fn what_is_not_there() {
    kernel_test(|| {
        for (arguments, status, words) in [
            (&["id", "4294967295"][..], 1, "there is no BTF object with id 4294967295"),
            (&["prog", "id", "4294967295"], 1, "there is no program with id 4294967295"),
            (&["map", "name", "no such map"], 1, "no map has the name 'no such map'"),
            (&["prog", "pinned", "/nonexistent"], 1, "/nonexistent: "),
            (&["map", "id"], 2, "expected 'id N', 'map id N|name NAME|pinned PATH'"),
            (&["map", "tag", "0123456789abcdef"], 2, "'id N', 'name NAME' or 'pinned PATH'"),
            (&["file", "x", "root_id", "1", "root_id", "1"], 2, "a root_id is given twice"),
        ] {
            let output = run(&[&["btf", "dump"], arguments].concat());
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(status), "{arguments:?}: {complaint}");
            assert!(complaint.contains(words) && complaint.lines().count() == 1, "{arguments:?}: {complaint}");
            assert!(output.stdout.is_empty());
        }
    });
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
