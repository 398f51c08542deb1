//! Programs in a real kernel: run by hand, of every type that can be; what the kernel tells of them; pins.

mod common;

use std::fs;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use common::{CGROUP2, FENTRY, Feature, cgroup2, kernel_test, needs, skip, vmlinux_btf};
use purebpf::attach::CgroupOptions;
use purebpf::btf::Kind;
use purebpf::bytemuck::{self, Pod, Zeroable};
use purebpf::sys::insn::op::{DW, JEQ, W};
use purebpf::sys::pin::Access;
use purebpf::sys::prog::{ProgLoad, Stream, TestRun, TestRunResult};
use purebpf::sys::system::version;
use purebpf::sys::uapi::{AttachType, ProgType, TestRunFlags};
use purebpf::sys::{Insn, kernel_version};
use purebpf::{Error, Map, Object, Program, RunStats};

const TEST_RUN: &[u8] = include_bytes!("programs/test_run.bpf.o");
const MAPS: &[u8] = include_bytes!("programs/maps.bpf.o");

const STREAMS_OBJECT: &[u8] = include_bytes!("programs/streams.bpf.o");

const XDP_TX: u32 = 3;
const BPF_OK: u32 = 0;
const SK_LOOKUP: Feature = Feature::by_version("running of sk_lookup programs by hand", (5, 13));
const SYSCALL: Feature = Feature::by_version("programs of type syscall", (5, 14));
const STRUCT_OPS: Feature = Feature::by_version("bpf_dummy_ops, which struct_ops programs are tried with", (5, 16));
const STREAMS: Feature = Feature::by_version("bpf_stream_vprintk_impl", (6, 18));
const NETFILTER: Feature = Feature::by_version("netfilter programs", (6, 4));

/// Loads one program of test_run.bpf.c.
fn load(program: &str) -> Object {
    let mut open = Object::open_bytes(TEST_RUN, "test_run").expect("the committed object opens");
    for id in open.program_ids() {
        let mut each = open.program_mut(id).unwrap();
        let wanted = each.name() == program;
        each.set_autoload(wanted);
    }
    open.load().expect("it loads")
}

fn get(object: &Object, name: &str) -> u64 {
    object.global(name).unwrap().get().unwrap()
}

fn test_run(object: &Object, program: &str, run: TestRun<'_>) -> TestRunResult {
    object.program(program).unwrap().test_run(run).unwrap_or_else(|error| panic!("{error}"))
}

/// An Ethernet frame with an IPv4 packet: enough for every kind of program that wants one.
fn frame() -> Vec<u8> {
    let mut frame = vec![0; 64];
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    // Version 4, 5 words of header; 50 bytes in all, UDP, from and to the loopback address.
    frame[14..34].copy_from_slice(&[0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    frame
}

/// `struct __sk_buff`: what comes before and with `mark`, which test_run takes in and gives out; the rest stays zero.
#[derive(Clone, Copy, Debug, Zeroable, Pod)]
#[repr(C)]
struct SkBuff {
    len: u32,
    pkt_type: u32,
    mark: u32,
    rest: [[u32; 9]; 5],
}

#[test]
fn socket_filters_see_the_packet() {
    kernel_test(|| {
        let object = load("on_socket");
        let result = test_run(&object, "on_socket", TestRun::new().data_in(&frame()));
        // A socket filter's packet begins after the Ethernet header.
        assert_eq!((result.retval, get(&object, "runs")), (50, 1));
        // Repeated, in one call.
        test_run(&object, "on_socket", TestRun::new().data_in(&frame()).repeat(100));
        assert_eq!(get(&object, "runs"), 101);
        let short = object.program("on_socket").unwrap().test_run(TestRun::new().data_in(&[0; 13])).unwrap_err();
        assert!(short.to_string().contains("EINVAL"), "less than an Ethernet header: {short}");
    });
}

#[test]
fn classifiers_and_actions_change_packet_and_context() {
    kernel_test(|| {
        for program in ["on_tc", "on_action"] {
            let object = load(program);
            let mut context = SkBuff::zeroed();
            context.mark = 7;
            let mut context_out = SkBuff::zeroed();
            let mut packet = vec![0; 128];
            let run = TestRun::new().data_in(&[0; 64]).data_out(&mut packet);
            let run =
                run.ctx_in(bytemuck::bytes_of_mut(&mut context)).ctx_out(bytemuck::bytes_of_mut(&mut context_out));
            let result = test_run(&object, program, run);
            assert_eq!((result.retval, result.data_size_out), (64, 64), "{program}");
            assert_eq!((packet[13], packet[14], packet[15]), (0, 0xab, 0));
            assert_eq!((get(&object, "argument"), context_out.mark), (7, 99));
            // No room for what came out: ENOSPC, and the size that it takes.
            let mut small = [0; 10];
            let run = TestRun::new().data_in(&[0; 64]).data_out(&mut small);
            let error = object.program(program).unwrap().test_run(run).unwrap_err().to_string();
            assert!(error.contains("ENOSPC") && error.contains(program), "{error}");
        }
    });
}

#[test]
fn programs_on_packets_of_cgroups_and_tunnels() {
    kernel_test(|| {
        for (program, retval) in [("on_cgroup_skb", 1), ("on_lwt_in", 50), ("on_lwt_out", 50), ("on_lwt_xmit", 50)] {
            let object = load(program);
            let result = test_run(&object, program, TestRun::new().data_in(&frame()));
            assert_eq!((result.retval, get(&object, "runs")), (retval, 1), "{program}");
        }
    });
}

#[test]
fn programs_of_segment_routing() {
    kernel_test(|| {
        let object = load("on_lwt_seg6local");
        let program = object.program("on_lwt_seg6local").unwrap();
        match program.test_run(TestRun::new().data_in(&frame())) {
            Ok(result) => assert_eq!((result.retval, get(&object, "runs")), (50, 1)),
            Err(error) if error.to_string().contains("ENOTSUPP") => {
                skip("this kernel is built without CONFIG_IPV6_SEG6_BPF");
            }
            Err(error) => panic!("{error}"),
        }
    });
}

#[test]
fn xdp_cuts_its_packet() {
    kernel_test(|| {
        let object = load("on_xdp");
        let mut packet = vec![0xee; 128];
        let result = test_run(&object, "on_xdp", TestRun::new().data_in(&frame()).data_out(&mut packet));
        assert_eq!((result.retval, result.data_size_out, get(&object, "argument")), (XDP_TX, 50, 64));
        assert_eq!(packet[..20], frame()[14..34]);
        assert_eq!(packet[50], 0xee, "nothing is written past the packet");
    });
}

#[test]
fn flow_dissectors_fill_in_keys() {
    kernel_test(|| {
        let object = load("on_flow_dissector");
        // struct bpf_flow_keys: nhoff first, the ports behind the addresses.
        let mut keys = [0u8; 56];
        let result = test_run(&object, "on_flow_dissector", TestRun::new().data_in(&frame()).data_out(&mut keys));
        // BPF_OK; before Linux 6.1, the truth of it.
        let verdict = if kernel_version() < version(6, 1, 0) { 1 } else { BPF_OK };
        assert_eq!((result.retval, result.data_size_out), (verdict, 56));
        assert_eq!(u16::from_ne_bytes([keys[0], keys[1]]), 14);
        // `sport`, in network byte order, behind five numbers of 2 bytes and four of 1.
        assert_eq!(keys[12..14], 1234u16.to_be_bytes());
    });
}

#[test]
fn raw_tracepoints_take_arguments() {
    kernel_test(|| {
        let object = load("on_raw_tp");
        let mut arguments = [30u64, 12];
        let run = TestRun::new().ctx_in(bytemuck::cast_slice_mut(&mut arguments)).flags(TestRunFlags::ON_CPU).cpu(0);
        let result = test_run(&object, "on_raw_tp", run);
        assert_eq!((result.retval, get(&object, "argument"), get(&object, "runs")), (42, 42, 1));
        let nowhere = TestRun::new().flags(TestRunFlags::ON_CPU).cpu(1 << 20);
        object.program("on_raw_tp").unwrap().test_run(nowhere).unwrap_err();
    });
}

#[test]
fn tracing_programs_see_the_kernel_call_its_test_functions() {
    kernel_test(|| {
        if !needs(&FENTRY) {
            return;
        }
        let object = load("on_fentry");
        let program = object.program("on_fentry").unwrap();
        let link = program.attach().unwrap().expect("its section says where");
        test_run(&object, "on_fentry", TestRun::new());
        drop(link);
        assert_eq!((get(&object, "argument"), get(&object, "runs")), (23, 1));
    });
}

/// The first fields of `struct bpf_sk_lookup`, with its `cookie` up to `local_port`, as linux/bpf.h has them.
#[derive(Clone, Copy, Debug, Zeroable, Pod)]
#[repr(C)]
struct SkLookup {
    cookie: u64,
    family: u32,
    protocol: u32,
    remote_ip4: u32,
    remote_ip6: [u32; 4],
    remote_port: u32,
    local_ip4: u32,
    local_ip6: [u32; 4],
    local_port: u32,
    ingress_ifindex: u32,
    padding: u32,
}

#[test]
fn socket_lookup() {
    kernel_test(|| {
        if !needs(&SK_LOOKUP) {
            return;
        }
        let object = load("on_sk_lookup");
        let mut context = SkLookup::zeroed();
        (context.family, context.protocol, context.local_port) = (2, 17, 4321);
        let size = match vmlinux_btf().and_then(|btf| btf.size_of(btf.find("bpf_sk_lookup", Kind::Struct)?).ok()) {
            Some(size) => size as usize,
            None => size_of::<SkLookup>(),
        };
        let context = &mut bytemuck::bytes_of_mut(&mut context)[..size];
        let result = test_run(&object, "on_sk_lookup", TestRun::new().ctx_in(context));
        // SK_DROP, and no socket chosen: ECONNREFUSED is not what a run by hand gives; it gives the program's verdict.
        assert_eq!((result.retval, get(&object, "argument"), get(&object, "runs")), (0, 4321, 1));
    });
}

#[test]
fn syscall_programs_give_back_their_context() {
    kernel_test(|| {
        if !needs(&SYSCALL) {
            return;
        }
        let object = load("on_syscall");
        let mut numbers = [21u64, 0];
        let result = test_run(&object, "on_syscall", TestRun::new().ctx_in(bytemuck::cast_slice_mut(&mut numbers)));
        assert_eq!((result.retval, numbers), (7, [21, 42]));
    });
}

#[test]
fn netfilter_hooks() {
    kernel_test(|| {
        if !needs(&NETFILTER) {
            return;
        }
        let object = load("on_netfilter");
        let result = test_run(&object, "on_netfilter", TestRun::new().data_in(&frame()));
        // A hook's packet keeps its Ethernet header here.
        assert_eq!((result.retval, get(&object, "argument"), get(&object, "runs")), (1, 64, 1));
    });
}

/// `int test_1(struct bpf_dummy_ops_state *)` of the kernel's table of operations for tests.
#[test]
fn operations_of_a_table() {
    kernel_test(|| {
        if !needs(&STRUCT_OPS) {
            return;
        }
        let btf = vmlinux_btf().expect("the matrix's kernels have it");
        let Some(table) = btf.find("bpf_dummy_ops", Kind::Struct) else {
            skip("this kernel is built without bpf_dummy_ops");
            return;
        };
        // Reads the state's number for its result, and sets it.
        let insns = [
            Insn::mov64_imm(0, 0),
            Insn::ldx_mem(DW, 1, 1, 0),
            // From Linux 6.10 on, the state may be NULL for the verifier.
            Insn::jump_imm(JEQ, 1, 0, 3),
            Insn::ldx_mem(W, 0, 1, 0),
            Insn::mov64_imm(2, 0x5a),
            Insn::stx_mem(W, 1, 2, 0),
            Insn::exit(),
        ];
        let load = ProgLoad::new(ProgType::STRUCT_OPS, &insns, c"GPL").name("test_1");
        let fd = load.attach_btf_id(table.0).expected_attach_type(AttachType(0)).load().unwrap();
        let program = Program::from_fd(fd).unwrap();
        assert_eq!((program.name(), program.section(), program.program_id()), ("test_1", "", None));
        let mut state = 5u32;
        let mut arguments = [(&raw mut state).addr() as u64];
        let run = TestRun::new().ctx_in(bytemuck::cast_slice_mut(&mut arguments));
        let result = program.test_run(run).unwrap();
        // The kernel wrote to `state` behind the compiler's back.
        assert_eq!((result.retval, std::hint::black_box(state)), (5, 0x5a));
    });
}

#[test]
fn types_that_cannot_be_run_say_so() {
    kernel_test(|| {
        let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
        let fd = ProgLoad::new(ProgType::KPROBE, &insns, c"GPL").name("kprobe").load().unwrap();
        let error = Program::from_fd(fd).unwrap().test_run(TestRun::new()).unwrap_err().to_string();
        assert!(error.contains("program 'kprobe'") && error.contains("ENOTSUPP"), "{error}");
    });
}

#[test]
fn programs_tell_their_code_and_its_source() {
    kernel_test(|| {
        let object = load("on_tc");
        let program = object.program("on_tc").unwrap();
        let info = program.info().unwrap();
        assert_eq!(info.id, program.id().unwrap());
        let xlated = program.xlated().unwrap();
        assert_eq!(xlated.len() * 8, info.xlated_prog_len as usize);
        assert_eq!(program.jited().unwrap().len(), info.jited_prog_len as usize);

        let lines = program.source_lines().unwrap();
        assert!(lines.iter().all(|line| line.file.ends_with("test_run.bpf.c") && (line.insn as usize) < xlated.len()));
        assert!(lines.is_sorted_by_key(|line| line.insn));
        let source = include_str!("programs/test_run.bpf.c").lines().map(str::trim).collect::<Vec<_>>();
        assert!(lines.iter().any(|line| line.text == "skb->mark = 99;"));
        for line in lines {
            assert_eq!(source[line.line as usize - 1], line.text, "{line:?}");
        }

        let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
        let fd = ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL").load().unwrap();
        assert_eq!(Program::from_fd(fd).unwrap().source_lines().unwrap(), []);
    });
}

#[test]
fn runs_are_counted_while_someone_asks_for_it() {
    kernel_test(|| {
        let object = load("on_socket");
        let program = object.program("on_socket").unwrap();
        let on_already = fs::read_to_string("/proc/sys/kernel/bpf_stats_enabled").is_ok_and(|on| on.trim() == "1");
        test_run(&object, "on_socket", TestRun::new().data_in(&frame()));
        if !on_already {
            assert_eq!(program.info().unwrap().run_cnt, 0);
        }
        let stats = RunStats::enable().unwrap();
        let before = program.info().unwrap().run_cnt;
        test_run(&object, "on_socket", TestRun::new().data_in(&frame()).repeat(1000));
        let info = program.info().unwrap();
        assert_eq!(info.run_cnt - before, 1000);
        assert!(info.run_time_ns > 0);
        drop(stats);
    });
}

#[test]
fn streams_give_what_was_printed() {
    kernel_test(|| {
        if !needs(&STREAMS) {
            return;
        }
        let object = Object::open_bytes(STREAMS_OBJECT, "streams").unwrap().load().unwrap();
        let program = object.program("say").unwrap();
        let read = |stream| String::from_utf8(program.read_stream(stream).unwrap()).unwrap();
        assert_eq!(read(Stream::Stdout), "");
        let no_memory = -12i32;
        if test_run(&object, "say", TestRun::new()).retval == no_memory as u32 {
            skip("this kernel has no memory for streams: its alloc_pages_nolock gives none");
            return;
        }
        for _ in 0..2 {
            assert_eq!(test_run(&object, "say", TestRun::new()).retval, 0);
        }
        assert_eq!(read(Stream::Stdout), "number 7\nnumber 7\nnumber 7\n");
        assert_eq!(read(Stream::Stdout), "", "what was read is gone");
        assert_eq!(read(Stream::Stderr), "wrong: 7 and 8\n".repeat(3));
        // More than one piece of the reader's.
        object.global("number").unwrap().set(1_000_000_000i32).unwrap();
        for _ in 0..500 {
            test_run(&object, "say", TestRun::new());
        }
        assert_eq!(read(Stream::Stdout), "number 1000000000\n".repeat(500));
    });
}

/// A path in the BPF file system that this process alone uses.
fn pin_path(name: &str) -> PathBuf {
    Path::new("/sys/fs/bpf").join(format!("purebpf-test-{}-{name}", std::process::id()))
}

#[test]
fn what_comes_from_elsewhere_is_told_how_it_attaches() {
    kernel_test(|| {
        if !needs(&CGROUP2) {
            return;
        }
        let object = load("on_cgroup_skb");
        let program = Program::from_id(object.program("on_cgroup_skb").unwrap().id().unwrap()).unwrap();
        let root = fs::File::open(cgroup2().unwrap()).unwrap();
        let options = CgroupOptions::default();
        let untold = program.attach_cgroup(root.as_fd(), &options).unwrap_err().to_string();
        assert!(untold.contains("program 'on_cgroup_skb'") && untold.contains("with_attach_type"), "{untold}");
        let egress = program.with_attach_type(AttachType::CGROUP_INET_EGRESS);
        let link = egress.attach_cgroup(root.as_fd(), &options).unwrap();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"datagram", "127.0.0.1:9").unwrap();
        drop(link);
        assert!(get(&object, "runs") > 0);
        assert!(program.attach().unwrap().is_none(), "it has no section");
    });
}

#[test]
fn maps_and_programs_are_found_by_pin_and_by_id() {
    kernel_test(|| {
        let object = Object::open_bytes(MAPS, "maps").unwrap().load().unwrap();
        let (map, program) = (object.map("slots").unwrap(), object.program("touch").unwrap());
        let (map_pin, program_pin) = (pin_path("map"), pin_path("program"));
        if let Err(error) = map.pin(&map_pin) {
            skip(format_args!("nothing can be pinned in /sys/fs/bpf: {error}"));
            return;
        }
        program.pin(&program_pin).unwrap();

        let again = Map::open_pinned(&map_pin).unwrap();
        assert_eq!((again.id(), again.name(), again.map_id()), (map.id(), "slots", None));
        again.typed::<u32, u64>().unwrap().insert(&2, &22).unwrap();
        assert_eq!(map.typed::<u32, u64>().unwrap().get(&2).unwrap(), Some(22));
        let reader = Map::open_pinned_with(&map_pin, Access::ReadOnly).unwrap().typed::<u32, u64>().unwrap();
        assert_eq!(reader.get(&2).unwrap(), Some(22));
        let refused = reader.insert(&2, &0).unwrap_err();
        assert!(refused.is_permission() && refused.to_string().contains("this handle is for reading"), "{refused}");
        assert_eq!(Map::from_id(map.id()).unwrap().info().unwrap(), map.info().unwrap());

        let again = Program::open_pinned(&program_pin).unwrap();
        assert_eq!(again.id().unwrap(), program.id().unwrap());
        again.test_run(TestRun::new()).unwrap();
        assert_eq!(map.typed::<u32, u64>().unwrap().get(&3).unwrap(), Some(1));
        assert_eq!(Program::from_id(program.id().unwrap()).unwrap().name(), "touch");

        // What goes wrong says what, where, and why.
        let twice = map.pin(&map_pin).unwrap_err().to_string();
        assert!(twice.contains("map 'slots': pin") && twice.contains("EEXIST"), "{twice}");
        let other = Map::open_pinned(&program_pin).unwrap_err().to_string();
        assert!(other.contains("cannot open map by pin /sys/fs/bpf"), "{other}");
        Program::open_pinned(&map_pin).unwrap_err();
        let not_ours = program.unpin(&map_pin).unwrap_err().to_string();
        assert!(not_ours.contains("is of something else, and was left alone"), "{not_ours}");
        let not_ours = object.map("table").unwrap().unpin(&map_pin).unwrap_err().to_string();
        assert!(not_ours.contains("is of something else"), "{not_ours}");

        map.unpin(&map_pin).unwrap();
        program.unpin(&program_pin).unwrap();
        assert!(!map_pin.exists() && !program_pin.exists());
        let gone = map.unpin(&map_pin).unwrap_err().to_string();
        assert!(gone.contains("map 'slots': pin") && gone.contains("ENOENT"), "{gone}");
        let none = Map::open_pinned(&map_pin).unwrap_err().to_string();
        assert!(none.contains("ENOENT") && none.contains("purebpf-test"), "{none}");
        let none = Map::from_id(u32::MAX - 1).unwrap_err();
        assert!(matches!(none, Error::Open { kind: "map", .. }), "{none}");
        Map::from_fd(program.as_fd().try_clone_to_owned().unwrap()).unwrap_err();
    });
}
