//! The CO-RE relocations of whole objects against the BTF of a whole kernel (Linux 6.18: 126,610 types): resolved and
//! written into their instructions, as a load does it.
//!
//! Cold is the first object of a process: its first look-up builds the index of the kernel's names. Warm is any later
//! one. Parsing is measured in neither: see the benchmark of purebpf-btf.
//!
//! For comparison, libbpf 1.8's `bpf_core_add_cands`, `bpf_core_calc_relo_insn` and `bpf_core_patch_insn` on the same
//! relocations, side by side, best of 20: 3.4 ms and 3.9 ms, for every object anew, since they look through all of the
//! kernel's types once for each local type, four and five of them. Ours: 5.4 ms cold, nearly all of it the index, and
//! 0.03 ms warm.

use std::fs;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput};
use object::{Object as _, ObjectSection as _};
use purebpf_btf::ext::BtfExt;
use purebpf_btf::{Btf, KernelBtf, Owner, TypeId};
use purebpf_core_reloc::{Kind, Relocation, Resolver, apply};

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn vmlinux() -> Arc<Vec<u8>> {
    let file = fs::File::open(workspace("tests/data/sample/vmlinux-6.18.44.btf.zst")).expect("the sample's kernel");
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    Arc::new(bytes)
}

/// An object's types, and its relocations with their instructions.
struct Program {
    btf: Btf,
    relocations: Vec<(TypeId, String, Kind, Vec<u8>)>,
}

impl Program {
    fn read(path: &str) -> Program {
        let bytes = fs::read(workspace(path)).unwrap();
        let elf = object::File::parse(&*bytes).unwrap();
        let section = |name: &str| elf.section_by_name(name).unwrap().data().unwrap();
        let btf = Btf::parse(section(".BTF").to_vec()).unwrap();
        let ext = BtfExt::parse(section(".BTF.ext").to_vec()).unwrap();
        let mut relocations = Vec::new();
        for of_section in ext.core_relocations() {
            let code = section(std::str::from_utf8(btf.string(of_section.name).unwrap()).unwrap());
            for record in of_section.records() {
                let insn = &code[record.insn_off as usize..];
                let insn = insn[..if insn[0] == 0x18 { 16 } else { 8 }].to_vec();
                let access = record.access_str(&btf).unwrap().to_owned();
                relocations.push((record.type_id, access, Kind::from_number(record.kind).unwrap(), insn));
            }
        }
        Program { btf, relocations }
    }

    /// Resolves and applies all; gives how many were poisoned, and the sum of the values that were written.
    fn relocate(&self, kernel: &KernelBtf) -> (u32, u64) {
        let mut resolver = Resolver::new(&self.btf, Some(kernel));
        let (mut poisoned, mut sum) = (0, 0);
        for (n, (local_type, access, kind, insn)) in self.relocations.iter().enumerate() {
            let relocation = Relocation { local_type: *local_type, access, kind: *kind };
            let fixup = resolver.resolve(black_box(&relocation)).unwrap();
            let mut code = [0; 16];
            let code = &mut code[..insn.len()];
            code.copy_from_slice(insn);
            let applied = apply(&fixup, code, false, n as u32).unwrap();
            poisoned += u32::from(applied.poisoned);
            sum += fixup.new_value().unwrap_or(0);
        }
        (poisoned, sum)
    }
}

fn benchmarks(c: &mut Criterion) {
    let bytes = vmlinux();
    let kernel = || KernelBtf::new(Btf::parse(Owner::shared(Arc::clone(&bytes))).unwrap());
    for (name, path, relocations, expected) in [
        ("execsnoop", "examples/execsnoop/execsnoop.bpf.o", 13, (0, 11_152)),
        ("core", "tests/programs/core.bpf.o", 19, (1, 7_312)),
    ] {
        let program = Program::read(path);
        // What is measured is right: these are libbpf 1.8's numbers.
        assert_eq!(program.relocations.len(), relocations, "{name}");
        assert_eq!(program.relocate(&kernel()), expected, "{name}");

        let mut group = c.benchmark_group(format!("{name} on vmlinux 6.18"));
        group.sample_size(20);
        group.throughput(Throughput::Elements(relocations as u64));
        group.bench_function("cold", |b| {
            b.iter_batched(kernel, |kernel| (program.relocate(&kernel), kernel), BatchSize::LargeInput);
        });
        let warm = kernel();
        program.relocate(&warm);
        group.bench_function("warm", |b| b.iter(|| program.relocate(&warm)));
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    benchmarks(&mut criterion);
    criterion.final_summary();
}
