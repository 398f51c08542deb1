//! An object file, opened: every program linked against no kernel, one that has the object's own types, and one that has those of the
//! tests' objects, elsewhere; and what links, loaded into a kernel that accepts it, and one that fails at some call.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_attach::section::SectionName;
use purebpf_btf::{Btf, Kind, KernelBtf, builder::Builder, dedup::dedup};
use purebpf_elf_loader::link::{KsymsPresent, Linker};
use purebpf_elf_loader::load::{self, DryKernel, FailNth, Kernel, Options};
use purebpf_elf_loader::object::{Object, btf_section};
use std::sync::LazyLock;

/// Objects that look for types, functions and variables of a kernel.
const OBJECTS: [&[u8]; 6] = [
    include_bytes!("../../tests/programs/core.bpf.o"),
    include_bytes!("../../tests/programs/externs.bpf.o"),
    include_bytes!("../../tests/programs/functions.bpf.o"),
    include_bytes!("../../tests/programs/kernel_functions.bpf.o"),
    include_bytes!("../../tests/programs/kernel_symbols.bpf.o"),
    include_bytes!("../../tests/programs/tracing_events.bpf.o"),
];

/// Their types, each struct with eight bytes more at its beginning.
static KERNEL: LazyLock<KernelBtf> = LazyLock::new(|| {
    let mut builder = Builder::new();
    for object in OBJECTS {
        let types = Btf::parse(btf_section(object).expect("the tests' objects have types")).expect("they are whole");
        builder.append(&types).expect("there is room");
    }
    let all = Btf::parse(builder.finish()).expect("it was just made");
    let all = Btf::parse(dedup(&all, None).expect("they are whole").btf).expect("it was just made");
    let mut moved = Builder::copy_of(&all);
    for item in all.types().filter(|item| item.kind() == Kind::Struct) {
        let mut record = moved.record_mut(item.id()).expect("it has the same types");
        record.set_word(2, record.word(2) + 8);
        // Name, info and size; then name, type and offset of each member. The highest byte may be a bitfield's size.
        for offset in (5..record.words()).step_by(3) {
            record.set_word(offset, record.word(offset) + 64);
        }
    }
    KernelBtf::new(Btf::parse(moved.finish()).expect("it was just made"))
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut object) = Object::open(bytes, "fuzz") else { return };
    let own = object.btf.as_ref().and_then(|btf| Btf::parse(btf.raw_data().to_vec()).ok()).map(KernelBtf::new);
    let mut links = Vec::new();
    for kernel in [None, own.as_ref(), Some(&*KERNEL)] {
        let linker = Linker::new(&object, kernel, &KsymsPresent);
        links = object
            .program_ids()
            .map(|program| linker.link(program).map_err(|error| error.to_string()).is_ok())
            .collect();
    }
    for (program, links) in object.programs.iter_mut().zip(links) {
        program.autoload = links;
        let section = SectionName::parse(&program.section);
        if let Some(attributes) = section.and_then(|section| section.load_attributes().ok()) {
            program.prog_type = attributes.prog_type;
            program.expected_attach_type = attributes.expected_attach_type;
        }
    }
    let kernel = DryKernel::new(Some(KERNEL.clone())).with_config("CONFIG_HZ=250\n");
    load(&object, kernel.clone());
    load(&object, FailNth::new(kernel.clone(), bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>() % 16, 22));
    assert_eq!(kernel.live(), 0, "something is left in the kernel");
});

fn load(object: &Object, kernel: impl Kernel) {
    let loaded = load::prepare(object, kernel, Options::default()).and_then(|prepared| prepared.load(object));
    let _ = loaded.map_err(|error| error.to_string());
}
