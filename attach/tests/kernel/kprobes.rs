//! Kernel functions by kprobe.

use crate::{
    support::{Adds, Counting, fires, in_matrix, is_since, kernel, skipped, with_tracefs},
    uprobes::own_legacy_probes,
};
use purebpf_attach::{
    Error, KprobeOptions, Link, ProbeAttachMode, attach_kprobe, auto_attach, section::SectionName,
    symbols::kernel::is_traceable,
};
use purebpf_sys::uapi::{AttachType, ProgType};
use std::{fs::File, io::Read, os::fd::AsFd};

/// Makes the kernel call `vfs_read` once on this thread.
fn reader() -> impl Fn() {
    let zeroes = File::open("/dev/zero").unwrap();
    move || (&zeroes).read_exact(&mut [0]).unwrap()
}

/// Attached; `None` where this kernel has no kprobes, which no kernel of the matrix is without.
fn attached(counting: &Counting, options: &KprobeOptions) -> Option<Link> {
    match attach_kprobe(counting.prog.as_fd(), "vfs_read", options) {
        Ok(link) => Some(link),
        Err(error @ Error::Unsupported { .. }) if !in_matrix() => {
            skipped(error);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn counting() -> Counting {
    Counting::load(ProgType::KPROBE, Adds::OneOnThisThread, 0)
}

#[test]
fn kprobe_and_kretprobe_fire() {
    let Some(_kernel) = kernel() else { return };
    let _ = with_tracefs();
    for retprobe in [false, true] {
        let counting = counting();
        let Some(link) = attached(&counting, &KprobeOptions::default().retprobe(retprobe)) else { return };
        assert_eq!(link.is_kernel_link(), is_since(5, 15));
        fires(link, &counting, 1, reader());
    }
}

#[test]
fn kprobe_attaches_by_section() {
    let Some(_kernel) = kernel() else { return };
    let _ = with_tracefs();
    for name in ["kprobe/vfs_read", "kretprobe/vfs_read", "kprobe/vfs_read+0x0"] {
        let counting = counting();
        match auto_attach(counting.prog.as_fd(), &SectionName::parse(name).unwrap(), AttachType(0)) {
            Ok(link) => fires(link.unwrap(), &counting, 1, reader()),
            Err(error @ Error::Unsupported { .. }) if !in_matrix() => return skipped(error),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn kprobe_inside_a_function() {
    let Some(_kernel) = kernel() else { return };
    let _ = with_tracefs();
    let counting = counting();
    if attached(&counting, &KprobeOptions::default()).is_none() {
        return;
    }
    // Where instructions begin differs from kernel to kernel; those of the first 16 bytes are all executed.
    let inside = (1..=16).find_map(|offset| {
        attach_kprobe(counting.prog.as_fd(), "vfs_read", &KprobeOptions::default().offset(offset)).ok()
    });
    fires(inside.expect("an instruction begins within 16 bytes"), &counting, 1, reader());
    let wrong = KprobeOptions::default().retprobe(true).offset(4);
    assert!(matches!(attach_kprobe(counting.prog.as_fd(), "vfs_read", &wrong), Err(Error::Options { .. })));
}

#[test]
fn kprobe_gives_its_cookie() {
    let Some(_kernel) = kernel() else { return };
    let _ = with_tracefs();
    let options = KprobeOptions::default().cookie(1000);
    if !is_since(5, 15) {
        let error = attach_kprobe(counting().prog.as_fd(), "vfs_read", &options).unwrap_err();
        assert!(error.to_string().contains("5.15"), "{error}");
        return;
    }
    let counting = Counting::load(ProgType::KPROBE, Adds::CookieOnThisThread, 0);
    let Some(link) = attached(&counting, &options) else { return };
    fires(link, &counting, 1000, reader());
}

#[test]
fn kprobe_by_each_interface() {
    let Some(_kernel) = kernel() else { return };
    let _ = with_tracefs();
    for mode in [ProbeAttachMode::Link, ProbeAttachMode::Perf, ProbeAttachMode::Legacy] {
        if mode == ProbeAttachMode::Link && !is_since(5, 15) {
            let options = KprobeOptions::default().attach_mode(mode);
            let error = attach_kprobe(counting().prog.as_fd(), "vfs_read", &options).unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
            continue;
        }
        for retprobe in [false, true] {
            let counting = counting();
            let options = KprobeOptions::default().retprobe(retprobe).attach_mode(mode);
            let Some(link) = attached(&counting, &options) else { return };
            assert_eq!(link.is_kernel_link(), mode == ProbeAttachMode::Link);
            if mode == ProbeAttachMode::Legacy {
                assert_eq!(own_legacy_probes("kprobe_events"), 1);
            }
            fires(link, &counting, 1, reader());
            assert_eq!(own_legacy_probes("kprobe_events"), 0, "removed from tracefs");
        }
    }
}

#[test]
fn refusals_say_why() {
    let Some(_kernel) = kernel() else { return };
    if !with_tracefs() {
        return;
    }
    let counting = counting();
    if attached(&counting, &KprobeOptions::default()).is_none() {
        return;
    }
    let attach = |function| attach_kprobe(counting.prog.as_fd(), function, &KprobeOptions::default()).unwrap_err();
    let error = attach("vfs_raed");
    let Error::NoFunction { nearest, .. } = &error else { panic!("{error}") };
    assert!(nearest.iter().any(|name| name == "vfs_read"), "{error}");
    // Code of kprobes themselves: on their blacklist, and nothing that ftrace stops at.
    let error = attach("kprobe_ftrace_handler");
    assert!(
        error.to_string().contains("may not be probed") || error.to_string().contains("available_filter_functions"),
        "{error}"
    );
    assert_eq!(is_traceable("vfs_read"), Some(true));
    assert_eq!(is_traceable("vfs_raed"), Some(false));
    let legacy = KprobeOptions::default().attach_mode(ProbeAttachMode::Legacy);
    let error = attach_kprobe(counting.prog.as_fd(), "vfs_raed", &legacy).unwrap_err();
    assert!(matches!(error, Error::NoFunction { .. }), "{error}");
}
