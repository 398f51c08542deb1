//! Split BTF: distilled, and moved back; and moved from what is taken for a distilled base.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::Btf;
use purebpf_btf::distill::{distill_base, relocate};

fuzz_target!(|bytes: &[u8]| {
    let Ok(base) = Btf::parse(bytes.to_vec()) else { return };
    let Ok(split) = Btf::parse_split(bytes.to_vec(), &base) else { return };
    let _ = relocate(&split, &base);
    let Ok(distilled) = distill_base(&split) else { return };
    let small = Btf::parse(distilled.base).expect("a distilled base can be read");
    let over = Btf::parse_split(distilled.split, &small).expect("what is split from it can be read");
    if let Ok(moved) = relocate(&over, &base) {
        let moved = Btf::parse_split(moved, &base).expect("what was moved can be read");
        assert!(moved.own_types().len() >= split.own_types().len());
    }
});
