//! Each command of bpf(2) has tests that use it on a real kernel, and one that shows what it refuses.
//!
//! The table says which function here is which command's. What makes a command tested is not the table but the tests: the bodies
//! of `#[test]` functions in `tests/kernel` that call the function, and of those one that looks at an error of it.

use purebpf_sys::uapi::Cmd;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Calls of a command as tests write them.
const CALLS: &[(Cmd, &[&str])] = &[
    (Cmd::MAP_CREATE, &["MapCreate::new("]),
    (Cmd::MAP_LOOKUP_ELEM, &[".lookup("]),
    (Cmd::MAP_UPDATE_ELEM, &[".update(&", ".update_fd("]),
    (Cmd::MAP_DELETE_ELEM, &[".delete("]),
    (Cmd::MAP_GET_NEXT_KEY, &[".next_key("]),
    (Cmd::PROG_LOAD, &["ProgLoad::new("]),
    (Cmd::OBJ_PIN, &["obj_pin(", "obj_pin_at("]),
    (Cmd::OBJ_GET, &["obj_get(", "obj_get_at("]),
    (Cmd::PROG_ATTACH, &["ProgAttach::new("]),
    (Cmd::PROG_DETACH, &["ProgDetach::new("]),
    (Cmd::PROG_TEST_RUN, &["TestRun::new()"]),
    (Cmd::PROG_GET_NEXT_ID, &["ObjectKind::Prog.ids(", "ObjectKind::Prog.next_id("]),
    (Cmd::MAP_GET_NEXT_ID, &["ObjectKind::Map.ids(", "ObjectKind::Map.next_id("]),
    (Cmd::PROG_GET_FD_BY_ID, &["ObjectKind::Prog.fd_by_id(", "prog_get_fd_by_id("]),
    (Cmd::MAP_GET_FD_BY_ID, &["ObjectKind::Map.fd_by_id(", "map_get_fd_by_id("]),
    (Cmd::OBJ_GET_INFO_BY_FD, &["info::map_info(", "info::prog_info(", "info::link_info(", "info::btf_info("]),
    (Cmd::PROG_QUERY, &["ProgQuery::new("]),
    (Cmd::RAW_TRACEPOINT_OPEN, &["raw_tracepoint_open("]),
    (Cmd::BTF_LOAD, &["BtfLoad::new("]),
    (Cmd::BTF_GET_FD_BY_ID, &["ObjectKind::Btf.fd_by_id(", "btf_get_fd_by_id("]),
    (Cmd::TASK_FD_QUERY, &["task_fd_query("]),
    (Cmd::MAP_LOOKUP_AND_DELETE_ELEM, &[".lookup_and_delete("]),
    (Cmd::MAP_FREEZE, &["map_freeze(", ".freeze()"]),
    (Cmd::BTF_GET_NEXT_ID, &["ObjectKind::Btf.ids(", "ObjectKind::Btf.next_id("]),
    (Cmd::MAP_LOOKUP_BATCH, &[".lookup_batch("]),
    (Cmd::MAP_LOOKUP_AND_DELETE_BATCH, &[".lookup_and_delete_batch("]),
    (Cmd::MAP_UPDATE_BATCH, &[".update_batch("]),
    (Cmd::MAP_DELETE_BATCH, &[".delete_batch("]),
    (Cmd::LINK_CREATE, &["LinkCreate::new("]),
    (Cmd::LINK_UPDATE, &["LinkUpdate::new("]),
    (Cmd::LINK_GET_FD_BY_ID, &["ObjectKind::Link.fd_by_id(", "link_get_fd_by_id("]),
    (Cmd::LINK_GET_NEXT_ID, &["ObjectKind::Link.ids(", "ObjectKind::Link.next_id("]),
    (Cmd::ENABLE_STATS, &["enable_stats("]),
    (Cmd::ITER_CREATE, &["iter_create("]),
    (Cmd::LINK_DETACH, &["link_detach("]),
    (Cmd::PROG_BIND_MAP, &["prog_bind_map("]),
    (Cmd::TOKEN_CREATE, &["token_create("]),
    (Cmd::PROG_STREAM_READ_BY_FD, &["prog_stream_read("]),
    (Cmd::PROG_ASSOC_STRUCT_OPS, &["prog_assoc_struct_ops("]),
];

/// The statements of every test, with those of the functions of its file that it calls. rustfmt begins a function in the first
/// column and closes it there, and ends a statement with its line.
fn statements() -> Vec<String> {
    let mut all = Vec::new();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernel")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let mut functions = BTreeMap::new();
        let mut called: Vec<&str> = Vec::new();
        for part in text.split("\nfn ").skip(1) {
            let (name, rest) = part.split_once('(').unwrap();
            functions.insert(name, rest.split("\n}\n").next().unwrap());
        }
        called.extend(text.split("#[test]\nfn ").skip(1).map(|part| part.split('(').next().unwrap()));
        let mut seen = BTreeSet::new();
        while let Some(name) = called.pop() {
            if !seen.insert(name) {
                continue;
            }
            let body = functions[name];
            // Called, or handed to one that calls it.
            let uses = |other: &str| body.contains(&format!("{other}(")) || body.contains(&format!(", {other})"));
            called.extend(functions.keys().filter(|other| uses(other)));
            let mut statement = String::new();
            for line in body.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
                statement.push_str(line);
                if line.ends_with([';', '{', '}']) {
                    all.push(std::mem::take(&mut statement));
                }
            }
        }
    }
    all
}

#[test]
fn every_command_is_tried_and_refused() {
    // Those that a kernel of linux/bpf.h has, once each: BPF_PROG_RUN is another name of BPF_PROG_TEST_RUN, and
    // BPF_COMMON_ATTRS a bit.
    let commands: BTreeSet<u32> = Cmd::all().filter(|cmd| *cmd != Cmd::COMMON_ATTRS).map(|cmd| cmd.0).collect();
    assert_eq!(commands.len(), 39);
    assert_eq!(CALLS.iter().map(|(cmd, _)| cmd.0).collect::<BTreeSet<_>>(), commands);
    assert_eq!(CALLS.len(), commands.len());

    let all = statements();
    let mut wanting = Vec::new();
    for (cmd, calls) in CALLS {
        let called = |statement: &&String| calls.iter().any(|call| statement.contains(call));
        let statements: Vec<_> = all.iter().filter(called).collect();
        if !statements.iter().any(|statement| statement.contains(".unwrap()") || statement.contains("collect")) {
            wanting.push(format!("{cmd} is not tried"));
        }
        if !statements.iter().any(|statement| statement.contains("unwrap_err()")) {
            wanting.push(format!("{cmd} is never refused"));
        }
    }
    assert!(wanting.is_empty(), "{wanting:#?}");
}
