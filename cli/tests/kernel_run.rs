//! `purebpf run` of `tests/programs/decoded.bpf.c`, whose program sends and counts when one thread of this process calls
//! getpgid(2): what it sends comes out decoded, what it counts is told, what is set is what it sees.
//!
//! The expected lines are what the source says: its types, and the values that it writes.

#[path = "../../tests/common/mod.rs"]
mod common;

use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};

use common::{CGROUP2, TCX, TRACEPOINT, UPROBE, cgroup2, kernel_test, needs};
use purebpf::sys::{map::MapCreate, uapi::MapType};
use serde_json::{Value, json};

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs").join(name)
}

fn command(object: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_purebpf"));
    command.arg("run").arg(program(object)).args(arguments).env("TZ", "UTC");
    command
}

/// The tool at work.
struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// What it has said on standard error so far.
    said: String,
}

struct Ended {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Running {
    /// Starts it and waits until its programs are attached.
    fn start(object: &str, arguments: &[&str]) -> Running {
        let mut command = command(object, arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the tool runs");
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut said = String::new();
        while !said.contains("running: ") {
            let count = stderr.read_line(&mut said).expect("standard error");
            assert_ne!(count, 0, "it ended: {said}");
        }
        Running { child, stderr, said }
    }

    /// Waits for its end.
    fn end(mut self) -> Ended {
        let mut stdout = String::new();
        let mut output = self.child.stdout.take().expect("it is piped");
        output.read_to_string(&mut stdout).expect("UTF-8");
        self.stderr.read_to_string(&mut self.said).expect("UTF-8");
        Ended { status: self.child.wait().expect("it is a child"), stdout, stderr: self.said }
    }

    /// Ctrl-C.
    fn interrupt(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    }
}

/// Has the program run once.
fn fire() {
    rustix::process::getpgid(None).expect("getpgid(2)");
}

/// This thread, as programs see it.
fn thread_setting() -> String {
    format!("settings.thread={}", rustix::thread::gettid().as_raw_nonzero())
}

#[test]
fn records_and_counts_as_text() {
    kernel_test(|| {
        let thread = thread_setting();
        let arguments = [
            &["--set", thread.as_str(), "--count", "6", "--event-type", "either=struct close_event"][..],
            &["--set", "settings.action=ACTION_OPEN", "--set", "settings.nested.limit=-3", "--set", "settings.low=0xf"],
            &["--set", "settings.nested.ports=1,2,3", "--set", "settings.high=-2048", "--set", "greeting=hello world"],
            &["--set", "first=true", "--set", "result=-22", "--set", "letter='x'", "--set", "matrix[1]=[9, 8]"],
        ]
        .concat();
        let running = Running::start("decoded.bpf.o", &arguments);
        fire();
        fire();
        let ended = running.end();
        assert!(ended.status.success(), "{}", ended.stderr);

        let thread = thread.strip_prefix("settings.thread=").unwrap();
        let call = format!(
            "calls: ts_ns=5000000000 thread={thread} result=-22 action=ACTION_OPEN first=true letter='x' low=5 high=17 \
             comm=\"hello world\" peer={{port=443, address=[0a 00 00 ff]}} counts=[2, 9, 0 ×2] address=0xffff1234 \
             number=578437695752307201 bytes=[01 02 03 04 05 06 07 08] path=\"/\\\"\""
        );
        // settings.low << 16 | (u16)settings.high
        let either = format!("either: d=1 e={:#x} f={}", u64::MAX - 2, 0xf_f800);
        let mut lines: Vec<&str> = ended.stdout.lines().collect();
        let report = lines.split_off(6);
        // Buffers take turns.
        lines.sort_unstable();
        let text = "texts: len=8 text=\"hello wo\"";
        assert_eq!(lines, [&call, &call, &either, &either, text, text]);
        let report = report.join("\n");
        // Of what did not change, nothing is said.
        assert!(!report.contains("untouched"), "{report}");
        let (before, per_cpu) = report.split_once("\nper_cpu: 1 entries\n").expect("the last map");
        let expected = "hits = 2
hist:
     value               : count    distribution
         0 -> 1          : 0        |                                        |
         2 -> 3          : 0        |                                        |
         4 -> 7          : 0        |                                        |
         8 -> 15         : 2        |****************************************|
last_action = ACTION_CLOSE
seen: 1 entries
  action=ACTION_OPEN number=5: total=4
slots:
     value               : count    distribution
         0 -> 1          : 2        |********************                    |
         2 -> 3          : 0        |                                        |
         4 -> 7          : 4        |****************************************|";
        assert_eq!(before, expected);
        // This thread may have moved between the two.
        let counts: Vec<u64> = per_cpu
            .lines()
            .map(|line| line.strip_prefix("  1 cpu ").unwrap().split_once(": ").unwrap().1.parse().unwrap())
            .collect();
        assert_eq!(counts.iter().sum::<u64>(), 2, "{per_cpu}");
    });
}

#[test]
fn records_and_counts_as_json() {
    kernel_test(|| {
        let thread = thread_setting();
        let arguments = ["--set", &thread, "--set", "greeting=anna", "-n", "3", "--json", "--map", "seen"];
        let running = Running::start("decoded.bpf.o", &arguments);
        fire();
        let ended = running.end();
        assert!(ended.status.success(), "{}", ended.stderr);
        // Two types fit, and nobody said which it is.
        let note = "note: map 'either': records of 24 bytes are not decoded: they may be 'open_event' or 'close_event'; say which \
                    with --event-type";
        assert!(ended.stderr.lines().any(|line| line == note), "{}", ended.stderr);

        let thread: u32 = thread.strip_prefix("settings.thread=").unwrap().parse().unwrap();
        let mut lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let report = lines.split_off(3);
        lines.sort_by_key(|line| line["map"].to_string());
        let call = json!({ "map": "calls", "type": "call_event", "data": {
            "ts_ns": 5_000_000_000u64, "thread": thread, "result": 0, "action": "ACTION_NONE", "first": false, "letter": 0,
            "low": 5, "high": 17, "comm": "anna", "peer": { "port": 443, "address": [10, 0, 0, 255] },
            "counts": [0, 0, 0, 0], "address": 0xffff_1234u32, "number": 0x0807_0605_0403_0201u64,
            "bytes": [1, 2, 3, 4, 5, 6, 7, 8], "path": "/\"",
        } });
        let bytes = format!("01 {}", ["00"; 23].join(" "));
        let either = json!({ "map": "either", "type": null, "bytes": bytes });
        let text = json!({ "map": "texts", "type": "text_event", "data": { "len": 8, "text": "anna" } });
        assert_eq!(lines, [call, either, text]);
        let mut slots = [0; 16];
        (slots[0], slots[2]) = (1, 2);
        let mut hist = [0; 16];
        hist[3] = 1;
        let globals = json!({ "globals": { "hits": 1, "hist": hist, "last_action": "ACTION_CLOSE" } });
        let key = json!({ "action": "ACTION_OPEN", "number": 5 });
        let entries = json!([{ "key": key, "value": { "total": 2, "slots": slots } }]);
        assert_eq!(report, [globals, json!({ "map": "seen", "entries": entries })]);
    });
}

/// Records of perf buffers come with their CPU, and longer than they were sent.
#[test]
fn records_of_perf_buffers() {
    kernel_test(|| {
        let id = rustix::thread::gettid().as_raw_nonzero().to_string();
        let thread = format!("thread={id}");
        let running = Running::start("decoded_perf.bpf.o", &["--set", &thread, "-n", "2"]);
        fire();
        fire();
        let ended = running.end();
        let line = format!("thread={id} kind=7 name=\"perf\"\n");
        assert_eq!((ended.status.success(), ended.stdout), (true, line.repeat(2)), "{}", ended.stderr);

        let running = Running::start("decoded_perf.bpf.o", &["--set", &thread, "-n", "1", "--json"]);
        fire();
        let ended = running.end();
        let mut line: Value = serde_json::from_str(&ended.stdout).expect("one line of JSON");
        // Where this thread was.
        let cpus = purebpf::sys::possible_cpus().expect("sysfs is mounted") as u64;
        assert!(line.as_object_mut().unwrap().remove("cpu").and_then(|cpu| cpu.as_u64()).is_some_and(|cpu| cpu < cpus));
        let data = json!({ "thread": id.parse::<u32>().unwrap(), "kind": 7, "name": "perf" });
        assert_eq!(line, json!({ "map": "events", "type": "short_event", "data": data }));
    });
}

/// What there was no room for is counted: told and lost are all that was sent.
#[test]
fn records_that_are_lost() {
    use rustix::process::Signal;
    kernel_test(|| {
        // All in the ring of one CPU.
        let mut cpus = rustix::thread::CpuSet::new();
        cpus.set(0);
        rustix::thread::sched_setaffinity(None, &cpus).expect("there is a first CPU");
        let thread = format!("thread={}", rustix::thread::gettid().as_raw_nonzero());
        let mut running = Running::start("decoded_perf.bpf.o", &["--set", &thread, "--perf-pages", "1"]);
        let tool = rustix::process::Pid::from_child(&running.child);
        rustix::process::kill_process(tool, Signal::STOP).expect("it runs");
        let state = format!("/proc/{}/stat", running.child.id());
        while !std::fs::read_to_string(&state).expect("it is there").contains(") T ") {
            std::thread::yield_now();
        }
        // 32 bytes each, for which 4096 have no room.
        const SENT: u64 = 1000;
        (0..SENT).for_each(|_| fire());
        rustix::process::kill_process(tool, Signal::CONT).expect("it runs");
        let mut lines = BufReader::new(running.child.stdout.take().expect("it is piped")).lines().map(Result::unwrap);
        let first = lines.next().expect("what there was room for");
        assert!(first.ends_with("name=\"perf\""), "{first}");
        // The kernel tells of the loss before the next record that has room, which there is when the first is seen: its turn is over.
        let mut told = 1;
        let mut sent = SENT;
        let lost = loop {
            fire();
            sent += 1;
            let line = lines.next().expect("it goes on");
            match line.strip_prefix("events: ").and_then(|line| line.strip_suffix(" records of CPU 0 lost")) {
                Some(count) => break count.parse::<u64>().expect("a number"),
                None => told += 1,
            }
        };
        running.interrupt();
        told += lines.filter(|line| line.ends_with("name=\"perf\"")).count() as u64;
        assert!(running.child.wait().expect("it is a child").success());
        assert_eq!(told + lost, sent);
    });
}

/// `bpf_printk`; an end by Ctrl-C is a good one, with everything told that came before.
#[test]
fn what_is_printed_and_a_signal() {
    kernel_test(|| {
        if !needs(&TRACEPOINT) {
            return;
        }
        let thread = thread_setting();
        let mut running = Running::start("decoded.bpf.o", &["--set", &thread, "--trace", "--no-report"]);
        fire();
        let mut lines = BufReader::new(running.child.stdout.take().expect("it is piped")).lines();
        // Other programs of this machine may print, too.
        let printed = lines
            .find(|line| line.as_ref().unwrap().starts_with("trace: ") && line.as_ref().unwrap().contains("decoded"));
        assert!(printed.unwrap().unwrap().ends_with(": getpgid of decoded"));
        running.interrupt();
        let rest: Vec<_> = lines.map(Result::unwrap).filter(|line| !line.starts_with("trace: ")).collect();
        assert!(rest.iter().all(|line| !line.starts_with("hits")), "--no-report: {rest:?}");
        let mut said = String::new();
        running.stderr.read_to_string(&mut said).expect("UTF-8");
        assert!(running.child.wait().expect("it is a child").success(), "{said}");
    });
}

/// Values of the kernel's configuration from a file; a file that is not there is named.
#[test]
fn a_configuration_of_ones_own() {
    kernel_test(|| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        let text = "CONFIG_HZ=12345\nCONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=m\nCONFIG_DEFAULT_HOSTNAME=\"host\"\n\
                    CONFIG_PUREBPF_WEAK=3\n";
        std::fs::write(&file, text).unwrap();
        let path = file.to_str().expect("UTF-8");
        let attach = "read_options=raw_tp/sys_enter";
        let arguments = ["--program", "read_options", "--attach", attach, "--kconfig", path];
        let running = Running::start("kconfig.bpf.o", &arguments);
        fire();
        running.interrupt();
        let ended = running.end();
        for line in ["hz = 12345", "bpf_jit = 2", "hostname = \"host\"", "weak = 3"] {
            assert!(ended.stdout.lines().any(|told| told == line), "{line}: {}{}", ended.stdout, ended.stderr);
        }
        assert!(ended.status.success(), "{}", ended.stderr);

        let output = command("kconfig.bpf.o", &["--kconfig", "/no/such/file"]).output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(complaint, "error: cannot read /no/such/file: No such file or directory (os error 2)\n");
    });
}

/// Reports while it runs: each tells what changed since the one before.
#[test]
fn reports_come_again() {
    kernel_test(|| {
        let thread = thread_setting();
        let arguments = ["--set", &thread, "--interval", "0.05", "--json", "--map", "seen"];
        let mut running = Running::start("decoded.bpf.o", &arguments);
        let lines = BufReader::new(running.child.stdout.take().expect("it is piped")).lines();
        let mut reports = lines.map(|line| serde_json::from_str::<Value>(&line.expect("UTF-8")).expect("JSON"));
        for expected in 1..=3 {
            fire();
            let globals = reports.find(|line| !line["globals"].is_null()).expect("a report comes");
            assert_eq!(globals["globals"]["hits"], expected);
            // Written the first time and not changed since.
            assert_eq!(globals["globals"]["last_action"].is_null(), expected > 1);
        }
        running.interrupt();
        drop(reports);
        assert!(running.child.wait().expect("it is a child").success());
    });
}

/// A reader that has seen enough ends the run, quietly.
#[test]
fn a_closed_pipe() {
    kernel_test(|| {
        let thread = thread_setting();
        let mut running = Running::start("decoded.bpf.o", &["--set", &thread]);
        drop(running.child.stdout.take());
        fire();
        let mut said = String::new();
        running.stderr.read_to_string(&mut said).expect("UTF-8");
        assert!(running.child.wait().expect("it is a child").success(), "{said}");
        assert!(!said.contains("error"), "{said}");
    });
}

/// Programs whose sections do not say where are attached where the options do; the others are named.
#[test]
fn targets_by_option() {
    kernel_test(|| {
        let output = |arguments: &[&str]| -> Output {
            command("packets.bpf.o", &[arguments, &["--duration", "0", "-v"]].concat()).output().expect("the tool runs")
        };
        let mut lines = vec!["program 'on_xdp': attached to XDP of lo"];
        let mut arguments = vec!["--program", "on_xdp", "--program", "on_socket", "--interface", "lo"];
        let root = cgroup2().unwrap_or_default();
        if needs(&CGROUP2) {
            arguments.extend(["--program", "on_cgroup", "--cgroup", root.to_str().unwrap()]);
            lines.push("program 'on_cgroup': attached to cgroup_skb/egress of");
        }
        if needs(&TCX) {
            arguments.extend(["--program", "on_tcx_ingress", "--program", "on_tcx_egress"]);
            lines.extend(["program 'on_tcx_ingress': attached to tcx_ingress of lo", "attached to tcx_egress of lo"]);
        }
        lines
            .push("note: program 'on_socket' (section 'socket') is not attached: programs of its type are attached by");
        let ended = output(&arguments);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{said}");
        for line in lines {
            assert!(said.contains(line), "'{line}' is missing in {said}");
        }

        // Without a target there is nothing to run.
        let ended = output(&["--program", "on_xdp"]);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1));
        assert!(said.contains("is not attached: --interface says where"), "{said}");
        assert!(said.contains("error: no program could be attached"), "{said}");
    });
}

/// A program whose section names no target is attached as another section would have it.
#[test]
fn targets_in_the_words_of_sections() {
    kernel_test(|| {
        if !needs(&UPROBE) {
            return;
        }
        let to = "uprobe//proc/self/exe:main";
        let arguments = ["--program", "on_uprobe", "--duration", "0", "-v", "--attach", &format!("on_uprobe={to}")];
        let ended = command("user_functions.bpf.o", &arguments).output().expect("the tool runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.contains(&format!("program 'on_uprobe': attached to {to}")), "{said}");

        for (to, status, words) in [
            (
                "on_uprobe=raw_tp/sys_enter",
                1,
                "'on_uprobe' is of type kprobe, 'raw_tp/sys_enter' is for raw_tracepoint",
            ),
            ("nosuch=raw_tp/sys_enter", 1, "has no program 'nosuch'"),
            ("on_uprobe=uprobe", 2, "'uprobe' says no target"),
            ("on_uprobe=nosuch/x", 2, "'nosuch/x' is the name of no section"),
        ] {
            let arguments = ["--program", "on_uprobe", "--attach", to];
            let ended = command("user_functions.bpf.o", &arguments).output().expect("the tool runs");
            let said = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.code(), Some(status), "{said}");
            assert!(said.contains(words), "{said}");
        }
    });
}

/// What iterators print; without anything else to wait for, the run ends by itself.
#[test]
fn iterators() {
    kernel_test(|| {
        let map = MapCreate::new(MapType::ARRAY, 4, 4, 7).create().unwrap();
        let id = purebpf::sys::info::map_info(map.as_fd()).unwrap().id;
        let wanted = format!("wanted={id}");
        let ended = command("decoded_iter.bpf.o", &["--set", &wanted]).output().expect("the tool runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.contains("running: 1 iterator"), "{said}");
        assert_eq!(String::from_utf8_lossy(&ended.stdout), format!("map {id}:    room for 7\n"));

        let ended = command("decoded_iter.bpf.o", &["--set", &wanted, "--json"]).output().expect("the tool runs");
        let line: Value = serde_json::from_slice(&ended.stdout).expect("one line of JSON");
        assert_eq!(line, json!({ "iterator": "over_maps", "text": format!("map {id}:\troom for 7\n") }));
    });
}

/// What cannot be attached ends the run, and is left out if it is to go on.
#[test]
fn programs_that_cannot_be_attached() {
    kernel_test(|| {
        // Its function is in the tests' own binary, and not in the tool's.
        let arguments = ["--program", "on_section", "--duration", "0"];
        let ended = command("user_functions.bpf.o", &arguments).output().expect("the tool runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("error: program 'on_section': ") && said.contains("purebpf_probed_function"), "{said}");

        let arguments = ["--program", "on_section", "--duration", "0", "--keep-going"];
        let ended = command("user_functions.bpf.o", &arguments).output().expect("the tool runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(said.contains("note: program 'on_section': "), "{said}");
        assert!(said.contains("error: no program could be attached"), "{said}");
    });
}

/// A program that the kernel refuses is left out, and the others run.
#[test]
fn programs_that_cannot_be_loaded() {
    kernel_test(|| {
        let ended = command("rejected.bpf.o", &["--duration", "0"]).output().expect("the tool runs");
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        let ended = command("rejected.bpf.o", &["--duration", "0", "--keep-going"]).output().expect("the tool runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(said.contains("is left out: "), "{said}");
    });
}

#[test]
fn settings_that_make_no_sense() {
    for (setting, words) in [
        (
            "settings=1",
            "variable 'settings' of type 'const volatile struct settings': a struct is set member by member",
        ),
        ("settings.action=FOO", "'FOO' is neither a number nor one of ACTION_NONE, ACTION_OPEN, ACTION_CLOSE"),
        ("settings.low=16", "variable 'settings.low' of type '__u32': 16 is out of its range, 0 to 15"),
        ("settings.high=-2049", "-2049 is out of its range, -2048 to 2047"),
        ("settings.what=1", "'const volatile struct settings' has no member 'what'"),
        ("nosuch=1", "object 'decoded' has no variable 'nosuch' (it has 18, among them: settings, greeting,"),
        ("greeting=0123456789abcdef", "is 16 bytes long, and there is room for 15 and the zero at the end"),
        ("first=2", "'2' is neither true nor false"),
        ("settings.nested.ports=1,2,3,4,5", "5 elements are given, and there are 4"),
        ("settings.nested.ports=256", "256 is out of its range, 0 to 255"),
        ("settings.nested.ports[4]=1", "'__u8[4]' has no element 4"),
        ("result=2147483648", "out of its range, -2147483648 to 2147483647"),
        ("result=twelve", "'twelve' is no number"),
        ("ratio=x", "'x' is no number"),
        ("hits.x=1", "'__u64' is no struct that could have a member 'x'"),
        ("hits[0]=1", "'__u64' is no array"),
        ("call_event_unused=1", "an address cannot be set"),
    ] {
        let ended = command("decoded.bpf.o", &["--set", setting]).output().expect("the tool runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{setting}: {said}");
        assert!(said.contains(words) && said.lines().count() == 1, "{setting}: {said}");
    }
    // Without a value, the command line makes no sense.
    let ended = command("decoded.bpf.o", &["--set", "hits"]).output().expect("the tool runs");
    assert_eq!(ended.status.code(), Some(2));
}
