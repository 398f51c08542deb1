//! User ring buffers of the running kernel, drained by a program: what it is given, in which order, and who waits for
//! whom. From Linux 6.1 on.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

use purebpf_btf::builder::Builder;
use purebpf_btf::types::Linkage;
use purebpf_btf::{IntEncoding, Kind, TypeId};
use purebpf_ringbuf::{Error, UserRing};
use purebpf_sys::Insn;
use purebpf_sys::btf::BtfLoad;
use purebpf_sys::insn::op;
use purebpf_sys::map::MapCreate;
use purebpf_sys::prog::ProgLoad;
use purebpf_sys::system::kernel_version;
use purebpf_sys::uapi::{BPF_PSEUDO_FUNC, HelperId, MapType, ProgType};

use super::leaks::Watch;
use super::producer::{ETHERNET_HEADER, run};
use super::{FOR_EVER, PAGE};

/// The first kernel with `BPF_MAP_TYPE_USER_RINGBUF`: 6.1.
const FIRST: u32 = 6 << 16 | 1 << 8;

/// A user ring buffer, and a program that drains it.
struct Drain {
    map: OwnedFd,
    program: OwnedFd,
}

impl Drain {
    fn new(size: u32) -> Option<Drain> {
        if kernel_version() < FIRST {
            println!("skipped: user ring buffers are of Linux 6.1");
            return None;
        }
        let map = match MapCreate::new(MapType::USER_RINGBUF, 0, 0, size).name("user_test").create() {
            Ok(map) => map,
            Err(error) if error.is_permission() => {
                println!("skipped: needs root, or CAP_BPF and CAP_NET_ADMIN: {error}");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let (insns, callback) = drain_program(&map);
        let (btf, func_info) = functions(callback);
        let btf = BtfLoad::new(&btf).load().unwrap();
        let load = ProgLoad::new(ProgType::SCHED_CLS, &insns, c"GPL").name("user_test").btf(btf.as_fd());
        let program = load.func_info(&func_info, 8).load().unwrap();
        Some(Drain { map, program })
    }

    /// Drains: what `digest` gives for the samples that were in the ring.
    fn drain(&self) -> u32 {
        run(self.program.as_fd(), &[0; ETHERNET_HEADER], 1)
    }
}

macro_rules! drain {
    ($size:expr) => {
        match Drain::new($size) {
            Some(drain) => drain,
            None => return,
        }
    };
}

/// What the program makes of samples, by their first 8 bytes: another number for another order.
fn digest(samples: impl IntoIterator<Item = u64>) -> u32 {
    samples.into_iter().fold(0u64, |digest, sample| digest.wrapping_mul(31).wrapping_add(sample)) as u32
}

/// `bpf_user_ringbuf_drain(map, callback, &digest, 0)`, which returns the digest; and where the callback begins, which
/// reads the first 8 bytes of its sample and brings them into the digest.
fn drain_program(map: &OwnedFd) -> (Vec<Insn>, u32) {
    let mut insns = vec![Insn::st_mem(op::DW, 10, -8, 0)];
    insns.extend(Insn::ld_map_fd(1, map.as_raw_fd()));
    let rest = [
        Insn::mov64_reg(3, 10),
        Insn::alu64_imm(op::ADD, 3, -8),
        Insn::mov64_imm(4, 0),
        Insn::call_helper(HelperId::USER_RINGBUF_DRAIN),
        // An error of the helper's is the program's.
        Insn::jump_imm(op::JSLT, 0, 0, 1),
        Insn::ldx_mem(op::DW, 0, 10, -8),
        Insn::exit(),
    ];
    // Counted from the instruction behind the first half.
    insns.extend(Insn::ld_imm64_pseudo(2, BPF_PSEUDO_FUNC as u8, rest.len() as i32 + 1, 0));
    insns.extend(rest);
    let callback = insns.len() as u32;
    insns.extend([
        Insn::mov64_reg(6, 2),
        Insn::mov64_reg(3, 1),
        Insn::st_mem(op::DW, 10, -8, 0),
        Insn::mov64_reg(1, 10),
        Insn::alu64_imm(op::ADD, 1, -8),
        Insn::mov64_imm(2, 8),
        Insn::mov64_imm(4, 0),
        Insn::mov64_imm(5, 0),
        Insn::call_helper(HelperId::DYNPTR_READ),
        Insn::ldx_mem(op::DW, 1, 6, 0),
        Insn::alu64_imm(op::MUL, 1, 31),
        Insn::ldx_mem(op::DW, 2, 10, -8),
        Insn::alu64_reg(op::ADD, 1, 2),
        Insn::stx_mem(op::DW, 6, 1, 0),
        Insn::mov64_imm(0, 0),
        Insn::exit(),
    ]);
    (insns, callback)
}

/// BTF of the two functions, which callbacks need, and `struct bpf_func_info` for them.
fn functions(callback: u32) -> (Vec<u8>, Vec<u8>) {
    let mut builder = Builder::new();
    let long = builder.add_int("long", 8, IntEncoding::SIGNED).unwrap();
    let pointer = builder.add_reference(Kind::Ptr, TypeId::VOID).unwrap();
    let proto = builder.add_func_proto(long).unwrap();
    builder.add_param("ctx", pointer).unwrap();
    let main = builder.add_func("drain", Linkage::GLOBAL, proto).unwrap();
    let proto = builder.add_func_proto(long).unwrap();
    builder.add_param("sample", pointer).unwrap().add_param("ctx", pointer).unwrap();
    let callback_id = builder.add_func("callback", Linkage::STATIC, proto).unwrap();
    let words = [0, main.0, callback, callback_id.0];
    (builder.finish(), words.iter().flat_map(|word| word.to_ne_bytes()).collect())
}

#[test]
fn user_samples_are_drained_in_the_order_of_reserving() {
    let _watch = Watch::start();
    let drain = drain!(PAGE);
    let ring = UserRing::new(&drain.map).unwrap();
    assert_eq!((ring.size(), ring.max_len()), (PAGE as usize, PAGE as usize - 8));
    assert_eq!(drain.drain(), 0);
    // Samples of many lengths, many times around the ring.
    let mut n = 0u64;
    for round in 0..300 {
        let first = n;
        for _ in 0..1 + round % 7 {
            let mut sample = ring.reserve(8 + n as usize % 250).unwrap();
            sample[..8].copy_from_slice(&n.to_ne_bytes());
            sample[8..].fill(0xaa);
            sample.submit();
            n += 1;
        }
        assert_eq!(drain.drain(), digest(first..n));
        assert_eq!(ring.available_space().unwrap(), PAGE as usize);
    }
}

#[test]
fn user_samples_that_are_held_hold_up_those_behind() {
    let _watch = Watch::start();
    let drain = drain!(PAGE);
    let ring = UserRing::new(&drain.map).unwrap();
    ring.output(&1u64.to_ne_bytes()).unwrap();
    let mut held = ring.reserve(8).unwrap();
    let dropped = ring.reserve(16).unwrap();
    ring.output(&4u64.to_ne_bytes()).unwrap();
    assert_eq!(drain.drain(), digest([1]));
    assert_eq!(drain.drain(), 0);
    held.copy_from_slice(&2u64.to_ne_bytes());
    held.submit();
    assert_eq!(drain.drain(), digest([2]));
    drop(dropped);
    ring.reserve(100).unwrap().discard();
    assert_eq!(drain.drain(), digest([4]));
    assert_eq!(ring.available_space().unwrap(), PAGE as usize);
}

#[test]
fn user_rings_take_what_fits() {
    let _watch = Watch::start();
    let drain = drain!(PAGE);
    let ring = UserRing::new(&drain.map).unwrap();
    assert!(matches!(ring.reserve(PAGE as usize - 7), Err(Error::TooLong { most, .. }) if most == PAGE as usize - 8));
    // Full to the last byte, by one sample and by many.
    ring.output(&vec![0; PAGE as usize - 8]).unwrap();
    assert!(matches!(ring.reserve(1), Err(Error::NoSpace { len: 1, available: 0 })));
    assert_eq!(drain.drain(), 0);
    for n in 0..u64::from(PAGE) / 16 {
        ring.output(&n.to_ne_bytes()).unwrap();
    }
    assert!(matches!(ring.output(&[]), Err(Error::NoSpace { len: 0, available: 0 })));
    assert!(matches!(ring.reserve_blocking(1, Duration::ZERO), Err(Error::NoSpace { .. })));
    assert!(matches!(ring.reserve_blocking(1, Duration::from_millis(1)), Err(Error::NoSpace { .. })));
    assert_eq!(drain.drain(), digest(0..u64::from(PAGE) / 16));
    // More than programs can be given at a time: `bpf_dynptr_check_size`.
    let large = MapCreate::new(MapType::USER_RINGBUF, 0, 0, 1 << 25).create().unwrap();
    let ring = UserRing::new(large).unwrap();
    assert!(matches!(ring.reserve(1 << 24), Err(Error::TooLong { most: 0xff_ffff, .. })));
}

/// A drain on another thread makes room, and wakes who waits for it.
#[test]
fn user_reservations_wait_for_room() {
    let _watch = Watch::start();
    let drain = drain!(PAGE);
    let ring = UserRing::new(&drain.map).unwrap();
    for round in 0..200u64 {
        // A ring that is full to the last byte, or that has less left than is wanted, which epoll calls writable.
        let filled = PAGE as usize - 8 - if round % 2 == 0 { 0 } else { 16 };
        ring.output(&vec![0; filled]).unwrap();
        thread::scope(|scope| {
            let drained = scope.spawn(|| drain.drain());
            let mut sample = ring.reserve_blocking(64, FOR_EVER).unwrap();
            sample[..8].copy_from_slice(&round.to_ne_bytes());
            sample.submit();
            // The drain may have come late enough to find that one, too.
            let drained = drained.join().unwrap();
            if round != 0 && drained != digest([0, round]) {
                assert_eq!((drained, drain.drain()), (0, digest([round])));
            } else {
                drain.drain();
            }
        });
        assert_eq!(ring.available_space().unwrap(), PAGE as usize);
    }
}

#[test]
fn user_ring_mistakes_are_told() {
    let _watch = Watch::start();
    let drain = drain!(PAGE);
    let ring = UserRing::new(&drain.map).unwrap();
    assert!(matches!(UserRing::new(&drain.map), Err(Error::AlreadyProduced { .. })));
    drop(ring);
    let other = MapCreate::new(MapType::RINGBUF, 0, 0, PAGE).create().unwrap();
    let error = UserRing::new(&other).unwrap_err();
    assert!(matches!(error, Error::WrongMapType { expected: MapType::USER_RINGBUF, .. }), "{error}");
    // The positions are the map's: the next producer goes on where this one was.
    UserRing::new(&drain.map).unwrap().output(&5u64.to_ne_bytes()).unwrap();
    UserRing::new(&drain.map).unwrap().output(&6u64.to_ne_bytes()).unwrap();
    assert_eq!(drain.drain(), digest([5, 6]));
}
