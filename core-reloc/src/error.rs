//! What can be wrong with a relocation.

use alloc::string::String;

use purebpf_btf::{Kind as BtfKind, TypeId};

use crate::Kind;

/// A relocation that cannot be resolved or applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The BTF does not hold together.
    #[error(transparent)]
    Btf(#[from] purebpf_btf::Error),
    /// The accessor string does not suit the local type.
    #[error("the accessor string makes no sense: {what}")]
    BadAccess {
        /// Why.
        what: &'static str,
    },
    /// A path leads into something that has no members.
    #[error("the path leads into type {type_id}, a {kind:?}, which has no members")]
    NotAComposite {
        /// The type.
        type_id: TypeId,
        /// What it is.
        kind: BtfKind,
    },
    /// A path of more than 64 steps.
    #[error("the path has more than 64 steps")]
    PathTooLong,
    /// An offset past what 32 bits can say.
    #[error("an offset from type {type_id} overflows")]
    OffsetOverflow {
        /// Where the path begins.
        type_id: TypeId,
    },
    /// A local type without a name, for which no candidate can be looked for.
    #[error("type {type_id} is anonymous: there is no name to look for in the kernel")]
    Anonymous {
        /// The type.
        type_id: TypeId,
    },
    /// Types that nest too deep or branch too much, or relocations that have taken more steps by
    /// now than any honest object needs.
    #[error("the types are too deep or too many to compare")]
    TooComplex,
    /// A kind of relocation that array elements do not have.
    #[error("{} cannot be asked of an array's element", kind.name())]
    NotForArrays {
        /// The kind.
        kind: Kind,
    },
    /// A bitfield that no read of 8 bytes covers.
    #[error("the bitfield of {bit_size} bits at bit {bit_offset} cannot be read with one load")]
    UnreadableBitfield {
        /// Where it begins, in bits.
        bit_offset: u32,
        /// Its width in bits.
        bit_size: u32,
    },
    /// Candidates that would make different code.
    #[error("ambiguous: {first} in one candidate, {other} in another: {candidates}")]
    Ambiguous {
        /// What the first candidate says.
        first: String,
        /// What another one says.
        other: String,
        /// The candidates.
        candidates: String,
    },
    /// There are no target types.
    #[error("there are no kernel types to relocate to")]
    NoTarget,
    /// No instruction where there should be one.
    #[error("there is no instruction {insn_index}")]
    NoInstruction {
        /// The instruction.
        insn_index: u32,
    },
    /// An instruction that holds nothing that could be relocated.
    #[error("instruction {insn_index} (code {code:#04x}) holds nothing that can be relocated")]
    NotRelocatable {
        /// The instruction.
        insn_index: u32,
        /// Its code.
        code: u8,
    },
    /// An instruction that does not have the value that the local types say.
    #[error("instruction {insn_index} has {actual} where the object's own types say {expected}")]
    UnexpectedValue {
        /// The instruction.
        insn_index: u32,
        /// What it has.
        actual: u64,
        /// What it should have.
        expected: u64,
    },
    /// A load or store that cannot reach so far.
    #[error("instruction {insn_index}: offset {value} does not fit a load or store")]
    OffsetTooLarge {
        /// The instruction.
        insn_index: u32,
        /// The offset.
        value: u64,
    },
    /// A value that does not fit the immediate of a 32-bit or 64-bit operation.
    #[error("instruction {insn_index}: {value:#x} does not fit its immediate of 32 bits")]
    ValueTooLarge {
        /// The instruction.
        insn_index: u32,
        /// The value.
        value: u64,
    },
    /// A load or store of another size than its field.
    #[error("instruction {insn_index} accesses {actual} bytes of a field of {expected}")]
    UnexpectedSize {
        /// The instruction.
        insn_index: u32,
        /// Its size in bytes.
        actual: u32,
        /// The field's.
        expected: u32,
    },
    /// A field of a size that no load or store has.
    #[error("instruction {insn_index}: no load or store is of {size} bytes")]
    ImpossibleSize {
        /// The instruction.
        insn_index: u32,
        /// The target's field size in bytes.
        size: u32,
    },
}

/// Something that made no relocation fail, but that somebody should know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// A module whose BTF is damaged: its types were not considered.
    #[error("module '{module}' was left out: {cause}")]
    DamagedModule {
        /// The module.
        module: String,
        /// What is wrong with its BTF.
        cause: purebpf_btf::Error,
    },
}
