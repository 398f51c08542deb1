//! What tests on a real kernel share: [`kernel_test`], which runs one at a time and afterwards looks for what it left behind, and
//! [`needs`], by which a test says what the running kernel must have.
//!
//! A test target whose name begins with `kernel` runs in every virtual machine of `cargo xtask vm`, as root, statically linked.

#![allow(dead_code, reason = "each test target uses a part of it")]

mod leaks;

use leaks::Watch;
use purebpf::{
    btf::{Btf, Kind},
    sys::{
        Insn, kernel_version,
        prog::ProgLoad,
        system::version,
        uapi::{AttachType, ProgType},
    },
};
use std::{
    env,
    fmt::Display,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Runs a test that loads into the kernel: as root only (else it is skipped), one at a time in this process, and with a check
/// that no file descriptor, program, map or link is left when it is done.
///
/// # Panics
///
/// With whatever `test` panics with, or with a list of what it left behind.
pub(crate) fn kernel_test(test: impl FnOnce()) {
    // Before anything else: to find out who we are takes a descriptor.
    let _watch = Watch::start();
    match is_root() {
        true => test(),
        false => skip("needs root"),
    }
}

/// Says that the test shows nothing here, and why. `cargo xtask` collects these lines.
pub(crate) fn skip(why: impl Display) {
    println!("skipped: {why}");
}

/// Whether this process is root: its effective uid is 0.
pub(crate) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("procfs is mounted");
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("proc(5): Uid");
    uids.split_whitespace().nth(1) == Some("0")
}

/// Something that not every kernel has.
pub(crate) struct Feature {
    /// What it is called.
    pub(crate) name: &'static str,
    /// The release it came with: major, minor.
    pub(crate) since: (u32, u32),
    /// Whether the running kernel has it, where its version does not say: a build without it, or a machine that forbids it.
    probe: Option<fn() -> bool>,
}

impl Feature {
    /// What every kernel of the matrix has from this release on.
    pub(crate) const fn by_version(name: &'static str, since: (u32, u32)) -> Feature {
        Feature { name, since, probe: None }
    }
}

/// Kprobes through perf_event_open.
pub(crate) const KPROBE: Feature = Feature {
    name: "kprobes",
    since: (4, 17),
    probe: Some(|| Path::new("/sys/bus/event_source/devices/kprobe/type").exists()),
};

/// Uprobes through perf_event_open.
pub(crate) const UPROBE: Feature = Feature {
    name: "uprobes",
    since: (4, 17),
    probe: Some(|| Path::new("/sys/bus/event_source/devices/uprobe/type").exists()),
};

/// Tracepoints by name, which tracefs lists.
pub(crate) const TRACEPOINT: Feature =
    Feature { name: "tracefs, mounted", since: (4, 7), probe: Some(|| tracefs().is_some()) };

/// fentry and fexit.
pub(crate) const FENTRY: Feature = Feature { name: "fentry programs", since: (5, 5), probe: Some(loads_fentry) };

/// LSM programs, and the `bpf` LSM that calls them.
pub(crate) const LSM: Feature = Feature { name: "LSM programs", since: (5, 7), probe: Some(loads_lsm) };

/// The kernel's own BTF, without which there is no CO-RE.
pub(crate) const VMLINUX_BTF: Feature =
    Feature { name: "BTF of its own", since: (5, 2), probe: Some(|| Path::new("/sys/kernel/btf/vmlinux").exists()) };

/// tcx links.
pub(crate) const TCX: Feature = Feature { name: "tcx", since: (6, 6), probe: None };

/// Attach cookies of perf-event based programs: bpf_get_attach_cookie.
pub(crate) const ATTACH_COOKIE: Feature = Feature { name: "attach cookies", since: (5, 15), probe: None };

/// The kernel function bpf_task_from_pid, for tracing programs.
pub(crate) const TASK_FROM_PID: Feature = Feature { name: "the kfunc bpf_task_from_pid", since: (6, 2), probe: None };

/// A cgroup v2 hierarchy.
pub(crate) const CGROUP2: Feature =
    Feature { name: "cgroup2, mounted", since: (4, 5), probe: Some(|| cgroup2().is_some()) };

/// Whether the running kernel has the feature; if not, the test is skipped with it as the reason, and should return.
///
/// # Panics
///
/// In the matrix (`PUREBPF_MATRIX=1`), on a kernel whose version has the feature: there, a probe that says no is wrong.
#[must_use = "a test that needs what is not there must return"]
pub(crate) fn needs(feature: &Feature) -> bool {
    let (major, minor) = feature.since;
    let by_version = kernel_version() >= version(major, minor, 0);
    let has = feature.probe.map_or(by_version, |probe| probe());
    if !has {
        let in_matrix = env::var_os("PUREBPF_MATRIX").is_some_and(|value| value == "1");
        assert!(
            !(in_matrix && by_version),
            "this kernel should have {}: it came with Linux {major}.{minor}",
            feature.name
        );
        if by_version {
            skip(format_args!("this kernel is built without {}, or forbids it", feature.name));
        } else {
            skip(format_args!("needs {} (Linux {major}.{minor})", feature.name));
        }
    }
    has
}

/// The kernel's own BTF, parsed once.
pub(crate) fn vmlinux_btf() -> Option<&'static Btf> {
    static BTF: OnceLock<Option<Btf>> = OnceLock::new();
    BTF.get_or_init(|| {
        let bytes = fs::read("/sys/kernel/btf/vmlinux").ok()?;
        Some(Btf::parse(bytes).expect("the kernel's own BTF parses"))
    })
    .as_ref()
}

/// Where tracefs is mounted.
pub(crate) fn tracefs() -> Option<PathBuf> {
    let places = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"].map(PathBuf::from);
    places.into_iter().find(|place| place.join("events").exists())
}

/// Where a cgroup v2 hierarchy is mounted.
pub(crate) fn cgroup2() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mut fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mount = fields.find(|fields| fields.get(2) == Some(&"cgroup2"))?;
    mount.get(1).map(PathBuf::from)
}

/// An example program that cargo has built beside this test.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = env::current_exe().expect("procfs is mounted");
    let profile_dir = test.parent().and_then(Path::parent).expect("cargo puts tests into deps");
    let example = profile_dir.join("examples").join(name);
    assert!(example.exists(), "{}: `cargo test` builds it unless told which targets to build", example.display());
    example
}

/// Some kernels have fentry and refuse it: only an attempt tells.
fn loads_fentry() -> bool {
    static LOADS: OnceLock<bool> = OnceLock::new();
    // A function that every kernel has and that is never inlined, as file systems call it through a table.
    *LOADS.get_or_init(|| loads_for("vfs_read", ProgType::TRACING, AttachType::TRACE_FENTRY))
}

fn loads_lsm() -> bool {
    static LOADS: OnceLock<bool> = OnceLock::new();
    *LOADS.get_or_init(|| loads_for("bpf_lsm_file_open", ProgType::LSM, AttachType::LSM_MAC))
}

/// Whether an empty program for this kernel function loads.
fn loads_for(function: &str, prog_type: ProgType, attach_type: AttachType) -> bool {
    let Some(btf) = vmlinux_btf() else { return false };
    let Some(id) = btf.find(function, Kind::Func) else { return false };
    let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
    let load = ProgLoad::new(prog_type, &insns, c"GPL");
    load.expected_attach_type(attach_type).attach_btf_id(id.0).load().is_ok()
}
