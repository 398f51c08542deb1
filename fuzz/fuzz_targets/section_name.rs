//! The name of an ELF section: found in the table, its target parsed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_attach::section::SectionName;

fuzz_target!(|name: &str| {
    if let Some(section) = SectionName::parse(name) {
        let _ = (section.target(), section.load_attributes());
    }
});
