//! The kernel's configuration: unpacked, and read for an object that asks for a value of every type.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_elf_loader::kconfig::{Values, unpack};
use purebpf_elf_loader::object::Object;

const OBJECT: &[u8] = include_bytes!("../../tests/programs/kconfig_types.bpf.o");

fuzz_target!(|bytes: &[u8]| {
    let Ok(object) = Object::open(OBJECT, "kconfig_types") else { return };
    let Ok(text) = unpack(bytes.to_vec()) else { return };
    let mut values = Values::new(&object, |_| true);
    let _ = values.read(&text, "fuzz");
    let _ = values.into_parts();
});
