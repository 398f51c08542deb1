//! Tables of operations (struct_ops) of an object: congestion controls of TCP, used by connections over the loopback device.

mod common;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use common::{Feature, kernel_test, needs, skip, vmlinux_btf};
use purebpf::btf::Kind;
use purebpf::{Error, Object, OpenObject};

const TABLES: &[u8] = include_bytes!("programs/tables.bpf.o");

const STRUCT_OPS: Feature = Feature::by_version("tables of operations", (5, 6));
const LINKS: Feature = Feature::by_version("links to tables of operations", (6, 4));

/// Whether this kernel takes congestion controls in BPF; says so if not.
fn can(feature: &Feature) -> bool {
    if !needs(feature) {
        return false;
    }
    let has = vmlinux_btf().is_some_and(|btf| btf.find("bpf_struct_ops_tcp_congestion_ops", Kind::Struct).is_some());
    if !has {
        skip("this kernel is built without congestion controls in BPF");
    }
    has
}

fn open() -> OpenObject {
    Object::open_bytes(TABLES, "tables").unwrap()
}

/// Only this table.
fn only(name: &str) -> OpenObject {
    let mut open = open();
    for table in ["plain", "newer", "linked", "relinked"] {
        open.map_mut(table).unwrap().autocreate = table == name;
    }
    open
}

/// The congestion controls that the kernel offers.
fn offered() -> Vec<String> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control").unwrap();
    text.split_whitespace().map(str::to_owned).collect()
}

fn is_offered(name: &str) -> bool {
    offered().iter().any(|offered| offered == name)
}

/// Has a connection use a congestion control.
fn connect_with(control: &str) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback device is up");
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).unwrap();
    let set = set_congestion_control(&client, control);
    assert!(set, "{control} is not to be had: {}", std::io::Error::last_os_error());
    // A connection that is being closed would hold the table for as long as that takes.
    assert!(set_congestion_control(&client, "reno"));
}

/// `setsockopt(TCP_CONGESTION)`: on a connection, it has the control begin.
fn set_congestion_control(socket: &TcpStream, control: &str) -> bool {
    // SAFETY: the kernel reads as many bytes as it is told of a string that lives.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_CONGESTION,
            control.as_ptr().cast(),
            control.len() as libc::socklen_t,
        )
    };
    set == 0
}

#[test]
fn a_table_is_used_until_its_link_is_dropped() {
    kernel_test(|| {
        if !can(&STRUCT_OPS) {
            return;
        }
        let object = open().load().unwrap();
        // What only tables have that are not created is not loaded.
        assert!(matches!(object.program("of_the_future"), Err(Error::NotLoaded { .. })));
        assert!(matches!(object.program("second_init"), Err(Error::NotLoaded { .. })));
        assert!(!is_offered("purebpf_plain"));
        let links = object.attach().unwrap();
        assert_eq!(links.len(), 1);
        connect_with("purebpf_plain");
        assert_eq!(object.global("first").unwrap().get::<i32>().unwrap(), 1);
        // There is no link in the kernel to be pinned.
        assert!(!links[0].is_kernel_link());
        drop(links);
        assert!(!is_offered("purebpf_plain"));
    });
}

#[test]
fn a_table_with_a_link_is_replaced_by_another() {
    kernel_test(|| {
        if !can(&LINKS) {
            return;
        }
        let mut open = only("linked");
        open.map_mut("relinked").unwrap().autocreate = true;
        let object = open.load().unwrap();
        let (linked, relinked) = (object.map("linked").unwrap(), object.map("relinked").unwrap());
        let link = linked.attach_struct_ops().unwrap();
        assert!(link.is_kernel_link());
        let count = |name: &str| object.global(name).unwrap().get::<i32>().unwrap();
        connect_with("purebpf_linked");
        assert_eq!((count("first"), count("second")), (1, 0));
        relinked.replace_struct_ops(&link).unwrap();
        connect_with("purebpf_linked");
        assert_eq!((count("first"), count("second")), (1, 1));
        drop(link);
        assert!(!is_offered("purebpf_linked"));
        // The same table, once more.
        let link = linked.attach_struct_ops().unwrap();
        assert!(is_offered("purebpf_linked"));
        link.detach().unwrap();
        assert!(!is_offered("purebpf_linked"));
    });
}

#[test]
fn what_the_kernel_lacks_is_set_to_zero_first() {
    kernel_test(|| {
        if !can(&STRUCT_OPS) {
            return;
        }
        let mut open = only("newer");
        let error = open.load().unwrap_err().to_string();
        assert!(error.contains("map 'newer'") && error.contains("'not_in_any_kernel'"), "{error}");
        let mut table = open.struct_ops_mut("newer").unwrap();
        assert_eq!(table.get::<i32>("not_in_any_kernel").unwrap(), 7);
        table.set("not_in_any_kernel", 0i32).unwrap();
        let error = open.load().unwrap_err().to_string();
        assert!(error.contains("'nor_this'"), "{error}");
        let mut table = open.struct_ops_mut("newer").unwrap();
        table.set_program("nor_this", None::<&str>).unwrap().set_program("init", Some("second_init")).unwrap();
        table.set("name", *b"purebpf_changed\0").unwrap();
        let object = open.load().unwrap();
        assert!(matches!(object.program("of_the_future"), Err(Error::NotLoaded { .. })));
        let links = object.attach().unwrap();
        connect_with("purebpf_changed");
        let count = |name: &str| object.global(name).unwrap().get::<i32>().unwrap();
        assert_eq!((count("first"), count("second")), (0, 1));
        drop(links);
    });
}

/// The kernel's struct is larger than the object's: it is the kernel's that is pinned and found.
#[test]
fn a_table_that_is_pinned_is_found_again() {
    kernel_test(|| {
        if !can(&STRUCT_OPS) {
            return;
        }
        let folder = std::path::Path::new("/sys/fs/bpf").join(format!("purebpf-test-{}-tables", std::process::id()));
        let pin = folder.join("plain");
        let mut open = open();
        open.map_mut("plain").unwrap().pin_path = Some(pin.clone());
        let first = match open.load() {
            Ok(first) => first,
            Err(error) => return skip(format_args!("nothing can be pinned in /sys/fs/bpf: {error}")),
        };
        let second = open.load().unwrap();
        let id = |object: &Object| object.map("plain").unwrap().id();
        assert_eq!(id(&first), id(&second));
        fs::remove_file(pin).unwrap();
        fs::remove_dir(folder).unwrap();
    });
}

#[test]
fn members_are_told_apart() {
    let mut open = open();
    let mut table = open.struct_ops_mut("plain").unwrap();
    assert!(matches!(table.set("name", 1u8), Err(Error::Size { expected: 16, actual: 1, .. })));
    assert!(table.set("init", 1u64).unwrap_err().to_string().contains("takes a program"));
    assert!(table.set_program("name", Some("ssthresh")).unwrap_err().to_string().contains("no function"));
    let error = table.set_program("inti", Some("ssthresh")).unwrap_err().to_string();
    assert!(error.contains("'inti'") && error.contains("init"), "{error}");
    assert!(table.set_program("init", Some("nobody")).unwrap_err().to_string().contains("'nobody'"));
    assert!(table.program("init").unwrap().is_some() && table.program("nor_this").unwrap().is_none());
    assert!(matches!(open.struct_ops_mut(".bss"), Err(Error::Unsupported { .. })));
}
