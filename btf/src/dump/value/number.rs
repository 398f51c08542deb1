//! Numbers within bytes: of any width up to 128 bits, at any bit, in either byte order.

use core::fmt;

use crate::types::{Enum, EnumValue, EnumValues};
use crate::{Endian, IntEncoding};

/// Most bits that a number can have.
pub(super) const MAX_BITS: u32 = 128;

/// Reads `width` bits of `bytes` from bit `start` on; `None` where the bytes end before, and for more
/// than 128 bits. Bits count from the least significant one of the first byte in little-endian data,
/// from the most significant one in big-endian data.
pub(super) fn read_bits(endian: Endian, bytes: &[u8], start: u32, width: u32) -> Option<u128> {
    if width > MAX_BITS {
        return None;
    }
    let bytes = bytes.get((start / 8) as usize..)?;
    let start = start % 8;
    let end = start + width;
    let bytes = bytes.get(..end.div_ceil(8) as usize)?;
    if start == 0 && width % 8 == 0 {
        return Some(read_bytes(endian, bytes));
    }
    let mut value = 0u128;
    let mut add = |n: usize, byte: u8| {
        // What of this byte belongs to the number, in bits from where counting starts.
        let first = if n == 0 { start } else { 0 };
        let last = (end - n as u32 * 8).min(8);
        let shift = if endian == Endian::Little { first } else { 8 - last };
        let bits = u32::from(byte) >> shift & ((1 << (last - first)) - 1);
        value = value << (last - first) | u128::from(bits);
    };
    match endian {
        Endian::Little => bytes.iter().enumerate().rev().for_each(|(n, &byte)| add(n, byte)),
        Endian::Big => bytes.iter().enumerate().for_each(|(n, &byte)| add(n, byte)),
    }
    Some(value)
}

/// A number of at most 16 whole bytes.
fn read_bytes(endian: Endian, bytes: &[u8]) -> u128 {
    let add = |value: u128, &byte: &u8| value << 8 | u128::from(byte);
    match endian {
        Endian::Little => bytes.iter().rev().fold(0, add),
        Endian::Big => bytes.iter().fold(0, add),
    }
}

/// The low `width` bits of `bits` as a number with a sign.
fn sign_extend(bits: u128, width: u32) -> i128 {
    match MAX_BITS.checked_sub(width) {
        Some(unused @ 0..128) => (bits << unused) as i128 >> unused,
        _ => 0,
    }
}

/// An integer, a boolean or a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntValue {
    /// Its bits, zero-extended.
    pub bits: u128,
    /// How many bits it has.
    pub width: u8,
    /// How it is to be shown.
    pub encoding: IntEncoding,
    /// Whether it is a bitfield: not whole bytes, or said to be one by its struct.
    pub is_bitfield: bool,
}

impl IntValue {
    /// Whether it has a sign.
    pub fn is_signed(&self) -> bool {
        self.encoding.contains(IntEncoding::SIGNED)
    }

    /// Whether it is a `bool`.
    pub fn is_bool(&self) -> bool {
        self.encoding.contains(IntEncoding::BOOL)
    }

    /// The number; `None` for an unsigned one of 128 bits that is too large.
    pub fn to_i128(&self) -> Option<i128> {
        match self.is_signed() {
            true => Some(sign_extend(self.bits, self.width.into())),
            false => self.bits.try_into().ok(),
        }
    }
}

/// In decimal, as its sign has it.
impl fmt::Display for IntValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_signed() {
            true => sign_extend(self.bits, self.width.into()).fmt(f),
            false => self.bits.fmt(f),
        }
    }
}

/// A number of an enum.
#[derive(Clone)]
pub struct EnumNumber<'a> {
    /// The number, sign-extended where the enum is signed.
    pub value: u64,
    /// Whether the enum is signed.
    pub signed: bool,
    /// Whether the enum is one of 64-bit values.
    pub is_wide: bool,
    /// Whether it is a bitfield.
    pub is_bitfield: bool,
    bits: u64,
    values: EnumValues<'a>,
}

impl<'a> EnumNumber<'a> {
    pub(super) fn new(data: &Enum<'a>, bits: u128, width: u32, is_wide: bool, is_bitfield: bool) -> EnumNumber<'a> {
        let value = if data.signed { sign_extend(bits, width) as u64 } else { bits as u64 };
        EnumNumber { value, signed: data.signed, is_wide, is_bitfield, bits: bits as u64, values: data.values() }
    }

    /// Its bits, zero-extended.
    pub fn bits(&self) -> u64 {
        self.bits
    }

    /// The enum's enumerators.
    pub fn values(&self) -> EnumValues<'a> {
        self.values.clone()
    }

    /// The first enumerator with that number.
    pub fn enumerator(&self) -> Option<EnumValue<'a>> {
        self.values().find(|enumerator| enumerator.value == self.value)
    }

    /// The number.
    pub fn to_i128(&self) -> i128 {
        if self.signed { (self.value as i64).into() } else { self.value.into() }
    }
}

impl fmt::Debug for EnumNumber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnumNumber({})", self.to_i128())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit by bit, by the definition.
    fn slow(endian: Endian, bytes: &[u8], start: u32, width: u32) -> u128 {
        let bit = |n: u32| match endian {
            Endian::Little => bytes[n as usize / 8] >> (n % 8) & 1,
            Endian::Big => bytes[n as usize / 8] >> (7 - n % 8) & 1,
        };
        let bits = (start..start + width).map(|n| u128::from(bit(n)));
        match endian {
            Endian::Little => bits.rev().fold(0, |value, bit| value << 1 | bit),
            Endian::Big => bits.fold(0, |value, bit| value << 1 | bit),
        }
    }

    #[test]
    fn any_bits_of_either_order() {
        let bytes: [u8; 18] = core::array::from_fn(|n| (n as u8).wrapping_mul(0x9d) ^ 0x5a);
        for endian in [Endian::Little, Endian::Big] {
            for start in 0..16 {
                for width in 0..=128 {
                    let expected = slow(endian, &bytes, start, width);
                    assert_eq!(read_bits(endian, &bytes, start, width), Some(expected), "{endian:?} {start} {width}");
                }
            }
            assert_eq!(read_bits(endian, &bytes, 0, 129), None);
            assert_eq!(read_bits(endian, &bytes[..2], 9, 8), None);
            assert_eq!(read_bits(endian, &bytes[..2], 17, 0), None);
        }
    }

    #[test]
    fn signs() {
        assert_eq!(sign_extend(0b101, 3), -3);
        assert_eq!(sign_extend(0b011, 3), 3);
        assert_eq!(sign_extend(u128::MAX, 128), -1);
        assert_eq!(sign_extend(0, 0), 0);
    }
}
