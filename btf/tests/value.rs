//! Values against golden files that libbpf and bpftool printed: `tests/data/value/README.md` says how.

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use purebpf_btf::dump::c::Dumper;
use purebpf_btf::dump::value::{DataOptions, Json, JsonStyle, Value};
use purebpf_btf::{Btf, Error, Kind, TypeId};
use sha2::{Digest, Sha256};

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

/// The types of `values.c`: those that have a size, without tags, which have their target's.
fn size(btf: &Btf, id: TypeId) -> Option<u32> {
    let is_tag = btf.type_by_id(id).unwrap().kind() == Kind::DeclTag;
    btf.size_of(id).ok().filter(|&size| size > 0 && !is_tag)
}

/// What libbpf returns: the type's size, or a negative errno.
fn returned(result: Result<u32, Error>) -> i64 {
    match result {
        Ok(size) => size.into(),
        Err(Error::DataTruncated { .. }) => -7,
        Err(_) => -22,
    }
}

/// The whole of `values.c`: every `step`-th type, what it is cut to, and the options.
fn texts(btf: &Btf, step: usize) -> String {
    let mut all = String::new();
    for id in (1..btf.type_count()).step_by(step).map(TypeId) {
        let Some(size) = size(btf, id) else { continue };
        let is_array = btf.type_by_id(id).unwrap().kind() == Kind::Array;
        for which in 0..3 {
            let mut bytes = pattern(which, size);
            for (cut, len) in [size, size - 1, size / 2].into_iter().enumerate() {
                bytes.truncate(len as usize);
                for opt in 0..if cut > 0 || size > 512 { 1 } else { 5 } {
                    if (cut > 0 && step > 1) || (opt == 4 && !is_array) || (which == 1 && opt % 2 == 1) {
                        continue;
                    }
                    all += &format!("{id} {which}/{cut}/{opt}: ");
                    let result = Dumper::new(btf).dump_type_data(id, &bytes, &options(opt), &mut all);
                    all += &format!(" = {}\n", returned(result));
                }
            }
        }
    }
    all
}

/// Compares record by record, to show the one that differs and not two whole files. Records that
/// begin with `~` are those of the repaired libbpf; how many is told.
#[track_caller]
fn assert_same(got: &str, golden: &str) -> usize {
    let records = |text: &str| -> Vec<String> {
        let mut records: Vec<String> = Vec::new();
        for line in text.split_inclusive('\n') {
            if line.starts_with('[') || line.starts_with("~[") || records.is_empty() {
                records.push(String::new());
            }
            records.last_mut().unwrap().push_str(line);
        }
        records
    };
    let golden = records(golden);
    let got = records(got);
    let mut repaired = 0;
    for (got, golden) in got.iter().zip(&golden) {
        let expected = golden.strip_prefix('~').inspect(|_| repaired += 1).unwrap_or(golden);
        assert_eq!(got, expected);
    }
    assert_eq!(got.len(), golden.len());
    repaired
}

#[test]
fn text_is_libbpfs() {
    for (name, repaired) in [("kinds", 64), ("scopes64", 21), ("scopes32", 7)] {
        let got = texts(&btf(&format!("{name}.btf")), 1);
        assert_eq!(assert_same(&got, &golden(&format!("{name}.txt"))), repaired);
    }
}

/// `values.fixed vmlinux.btf 512 | sha256sum`.
#[test]
fn text_of_a_kernels_types_is_libbpfs() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample/vmlinux-6.18.44.btf.zst");
    let Ok(file) = fs::File::open(&path) else {
        println!("skipped: no kernel (the crate is not in its workspace)");
        return;
    };
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    let got = texts(&Btf::parse(bytes).unwrap(), 512);
    let hash: String = Sha256::digest(got).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, "0d976f648cb137c59eaa8e38913286ce14e2f2b1a09706fc1c4a91baf9f0e475");
}

#[test]
fn json_is_bpftools() {
    for name in ["kinds", "scopes64", "scopes32"] {
        let btf = btf(&format!("{name}.btf"));
        let golden = golden(&format!("{name}.json.txt"));
        for line in golden.lines() {
            let (head, expected) = line.split_once(": ").unwrap();
            let (id, which) = head.strip_prefix('[').unwrap().split_once("] ").unwrap();
            let id = TypeId(id.parse().unwrap());
            let bytes = pattern(which.parse().unwrap(), size(&btf, id).unwrap());
            let mut got = String::new();
            Json::new(JsonStyle::Bpftool).write(&Value::new(&btf, id, &bytes).unwrap(), &mut got).unwrap();
            assert_eq!(format!("{got} = 0"), expected, "{head}");
        }
        assert!(golden.lines().count() > 100);
    }
}
