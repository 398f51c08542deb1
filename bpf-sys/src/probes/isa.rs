//! The instruction set and the verifier's limits: programs that bpftool's `feature probe` tries as well (`misc`).

use super::{
    Probes, answer,
    run::{RETURN_0, load},
};
use crate::{
    Insn,
    error::{Error, Result},
    insn::op,
    uapi::{BPF_MAXINSNS, ProgType},
};

/// Whether the kernel takes these instructions; any "no" is the verifier's once a program of this type may be loaded at all.
fn takes(probes: &Probes, insns: &[Insn]) -> Result<bool> {
    load(probes, ProgType::SOCKET_FILTER, &RETURN_0).load()?;
    match load(probes, ProgType::SOCKET_FILTER, insns).load() {
        Err(error) if matches!(error, Error::Bpf { .. }) && error.errno() == libc::EACCES => Ok(false),
        result => answer(result),
    }
}

pub(super) fn large_insn_limit(probes: &Probes) -> Result<bool> {
    let mut insns = vec![Insn::mov64_imm(0, 1); BPF_MAXINSNS as usize];
    insns.push(Insn::exit());
    takes(probes, &insns)
}

pub(super) fn bounded_loops(probes: &Probes) -> Result<bool> {
    let countdown = [Insn::alu64_imm(op::SUB, 0, 1), Insn::jump_imm(op::JNE, 0, 0, -2)];
    takes(probes, &[&[Insn::mov64_imm(0, 10)][..], &countdown, &[Insn::exit()]].concat())
}

pub(super) fn v2(probes: &Probes) -> Result<bool> {
    takes(probes, &[Insn::mov64_imm(0, 0), Insn::jump_imm(op::JLT, 0, 0, 1), Insn::mov64_imm(0, 1), Insn::exit()])
}

pub(super) fn v3(probes: &Probes) -> Result<bool> {
    let jump = Insn::new(op::JMP32 | op::JLT | op::K, 0, 0, 1, 0);
    takes(probes, &[Insn::mov64_imm(0, 0), jump, Insn::mov64_imm(0, 1), Insn::exit()])
}

/// One of each kind: stable kernels were given some and not all, of which bpftool looks at the long jump alone.
pub(super) fn v4(probes: &Probes) -> Result<bool> {
    let sign_extending_move = Insn::new(op::ALU64 | op::MOV | op::X, 0, 0, 8, 0);
    let byte_swap = Insn::new(op::ALU64 | op::END | op::K, 0, 0, 0, 16);
    let signed_division = Insn::new(op::ALU64 | op::DIV | op::K, 0, 0, 1, 3);
    let sign_extending_load = Insn::new(op::LDX | op::MEMSX | op::B, 0, 10, -8, 0);
    let long_jump = Insn::new(op::JMP32 | op::JA, 0, 0, 0, 1);
    takes(
        probes,
        &[
            Insn::mov64_imm(0, 7),
            sign_extending_move,
            byte_swap,
            signed_division,
            Insn::stx_mem(op::DW, 10, 0, -8),
            sign_extending_load,
            // Around it or over it: without a way there, the jump's target would be code that nothing reaches.
            Insn::jump_imm(op::JEQ, 0, 1, 1),
            long_jump,
            Insn::mov64_imm(0, 0),
            Insn::exit(),
        ],
    )
}
