//! Damaged objects: the committed ones with random changes, the same in every run, so that an object's name and a number make
//! any of them again.

use purebpf::btf::{Btf, KernelBtf};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// Mutations in all, shared among the objects.
const MUTATIONS: usize = 20_000;

/// How long one mutant may keep us, however busy the machine: honest ones take milliseconds.
const LIMIT: Duration = Duration::from_secs(120);

/// Calls `exercise` with each of 20,000 mutants and what to call it; before that, once with each object as it is. One that
/// does not come back ends the process, and is named.
pub(crate) fn for_each_mutant(mut exercise: impl FnMut(&str, &[u8])) {
    let (at_work, watched) = mpsc::channel::<String>();
    let watchdog = thread::spawn(move || {
        let mut which = String::new();
        loop {
            match watched.recv_timeout(LIMIT) {
                Ok(next) => which = next,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("{which} has not come back after {} s", LIMIT.as_secs());
                    std::process::abort();
                }
            }
        }
    });
    let mut exercise = |which: &str, mutant: &[u8]| {
        at_work.send(which.to_owned()).expect("the watchdog waits for more");
        exercise(which, mutant);
    };
    let objects = committed_objects();
    assert!(objects.len() >= 5, "the committed objects are there: {objects:?}");
    for path in &objects {
        let bytes = fs::read(path).expect("the object can be read");
        exercise(&path.display().to_string(), &bytes);
        for number in 1..=MUTATIONS.div_ceil(objects.len()) as u64 {
            exercise(&format!("mutation {number} of {}", path.display()), &mutate(&bytes, number));
        }
    }
    drop(at_work);
    watchdog.join().expect("it only waits");
}

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

fn committed_objects() -> Vec<PathBuf> {
    let root = workspace();
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

/// The types of the kernel of the worked sample.
pub(crate) fn kernel() -> KernelBtf {
    let path = workspace().join("tests/data/sample/vmlinux-6.18.44.btf.zst");
    let mut bytes = Vec::new();
    let packed = fs::File::open(path).expect("the sample has this BTF");
    ruzstd::decoding::StreamingDecoder::new(packed).expect("zstd").read_to_end(&mut bytes).expect("zstd unpacks");
    KernelBtf::new(Btf::parse(bytes).expect("the sample's BTF parses"))
}

/// The workspace's root, from whichever package's tests.
fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = package.ancestors();
    let root = folders.find(|folder| folder.join("tests/data/sample").exists());
    root.expect("the package lies in the workspace").to_owned()
}
