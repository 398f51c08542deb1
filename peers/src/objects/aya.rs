//! aya-obj: what aya's loader does before it asks the kernel for anything. It makes no maps here, and its descriptors are made up.

use super::Programs;
use crate::{Answer, Input, Work, measure::measured};
use aya_obj::{Object, btf::Btf};
use std::collections::HashSet;

pub const WORKS: &[(&str, Work)] = &[("open", open), ("prepare", prepare)];

fn read(input: &Input) -> Object {
    Object::parse(&input.object).expect("the object opens")
}

fn programs(object: &Object) -> Programs {
    let mut programs = Programs::default();
    for (name, program) in &object.programs {
        let insns = &object.functions[&program.function_key()].instructions;
        let bytes = insns.iter().flat_map(|insn| {
            let regs = insn.dst_reg() | insn.src_reg() << 4;
            let ([off_low, off_high], [a, b, c, d]) = (insn.off.to_le_bytes(), insn.imm.to_le_bytes());
            [insn.code, regs, off_low, off_high, a, b, c, d]
        });
        programs.add(name, bytes.collect());
    }
    programs
}

fn open(input: Input) -> Answer {
    programs(&measured(|| read(&input))).outline()
}

fn prepare(input: Input) -> Answer {
    let mut object = read(&input);
    measured(|| {
        let kernel = Btf::from_sys_fs().expect("the kernel's types");
        object.relocate_btf(&kernel).expect("CO-RE");
        let text_sections: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
        let maps: Vec<_> = object.maps.drain().collect();
        let described = maps.iter().map(|(name, map)| (name.as_str(), 3, map));
        object.relocate_maps(described, &text_sections).expect("maps");
        object.relocate_calls(&text_sections).expect("calls");
    });
    programs(&object).answer()
}
