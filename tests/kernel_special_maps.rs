//! Map types that are more than keys and values: tables of operations, arenas, arrays of instructions. Their programs are made by
//! hand here.

mod common;

use std::fs;
use std::os::fd::{AsFd, AsRawFd};

use common::{Feature, kernel_test, needs, skip, vmlinux_btf};
use purebpf::btf::builder::Builder;
use purebpf::btf::{Btf, IntEncoding, Kind};
use purebpf::bytemuck::{Pod, Zeroable};
use purebpf::map::StructOpsState;
use purebpf::sys::Insn;
use purebpf::sys::btf::BtfLoad;
use purebpf::sys::insn::op::{ADD, ALU64, DW, MOV, X};
use purebpf::sys::map::MapCreate;
use purebpf::sys::mapping::{Mapping, Protection};
use purebpf::sys::prog::{ProgLoad, TestRun};
use purebpf::sys::system::page_size;
use purebpf::sys::uapi::{AttachType, ElemFlags, HelperId, MapFlags, MapType, ProgType};
use purebpf::{Map, Program};

const STRUCT_OPS: Feature = Feature::by_version("tables of operations", (5, 6));
const ARENA: Feature = Feature::by_version("arenas", (6, 9));
const INSN_ARRAY: Feature = Feature::by_version("arrays of instructions", (6, 19));

/// The byte offset of a member.
fn offset(btf: &Btf, name: &str, member: &str) -> usize {
    let of = btf.type_by_id(btf.find(name, Kind::Struct).expect("the kernel has it")).unwrap();
    let found = of.members().unwrap().find(|each| each.name() == Some(member)).expect("it has this member");
    found.bit_offset as usize / 8
}

/// A congestion control of TCP in BPF: registered with the kernel by an update, taken away by a delete.
#[test]
fn struct_ops() {
    kernel_test(|| {
        if !needs(&STRUCT_OPS) {
            return;
        }
        let btf = vmlinux_btf().expect("the matrix's kernels have it");
        let (Some(value), Some(ops)) =
            (btf.find("bpf_struct_ops_tcp_congestion_ops", Kind::Struct), btf.find("tcp_congestion_ops", Kind::Struct))
        else {
            skip("this kernel is built without congestion controls in BPF");
            return;
        };
        let members = btf.type_by_id(ops).unwrap();
        let mut programs = Vec::new();
        for name in ["ssthresh", "undo_cwnd", "cong_avoid"] {
            let index = members.members().unwrap().position(|member| member.name() == Some(name)).unwrap();
            let insns = [Insn::mov64_imm(0, 2), Insn::exit()];
            let load = ProgLoad::new(ProgType::STRUCT_OPS, &insns, c"GPL").name(name);
            let fd = load.attach_btf_id(ops.0).expected_attach_type(AttachType(index as u32)).load().unwrap();
            programs.push((name, Program::from_fd(fd).unwrap()));
        }
        let size = btf.size_of(value).unwrap();
        let create = MapCreate::new(MapType::STRUCT_OPS, 4, size, 1).name("by_hand").btf_vmlinux_value_type_id(value.0);
        // The kernel wants a BTF of the object's for it: of any.
        let mut builder = Builder::new();
        builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        let object_btf = BtfLoad::new(&builder.finish()).load().unwrap();
        let map = Map::from_fd(create.btf(object_btf.as_fd(), 0, 0).create().unwrap()).unwrap();
        assert_eq!(map.struct_ops_state().unwrap(), (StructOpsState::Init, 0));

        let data = offset(btf, "bpf_struct_ops_tcp_congestion_ops", "data");
        let mut bytes = vec![0; size as usize];
        let name = data + offset(btf, "tcp_congestion_ops", "name");
        bytes[name..name + 12].copy_from_slice(b"purebpf_test");
        for (name, program) in &programs {
            let at = data + offset(btf, "tcp_congestion_ops", name);
            bytes[at..at + 8].copy_from_slice(&(program.as_fd().as_raw_fd() as u64).to_ne_bytes());
        }
        let available = || fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control").unwrap();
        map.update(&0u32.to_ne_bytes(), &bytes, ElemFlags::ANY).unwrap();
        let (state, _) = map.struct_ops_state().unwrap();
        assert_eq!(state, StructOpsState::InUse);
        assert!(available().contains("purebpf_test"));
        assert!(map.delete(&0u32.to_ne_bytes()).unwrap());
        assert!(!available().contains("purebpf_test"));
        assert_eq!(map.struct_ops_state().unwrap().0, StructOpsState::ToBeFreed);
    });
}

/// Memory that a program and user space share, by addresses that are the same for both.
#[test]
fn arena() {
    kernel_test(|| {
        if !needs(&ARENA) {
            return;
        }
        let create = MapCreate::new(MapType::ARENA, 0, 0, 4).name("arena").flags(MapFlags::MMAPABLE);
        let map = Map::from_fd(create.create().unwrap()).unwrap();
        let memory = Mapping::new(map.as_fd(), 0, 4 * page_size(), Protection::ReadWrite).unwrap();
        memory.write(page_size(), &40u64.to_ne_bytes()).unwrap();

        let address = memory.as_ptr().addr() as u64 + page_size() as u64;
        let [map_low, map_high] = Insn::ld_map_fd(1, map.as_fd().as_raw_fd());
        let [address_low, address_high] = Insn::ld_imm64(2, address);
        let insns = [
            map_low,
            map_high,
            address_low,
            address_high,
            // BPF_ADDR_SPACE_CAST of Documentation/bpf/standardization: from space 1, the arena's, to 0.
            Insn::new(ALU64 | MOV | X, 2, 2, 1, 1),
            Insn::ldx_mem(DW, 3, 2, 0),
            Insn::alu64_imm(ADD, 3, 2),
            Insn::stx_mem(DW, 2, 3, 0),
            Insn::mov64_imm(0, 0),
            Insn::exit(),
        ];
        let fd =
            ProgLoad::new(ProgType::SYSCALL, &insns, c"GPL").flags(purebpf::sys::uapi::ProgFlags::SLEEPABLE).load();
        let program = Program::from_fd(fd.unwrap()).unwrap();
        program.test_run(TestRun::new()).unwrap();
        let mut word = [0; 8];
        memory.read(page_size(), &mut word).unwrap();
        assert_eq!(u64::from_ne_bytes(word), 42);
    });
}

/// `struct bpf_insn_array_value`.
#[derive(Clone, Copy, Debug, PartialEq, Zeroable, Pod)]
#[repr(C)]
struct InsnArrayValue {
    orig_off: u32,
    xlated_off: u32,
    jitted_off: u32,
    padding: u32,
}

/// Where an instruction went, as the verifier and the compiler moved it.
#[test]
fn insn_array() {
    kernel_test(|| {
        if !needs(&INSN_ARRAY) {
            return;
        }
        let map = Map::from_fd(MapCreate::new(MapType::INSN_ARRAY, 4, 16, 2).create().unwrap()).unwrap();
        let places = map.typed::<u32, InsnArrayValue>().unwrap();
        let place = |orig_off| InsnArrayValue { orig_off, xlated_off: 0, jitted_off: 0, padding: 0 };
        places.insert(&0, &place(0)).unwrap();
        places.insert(&1, &place(2)).unwrap();
        map.freeze().unwrap();
        // The helper call is what the verifier replaces by more than one instruction.
        let insns =
            [Insn::call_helper(HelperId::JIFFIES64), Insn::mov64_imm(1, 0), Insn::mov64_imm(0, 0), Insn::exit()];
        let load = ProgLoad::new(ProgType::RAW_TRACEPOINT, &insns, c"GPL");
        let fd = load.fd_array_bound(&[map.as_fd().as_raw_fd()]).load().unwrap();
        let program = Program::from_fd(fd).unwrap();
        let xlated = program.xlated().unwrap();
        let moved = places.get(&1).unwrap().unwrap();
        assert_eq!(moved.orig_off, 2);
        assert_eq!(moved.xlated_off as usize, xlated.len() - 2, "two instructions before the end, as it was");
    });
}
