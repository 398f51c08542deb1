//! BTF in an ELF file, with a distilled base or without; alone, and over another BTF.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::Btf;

fuzz_target!(|bytes: &[u8]| {
    let Ok(found) = Btf::parse_elf(bytes.to_vec(), None) else { return };
    let _ = Btf::parse_elf(bytes.to_vec(), Some(&found.btf)).map(|split| split.btf.own_types().count());
});
