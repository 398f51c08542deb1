//! Damaged objects: 20,000 random mutations of the committed ones through open, inspect and
//! relocate. None panics, none hangs, none takes more memory than a small multiple of the input.
//!
//! The mutations are the same in every run: a failure prints the object and the number that makes it
//! again.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use purebpf::btf::{Btf, KernelBtf};
use purebpf::elf_loader::link::KsymsPresent;

/// Mutations in all, shared among the objects.
const MUTATIONS: usize = 20_000;

/// Memory that one mutant may take at once: a multiple of its file, and something for small ones.
const MEMORY_FACTOR: usize = 24;
const MEMORY_BASE: usize = 256 << 10;

/// Longest that one mutant may take. Honest ones take milliseconds; this is for telling a hang.
const TIME: Duration = Duration::from_secs(20);

/// Counts what is allocated at once.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; counting does not touch memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A small generator of numbers that are the same everywhere (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Changes a few bytes, words or stretches of `bytes`, or cuts it short.
fn mutate(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut mutant = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(mutant.len());
        match random.below(8) {
            0..=2 => mutant[at] = random.next() as u8,
            3 | 4 => mutant[at] ^= 1 << random.below(8),
            5 => {
                // Numbers at the edges of what fields can say.
                const EDGES: [u32; 8] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff, 0x10000, 0xfff];
                let word = EDGES[random.below(EDGES.len())].to_le_bytes();
                let end = (at + 4).min(mutant.len());
                mutant[at..end].copy_from_slice(&word[..end - at]);
            }
            6 => {
                let from = random.below(mutant.len());
                let len = random.below(64).min(mutant.len() - at).min(mutant.len() - from);
                mutant.copy_within(from..from + len, at);
            }
            _ => {
                if random.below(4) == 0 {
                    mutant.truncate(at.max(1));
                }
            }
        }
    }
    mutant
}

/// Opens, inspects and relocates; what comes of it does not matter.
fn exercise(bytes: &[u8], kernel: &KernelBtf) {
    let Ok(open) = purebpf::Object::open_bytes(bytes, "mutant.bpf.o") else { return };
    let object = open.description();
    if let (Some(btf), Some(ext)) = (&object.btf, &object.btf_ext) {
        for relocation in ext.core_relocations().flat_map(|section| section.records()) {
            let _ = relocation.access_str(btf);
        }
    }
    let linker = open.linker(Some(kernel), &KsymsPresent);
    for id in open.program_ids() {
        let _ = linker.link(id).map_err(|error| error.to_string());
    }
}

fn committed_objects() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut objects = Vec::new();
    for folder in ["tests/programs", "tests/data/sample", "examples/execsnoop"] {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().ends_with(".bpf.o") {
                objects.push(entry.path());
            }
        }
    }
    objects.sort();
    objects
}

fn kernel() -> KernelBtf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sample/vmlinux-6.18.44.btf.zst");
    let mut bytes = Vec::new();
    let packed = fs::File::open(path).expect("the sample has this BTF");
    ruzstd::decoding::StreamingDecoder::new(packed).expect("zstd").read_to_end(&mut bytes).expect("zstd unpacks");
    KernelBtf::new(Btf::parse(bytes).expect("the sample's BTF parses"))
}

#[test]
fn mutants_neither_panic_nor_hang_nor_hoard() {
    let kernel = kernel();
    let objects = committed_objects();
    assert!(objects.len() >= 5, "the committed objects are there: {objects:?}");
    for path in &objects {
        let bytes = fs::read(path).expect("the object can be read");
        // The kernel's name index is built at the first look-up and is not the mutant's.
        exercise(&bytes, &kernel);
        let mutations = MUTATIONS.div_ceil(objects.len());
        for number in 0..mutations as u64 {
            let mutant = mutate(&bytes, number + 1);
            let before = NOW.load(Ordering::Relaxed);
            PEAK.store(before, Ordering::Relaxed);
            let begin = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| exercise(&mutant, &kernel)));
            let taken = PEAK.load(Ordering::Relaxed).saturating_sub(before);
            let which = format!("mutation {number} of {}", path.display());
            assert!(outcome.is_ok(), "{which} panicked");
            assert!(begin.elapsed() < TIME, "{which} took {:?}", begin.elapsed());
            let limit = mutant.len() * MEMORY_FACTOR + MEMORY_BASE;
            assert!(taken <= limit, "{which} took {taken} bytes of memory, {} in the file", mutant.len());
        }
    }
}
