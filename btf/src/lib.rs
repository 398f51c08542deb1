//! BTF, the type format of the Linux kernel and of BPF objects: parsing without copying, look-up
//! by name through an index, `.BTF.ext`, C output, and values: what bytes say when their type is known.
//!
//! What it does:
//! - [`Btf::parse`] reads BTF of either byte order from any owner of bytes (a `Vec`, a static
//!   slice, an `Arc`'d file mapping) in one pass, checking every offset and id it will ever follow;
//!   nothing is allocated per type or per name.
//! - [`Btf::find`] and [`Btf::ids_named`] look names up through an index that is built once, on
//!   demand: a name costs a hash, not a walk over 127,000 types. Types that are sorted by name, as
//!   those of Linux 7.x are, need no index.
//! - [`Type`] and the views in [`types`] read members, parameters, enumerators and section
//!   variables in place.
//! - [`BtfExt`](ext::BtfExt) reads `.BTF.ext`: function and line information, CO-RE relocations.
//! - [`Builder`](builder::Builder) edits and extends BTF and serialises it.
//! - [`dump`] prints BTF as `bpftool btf dump` does, raw or as a C header.
//! - [`dump::value`] lays a type over bytes: to pick members out of a record, and to print it as text as
//!   libbpf does, or as JSON.
//! - [`KernelBtf`] is vmlinux and its modules, each parsed when first asked for.
//!
//! What it does not do: it opens no file, makes no system call and knows nothing of BPF programs.
//! ELF files are the business of `purebpf-elf-loader`; reading `/sys/kernel/btf` that of
//! `purebpf-sys`.
//!
//! The crate builds without `std` (it needs `alloc`); `std` is a default feature.
//!
//! Where a member lies in the running kernel:
//!
//! ```no_run
//! use purebpf_btf::{Btf, Kind};
//!
//! let btf = Btf::parse(std::fs::read("/sys/kernel/btf/vmlinux")?)?;
//! let id = btf.find("task_struct", Kind::Struct).ok_or("no task_struct")?;
//! for member in btf.type_by_id(id)?.members().into_iter().flatten() {
//!     println!("{:>6} {}", member.bit_offset / 8, member.name().unwrap_or("(anonymous)"));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! And BTF made on the spot:
//!
//! ```
//! use purebpf_btf::{Btf, Kind, TypeData, builder::Builder};
//!
//! let mut builder = Builder::new();
//! let int = builder.add_int("int", 4, purebpf_btf::IntEncoding::SIGNED)?;
//! let point = builder.add_struct("point", 8)?;
//! builder.add_member("x", int, 0)?;
//! builder.add_member("y", int, 32)?;
//!
//! let btf = Btf::parse(builder.finish())?;
//! assert_eq!(btf.find("point", Kind::Struct), Some(point));
//! let TypeData::Struct(point) = btf.type_by_id(point)?.data() else { unreachable!() };
//! let names: Vec<_> = point.members().filter_map(|m| m.name()).collect();
//! assert_eq!(names, ["x", "y"]);
//! # Ok::<(), purebpf_btf::Error>(())
//! ```
#![deny(unsafe_code)]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod btf;
pub mod builder;
pub mod dedup;
pub mod distill;
pub mod dump;
#[cfg(feature = "elf")]
mod elf;
mod error;
pub mod ext;
mod fields;
mod header;
mod id;
mod index;
mod kernel_btf;
mod layout;
mod nearest;
mod once;
mod owner;
mod path;
pub mod raw;
mod records;
mod serialize;
mod string_table;
mod strings;
mod tags;
pub mod types;
pub mod validate;

pub use btf::{Btf, NamedIds};
#[cfg(feature = "elf")]
pub use elf::ElfBtf;
pub use error::Error;
pub use header::Header;
pub use id::{StrOffset, TypeId};
pub use index::essential_name;
pub use kernel_btf::{KernelBtf, ModuleBtf};
pub use nearest::Nearest;
pub use owner::Owner;
pub use path::Place;
pub use raw::Endian;
pub use types::{IntEncoding, Kind, Linkage, Type, TypeData};
