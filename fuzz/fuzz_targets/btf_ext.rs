//! .BTF.ext: parsed, every record of every section read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::ext::BtfExt;

fuzz_target!(|bytes: &[u8]| {
    let Ok(ext) = BtfExt::parse(bytes.to_vec()) else { return };
    let _ = ext.func_info().map(|section| section.records().count()).max();
    let _ = ext.line_info().flat_map(|section| section.records()).map(|line| (line.line_number(), line.column())).max();
    let _ = ext.core_relocations().map(|section| section.records().count()).max();
});
