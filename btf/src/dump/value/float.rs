//! Floating-point numbers of 2 to 16 bytes, without the C library and exactly.
//!
//! BTF says how large a float is and not which format it has. For 2, 4, 8 and 12 bytes there is one
//! (but for `__bf16`, told by its name); 16 bytes may be the x87 format in 10 of them or IEEE's
//! binary128.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::Endian;

/// How a float's bits are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FloatFormat {
    /// `_Float16`: IEEE's binary16.
    Half,
    /// `__bf16`: the upper half of a `float`.
    Bfloat,
    /// `float`.
    Single,
    /// `double`.
    Double,
    /// `long double` of x86: 80 bits, the integer bit among them.
    X87,
    /// `long double` of most others: IEEE's binary128.
    Quad,
}

impl FloatFormat {
    /// Width of exponent and of fraction, in bits; x87's integer bit counts with the fraction.
    fn widths(self) -> (u32, u32) {
        match self {
            FloatFormat::Half => (5, 10),
            FloatFormat::Bfloat => (8, 7),
            FloatFormat::Single => (8, 23),
            FloatFormat::Double => (11, 52),
            FloatFormat::X87 => (15, 64),
            FloatFormat::Quad => (15, 112),
        }
    }
}

/// A floating-point number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloatValue {
    format: FloatFormat,
    /// Sign, exponent and fraction, right-aligned.
    bits: u128,
}

/// A number taken apart: `mantissa * 2^exponent`.
enum Parts {
    Finite { mantissa: u128, exponent: i32 },
    Infinite,
    NotANumber,
}

impl FloatValue {
    /// A float of `size` bytes, whose bytes make the number `bits`; `None` for a size that no format
    /// has.
    pub(super) fn new(size: u32, bits: u128, endian: Endian, name: &[u8]) -> Option<FloatValue> {
        let format = match size {
            2 if name == b"__bf16" => FloatFormat::Bfloat,
            2 => FloatFormat::Half,
            4 => FloatFormat::Single,
            8 => FloatFormat::Double,
            12 => FloatFormat::X87,
            // As compilers lay it down, the x87 format leaves its last six bytes zero; as binary128
            // that would be a number below 10^-4931. x86 has no big-endian data.
            16 if endian == Endian::Little && bits >> 80 == 0 => FloatFormat::X87,
            16 => FloatFormat::Quad,
            _ => return None,
        };
        // Padding of 12 bytes is as the compiler left it.
        let bits = if format == FloatFormat::X87 { bits & ((1 << 80) - 1) } else { bits };
        Some(FloatValue { format, bits })
    }

    /// Its format.
    pub fn format(&self) -> FloatFormat {
        self.format
    }

    /// Its bits: sign, exponent and fraction, the last bit of the fraction lowest.
    pub fn bits(&self) -> u128 {
        self.bits
    }

    /// Whether its sign is set; also that of a zero or of what is not a number.
    pub fn is_negative(&self) -> bool {
        let (exponent, fraction) = self.format.widths();
        self.bits >> (exponent + fraction) & 1 == 1
    }

    /// Whether it is neither infinite nor other than a number.
    pub fn is_finite(&self) -> bool {
        matches!(self.parts(), Parts::Finite { .. })
    }

    fn parts(&self) -> Parts {
        let (exponent_bits, fraction_bits) = self.format.widths();
        let mask = |bits: u32| (1u128 << bits) - 1;
        let fraction = self.bits & mask(fraction_bits);
        let exponent = (self.bits >> fraction_bits & mask(exponent_bits)) as i32;
        let (largest, bias) = (mask(exponent_bits) as i32, mask(exponent_bits - 1) as i32);
        let explicit = self.format == FloatFormat::X87;
        // Bits below the point: x87's fraction has the bit above it as well.
        let below = fraction_bits as i32 - i32::from(explicit);
        if exponent == largest {
            let rest = if explicit { fraction & mask(63) } else { fraction };
            return if rest == 0 { Parts::Infinite } else { Parts::NotANumber };
        }
        let implied = if explicit || exponent == 0 { 0 } else { 1 << fraction_bits };
        // What the smallest exponent holds is not shifted any further.
        Parts::Finite { mantissa: fraction | implied, exponent: exponent.max(1) - bias - below }
    }

    /// The nearest `f64`; half way, the one whose last bit is 0.
    pub fn to_f64(&self) -> f64 {
        let magnitude = match self.parts() {
            Parts::NotANumber => f64::NAN,
            Parts::Infinite => f64::INFINITY,
            Parts::Finite { mantissa, exponent } => nearest_f64(mantissa, exponent),
        };
        if self.is_negative() { -magnitude } else { magnitude }
    }

    /// The nearest `f32`; exact for the formats that are no wider.
    pub(super) fn to_f32(self) -> f32 {
        self.to_f64() as f32
    }
}

/// `mantissa * 2^exponent`, rounded once.
fn nearest_f64(mantissa: u128, exponent: i32) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let top = 127 - mantissa.leading_zeros() as i32;
    // Below 2^-1022 fewer bits are left; the last one is worth 2^-1074.
    let last = (top + exponent - 52).max(-1074);
    if top + exponent > 1023 {
        return f64::INFINITY;
    }
    let drop = last - exponent;
    let kept = match drop {
        ..=0 => (mantissa << -drop) as u64,
        1..=128 => {
            let half = 1u128 << (drop - 1);
            let whole = if drop == 128 { 0 } else { mantissa >> drop };
            let rest = if drop == 128 { mantissa } else { mantissa & ((1 << drop) - 1) };
            whole as u64 + u64::from(rest > half || (rest == half && whole & 1 == 1))
        }
        _ => 0,
    };
    // The fraction's topmost bit counts the exponent up by one, as does a carry out of it.
    f64::from_bits((((last + 1074) as u64) << 52) + kept)
}

/// As C's `%f` has it: six digits after the point, exact and rounded half to even; `inf`, `nan`, and
/// a sign wherever one is set.
impl fmt::Display for FloatValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_negative() { "-" } else { "" })?;
        match self.parts() {
            Parts::NotANumber => f.write_str("nan"),
            Parts::Infinite => f.write_str("inf"),
            Parts::Finite { mantissa, exponent } => {
                if matches!(self.format, FloatFormat::X87 | FloatFormat::Quad) {
                    let digits = millionths(mantissa, exponent);
                    let (whole, fraction) = digits.split_at(digits.len() - 6);
                    let text = |digits| core::str::from_utf8(digits).map_err(|_| fmt::Error);
                    return write!(f, "{}.{}", text(whole)?, text(fraction)?);
                }
                write!(f, "{:.6}", nearest_f64(mantissa, exponent))
            }
        }
    }
}

/// `mantissa * 2^exponent * 10^6`, rounded to a whole number, in at least seven decimal digits.
fn millionths(mantissa: u128, exponent: i32) -> Vec<u8> {
    const BASE: u64 = 1_000_000_000;
    // Fewer than 128 + 20 + 16384 bits, in digits of nine decimals, lowest first.
    let mut limbs: Vec<u32> = Vec::new();
    let multiply = |limbs: &mut Vec<u32>, factor: u64, carry: u64| {
        let mut carry = carry;
        for limb in limbs.iter_mut() {
            let sum = u64::from(*limb) * factor + carry;
            *limb = (sum % BASE) as u32;
            carry = sum / BASE;
        }
        while carry > 0 {
            limbs.push((carry % BASE) as u32);
            carry /= BASE;
        }
    };
    if exponent >= 0 {
        for shift in [96, 64, 32, 0] {
            multiply(&mut limbs, 1 << 32, u64::from((mantissa >> shift) as u32));
        }
        multiply(&mut limbs, 1_000_000, 0);
        for _ in 0..exponent / 16 {
            multiply(&mut limbs, 1 << 16, 0);
        }
        multiply(&mut limbs, 1 << (exponent % 16), 0);
    } else {
        let rounded = millionths_below_one(mantissa, exponent.unsigned_abs());
        for shift in [128, 96, 64, 32, 0] {
            multiply(&mut limbs, 1 << 32, u64::from(rounded[shift / 32]));
        }
    }
    let mut digits = vec![];
    for (n, limb) in limbs.iter().rev().enumerate() {
        let mut place = BASE as u32 / 10;
        while place > 0 {
            let digit = limb / place % 10;
            if n > 0 || digit != 0 || !digits.is_empty() {
                digits.push(b'0' + digit as u8);
            }
            place /= 10;
        }
    }
    let missing = 7usize.saturating_sub(digits.len());
    digits.splice(0..0, core::iter::repeat_n(b'0', missing));
    digits
}

/// `mantissa * 10^6 / 2^drop`, rounded half to even: words of 32 bits, lowest first.
fn millionths_below_one(mantissa: u128, drop: u32) -> [u32; 5] {
    // 128 + 20 bits: a low half of 64 bits, and what is above.
    let low = (mantissa & u128::from(u64::MAX)) * 1_000_000;
    let high = (mantissa >> 64) * 1_000_000 + (low >> 64);
    let low = low as u64;
    let bit = |n: u32| if n < 64 { low >> n & 1 == 1 } else { n < 192 && high >> (n - 64) & 1 == 1 };
    // Nothing is left of a number that loses all its 148 bits and one more.
    if drop > 149 {
        return [0; 5];
    }
    let mut words: [u32; 5] = core::array::from_fn(|word| {
        (0..32).fold(0, |value, n| value | u32::from(bit(drop + word as u32 * 32 + n)) << n)
    });
    let half = bit(drop - 1);
    let beyond = (0..drop - 1).any(bit);
    if half && (beyond || words[0] & 1 == 1) {
        for word in &mut words {
            let (sum, carry) = word.overflowing_add(1);
            *word = sum;
            if !carry {
                break;
            }
        }
    }
    words
}
