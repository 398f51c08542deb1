//! BTF as text: raw as `bpftool btf dump` lists it, the same as JSON, as a C header, and as [Rust](rust); and [values](value) of its types,
//! as text and as JSON.
//!
//! Both forms of BTF are bpftool's to the byte, that of version 7.8 (Linux 7.2). Text goes to any
//! [`core::fmt::Write`]; names that are not UTF-8 lose the offending bytes to `U+FFFD` on the way.
//!
//! A BTF may be made to say, in little space, something very long: a thousand structs each of
//! which holds the one before twice, or a struct of 4 GB that is all padding. No dump takes more
//! than 16 MiB and 64 times the size of the BTF (of a kernel's, less than eight times are needed),
//! counting bytes written, names read and, as 8 bytes each, references followed; it fails with
//! [`Error::DumpTooLarge`](crate::Error::DumpTooLarge) instead.

pub mod c;
mod json;
mod raw;
pub mod rust;
mod text;
pub mod value;
mod words;

pub use json::{JsonOptions, json, json_with};
pub use raw::{raw, raw_type};

/// `component_idx` of a declaration tag as it stands. The view takes every negative one for none;
/// bpftool, only -1.
fn component_idx(tag: &crate::Type<'_>) -> i32 {
    crate::raw::word(tag.btf().endian(), tag.record(), crate::raw::TYPE_LEN) as i32
}
