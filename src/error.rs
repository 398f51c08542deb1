//! What can go wrong between an object file and its events.

use std::io;
use std::path::PathBuf;

/// An error of the facade.
///
/// Its text says everything, down to what the kernel said, and so there is no [`source`](std::error::Error::source): whoever
/// prints a chain of errors would print all of it again. The error of the crate below is the variant's `cause`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// An object file is damaged, or none, or could not be loaded.
    #[error("{object}: {cause}")]
    Object {
        /// The object's name, or its file's.
        object: String,
        /// What is wrong.
        cause: Box<purebpf_elf_loader::Error>,
    },
    /// A file with BTF is damaged, or none.
    #[error("{}: {cause}", path.display())]
    Btf {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: purebpf_btf::Error,
    },
    /// No program, map or variable of this name or id.
    #[error("object '{object}' has no {kind} '{name}'{}", have(among))]
    NotFound {
        /// The object.
        object: String,
        /// `program`, `map` or `variable`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        among: Vec<String>,
    },
    /// A program or map that is there, but was turned off before loading.
    #[error("{kind} '{name}' was not loaded: it was turned off before the object was loaded")]
    NotLoaded {
        /// `program` or `map`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A Rust type of another size than the BPF side's.
    #[error("{what} '{name}' has {expected} bytes, the Rust type {actual}")]
    Size {
        /// `variable`, `key of map` or `value of map`.
        what: &'static str,
        /// Its name.
        name: String,
        /// Size by the object's BTF or the map's definition, in bytes.
        expected: usize,
        /// Size of the Rust type in bytes.
        actual: usize,
    },
    /// Something that this kind of map, program or variable cannot do.
    #[error("{kind} '{name}': {what}")]
    Unsupported {
        /// `map`, `program` or `variable`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What it cannot do, and what to do instead.
        what: String,
    },
    /// A system call on a map failed.
    #[error("map '{map}': {cause}{}", more(advice))]
    Map {
        /// The map.
        map: String,
        /// What the kernel said.
        cause: purebpf_sys::Error,
        /// What it means of a map of this type, where its number alone does not tell.
        advice: Option<String>,
    },
    /// The kernel does not count runs of programs.
    #[error("cannot turn on the statistics of programs: {cause}")]
    Stats {
        /// What the kernel said.
        cause: purebpf_sys::Error,
    },
    /// A map or program that exists could not be opened.
    #[error("cannot open {kind} by {by}: {cause}")]
    Open {
        /// `map` or `program`.
        kind: &'static str,
        /// By what it was to be found: an id, a path.
        by: String,
        /// What the kernel said.
        cause: purebpf_sys::Error,
    },
    /// A map or program could not be pinned, or its pin not be removed.
    #[error("{kind} '{name}': pin {}: {cause}", path.display())]
    Pin {
        /// `map` or `program`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Where.
        path: PathBuf,
        /// Why not.
        cause: PinFault,
    },
    /// A system call on a program failed.
    #[error("program '{program}': {cause}")]
    Program {
        /// The program.
        program: String,
        /// What the kernel said.
        cause: purebpf_sys::Error,
    },
    /// A program could not be attached.
    #[error("program '{program}': {cause}")]
    Attach {
        /// The program.
        program: String,
        /// What is wrong.
        cause: Box<purebpf_attach::Error>,
    },
    /// A table of operations could not be put in use.
    #[error("map '{map}': {cause}")]
    AttachMap {
        /// The map.
        map: String,
        /// What is wrong.
        cause: Box<purebpf_attach::Error>,
    },
    /// A BPF token, by which an object was to be loaded, could not be had.
    #[error("BPF token of {}: {what}", .bpffs.display())]
    Token {
        /// The BPF file system to whose mount the rights were delegated.
        bpffs: PathBuf,
        /// What went wrong, and what is known of that.
        what: String,
    },
}

/// Why a map or program could not be pinned, or its pin not be removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PinFault {
    /// bpf(2) refused.
    #[error("{0}")]
    Kernel(purebpf_sys::Error),
    /// The file could not be removed.
    #[error("cannot be removed: {0}")]
    Remove(io::Error),
    /// Something else is pinned there.
    #[error("is of something else, and was left alone")]
    NotOurs,
}

impl Error {
    /// All that the verifier said of a program that it refused; the error's own text has what tells why.
    pub fn verifier_log(&self) -> Option<&str> {
        match self {
            Error::Object { cause, .. } => cause.verifier_log(),
            _ => None,
        }
    }

    /// Whether the kernel refused for lack of privilege (`EPERM`, `EACCES`), in whatever layer. Not so when the verifier refused
    /// a program, for which it has the same number.
    pub fn is_permission(&self) -> bool {
        match self {
            Error::Object { cause, .. } => {
                let by_the_verifier = matches!(
                    &**cause,
                    purebpf_elf_loader::Error::Rejected { rejection, .. } if !rejection.verdict.is_empty()
                );
                !by_the_verifier && cause.syscall().is_some_and(purebpf_sys::Error::is_permission)
            }
            Error::Attach { cause, .. } | Error::AttachMap { cause, .. } => cause.is_permission(),
            Error::Map { cause, .. }
            | Error::Program { cause, .. }
            | Error::Open { cause, .. }
            | Error::Stats { cause } => cause.is_permission(),
            Error::Pin { cause: PinFault::Kernel(cause), .. } => cause.is_permission(),
            _ => false,
        }
    }
}

/// The facade's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn have(among: &[String]) -> String {
    match among.len() {
        0 => " (it has none)".to_owned(),
        1..=16 => format!(" (it has: {})", among.join(", ")),
        n => format!(" (it has {n}, among them: {})", among[..16].join(", ")),
    }
}

fn more(advice: &Option<String>) -> String {
    advice.as_ref().map_or_else(String::new, |advice| format!(" ({advice})"))
}
