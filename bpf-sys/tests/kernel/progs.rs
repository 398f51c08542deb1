use crate::support::{Counter, Mount, counting, kernel, own_netns, since, skipped};
use purebpf_sys::{
    Insn,
    btf::BtfLoad,
    info,
    insn::op,
    map::MapCreate,
    prog::{
        AttachTarget, ProgAttach, ProgDetach, ProgLoad, ProgQuery, Stream, TestRun, log_text, prog_bind_map,
        prog_stream_read,
    },
    uapi::{AttachFlags, AttachType, HelperId, MapType, ProgFlags, ProgType},
};
use std::{
    fs::File,
    os::fd::{AsFd, AsRawFd},
};

#[test]
fn runs_on_a_packet() {
    let Some(_kernel) = kernel() else { return };
    // Returns skb->len.
    let insns = [Insn::ldx_mem(op::W, 0, 1, 0), Insn::exit()];
    let prog = ProgLoad::new(ProgType::SCHED_CLS, &insns, c"GPL").load().unwrap();
    let packet: Vec<u8> = (0..64).collect();
    let mut out = [0; 128];
    let result = TestRun::new().data_in(&packet).data_out(&mut out).run(prog.as_fd()).unwrap();
    assert_eq!((result.retval, result.data_size_out), (64, 64));
    assert_eq!(&out[..64], &packet[..]);
    // What does not fit is an error, and the kernel writes no more than there is room for.
    let mut small = [0xee; 20];
    let error = TestRun::new().data_in(&packet).data_out(&mut small[..16]).run(prog.as_fd()).unwrap_err();
    assert_eq!(error.to_string(), "bpf(BPF_PROG_TEST_RUN): No space left on device (ENOSPC)");
    assert_eq!((&small[..16], &small[16..]), (&packet[..16], &[0xee; 4][..]));
    assert_eq!(TestRun::new().data_in(&[0; 4]).run(prog.as_fd()).unwrap_err().errno(), libc::EINVAL);
}

#[test]
fn repeats() {
    let Some(_kernel) = kernel() else { return };
    let (counter, prog) = counting(ProgType::SOCKET_FILTER, 3);
    let prog = prog.unwrap();
    let result = TestRun::new().data_in(&[0; 64]).repeat(1000).run(prog.as_fd()).unwrap();
    assert_eq!((result.retval, counter.get()), (3, 1000));
}

#[test]
fn syscall_programs_write_their_context_back() {
    let Some(_kernel) = kernel() else { return };
    if !since(5, 14) {
        return;
    }
    let insns = [
        Insn::ldx_mem(op::DW, 2, 1, 0),
        Insn::alu64_imm(op::ADD, 2, 1),
        Insn::stx_mem(op::DW, 1, 2, 0),
        Insn::mov64_imm(0, 9),
        Insn::exit(),
    ];
    let load = ProgLoad::new(ProgType::SYSCALL, &insns, c"GPL").flags(ProgFlags::SLEEPABLE);
    let prog = load.load().unwrap();
    let mut ctx = 41u64.to_ne_bytes();
    let result = TestRun::new().ctx_in(&mut ctx).run(prog.as_fd()).unwrap();
    assert_eq!((result.retval, u64::from_ne_bytes(ctx)), (9, 42));
}

#[test]
fn the_verifier_says_why() {
    let Some(_kernel) = kernel() else { return };
    let insns = [Insn::exit()];
    let load = ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL");
    let error = load.load().unwrap_err();
    assert_eq!(error.to_string(), "bpf(BPF_PROG_LOAD): Permission denied (EACCES)");

    let mut log = vec![0xff; 4096];
    let loaded = load.load_with_log(1, &mut log);
    assert_eq!(loaded.result.unwrap_err().errno(), libc::EACCES);
    let text = log_text(&log).into_owned();
    assert!(text.contains("R0 !read_ok"), "{text}");
    if since(6, 4) {
        assert_eq!(loaded.log_true_size as usize, log.iter().position(|byte| *byte == 0).unwrap() + 1);
        // A log that does not fit: how long it would have been, and its end.
        let mut small = [0; 160];
        let mut insns = vec![Insn::mov64_imm(0, 0); 100];
        insns.push(Insn::exit());
        let cut = ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL").load_with_log(2, &mut small);
        assert_eq!(cut.result.unwrap_err().errno(), libc::ENOSPC);
        assert!(cut.log_true_size > 160, "{}", cut.log_true_size);
    }

    // GPL-only helpers.
    let insns =
        [Insn::mov64_imm(1, 0), Insn::call_helper(HelperId::GET_CURRENT_TASK), Insn::mov64_imm(0, 0), Insn::exit()];
    let loaded = ProgLoad::new(ProgType::KPROBE, &insns, c"Proprietary").load_with_log(1, &mut log);
    assert_eq!(loaded.result.unwrap_err().errno(), libc::EINVAL);
    assert!(log_text(&log).contains("GPL"), "{}", log_text(&log));
}

#[test]
fn longer_records_than_the_kernel_knows_are_cut_to_what_it_knows() {
    let Some(_kernel) = kernel() else { return };
    // int; (int a) -> int; int f(int a)
    let types: [u32; 12] = [1, 1 << 24, 4, 1 << 24 | 32, 0, 13 << 24 | 1, 1, 7, 1, 5, 12 << 24, 2];
    let strings = b"\0int\0f\0a\0";
    let mut raw = 0xeb9fu16.to_ne_bytes().to_vec();
    raw.extend([1, 0]);
    let header = [24, 0, size_of_val(&types) as u32, size_of_val(&types) as u32, strings.len() as u32];
    raw.extend(header.iter().chain(&types).flat_map(|word| word.to_ne_bytes()));
    raw.extend(strings);
    let btf = BtfLoad::new(&raw).load().unwrap();
    assert_eq!(info::btf_data(btf.as_fd()).unwrap(), raw);

    let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
    // insn_off 0, type 3, then 4 bytes that no kernel knows, and that are not 0.
    let func_info: Vec<u8> = [0u32, 3, 0xffff_ffff].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let load = ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL").btf(btf.as_fd()).func_info(&func_info, 12);
    let prog = load.name("f").load().unwrap();
    let told = info::prog_func_info(prog.as_fd()).unwrap();
    assert_eq!(told.iter().map(|record| (record.insn_off, record.type_id)).collect::<Vec<_>>(), [(0, 3)]);
    assert_eq!(info::prog_info(prog.as_fd()).unwrap().btf_id, info::btf_info(btf.as_fd()).unwrap().id);
}

#[test]
fn rejected_btf_has_a_log() {
    let Some(_kernel) = kernel() else { return };
    let mut raw = 0xeb9fu16.to_ne_bytes().to_vec();
    raw.extend([1, 0]);
    raw.extend([24u32, 0, 0, 0, 1].iter().flat_map(|word| word.to_ne_bytes()));
    raw.extend(b"x");
    let mut log = vec![0; 1024];
    let loaded = BtfLoad::new(&raw).load_with_log(1, &mut log);
    let error = loaded.result.unwrap_err();
    assert_eq!(error.to_string(), "bpf(BPF_BTF_LOAD): Invalid argument (EINVAL)");
    assert!(!log_text(&log).is_empty());
}

#[test]
fn programs_tell_about_themselves() {
    let Some(_kernel) = kernel() else { return };
    let (counter, prog) = counting(ProgType::SOCKET_FILTER, 0);
    let prog = prog.unwrap();
    let told = info::prog_info(prog.as_fd()).unwrap();
    assert_eq!((told.prog_type, told.name.as_str()), (ProgType::SOCKET_FILTER, "counting"));
    assert!(told.gpl_compatible && told.xlated_prog_len > 0 && told.load_time > 0);
    assert_eq!(info::prog_map_ids(prog.as_fd()).unwrap(), [counter.0.id()]);
    assert_eq!(info::prog_tags(prog.as_fd()).unwrap(), [told.tag]);
    let insns = info::prog_xlated_insns(prog.as_fd()).unwrap();
    assert_eq!(insns.len() * Insn::SIZE, told.xlated_prog_len as usize);
    assert!(insns.last().unwrap().is_exit());
    assert_eq!(info::prog_jited_insns(prog.as_fd()).unwrap().len(), told.jited_prog_len as usize);
    if told.jited_prog_len > 0 {
        let lens = info::prog_jited_func_lens(prog.as_fd()).unwrap();
        assert_eq!(lens.iter().sum::<u32>(), told.jited_prog_len);
        assert_eq!(info::prog_jited_ksyms(prog.as_fd()).unwrap().len(), 1);
    }

    let other = MapCreate::new(MapType::ARRAY, 4, 4, 1).create().unwrap();
    prog_bind_map(prog.as_fd(), other.as_fd()).unwrap();
    let bound = info::map_info(other.as_fd()).unwrap().id;
    assert_eq!(info::prog_map_ids(prog.as_fd()).unwrap(), [counter.0.id(), bound]);
}

#[test]
fn run_counts_while_statistics_are_on() {
    let Some(_kernel) = kernel() else { return };
    let (_counter, prog) = counting(ProgType::SOCKET_FILTER, 0);
    let prog = prog.unwrap();
    let stats = purebpf_sys::token::enable_stats(purebpf_sys::uapi::StatsType::RUN_TIME).unwrap();
    // Test runs do not count: the program has to be attached and met by a packet.
    let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
    set_attach_bpf(&ours, &prog);
    theirs.send(b"x").unwrap();
    let told = info::prog_info(prog.as_fd()).unwrap();
    assert_eq!(told.run_cnt, 1);
    drop(stats);
}

/// SO_ATTACH_BPF, the one way to attach a socket filter.
fn set_attach_bpf(socket: &impl AsRawFd, prog: &impl AsRawFd) {
    let fd = prog.as_raw_fd();
    // SAFETY: the option takes an int.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_BPF, (&raw const fd).cast(), 4)
    };
    assert_eq!(result, 0);
}

#[test]
fn attaches_to_a_cgroup_without_a_link() {
    let Some(_kernel) = kernel() else { return };
    let Some(mount) = Mount::new("cgroup2") else { return };
    let path = mount.path().join(format!("purebpf-sys-{}", std::process::id()));
    if let Err(error) = std::fs::create_dir(&path) {
        return skipped(error);
    }
    {
        let cgroup = File::open(&path).unwrap();
        let target = AttachTarget::Fd(cgroup.as_fd());
        let attach_type = AttachType::CGROUP_INET_EGRESS;
        let counter = Counter::new();
        let insns = counter.insns(1);
        let load = |name| ProgLoad::new(ProgType::CGROUP_SKB, &insns, c"GPL").name(name).load().unwrap();
        let (first, second) = (load("first"), load("second"));
        let (first_id, second_id) = (id(&first), id(&second));

        let query = || ProgQuery::new(target, attach_type).query().unwrap();
        let ids = || query().progs.iter().map(|prog| prog.prog_id).collect::<Vec<_>>();
        assert_eq!(ids(), []);
        let multi = |prog| ProgAttach::new(prog, target, attach_type).flags(AttachFlags::ALLOW_MULTI);
        multi(first.as_fd()).attach().unwrap();
        multi(second.as_fd()).attach().unwrap();
        assert_eq!(ids(), [first_id, second_id]);
        assert_eq!(query().attach_flags, AttachFlags::ALLOW_MULTI);
        if since(6, 0) {
            let told = ProgQuery::new(target, attach_type).prog_attach_flags().query().unwrap();
            let flags: Vec<_> = told.progs.iter().map(|prog| prog.prog_attach_flags).collect();
            assert_eq!(flags, [AttachFlags::ALLOW_MULTI; 2]);
        }
        assert_eq!(multi(first.as_fd()).attach().unwrap_err().errno(), libc::EINVAL, "attached already");

        let third = load("third");
        multi(third.as_fd()).replace(first.as_fd()).attach().unwrap();
        assert_eq!(ids(), [id(&third), second_id]);
        ProgDetach::new(target, attach_type).prog(third.as_fd()).detach().unwrap();
        ProgDetach::new(target, attach_type).prog(second.as_fd()).detach().unwrap();
        assert_eq!(ids(), []);
        let error = ProgDetach::new(target, attach_type).prog(second.as_fd()).detach().unwrap_err();
        assert_eq!(error.errno(), libc::ENOENT);
    }
    std::fs::remove_dir(&path).unwrap();
}

fn id(prog: &impl AsFd) -> u32 {
    info::prog_info(prog.as_fd()).unwrap().id
}

#[test]
fn attaches_a_flow_dissector_to_the_own_network_namespace() {
    let Some(_kernel) = kernel() else { return };
    if !own_netns() {
        return;
    }
    let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
    let load = ProgLoad::new(ProgType::FLOW_DISSECTOR, &insns, c"GPL");
    let prog = load.expected_attach_type(AttachType::FLOW_DISSECTOR).load().unwrap();
    match ProgAttach::new(prog.as_fd(), AttachTarget::None, AttachType::FLOW_DISSECTOR).attach() {
        Ok(()) => {}
        // One in the initial namespace excludes all others.
        Err(error) if error.errno() == libc::EEXIST => return skipped(error),
        Err(error) => panic!("{error}"),
    }
    let netns = File::open("/proc/thread-self/ns/net").unwrap();
    let query = ProgQuery::new(AttachTarget::Fd(netns.as_fd()), AttachType::FLOW_DISSECTOR).query().unwrap();
    assert_eq!(query.progs.iter().map(|found| found.prog_id).collect::<Vec<_>>(), [id(&prog)]);
    ProgDetach::new(AttachTarget::None, AttachType::FLOW_DISSECTOR).prog(prog.as_fd()).detach().unwrap();
}

#[test]
fn an_empty_stream_gives_nothing() {
    let Some(_kernel) = kernel() else { return };
    let (_counter, prog) = counting(ProgType::SOCKET_FILTER, 0);
    let prog = prog.unwrap();
    let mut buffer = [0; 64];
    let read = prog_stream_read(prog.as_fd(), Stream::Stderr, &mut buffer);
    if since(6, 17) {
        assert_eq!(read.unwrap(), 0);
    } else {
        assert_eq!(read.unwrap_err().errno(), libc::EINVAL);
    }
}

#[test]
fn maps_of_an_array_of_descriptors_are_bound() {
    let Some(_kernel) = kernel() else { return };
    let map = MapCreate::new(MapType::ARRAY, 4, 4, 1).create().unwrap();
    let (insns, fds) = ([Insn::mov64_imm(0, 0), Insn::exit()], [map.as_raw_fd()]);
    let load = ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL");
    if !since(5, 14) {
        // bpf_check_uarg_tail_zero: `bpf_attr` ends before the field.
        assert_eq!(load.fd_array(&fds).load().unwrap_err().errno(), libc::E2BIG);
        return;
    }
    // Without a length, an array is only looked into where instructions name an index.
    let prog = load.clone().fd_array(&fds).load().unwrap();
    assert_eq!(info::prog_map_ids(prog.as_fd()).unwrap(), []);
    let bound = load.fd_array_bound(&fds).load();
    if since(6, 14) {
        let id = info::map_info(map.as_fd()).unwrap().id;
        assert_eq!(info::prog_map_ids(bound.unwrap().as_fd()).unwrap(), [id]);
    } else {
        // CHECK_ATTR, or bpf_check_uarg_tail_zero where `bpf_attr` is shorter.
        assert!(matches!(bound.unwrap_err().errno(), libc::EINVAL | libc::E2BIG));
    }
}

#[test]
fn maps_for_one_program_and_programs_with_a_signature() {
    let Some(_kernel) = kernel() else { return };
    let create = MapCreate::new(MapType::ARRAY, 4, 8, 1).excl_prog_hash(&[0x5a; 32]).create();
    let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
    let signed = ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL").signature(b"no PKCS#7", 0).load().unwrap_err();
    if !since(6, 18) {
        assert!(matches!(create.unwrap_err().errno(), libc::EINVAL | libc::E2BIG));
        assert!(matches!(signed.errno(), libc::EINVAL | libc::E2BIG), "{signed}");
        return;
    }
    let map = create.unwrap();
    let [first, second] = Insn::ld_map_fd(1, map.as_raw_fd());
    let insns = [first, second, Insn::mov64_imm(0, 0), Insn::exit()];
    let mut log = vec![0; 4096];
    let other = ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL").load_with_log(1, &mut log);
    assert_eq!(other.result.unwrap_err().errno(), libc::EACCES);
    assert!(log_text(&log).contains("excl"), "{}", log_text(&log));
    // bpf_prog_verify_signature: what verify_pkcs7_signature says of the bytes, or of a kernel built without.
    assert!(matches!(signed.errno(), libc::EBADMSG | libc::ENOPKG | libc::EINVAL | libc::EOPNOTSUPP), "{signed}");
}
