//! Where a record holds names and ids of other types: what everything that moves types about rewrites.

use crate::raw::{self, Info};
use crate::types::Kind;

/// Places of one sort in a record, in bytes from its start, ascending.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The place before the list, if there is one.
    head: Option<usize>,
    next: usize,
    step: usize,
    left: u32,
}

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if let Some(at) = self.head.take() {
            return Some(at);
        }
        self.left = self.left.checked_sub(1)?;
        let at = self.next;
        self.next += self.step;
        Some(at)
    }
}

/// Where a record has string offsets: its own name, and those of the items of its list.
#[inline]
pub(crate) fn names(info: Info) -> Places {
    let list = match Kind::from_number(info.kind()) {
        Some(kind @ (Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 | Kind::FuncProto)) => kind.element_len(),
        _ => 0,
    };
    Places { head: Some(0), next: raw::TYPE_LEN, step: list, left: if list == 0 { 0 } else { info.vlen() } }
}

/// Where a record has ids of other types.
#[inline]
pub(crate) fn ids(info: Info) -> Places {
    let none = Places { head: None, next: raw::TYPE_LEN, step: 0, left: 0 };
    let Some(kind) = Kind::from_number(info.kind()) else { return none };
    let list =
        |head, first: usize| Places { head, next: raw::TYPE_LEN + first, step: kind.element_len(), left: info.vlen() };
    match kind {
        Kind::Array => Places { step: 4, left: 2, ..none },
        Kind::Struct | Kind::Union => list(None, 4),
        Kind::FuncProto => list(Some(8), 4),
        Kind::Datasec => list(None, 0),
        kind if kind.has_type() => Places { head: Some(8), ..none },
        _ => none,
    }
}

/// Where a struct, union, array or prototype has ids of other types, in the order in which libbpf compares them: of an array, the index
/// comes first.
#[inline]
pub(crate) fn compared_ids(info: Info) -> Places {
    match Kind::from_number(info.kind()) {
        Some(Kind::Array) => Places { head: Some(16), next: 12, step: 0, left: 1 },
        _ => ids(info),
    }
}
