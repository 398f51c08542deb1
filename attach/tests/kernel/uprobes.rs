//! Functions of binaries: this test's own.

use crate::support::{Adds, Counting, fires, is_since, kernel, skipped, with_tracefs};
use purebpf_attach::{
    Error, Link, ProbeAttachMode, UprobeOptions, UprobeProcess, attach_uprobe, auto_attach, section::SectionName,
    symbols::elf::function_offset, tracefs,
};
use purebpf_sys::uapi::{AttachType, LinkType, ProgType};
use std::{
    env, fs,
    hint::black_box,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

/// What is probed.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn purebpf_attach_probed(argument: u64) -> u64 {
    black_box(argument).wrapping_mul(3)
}

fn call() {
    black_box(purebpf_attach_probed(black_box(14)));
}

fn own_binary() -> PathBuf {
    env::current_exe().unwrap()
}

/// Attached; `None` where this kernel has no uprobes at all.
fn attached(counting: &Counting, options: &UprobeOptions<'_>) -> Option<Link> {
    match attach_uprobe(counting.prog.as_fd(), own_binary(), options) {
        Ok(link) => Some(link),
        Err(error @ Error::Unsupported { .. }) => {
            skipped(error);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn function<'a>() -> UprobeOptions<'a> {
    UprobeOptions::default().function("purebpf_attach_probed")
}

#[test]
fn uprobe_fires() {
    let Some(_kernel) = kernel() else { return };
    let counting = Counting::load(ProgType::KPROBE, Adds::OneOnThisThread, 0);
    let Some(link) = attached(&counting, &function()) else { return };
    if is_since(5, 15) {
        assert_eq!(link.info().unwrap().link_type, LinkType::PERF_EVENT);
    }
    fires(link, &counting, 1, call);
}

#[test]
fn uretprobe_fires() {
    let Some(_kernel) = kernel() else { return };
    let counting = Counting::load(ProgType::KPROBE, Adds::OneOnThisThread, 0);
    let Some(link) = attached(&counting, &function().retprobe(true)) else { return };
    fires(link, &counting, 1, call);
}

#[test]
fn uprobe_attaches_by_section() {
    let Some(_kernel) = kernel() else { return };
    for probe in ["uprobe", "uretprobe"] {
        let name = format!("{probe}/{}:purebpf_attach_probed", own_binary().display());
        let section = SectionName::parse(&name).unwrap();
        let counting = Counting::load(ProgType::KPROBE, Adds::OneOnThisThread, 0);
        let link = auto_attach(counting.prog.as_fd(), &section, AttachType(0)).unwrap().unwrap();
        fires(link, &counting, 1, call);
    }
}

#[test]
fn uprobe_by_file_offset_and_in_one_process() {
    let Some(_kernel) = kernel() else { return };
    let offset = function_offset(&own_binary(), "purebpf_attach_probed", None).unwrap();
    let counting = Counting::load(ProgType::KPROBE, Adds::OneOnThisThread, 0);
    let Some(link) = attached(&counting, &UprobeOptions::default().offset(offset)) else { return };
    fires(link, &counting, 1, call);

    let link = attached(&counting, &function().process(UprobeProcess::Own)).unwrap();
    fires(link, &counting, 1, call);
    // Process 1 does not run this binary.
    let link = attached(&counting, &function().process(UprobeProcess::Pid(1))).unwrap();
    assert_eq!(counting.during(call), 0);
    drop(link);
    let options = function().process(UprobeProcess::Pid(i32::MAX as u32));
    let error = attach_uprobe(counting.prog.as_fd(), own_binary(), &options).unwrap_err();
    assert_eq!(error.errno(), libc::ESRCH, "{error}");
}

#[test]
fn uprobe_by_proc_self_exe() {
    let Some(_kernel) = kernel() else { return };
    for mode in [ProbeAttachMode::Default, ProbeAttachMode::Legacy] {
        if mode == ProbeAttachMode::Legacy && !with_tracefs() {
            continue;
        }
        let counting = Counting::load(ProgType::KPROBE, Adds::OneOnThisThread, 0);
        let link = attach_uprobe(counting.prog.as_fd(), "/proc/self/exe", &function().attach_mode(mode)).unwrap();
        fires(link, &counting, 1, call);
    }
}

/// The probe is in tracefs before the program is refused, and is taken back.
#[test]
fn a_refused_program_leaves_no_probe() {
    let Some(_kernel) = kernel() else { return };
    if !with_tracefs() {
        return;
    }
    let counting = Counting::load(ProgType::TRACEPOINT, Adds::OneOnThisThread, 0);
    for mode in [ProbeAttachMode::Default, ProbeAttachMode::Perf, ProbeAttachMode::Legacy] {
        let error = attach_uprobe(counting.prog.as_fd(), own_binary(), &function().attach_mode(mode)).unwrap_err();
        assert_eq!(error.errno(), libc::EINVAL, "{error}");
        assert!(error.to_string().contains("not of the type"), "{error}");
        assert_eq!(own_legacy_probes("uprobe_events"), 0);
    }
    // Beyond the end of the file: tracefs takes the line, and enabling it fails.
    let counting = Counting::load(ProgType::KPROBE, Adds::OneOnThisThread, 0);
    for mode in [ProbeAttachMode::Default, ProbeAttachMode::Legacy] {
        let options = UprobeOptions::default().offset(1 << 40).attach_mode(mode);
        attach_uprobe(counting.prog.as_fd(), own_binary(), &options).unwrap_err();
        assert_eq!(own_legacy_probes("uprobe_events"), 0);
    }
}

#[test]
fn uprobe_gives_its_cookie() {
    let Some(_kernel) = kernel() else { return };
    if !is_since(5, 15) {
        let counting = Counting::load(ProgType::KPROBE, Adds::One, 0);
        let error = attach_uprobe(counting.prog.as_fd(), own_binary(), &function().cookie(7)).unwrap_err();
        assert!(error.to_string().contains("5.15"), "{error}");
        return;
    }
    let counting = Counting::load(ProgType::KPROBE, Adds::CookieOnThisThread, 0);
    let Some(link) = attached(&counting, &function().cookie(1000)) else { return };
    fires(link, &counting, 1000, call);
}

#[test]
fn uprobe_by_each_interface() {
    let Some(_kernel) = kernel() else { return };
    let modes = [ProbeAttachMode::Link, ProbeAttachMode::Perf, ProbeAttachMode::Legacy];
    for mode in modes {
        if mode == ProbeAttachMode::Link && !is_since(5, 15) {
            let counting = Counting::load(ProgType::KPROBE, Adds::One, 0);
            let error = attach_uprobe(counting.prog.as_fd(), own_binary(), &function().attach_mode(mode)).unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
            continue;
        }
        for retprobe in [false, true] {
            if mode == ProbeAttachMode::Legacy && !with_tracefs() {
                continue;
            }
            let counting = Counting::load(ProgType::KPROBE, Adds::OneOnThisThread, 0);
            let options = function().retprobe(retprobe).attach_mode(mode);
            let Some(link) = attached(&counting, &options) else { continue };
            assert_eq!(link.is_kernel_link(), mode == ProbeAttachMode::Link);
            fires(link, &counting, 1, call);
            assert_eq!(own_legacy_probes("uprobe_events"), 0, "removed from tracefs");
        }
    }
}

/// How many probes of this process tracefs lists.
pub(crate) fn own_legacy_probes(file: &str) -> usize {
    let Ok(root) = tracefs::root() else { return 0 };
    let own = format!("purebpf/purebpf_{}_", std::process::id());
    fs::read_to_string(root.join(file)).unwrap_or_default().lines().filter(|line| line.contains(&own)).count()
}

#[test]
fn misspelt_functions_name_the_nearest() {
    let Some(_kernel) = kernel() else { return };
    let counting = Counting::load(ProgType::KPROBE, Adds::One, 0);
    let attach = |binary: &Path, function: &str| {
        attach_uprobe(counting.prog.as_fd(), binary, &UprobeOptions::default().function(function)).unwrap_err()
    };
    let error = attach(&own_binary(), "purebpf_atach_probed");
    let Error::NoSymbol { nearest, symbols, .. } = &error else { panic!("{error}") };
    assert_eq!(nearest[0], "purebpf_attach_probed");
    assert!(*symbols > 1);
    assert!(matches!(attach(Path::new("/proc/self/status"), "f"), Error::Elf { .. }));
    assert!(matches!(attach(Path::new("/nonesuch"), "f"), Error::File { .. }));
    assert!(matches!(attach(Path::new("libnonesuch.so"), "f"), Error::NoBinary { .. }));
    let at_return = UprobeOptions::default().function("purebpf_attach_probed").retprobe(true).offset(4);
    let error = attach_uprobe(counting.prog.as_fd(), own_binary(), &at_return).unwrap_err();
    assert!(matches!(error, Error::Options { .. }), "{error}");
}
