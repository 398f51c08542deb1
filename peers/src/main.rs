//! One library at one piece of work, once, in a process of its own:
//!
//!     purebpf-peers --library NAME --work NAME [--btf FILE] [--names FILE] [--object FILE] [--write FILE]
//!
//! prints what came of it as a number that must be the same whoever did the work, how long it took, how much of that the kernel
//! was at bpf(2), and by how much memory grew at most. Reading the files is not part of it, and dropping what was made
//! neither; the BTF is parsed, and the object opened, before the clock runs (unless that is the work), but counts as memory.
//! `--work list` says which library does what.

mod aya;
mod btfrs;
mod libbpf;
mod measure;
mod objects;
mod ours;
mod syscall;

use std::{env, fs, process::ExitCode};

/// What work is done on; empty where it needs none.
pub struct Input {
    pub btf: Vec<u8>,
    /// The names to look up: `KIND NAME`, KIND a number.
    pub names: Vec<(u32, String)>,
    /// A BPF object.
    pub object: Vec<u8>,
}

/// What came of a piece of work.
pub enum Answer {
    Number(u64),
    /// The text or the bytes that were made.
    Bytes(Vec<u8>),
}

/// A piece of work. It gets the input and calls [`measure::measured`] on what counts.
pub type Work = fn(Input) -> Answer;

/// With BTF, and with objects.
const LIBRARIES: &[(&str, [&[(&str, Work)]; 2])] = &[
    ("purebpf", [ours::WORKS, objects::ours::WORKS]),
    ("libbpf", [libbpf::WORKS, objects::libbpf::WORKS]),
    ("btf-rs", [btfrs::WORKS, &[]]),
    ("aya-obj", [aya::WORKS, objects::aya::WORKS]),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let args: Vec<String> = env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    if value("--work").is_some_and(|work| work == "list") {
        for (library, works) in LIBRARIES {
            works.iter().copied().flatten().for_each(|(work, _)| println!("{library} {work}"));
        }
        return Ok(());
    }
    let required = |name: &str| value(name).ok_or(format!("no {name}"));
    let (library, work) = (required("--library")?, required("--work")?);
    let works = LIBRARIES.iter().find(|(name, _)| name == library).ok_or(format!("no library {library}"))?.1;
    let work =
        works.iter().copied().flatten().find(|(name, _)| name == work).ok_or(format!("{library} has no {work}"))?.1;
    let read = |name: &str| {
        let read = |path| fs::read(path).map_err(|error| format!("{path}: {error}"));
        value(name).map_or(Ok(Vec::new()), read)
    };
    let names = String::from_utf8(read("--names")?).map_err(|error| error.to_string())?;
    let names = names.lines().filter_map(|line| {
        let (kind, name) = line.split_once(' ')?;
        Some((kind.parse().ok()?, name.to_owned()))
    });
    let input = Input { btf: read("--btf")?, names: names.collect(), object: read("--object")? };
    measure::begin();
    let answer = work(input);
    let number = match &answer {
        Answer::Number(number) => *number,
        Answer::Bytes(bytes) => hash(bytes),
    };
    if let (Some(path), Answer::Bytes(bytes)) = (value("--write"), &answer) {
        fs::write(path, bytes).map_err(|error| format!("{path}: {error}"))?;
    }
    let (time, in_bpf, memory) = measure::results();
    println!("answer {number:016x}\nnanoseconds {time}\nbpf {in_bpf}\nkilobytes {memory}");
    Ok(())
}

/// Of bytes: FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// What is told of a walk: a sum over everything that was met, whose order does not matter.
#[derive(Default)]
pub struct Walk {
    sum: u64,
}

impl Walk {
    pub fn item(&mut self, kind: u32, name_len: usize) {
        self.sum = self.sum.wrapping_add(1 + (u64::from(kind) << 40)).wrapping_add(name_len as u64);
    }

    pub fn member(&mut self, name_len: usize, type_id: u32, bit_offset: u32) {
        let (type_id, bit_offset) = (u64::from(type_id), u64::from(bit_offset));
        self.sum = self.sum.wrapping_add(name_len as u64 + (type_id << 8)).wrapping_add(bit_offset << 16);
    }

    pub fn answer(self) -> Answer {
        Answer::Number(self.sum)
    }
}

/// What is told of names: their ids, in order.
pub fn ids_answer(ids: &[u32]) -> Answer {
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    Answer::Number(hash(&bytes))
}
