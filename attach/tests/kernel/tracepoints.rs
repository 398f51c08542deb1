//! Tracepoints, by tracefs and raw.

use crate::support::{Adds, Counting, fires, getppid, is_since, kernel, skipped, with_tracefs};
use purebpf_attach::{
    Error, PerfEventOptions, RawTracepointOptions, TracepointOptions, attach_perf_event, attach_raw_tracepoint,
    attach_tracepoint, auto_attach, section::SectionName, tracefs,
};
use purebpf_sys::{
    Insn,
    insn::op,
    perf_event::{PerfEvent, PerfType},
    prog::ProgLoad,
    uapi::{AttachType, LinkType, ProgType},
};
use std::os::fd::AsFd;

/// A tracepoint that each getppid passes once, and how many other system calls `fires` makes do not.
fn per_syscall_tracepoint() -> Option<(&'static str, &'static str)> {
    if !with_tracefs() {
        return None;
    }
    let tracepoint = ("syscalls", "sys_enter_getppid");
    match tracefs::tracepoint_id(tracepoint.0, tracepoint.1) {
        Ok(_) => Some(tracepoint),
        Err(error) => {
            skipped(error);
            None
        }
    }
}

#[test]
fn tracepoint_fires() {
    let Some(_kernel) = kernel() else { return };
    let Some((category, name)) = per_syscall_tracepoint() else { return };
    let counting = Counting::load(ProgType::TRACEPOINT, Adds::OneOnThisThread, 0);
    let link = attach_tracepoint(counting.prog.as_fd(), category, name, &TracepointOptions::default()).unwrap();
    assert_eq!(link.is_kernel_link(), is_since(5, 15));
    if link.is_kernel_link() {
        assert_eq!(link.info().unwrap().link_type, LinkType::PERF_EVENT);
    }
    fires(link, &counting, 1, getppid);
}

#[test]
fn tracepoint_attaches_by_section() {
    let Some(_kernel) = kernel() else { return };
    let Some((category, name)) = per_syscall_tracepoint() else { return };
    let section = format!("tracepoint/{category}/{name}");
    let counting = Counting::load(ProgType::TRACEPOINT, Adds::OneOnThisThread, 0);
    let section = SectionName::parse(&section).unwrap();
    let link = auto_attach(counting.prog.as_fd(), &section, AttachType(0)).unwrap().unwrap();
    fires(link, &counting, 1, getppid);
    let bare = SectionName::parse("tp").unwrap();
    assert!(auto_attach(counting.prog.as_fd(), &bare, AttachType(0)).unwrap().is_none());
    let never = SectionName::parse("xdp").unwrap();
    assert!(matches!(auto_attach(counting.prog.as_fd(), &never, AttachType::XDP), Err(Error::NoTarget { .. })));
}

#[test]
fn tracepoint_gives_its_cookie() {
    let Some(_kernel) = kernel() else { return };
    let Some((category, name)) = per_syscall_tracepoint() else { return };
    let options = TracepointOptions::default().cookie(1000);
    if !is_since(5, 15) {
        let counting = Counting::load(ProgType::TRACEPOINT, Adds::One, 0);
        let error = attach_tracepoint(counting.prog.as_fd(), category, name, &options).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }) && error.to_string().contains("5.15"), "{error}");
        return;
    }
    let counting = Counting::load(ProgType::TRACEPOINT, Adds::CookieOnThisThread, 0);
    let link = attach_tracepoint(counting.prog.as_fd(), category, name, &options).unwrap();
    fires(link, &counting, 1000, getppid);
}

#[test]
fn perf_event_by_ioctl_fires() {
    let Some(_kernel) = kernel() else { return };
    let Some((category, name)) = per_syscall_tracepoint() else { return };
    let id = tracefs::tracepoint_id(category, name).unwrap();
    let event = || PerfEvent::new(PerfType::TRACEPOINT, id).pid(-1).cpu(0).open().unwrap();
    let options = PerfEventOptions::default().force_ioctl(true);

    let counting = Counting::load(ProgType::TRACEPOINT, Adds::OneOnThisThread, 0);
    let link = attach_perf_event(counting.prog.as_fd(), event(), &options).unwrap();
    assert!(!link.is_kernel_link());
    assert!(matches!(link.info(), Err(Error::NotALink { .. })));
    fires(link, &counting, 1, getppid);

    let link = attach_perf_event(counting.prog.as_fd(), event(), &options).unwrap();
    link.detach().unwrap();
    assert_eq!(counting.during(getppid), 0);

    // The descriptor alone holds the attachment.
    let link = attach_perf_event(counting.prog.as_fd(), event(), &options).unwrap();
    let fd = link.into_fd();
    assert_eq!(counting.during(getppid), 1);
    drop(fd);
    assert_eq!(counting.during(getppid), 0);
}

#[test]
fn missing_tracepoint_names_the_nearest() {
    let Some(_kernel) = kernel() else { return };
    if !with_tracefs() {
        return;
    }
    let error = tracefs::tracepoint_id("sched", "sched_proces_exec").unwrap_err();
    let Error::NoTracepoint { nearest, .. } = &error else { panic!("{error}") };
    assert_eq!(nearest[0], "sched/sched_process_exec", "{error}");
    let error = tracefs::tracepoint_id("sched", "sys_enter").unwrap_err();
    let Error::NoTracepoint { nearest, .. } = &error else { panic!("{error}") };
    assert_eq!(nearest[..], ["raw_syscalls/sys_enter"], "the same name in another category");
    assert!(matches!(tracefs::tracepoint_id("..", "x"), Err(Error::NoTracepoint { .. })));

    let counting = Counting::load(ProgType::RAW_TRACEPOINT, Adds::One, 0);
    let error =
        attach_raw_tracepoint(counting.prog.as_fd(), "sched_swich", &RawTracepointOptions::default()).unwrap_err();
    assert!(error.to_string().contains("sched_switch"), "{error}");
    assert_eq!(error.errno(), libc::ENOENT);
}

/// System calls have no raw tracepoints of their own, although tracefs has events of their names.
#[test]
fn a_raw_tracepoint_of_one_system_call_names_the_one_of_all() {
    let Some(_kernel) = kernel() else { return };
    let Some((_, name)) = per_syscall_tracepoint() else { return };
    let counting = Counting::load(ProgType::RAW_TRACEPOINT, Adds::One, 0);
    let error = attach_raw_tracepoint(counting.prog.as_fd(), name, &RawTracepointOptions::default()).unwrap_err();
    assert!(error.to_string().ends_with("the nearest name is sys_enter"), "{error}");
}

#[test]
fn programs_that_do_not_fit_are_refused_with_the_reason() {
    let Some(_kernel) = kernel() else { return };
    let Some((category, name)) = per_syscall_tracepoint() else { return };
    let attach = |prog| attach_tracepoint(prog, category, name, &TracepointOptions::default()).unwrap_err();
    let counting = Counting::load(ProgType::KPROBE, Adds::OneOnThisThread, 0);
    let error = attach(counting.prog.as_fd());
    assert_eq!(error.errno(), libc::EINVAL, "{error}");
    assert!(error.to_string().contains("not of the type"), "{error}");
    // No system call has 500 arguments (perf_event_set_bpf_prog compares with the record's size).
    let insns = [Insn::ldx_mem(op::DW, 0, 1, 4000), Insn::mov64_imm(0, 0), Insn::exit()];
    let prog = ProgLoad::new(ProgType::TRACEPOINT, &insns, c"GPL").load().unwrap();
    let error = attach(prog.as_fd());
    assert_eq!(error.errno(), libc::EACCES, "{error}");
    assert!(error.to_string().contains("reads beyond the fields"), "{error}");
}

#[test]
fn raw_tracepoint_fires() {
    let Some(_kernel) = kernel() else { return };
    let counting = Counting::load(ProgType::RAW_TRACEPOINT, Adds::OneOnThisThread, 0);
    let link = attach_raw_tracepoint(counting.prog.as_fd(), "sys_enter", &RawTracepointOptions::default()).unwrap();
    let info = link.info().unwrap();
    assert_eq!(info.link_type, LinkType::RAW_TRACEPOINT);
    // sys_enter also sees the system calls that read the counter.
    let added = counting.during(getppid);
    assert!(added >= 1, "{added}");
    let id = info.id;
    link.detach().unwrap();
    assert_eq!(counting.during(getppid), 0);
    assert!(purebpf_attach::Link::from_id(id).is_err());
}

#[test]
fn raw_tracepoint_attaches_by_section_and_takes_a_cookie() {
    let Some(_kernel) = kernel() else { return };
    let section = SectionName::parse("raw_tp/sys_enter").unwrap();
    let counting = Counting::load(ProgType::RAW_TRACEPOINT, Adds::OneOnThisThread, 0);
    let link = auto_attach(counting.prog.as_fd(), &section, AttachType(0)).unwrap().unwrap();
    assert!(counting.during(getppid) >= 1);
    drop(link);
    assert_eq!(counting.during(getppid), 0);

    let options = RawTracepointOptions::default().cookie(1 << 20);
    if !is_since(6, 10) {
        let error = attach_raw_tracepoint(counting.prog.as_fd(), "sys_enter", &options).unwrap_err();
        assert!(error.to_string().contains("6.10"), "{error}");
        return;
    }
    let counting = Counting::load(ProgType::RAW_TRACEPOINT, Adds::CookieOnThisThread, 0);
    let _link = attach_raw_tracepoint(counting.prog.as_fd(), "sys_enter", &options).unwrap();
    assert!(counting.during(getppid) >= 1 << 20);
}
