//! A ring buffer map and programs that produce into it, assembled by hand and run with BPF_PROG_TEST_RUN: nothing has
//! to be attached or to happen in the system. Shared with the benchmark.

#![allow(dead_code, reason = "each of its users needs another part")]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use purebpf_sys::Insn;
use purebpf_sys::insn::op;
use purebpf_sys::map::MapCreate;
use purebpf_sys::prog::{ProgLoad, TestRun};
use purebpf_sys::uapi::{HelperId, MapType, ProgType};

/// Bytes of a record that [`Producer::output`] can produce at most.
pub(crate) const MAX_RECORD: usize = 256;

/// Bytes before the record in the packet that the program is run on: test runs want an Ethernet header.
pub(crate) const ETHERNET_HEADER: usize = 14;

/// What a program does with space that it has reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserved {
    Submit,
    Discard,
    /// Submits it after some time (so many calls of a helper), in which it is reserved and no more.
    SubmitLate,
}

/// A millisecond or so, and few enough for the verifier to follow.
const LATE: i32 = 30_000;

/// What bpf_ringbuf_output returns, as a program's return value, when there is no room.
pub(crate) const NO_ROOM: u32 = (-libc::EAGAIN) as u32;

/// A ring buffer and a program that copies what its packet holds into it.
#[derive(Debug)]
pub(crate) struct Producer {
    map: OwnedFd,
    output: OwnedFd,
}

impl Producer {
    /// A ring of `size` bytes, whose records wake its reader when the kernel thinks fit.
    pub(crate) fn new(size: u32) -> purebpf_sys::Result<Self> {
        Self::with_flags(size, 0)
    }

    /// A ring of `size` bytes, whose records are submitted with `flags` (`BPF_RB_NO_WAKEUP`, `BPF_RB_FORCE_WAKEUP`).
    pub(crate) fn with_flags(size: u32, flags: u32) -> purebpf_sys::Result<Self> {
        let map = MapCreate::new(MapType::RINGBUF, 0, 0, size).name("ringbuf_test").create()?;
        let output = load(&output_program(&map, flags))?;
        Ok(Self { map, output })
    }

    pub(crate) fn map(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }

    /// Produces `record`: whether there was room.
    pub(crate) fn output(&self, record: &[u8]) -> bool {
        self.output_repeated(record, 1)
    }

    /// Produces `record` so many times: whether there was room for the last.
    pub(crate) fn output_repeated(&self, record: &[u8], times: u32) -> bool {
        assert!((1..=MAX_RECORD).contains(&record.len()));
        let mut packet = vec![0; ETHERNET_HEADER];
        packet.extend(record);
        match run(self.output.as_fd(), &packet, times) {
            0 => true,
            NO_ROOM => false,
            other => panic!("the program returned {other:#x}"),
        }
    }

    /// Produces `records` records of 32 bytes, for all of which there must be room.
    pub(crate) fn fill(&self, records: u32) {
        assert!(self.output_repeated(&[1; 32], records));
    }

    /// A program that reserves 16 bytes, fills them with ones and does the rest `as` told; it returns 1 when there was
    /// no room.
    pub(crate) fn reserving(&self, then: Reserved) -> ReservingProgram {
        ReservingProgram(load(&reserving_program(&self.map, then)).unwrap())
    }
}

pub(crate) struct ReservingProgram(OwnedFd);

impl ReservingProgram {
    /// Whether there was room.
    pub(crate) fn run(&self) -> bool {
        run(self.0.as_fd(), &[0; ETHERNET_HEADER], 1) == 0
    }
}

pub(crate) fn run(program: BorrowedFd<'_>, packet: &[u8], times: u32) -> u32 {
    loop {
        match TestRun::new().data_in(packet).repeat(times).run(program) {
            Ok(result) => return result.retval,
            // A signal came; only single runs can be done again.
            Err(error) if error.errno() == libc::EINTR && times == 1 => {}
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn load(insns: &[Insn]) -> purebpf_sys::Result<OwnedFd> {
    ProgLoad::new(ProgType::SCHED_CLS, insns, c"GPL").name("ringbuf_test").load()
}

/// `bpf_ringbuf_output(map, what follows the packet's Ethernet header, its length, flags)`
fn output_program(map: &OwnedFd, flags: u32) -> Vec<Insn> {
    let mut output = Vec::from(Insn::ld_map_fd(1, map.as_raw_fd()));
    output.extend([
        Insn::mov64_reg(2, 10),
        Insn::alu64_imm(op::ADD, 2, -(MAX_RECORD as i32)),
        Insn::mov64_reg(3, 7),
        Insn::mov64_imm(4, flags as i32),
        Insn::call_helper(HelperId::RINGBUF_OUTPUT),
        Insn::exit(),
    ]);
    with_packet(&output)
}

/// A program that copies what follows its packet's Ethernet header to its stack, from `MAX_RECORD` bytes below the frame
/// pointer on, and then does `rest`, with its context in r6 and the length, 1 to `MAX_RECORD`, in r7.
pub(crate) fn with_packet(rest: &[Insn]) -> Vec<Insn> {
    let buffer = -(MAX_RECORD as i32);
    let to_end = rest.len() as i16;
    let mut insns = vec![Insn::mov64_reg(6, 1)];
    // Kernels want what a helper writes, with a length they do not know, to be initialised.
    insns.extend((0..MAX_RECORD as i16).step_by(8).map(|at| Insn::st_mem(op::DW, 10, buffer as i16 + at, 0)));
    insns.extend([
        // r7 = skb->len (the first field of __sk_buff) without the header.
        Insn::ldx_mem(op::W, 7, 6, 0),
        Insn::alu64_imm(op::ADD, 7, -(ETHERNET_HEADER as i32)),
        Insn::jump_imm(op::JGT, 7, MAX_RECORD as i32, to_end + 8),
        Insn::jump_imm(op::JLT, 7, 1, to_end + 7),
        Insn::mov64_reg(1, 6),
        Insn::mov64_imm(2, ETHERNET_HEADER as i32),
        Insn::mov64_reg(3, 10),
        Insn::alu64_imm(op::ADD, 3, buffer),
        Insn::mov64_reg(4, 7),
        Insn::call_helper(HelperId::SKB_LOAD_BYTES),
        Insn::jump_imm(op::JNE, 0, 0, to_end),
    ]);
    insns.extend(rest);
    // What cannot be: a packet of another size.
    insns.extend([Insn::mov64_imm(0, 1), Insn::exit()]);
    insns
}

fn reserving_program(map: &OwnedFd, then: Reserved) -> Vec<Insn> {
    let mut insns = Vec::from(Insn::ld_map_fd(1, map.as_raw_fd()));
    insns.extend([
        Insn::mov64_imm(2, 16),
        Insn::mov64_imm(3, 0),
        Insn::call_helper(HelperId::RINGBUF_RESERVE),
        Insn::jump_imm(op::JEQ, 0, 0, 12),
        Insn::mov64_reg(6, 0),
        Insn::st_mem(op::DW, 6, 0, -1),
        Insn::st_mem(op::DW, 6, 8, -1),
        Insn::mov64_imm(7, 0),
        Insn::call_helper(HelperId::KTIME_GET_NS),
        Insn::alu64_imm(op::ADD, 7, 1),
        Insn::jump_imm(op::JLT, 7, if then == Reserved::SubmitLate { LATE } else { 1 }, -3),
        Insn::mov64_reg(1, 6),
        Insn::mov64_imm(2, 0),
        Insn::call_helper(match then {
            Reserved::Submit | Reserved::SubmitLate => HelperId::RINGBUF_SUBMIT,
            Reserved::Discard => HelperId::RINGBUF_DISCARD,
        }),
        Insn::mov64_imm(0, 0),
        Insn::exit(),
        Insn::mov64_imm(0, 1),
        Insn::exit(),
    ]);
    insns
}
