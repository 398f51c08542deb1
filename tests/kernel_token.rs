//! An object that is loaded by delegated rights alone: a BPF token.

mod common;
#[path = "common/delegation.rs"]
mod delegation;

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use common::{Feature, kernel_test, needs, skip};
use delegation::{delegated, is_child};
use purebpf::elf_loader::object::Pinning;
use purebpf::{Error, Object, OpenObject};

const PINNED: &[u8] = include_bytes!("programs/pinned_maps.bpf.o");

const TOKENS: Feature = Feature::by_version("BPF tokens", (6, 9));

#[test]
fn an_object_is_loaded_by_a_token() {
    let test = || {
        if !needs(&TOKENS) {
            return;
        }
        let name = "an_object_is_loaded_by_a_token";
        if let Err(why) = delegated(name, c"array", c"socket_filter", in_the_namespace) {
            skip(why);
        }
    };
    // What the child leaves is the parent's to see, which has the rights to look.
    if is_child() { test() } else { kernel_test(test) }
}

fn open() -> OpenObject {
    let mut open = Object::open_bytes(PINNED, "pinned_maps").unwrap();
    for name in ["kept", "kept_too"] {
        open.map_mut(name).unwrap().pinning = Pinning::None;
    }
    open
}

fn in_the_namespace(bpffs: OwnedFd) {
    let path = PathBuf::from(format!("/proc/self/fd/{}", bpffs.as_raw_fd()));
    let mut open = open();
    let error = open.load().unwrap_err();
    assert!(error.is_permission(), "without the token: {error}");

    // Arrays are delegated, and the hash is not.
    let error = open.set_token_path(path).load().unwrap_err();
    assert!(error.is_permission() && error.to_string().contains("map 'kept_too'"), "{error}");
    open.map_mut("kept_too").unwrap().autocreate = false;
    let object = open.load().unwrap();
    assert_eq!((object.programs().count(), object.maps().count()), (2, 2));

    let error = open.without_token().load().unwrap_err();
    assert!(error.is_permission(), "without the token again: {error}");
    let error = open.set_token_path("/proc").load().unwrap_err();
    assert!(matches!(&error, Error::Token { .. }) && error.to_string().contains("/proc"), "{error}");
    let error = open.set_token_path("/dev/null").load().unwrap_err();
    assert!(error.to_string().contains("is no folder"), "{error}");
}
