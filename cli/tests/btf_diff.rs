//! `purebpf btf diff`: two made versions of some types, with each kind of change in them, and two real kernels.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use purebpf::btf::builder::Builder;
use purebpf::btf::{IntEncoding, Kind, Linkage, TypeId};
use serde_json::{Value, json};

fn diff(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_purebpf")).args(["btf", "diff"]).args(arguments).output().expect("the tool runs")
}

/// What it prints when something differs.
#[track_caller]
fn text(arguments: &[&str]) -> String {
    let output = diff(arguments);
    assert!(output.status.code() == Some(1) && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Types, and their ids by the names that the tests give them.
struct Types {
    builder: Builder,
    int: TypeId,
    long: TypeId,
    file: TypeId,
}

impl Types {
    /// What both versions begin with. The compilers differ in what they call `long`.
    fn new(long: &str) -> Types {
        let mut builder = Builder::new();
        let int = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        let long = builder.add_int(long, 8, IntEncoding::SIGNED).unwrap();
        let file = builder.add_fwd("file", purebpf::btf::types::FwdKind::Struct).unwrap();
        Types { builder, int, long, file }
    }

    fn reference(&mut self, kind: Kind, to: TypeId) -> TypeId {
        self.builder.add_reference(kind, to).unwrap()
    }

    fn structure(&mut self, name: &str, size: u32, members: &[(&str, TypeId, u32)]) -> TypeId {
        let id = self.builder.add_struct(name, size).unwrap();
        for (name, type_id, offset) in members {
            self.builder.add_member(name, *type_id, offset * 8).unwrap();
        }
        id
    }

    fn enumeration(&mut self, name: &str, values: &[(&str, i64)]) {
        self.builder.add_enum(name, 4, true).unwrap();
        for (name, value) in values {
            self.builder.add_enum_value(name, *value).unwrap();
        }
    }

    fn function(&mut self, name: &str, ret: TypeId, params: &[(&str, TypeId)]) {
        let proto = self.builder.add_func_proto(ret).unwrap();
        for (name, type_id) in params {
            self.builder.add_param(name, *type_id).unwrap();
        }
        self.builder.add_func(name, Linkage::STATIC, proto).unwrap();
    }

    fn write(self, path: &Path) {
        fs::write(path, self.builder.finish()).expect("the folder takes files");
    }
}

/// The two versions. In C:
///
/// ```c
/// struct changed { int gone; long moved; int wider; int named; struct { int within; }; int flags; int grown[2]; struct file *f; };
/// struct outer { struct { int a, b; } inner; struct { int c; } list[2]; };
/// ```
fn versions(folder: &Path) -> [PathBuf; 2] {
    let mut a = Types::new("long int");
    let (int, long) = (a.int, a.long);
    let pointer = a.reference(Kind::Ptr, a.file);
    let pair = a.builder.add_array(int, int, 2).unwrap();
    let within = a.structure("", 4, &[("within", int, 0)]);
    let members = [
        ("gone", int, 0),
        ("moved", long, 8),
        ("wider", int, 16),
        ("named", int, 20),
        ("", within, 24),
        ("flags", int, 28),
        ("grown", pair, 32),
        ("f", pointer, 40),
    ];
    a.structure("changed", 48, &members);
    a.structure("same", 16, &[("f", pointer, 0), ("x", long, 8)]);
    let inner = a.structure("", 8, &[("a", int, 0), ("b", int, 4)]);
    let element = a.structure("", 4, &[("c", int, 0)]);
    let list = a.builder.add_array(element, int, 2).unwrap();
    a.structure("outer", 16, &[("inner", inner, 0), ("list", list, 8)]);
    a.structure("removed", 4, &[("x", int, 0)]);
    // Two of one name, of which one is gone.
    a.structure("twice", 4, &[("x", int, 0)]);
    a.structure("twice", 8, &[("x", long, 0)]);
    a.enumeration("state", &[("FIRST", 0), ("SECOND", 1), ("LAST", 2)]);
    a.enumeration("", &[("LIMIT", 16), ("KEPT", 1)]);
    a.builder.add_typedef("number_t", int).unwrap();
    let body = a.structure("", 4, &[("counter", int, 0)]);
    a.builder.add_typedef("counter_t", body).unwrap();
    a.function("open", int, &[("f", pointer), ("flags", int)]);
    a.function("read", int, &[("f", pointer), ("size", int)]);
    a.function("kept", int, &[("one_name", long)]);
    a.function("removed", int, &[]);

    // The order of types is another, and so are their ids.
    let mut b = Types::new("long");
    let (int, long) = (b.int, b.long);
    b.function("added", int, &[("", long), ("", TypeId::VOID)]);
    b.function("kept", int, &[("other_name", long)]);
    let file = b.file;
    let pointer = b.reference(Kind::Ptr, file);
    let constant = b.reference(Kind::Const, file);
    let to_constant = b.reference(Kind::Ptr, constant);
    b.function("open", long, &[("f", to_constant)]);
    b.function("read", int, &[("where", int), ("f", pointer), ("size", int)]);
    let three = b.builder.add_array(int, int, 3).unwrap();
    b.structure("same", 16, &[("f", pointer, 0), ("x", long, 8)]);
    let within = b.structure("", 8, &[("other", int, 0), ("within", int, 4)]);
    b.builder.add_struct("changed", 64).unwrap();
    b.builder.add_member("moved", long, 0).unwrap();
    b.builder.add_member("wider", long, 64).unwrap();
    b.builder.add_member("renamed", int, 160).unwrap();
    b.builder.add_member("", within, 192).unwrap();
    b.builder.add_bitfield("flags", int, 256, 3).unwrap();
    b.builder.add_member("grown", three, 288).unwrap();
    b.builder.add_member("f", to_constant, 384).unwrap();
    b.builder.add_member("added", long, 448).unwrap();
    let inner = b.structure("", 8, &[("b", int, 0), ("a", int, 4)]);
    let element = b.structure("", 8, &[("c", long, 0)]);
    let list = b.builder.add_array(element, int, 2).unwrap();
    b.structure("outer", 24, &[("inner", inner, 0), ("list", list, 8)]);
    b.structure("twice", 8, &[("x", long, 0)]);
    b.structure("added", 4, &[("x", int, 0)]);
    b.enumeration("state", &[("FIRST", 0), ("NEW", 1), ("LAST", 3)]);
    b.enumeration("", &[("KEPT", 1)]);
    b.enumeration("", &[("LIMIT", 32), ("MORE", -1)]);
    b.builder.add_typedef("number_t", long).unwrap();
    let body = b.structure("", 8, &[("counter", long, 0)]);
    b.builder.add_typedef("counter_t", body).unwrap();

    let paths = ["a.btf", "b.btf"].map(|name| folder.join(name));
    a.write(&paths[0]);
    b.write(&paths[1]);
    paths
}

const EXPECTED: &str = "\
+ struct added: 4 bytes
~ struct changed
	size 48 -> 64 bytes
	- gone: int at 0, 4 bytes
	~ moved: moved 8 -> 0
	~ wider: moved 16 -> 8; type int -> long; size 4 -> 8 bytes
	~ named is now renamed: int at 20, 4 bytes
	+ other: int at 24, 4 bytes
	~ within: moved 24 -> 28
	~ flags: moved 28 -> 32; became a bitfield of 3
	~ grown: moved 32 -> 36; type int [2] -> int [3]; size 8 -> 12 bytes
	~ f: moved 40 -> 48; type struct file * -> const struct file *
	+ added: long at 56, 8 bytes
~ struct outer
	size 16 -> 24 bytes
	~ inner.b: moved 4 -> 0
	~ inner.a: moved 0 -> 4
	~ list: size 8 -> 16 bytes
	~ list[].c: type int -> long; size 4 -> 8 bytes
- struct removed: 4 bytes
- struct twice: 4 bytes (of this name: 2 -> 1)
~ anonymous enums
	+ MORE = -1
	~ LIMIT: 16 -> 32
~ enum state
	- SECOND = 1
	+ NEW = 1
	~ LAST: 2 -> 3
~ typedef counter_t
	size 4 -> 8 bytes
	~ counter: type int -> long; size 4 -> 8 bytes
~ typedef number_t
	was int
	is  long
	size 4 -> 8 bytes
+ func added: int added(long, ...)
~ func open
	was int open(struct file *f, int flags)
	is  long open(const struct file *f)
	~ returns int -> long
	~ parameter 1 f: struct file * -> const struct file *
	- parameter 2 flags: int
~ func read
	was int read(struct file *f, int size)
	is  int read(int where, struct file *f, int size)
	~ parameter 1 -> 2 f
	~ parameter 2 -> 3 size
	+ parameter 1 where: int
- func removed: int removed(void)

structs: 1 added, 2 removed, 2 changed, 2 the same
enums: 0 added, 0 removed, 2 changed, 0 the same
typedefs: 0 added, 0 removed, 2 changed, 0 the same
functions: 1 added, 1 removed, 2 changed, 1 the same
";

#[test]
fn each_kind_of_change_in_words() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let paths = versions(folder.path());
    let [a, b] = [&paths[0], &paths[1]].map(|path| path.to_str().expect("UTF-8"));
    assert_eq!(text(&[a, b]), EXPECTED);
    let (_, summary) = EXPECTED.split_once("\n\n").expect("an empty line");
    assert_eq!(text(&[a, b, "--summary"]), summary);
    // What is chosen, by name and by kind.
    let of_enum = "~ enum state\n\t- SECOND = 1\n\t+ NEW = 1\n\t~ LAST: 2 -> 3\n\n\
                   enums: 0 added, 0 removed, 1 changed, 0 the same\n";
    assert_eq!(text(&[a, b, "stat?"]), of_enum);
    let only = text(&[a, b, "--only", "struct,func", "removed", "add*"]);
    let lines: Vec<_> = only.lines().filter(|line| line.starts_with(['+', '-', '~'])).collect();
    let func = ["+ func added: int added(long, ...)", "- func removed: int removed(void)"];
    assert_eq!(lines, ["+ struct added: 4 bytes", "- struct removed: 4 bytes", func[0], func[1]]);
}

/// As diff(1): 0, 1, 2.
#[test]
fn exit_status() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let paths = versions(folder.path());
    let [a, b] = [&paths[0], &paths[1]].map(|path| path.to_str().expect("UTF-8"));
    for (arguments, status) in [
        (&[a, a][..], 0),
        (&[a, b, "same"], 0),
        (&[a, b], 1),
        (&[a, b, "--json"], 1),
        (&[a, b, "nothing_like_it"], 2),
        (&[a, "/nonexistent"], 2),
        (&[a], 2),
        (&[a, b, "--only", "tables"], 2),
    ] {
        let output = diff(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
        assert_eq!(output.stdout.is_empty(), status == 2, "{arguments:?}");
    }
    // Split BTF has to be told its base: one for both, or one for each.
    let data = |name: &str| format!("{}/../btf/tests/data/dump/{name}", env!("CARGO_MANIFEST_DIR"));
    let (module, base) = (data("module.btf"), data("scopes64.btf"));
    let (module, base) = (module.as_str(), base.as_str());
    for (arguments, status) in [
        (&[module, module, "-B", base][..], 0),
        (&[module, module, "-B", base, "-B", base], 0),
        (&[module, module], 2),
        (&[module, module, "-B", base, "-B", base, "-B", base], 2),
    ] {
        assert_eq!(diff(arguments).status.code(), Some(status), "{arguments:?}");
    }
    let complaint = String::from_utf8(diff(&[a, b, "chanegd"]).stderr).expect("UTF-8");
    assert!(complaint.contains("neither has anything called chanegd; the nearest name is changed"), "{complaint}");
    // A reader that has seen enough changes nothing.
    let mut child = Command::new(env!("CARGO_BIN_EXE_purebpf"));
    let mut child = child.args(["btf", "diff", a, b]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it is ours");
    assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(1), true), "{output:?}");
}

#[test]
fn json_says_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let paths = versions(folder.path());
    let [a, b] = [&paths[0], &paths[1]].map(|path| path.to_str().expect("UTF-8"));
    let answer: Value = serde_json::from_str(&text(&[a, b, "--json"])).expect("JSON");
    let of = |kind: &str, name: &str| {
        let changes = answer["changes"].as_array().expect("a list");
        changes.iter().find(|one| one["kind"] == kind && one["name"] == name).expect("it has changed").clone()
    };
    assert_eq!(of("struct", "added"), json!({"kind": "struct", "name": "added", "change": "added", "size": 4}));
    let twice = json!({
        "kind": "struct", "name": "twice", "change": "removed", "namesakes": {"from": 2, "to": 1}, "size": 4,
    });
    assert_eq!(of("struct", "twice"), twice);
    let changed = of("struct", "changed");
    assert_eq!(changed["size"], json!({"from": 48, "to": 64}));
    let member = |name: &str| {
        let members = changed["members"].as_array().expect("a list");
        members.iter().find(|member| member["name"] == name).expect("it has changed").clone()
    };
    let gone = json!({
        "change": "removed", "name": "gone", "type": "int", "offset": 0, "bit_offset": 0, "size": 4,
    });
    assert_eq!(member("gone"), gone);
    let wider = json!({
        "change": "changed", "name": "wider", "offset": {"from": 16, "to": 8}, "bit_offset": {"from": 128, "to": 64},
        "type": {"from": "int", "to": "long"}, "size": {"from": 4, "to": 8},
    });
    assert_eq!(member("wider"), wider);
    assert_eq!((&member("renamed")["was"], &member("renamed")["change"]), (&json!("named"), &json!("renamed")));
    assert_eq!(member("flags")["bits"], json!({"from": null, "to": 3}));
    let values = json!([
        {"change": "removed", "name": "SECOND", "value": 1},
        {"change": "added", "name": "NEW", "value": 1},
        {"change": "changed", "name": "LAST", "value": {"from": 2, "to": 3}},
    ]);
    assert_eq!(of("enum", "state")["values"], values);
    assert_eq!(of("typedef", "number_t")["target"], json!({"from": "int", "to": "long"}));
    let open = of("func", "open");
    assert_eq!(open["returns"], json!({"from": "int", "to": "long"}));
    let parameters = json!([
        {"change": "changed", "name": "f", "position": {"from": 1, "to": 1},
         "type": {"from": "struct file *", "to": "const struct file *"}},
        {"change": "removed", "name": "flags", "position": 2, "type": "int"},
    ]);
    assert_eq!(open["parameters"], parameters);
    assert_eq!(answer["summary"]["func"], json!({"added": 1, "removed": 1, "changed": 2, "same": 1}));
}

/// Unpacks a kernel's BTF into `folder`.
fn kernel(folder: &Path, name: &str) -> String {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample").join(format!("{name}.zst"));
    let packed = fs::File::open(packed).expect("the sample has this BTF");
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed).expect("zstd").read_to_end(&mut bytes).expect("zstd unpacks");
    let path = folder.join(name);
    fs::write(&path, bytes).expect("the folder takes files");
    path.to_str().expect("UTF-8").to_owned()
}

/// Named members of a layout and where they lie, in bits.
fn offsets(members: &Value, into: &mut BTreeMap<String, u64>) {
    for member in members.as_array().into_iter().flatten() {
        match member["name"].as_str() {
            Some("") | None => offsets(&member["members"], into),
            Some(name) => {
                let bits = member["bit_offset"].as_u64().unwrap_or(0);
                into.insert(name.to_owned(), member["offset"].as_u64().expect("a number") * 8 + bits);
            }
        }
    }
}

/// Two real kernels: what is said of members is what their layouts (which are pahole's) say, from either side.
#[test]
fn kernels() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let paths = ["vmlinux-6.12.107-amd64.btf", "vmlinux-6.18.44.btf"].map(|name| kernel(folder.path(), name));
    let [a, b] = [paths[0].as_str(), paths[1].as_str()];
    let layout = |btf: &str, name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_purebpf"));
        let output = command.args(["btf", "layout", "--btf", btf, "--json", "struct", name]).output();
        let value: Value = serde_json::from_slice(&output.expect("the tool runs").stdout).expect("JSON");
        let mut all = BTreeMap::new();
        offsets(&value[0]["members"], &mut all);
        (value[0]["size"].as_u64(), all)
    };
    for name in ["task_struct", "mm_struct", "sk_buff", "net_device"] {
        let answer: Value = serde_json::from_str(&text(&[a, b, name, "--only", "struct", "--json"])).expect("JSON");
        let change = &answer["changes"][0];
        let ((old_size, old), (new_size, new)) = (layout(a, name), layout(b, name));
        if old_size != new_size {
            assert_eq!(
                (change["size"]["from"].as_u64(), change["size"]["to"].as_u64()),
                (old_size, new_size),
                "{name}"
            );
        }
        // What the difference makes of the old layout is the new one.
        let mut made = old.clone();
        let members: Vec<_> = change["members"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|one| {
                // Those of anonymous structs that have a name are told as `outer.member`.
                !one["name"].as_str().expect("a name").contains('.')
            })
            .collect();
        for one in &members {
            let name = one["name"].as_str().expect("a name");
            match one["change"].as_str() {
                Some("removed") => assert_eq!(made.remove(name), one["bit_offset"].as_u64(), "{name}"),
                Some("renamed") => {
                    let was = one["was"].as_str().expect("a name");
                    assert_eq!(made.remove(was), one["bit_offset"].as_u64(), "{name}");
                }
                Some("changed") if one["bit_offset"].is_object() => {
                    assert_eq!(
                        made.insert(name.to_owned(), one["bit_offset"]["to"].as_u64().expect("a number")),
                        one["bit_offset"]["from"].as_u64(),
                        "{name}"
                    );
                }
                _ => {}
            }
        }
        for one in members.iter().filter(|one| matches!(one["change"].as_str(), Some("added" | "renamed"))) {
            made.insert(
                one["name"].as_str().expect("a name").to_owned(),
                one["bit_offset"].as_u64().expect("a number"),
            );
        }
        assert_eq!(made, new, "{name}");
    }
    // And back again.
    let summary = |from: &str, to: &str| -> Value {
        serde_json::from_str::<Value>(&text(&[from, to, "--summary", "--json"])).expect("JSON")["summary"].clone()
    };
    let (there, back) = (summary(a, b), summary(b, a));
    for kind in ["struct", "union", "enum", "typedef", "func"] {
        let (there, back) = (&there[kind], &back[kind]);
        assert_eq!((&there["added"], &there["removed"]), (&back["removed"], &back["added"]), "{kind}");
        assert!(there["same"].as_u64() > Some(10), "{kind}: {there}");
    }
    assert_eq!(diff(&[b, b, "--summary"]).status.code(), Some(0));
}
