//! The wire format: sizes of the records in the type section, and how their words are read.
//!
//! Names and layout follow `include/uapi/linux/btf.h` (`struct btf_type` and what follows it).

/// `BTF_MAGIC`, in the byte order of the file.
pub const MAGIC: u16 = 0xeb9f;
/// The only version there is.
pub const VERSION: u8 = 1;
/// Size of `struct btf_header` without the layout section's two fields.
pub const HEADER_LEN: usize = 24;
/// Size of `struct btf_header` with `layout_off` and `layout_len`.
pub const HEADER_LEN_LAYOUT: usize = 32;
/// Size of `struct btf_type`.
pub const TYPE_LEN: usize = 12;
/// Size of `struct btf_array`.
pub const ARRAY_LEN: usize = 12;
/// Size of `struct btf_member`.
pub const MEMBER_LEN: usize = 12;
/// Size of `struct btf_enum`.
pub const ENUM_LEN: usize = 8;
/// Size of `struct btf_enum64`.
pub const ENUM64_LEN: usize = 12;
/// Size of `struct btf_param`.
pub const PARAM_LEN: usize = 8;
/// Size of `struct btf_var_secinfo`.
pub const VAR_SECINFO_LEN: usize = 12;

/// The byte order in which a BTF is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Endian {
    /// The byte order of the machine this was compiled for.
    pub const NATIVE: Endian = if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little };

    /// Reads a `u16` at `at`; `None` past the end.
    #[inline]
    pub fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let word: [u8; 2] = bytes.get(at..)?.first_chunk().copied()?;
        Some(match self {
            Endian::Little => u16::from_le_bytes(word),
            Endian::Big => u16::from_be_bytes(word),
        })
    }

    /// Reads a `u32` at `at`; `None` past the end.
    #[inline]
    pub fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let word: [u8; 4] = bytes.get(at..)?.first_chunk().copied()?;
        Some(match self {
            Endian::Little => u32::from_le_bytes(word),
            Endian::Big => u32::from_be_bytes(word),
        })
    }

    /// The four bytes of `value` in this order.
    #[inline]
    pub fn bytes(self, value: u32) -> [u8; 4] {
        match self {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        }
    }
}

/// Reads a word of a record whose extent was checked when the BTF was parsed. Past the end, which
/// only an owner of bytes that changes under us can bring about, the answer is 0 (`void`, `""`).
#[inline]
pub(crate) fn word(endian: Endian, bytes: &[u8], at: usize) -> u32 {
    endian.u32(bytes, at).unwrap_or(0)
}

/// The second word of `struct btf_type`: kind, `kind_flag` and `vlen`.
///
/// The newest UAPI gives `vlen` 24 bits and the kind 7 (16 and 5 before; the bits between were
/// reserved as zero).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Info(pub u32);

impl Info {
    /// Largest `vlen` that the format can say.
    pub const MAX_VLEN: u32 = 0x00ff_ffff;

    /// Composes the word.
    pub const fn new(kind: u8, vlen: u32, kind_flag: bool) -> Info {
        Info((kind as u32 & 0x7f) << 24 | (vlen & Self::MAX_VLEN) | (kind_flag as u32) << 31)
    }

    /// The number of the kind (`BTF_KIND_*`).
    pub const fn kind(self) -> u8 {
        (self.0 >> 24 & 0x7f) as u8
    }

    /// How many members, enumerators, parameters or variables follow.
    pub const fn vlen(self) -> u32 {
        self.0 & Self::MAX_VLEN
    }

    /// `kind_flag`; what it means depends on the kind.
    pub const fn kind_flag(self) -> bool {
        self.0 >> 31 == 1
    }
}
