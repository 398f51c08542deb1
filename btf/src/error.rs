//! What can be wrong with a BTF, or with a question put to it.

use core::fmt;

use crate::{Kind, StrOffset, TypeId};

/// A fault in BTF data, or in a request about it. Each variant carries the offending value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Fewer bytes than a header has.
    #[error("BTF header truncated: {len} bytes, 24 needed")]
    HeaderTruncated {
        /// How many bytes there are.
        len: usize,
    },
    /// The first two bytes are not BTF's magic in either byte order.
    #[error("not BTF: magic is {magic:#06x}, not 0xeb9f")]
    NotBtf {
        /// The first two bytes, read as little-endian.
        magic: u16,
    },
    /// `hdr_len` is too small or reaches past the end.
    #[error("BTF header length {hdr_len} does not fit the data ({len} bytes)")]
    BadHeaderLength {
        /// The header's `hdr_len`.
        hdr_len: u32,
        /// How many bytes there are.
        len: usize,
    },
    /// A section named by the header does not lie within the data.
    #[error("BTF {section} section at {off}, {len} bytes, lies outside the data ({available} bytes after the header)")]
    SectionOutOfRange {
        /// Which section.
        section: &'static str,
        /// Its offset from the end of the header.
        off: u32,
        /// Its length in bytes.
        len: u32,
        /// How many bytes there are after the header.
        available: usize,
    },
    /// The type section does not start at a multiple of 4.
    #[error("BTF type section at {type_off} is not aligned to 4 bytes")]
    MisalignedTypes {
        /// The section's offset from the end of the header.
        type_off: u32,
    },
    /// Types and strings share bytes.
    #[error("BTF type section at {type_off} and string section at {str_off} overlap")]
    OverlappingSections {
        /// The type section's offset.
        type_off: u32,
        /// The string section's offset.
        str_off: u32,
    },
    /// The string section does not begin, or does not end, with a NUL.
    #[error("BTF string section must begin and end with a NUL byte")]
    BadStringSection,
    /// A record in the type section reaches past its end.
    #[error("BTF type {id} at offset {offset} of the type section is truncated")]
    TypeTruncated {
        /// The type.
        id: TypeId,
        /// Where it starts, in bytes from the start of the type section.
        offset: usize,
    },
    /// A kind that is neither known nor described by a layout section.
    #[error("BTF type {id} is of unknown kind {kind}")]
    UnknownKind {
        /// The type.
        id: TypeId,
        /// Its kind's number.
        kind: u8,
    },
    /// More types than ids.
    #[error("BTF has more types than can be numbered")]
    TooManyTypes,
    /// A type refers to an id that does not exist.
    #[error("BTF type {id} refers to type {target}, which does not exist (there are {count})")]
    DanglingTypeId {
        /// The type that refers.
        id: TypeId,
        /// What it refers to.
        target: TypeId,
        /// How many types there are, `void` included.
        count: u32,
    },
    /// A type refers to a string that does not exist.
    #[error("BTF type {id} has a name at string offset {}, past the end of the strings ({len} bytes)", offset.0)]
    DanglingString {
        /// The type that refers.
        id: TypeId,
        /// The string's offset.
        offset: StrOffset,
        /// How many bytes of strings there are.
        len: u32,
    },
    /// An id given by the caller that does not exist.
    #[error("no BTF type {id} (there are {count})")]
    NoSuchType {
        /// The id asked for.
        id: TypeId,
        /// How many types there are, `void` included.
        count: u32,
    },
    /// A string offset given by the caller that does not exist.
    #[error("no BTF string at offset {}", offset.0)]
    NoSuchString {
        /// The offset asked for.
        offset: StrOffset,
    },
    /// A chain of modifiers, typedefs or arrays that is a cycle, or too long to be honest.
    #[error("BTF type {id} leads through more than {limit} references: a cycle?")]
    TooDeep {
        /// Where the chain began.
        id: TypeId,
        /// How many steps were followed.
        limit: u32,
    },
    /// A type that has no size: a function, a forward declaration, `void`.
    #[error("BTF type {id} ({kind:?}) has no size")]
    Unsized {
        /// The type.
        id: TypeId,
        /// What it is.
        kind: Kind,
    },
    /// A size that does not fit 32 bits.
    #[error("size of BTF type {id} overflows")]
    SizeOverflow {
        /// The type.
        id: TypeId,
    },
    /// The bytes that a value was read from end before it does.
    #[error("{len} bytes of data, {needed} needed for a value of BTF type {id} in them")]
    DataTruncated {
        /// The type of the value.
        id: TypeId,
        /// Where the value ends, in bytes from the start of the data: that many are needed to read it.
        needed: u64,
        /// How many bytes there are.
        len: u64,
    },
    /// A value of as many bits as no number of its kind has.
    #[error("BTF type {id}: no number of its kind has {bits} bits")]
    NotANumber {
        /// The type of the value.
        id: TypeId,
        /// How many bits it has.
        bits: u32,
    },
    /// Split BTF and its base are of different byte order.
    #[error("split BTF and its base differ in byte order")]
    EndianMismatch,
    /// A type that takes itself to define: a struct that holds itself, a typedef of itself. C
    /// cannot say it.
    #[error("BTF type {id} is part of itself")]
    TypeCycle {
        /// The type at which the cycle was noticed.
        id: TypeId,
    },
    /// A dump that outgrows its BTF beyond reason, as types can that nest in one another many times.
    #[error("dump stopped after {limit} bytes and steps: types repeat within one another")]
    DumpTooLarge {
        /// What a dump of this BTF may come to, in bytes written or read of names, and references followed.
        limit: u64,
    },
    /// A deduplication that comes to no end within reason: many types that look alike and are not.
    #[error("deduplication stopped: too many of the types look alike and are not")]
    DedupTooLarge,
    /// Strings that grow beyond reason as they are copied: names that begin within one another.
    #[error("copying stopped: the names come to many times the size of the strings")]
    TooManyStrings,
    /// Distilled types and types of a base that share one name, too many to compare each with each.
    #[error("relocation stopped: too many types share a name")]
    TooManyAlike,
    /// A variable, a data section or a declaration tag where a type belongs.
    #[error("BTF type {id} ({kind:?}) is part of a type, as none of its kind can be")]
    MisplacedType {
        /// The type.
        id: TypeId,
        /// What it is.
        kind: Kind,
    },
    /// A path to a member that leads nowhere.
    #[error("byte {at} of the path: {why}")]
    BadPath {
        /// Where, in bytes from the start of the path.
        at: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// Bytes that are no ELF file.
    #[error("not an ELF file")]
    NotElf,
    /// An ELF file without BTF.
    #[error("the ELF file has no .BTF section")]
    NoBtfSection,
    /// BTF that a kernel would not load.
    #[error("the kernel refuses {}: {why}", Refused(*id))]
    KernelRefuses {
        /// The type that fails; `void` where it is none in particular.
        id: TypeId,
        /// What is wrong.
        why: &'static str,
    },
    /// BTF that has no base where one is needed.
    #[error("the BTF is not split over a base")]
    NotSplit,
    /// A type that no distilled base has: anonymous, or of a kind that is kept in the split BTF.
    #[error("BTF type {id} ({kind:?}) cannot be in a distilled base")]
    NotDistilled {
        /// The type.
        id: TypeId,
        /// What it is.
        kind: Kind,
    },
    /// A type of a distilled base that has no match in the base to which it is to be moved.
    #[error("type {id} ({kind:?}) of the distilled base has no match in the new base")]
    NotInBase {
        /// The type in the distilled base.
        id: TypeId,
        /// What it is.
        kind: Kind,
    },
    /// A type of a distilled base that may be either of two types of the new base.
    #[error("type {id} of the distilled base matches types {first} and {second} of the new base")]
    AmbiguousInBase {
        /// The type in the distilled base.
        id: TypeId,
        /// A match.
        first: TypeId,
        /// Another.
        second: TypeId,
    },
    /// The writer that a dump was given refused to take more.
    #[error("the writer failed")]
    Write,
    /// A module's BTF could not be read from where it is kept.
    #[error("the BTF cannot be read")]
    Unreadable,
    /// `.BTF.ext` is damaged.
    #[error("bad .BTF.ext: {what} at offset {offset}")]
    BadExt {
        /// What is wrong.
        what: &'static str,
        /// Where, in bytes from the start of the section.
        offset: usize,
    },
    /// The builder was asked for something that BTF cannot say.
    #[error("cannot be written as BTF: {what}")]
    CannotBuild {
        /// What, and why not.
        what: &'static str,
    },
}

/// What a kernel refuses: a type, or all of it.
struct Refused(TypeId);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_void() { f.write_str("the BTF") } else { write!(f, "BTF type {}", self.0) }
    }
}
