//! The words that bpftool has for what types say.

use crate::Kind;
use crate::types::{IntEncoding, Linkage};

/// The words by which bpftool calls the kinds, by number.
const KIND_NAMES: [&str; Kind::ALL.len()] = [
    "UNKNOWN",
    "INT",
    "PTR",
    "ARRAY",
    "STRUCT",
    "UNION",
    "ENUM",
    "FWD",
    "TYPEDEF",
    "VOLATILE",
    "CONST",
    "RESTRICT",
    "FUNC",
    "FUNC_PROTO",
    "VAR",
    "DATASEC",
    "FLOAT",
    "DECL_TAG",
    "TYPE_TAG",
    "ENUM64",
];

pub(super) fn kind_name(kind: Kind) -> &'static str {
    KIND_NAMES[kind.number() as usize]
}

pub(super) fn linkage_name(linkage: Linkage) -> &'static str {
    match linkage {
        Linkage::STATIC => "static",
        Linkage::GLOBAL => "global",
        Linkage::EXTERN => "extern",
        _ => "(unknown)",
    }
}

/// Encodings do not combine for bpftool: two bits at once are as unknown to it as a new one.
pub(super) fn encoding_name(encoding: IntEncoding) -> &'static str {
    match encoding {
        IntEncoding::NONE => "(none)",
        IntEncoding::SIGNED => "SIGNED",
        IntEncoding::CHAR => "CHAR",
        IntEncoding::BOOL => "BOOL",
        _ => "UNKN",
    }
}
