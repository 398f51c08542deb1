//! Values: what bytes say when their type is known.
//!
//! [`Value`] is a type laid over bytes. [`Value::data`] opens it as [`Type::data`](crate::Type::data)
//! opens a type: into a number, a pointer, an enumerator, or into members or elements that are
//! values again. Nothing is allocated and nothing is read before it is asked for, so that a tool
//! picks the members it wants; text ([`Dumper::dump_type_data`](crate::dump::c::Dumper::dump_type_data))
//! and JSON ([`Json`]) are written by walking the same way.
//!
//! ```
//! use purebpf_btf::{Btf, Endian, IntEncoding, builder::Builder, dump::value::Value};
//!
//! let mut builder = Builder::new();
//! let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
//! let char = builder.add_int("char", 1, IntEncoding::SIGNED)?;
//! let comm = builder.add_array(char, int, 8)?;
//! let event = builder.add_struct("event", 12)?;
//! builder.add_member("pid", int, 0)?;
//! builder.add_member("comm", comm, 32)?;
//! let btf = Btf::parse(builder.finish())?;
//!
//! let mut record = 1234i32.to_ne_bytes().to_vec();
//! record.extend(b"bash\0\0\0\0");
//! let event = Value::new(&btf, event, &record)?;
//! assert_eq!(event.member("pid")?.unwrap().to_i64(), Some(1234));
//! assert_eq!(event.member("comm")?.unwrap().to_text(), Some(&b"bash"[..]));
//! # Ok::<(), purebpf_btf::Error>(())
//! ```
//!
//! **Bytes** are in the byte order of the BTF, and pointers as large as its `long`. They need not be
//! aligned, nor as many as the type has: what they do not reach is
//! [`DataTruncated`](crate::Error::DataTruncated) when it is opened, and what they do reach can be
//! read. Arrays are given as far as they go, because programs shorten them to send less.
//!
//! **Hostile BTF** costs no more than its reader asks for: opening a value takes a bounded number of
//! steps, and values nest no deeper than 256 levels. A walk over all that there is may
//! take for ever, as arrays of four billion elements without size can be nested; the writers of text
//! and JSON stop at the limit that [`dump`](crate::dump) promises, which grows with the data by 256
//! bytes for each.

mod float;
mod json;
mod number;
mod text;
mod view;

pub use float::{FloatFormat, FloatValue};
pub use json::{Json, JsonStyle};
pub use number::{EnumNumber, IntValue};
pub use text::DataOptions;
pub use view::{Elements, Field, Fields, SectionVar, SectionVars, Value, ValueData};
