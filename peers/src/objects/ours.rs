//! purebpf.

use super::Programs;
use crate::{Answer, Input, Work, measure::measured};
use purebpf::{
    Object, OpenObject,
    elf_loader::load::{self, Options, RunningKernel},
};

pub const WORKS: &[(&str, Work)] = &[("open", open), ("prepare", prepare)];

fn read(input: &Input) -> OpenObject {
    Object::open_bytes(&input.object, "bench.bpf.o").expect("the object opens")
}

fn open(input: Input) -> Answer {
    let open = measured(|| read(&input));
    let mut programs = Programs::default();
    for program in &open.description().programs {
        let insns = &open.description().functions[program.function.0].insns;
        programs.add(&program.name, insns.iter().flat_map(|insn| insn.to_bytes(false)).collect());
    }
    programs.outline()
}

/// As [`OpenObject::prepare`], whose streams cannot be looked at.
fn prepare(input: Input) -> Answer {
    let open = read(&input);
    let (object, prepared) = measured(|| {
        let object = open.description().clone();
        let prepared =
            load::prepare(&object, RunningKernel::new(), Options::default()).expect("the object can be prepared");
        (object, prepared)
    });
    let mut programs = Programs::default();
    for (id, program) in object.program_ids().zip(&object.programs) {
        let linked = prepared.linked(id).expect("every program is to be loaded");
        programs.add(&program.name, linked.insns.iter().flat_map(|insn| insn.to_bytes(false)).collect());
    }
    programs.answer()
}
