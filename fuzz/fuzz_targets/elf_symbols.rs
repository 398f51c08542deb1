//! The symbol tables of an ELF file: a function looked up by name, by version, and one that is not there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_attach::symbols::elf::function_offset_in;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    for (name, version) in [("main", None), ("malloc", Some("GLIBC_2.2.5")), ("nonesuch", None)] {
        let _ = function_offset_in(bytes, Path::new("fuzzed"), name, version);
    }
});
