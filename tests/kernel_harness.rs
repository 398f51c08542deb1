//! The harness of the kernel tests itself: it finds what a test leaves behind, and lets pass what leaves nothing.

mod common;

use common::{kernel_test, skip};
use purebpf::sys::{map::MapCreate, pin::obj_pin, uapi::MapType};
use std::{
    fs,
    os::fd::{AsFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

fn new_map() -> OwnedFd {
    MapCreate::new(MapType::ARRAY, 4, 4, 1).create().unwrap()
}

/// What a test that should fail says.
fn complaint(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| kernel_test(test))).expect_err("it leaves something behind");
    panic.downcast_ref::<String>().expect("a formatted message").clone()
}

#[test]
fn what_is_closed_is_no_leak() {
    kernel_test(|| drop(new_map()));
}

#[test]
fn an_open_descriptor_is_found() {
    if !common::is_root() {
        return skip("needs root");
    }
    let mut left = None;
    let complaint = complaint(|| left = Some(new_map()));
    assert!(complaint.contains("left open") && complaint.contains("bpf-map"), "{complaint}");
}

#[test]
fn a_pinned_object_is_found() {
    let bpffs = Path::new("/sys/fs/bpf");
    if !common::is_root() {
        return skip("needs root");
    }
    let pin = bpffs.join(format!("purebpf-harness-{}", std::process::id()));
    if let Err(error) = obj_pin(new_map().as_fd(), &pin) {
        return skip(format_args!("nothing can be pinned in {}: {error}", bpffs.display()));
    }
    fs::remove_file(&pin).unwrap();
    let complaint = complaint(|| obj_pin(new_map().as_fd(), &pin).unwrap());
    fs::remove_file(&pin).unwrap();
    assert!(complaint.contains("left in the kernel") && complaint.contains("map"), "{complaint}");
}
