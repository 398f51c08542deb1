//! How long a type's record is, by kind; for kinds from the future, as the layout section says.

use crate::raw::{self, Endian, Info};
use crate::types::Kind;

/// `BTF_KIND_LAYOUT`: one record a kind, which says how much follows `struct btf_type`.
pub(crate) const LAYOUT_LEN: usize = 4;

/// Length in bytes of the whole record of a type, or `None` for a kind about which nothing is
/// known. Everything in a record is a word or two: lengths that are no multiples of 4 are none, for libbpf too.
pub(crate) fn record_len(info: Info, endian: Endian, layout: Option<&[u8]>) -> Option<usize> {
    let vlen = info.vlen() as usize;
    let tail = match Kind::from_number(info.kind()) {
        Some(kind) => kind.fixed_tail() + vlen * kind.element_len(),
        None => {
            let at = info.kind() as usize * LAYOUT_LEN;
            let record = layout?.get(at..at + LAYOUT_LEN)?;
            // struct btf_layout { __u8 info_sz; __u8 elem_sz; __u16 flags; }
            let _flags = endian.u16(record, 2)?;
            if record[0] % 4 != 0 || record[1] % 4 != 0 {
                return None;
            }
            record[0] as usize + vlen * record[1] as usize
        }
    };
    Some(raw::TYPE_LEN + tail)
}
