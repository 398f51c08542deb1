//! BTF: parsed, every type walked and looked up by its name, every id resolved and measured, all of
//! it printed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::dump::c::Header;
use purebpf_btf::{Btf, dump, essential_name};

/// Text that goes nowhere: dumps are bounded, but not small.
struct Nowhere;

impl std::fmt::Write for Nowhere {
    fn write_str(&mut self, _: &str) -> std::fmt::Result {
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(btf) = Btf::parse(bytes.to_vec()) else { return };
    walk(&btf);
    // The same bytes once more, as BTF that continues itself.
    let _ = Btf::parse_split(bytes.to_vec(), &btf).map(|split| walk(&split));
});

fn walk(btf: &Btf) {
    for ty in btf.own_types() {
        let _ = (btf.resolve(ty.id()), btf.size_of(ty.id()), btf.align_of(ty.id()));
        let _ = ty.name().and_then(|name| btf.find(name, ty.kind()));
        let _ = btf.ids_with_essential_name(essential_name(ty.name_bytes())).count();
        let _ = ty.members().map(|members| members.filter_map(|member| member.bit_size()).count());
    }
    let _ = dump::raw(btf, &mut Nowhere);
    let _ = Header::new(btf).write(&mut Nowhere);
    let _ = Header::new(btf).sorted(false).write(&mut Nowhere);
}
