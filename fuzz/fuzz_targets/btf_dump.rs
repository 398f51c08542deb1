//! BTF, printed in every form, all of it and some of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::dump::{self, JsonOptions, c::Header, rust::Bindings};
use purebpf_btf::{Btf, TypeId};

/// Text that goes nowhere: dumps are bounded, but not small.
struct Nowhere;

impl std::fmt::Write for Nowhere {
    fn write_str(&mut self, _: &str) -> std::fmt::Result {
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(btf) = Btf::parse(bytes.to_vec()) else { return };
    print(&btf);
    let _ = Btf::parse_split(bytes.to_vec(), &btf).map(|split| print(&split));
});

fn print(btf: &Btf) {
    let _ = dump::raw(btf, &mut Nowhere);
    let roots = [btf.first_id(), TypeId(btf.type_count() / 2), TypeId(btf.type_count())];
    for only in [None, Some(&roots[..1]), Some(&roots[..])] {
        let _ =
            dump::json_with(btf, &JsonOptions { pretty: only.is_some(), only, ..JsonOptions::default() }, &mut Nowhere);
    }
    for sorted in [true, false] {
        let _ = Header::new(btf).sorted(sorted).write(&mut Nowhere);
    }
    let _ = Header::new(btf).roots(&roots[..2]).write(&mut Nowhere);
    let _ = Bindings::new(btf).write(&mut Nowhere);
    let _ = Bindings::new(btf).roots(&roots[..2]).write(&mut Nowhere);
}
