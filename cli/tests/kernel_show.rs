//! `purebpf prog|map|link|btf show` of objects that the test loads: what bpftool 7.8 prints of them, in its words and its order,
//! and as JSON under its keys. Sizes that are each kernel's own are taken from the answer and put into the text that is
//! expected; ids, names, types and holders are the test's own.

#[path = "../../tests/common/mod.rs"]
mod common;

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{CGROUP2, TCX, TRACEPOINT, UPROBE, cgroup2, kernel_test, needs, skip};
use purebpf::attach::{CgroupOptions, PerfEventOptions, TcxOptions, UprobeOptions, XdpMode, XdpOptions};
use purebpf::sys::link::{LinkCreate, LinkTarget, UprobeMulti};
use purebpf::sys::perf_event::{PerfEvent, PerfType};
use purebpf::sys::prog::ProgLoad;
use purebpf::sys::system::version;
use purebpf::sys::uapi::{AttachType, MapFlags, MapType, ProgType};
use purebpf::sys::{Insn, info, kernel_version, map::MapCreate, pin};
use purebpf::{Link, Object};
use serde_json::Value;

const TRACING_EVENTS: &[u8] = include_bytes!("../../tests/programs/tracing_events.bpf.o");
const USER_FUNCTIONS: &[u8] = include_bytes!("../../tests/programs/user_functions.bpf.o");
const DECODED: &[u8] = include_bytes!("../../tests/programs/decoded.bpf.o");
const PACKETS: &[u8] = include_bytes!("../../tests/programs/packets.bpf.o");

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_purebpf")).args(arguments).output().expect("the tool runs")
}

#[track_caller]
fn text(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[track_caller]
fn json(arguments: &[&str]) -> Value {
    let text = text(&[arguments, &["--json"]].concat());
    assert_eq!(text.lines().count(), 1, "JSON on one line: {text}");
    serde_json::from_str(&text).expect("JSON")
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// An object with one program on.
fn load_one(object: &[u8], program: &str) -> Object {
    let mut open = Object::open_bytes(object, "given").expect("the committed object opens");
    for id in open.program_ids() {
        open.program_mut(id).expect("it has this program").set_autoload(false);
    }
    open.program_mut(program).expect("it has this program").set_autoload(true);
    open.load().expect("it loads")
}

/// This process as a holder, as JSON and as text.
fn own() -> (Value, String) {
    let comm = fs::read_to_string("/proc/self/comm").expect("procfs is mounted");
    let (pid, comm) = (std::process::id(), comm.trim_end());
    (serde_json::json!({ "pid": pid, "comm": comm }), format!("{comm}({pid})"))
}

/// A process that holds a descriptor and does nothing until it is told to end.
struct Holder(Child);

impl Holder {
    fn of(fd: impl AsFd) -> Holder {
        let fd = fd.as_fd().try_clone_to_owned().expect("descriptors are left");
        let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(fd).spawn().expect("cat");
        // Between fork and exec it has this process's name, and all that it holds. It is over when /proc tells of cat.
        let comm = format!("/proc/{}/comm", child.id());
        while fs::read_to_string(&comm).expect("it lives until its input ends") != "cat\n" {
            thread::yield_now();
        }
        Holder(child)
    }

    fn json(&self) -> Value {
        serde_json::json!({ "pid": self.0.id(), "comm": "cat" })
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn programs() {
    kernel_test(|| {
        let object = load_one(TRACING_EVENTS, "on_raw_tp");
        let program = object.program("on_raw_tp").unwrap();
        let id = program.info().unwrap().id;
        let other = Holder::of(&program);
        let (own_json, own_text) = own();
        let one = json(&["prog", "show", "id", &id.to_string()]);

        let expected_keys = [
            "id",
            "type",
            "name",
            "tag",
            "gpl_compatible",
            "loaded_at",
            "uid",
            "orphaned",
            "bytes_xlated",
            "jited",
            "bytes_jited",
            "bytes_memlock",
            "map_ids",
            "btf_id",
            "pids",
        ];
        let jited = one["jited"] == true;
        let expected: Vec<_> = expected_keys.into_iter().filter(|key| jited || *key != "bytes_jited").collect();
        assert_eq!(keys(&one), expected);
        assert_eq!(
            (&one["id"], &one["type"], &one["name"]),
            (&id.into(), &"raw_tracepoint".into(), &"on_raw_tp".into())
        );
        assert_eq!((&one["gpl_compatible"], &one["uid"], &one["orphaned"]), (&true.into(), &0.into(), &false.into()));
        let mut holders = [own_json, other.json()];
        holders.sort_by_key(|holder| holder["pid"].as_u64());
        assert_eq!(one["pids"], Value::from(holders.to_vec()));
        let map_ids = info::prog_map_ids(program.as_fd()).unwrap();
        assert_eq!(one["map_ids"], Value::from(map_ids.clone()));

        // The same by name and by tag; the test's thread is the only one that loads it.
        let tag = one["tag"].as_str().unwrap();
        assert_eq!(json(&["prog", "show", "name", "on_raw_tp"]), one);
        assert_eq!(json(&["prog", "show", "tag", tag]), one);
        let list = json(&["prog", "list"]);
        assert!(list.as_array().unwrap().contains(&one), "{list}");

        let told = text(&["prog", "show", "id", &id.to_string()]);
        let maps: Vec<_> = map_ids.iter().map(u32::to_string).collect();
        let jit = if jited { format!("jited {}B", one["bytes_jited"]) } else { "not jited".to_owned() };
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[0], format!("{id}: raw_tracepoint  name on_raw_tp  tag {tag}  gpl"));
        let (loaded_at, uid) = lines[1].split_once("  ").unwrap();
        let time = loaded_at.strip_prefix("\tloaded_at ").expect("the time");
        // The instant that JSON tells in seconds.
        let seconds = jiff::Zoned::strptime("%FT%T%z", time).expect("as strftime(%FT%T%z)").timestamp().as_second();
        assert!((seconds - one["loaded_at"].as_i64().unwrap()).abs() <= 1, "{time}");
        assert_eq!(uid, "uid 0");
        let (xlated, memlock) = (&one["bytes_xlated"], &one["bytes_memlock"]);
        assert_eq!(lines[2], format!("\txlated {xlated}B  {jit}  memlock {memlock}B  map_ids {}", maps.join(",")));
        assert_eq!(lines[3], format!("\tbtf_id {}", one["btf_id"]));
        let pids = lines[4].strip_prefix("\tpids ").expect("the holders");
        assert_eq!(pids.split(", ").count(), 2);
        assert!(pids.contains(&own_text) && pids.contains(&format!("cat({})", other.0.id())), "{pids}");
        assert_eq!(lines.len(), 5);
    });
}

/// The kernel keeps 15 bytes of a name; BTF has all of it.
#[test]
fn long_names_are_whole() {
    kernel_test(|| {
        let object = load_one(USER_FUNCTIONS, "on_section_return");
        let id = object.program("on_section_return").unwrap().info().unwrap().id;
        assert_eq!(json(&["prog", "show", "id", &id.to_string()])["name"], "on_section_return");
        assert_eq!(json(&["prog", "show", "name", "on_section_return"])["id"], id);
    });
}

/// Variables of `.rodata` whose names begin with `bpf_metadata_`, after all else.
#[test]
fn metadata() {
    kernel_test(|| {
        let object = load_one(DECODED, "on_getpgid");
        let id = object.program("on_getpgid").unwrap().info().unwrap().id.to_string();
        let one = json(&["prog", "show", "id", &id]);
        assert_eq!(keys(&one).last(), Some(&"metadata"));
        assert_eq!(one["metadata"], serde_json::json!({ "name": "decoded", "version": 3 }));
        let told = text(&["prog", "show", "id", &id]);
        assert!(told.ends_with(")\n\tmetadata:\n\t\tname = \"decoded\"\n\t\tversion = 3\n"), "{told}");
    });
}

/// run_time_ns and run_cnt are there when something was counted.
#[test]
fn run_time_while_statistics_are_on() {
    kernel_test(|| {
        let stats = purebpf::sys::token::enable_stats(purebpf::sys::uapi::StatsType::RUN_TIME).unwrap();
        let object = load_one(TRACING_EVENTS, "on_raw_tp");
        let program = object.program("on_raw_tp").unwrap();
        let mut context = [0; 16];
        program.test_run(purebpf::sys::prog::TestRun::new().ctx_in(&mut context)).unwrap();
        drop(stats);
        let info = program.info().unwrap();
        let one = json(&["prog", "show", "id", &info.id.to_string()]);
        match info.run_time_ns {
            0 => assert!(!keys(&one).contains(&"run_cnt")),
            time => {
                assert_eq!((&one["run_time_ns"], &one["run_cnt"]), (&time.into(), &1.into()));
                let told = text(&["prog", "show", "id", &info.id.to_string()]);
                assert!(told.contains(&format!("  gpl run_time_ns {time} run_cnt 1\n")), "{told}");
            }
        }
    });
}

#[test]
fn maps() {
    kernel_test(|| {
        let map = MapCreate::new(MapType::HASH, 4, 16, 7).name("shown").flags(MapFlags::NO_PREALLOC).create().unwrap();
        let id = info::map_info(map.as_fd()).unwrap().id;
        let (own_json, own_text) = own();
        let one = json(&["map", "show", "id", &id.to_string()]);
        let memlock = one["bytes_memlock"].clone();
        let expected = serde_json::json!({
            "id": id,
            "type": "hash",
            "name": "shown",
            "flags": 1,
            "bytes_key": 4,
            "bytes_value": 16,
            "max_entries": 7,
            "bytes_memlock": memlock,
            "frozen": 0,
            "pids": [own_json],
        });
        assert_eq!((&one, keys(&one)), (&expected, keys(&expected)));
        assert_eq!(
            text(&["map", "show", "id", &id.to_string()]),
            format!(
                "{id}: hash  name shown  flags 0x1\n\tkey 4B  value 16B  max_entries 7  memlock {memlock}B\n\tpids {own_text}\n"
            )
        );

        // A second of the same name: a list.
        let second = MapCreate::new(MapType::ARRAY, 4, 8, 1).name("shown").create().unwrap();
        purebpf::sys::map::map_freeze(second.as_fd()).unwrap();
        let both = json(&["map", "show", "name", "shown"]);
        let ids: Vec<_> = both.as_array().unwrap().iter().map(|map| (&map["type"], &map["frozen"])).collect();
        assert_eq!(ids, [(&"hash".into(), &0.into()), (&"array".into(), &1.into())]);
        let second_id = info::map_info(second.as_fd()).unwrap().id.to_string();
        assert!(text(&["map", "show", "id", &second_id]).contains("\n\tfrozen\n\tpids "));

        // An array of programs says whose it takes.
        let array = MapCreate::new(MapType::PROG_ARRAY, 4, 4, 1).create().unwrap();
        let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
        let prog = ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL").load().unwrap();
        let array = purebpf::sys::map::Map::from_fd(array).unwrap();
        array.update_fd(&[0; 4], prog.as_fd(), Default::default()).unwrap();
        let one = json(&["map", "show", "id", &array.id().to_string()]);
        assert_eq!((&one["owner_prog_type"], &one["name"]), (&"socket_filter".into(), &Value::Null));
        let jited = if one["owner_jited"] == true { "owner jited" } else { "owner not jited" };
        let told = text(&["map", "show", "id", &array.id().to_string()]);
        assert!(told.contains(&format!("B\n\towner_prog_type socket_filter  {jited}\n\tpids ")), "{told}");
        // Programs in it go when it does, and the kernel takes its time.
        array.delete(&[0; 4], Default::default()).unwrap();
    });
}

#[test]
fn pins() {
    kernel_test(|| {
        let bpffs = std::path::Path::new("/sys/fs/bpf");
        let folder = bpffs.join(format!("purebpf-show-{}", std::process::id()));
        let map = MapCreate::new(MapType::ARRAY, 4, 4, 1).name("pinned").create().unwrap();
        let id = info::map_info(map.as_fd()).unwrap().id.to_string();
        assert!(!keys(&json(&["map", "show", "id", &id])).contains(&"pinned"));
        assert_eq!(json(&["map", "show", "id", &id, "-f"])["pinned"], Value::from(Vec::<String>::new()));
        if let Err(error) = fs::create_dir(&folder) {
            return skip(format_args!("nothing can be pinned in {}: {error}", bpffs.display()));
        }
        let path = folder.join("a map");
        let pinned = pin::obj_pin(map.as_fd(), &path);
        let path = path.to_str().unwrap();
        let found = pinned.is_ok().then(|| {
            let by_path = json(&["map", "show", "pinned", path]);
            let with_pins = json(&["map", "show", "id", &id, "--bpffs"]);
            let told = text(&["map", "show", "id", &id, "--bpffs"]);
            let wrong_kind = run(&["prog", "show", "pinned", path]);
            (by_path, with_pins, told, wrong_kind)
        });
        fs::remove_dir_all(&folder).unwrap();
        pinned.unwrap();
        let (by_path, with_pins, told, wrong_kind) = found.unwrap();
        assert_eq!(by_path["id"].to_string(), id);
        assert_eq!(with_pins["pinned"], Value::from(vec![path]));
        assert!(told.contains(&format!("\n\tpinned {path}\n")), "{told}");
        assert_eq!(wrong_kind.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&wrong_kind.stderr).contains("not a BPF program"), "{wrong_kind:?}");
    });
}

/// A link's JSON without what all have, and its text without its first line's head and its last line.
#[track_caller]
fn told(link: &Link, link_type: &str) -> (Value, String) {
    let info = info::link_info(link.as_fd()).unwrap();
    let id = info.id.to_string();
    let mut one = json(&["link", "show", "id", &id]);
    let fields = one.as_object_mut().unwrap();
    let first: Vec<_> = fields.keys().take(3).cloned().collect();
    assert_eq!(first, ["id", "type", "prog_id"]);
    assert_eq!(fields.shift_remove("id"), Some(info.id.into()));
    assert_eq!(fields.shift_remove("type"), Some(link_type.into()));
    assert_eq!(fields.shift_remove("prog_id"), Some(info.prog_id.into()));
    let (own_json, own_text) = own();
    assert_eq!(fields.shift_remove("pids"), Some(vec![own_json].into()));
    let told = text(&["link", "show", "id", &id]);
    let head = format!("{id}: {link_type}  prog {}  ", info.prog_id);
    let rest = told.strip_prefix(&head).unwrap_or_else(|| panic!("no '{head}' in {told}"));
    let rest = rest.strip_suffix(&format!("\n\tpids {own_text}\n")).unwrap_or_else(|| panic!("no holder in {told}"));
    (one, rest.to_owned())
}

#[test]
fn links_of_tracing() {
    kernel_test(|| {
        let object = load_one(TRACING_EVENTS, "on_raw_tp");
        let link = object.program("on_raw_tp").unwrap().attach().unwrap().unwrap();
        let expected = serde_json::json!({ "tp_name": "sys_enter", "cookie": 0 });
        assert_eq!(told(&link, "raw_tracepoint"), (expected, "\n\ttp 'sys_enter'  ".to_owned()));
        drop(link);

        let six_six = kernel_version() >= version(6, 6, 0);
        if needs(&TRACEPOINT) && six_six {
            let object = load_one(TRACING_EVENTS, "on_tracepoint");
            let link = object.program("on_tracepoint").unwrap().attach().unwrap().unwrap();
            let expected = serde_json::json!({ "tracepoint": "sys_enter_getpgid", "cookie": 0 });
            assert_eq!(told(&link, "perf_event"), (expected, "\n\ttracepoint sys_enter_getpgid  ".to_owned()));
        }
        if needs(&UPROBE) && six_six {
            let object = load_one(USER_FUNCTIONS, "on_uretprobe");
            let program = object.program("on_uretprobe").unwrap();
            let options = UprobeOptions::default().function("purebpf_shown_function").retprobe(true).cookie(77);
            let link = program.attach_uprobe("/proc/self/exe", &options).unwrap();
            let (json, text) = told(&link, "perf_event");
            let offset = json["offset"].as_u64().unwrap();
            // As it was given.
            assert_eq!(json["file"], "/proc/self/exe");
            assert!(offset > 0, "functions do not begin where the file does");
            // Cookies are told from 6.9.
            let cookie = json["cookie"].as_u64().unwrap();
            assert_eq!(cookie, if kernel_version() >= version(6, 9, 0) { 77 } else { 0 });
            let shown = if cookie == 77 { "cookie 77  " } else { "" };
            assert_eq!(text, format!("\n\turetprobe /proc/self/exe+{offset:#x}  {shown}"));
            assert_eq!(keys(&json), ["retprobe", "file", "offset", "cookie", "ref_ctr_offset"]);
        }
        if six_six {
            let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
            let prog = ProgLoad::new(ProgType::PERF_EVENT, &insns, c"GPL").load().unwrap();
            // PERF_COUNT_SW_PAGE_FAULTS. (The kernel turns the clocks into events of types of their own.)
            let event = PerfEvent::new(PerfType::SOFTWARE, 2).sample_period(1_000_000_000).pid(0).open().unwrap();
            let link = purebpf::attach::attach_perf_event(prog.as_fd(), event, &PerfEventOptions::default()).unwrap();
            let expected = serde_json::json!({ "event_type": "software", "event_config": "page-faults", "cookie": 0 });
            assert_eq!(told(&link, "perf_event"), (expected, "\n\tevent software:page-faults  ".to_owned()));
        } else {
            skip("perf events are told of from Linux 6.6");
        }
    });
}

/// A link of places of a binary, with their cookies.
#[test]
fn links_of_many_places() {
    kernel_test(|| {
        if kernel_version() < version(6, 8, 0) {
            return skip("needs links of many places that tell them (Linux 6.8)");
        }
        if !needs(&UPROBE) {
            return;
        }
        let own = std::ffi::CString::new("/proc/self/exe").unwrap();
        let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
        let load = ProgLoad::new(ProgType::KPROBE, &insns, c"GPL").expected_attach_type(AttachType::TRACE_UPROBE_MULTI);
        let prog = load.load().unwrap();
        let binary = std::path::Path::new("/proc/self/exe");
        let offset = purebpf::attach::symbols::elf::function_offset(binary, "purebpf_shown_function", None).unwrap();
        let multi = UprobeMulti { path: Some(&own), offsets: &[offset], cookies: &[0x2a], ..Default::default() };
        let link = LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::TRACE_UPROBE_MULTI)
            .uprobe_multi(multi)
            .create()
            .unwrap();
        let id = info::link_info(link.as_fd()).unwrap().id.to_string();
        let one = json(&["link", "show", "id", &id]);
        assert_eq!(one["type"], "uprobe_multi");
        assert_eq!((&one["retprobe"], &one["func_cnt"], &one["pid"]), (&false.into(), &1.into(), &0.into()));
        assert_eq!(one["funcs"], serde_json::json!([{ "offset": offset, "ref_ctr_offset": 0, "cookie": 0x2a }]));
        let told = text(&["link", "show", "id", &id]);
        let path = one["path"].as_str().unwrap();
        let table = format!(
            "\n\tuprobe.multi  path {path}  func_cnt 1  \n\t{:<16}   {:<16}   {:<16}\n\t0x{offset:<16x} 0x{:<16x} 0x{:<16x}\n\tpids ",
            "offset", "ref_ctr_offset", "cookies", 0, 0x2a
        );
        assert!(told.contains(&table), "'{table}' is missing in {told}");
    });
}

/// What the uprobe above is put on.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn purebpf_shown_function(argument: u64) -> u64 {
    std::hint::black_box(argument)
}

#[test]
fn links_of_the_network() {
    kernel_test(|| {
        assert_eq!(purebpf_shown_function(1), 1);
        let object = load_one(PACKETS, "on_xdp");
        let xdp = object.program("on_xdp").unwrap();
        let link = xdp.attach_xdp(1, &XdpOptions::default().mode(XdpMode::Skb)).unwrap();
        let expected = serde_json::json!({ "devname": "lo", "ifindex": 1 });
        assert_eq!(told(&link, "xdp"), (expected, "\n\tifindex lo(1)  ".to_owned()));
        drop(link);
        if needs(&TCX) {
            let object = load_one(PACKETS, "on_tcx_ingress");
            let link = object.program("on_tcx_ingress").unwrap().attach_tcx(1, &TcxOptions::default()).unwrap();
            let expected = serde_json::json!({ "devname": "lo", "ifindex": 1, "attach_type": "tcx_ingress" });
            let text = "\n\tifindex lo(1)  attach_type tcx_ingress  ";
            assert_eq!(told(&link, "tcx"), (expected, text.to_owned()));
        }
        if needs(&CGROUP2) {
            let place = cgroup2().unwrap();
            let root = File::open(&place).unwrap();
            let object = load_one(PACKETS, "on_cgroup");
            let program = object.program("on_cgroup").unwrap();
            let link = program.attach_cgroup(root.as_fd(), &CgroupOptions::default()).unwrap();
            // cgroup v2: a cgroup's id is its folder's inode.
            let cgroup_id = std::os::unix::fs::MetadataExt::ino(&root.metadata().unwrap());
            let expected = serde_json::json!({ "cgroup_id": cgroup_id, "attach_type": "cgroup_inet_egress" });
            let text = format!("\n\tcgroup_id {cgroup_id}  attach_type cgroup_inet_egress  ");
            assert_eq!(told(&link, "cgroup"), (expected, text));
        }
    });
}

#[test]
fn types() {
    kernel_test(|| {
        let object = load_one(TRACING_EVENTS, "on_raw_tp");
        let program = object.program("on_raw_tp").unwrap().info().unwrap();
        let maps: Vec<_> = object.maps().map(|map| map.raw().id()).collect();
        let one = json(&["btf", "show", "id", &program.btf_id.to_string()]);
        // From 5.11 BTF has names, and what a process loaded has none.
        let (own_json, own_text) = own();
        let expected = serde_json::json!({
            "id": program.btf_id,
            "size": one["size"],
            "prog_ids": [program.id],
            "map_ids": maps,
            "pids": [own_json],
            "kernel": false,
        });
        assert_eq!((&one, keys(&one)), (&expected, keys(&expected)));
        let maps: Vec<_> = maps.iter().map(u32::to_string).collect();
        assert_eq!(
            text(&["btf", "show", "id", &program.btf_id.to_string()]),
            format!(
                "{}: name <anon>  size {}B  prog_ids {}  map_ids {}\n\tpids {own_text}\n",
                program.btf_id,
                one["size"],
                program.id,
                maps.join(",")
            )
        );
        if kernel_version() >= version(5, 11, 0) {
            let vmlinux = json(&["btf", "show", "name", "vmlinux"]);
            assert_eq!((&vmlinux["kernel"], &vmlinux["name"]), (&true.into(), &"vmlinux".into()));
            assert!(text(&["btf", "list"]).contains(": name [vmlinux]  size "));
        }
    });
}

/// Objects that go between their id and their descriptor are left out, and nobody complains.
#[test]
fn objects_that_go_meanwhile() {
    kernel_test(|| {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
                while !stop.load(Ordering::Relaxed) {
                    drop(ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL").load().unwrap());
                    drop(MapCreate::new(MapType::ARRAY, 4, 4, 1).create().unwrap());
                }
            });
            let outputs: Vec<_> = (0..10).flat_map(|_| [run(&["prog", "list"]), run(&["map", "list"])]).collect();
            stop.store(true, Ordering::Relaxed);
            for output in outputs {
                assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
            }
        });
    });
}

#[test]
fn what_is_not_there() {
    kernel_test(|| {
        for (arguments, status, words) in [
            (&["prog", "show", "id", "4294967295"][..], 1, "there is no program with id 4294967295"),
            (&["map", "show", "name", "no such map"], 1, "no map has the name 'no such map'"),
            (&["prog", "show", "tag", "0123456789abcdef"], 1, "no program has the tag 0123456789abcdef"),
            (&["link", "show", "pinned", "/nonexistent"], 1, "/nonexistent: "),
            (&["link", "show", "name", "x"], 2, "expected nothing, 'id N' or 'pinned PATH'"),
            (&["prog", "show", "tag", "xyz"], 2, "a tag is 16 hexadecimal digits"),
            (&["prog", "show", "id"], 2, "expected nothing, 'id N', 'name NAME', 'tag TAG' or 'pinned PATH'"),
        ] {
            let output = run(arguments);
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(status), "{arguments:?}: {complaint}");
            assert!(complaint.contains(words) && complaint.lines().count() == 1, "{arguments:?}: {complaint}");
            assert!(output.stdout.is_empty());
        }
    });
}
