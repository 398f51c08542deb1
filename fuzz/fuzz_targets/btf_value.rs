//! Values: BTF, and bytes that every type of it is laid over; as text, as JSON, and member by member.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::dump::c::Dumper;
use purebpf_btf::dump::value::{DataOptions, Json, JsonStyle, Value};
use purebpf_btf::{Btf, Error};

fuzz_target!(|input: (u8, Vec<u8>, &[u8])| {
    let (flags, bytes, btf) = input;
    let Ok(btf) = Btf::parse(btf.to_vec()) else { return };
    let options = DataOptions {
        compact: flags & 1 != 0,
        skip_names: flags & 2 != 0,
        emit_zeroes: flags & 4 != 0,
        emit_strings: flags & 8 != 0,
        flexible_arrays: flags & 16 != 0,
        ..DataOptions::default()
    };
    let style = if flags & 32 != 0 { JsonStyle::Bpftool } else { JsonStyle::Natural };
    for ty in btf.types().take(32) {
        let Ok(value) = Value::new(&btf, ty.id(), &bytes) else { continue };
        let _ = (value.bytes(), value.to_i128(), value.to_text(), value.member("a"), value.element(3));
        // One that is too large takes its time, and says nothing new of the next.
        let text = Dumper::new(&btf).dump_type_data(ty.id(), &bytes, &options, &mut String::new());
        let json = Json::new(style).flexible_arrays(options.flexible_arrays).write(&value, &mut String::new());
        if [text.err(), json.err()].iter().any(|error| matches!(error, Some(Error::DumpTooLarge { .. }))) {
            return;
        }
    }
});
