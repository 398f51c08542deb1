//! A BTF's bytes from its sections: header, types, layout section if there is one, strings; in this order, without gaps, as libbpf
//! writes them and the kernel wants them.

use alloc::vec::Vec;

use crate::raw::{self, Endian};

/// The bytes of a BTF of these sections. Types and strings come to less than 4 GiB each; whoever gathers them sees to it.
pub(crate) fn btf(endian: Endian, types: &[u8], layout: Option<&[u8]>, strings: &[u8]) -> Vec<u8> {
    let mut bytes = header(endian, types.len(), layout, strings.len());
    bytes.extend_from_slice(types);
    bytes.extend_from_slice(layout.unwrap_or_default());
    bytes.extend_from_slice(strings);
    bytes
}

/// The header of a BTF whose sections have these lengths, with room for what follows.
///
/// A layout section that is there and empty means that the header has its fields: so a header that was read with them is
/// written with them.
pub(crate) fn header(endian: Endian, types_len: usize, layout: Option<&[u8]>, strings_len: usize) -> Vec<u8> {
    let header_len = if layout.is_some() { raw::HEADER_LEN_LAYOUT } else { raw::HEADER_LEN };
    let layout_len = layout.unwrap_or_default().len();
    let mut bytes = Vec::with_capacity(header_len + types_len + layout_len + strings_len);
    bytes.extend_from_slice(&match endian {
        Endian::Little => raw::MAGIC.to_le_bytes(),
        Endian::Big => raw::MAGIC.to_be_bytes(),
    });
    bytes.extend_from_slice(&[raw::VERSION, 0]);
    let layout_off = if layout_len == 0 { 0 } else { types_len };
    let fields = [header_len, 0, types_len, types_len + layout_len, strings_len, layout_off, layout_len];
    for &field in fields.iter().take(header_len / 4 - 1) {
        bytes.extend_from_slice(&endian.bytes(field as u32));
    }
    bytes
}
