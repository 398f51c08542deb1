//! What the tool prints of damaged objects: 20,000 random mutations of the committed ones through `object inspect`,
//! `object relocate`, `btf layout` and `btf diff`, for programs and for people, and as `run` would tell of their variables. None
//! panics, none hangs.

#[path = "../../tests/common/mutations.rs"]
mod mutations;

use std::panic::{AssertUnwindSafe, catch_unwind};

use purebpf::{btf::Btf, btf::KernelBtf, elf_loader::link::KsymsPresent};

use crate::{btf, inspect, relocate, run};

fn exercise(mutant: &[u8], kernel: &KernelBtf) {
    let Ok(open) = purebpf::Object::open_bytes(mutant, "mutant.bpf.o") else { return };
    let object = open.description();
    let linker = open.linker(Some(kernel), &KsymsPresent);
    run::describe_variables(object);
    let programs: Vec<_> = open.program_ids().zip(&object.programs).collect();
    for json in [true, false] {
        inspect::text(object, json).expect("text can be made of any object");
        relocate::text(object, &linker, &programs, json).expect("text can be made of any object");
    }
}

#[test]
fn mutants_neither_panic_nor_hang() {
    let kernel = mutations::kernel();
    mutations::for_each_mutant(|which, mutant| {
        let outcome = catch_unwind(AssertUnwindSafe(|| exercise(mutant, &kernel)));
        assert!(outcome.is_ok(), "{which} panicked");
    });
}

/// The types of damaged objects, laid out, and compared with those of the object before it was damaged: of one mutant in
/// four an eighth of the types, as all of all would take an hour.
#[test]
fn mutants_types_neither_panic_nor_hang() {
    let mut whole = None;
    let (mut turn, mut exercised) = (0, 0);
    mutations::for_each_mutant(|which, mutant| {
        turn += 1;
        // Each object comes as it is before its mutants do.
        let is_whole = !which.starts_with("mutation ");
        if !is_whole && turn % 4 != 0 {
            return;
        }
        let Ok(types) = purebpf::elf_loader::object::btf_section(mutant) else { return };
        let Ok(types) = Btf::parse(types) else { return };
        if is_whole {
            whole = Some(types);
            return;
        }
        // Most are damaged elsewhere.
        let Some(whole) = whole.as_ref().filter(|whole| whole.raw_data() != types.raw_data()) else { return };
        exercised += 1;
        let outcome = catch_unwind(AssertUnwindSafe(|| btf::exercise(whole, &types, turn / 4)));
        assert!(outcome.is_ok(), "{which} panicked");
    });
    assert!(exercised > 1000, "{exercised}");
}
