//! Names of functions: those of the kernel, those of ELF files, and what is near a name that is none.
//!
//! The kernel's lists hold hundreds of thousands of lines. They are read in large pieces and filtered while they are read;
//! nothing is allocated for a line.

pub mod elf;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub mod kernel;

pub use purebpf_btf::Nearest;
