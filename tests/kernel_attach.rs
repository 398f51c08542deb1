//! Every way to attach: attached, the event made to happen, seen; detached, the event again, silent.

mod common;

use std::fs::File;
use std::io::Read;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use common::{CGROUP2, FENTRY, KPROBE, TCX, TRACEPOINT, UPROBE, cgroup2, kernel_test, needs};
use purebpf::attach::{CgroupOptions, TcxOptions, UprobeOptions, XdpMode, XdpOptions};
use purebpf::{Link, Object, OpenObject};

const TRACING_EVENTS: &[u8] = include_bytes!("programs/tracing_events.bpf.o");
const KERNEL_FUNCTIONS: &[u8] = include_bytes!("programs/kernel_functions.bpf.o");
const USER_FUNCTIONS: &[u8] = include_bytes!("programs/user_functions.bpf.o");
const PACKETS: &[u8] = include_bytes!("programs/packets.bpf.o");

/// How often an event is made to happen.
const TIMES: u64 = 3;

/// The loopback interface.
const LO: u32 = 1;

/// Opens an object and leaves only one program on.
fn open_only(object: &[u8], name: &str, program: &str) -> OpenObject {
    let mut open = Object::open_bytes(object, name).expect("the committed object opens");
    for id in open.program_ids() {
        open.program_mut(id).expect("it has this program").set_autoload(false);
    }
    open.program_mut(program).expect("it has this program").set_autoload(true);
    open
}

/// Attaches, makes the event happen, and compares the counter; detaches, and sees that it stays.
#[track_caller]
fn fires(object: &Object, counter: &str, attach: impl FnOnce() -> Link, event: impl Fn()) {
    let hits = || object.global(counter).expect("the counter is there").get::<u64>().expect("it is 8 bytes");
    assert_eq!(hits(), 0, "{counter} before anything is attached");
    let link = attach();
    (0..TIMES).for_each(|_| event());
    assert_eq!(hits(), TIMES, "{counter} while attached");
    drop(link);
    event();
    assert_eq!(hits(), TIMES, "{counter} after it was detached");
}

/// What a program of `SEC("…/…")` gives when it is attached.
fn by_section(object: &Object, program: &str) -> Link {
    let program = object.program(program).expect("it was loaded");
    program.attach().expect("it attaches").expect("its section says where")
}

/// This thread, as programs see it.
fn this_thread() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get() as u32
}

fn trace_thread(program: &str, counter: &str) {
    let mut open = open_only(TRACING_EVENTS, "tracing_events", program);
    open.global_mut("thread").unwrap().set(this_thread()).unwrap();
    let object = open.load().unwrap();
    fires(
        &object,
        counter,
        || by_section(&object, program),
        || {
            rustix::process::getpgid(None).expect("getpgid(2)");
        },
    );
}

#[test]
fn tracepoint() {
    kernel_test(|| {
        if needs(&TRACEPOINT) {
            trace_thread("on_tracepoint", "tracepoint_hits");
        }
    });
}

#[test]
fn raw_tracepoint() {
    kernel_test(|| trace_thread("on_raw_tp", "raw_tp_hits"));
}

#[test]
fn tp_btf() {
    kernel_test(|| trace_thread("on_tp_btf", "tp_btf_hits"));
}

/// How many bytes the functions below are asked to read, and read.
const BYTES: usize = 4321;

/// Traces `vfs_read` while this thread reads.
fn trace_reads(program: &str, counter: &str) -> Object {
    let mut open = open_only(KERNEL_FUNCTIONS, "kernel_functions", program);
    open.global_mut("thread").unwrap().set(this_thread()).unwrap();
    let object = open.load().unwrap();
    let zeroes = File::open("/dev/zero").expect("every system has it");
    let read = || (&zeroes).read_exact(&mut [0; BYTES]).expect("there are always more zeroes");
    fires(&object, counter, || by_section(&object, program), read);
    object
}

#[test]
fn kprobe() {
    kernel_test(|| {
        if needs(&KPROBE) {
            let object = trace_reads("on_kprobe", "kprobe_hits");
            assert_eq!(object.global("kprobe_count").unwrap().get::<u64>().unwrap(), BYTES as u64);
        }
    });
}

#[test]
fn kretprobe() {
    kernel_test(|| {
        if needs(&KPROBE) {
            let object = trace_reads("on_kretprobe", "kretprobe_hits");
            assert_eq!(object.global("kretprobe_result").unwrap().get::<i64>().unwrap(), BYTES as i64);
        }
    });
}

#[test]
fn fentry() {
    kernel_test(|| {
        if needs(&FENTRY) {
            let object = trace_reads("on_fentry", "fentry_hits");
            assert_eq!(object.global("fentry_count").unwrap().get::<u64>().unwrap(), BYTES as u64);
        }
    });
}

#[test]
fn fexit() {
    kernel_test(|| {
        if needs(&FENTRY) {
            let object = trace_reads("on_fexit", "fexit_hits");
            assert_eq!(object.global("fexit_result").unwrap().get::<i64>().unwrap(), BYTES as i64);
        }
    });
}

/// What the uprobes are put on.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn purebpf_probed_function(argument: u64) -> u64 {
    std::hint::black_box(argument) * 3
}

fn call_probed() {
    assert_eq!(std::hint::black_box(purebpf_probed_function as extern "C" fn(u64) -> u64)(14), 42);
}

fn trace_user(program: &str, counter: &str, retprobe: bool) -> Object {
    let object = open_only(USER_FUNCTIONS, "user_functions", program).load().unwrap();
    let options = UprobeOptions::default().function("purebpf_probed_function").retprobe(retprobe);
    let own = Path::new("/proc/self/exe");
    fires(&object, counter, || object.program(program).unwrap().attach_uprobe(own, &options).unwrap(), call_probed);
    object
}

#[test]
fn uprobe() {
    kernel_test(|| {
        if needs(&UPROBE) {
            let object = trace_user("on_uprobe", "uprobe_hits", false);
            assert_eq!(object.global("uprobe_argument").unwrap().get::<u64>().unwrap(), 14);
        }
    });
}

#[test]
fn uretprobe() {
    kernel_test(|| {
        if needs(&UPROBE) {
            let object = trace_user("on_uretprobe", "uretprobe_hits", true);
            assert_eq!(object.global("uretprobe_result").unwrap().get::<u64>().unwrap(), 42);
        }
    });
}

#[test]
fn uprobe_by_its_section() {
    kernel_test(|| {
        if needs(&UPROBE) {
            let object = open_only(USER_FUNCTIONS, "user_functions", "on_section").load().unwrap();
            fires(&object, "section_hits", || by_section(&object, "on_section"), call_probed);
        }
    });
}

#[test]
fn uretprobe_by_its_section() {
    kernel_test(|| {
        if needs(&UPROBE) {
            let object = open_only(USER_FUNCTIONS, "user_functions", "on_section_return").load().unwrap();
            fires(&object, "section_return_hits", || by_section(&object, "on_section_return"), call_probed);
            assert_eq!(object.global("section_return_result").unwrap().get::<u64>().unwrap(), 42);
        }
    });
}

/// Two sockets on loopback, and a way to send one datagram that has arrived when it returns.
struct Datagrams {
    from: UdpSocket,
    to: UdpSocket,
}

impl Datagrams {
    fn new() -> Datagrams {
        let [from, to] = [(), ()].map(|()| UdpSocket::bind("127.0.0.1:0").expect("loopback is up"));
        // A datagram that was dropped fails the test, and does not keep it.
        to.set_read_timeout(Some(Duration::from_secs(60))).expect("it is a socket");
        Datagrams { from, to }
    }

    fn port(&self) -> u16 {
        self.to.local_addr().expect("it is bound").port()
    }

    fn send_one(&self) {
        let to = self.to.local_addr().expect("it is bound");
        self.from.send_to(b"hello", to).expect("loopback takes datagrams");
        let mut buffer = [0; 16];
        let (len, _) = self.to.recv_from(&mut buffer).expect("the datagram arrives");
        assert_eq!(&buffer[..len], b"hello");
    }
}

fn watch_packets(program: &str, counter: &str, attach: impl FnOnce(&Object, &Datagrams) -> Link) {
    let datagrams = Datagrams::new();
    let mut open = open_only(PACKETS, "packets", program);
    open.global_mut("port").unwrap().set(datagrams.port()).unwrap();
    let object = open.load().unwrap();
    fires(&object, counter, || attach(&object, &datagrams), || datagrams.send_one());
}

#[test]
fn xdp() {
    kernel_test(|| {
        watch_packets("on_xdp", "xdp_hits", |object, _| {
            let options = XdpOptions::default().mode(XdpMode::Skb);
            object.program("on_xdp").unwrap().attach_xdp(LO, &options).unwrap()
        });
    });
}

#[test]
fn tcx_ingress() {
    kernel_test(|| {
        if needs(&TCX) {
            watch_packets("on_tcx_ingress", "tcx_ingress_hits", |object, _| {
                object.program("on_tcx_ingress").unwrap().attach_tcx(LO, &TcxOptions::default()).unwrap()
            });
        }
    });
}

#[test]
fn tcx_egress() {
    kernel_test(|| {
        if needs(&TCX) {
            watch_packets("on_tcx_egress", "tcx_egress_hits", |object, _| {
                object.program("on_tcx_egress").unwrap().attach_tcx(LO, &TcxOptions::default()).unwrap()
            });
        }
    });
}

#[test]
fn cgroup_skb() {
    kernel_test(|| {
        if needs(&CGROUP2) {
            let root = File::open(cgroup2().unwrap()).unwrap();
            watch_packets("on_cgroup", "cgroup_hits", |object, _| {
                object.program("on_cgroup").unwrap().attach_cgroup(root.as_fd(), &CgroupOptions::default()).unwrap()
            });
        }
    });
}

#[test]
fn socket_filter() {
    kernel_test(|| {
        watch_packets("on_socket", "socket_hits", |object, datagrams| {
            object.program("on_socket").unwrap().attach_socket_filter(datagrams.to.as_fd()).unwrap()
        });
    });
}

/// Programs whose section says nothing are left alone by `attach` of the whole object.
#[test]
fn the_whole_object_attaches_what_says_where() {
    kernel_test(|| {
        let object = Object::open_bytes(TRACING_EVENTS, "tracing_events").unwrap().load().unwrap();
        if needs(&TRACEPOINT) {
            assert_eq!(object.attach().unwrap().len(), 3);
        }
        let object = open_only(PACKETS, "packets", "on_xdp").load().unwrap();
        assert_eq!(object.attach().unwrap().len(), 0);
    });
}

/// `autoattach` off leaves a program to its owner.
#[test]
fn autoattach_can_be_turned_off() {
    kernel_test(|| {
        let mut open = open_only(TRACING_EVENTS, "tracing_events", "on_raw_tp");
        open.program_mut("on_raw_tp").unwrap().set_autoattach(false);
        let object = open.load().unwrap();
        assert_eq!(object.attach().unwrap().len(), 0);
        assert!(object.program("on_raw_tp").unwrap().attach().unwrap().is_some());
    });
}
