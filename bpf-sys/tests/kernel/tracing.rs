//! What attaches by BTF id: iterators, BTF tracepoints, fentry. The ids are found by the simplest reading of vmlinux's BTF.

use crate::support::{Counter, btf_id, counting, kernel, since, skipped};
use purebpf_sys::{
    Insn,
    info::{self, LinkKind},
    insn::op,
    link::{IterTarget, LinkCreate, LinkTarget, iter_create, raw_tracepoint_open},
    map::{Map, MapCreate},
    prog::{ProgLoad, TestRun},
    uapi::{AttachType, ElemFlags, LinkType, MapType, ProgFlags, ProgType},
};
use std::{
    fs::File,
    io::Read,
    os::fd::{AsFd, OwnedFd},
};

const TYPEDEF: u32 = 8;
const FUNC: u32 = 12;

fn load(attach_type: AttachType, btf_id: u32, insns: &[Insn]) -> purebpf_sys::Result<OwnedFd> {
    let load = ProgLoad::new(ProgType::TRACING, insns, c"GPL").expected_attach_type(attach_type);
    load.attach_btf_id(btf_id).load()
}

/// As [`load`]; `None` where this machine's policy forbids the program.
fn load_if_allowed(attach_type: AttachType, btf_id: u32, insns: &[Insn]) -> Option<OwnedFd> {
    match load(attach_type, btf_id, insns) {
        Ok(prog) => Some(prog),
        Err(error) if error.is_permission() => {
            skipped(format_args!("{error}: {}", error.advice().unwrap_or_default()));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn iterators_walk_when_read() {
    let Some(_kernel) = kernel() else { return };
    let Some(target) = btf_id(FUNC, "bpf_iter_task") else { return };
    let counter = Counter::new();
    let prog = load(AttachType::TRACE_ITER, target, &counter.insns(0)).unwrap();
    if since(6, 0) {
        assert_eq!(info::prog_info(prog.as_fd()).unwrap().attach_btf_id, target);
    }
    let link = LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::TRACE_ITER).create().unwrap();
    let mut file = File::from(iter_create(link.as_fd()).unwrap());
    file.read_to_end(&mut Vec::new()).unwrap();
    // Once for each task, and once more at the end.
    let all = counter.get();
    assert!(all >= 2, "{all}");
    if since(5, 13) {
        let told = info::link_info(link.as_fd()).unwrap();
        let LinkKind::Iter { target_name, .. } = told.kind else { panic!("{told:?}") };
        assert_eq!((told.link_type, target_name.as_str()), (LinkType::ITER, "task"));
    }
    assert_eq!(iter_create(prog.as_fd()).unwrap_err().errno(), libc::EINVAL);

    if since(6, 1) {
        let task = IterTarget::Task { tid: 0, pid: std::process::id(), pid_fd: None };
        let create = LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::TRACE_ITER).iter(task);
        let link = create.create().unwrap();
        let mut file = File::from(iter_create(link.as_fd()).unwrap());
        file.read_to_end(&mut Vec::new()).unwrap();
        let threads = std::fs::read_dir("/proc/self/task").unwrap().count() as u64;
        assert_eq!(counter.get() - all, threads + 1);
        let LinkKind::Iter { task, .. } = info::link_info(link.as_fd()).unwrap().kind else { panic!() };
        assert_eq!(task, Some((0, std::process::id())));
    }
}

#[test]
fn iterators_over_a_map() {
    let Some(_kernel) = kernel() else { return };
    let Some(target) = btf_id(FUNC, "bpf_iter_bpf_map_elem") else { return };
    let map = Map::from_fd(MapCreate::new(MapType::HASH, 4, 8, 8).create().unwrap()).unwrap();
    for key in 0u32..5 {
        map.update(&key.to_ne_bytes(), &[0; 8], ElemFlags::ANY).unwrap();
    }
    let counter = Counter::new();
    let Some(prog) = load_if_allowed(AttachType::TRACE_ITER, target, &counter.insns(0)) else { return };
    let create = LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::TRACE_ITER);
    assert!(create.clone().create().is_err(), "this iterator needs a map");
    let link = create.iter(IterTarget::Map(map.as_fd())).create().unwrap();
    File::from(iter_create(link.as_fd()).unwrap()).read_to_end(&mut Vec::new()).unwrap();
    // Each element, and the end.
    assert_eq!(counter.get(), 6);
    if since(5, 13) {
        let told = info::link_info(link.as_fd()).unwrap().kind;
        let LinkKind::Iter { map_id, target_name, .. } = told else { panic!("{told:?}") };
        assert_eq!((map_id, target_name.as_str()), (map.id(), "bpf_map_elem"));
    }
}

#[test]
fn tracepoints_by_btf() {
    let Some(_kernel) = kernel() else { return };
    let Some(target) = btf_id(TYPEDEF, "btf_trace_sys_enter") else { return };
    let counter = Counter::new();
    let prog = load(AttachType::TRACE_RAW_TP, target, &counter.insns(0)).unwrap();
    let link = raw_tracepoint_open(None, prog.as_fd(), 0).unwrap();
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::syscall(libc::SYS_getppid) };
    assert!(counter.get() >= 1);
    drop(link);

    // Links of the general kind, and cookies for them, from 5.19.
    if since(5, 19) {
        let counter = Counter::new();
        let prog = load(AttachType::TRACE_RAW_TP, target, &counter.insns(0)).unwrap();
        let create = LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::TRACE_RAW_TP);
        let _link = create.create().unwrap();
        // SAFETY: as above.
        unsafe { libc::syscall(libc::SYS_getppid) };
        assert!(counter.get() >= 1);
    }
}

#[test]
fn fentry_with_a_cookie() {
    let Some(_kernel) = kernel() else { return };
    let Some(target) = btf_id(FUNC, "bpf_fentry_test1") else { return };
    let with_cookie = since(5, 19);
    let counter = Counter::new();
    let insns = if with_cookie { counter.cookie_insns() } else { counter.insns(0) };
    let Some(prog) = load_if_allowed(AttachType::TRACE_FENTRY, target, &insns) else { return };
    let link = if with_cookie {
        let create = LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::TRACE_FENTRY);
        create.tracing(0, 300).create()
    } else {
        raw_tracepoint_open(None, prog.as_fd(), 0)
    };
    let link = match link {
        Ok(link) => link,
        Err(error) if error.is_permission() => return skipped(error),
        Err(error) => panic!("{error}"),
    };
    // A test run of a tracing program has the kernel call bpf_fentry_test1 and its brothers.
    TestRun::new().run(prog.as_fd()).unwrap();
    assert_eq!(counter.get(), if with_cookie { 300 } else { 1 });
    let told = info::link_info(link.as_fd()).unwrap();
    let LinkKind::Tracing { attach_type, target_btf_id, .. } = told.kind else { panic!("{told:?}") };
    assert_eq!(attach_type, AttachType::TRACE_FENTRY);
    if since(5, 13) {
        assert_eq!(target_btf_id, target);
    }
    drop(link);
    let seen = counter.get();
    TestRun::new().run(prog.as_fd()).unwrap();
    assert_eq!(counter.get(), seen, "silent after the descriptor is closed");
}

#[test]
fn many_functions_by_btf() {
    let Some(_kernel) = kernel() else { return };
    let names = ["bpf_fentry_test1", "bpf_fentry_test2"];
    let [Some(first), Some(second)] = names.map(|name| btf_id(FUNC, name)) else { return };
    let counter = Counter::new();
    let insns = counter.cookie_insns();
    let load = ProgLoad::new(ProgType::TRACING, &insns, c"GPL").expected_attach_type(AttachType::TRACE_FENTRY_MULTI);
    if !since(7, 2) {
        // bpf_prog_load_check_attach or check_attach_btf_id: programs of this type have a target.
        assert_eq!(load.load().unwrap_err().errno(), libc::EINVAL);
        return;
    }
    let prog = load.load().unwrap();
    let create =
        |ids| LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::TRACE_FENTRY_MULTI).tracing_multi(ids, &[]);
    assert_eq!(create(&[first, first]).create().unwrap_err().errno(), libc::EINVAL, "one twice");
    let create = LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::TRACE_FENTRY_MULTI);
    let link = match create.tracing_multi(&[first, second], &[10, 300]).create() {
        Ok(link) => link,
        Err(error) if error.errno() == libc::EOPNOTSUPP => return skipped(error),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(info::link_info(link.as_fd()).unwrap().link_type, LinkType::TRACING_MULTI);
    // A test run of a tracing program of the common kind has the kernel call those functions.
    let runner = load_if_allowed(AttachType::TRACE_FENTRY, first, &[Insn::mov64_imm(0, 0), Insn::exit()]);
    let Some(runner) = runner else { return };
    TestRun::new().run(runner.as_fd()).unwrap();
    assert_eq!(counter.get(), 310);
}

#[test]
fn raw_tracepoint_programs_run_on_a_chosen_cpu() {
    let Some(_kernel) = kernel() else { return };
    // Returns its first argument.
    let insns = [Insn::ldx_mem(op::DW, 0, 1, 0), Insn::exit()];
    let load = ProgLoad::new(ProgType::RAW_TRACEPOINT, &insns, c"GPL").flags(ProgFlags::empty());
    let prog = load.load().unwrap();
    let mut args: Vec<u8> = [77u64, 2].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let result = TestRun::new().ctx_in(&mut args).cpu(0).run(prog.as_fd()).unwrap();
    assert_eq!(result.retval, 77);
    let error = TestRun::new().ctx_in(&mut args).cpu(1 << 20).run(prog.as_fd()).unwrap_err();
    assert_eq!(error.errno(), libc::ENXIO);
    let (_counter, other) = counting(ProgType::KPROBE, 0);
    let unsupported = TestRun::new().run(other.unwrap().as_fd()).unwrap_err();
    assert_eq!(unsupported.errno(), purebpf_sys::error::ENOTSUPP);
}
