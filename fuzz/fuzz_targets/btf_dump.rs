//! BTF, printed in every form, all of it and some of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::dump::{self, JsonOptions, c::Header, rust::Bindings};
use purebpf_btf::{Btf, TypeId};

/// Text that goes nowhere, of so much there is room for. Dumps are bounded by themselves, but not small: padding of a size that is
/// damaged is millions of lines that say nothing new.
struct Nowhere {
    room: usize,
}

impl std::fmt::Write for Nowhere {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.room = self.room.checked_sub(text.len()).ok_or(std::fmt::Error)?;
        Ok(())
    }
}

fn nowhere() -> Nowhere {
    Nowhere { room: 1 << 16 }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(btf) = Btf::parse(bytes.to_vec()) else { return };
    print(&btf);
    let _ = Btf::parse_split(bytes.to_vec(), &btf).map(|split| print(&split));
});

fn print(btf: &Btf) {
    let _ = dump::raw(btf, &mut nowhere());
    let roots = [btf.first_id(), TypeId(btf.type_count() / 2), TypeId(btf.type_count())];
    for only in [None, Some(&roots[..1]), Some(&roots[..])] {
        let _ = dump::json_with(
            btf,
            &JsonOptions { pretty: only.is_some(), only, ..JsonOptions::default() },
            &mut nowhere(),
        );
    }
    for sorted in [true, false] {
        let _ = Header::new(btf).sorted(sorted).write(&mut nowhere());
    }
    let _ = Header::new(btf).roots(&roots[..2]).write(&mut nowhere());
    let _ = Bindings::new(btf).write(&mut nowhere());
    let _ = Bindings::new(btf).roots(&roots[..2]).write(&mut nowhere());
}
