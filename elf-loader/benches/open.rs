//! What an object costs before any kernel is asked: opening, and linking its programs against the types of Linux 6.18
//! (5.5 MB, 126,610 types, whose index of names exists already, as it does in a process that opens more than one object).
//!
//! Two objects: execsnoop (2 programs, 436 instructions, CO-RE throughout) and `many_maps` (4 programs; 22 maps, 12
//! externs). For comparison, libbpf 1.8 where these take 101 and 50 µs for execsnoop, 110 and 5 µs for `many_maps`:
//! `bpf_object__open_mem` takes 220 and 540 µs; externs, CO-RE and `bpf_object__relocate`, with vmlinux parsed beforehand,
//! 6,500 and 2,300 µs, for it passes over all types of the kernel for each name.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::path::Path;

use criterion::{Criterion, Throughput};
use purebpf_btf::{Btf, KernelBtf};
use purebpf_elf_loader::link::{KsymsPresent, Linker};
use purebpf_elf_loader::object::Object;
use sha2::{Digest, Sha256};

fn file(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).expect("the object is committed")
}

fn kernel() -> KernelBtf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample/vmlinux-6.18.44.btf.zst");
    let packed = File::open(path).expect("the sample's kernel, in the workspace's test data");
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed).unwrap().read_to_end(&mut bytes).unwrap();
    KernelBtf::new(Btf::parse(bytes).unwrap())
}

/// Links every program; gives how many instructions they have.
fn link(object: &Object, kernel: &KernelBtf) -> usize {
    let linker = Linker::new(object, Some(kernel), &KsymsPresent);
    object.program_ids().map(|id| linker.link(id).unwrap().insns.len()).sum()
}

/// The first 8 bytes of SHA-256 of a program's stream.
fn sum(object: &Object, program: &str, kernel: &KernelBtf) -> String {
    let linked = Linker::new(object, Some(kernel), &KsymsPresent).link(object.program(program).unwrap()).unwrap();
    let bytes: Vec<u8> = linked.insns.iter().flat_map(|insn| insn.to_bytes(cfg!(target_endian = "big"))).collect();
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn benchmarks(c: &mut Criterion) {
    let kernel = kernel();
    for (name, path, program, expected) in [
        ("execsnoop", "examples/execsnoop/execsnoop.bpf.o", "on_exec", "819db706a5158e45"),
        ("many_maps", "tests/programs/many_maps.bpf.o", "use_externs", "73cc0ed803c46ab5"),
    ] {
        let bytes = file(path);
        let object = Object::open(&bytes, name).unwrap();
        // What is measured is right: these are libbpf's streams.
        assert_eq!(sum(&object, program, &kernel), expected, "{name}");
        let insns = link(&object, &kernel);

        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("open", |b| b.iter(|| Object::open(black_box(&bytes), name).unwrap()));
        group.throughput(Throughput::Elements(insns as u64));
        group.bench_function("link", |b| b.iter(|| link(black_box(&object), &kernel)));
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    benchmarks(&mut criterion);
    criterion.final_summary();
}
