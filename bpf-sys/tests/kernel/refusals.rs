//! What commands refuse, and with which errno: the function of the kernel that says so stands beside it.

use crate::support::{counting, kernel, since};
use purebpf_sys::{
    Insn,
    btf::BtfLoad,
    error::ENOTSUPP,
    id::{ObjectKind, btf_get_fd_by_id, link_get_fd_by_id, map_get_fd_by_id, prog_get_fd_by_id},
    info::{self, task_fd_query},
    link::{link_detach, raw_tracepoint_open},
    map::{BatchCursor, Map, MapCreate},
    prog::{AttachTarget, ProgAttach, ProgDetach, ProgLoad, ProgQuery, TestRun, prog_bind_map},
    token::enable_stats,
    uapi::{AttachType, ElemFlags, MapType, ProgType, StatsType, TaskFdType},
};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

fn map(map_type: MapType, key_size: u32, value_size: u32) -> Map<OwnedFd> {
    Map::from_fd(MapCreate::new(map_type, key_size, value_size, 4).create().unwrap()).unwrap()
}

#[test]
fn elements_that_a_type_of_maps_does_not_give_away() {
    let Some(_kernel) = kernel() else { return };
    let array = map(MapType::ARRAY, 4, 8);
    // array_map_delete_elem
    assert_eq!(array.delete(&[0; 4], ElemFlags::empty()).unwrap_err().errno(), libc::EINVAL);
    // map_lookup_and_delete_elem and bpf_map_do_batch, for types without the operation
    let error = array.lookup_and_delete(&[0; 4], &mut [0; 8], ElemFlags::empty()).unwrap_err();
    assert_eq!(error.errno(), ENOTSUPP);
    assert_eq!(error.advice().as_deref(), Some("maps of this type have no such operation, in this kernel"));
    let (mut cursor, mut keys, mut values) = (BatchCursor::default(), [0; 8], [0; 16]);
    let batch = array.lookup_and_delete_batch(&mut cursor, &mut keys, &mut values, ElemFlags::empty()).unwrap_err();
    assert_eq!(batch.errno(), ENOTSUPP);
    // queue_stack_map_get_next_key
    let queue = map(MapType::QUEUE, 0, 4);
    assert_eq!(queue.next_key(None, &mut []).unwrap_err().errno(), libc::EINVAL);
    // bpf_map_do_batch, which asks for a writable descriptor as the commands for one element do
    array.freeze().unwrap();
    let (done, error) = array.update_batch(&[0; 4], &[0; 8], ElemFlags::ANY).unwrap_err();
    assert_eq!((done, error.errno()), (0, libc::EPERM));
}

#[test]
fn programs_and_types_that_are_none() {
    let Some(_kernel) = kernel() else { return };
    // check_reg_arg: nothing was returned
    let error = ProgLoad::new(ProgType::SOCKET_FILTER, &[Insn::exit()], c"GPL").load().unwrap_err();
    assert_eq!(error.errno(), libc::EACCES);
    // find_prog_type
    let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
    assert_eq!(ProgLoad::new(ProgType(9999), &insns, c"GPL").load().unwrap_err().errno(), libc::EINVAL);
    // btf_parse_hdr
    assert_eq!(BtfLoad::new(b"no BTF").load().unwrap_err().errno(), libc::EINVAL);
}

#[test]
fn ids_of_nothing() {
    let Some(_kernel) = kernel() else { return };
    // No id is as high as that: idr_alloc_cyclic begins again below.
    const NONE: u32 = i32::MAX as u32 - 1;
    assert_eq!(prog_get_fd_by_id(NONE).unwrap_err().errno(), libc::ENOENT);
    assert_eq!(map_get_fd_by_id(NONE).unwrap_err().errno(), libc::ENOENT);
    assert_eq!(btf_get_fd_by_id(NONE).unwrap_err().errno(), libc::ENOENT);
    assert_eq!(link_get_fd_by_id(NONE).unwrap_err().errno(), libc::ENOENT);
    // bpf_obj_get_next_id
    assert_eq!(ObjectKind::Prog.next_id(NONE + 1).unwrap_err().errno(), libc::EINVAL);
    assert_eq!(ObjectKind::Map.next_id(NONE + 1).unwrap_err().errno(), libc::EINVAL);
    assert_eq!(ObjectKind::Btf.next_id(NONE + 1).unwrap_err().errno(), libc::EINVAL);
    assert_eq!(ObjectKind::Link.next_id(NONE + 1).unwrap_err().errno(), libc::EINVAL);
}

#[test]
fn raw_tracepoints_by_id_and_by_descriptor() {
    let Some(_kernel) = kernel() else { return };
    let (counter, prog) = counting(ProgType::RAW_TRACEPOINT, 0);
    let prog = prog.unwrap();
    let link = raw_tracepoint_open(Some(c"sys_enter"), prog.as_fd(), 0).unwrap();
    let (prog_id, link_id) = (info::prog_info(prog.as_fd()).unwrap().id, info::link_info(link.as_fd()).unwrap().id);
    let again = link_get_fd_by_id(link_id).unwrap();
    assert_eq!(info::link_info(again.as_fd()).unwrap().id, link_id);

    let own = std::process::id();
    let told = task_fd_query(own, link.as_raw_fd()).unwrap();
    assert_eq!((told.prog_id, told.fd_type, told.name.as_str()), (prog_id, TaskFdType::RAW_TRACEPOINT, "sys_enter"));
    // bpf_task_fd_query: a process, a descriptor, one of the right kind
    assert_eq!(task_fd_query(i32::MAX as u32, 0).unwrap_err().errno(), libc::ENOENT);
    assert_eq!(task_fd_query(own, i32::MAX).unwrap_err().errno(), libc::EBADF);
    assert_eq!(task_fd_query(own, counter.0.as_fd().as_raw_fd()).unwrap_err().errno(), ENOTSUPP);

    // link_detach, for links that only go with their last descriptor; bpf_link_get_from_fd
    assert_eq!(link_detach(link.as_fd()).unwrap_err().errno(), libc::EOPNOTSUPP);
    assert_eq!(link_detach(prog.as_fd()).unwrap_err().errno(), libc::EINVAL);
    if since(5, 10) {
        // bpf_map_get
        assert_eq!(prog_bind_map(prog.as_fd(), prog.as_fd()).unwrap_err().errno(), libc::EINVAL);
    }
    // bpf_enable_stats
    assert_eq!(enable_stats(StatsType(99)).unwrap_err().errno(), libc::EINVAL);
}

#[test]
fn attachment_to_a_map_of_sockets() {
    let Some(_kernel) = kernel() else { return };
    let sockets = map(MapType::SOCKMAP, 4, 4);
    let target = AttachTarget::Fd(sockets.as_fd());
    let (_counter, prog) = counting(ProgType::SK_MSG, 1);
    let prog = prog.unwrap();
    ProgAttach::new(prog.as_fd(), target, AttachType::SK_MSG_VERDICT).attach().unwrap();
    // Told by sock_map_bpf_prog_query from 5.17 on.
    if since(5, 17) {
        let query = ProgQuery::new(target, AttachType::SK_MSG_VERDICT).query().unwrap();
        assert_eq!(query.progs.len(), 1);
        assert_eq!(query.progs[0].prog_id, info::prog_info(prog.as_fd()).unwrap().id);
    }
    ProgDetach::new(target, AttachType::SK_MSG_VERDICT).prog(prog.as_fd()).detach().unwrap();
    // sock_map_prog_detach: not attached any longer
    let error = ProgDetach::new(target, AttachType::SK_MSG_VERDICT).prog(prog.as_fd()).detach().unwrap_err();
    assert_eq!(error.errno(), libc::ENOENT);
    // bpf_prog_get_type: another type of programs than the attach type's
    let error = ProgAttach::new(prog.as_fd(), target, AttachType::CGROUP_INET_EGRESS).attach().unwrap_err();
    assert_eq!(error.errno(), libc::EINVAL);
    // bpf_prog_query
    let error = ProgQuery::new(target, AttachType::PERF_EVENT).query().unwrap_err();
    assert_eq!(error.errno(), libc::EINVAL);
}

#[test]
fn outputs_that_are_too_small_say_how_long() {
    let Some(_kernel) = kernel() else { return };
    let (_counter, prog) = counting(ProgType::SCHED_CLS, 7);
    let prog = prog.unwrap();
    let mut small = [0; 16];
    let (told, result) = TestRun::new().data_in(&[0; 64]).data_out(&mut small).try_run(prog.as_fd());
    // bpf_test_finish
    assert_eq!(result.unwrap_err().errno(), libc::ENOSPC);
    assert_eq!((told.data_size_out, told.retval), (64, 7));
}
