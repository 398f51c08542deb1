//! BTF, the type format of the Linux kernel and of BPF objects: read, looked up, compared, written, deduplicated, printed.
//!
//! # BTF in five minutes
//!
//! BTF says what types a program has: `struct task_struct` is so many bytes long, has a member `pid` at this bit, of that type.
//! Linux brings its own as a file, `/sys/kernel/btf/vmlinux`, and a small one for each module beside it; clang puts that of a BPF program
//! into a section `.BTF` of the object.
//!
//! It is two lists. The *strings* are names, one behind the other, and named by where they begin. The *types* are
//! records, and named by their numbers: the first is type 1, and 0 is `void`. A record has a name, a kind, a size or the number of
//! another type, and, depending on the kind, a list behind it. There are 19 kinds ([`Kind`]):
//!
//! - numbers: integers, floats, enums of 32 and of 64 bits;
//! - what holds others: structs, unions, arrays;
//! - what leads to one other: pointers, `const` and its like, typedefs, tags on types;
//! - functions and their prototypes; variables and the sections that hold them; tags on declarations;
//! - and declarations of structs that are defined elsewhere.
//!
//! `const char *name[4]` is four records: array of 4 → pointer → `const` → `char`. A declaration in C is a walk over such
//! references, and so is everything below.
//!
//! A module's BTF is *split*: its numbers and names go on where those of vmlinux, its *base*, end. [`Btf::parse_split`] reads it over that,
//! and answers for both.
//!
//! ## Where is a member?
//!
//! ```no_run
//! use purebpf_btf::Btf;
//!
//! let btf = Btf::parse(std::fs::read("/sys/kernel/btf/vmlinux")?)?;
//! let place = btf.place("task_struct.mm")?;
//! println!("task_struct.mm is {} bytes from the start", place.byte_offset());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## What does a struct look like?
//!
//! As C, with all that it needs, and member by member:
//!
//! ```
//! use purebpf_btf::{Btf, IntEncoding, Kind, builder::Builder, dump::c::Dumper};
//! # let mut builder = Builder::new();
//! # let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
//! # let entry = builder.add_struct("entry", 16)?;
//! # let next = purebpf_btf::TypeId(entry.0 + 1);
//! # builder.add_member("next", next, 0)?;
//! # builder.add_member("count", int, 64)?;
//! # builder.add_reference(Kind::Ptr, entry)?;
//! # let bytes = builder.finish();
//!
//! let btf = Btf::parse(bytes)?;
//! let entry = btf.find("entry", Kind::Struct).expect("there is one");
//! let mut text = String::new();
//! Dumper::new(&btf).dump_type(entry, &mut text)?;
//! assert_eq!(text, "struct entry {\n\tstruct entry *next;\n\tint count;\n};\n\n");
//!
//! for member in btf.type_by_id(entry)?.members().into_iter().flatten() {
//!     println!("{:>6} {:<10} {}", member.bit_offset / 8, member.name().unwrap_or("-"), btf.size_of(member.type_id)?);
//! }
//! # Ok::<(), purebpf_btf::Error>(())
//! ```
//!
//! ## What is another kernel's like?
//!
//! Which structs of one have another size in the other, by a look-up in each:
//!
//! ```no_run
//! use purebpf_btf::{Btf, Kind};
//!
//! let [old, new] = ["5.10.btf", "7.2.btf"].map(|file| std::fs::read(file).map(Btf::parse));
//! let (old, new) = (old??, new??);
//! for this in old.types().filter(|this| this.kind() == Kind::Struct) {
//!     let Some(name) = this.name() else { continue };
//!     match new.find(name, Kind::Struct) {
//!         None => println!("{name} is gone"),
//!         Some(id) if new.size_of(id)? != old.size_of(this.id())? => println!("{name} has another size"),
//!         Some(_) => {}
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## How is BTF made?
//!
//! ```
//! use purebpf_btf::{Btf, IntEncoding, Kind, builder::Builder, validate::KernelRules};
//!
//! let mut builder = Builder::new();
//! let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
//! let point = builder.add_struct("point", 8)?;
//! builder.add_member("x", int, 0)?;
//! builder.add_member("y", int, 32)?;
//!
//! let btf = Btf::parse(builder.finish())?;
//! assert_eq!(btf.find("point", Kind::Struct), Some(point));
//! assert!(btf.validate_for_kernel(KernelRules::linux(6, 18)).is_ok());
//! # Ok::<(), purebpf_btf::Error>(())
//! ```
//!
//! # What is here
//!
//! - [`Btf`] reads BTF of either byte order from any owner of bytes (a `Vec`, a static slice, an `Arc`'d file mapping) in one pass,
//!   checking every offset and id that it will ever follow; nothing is allocated per type or per name. Clones share everything.
//! - [`Btf::find`], [`Btf::ids_named`] and [`Btf::place`] look names up through an index that is built once, on demand: a name costs a hash, not
//!   a walk over 127,000 types. Types that are sorted by name, as those of Linux 7.x are, need no index.
//! - [`Type`] and the views in [`types`] read members, parameters, enumerators and section variables in place.
//! - [`builder`] makes BTF, changes it, appends, sorts, turns its byte order.
//! - [`mod@dedup`] keeps one of each type; [`distill`] makes split BTF that can be moved to another kernel.
//! - [`ext`] reads and writes `.BTF.ext`: function and line information, CO-RE relocations.
//! - [`dump`] prints BTF as bpftool does, raw, as JSON and as a C header, and as Rust; [`dump::value`] lays a type over bytes.
//! - [`validate`] tells what the kernel would refuse.
//! - [`KernelBtf`] is vmlinux and its modules, each parsed when first asked for.
//!
//! What is not: it opens no file, makes no system call and knows nothing of BPF programs. Reading `/sys/kernel/btf` is the business of
//! `purebpf-sys`.
//!
//! # Features
//!
//! - `std`, by default: without it the crate needs `alloc` only.
//! - `elf`: `Btf::parse_elf`, for BTF within ELF files, by way of the crate `object`.
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
mod scan;
mod serialize;
mod shapes;
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
