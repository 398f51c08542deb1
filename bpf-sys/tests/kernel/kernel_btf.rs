//! Commands that need something by its id in vmlinux's BTF: output streams, associations with struct_ops, and the source
//! lines of a program.

use crate::support::{btf_type, counting, find_btf_type, kernel, since, skipped};
use purebpf_sys::{
    Insn,
    btf::BtfLoad,
    info::{self, ProgLines},
    insn::op,
    map::{Map, MapCreate},
    prog::{ProgLoad, Stream, TestRun, prog_assoc_struct_ops, prog_stream_read},
    uapi::{ElemFlags, MapFlags, MapType, ProgType, bpf_line_info},
};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

const STRUCT: u32 = 4;
const FUNC: u32 = 12;

/// BTF of `int`, and of what stands in `types` after it.
fn load_btf(types: &[u32], strings: &[u8]) -> OwnedFd {
    let types = [&[1, 1 << 24, 4, 1 << 24 | 32][..], types].concat();
    let length = size_of_val(&types[..]) as u32;
    let header = [24, 0, length, length, strings.len() as u32];
    let mut raw = 0xeb9fu16.to_ne_bytes().to_vec();
    raw.extend([1, 0]);
    raw.extend(header.iter().chain(&types).flat_map(|word| word.to_ne_bytes()));
    raw.extend(strings);
    BtfLoad::new(&raw).load().unwrap()
}

#[test]
fn streams_hold_what_programs_print() {
    let Some(_kernel) = kernel() else { return };
    if !since(6, 17) {
        return;
    }
    // The fifth argument is the verifier's to fill in; 6.18 and others near it have another name for the function that takes it.
    let names = ["bpf_stream_vprintk", "bpf_stream_vprintk_impl"];
    let Some((function, _)) = names.iter().find_map(|name| find_btf_type(FUNC, name)) else {
        return skipped(format_args!("vmlinux has none of {names:?}"));
    };
    let create = MapCreate::new(MapType::ARRAY, 4, 8, 1).flags(MapFlags::RDONLY_PROG);
    let format = Map::from_fd(create.create().unwrap()).unwrap();
    format.update(&[0; 4], b"n=%d\n\0\0\0", ElemFlags::ANY).unwrap();
    format.freeze().unwrap();
    let load = |stream: i32| {
        let [first, second] = Insn::ld_map_value(2, format.as_fd().as_raw_fd(), 0);
        let insns = [
            Insn::st_mem(op::DW, 10, -8, 5),
            Insn::mov64_imm(1, stream),
            first,
            second,
            Insn::mov64_reg(3, 10),
            Insn::alu64_imm(op::ADD, 3, -8),
            Insn::mov64_imm(4, 8),
            Insn::mov64_imm(5, 0),
            Insn::call_kfunc(function, 0),
            Insn::exit(),
        ];
        let mut log = vec![0; 1 << 14];
        let loaded = ProgLoad::new(ProgType::SCHED_CLS, &insns, c"GPL").load_with_log(1, &mut log);
        loaded.result.unwrap_or_else(|error| panic!("{error}: {}", purebpf_sys::prog::log_text(&log)))
    };
    for (number, stream, other) in [(1, Stream::Stdout, Stream::Stderr), (2, Stream::Stderr, Stream::Stdout)] {
        let prog = load(number);
        let printed = TestRun::new().data_in(&[0; 64]).repeat(2).run(prog.as_fd()).unwrap().retval;
        let mut buffer = [0; 6];
        // Streams are allocated without locks: not on x86 without cmpxchg16b, nor where pages are still being set up.
        if printed as i32 == -libc::ENOMEM {
            println!("left out: what stands in a stream, for which this kernel had no memory");
            assert_eq!(prog_stream_read(prog.as_fd(), stream, &mut buffer).unwrap(), 0);
            continue;
        }
        assert_eq!(printed as i32, 0, "what bpf_stream_vprintk returned");
        // What fits is taken; the rest stays.
        let read = prog_stream_read(prog.as_fd(), stream, &mut buffer).unwrap();
        let mut text = buffer[..read].to_vec();
        while let read @ 1.. = prog_stream_read(prog.as_fd(), stream, &mut buffer).unwrap() {
            text.extend(&buffer[..read]);
        }
        assert_eq!(String::from_utf8_lossy(&text), "n=5\nn=5\n");
        assert_eq!(prog_stream_read(prog.as_fd(), other, &mut buffer).unwrap(), 0);
    }
    let no_prog = prog_stream_read(format.as_fd(), Stream::Stdout, &mut [0; 8]).unwrap_err();
    assert_eq!(no_prog.to_string(), "bpf(BPF_PROG_STREAM_READ_BY_FD): Invalid argument (EINVAL)");
}

#[test]
fn programs_are_associated_with_struct_ops() {
    let Some(_kernel) = kernel() else { return };
    let (counter, prog) = counting(ProgType::SOCKET_FILTER, 0);
    let prog = prog.unwrap();
    // An array is none. Kernels before 6.19 have no such command.
    let refused = prog_assoc_struct_ops(prog.as_fd(), counter.0.as_fd()).unwrap_err();
    assert_eq!(refused.to_string(), "bpf(BPF_PROG_ASSOC_STRUCT_OPS): Invalid argument (EINVAL)");
    if !since(6, 19) {
        return;
    }
    let Some((id, size)) = btf_type(STRUCT, "bpf_struct_ops_bpf_dummy_ops") else { return };
    let btf = load_btf(&[], b"\0int\0");
    let create = || {
        let create = MapCreate::new(MapType::STRUCT_OPS, 4, size, 1).btf(btf.as_fd(), 0, 0);
        create.btf_vmlinux_value_type_id(id).create()
    };
    let (map, other) = match (create(), create()) {
        (Ok(map), Ok(other)) => (map, other),
        (Err(error), _) | (_, Err(error)) => return skipped(error),
    };
    prog_assoc_struct_ops(prog.as_fd(), map.as_fd()).unwrap();
    prog_assoc_struct_ops(prog.as_fd(), map.as_fd()).unwrap();
    let busy = prog_assoc_struct_ops(prog.as_fd(), other.as_fd()).unwrap_err();
    assert_eq!(busy.errno(), libc::EBUSY, "one map for a program");
}

#[test]
fn lines_are_found_in_a_loaded_program() {
    let Some(_kernel) = kernel() else { return };
    // () -> int; int main(); int sub(). Names and source lines are strings.
    let strings = b"\0int\0main\0sub\0file.c\0return 1;\0sub();\0";
    let at = |text: &[u8]| strings.windows(text.len()).position(|window| window == text).unwrap() as u32;
    let types = [0, 13 << 24, 1, at(b"main\0"), 12 << 24, 2, at(b"sub\0"), 12 << 24, 2];
    let btf = load_btf(&types, strings);
    let insns = [Insn::call_subprog(1), Insn::exit(), Insn::mov64_imm(0, 1), Insn::mov64_imm(0, 2), Insn::exit()];
    let func_info: Vec<u8> = [0u32, 3, 2, 4].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let line = |insn_off: u32, text: &[u8], line: u32| [insn_off, at(b"file.c\0"), at(text), line << 10 | 5];
    let lines = [line(0, b"sub();\0", 10), line(2, b"return 1;\0", 20), line(3, b"return 1;\0", 21)];
    let line_info: Vec<u8> = lines.iter().flatten().flat_map(|word| word.to_ne_bytes()).collect();
    let load = ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL").btf(btf.as_fd());
    let prog = load.func_info(&func_info, 8).line_info(&line_info, 16).load().unwrap();

    let found = ProgLines::of(prog.as_fd()).unwrap();
    let number = |line: &bpf_line_info| line.line_col >> 10;
    // The verifier has taken away the assignment that another follows, or not; the lines are where they were or one before.
    assert_eq!(found.lines().iter().map(number).collect::<Vec<_>>(), [10, 20, 21]);
    assert_eq!(found.at_insn(0).map(number), Some(10));
    assert_eq!(found.at_insn(1).map(number), Some(10));
    assert_eq!(found.at_insn(2).map(number), Some(20));
    assert_eq!(found.at_insn(4).map(number), Some(21));

    let functions = info::prog_jited_ksyms(prog.as_fd()).unwrap();
    let addresses = info::prog_jited_line_info(prog.as_fd()).unwrap();
    if addresses.is_empty() || functions.iter().all(|address| *address == 0) {
        return skipped("no machine code, or none to be seen");
    }
    assert_eq!((functions.len(), addresses.len()), (2, 3));
    for (address, line) in addresses.iter().zip([10, 20, 21]) {
        assert_eq!(found.at_address(*address).map(number), Some(line), "{address:#x}");
    }
    assert_eq!(found.at_address_in(1, addresses[2] - 1).map(number), Some(20));
    assert_eq!(found.at_address_in(0, addresses[1] - 1).map(number), found.at_address_in(0, u64::MAX).map(number));
    assert!(found.at_address(0).is_none());
}

#[test]
fn contents_of_arrays_have_a_hash() {
    let Some(_kernel) = kernel() else { return };
    let array = || Map::from_fd(MapCreate::new(MapType::ARRAY, 4, 8, 1).create().unwrap()).unwrap();
    let (zeroes, ones) = (array(), array());
    ones.update(&[0; 4], &[1; 8], ElemFlags::ANY).unwrap();
    let unfrozen = info::map_hash(zeroes.as_fd()).unwrap_err();
    if !since(6, 18) {
        assert_eq!(unfrozen.errno(), libc::E2BIG);
        return;
    }
    assert_eq!(unfrozen.errno(), libc::EPERM, "what may still change");
    zeroes.freeze().unwrap();
    ones.freeze().unwrap();
    // SHA-256 of eight zero bytes (`head -c8 /dev/zero | sha256sum`).
    assert_eq!(info::map_hash(zeroes.as_fd()).unwrap()[..8], [0xaf, 0x55, 0x70, 0xf5, 0xa1, 0x81, 0x0b, 0x7a]);
    assert_ne!(info::map_hash(zeroes.as_fd()).unwrap(), info::map_hash(ones.as_fd()).unwrap());
    let hash = MapCreate::new(MapType::HASH, 4, 8, 1).create().unwrap();
    assert_eq!(info::map_hash(hash.as_fd()).unwrap_err().errno(), libc::EINVAL);
}
