//! What the tests share: the committed objects, two kernels' types, and what libbpf 1.8 says of the objects.
//!
//! `tests/data/*.txt` come from libbpf 1.8 itself (Linux 7.2): each object opened with `bpf_object__open`, its structs
//! printed; each program relocated alone against the BTF of two kernels, with every typeless ksym taken as present; its BTF
//! passed through `bpf_object__sanitize_btf` with one feature of the kernel missing at a time. Streams are masked as `Linked`
//! leaves them (what only a loaded kernel can give is zero), sums are the first 8 bytes of SHA-256.

#![allow(dead_code, reason = "each test target uses a part of it")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use purebpf_btf::{Btf, KernelBtf};
use purebpf_elf_loader::object::Object;
use sha2::{Digest, Sha256};

pub(crate) const KERNELS: [&str; 2] = ["6.18.44", "6.12.107-amd64"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The committed objects of which libbpf's word is in `tests/data`: name and file.
pub(crate) fn objects() -> Vec<(String, PathBuf)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut objects: Vec<_> = fs::read_dir(data)
        .expect("what libbpf says is there")
        .map(|entry| {
            let name = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
            let file = path(&name);
            (name, file)
        })
        .collect();
    objects.sort();
    assert!(objects.len() >= 16, "{objects:?}");
    objects
}

fn path(name: &str) -> PathBuf {
    let folders = ["tests/programs", "tests/data/sample", "examples/execsnoop"];
    let mut files = folders.iter().map(|folder| root().join(folder).join(format!("{name}.bpf.o")));
    files.find(|file| file.exists()).unwrap_or_else(|| panic!("object {name} is committed"))
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap()
}

pub(crate) fn open(name: &str) -> Object {
    Object::open(&bytes(name), &format!("{name}.bpf.o")).unwrap()
}

/// What libbpf says of an object: the lines that begin with one of `words`.
pub(crate) fn libbpf(name: &str, words: &[&str]) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{name}.txt"));
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| line.split_whitespace().next().is_some_and(|word| words.contains(&word)));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// The types of one of [`KERNELS`], without modules.
pub(crate) fn kernel(version: &str) -> KernelBtf {
    let file = root().join(format!("tests/data/sample/vmlinux-{version}.btf.zst"));
    let mut bytes = Vec::new();
    let packed = fs::File::open(file).expect("the sample's kernel");
    ruzstd::decoding::StreamingDecoder::new(packed).unwrap().read_to_end(&mut bytes).unwrap();
    KernelBtf::new(Btf::parse(bytes).unwrap())
}

/// The first 8 bytes of SHA-256.
pub(crate) fn sum(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
