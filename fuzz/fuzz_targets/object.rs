//! An object file: opened, and every program linked, against no kernel and against one that has the object's own types.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::{Btf, KernelBtf};
use purebpf_elf_loader::link::{KsymsPresent, Linker};
use purebpf_elf_loader::object::Object;

fuzz_target!(|bytes: &[u8]| {
    let Ok(object) = Object::open(bytes, "fuzz") else { return };
    let own = object.btf.as_ref().and_then(|btf| Btf::parse(btf.raw_data().to_vec()).ok()).map(KernelBtf::new);
    for kernel in [None, own.as_ref()] {
        let linker = Linker::new(&object, kernel, &KsymsPresent);
        for program in object.program_ids() {
            let _ = linker.link(program);
        }
    }
});
