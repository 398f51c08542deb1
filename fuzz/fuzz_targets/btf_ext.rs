//! .BTF.ext: parsed, every record of every section read; written anew, and in the other byte order, it says the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::Endian;
use purebpf_btf::ext::{BtfExt, ExtBuilder};

fuzz_target!(|bytes: &[u8]| {
    let Ok(ext) = BtfExt::parse(bytes.to_vec()) else { return };
    let _ = ext.func_info().map(|section| section.records().count()).max();
    let _ = ext.line_info().flat_map(|section| section.records()).map(|line| (line.line_number(), line.column())).max();
    let _ = ext.core_relocations().map(|section| section.records().count()).max();
    let counts = |ext: &BtfExt| {
        let lines = ext.line_info().map(|section| section.records().count()).sum::<usize>();
        let relocations = ext.core_relocations().map(|section| section.records().count()).sum::<usize>();
        (ext.func_info().map(|section| section.records().count()).sum::<usize>(), lines, relocations)
    };
    if let Ok(written) = ExtBuilder::copy_of(&ext).finish() {
        assert_eq!(counts(&BtfExt::parse(written).expect("what was written can be read")), counts(&ext));
    }
    let (same, other) = match ext.endian() {
        Endian::Little => (Endian::Little, Endian::Big),
        Endian::Big => (Endian::Big, Endian::Little),
    };
    let swapped = BtfExt::parse(ext.to_endian(other)).expect("the other byte order can be read");
    assert_eq!(counts(&swapped), counts(&ext));
    assert_eq!(swapped.to_endian(same), ext.raw_data());
});
