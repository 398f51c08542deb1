//! An object file: opened, and what it says of itself looked at.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_attach::section::SectionName;
use purebpf_elf_loader::object::{Object, btf_section};

fuzz_target!(|bytes: &[u8]| {
    let _ = btf_section(bytes).map_err(|error| error.to_string());
    let mut object = match Object::open(bytes, "fuzz.bpf.o") {
        Ok(object) => object,
        Err(error) => {
            let _ = error.to_string();
            return;
        }
    };
    for id in object.program_ids() {
        let _ = object.function_of(id).map(|function| function.insns.len());
        let section = object.programs.get(id.0).and_then(|program| SectionName::parse(&program.section));
        let _ = section.map(|section| section.load_attributes().map_err(|error| error.to_string()).is_ok());
    }
    if let (Some(btf), Some(ext)) = (&object.btf, &object.btf_ext) {
        for record in ext.core_relocations().flat_map(|section| section.records()) {
            let _ = record.access_str(btf);
        }
    }
    for n in 0..object.variables.len() {
        let variable = object.variables[n].clone();
        let map = object.maps.get_mut(variable.map.0);
        let _ = map.and_then(|map| map.initial_bytes_mut(variable.offset, variable.size)).map(|bytes| bytes.fill(1));
    }
});
