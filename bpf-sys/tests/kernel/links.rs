use crate::support::{Counter, Mount, busy_until, counting, kernel, own_netns, since, skipped};
use purebpf_sys::{
    Insn,
    id::ObjectKind,
    info::{self, LinkKind, PerfEventInfo},
    link::{KprobeMulti, LinkCreate, LinkTarget, LinkUpdate, Netfilter, UprobeMulti, link_detach, raw_tracepoint_open},
    perf_event::{self, PerfEvent, PerfType},
    prog::{ProgLoad, ProgQuery, Relative},
    uapi::{AttachFlags, AttachType, LinkType, ProgType, TaskFdType, XdpFlags},
};
use std::{
    ffi::CString,
    fs::{self, File},
    net::UdpSocket,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
};

const LO: u32 = 1;

/// A packet over loopback, sent and received.
fn packet() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(b"hello", receiver.local_addr().unwrap()).unwrap();
    receiver.recv(&mut [0; 16]).unwrap();
}

fn load(prog_type: ProgType, attach_type: AttachType, insns: &[Insn]) -> OwnedFd {
    ProgLoad::new(prog_type, insns, c"GPL").name("linked").expected_attach_type(attach_type).load().unwrap()
}

#[test]
fn xdp_on_a_device() {
    let Some(_kernel) = kernel() else { return };
    if !own_netns() {
        return;
    }
    const XDP_PASS: i32 = 2;
    let counter = Counter::new();
    let prog = load(ProgType::XDP, AttachType::XDP, &counter.insns(XDP_PASS));
    let create = LinkCreate::new(prog.as_fd(), LinkTarget::Ifindex(LO), AttachType::XDP);
    // Loopback has no driver of its own for XDP.
    assert!(create.clone().xdp_flags(XdpFlags::DRV_MODE).create().is_err());
    let link = create.xdp_flags(XdpFlags::SKB_MODE).create().unwrap();
    let told = info::link_info(link.as_fd()).unwrap();
    assert_eq!((told.link_type, told.kind), (LinkType::XDP, LinkKind::Xdp { ifindex: LO }));
    assert!(ObjectKind::Link.ids().any(|id| id.unwrap() == told.id));
    packet();
    let seen = counter.get();
    assert!(seen >= 1);

    let busy = LinkCreate::new(prog.as_fd(), LinkTarget::Ifindex(LO), AttachType::XDP).create().unwrap_err();
    assert_eq!(busy.to_string(), "bpf(BPF_LINK_CREATE): Device or resource busy (EBUSY)");

    let other_counter = Counter::new();
    let other = load(ProgType::XDP, AttachType::XDP, &other_counter.insns(XDP_PASS));
    let wrong = LinkUpdate::new(link.as_fd(), other.as_fd()).replace(other.as_fd()).update().unwrap_err();
    assert_eq!(wrong.errno(), libc::EPERM, "another program is linked");
    LinkUpdate::new(link.as_fd(), other.as_fd()).replace(prog.as_fd()).update().unwrap();
    packet();
    assert_eq!(counter.get(), seen);
    let seen = other_counter.get();
    assert!(seen >= 1);

    // Detaching a link leaves it without a device. (From 5.11 for XDP.)
    if since(5, 11) {
        link_detach(link.as_fd()).unwrap();
        assert_eq!(info::link_info(link.as_fd()).unwrap().kind, LinkKind::Xdp { ifindex: 0 });
    } else {
        drop(link);
    }
    packet();
    assert_eq!(other_counter.get(), seen);
}

#[test]
fn tcx_in_order() {
    let Some(_kernel) = kernel() else { return };
    if !since(6, 6) || !own_netns() {
        return;
    }
    const TCX_NEXT: i32 = -1;
    let counter = Counter::new();
    let insns = counter.insns(TCX_NEXT);
    let progs = [(); 3].map(|()| load(ProgType::SCHED_CLS, AttachType::TCX_INGRESS, &insns));
    let create = |prog: &OwnedFd, relative, flags, revision| {
        let link = LinkCreate::new(prog.as_fd(), LinkTarget::Ifindex(LO), AttachType::TCX_INGRESS).flags(flags);
        link.relative(relative, revision).create()
    };
    let query = || ProgQuery::new(LinkTarget::Ifindex(LO), AttachType::TCX_INGRESS).query().unwrap();
    let ids = || query().progs.iter().map(|prog| prog.prog_id).collect::<Vec<_>>();
    let [a, b, c] = progs.each_ref().map(|prog| info::prog_info(prog.as_fd()).unwrap().id);

    let first = create(&progs[0], Relative::None, AttachFlags::empty(), 0).unwrap();
    let _second = create(&progs[1], Relative::LinkFd(first.as_fd()), AttachFlags::BEFORE, 0).unwrap();
    assert_eq!(ids(), [b, a]);
    let revision = query().revision;
    let _third = create(&progs[2], Relative::ProgId(b), AttachFlags::AFTER, revision).unwrap();
    assert_eq!(ids(), [b, c, a]);
    let link_id = info::link_info(first.as_fd()).unwrap().id;
    assert_eq!(query().progs[2].link_id, link_id);
    let stale = create(&progs[2], Relative::None, AttachFlags::AFTER, revision).unwrap_err();
    assert_eq!(stale.errno(), libc::ESTALE);
    packet();
    assert!(counter.get() >= 3);
    let told = info::link_info(first.as_fd()).unwrap().kind;
    assert_eq!(told, LinkKind::Tcx { ifindex: LO, attach_type: AttachType::TCX_INGRESS });
}

#[test]
fn a_cgroup() {
    let Some(_kernel) = kernel() else { return };
    let Some(mount) = Mount::new("cgroup2") else { return };
    let path = mount.path().join(format!("purebpf-sys-link-{}", std::process::id()));
    if let Err(error) = fs::create_dir(&path) {
        return skipped(error);
    }
    {
        use std::os::unix::fs::MetadataExt;
        let cgroup = File::open(&path).unwrap();
        let counter = Counter::new();
        let attach_type = AttachType::CGROUP_INET_EGRESS;
        let prog = load(ProgType::CGROUP_SKB, attach_type, &counter.insns(1));
        let link = LinkCreate::new(prog.as_fd(), LinkTarget::Fd(cgroup.as_fd()), attach_type).create().unwrap();
        let kind = info::link_info(link.as_fd()).unwrap().kind;
        assert_eq!(kind, LinkKind::Cgroup { cgroup_id: cgroup.metadata().unwrap().ino(), attach_type });

        fs::write(path.join("cgroup.procs"), std::process::id().to_string()).unwrap();
        packet();
        // Out again before anything can fail.
        let back = fs::write(mount.path().join("cgroup.procs"), std::process::id().to_string());
        assert!(counter.get() >= 1);
        back.unwrap();

        link_detach(link.as_fd()).unwrap();
        let gone = info::link_info(link.as_fd()).unwrap().kind;
        assert_eq!(gone, LinkKind::Cgroup { cgroup_id: 0, attach_type });
    }
    fs::remove_dir(&path).unwrap();
}

#[test]
fn raw_tracepoints() {
    let Some(_kernel) = kernel() else { return };
    let (counter, prog) = counting(ProgType::RAW_TRACEPOINT, 0);
    let prog = prog.unwrap();
    let link = raw_tracepoint_open(Some(c"sys_enter"), prog.as_fd(), 0).unwrap();
    getppid();
    assert!(counter.get() >= 1);
    let told = info::link_info(link.as_fd()).unwrap();
    assert_eq!(told.kind, LinkKind::RawTracepoint { tp_name: "sys_enter".into(), cookie: 0 });
    drop(link);
    let seen = counter.get();
    getppid();
    assert_eq!(counter.get(), seen, "silent after the descriptor is closed");
    let error = raw_tracepoint_open(Some(c"no_such_tracepoint"), prog.as_fd(), 0).unwrap_err();
    assert_eq!(error.to_string(), "bpf(BPF_RAW_TRACEPOINT_OPEN): No such file or directory (ENOENT)");

    if since(6, 10) {
        let counter = Counter::new();
        let prog = ProgLoad::new(ProgType::RAW_TRACEPOINT, &counter.cookie_insns(), c"GPL").load().unwrap();
        let link = raw_tracepoint_open(Some(c"sys_enter"), prog.as_fd(), 1000).unwrap();
        getppid();
        let sum = counter.get();
        assert!(sum >= 1000 && sum % 1000 == 0, "{sum}");
        if since(6, 16) {
            let told = info::link_info(link.as_fd()).unwrap().kind;
            assert_eq!(told, LinkKind::RawTracepoint { tp_name: "sys_enter".into(), cookie: 1000 });
        }
    }
}

fn getppid() {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::syscall(libc::SYS_getppid) };
}

#[test]
fn perf_events_run_programs() {
    let Some(_kernel) = kernel() else { return };
    let counter = Counter::new();
    // A program that ran: a sample every 100 µs of this thread's own time.
    let open = || {
        PerfEvent::new(PerfType::SOFTWARE, perf_event::software::CPU_CLOCK)
            .pid(0)
            .cpu(-1)
            .sample_period(100_000)
            .disabled()
            .open()
    };
    let event = match open() {
        Ok(event) => event,
        Err(error) => return skipped(error),
    };
    let prog = ProgLoad::new(ProgType::PERF_EVENT, &counter.insns(0), c"GPL").load().unwrap();
    perf_event::set_bpf(event.as_fd(), prog.as_fd()).unwrap();
    let twice = perf_event::set_bpf(event.as_fd(), prog.as_fd()).unwrap_err();
    assert_eq!(twice.to_string(), "ioctl(PERF_EVENT_IOC_SET_BPF): File exists (EEXIST)");
    perf_event::enable(event.as_fd()).unwrap();
    assert!(busy_until(|| counter.get() > 0));
    perf_event::disable(event.as_fd()).unwrap();
    drop(event);

    if !since(5, 15) {
        return;
    }
    let counter = Counter::new();
    let prog = ProgLoad::new(ProgType::PERF_EVENT, &counter.cookie_insns(), c"GPL").load().unwrap();
    let event = open().unwrap();
    let link = LinkCreate::new(prog.as_fd(), LinkTarget::Fd(event.as_fd()), AttachType::PERF_EVENT).bpf_cookie(77);
    let link = link.create().unwrap();
    perf_event::enable(event.as_fd()).unwrap();
    assert!(busy_until(|| counter.get() > 0));
    assert_eq!(counter.get() % 77, 0);
    if since(6, 6) {
        // `type` is that of the PMU which took the event, and not told here.
        let LinkKind::PerfEvent(PerfEventInfo::Event { config, cookie, .. }) =
            info::link_info(link.as_fd()).unwrap().kind
        else {
            panic!("{:?}", info::link_info(link.as_fd()));
        };
        assert_eq!(config, perf_event::software::CPU_CLOCK);
        if since(6, 9) {
            assert_eq!(cookie, 77);
        }
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn purebpf_sys_traced(n: u64) -> u64 {
    std::hint::black_box(n) + 1
}

/// The offset in this binary's file of the function above, from where the file is mapped.
fn traced_offset() -> u64 {
    let address = purebpf_sys_traced as *const () as u64;
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines()
        .find_map(|line| {
            let mut words = line.split_whitespace();
            let (first, last) = words.next()?.split_once('-')?;
            let (first, last) = (u64::from_str_radix(first, 16).ok()?, u64::from_str_radix(last, 16).ok()?);
            let offset = u64::from_str_radix(words.nth(1)?, 16).ok()?;
            (first..last).contains(&address).then(|| address - first + offset)
        })
        .unwrap()
}

#[test]
fn uprobes_in_this_binary() {
    let Some(_kernel) = kernel() else { return };
    let exe = std::env::current_exe().unwrap();
    let path = CString::new(exe.as_os_str().as_bytes()).unwrap();
    let offset = traced_offset();

    let pmu: u32 = match fs::read_to_string("/sys/bus/event_source/devices/uprobe/type") {
        Ok(text) => text.trim().parse().unwrap(),
        Err(error) => return skipped(error),
    };
    let (counter, prog) = counting(ProgType::KPROBE, 0);
    let prog = prog.unwrap();
    let event = PerfEvent::uprobe(PerfType(pmu), 0, &path, offset).pid(0).cpu(-1).open().unwrap();
    perf_event::set_bpf(event.as_fd(), prog.as_fd()).unwrap();
    perf_event::enable(event.as_fd()).unwrap();
    purebpf_sys_traced(1);
    purebpf_sys_traced(2);
    assert_eq!(counter.get(), 2);
    drop(event);
    purebpf_sys_traced(3);
    assert_eq!(counter.get(), 2);

    if !since(6, 6) {
        return;
    }
    let counter = Counter::new();
    let prog = load(ProgType::KPROBE, AttachType::TRACE_UPROBE_MULTI, &counter.cookie_insns());
    let multi = UprobeMulti { path: Some(&path), offsets: &[offset], cookies: &[500], ..Default::default() };
    let create = LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::TRACE_UPROBE_MULTI).uprobe_multi(multi);
    let link = create.create().unwrap();
    purebpf_sys_traced(1);
    assert_eq!(counter.get(), 500);
    if since(6, 8) {
        let LinkKind::UprobeMulti { path, count, retprobe, .. } = info::link_info(link.as_fd()).unwrap().kind else {
            panic!("{:?}", info::link_info(link.as_fd()));
        };
        assert_eq!((path.as_str(), count, retprobe), (exe.to_str().unwrap(), 1, false));
        let places = info::uprobe_multi_places(link.as_fd()).unwrap();
        assert_eq!(places.iter().map(|place| (place.offset, place.cookie)).collect::<Vec<_>>(), [(offset, 500)]);
        assert_eq!(places[0].ref_ctr_offset, 0);
        assert!(info::kprobe_multi_places(link.as_fd()).is_err(), "a link of another kind");
    }
    let unequal = UprobeMulti { cookies: &[1, 2], ..multi };
    let create = LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::TRACE_UPROBE_MULTI).uprobe_multi(unequal);
    assert_eq!(create.create().unwrap_err().to_string(), "cookies takes 8 bytes, 16 were given");
}

#[test]
fn many_kernel_functions() {
    let Some(_kernel) = kernel() else { return };
    if !since(5, 18) {
        return;
    }
    let counter = Counter::new();
    let prog = load(ProgType::KPROBE, AttachType::TRACE_KPROBE_MULTI, &counter.cookie_insns());
    let multi =
        KprobeMulti { syms: &[c"bpf_prog_test_run_skb", c"vfs_read"], cookies: &[3, 1000], ..Default::default() };
    let create =
        |multi| LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::TRACE_KPROBE_MULTI).kprobe_multi(multi);
    let link = match create(multi).create() {
        Ok(link) => link,
        // Kernels without CONFIG_FPROBE, and machines that allow no kprobes.
        Err(error) if matches!(error.errno(), libc::EOPNOTSUPP | libc::EPERM) => return skipped(error),
        Err(error) => panic!("{error}"),
    };
    fs::read("/proc/self/comm").unwrap();
    assert!(counter.get() >= 1000);
    if since(6, 6) {
        let LinkKind::KprobeMulti { count, retprobe, .. } = info::link_info(link.as_fd()).unwrap().kind else {
            panic!("{:?}", info::link_info(link.as_fd()));
        };
        assert_eq!((count, retprobe), (2, false));
        let places = info::kprobe_multi_places(link.as_fd()).unwrap();
        let mut cookies: Vec<_> = places.iter().map(|place| place.cookie).collect();
        cookies.sort_unstable();
        // Told from 6.9 on; the kernel sorts by address.
        assert_eq!(cookies, if since(6, 9) { [3, 1000] } else { [0, 0] });
        assert!(places.iter().all(|place| place.addr != 0));
    }
    let unknown = create(KprobeMulti { syms: &[c"no_such_function"], ..Default::default() }).create().unwrap_err();
    assert!(matches!(unknown.errno(), libc::ESRCH | libc::ENOENT | libc::EINVAL), "{unknown}");
}

#[test]
fn tracepoints_by_perf_event() {
    let Some(_kernel) = kernel() else { return };
    let id = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"]
        .iter()
        .find_map(|root| fs::read_to_string(format!("{root}/events/syscalls/sys_enter_getppid/id")).ok());
    let Some(id) = id else { return skipped("tracefs is not mounted") };
    let (counter, prog) = counting(ProgType::TRACEPOINT, 0);
    let prog = prog.unwrap();
    let event = PerfEvent::new(PerfType::TRACEPOINT, id.trim().parse().unwrap()).pid(-1).cpu(0).open().unwrap();
    perf_event::set_bpf(event.as_fd(), prog.as_fd()).unwrap();
    perf_event::enable(event.as_fd()).unwrap();
    getppid();
    // Whoever else calls it counts too, on whichever CPU.
    assert!(counter.get() >= 1);
    let told = info::task_fd_query(std::process::id(), event.as_fd().as_raw_fd()).unwrap();
    assert_eq!((told.fd_type, told.name.as_str()), (TaskFdType::TRACEPOINT, "sys_enter_getppid"));
    assert_eq!(told.prog_id, info::prog_info(prog.as_fd()).unwrap().id);
}

#[test]
fn netfilter_hooks() {
    let Some(_kernel) = kernel() else { return };
    if !since(6, 4) || !own_netns() {
        return;
    }
    const NF_ACCEPT: i32 = 1;
    let counter = Counter::new();
    let prog = load(ProgType::NETFILTER, AttachType::NETFILTER, &counter.insns(NF_ACCEPT));
    let hook = Netfilter { pf: 2, hooknum: 1, priority: -128, ..Default::default() };
    let create = LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::NETFILTER).netfilter(hook);
    let link = match create.create() {
        Ok(link) => link,
        Err(error) if matches!(error.errno(), libc::EOPNOTSUPP | libc::EAFNOSUPPORT) => return skipped(error),
        Err(error) => panic!("{error}"),
    };
    packet();
    assert!(counter.get() >= 1);
    let told = info::link_info(link.as_fd()).unwrap().kind;
    assert_eq!(told, LinkKind::Netfilter { pf: 2, hooknum: 1, priority: -128, flags: 0 });
}

#[test]
fn descriptors_of_other_objects_are_not_taken_for_links() {
    let Some(_kernel) = kernel() else { return };
    let (_counter, prog) = counting(ProgType::SOCKET_FILTER, 0);
    let prog = prog.unwrap();
    assert!(info::link_info(prog.as_fd()).unwrap_err().to_string().starts_with("not a BPF link: "));
    let error = LinkCreate::new(prog.as_fd(), LinkTarget::Ifindex(LO), AttachType::XDP).create().unwrap_err();
    assert_eq!(error.errno(), libc::EINVAL);
}
