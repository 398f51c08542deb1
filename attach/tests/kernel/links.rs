//! What can be done with links.

use crate::support::{Adds, Counting, Mount, count_descriptors, getppid, kernel};
use purebpf_attach::{Error, Link, RawTracepointOptions, attach_raw_tracepoint};
use purebpf_sys::uapi::ProgType;
use std::{
    fs,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    time::{Duration, Instant},
};

fn attached() -> (Counting, Link) {
    let counting = Counting::load(ProgType::RAW_TRACEPOINT, Adds::OneOnThisThread, 0);
    let link = attach_raw_tracepoint(counting.prog.as_fd(), "sys_enter", &RawTracepointOptions::default()).unwrap();
    (counting, link)
}

fn fires(counting: &Counting) -> bool {
    counting.during(getppid) > 0
}

/// What a pin's file holds is let go of when its inode is freed, after a grace period (`bpf_free_inode`).
fn wait_until_gone(id: u32) {
    let started = Instant::now();
    while Link::from_id(id).is_ok() {
        assert!(started.elapsed() < Duration::from_secs(60), "link {id} stays");
        std::thread::yield_now();
    }
}

#[test]
fn a_pin_keeps_the_program_attached() {
    let Some(_kernel) = kernel() else { return };
    let Some(bpffs) = Mount::new("bpf") else { return };
    let (counting, mut link) = attached();
    // The folder is made.
    let path = bpffs.path().join("links/sys_enter");
    assert!(matches!(link.unpin(), Err(Error::Pin { .. })));
    link.pin(&path).unwrap();
    assert_eq!(link.pin_path(), Some(path.as_path()));
    assert!(matches!(link.pin(bpffs.path().join("again")), Err(Error::Pin { .. })));
    let id = link.info().unwrap().id;
    drop(link);
    assert!(fires(&counting), "held by its pin");

    let mut link = Link::open(&path).unwrap();
    assert_eq!(link.info().unwrap().id, id);
    link.unpin().unwrap();
    assert!(!path.exists());
    assert!(fires(&counting), "held by the link");
    drop(link);
    wait_until_gone(id);
    assert!(!fires(&counting));

    // Detaching takes the pin away too.
    let (counting, mut link) = attached();
    link.pin(&path).unwrap();
    let id = link.info().unwrap().id;
    link.detach().unwrap();
    assert!(!path.exists());
    wait_until_gone(id);
    assert!(!fires(&counting));
    fs::remove_dir(path.parent().unwrap()).unwrap();
}

#[test]
fn pins_outside_a_bpffs_say_so() {
    let Some(_kernel) = kernel() else { return };
    let (_counting, mut link) = attached();
    let path = std::env::temp_dir().join(format!("purebpf-attach-no-pin-{}", std::process::id()));
    let error = link.pin(&path).unwrap_err();
    assert!(error.to_string().contains("mount -t bpf"), "{error}");
    assert_eq!(error.errno(), libc::EPERM);
    assert!(!path.exists() && link.pin_path().is_none());
    // The folder that was made for it goes too.
    let folder = path.with_extension("d");
    link.pin(folder.join("link")).unwrap_err();
    assert!(!folder.exists());
    assert_eq!(link.unpin().unwrap_err().errno(), libc::EINVAL, "as bpf_link__unpin");
}

#[test]
fn descriptors_come_and_go() {
    let Some(_kernel) = kernel() else { return };
    let (counting, link) = attached();
    let id = link.info().unwrap().id;
    let fd = link.into_fd();
    assert!(fires(&counting), "held by the descriptor");
    let link = Link::from_fd(fd).unwrap();
    let other = Link::from_id(id).unwrap();
    drop(link);
    assert!(fires(&counting), "held by the other");
    drop(other);
    assert!(!fires(&counting));
    assert!(matches!(Link::from_id(id), Err(Error::Link { .. })));
    assert!(Link::from_fd(counting.prog.try_clone().unwrap()).is_err(), "a program is no link");
}

#[test]
fn a_forgotten_link_stays() {
    let Some(_kernel) = kernel() else { return };
    let (counting, link) = attached();
    let fd = link.as_raw_fd();
    link.forget();
    assert!(fires(&counting));
    // SAFETY: the descriptor has no owner since it was forgotten.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    assert!(!fires(&counting));
}

#[test]
fn links_go_to_other_threads() {
    fn needs<T: Send + Sync + 'static>() {}
    needs::<Link>();
    needs::<Error>();
}

#[test]
fn many_times_leaves_nothing() {
    let Some(_kernel) = kernel() else { return };
    let before = count_descriptors();
    let counting = Counting::load(ProgType::RAW_TRACEPOINT, Adds::OneOnThisThread, 0);
    for _ in 0..200 {
        let link = attach_raw_tracepoint(counting.prog.as_fd(), "sys_enter", &RawTracepointOptions::default()).unwrap();
        assert!(fires(&counting));
        drop(link);
        assert!(!fires(&counting));
    }
    drop(counting);
    assert_eq!(count_descriptors(), before);
}
