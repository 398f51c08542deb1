//! What the kernel says it has, against the release that brought it: no newer kernel lacks it, and no older one has it. What
//! a kernel lacks by how it was built is told by a symbol that it then has not; what policy forbids to ask, by the errno.

use crate::support::{btf_id, kernel, skipped};
use purebpf_sys::{
    Result,
    id::ObjectKind,
    info, kernel_version,
    probes::{Feature, Kfunc, ProbeProg, Probes, has},
    uapi::{AttachType, HelperId, MapType, ProgType},
};
use std::{collections::BTreeSet, fmt, os::fd::AsFd};

/// Whether the running kernel has a function of this name.
fn has_symbol(name: &str) -> bool {
    let symbols = std::fs::read_to_string("/proc/kallsyms").unwrap();
    symbols.lines().any(|line| line.split_whitespace().nth(2) == Some(name))
}

/// What kernels may be built without, and the function that they then have not.
const OPTIONAL: &[(&str, &str)] = &[
    // CONFIG_BPF_LIRC_MODE2
    ("program type lirc_mode2", "lirc_prog_attach"),
    ("attach type lirc_mode2", "lirc_prog_attach"),
    // CONFIG_BPF_LSM
    ("program type lsm", "bpf_lsm_verify_prog"),
    ("attach type lsm_mac", "bpf_lsm_verify_prog"),
    ("attach type lsm_cgroup", "bpf_lsm_verify_prog"),
    // CONFIG_FPROBE
    ("attach type trace_kprobe_multi", "register_fprobe_ips"),
    ("attach type trace_kprobe_session", "register_fprobe_ips"),
    // CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS and an architecture with one ftrace_ops for all
    ("attach type trace_fentry_multi", "bpf_trampoline_multi_attach"),
    ("attach type trace_fexit_multi", "bpf_trampoline_multi_attach"),
    ("attach type trace_fsession_multi", "bpf_trampoline_multi_attach"),
];

/// What a stable or a distributor's kernel has before the release that brought it.
const BACKPORTED: &[&str] = &[];

/// Whether arenas may be refused with ENOMEM on this processor: newer kernels allocate for them by `kmalloc_nolock`, which x86 has only
/// with cmpxchg16b. The matrix's machines are without.
fn arenas_want_cx16() -> bool {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut flags = cpus.lines().filter_map(|line| line.strip_prefix("flags"));
    flags.next().is_some_and(|flags| !flags.split_whitespace().any(|flag| flag == "cx16"))
}

/// Said of what is not judged, in a test that judges the rest.
fn left_out(what: impl fmt::Display) {
    println!("left out: {what}");
}

/// Fails when the answer is not the one that the kernel's version asks for.
fn check(what: impl fmt::Display, since: Option<u32>, answer: Result<bool>, wrong: &mut Vec<String>) {
    let what = what.to_string();
    let expected = since.is_some_and(|since| kernel_version() >= since);
    match answer {
        Ok(answer) if answer == expected => {}
        Ok(false) => match OPTIONAL.iter().find(|(name, _)| *name == what) {
            Some((_, symbol)) if !has_symbol(symbol) => left_out(format_args!("{what}: this kernel has no {symbol}")),
            _ => wrong.push(format!("{what} is missing")),
        },
        Ok(true) if BACKPORTED.contains(&what.as_str()) => left_out(format_args!("{what}: brought to this kernel")),
        Ok(true) => wrong.push(format!("{what} is there before its time")),
        Err(error) if what == "map type arena" && arenas_want_cx16() => left_out(format_args!("{what}: {error}")),
        // Machines that refuse to load what attaches to kernel functions.
        Err(error) if error.is_permission() => left_out(format_args!("{what}: {error}")),
        Err(error) => wrong.push(format!("{what}: {error}")),
    }
}

#[test]
fn kernels_have_what_their_version_brought() {
    let Some(_kernel) = kernel() else { return };
    let (probes, mut wrong) = (Probes::new(None), Vec::new());
    for feature in Feature::all() {
        check(feature.name(), Some(feature.since()), probes.has(feature), &mut wrong);
    }
    for prog_type in ProgType::all() {
        check(format_args!("program type {prog_type}"), prog_type.since(), probes.prog_type(prog_type), &mut wrong);
    }
    for map_type in MapType::all().filter(|map_type| *map_type != MapType::UNSPEC) {
        check(format_args!("map type {map_type}"), map_type.since(), probes.map_type(map_type), &mut wrong);
    }
    for attach_type in AttachType::all() {
        let answer = probes.attach_type(attach_type);
        check(format_args!("attach type {attach_type}"), attach_type.since(), answer, &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for feature in Feature::all() {
        assert_eq!(has(feature).ok(), probes.has(feature).ok(), "{}", feature.name());
    }
}

/// All helpers but those for whose sake the kernel writes to its log.
fn helpers() -> impl Iterator<Item = HelperId> {
    let noisy = [HelperId::TRACE_PRINTK, HelperId::TRACE_VPRINTK, HelperId::PROBE_WRITE_USER];
    HelperId::all().filter(move |helper| *helper != HelperId::UNSPEC && !noisy.contains(helper))
}

#[test]
fn helpers_come_with_their_release() {
    let Some(_kernel) = kernel() else { return };
    let probes = Probes::new(None);
    let types = ProgType::all().filter(|prog_type| probes.prog_type(*prog_type).is_ok_and(|has| has));
    let targeted = [ProgType::TRACING, ProgType::LSM, ProgType::EXT, ProgType::STRUCT_OPS];
    let types: Vec<_> = types.filter(|prog_type| !targeted.contains(prog_type)).collect();
    for helper in helpers() {
        let allowed: Vec<_> = types.iter().filter(|prog_type| probes.helper(**prog_type, helper).unwrap()).collect();
        let since = helper.since().unwrap();
        assert!(kernel_version() >= since || allowed.is_empty(), "{helper} is there before its time: {allowed:?}");
    }
    // From the kernel's bpf_base_func_proto: every type may.
    for prog_type in &types {
        assert!(probes.helper(*prog_type, HelperId::MAP_LOOKUP_ELEM).unwrap(), "{prog_type}");
    }
    assert!(!probes.helper(ProgType::KPROBE, HelperId::SKB_VLAN_PUSH).unwrap());
    assert!(!probes.helper(ProgType::SOCKET_FILTER, HelperId(9999)).unwrap());
    for prog_type in targeted {
        assert!(probes.helper(prog_type, HelperId::MAP_LOOKUP_ELEM).is_err(), "{prog_type} has no target");
    }
}

#[test]
fn helpers_of_programs_with_a_target() {
    let Some(_kernel) = kernel() else { return };
    const TYPEDEF: u32 = 8;
    let Some(target) = btf_id(TYPEDEF, "btf_trace_sys_enter") else { return };
    let probes = Probes::new(None);
    let prog = ProbeProg::new(ProgType::TRACING).expected_attach_type(AttachType::TRACE_RAW_TP).attach_btf_id(target);
    assert!(probes.helper(prog, HelperId::GET_CURRENT_TASK).unwrap());
    assert!(!probes.helper(prog, HelperId::SKB_VLAN_PUSH).unwrap());
    // A target that is none is no answer.
    let nowhere = prog.attach_btf_id(1);
    assert!(probes.helper(nowhere, HelperId::GET_CURRENT_TASK).is_err());
}

#[test]
fn kernel_functions_by_type_of_program() {
    let Some(_kernel) = kernel() else { return };
    const FUNC: u32 = 12;
    let probes = Probes::new(None);
    // One of `generic_kfunc_set` of kernel/bpf/helpers.c, which classifiers were among the first to call (6.2).
    let Some(id) = btf_id(FUNC, "bpf_task_from_pid") else { return };
    assert!(probes.kfunc(ProgType::SCHED_CLS, Kfunc::vmlinux(id)).unwrap());
    assert!(!probes.kfunc(ProgType::SOCKET_FILTER, Kfunc::vmlinux(id)).unwrap());
    // A kernel function that no program may call, and an id that is no function.
    let Some(schedule) = btf_id(FUNC, "schedule") else { return };
    assert!(!probes.kfunc(ProgType::SCHED_CLS, Kfunc::vmlinux(schedule)).unwrap());
    assert!(!probes.kfunc(ProgType::SCHED_CLS, Kfunc::vmlinux(1)).unwrap());
    // BTF that is no module's has no functions of modules.
    let vmlinux = ObjectKind::Btf.ids().map(|id| ObjectKind::Btf.fd_by_id(id.unwrap()).unwrap());
    let vmlinux = vmlinux.into_iter().find(|btf| info::btf_info(btf.as_fd()).unwrap().name == "vmlinux").unwrap();
    assert!(!probes.kfunc(ProgType::SCHED_CLS, Kfunc::module(vmlinux.as_fd(), id)).unwrap());
}

/// What bpftool found on the kernels of the matrix.
const JUDGED: &str = include_str!("../data/feature-probe.tsv");

/// Helpers that kernels have taken away from a type of programs: there by bpftool on 6.1, and not on 6.12.
const TAKEN_AWAY: [(ProgType, HelperId); 1] = [(ProgType::LWT_SEG6LOCAL, HelperId::SKB_PULL_DATA)];

/// The helpers of a row: numbers and ranges of numbers.
fn helper_ranges(text: &str) -> BTreeSet<u32> {
    let numbers = |word: &str| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        first.parse::<u32>().unwrap()..=last.parse().unwrap()
    };
    text.split_whitespace().flat_map(numbers).collect()
}

/// Of the kernel that a row is about: whether it is the running one, and whether the running one is that or newer.
fn judged(kernel: &str) -> (bool, bool) {
    let (number, suffix) = kernel.split_once(' ').unwrap();
    let (major, minor) = number.split_once('.').unwrap();
    let version = |minor| purebpf_sys::system::version(major.parse().unwrap(), minor, 0);
    let minor: u32 = minor.parse().unwrap();
    let release = purebpf_sys::system::uname().unwrap().0;
    let same = (version(minor)..version(minor + 1)).contains(&kernel_version()) && release.ends_with(suffix);
    (same, kernel_version() >= version(minor))
}

#[test]
fn answers_are_bpftools() {
    let Some(_kernel) = kernel() else { return };
    let (probes, mut rows, mut wrong) = (Probes::new(None), 0, Vec::new());
    for row in JUDGED.lines().filter(|line| !line.starts_with('#')) {
        let [kernel, what, members] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let (same, not_older) = judged(kernel);
        let Some(prog_type) = what.strip_prefix("helpers of ") else {
            // Types by their release are another test's; here, what the same kernel has been found to have.
            if same {
                rows += 1;
                let ours: Vec<_> = match what {
                    "program types" => names(ProgType::all(), |found| probes.prog_type(found)),
                    "map types" => names(MapType::all(), |found| probes.map_type(found)),
                    "misc" => {
                        let isa = MISC.iter().filter(|(feature, _)| probes.has(*feature).unwrap_or(false));
                        isa.map(|(_, name)| (*name).to_owned()).collect()
                    }
                    _ => panic!("{row}"),
                };
                let judged: Vec<_> = members.split_whitespace().map(str::to_owned).collect();
                let compared = |name: &&String| !NOT_COMPARED.contains(&(kernel, what, name.as_str()));
                if ours.iter().filter(compared).ne(judged.iter().filter(compared)) {
                    wrong.push(format!("{what}: {ours:?}, and not {judged:?}"));
                }
            }
            continue;
        };
        let prog_type = ProgType::from_name(prog_type).unwrap();
        if !not_older || !probes.prog_type(prog_type).is_ok_and(|has| has) {
            continue;
        }
        rows += 1;
        let judged = helper_ranges(members);
        for helper in helpers() {
            let ours = probes.helper(prog_type, helper).unwrap();
            let differs = if same { ours != judged.contains(&helper.0) } else { !ours && judged.contains(&helper.0) };
            if differs && (same || !TAKEN_AWAY.contains(&(prog_type, helper))) {
                wrong.push(format!("{helper} of {prog_type}: {ours} ({kernel})"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    if rows == 0 {
        skipped("no kernel that bpftool was asked about is as old as this one");
    }
}

/// What is not compared. libbpf 1.8 misses struct_ops maps: it puts a descriptor of -1 beside their type, which kernels before 6.9
/// do not know. bpftool asks for v4's long jump alone, which 6.1's stable kernels have. Arenas are the processor's business
/// ([`arenas_want_cx16`]).
const NOT_COMPARED: [(&str, &str, &str); 4] = [
    ("5.10 cloud-amd64", "map types", "struct_ops"),
    ("6.1 cloud-amd64", "map types", "struct_ops"),
    ("6.1 cloud-amd64", "misc", "v4_isa_extension"),
    ("7.2 cloud-amd64", "map types", "arena"),
];

/// What bpftool calls the features of the instruction set.
const MISC: [(Feature, &str); 5] = [
    (Feature::LargeInsnLimit, "large_insn_limit"),
    (Feature::BoundedLoops, "bounded_loops"),
    (Feature::IsaV2, "v2_isa_extension"),
    (Feature::IsaV3, "v3_isa_extension"),
    (Feature::IsaV4, "v4_isa_extension"),
];

fn names<T: Copy + fmt::Display>(all: impl Iterator<Item = T>, has: impl Fn(T) -> Result<bool>) -> Vec<String> {
    all.filter(|found| has(*found).unwrap_or(false)).map(|found| found.to_string()).collect()
}
