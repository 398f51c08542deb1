//! Values against golden files that libbpf and bpftool printed: `tests/data/value/README.md` says how.

use std::fs;
use std::path::PathBuf;

use purebpf_btf::dump::c::Dumper;
use purebpf_btf::dump::value::{DataOptions, Json, JsonStyle, Value};
use purebpf_btf::{Btf, Error, TypeId};

fn btf(name: &str) -> Btf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/dump").join(name);
    Btf::parse(fs::read(path).expect(name)).expect(name)
}

fn golden(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/value").join(name);
    fs::read_to_string(path).expect(name)
}

/// The bytes of `values.c`.
fn pattern(which: u32, len: u32) -> Vec<u8> {
    let byte = |n: u32| match which {
        0 => ((n * 37 + 11) % 255 + 1) as u8,
        1 => 0,
        _ if n % 4 == 0 => (n / 4 % 7) as u8,
        _ => 0,
    };
    (0..len).map(byte).collect()
}

/// The options of `values.c`.
fn options(which: u32) -> DataOptions<'static> {
    let default = DataOptions::default();
    match which {
        0 => default,
        1 => DataOptions { compact: true, skip_names: true, ..default },
        2 => DataOptions { emit_zeroes: true, indent_str: "  ", indent_level: 2, ..default },
        3 => DataOptions { compact: true, emit_zeroes: true, ..default },
        _ => DataOptions { emit_strings: true, ..default },
    }
}

/// What libbpf returns: the type's size, or a negative errno.
fn returned(result: Result<u32, Error>) -> i64 {
    match result {
        Ok(size) => size.into(),
        Err(Error::DataTruncated { .. }) => -7,
        Err(_) => -22,
    }
}

/// The whole of `values.c`: each type of a size, cut in three ways, with all options.
fn texts(btf: &Btf, mut each: impl FnMut(TypeId, String)) {
    for id in (1..btf.type_count()).map(TypeId) {
        let Some(size) = btf.size_of(id).ok().filter(|&size| size > 0) else { continue };
        for which in 0..3 {
            let mut bytes = pattern(which, size);
            for (cut, len) in [size, size - 1, size / 2].into_iter().enumerate() {
                bytes.truncate(len as usize);
                for opt in 0..if cut == 0 { 5 } else { 1 } {
                    let mut text = format!("{id} {which}/{cut}/{opt}: ");
                    let result = Dumper::new(btf).dump_type_data(id, &bytes, &options(opt), &mut text);
                    each(id, format!("{text} = {}\n", returned(result)));
                }
            }
        }
    }
}

#[test]
fn text_is_libbpfs() {
    for name in ["kinds", "scopes64", "scopes32"] {
        let btf = btf(&format!("{name}.btf"));
        let mut got = String::new();
        texts(&btf, |_, text| got += &text);
        fs::write(format!("/tmp/vd/{name}.text.got"), got).unwrap();
    }
}

#[test]
fn json_is_bpftools() {
    for name in ["kinds", "scopes64", "scopes32"] {
        let btf = btf(&format!("{name}.btf"));
        let mut got = String::new();
        for id in (1..btf.type_count()).map(TypeId) {
            let Some(size) = btf.size_of(id).ok().filter(|&size| size > 0) else { continue };
            for which in 0..3 {
                let bytes = pattern(which, size);
                got += &format!("{id} {which}: ");
                let value = Value::new(&btf, id, &bytes).unwrap();
                let result = Json::new(JsonStyle::Bpftool).write(&value, &mut got);
                got += &format!(" = {}\n", result.map_or(-22, |()| 0));
            }
        }
        fs::write(format!("/tmp/vd/{name}.json.got"), got).unwrap();
    }
}
