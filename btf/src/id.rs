//! Typed ids and offsets, so that one cannot be used where another belongs.

use core::fmt;

/// The number of a type within its BTF; for split BTF, counted on from the base's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct TypeId(pub u32);

impl TypeId {
    /// Type 0, `void`, which stands in no BTF and is known to all.
    pub const VOID: TypeId = TypeId(0);

    /// Whether this is `void`.
    pub const fn is_void(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.0)
    }
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The offset of a string in the string section, in bytes; for split BTF, counted on from the end
/// of the base's section. Offset 0 is the empty string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[repr(transparent)]
pub struct StrOffset(pub u32);

impl StrOffset {
    /// The empty string: what anonymous things carry as their name.
    pub const EMPTY: StrOffset = StrOffset(0);
}
