//! The worked sample: an object, the types of two kernels, and what libbpf 1.8 gives for them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use sha2::{Digest, Sha256};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample").join(name)
}

fn purebpf(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_purebpf")).args(arguments).output().expect("the tool runs")
}

/// Standard output of a run that must succeed.
fn stdout(arguments: &[&str]) -> String {
    let output = purebpf(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// Unpacks a kernel's BTF into `folder`.
fn unpack(folder: &Path, name: &str) -> PathBuf {
    let packed = fs::File::open(sample(&format!("{name}.zst"))).expect("the sample has this BTF");
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed).expect("zstd").read_to_end(&mut bytes).expect("zstd unpacks");
    let path = folder.join(name);
    fs::write(&path, bytes).expect("the folder takes files");
    path
}

fn relocate(btf: &str) -> (String, Value) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let btf = unpack(folder.path(), btf);
    let object = sample("sample.bpf.o");
    let text = stdout(&[
        "object",
        "relocate",
        object.to_str().expect("UTF-8"),
        "--btf",
        btf.to_str().expect("UTF-8"),
        "--json",
    ]);
    let value = serde_json::from_str(&text).expect("JSON");
    (text, value)
}

fn expected(name: &str) -> String {
    fs::read_to_string(sample(name)).expect("the sample has this answer")
}

#[test]
fn inspect_answers_as_libbpf_does() {
    let object = sample("sample.bpf.o");
    let text = stdout(&["object", "inspect", object.to_str().expect("UTF-8"), "--json"]);
    assert_eq!(text.trim_end(), expected("inspect.json").trim_end());
}

#[test]
fn relocate_answers_as_libbpf_does_for_6_18() {
    let (text, _) = relocate("vmlinux-6.18.44.btf");
    assert_eq!(text.trim_end(), expected("relocate.6.18.json").trim_end());
}

/// For this kernel the sample has what CO-RE came to, and hashes of the streams.
#[test]
fn relocate_answers_as_libbpf_does_for_6_12() {
    let (_, answer) = relocate("vmlinux-6.12.107-amd64.btf");
    let expected: Value = serde_json::from_str(&expected("relocate.6.12.json")).expect("JSON");
    assert_eq!(answer["core"], expected["core"]);
    let hashes = expected["masked_stream_sha256"].as_object().expect("an object");
    assert!(!hashes.is_empty());
    for (program, hash) in hashes {
        let programs = answer["programs"].as_array().expect("a list");
        let found = programs.iter().find(|p| p["name"] == *program).expect("the program is there");
        let hex = found["insns"].as_str().expect("a string");
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect();
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(Some(digest.as_str()), hash.as_str(), "stream of {program}");
    }
}

#[test]
fn relocate_one_program() {
    let object = sample("sample.bpf.o");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let btf = unpack(folder.path(), "vmlinux-6.18.44.btf");
    let arguments = ["object", "relocate", object.to_str().expect("UTF-8"), "--btf", btf.to_str().expect("UTF-8")];
    let one = stdout(&[&arguments[..], &["--program", "spare", "--json"]].concat());
    let one: Value = serde_json::from_str(&one).expect("JSON");
    assert_eq!(one["programs"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["programs"][0]["name"], "spare");

    let none = purebpf(&[&arguments[..], &["--program", "nothing", "--json"]].concat());
    assert_eq!(none.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(complaint.contains("no program 'nothing'") && complaint.contains("on_exec"), "{complaint}");
}

/// The template of what a map of maps holds, as libbpf 1.8 has it: `bpf_map__name`, `bpf_map__autocreate` and the rest, asked of
/// `bpf_map__inner_map`.
#[test]
fn inspect_shows_templates_of_inner_maps() {
    let object = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs/inner_maps.bpf.o");
    let text = stdout(&["object", "inspect", object.to_str().expect("UTF-8"), "--json"]);
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    let maps = answer["maps"].as_array().expect("a list");
    let outer = maps.iter().find(|map| map["name"] == "by_key").expect("it has this map");
    assert_eq!(outer["map_type"], "hash_of_maps");
    let expected = serde_json::json!({
        "name": "by_key.inner", "kind": "user", "map_type": "array", "key_size": 4, "value_size": 8, "max_entries": 2,
        "map_flags": 0, "numa_node": 0, "map_extra": 0, "pinning": "none", "autocreate": false, "inner_map": null,
        "initial_value_sha256": null,
    });
    assert_eq!(outer["inner_map"], expected);
}

/// Arenas and tables of operations: what libbpf 1.8's getters say of the same objects, `bpf_map__initial_value` of an arena included. A
/// table's section says whether it is created, and whether it has a link.
#[test]
fn inspect_knows_arenas_and_tables() {
    let maps = |object: &str| -> Vec<Value> {
        let object = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs").join(object);
        let text = stdout(&["object", "inspect", object.to_str().expect("UTF-8"), "--json"]);
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        answer["maps"].as_array().expect("a list").clone()
    };
    let arena = serde_json::json!({
        "name": "arena", "kind": "arena", "map_type": "arena", "key_size": 0, "value_size": 0, "max_entries": 16,
        "map_flags": 1024, "numa_node": 0, "map_extra": 0, "pinning": "none", "autocreate": true, "inner_map": null,
        "initial_value_sha256": "200ed572d41c0d298c684ead5e4d0e43058a893453ac692563977df53ece46e8",
    });
    assert_eq!(maps("arena.bpf.o")[0], arena);
    let tables: Vec<_> = maps("tables.bpf.o").into_iter().filter(|map| map["kind"] == "struct_ops").collect();
    let table = |name: &str, map_flags: u32, autocreate: bool| {
        serde_json::json!({
            "name": name, "kind": "struct_ops", "map_type": "struct_ops", "key_size": 4, "value_size": 64, "max_entries": 1,
            "map_flags": map_flags, "numa_node": 0, "map_extra": 0, "pinning": "none", "autocreate": autocreate,
            "inner_map": null, "initial_value_sha256": null,
        })
    };
    let link = purebpf_sys::uapi::MapFlags::LINK.bits();
    // Of several tables in a section that begins with `?`, libbpf turns off the first alone.
    assert_eq!(tables[..3], [table("plain", 0, true), table("newer", 0, false), table("linked", link, false)]);
    assert_eq!(tables[3]["name"], "relinked");
}

/// An object of the other byte order, with no debugging information: what libbpf 1.8's getters say of it, and llvm-objdump of its
/// instructions, of which one has the offset of `tgid` in Linux 6.18.
#[test]
fn objects_of_big_endian_machines() {
    let object = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/big_endian.o");
    let object = object.to_str().expect("UTF-8");
    let inspected: Value = serde_json::from_str(&stdout(&["object", "inspect", object, "--json"])).expect("JSON");
    assert_eq!((&inspected["endianness"], &inspected["name"]), (&"big".into(), &"big_endian".into()));
    let map = &inspected["maps"][0];
    assert_eq!((&map["name"], &map["pinning"], &map["value_size"]), (&"threads".into(), &"by_name".into(), &8.into()));
    let hash = "9f64a747e1b97f131fabb6b447296c9b6f0201e79fb3c5356e6c77e89b6a806a";
    assert_eq!(inspected["maps"][1]["initial_value_sha256"], hash);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let btf = unpack(folder.path(), "vmlinux-6.18.44.btf");
    let text = stdout(&["object", "relocate", object, "--btf", btf.to_str().expect("UTF-8"), "--json"]);
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    let insns = answer["programs"][0]["insns"].as_str().expect("a string");
    let expected = [
        "7911001000000000",                 // r1 = *(u64 *)(r1 + 16)
        "b420000000000000",                 // w2 = 0
        "63a2fffc00000000",                 // *(u32 *)(r10 - 4) = r2
        "611104f400000000",                 // r1 = *(u32 *)(r1 + 1268)
        "18220000000000000000000000000000", // r2 = counter, whose map is not there yet
    ];
    assert!(insns.starts_with(&expected.concat()), "{insns}");
    assert_eq!((insns.len(), &answer["core"][0]["new"]), (19 * 16, &1268.into()));
}

/// The map that libbpf creates for the places of an indirect jump is called `.jumptables`.
#[test]
fn relocate_names_jump_tables() {
    let object = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs/jump_table.bpf.o");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let btf = unpack(folder.path(), "vmlinux-6.18.44.btf");
    let object = object.to_str().expect("UTF-8");
    let text = stdout(&["object", "relocate", object, "--btf", btf.to_str().expect("UTF-8"), "--json"]);
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    let references = &answer["programs"][0]["references"];
    assert_eq!(*references, serde_json::json!([{ "insn": 3, "kind": "map_value", "name": ".jumptables" }]));
}

/// The texts for people. What they say of the sample is what inspect.json and relocate.6.18.json have; of the others, what their
/// sources do.
#[test]
fn texts_for_people() {
    let text = |name: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name));
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs");
    for (object, expected) in [
        (sample("sample.bpf.o"), "inspect-sample.txt"),
        (programs.join("many_maps.bpf.o"), "inspect-many_maps.txt"),
        (programs.join("functions.bpf.o"), "inspect-functions.txt"),
        (programs.join("arena.bpf.o"), "inspect-arena.txt"),
        (programs.join("tables.bpf.o"), "inspect-tables.txt"),
        (programs.join("jump_table.bpf.o"), "inspect-jump_table.txt"),
    ] {
        let told = stdout(&["object", "inspect", object.to_str().expect("UTF-8")]);
        assert_eq!(told, text(expected).expect("it is committed"), "{expected}");
        assert!(told.lines().all(|line| line.chars().count() <= 100), "{expected}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let btf = unpack(folder.path(), "vmlinux-6.18.44.btf");
    let object = sample("sample.bpf.o");
    let arguments = ["object", "relocate", object.to_str().expect("UTF-8"), "--btf", btf.to_str().expect("UTF-8")];
    assert_eq!(stdout(&arguments), text("relocate-sample.txt").expect("it is committed"));
    // Of one program, only what concerns it.
    let one = stdout(&[&arguments[..], &["--program", "spare"]].concat());
    assert_eq!(one, "spare  raw_tp/sys_enter  7 instructions\n  0  map_value  sample.bss\n");
}
