//! BPF objects: opened, linked into instruction streams, loaded into the kernel.
//!
//! Three floors, each usable without the one above:
//! - [`object`]: ELF bytes become a plain description, [`Object`](object::Object): programs, maps, variables, externs,
//!   references. Pure.
//! - [`link`]: an object and the types of a kernel become one flat instruction stream a program, with CO-RE applied,
//!   subprograms appended, and the references to maps and kernel symbols listed. Pure; no kernel is asked.
//! - [`load`] (Linux): BTF is trimmed to what the kernel knows, maps are created, references filled in, programs loaded,
//!   through the small trait [`load::Kernel`].
//!
//! Beside them, [`kconfig`] reads the kernel's configuration for externs that ask for its values. Pure.
//!
//! What it does not do: it knows no section names (a program's type is somebody else's to fill in: `purebpf-attach` has
//! the table), attaches nothing, and does not read what programs produce.
//!
//! ```no_run
//! use purebpf_elf_loader::{link::{KsymsPresent, Linker}, object::Object};
//!
//! let object = Object::open(&std::fs::read("program.bpf.o")?, "program")?;
//! let linker = Linker::new(&object, None, &KsymsPresent);
//! for (id, program) in object.program_ids().zip(&object.programs) {
//!     println!("{}: {} instructions", program.name, linker.link(id)?.insns.len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod error;
pub mod kconfig;
pub mod link;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub mod load;
mod nearest;
pub mod object;
mod poison;

pub use error::Error;
