//! BTF: parsed, every type walked, printed and looked up by its name, every id resolved and measured.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::{Btf, dump};

fuzz_target!(|bytes: &[u8]| {
    let Ok(btf) = Btf::parse(bytes.to_vec()) else { return };
    let mut listing = String::new();
    let _ = dump::raw(&btf, &mut listing);
    for ty in btf.types() {
        let _ = (btf.resolve(ty.id()), btf.size_of(ty.id()), btf.align_of(ty.id()));
        let _ = ty.name().and_then(|name| btf.find(name, ty.kind()));
        let _ = ty.members().map(|members| members.filter_map(|member| member.name()).count());
    }
    // The same bytes once more, as BTF that continues itself.
    let _ = Btf::parse_split(bytes.to_vec(), &btf).map(|split| split.own_types().count());
});
