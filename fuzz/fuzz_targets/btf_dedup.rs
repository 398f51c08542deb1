//! BTF, deduplicated: what is left can be read, is no more than there was, and names what each type became.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::{Btf, builder::Builder, dedup::dedup};

fuzz_target!(|bytes: &[u8]| {
    let Ok(btf) = Btf::parse(bytes.to_vec()) else { return };
    check(&btf, None);
    let mut doubled = Builder::copy_of(&btf);
    if doubled.append(&btf).is_ok() {
        check(&Btf::parse(doubled.finish()).expect("BTF with itself appended can be read"), None);
    }
    if let Ok(split) = Btf::parse_split(bytes.to_vec(), &btf) {
        check(&split, Some(&btf));
    }
});

fn check(btf: &Btf, base: Option<&Btf>) {
    let Ok(deduped) = dedup(btf, None) else { return };
    let left = match base {
        Some(base) => Btf::parse_split(deduped.btf.clone(), base),
        None => Btf::parse(deduped.btf.clone()),
    };
    let left = left.expect("what is left can be read");
    assert!(left.own_types().len() <= btf.own_types().len());
    for ty in btf.own_types() {
        let new = deduped.new_id(ty.id()).expect("each type became one");
        assert!(new.0 < left.type_count());
    }
}
