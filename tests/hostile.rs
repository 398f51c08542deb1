//! Damaged objects: 20,000 random mutations of the committed ones, opened and relocated through the library. None panics, none
//! hangs, none takes more memory than a small multiple of the input. (What the tool prints of them is tested beside the tool.)

#[path = "common/mutations.rs"]
mod mutations;

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use purebpf::btf::KernelBtf;
use purebpf::elf_loader::link::KsymsPresent;

/// Memory that one mutant may take at once: a multiple of its file, and something for small ones.
const MEMORY_FACTOR: usize = 24;
const MEMORY_BASE: usize = 256 << 10;

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

#[test]
fn mutants_neither_panic_nor_hang_nor_hoard() {
    let kernel = mutations::kernel();
    // The kernel's name index is built at the first look-up, and is not a mutant's.
    exercise(include_bytes!("../examples/execsnoop/execsnoop.bpf.o"), &kernel);
    mutations::for_each_mutant(|which, mutant| {
        let before = NOW.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let outcome = catch_unwind(AssertUnwindSafe(|| exercise(mutant, &kernel)));
        let taken = PEAK.load(Ordering::Relaxed).saturating_sub(before);
        assert!(outcome.is_ok(), "{which} panicked");
        let limit = mutant.len() * MEMORY_FACTOR + MEMORY_BASE;
        assert!(taken <= limit, "{which} took {taken} bytes of memory, {} in the file", mutant.len());
    });
}
