//! `purebpf btf layout` on the kernel of the worked sample, Linux 6.18: the numbers are pahole 1.24's (`data/pahole.txt`).

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Unpacks the kernel's BTF into `folder`.
fn kernel(folder: &Path) -> PathBuf {
    let packed =
        fs::File::open(workspace("tests/data/sample/vmlinux-6.18.44.btf.zst")).expect("the sample has this BTF");
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed).expect("zstd").read_to_end(&mut bytes).expect("zstd unpacks");
    let path = folder.join("vmlinux.btf");
    fs::write(&path, bytes).expect("the folder takes files");
    path
}

fn layout(btf: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_purebpf"));
    command.args(["btf", "layout", "--btf"]).arg(btf).args(arguments).output().expect("the tool runs")
}

#[track_caller]
fn text(btf: &Path, arguments: &[&str]) -> String {
    let output = layout(btf, arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[track_caller]
fn json(btf: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&text(btf, &[arguments, &["--json"]].concat())).expect("JSON")
}

/// What stands in comments, without the blanks that align it.
fn comments(text: &str) -> Vec<String> {
    let inner = text.split("/*").skip(1).filter_map(|part| Some(part.split_once("*/")?.0));
    inner.map(|comment| comment.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn numbers_are_paholes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let btf = kernel(folder.path());
    let golden = fs::read_to_string(workspace("cli/tests/data/pahole.txt")).expect("it is committed");
    let types: Vec<_> = golden.split("\n\n").skip(1).collect();
    assert!(types.len() >= 15);
    for golden in types {
        let mut lines = golden.lines();
        let name: Vec<_> = lines.next().expect("a type").split(' ').collect();
        let mut ours = comments(&text(&btf, &name));
        if name[0] == "union" {
            // pahole has no totals for unions.
            ours.retain(|comment| !comment.starts_with("size: ") && !comment.starts_with("last cacheline: "));
        }
        // pahole has ": 3" where the column is wide enough.
        let theirs: Vec<_> = lines.map(|line| line.trim_start().replace(": ", ":")).collect();
        let ours: Vec<_> = ours.iter().map(|comment| comment.replace(": ", ":")).collect();
        assert_eq!(ours, theirs, "{name:?}");
    }
}

/// The whole text of one: declarations are C's.
#[test]
fn text_is_c_with_comments() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let btf = kernel(folder.path());
    let expected = "\
struct wait_queue_entry {
	unsigned int flags;                              /*     0     4 */

	/* XXX 4 bytes hole, try to pack */

	void *private;                                   /*     8     8 */
	wait_queue_func_t func;                          /*    16     8 */
	struct list_head entry;                          /*    24    16 */

	/* size: 40, cachelines: 1, members: 4 */
	/* sum members: 36, holes: 1, sum holes: 4 */
	/* last cacheline: 40 bytes */
};
";
    assert_eq!(text(&btf, &["struct", "wait_queue_entry"]), expected);
    assert_eq!(text(&btf, &["wait_queue_entry"]), expected);
    let expanded = expected.replace(
        "\tstruct list_head entry;                          /*    24    16 */\n",
        "\tstruct list_head {
		struct list_head *next;                  /*    24     8 */
		struct list_head *prev;                  /*    32     8 */
	} entry;                                         /*    24    16 */\n",
    );
    assert_ne!(expanded, expected);
    assert_eq!(text(&btf, &["wait_queue_entry", "--expand"]), expanded);
    let typedef = "\
typedef struct {
	int counter;                                     /*     0     4 */

	/* size: 4, cachelines: 1, members: 1 */
	/* last cacheline: 4 bytes */
} atomic_t;
";
    assert_eq!(text(&btf, &["typedef", "atomic_t"]), typedef);
    assert_eq!(text(&btf, &["atomic_t", "wait_queue_entry"]), format!("{typedef}\n{expected}"));
    assert!(text(&btf, &["desc_ptr"]).ends_with("} __attribute__((__packed__));\n"));
}

#[test]
fn json_has_the_same_numbers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let btf = kernel(folder.path());
    let expected = json!([{
        "kind": "struct", "name": "wait_queue_entry", "size": 40, "cachelines": 1, "sum_members": 36, "holes": 1, "sum_holes": 4,
        "sum_bitfield_bits": 0, "bit_holes": 0, "sum_bit_holes": 0, "padding": 0, "bit_padding": 0, "paddings": 0,
        "sum_paddings": 0,
        "members": [
            {"name": "flags", "type": "unsigned int", "offset": 0, "size": 4, "hole_after": {"bytes": 4, "bits": 0}},
            {"name": "private", "type": "void *", "offset": 8, "size": 8},
            {"name": "func", "type": "wait_queue_func_t", "offset": 16, "size": 8},
            {"name": "entry", "type": "struct list_head", "offset": 24, "size": 16},
        ],
    }]);
    assert_eq!(json(&btf, &["wait_queue_entry"]), expected);
    let desc = &json(&btf, &["desc_struct"])[0]["members"];
    // From pahole: `u16 type:4; /* 4: 8  2 */`.
    let bitfield = desc.as_array().expect("a list").iter().find(|member| member["name"] == "type").expect("a member");
    assert_eq!(*bitfield, json!({"name": "type", "type": "u16", "offset": 4, "size": 2, "bit_offset": 8, "bits": 4}));
}

/// Offsets as pahole shows them, and as `data/pahole.txt` has them for these structs.
#[test]
fn paths_go_through_pointers_and_anonymous_members() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let btf = kernel(folder.path());
    let parts = json(&btf, &["task_struct.mm.owner"]);
    let offset = |kind: &str, name: &str| {
        let members = json(&btf, &[kind])[0]["members"].clone();
        // `owner` lies in an anonymous struct.
        fn find(members: &Value, name: &str) -> Option<Value> {
            let members = members.as_array()?;
            let own = members.iter().find(|member| member["name"] == name).map(|member| member["offset"].clone());
            let anonymous = members.iter().filter(|member| member["name"] == "");
            own.or_else(|| anonymous.into_iter().find_map(|member| find(&member["members"], name)))
        }
        find(&members, name).expect("it has this member")
    };
    assert_eq!(parts.as_array().map(Vec::len), Some(2));
    assert_eq!((&parts[0]["within"], &parts[0]["path"]), (&json!("task_struct"), &json!("mm")));
    assert_eq!((&parts[0]["offset"], &parts[0]["type"]), (&offset("task_struct", "mm"), &json!("struct mm_struct *")));
    assert_eq!((&parts[1]["within"], &parts[1]["offset"]), (&json!("mm_struct"), &offset("mm_struct", "owner")));

    let cb = &json(&btf, &["sk_buff.cb[4]"])[0];
    assert_eq!((&cb["offset"], &cb["type"], &cb["size"]), (&json!(44), &json!("char"), &json!(1)));
    assert_eq!(text(&btf, &["sk_buff.cb"]), "sk_buff.cb: char [48] at byte 40, 48 bytes\n");
    let bit = text(&btf, &["desc_struct.type"]);
    assert_eq!(bit, "desc_struct.type: u16 at byte 5, bit 0 (bit 40), 4 bits\n");
}

#[test]
fn what_is_not_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let btf = kernel(folder.path());
    for (arguments, words) in [
        (
            &["task_strukt"][..],
            "there is no struct, union or typedef 'task_strukt'; the nearest names are task_struct, ",
        ),
        (&["union", "task_struct"], "'task_struct' is a struct, not a union"),
        (&["struct", "nothing_like_this_is_there"], "there is no struct 'nothing_like_this_is_there'"),
        (&["vfs_read"], "'vfs_read' is a function"),
        (&["pid_t"], "'pid_t' is neither a struct nor a union: int, 4 bytes"),
        (&["task_struct.mmm"], "'task_struct' has no member 'mmm'; the nearest names are mm"),
        (&["task_struct.pid.x"], "'task_struct.pid' has no members, and no 'x': "),
        (&["task_struct.comm[16]"], "'task_struct.comm' has 16 elements: there is no [16]"),
        (&["task_struct.pid[0]"], "'task_struct.pid' is no array: pid_t"),
    ] {
        let output = layout(&btf, arguments);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{arguments:?}: {complaint}");
        assert!(complaint.contains(words) && complaint.lines().count() == 1, "{arguments:?}: {complaint}");
    }
    for arguments in [&["struct"][..], &["task_struct.", "x"], &["task_struct[x]"], &[".comm"]] {
        assert_eq!(layout(&btf, arguments).status.code(), Some(2), "{arguments:?}");
    }
}

/// Split BTF has the types of its base.
#[test]
fn over_a_base() {
    let data = |name: &str| workspace("btf/tests/data/dump").join(name);
    let base = data("scopes64.btf");
    let base = base.to_str().expect("UTF-8");
    // As module.raw.txt lists it: `in` at bit 0, `b` at bit 64, `d` at bit 128, of 24 bytes.
    let own = &json(&data("module.btf"), &["-B", base, "struct", "module_only"])[0];
    let offsets: Vec<_> =
        own["members"].as_array().expect("a list").iter().map(|member| member["offset"].as_u64()).collect();
    assert_eq!((own["size"].as_u64(), &offsets[..]), (Some(24), &[Some(0), Some(8), Some(16)][..]));
}
