//! `struct btf_header`, and where the sections lie that it names.

use core::ops::Range;

use crate::Error;
use crate::raw::{self, Endian};

/// The header of a BTF, checked: all ranges lie within the bytes it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Byte order of everything in this BTF.
    pub endian: Endian,
    /// `version` of the header. Only 1 is defined; libbpf reads all others as that, and so does this.
    pub version: u8,
    /// `flags` of the header; none is defined yet.
    pub flags: u8,
    /// `hdr_len`: 24, or 32 where the layout section's fields are there; more in some future, whose
    /// fields are passed over, as libbpf passes over them.
    pub hdr_len: u32,
    /// Where the type section lies, in bytes from the start of the BTF.
    pub types: Range<usize>,
    /// Where the string section lies, in bytes from the start of the BTF.
    pub strings: Range<usize>,
    /// Where the layout section lies, which tells readers the sizes of kinds they do not know.
    pub layout: Option<Range<usize>>,
}

impl Header {
    /// Reads and checks the header at the start of `bytes`.
    ///
    /// # Errors
    /// When the bytes are no BTF, or a section does not lie within them.
    pub fn parse(bytes: &[u8]) -> Result<Header, Error> {
        if bytes.len() < raw::HEADER_LEN {
            return Err(Error::HeaderTruncated { len: bytes.len() });
        }
        let magic = Endian::Little.u16(bytes, 0).unwrap_or(0);
        let endian = match magic {
            raw::MAGIC => Endian::Little,
            _ if magic.swap_bytes() == raw::MAGIC => Endian::Big,
            _ => return Err(Error::NotBtf { magic }),
        };
        let word = |at| raw::word(endian, bytes, at);
        let hdr_len = word(4);
        let header_end = hdr_len as usize;
        if header_end < raw::HEADER_LEN || header_end > bytes.len() {
            return Err(Error::BadHeaderLength { hdr_len, len: bytes.len() });
        }
        let section = |name: &'static str, off: u32, len: u32| -> Result<Range<usize>, Error> {
            let bad = Error::SectionOutOfRange { section: name, off, len, available: bytes.len() - header_end };
            let start = header_end.checked_add(off as usize).ok_or(bad)?;
            let end = start.checked_add(len as usize).ok_or(bad)?;
            if end > bytes.len() { Err(bad) } else { Ok(start..end) }
        };
        let (type_off, type_len) = (word(8), word(12));
        if type_off % 4 != 0 {
            return Err(Error::MisalignedTypes { type_off });
        }
        let types = section("type", type_off, type_len)?;
        let strings = section("string", word(16), word(20))?;
        let layout = match header_end >= raw::HEADER_LEN_LAYOUT && word(28) != 0 {
            true => Some(section("layout", word(24), word(28))?),
            false => None,
        };
        if types.start < strings.end && strings.start < types.end && !types.is_empty() && !strings.is_empty() {
            return Err(Error::OverlappingSections { type_off, str_off: word(16) });
        }
        Ok(Header { endian, version: bytes[2], flags: bytes[3], hdr_len, types, strings, layout })
    }
}
