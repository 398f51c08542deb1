//! Writing a fixup into its instruction.

use crate::{Error, Fixup, Kind, Outcome};

/// The helper that a poisoned instruction calls: there is none of this number, so the verifier
/// refuses it where it can be reached, and says `invalid func unknown#195896080` (0xbad2310).
pub const POISON: i32 = 0xbad_2310;

const CLASS: u8 = 0x07;
const LD: u8 = 0x00;
const LDX: u8 = 0x01;
const ST: u8 = 0x02;
const STX: u8 = 0x03;
const ALU: u8 = 0x04;
const ALU64: u8 = 0x07;
const SIZE: u8 = 0x18;
const MODE: u8 = 0xe0;
const MODE_SIGN_EXTENDING: u8 = 0x80;
const SOURCE_REGISTER: u8 = 0x08;
const LD_IMM64: u8 = 0x18;
const CALL: u8 = 0x85;

/// What [`apply`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The value that the instruction had.
    pub old: u64,
    /// Whether the instruction was poisoned: the fixup said so, or a load or store of the local
    /// field's size cannot stand for one of the target's.
    pub poisoned: bool,
}

/// Writes `fixup` into an instruction: the 8 bytes in `insn`, or 16 of a ld_imm64.
///
/// An immediate, the offset of a load or store, or a 64-bit constant is replaced; loads and stores
/// take the size of the target's field.
///
/// # Errors
/// When the instruction is none that can be relocated, or does not have the value that the local
/// types say it has, or cannot hold the new one. The instruction is then unchanged.
#[doc(alias = "bpf_core_patch_insn")]
pub fn apply(fixup: &Fixup, insn: &mut [u8], big_endian: bool, insn_index: u32) -> Result<Applied, Error> {
    let (first, rest) = insn.split_first_chunk_mut::<8>().ok_or(Error::NoInstruction { insn_index })?;
    let mut one = Slot::read(first, big_endian);
    let class = one.code & CLASS;
    match class {
        ALU | ALU64 if one.code & SOURCE_REGISTER == 0 => {
            let old = i64::from(one.imm) as u64;
            let Some(new) = fixup.checked(old, insn_index)? else {
                Slot::POISON.write(first, big_endian);
                return Ok(Applied { old, poisoned: true });
            };
            // A 64-bit register gets the immediate sign-extended, a 32-bit one as it is.
            if u32::try_from(new).is_err() && i32::try_from(new as i64).is_err() {
                return Err(Error::ValueTooLarge { insn_index, value: new });
            }
            one.imm = new as i32;
            one.write(first, big_endian);
            Ok(Applied { old, poisoned: false })
        }
        LDX | ST | STX => {
            let old = i64::from(one.off) as u64;
            let new = fixup.checked(old, insn_index)?;
            let new = new.map(|new| i16::try_from(new).map_err(|_| Error::OffsetTooLarge { insn_index, value: new }));
            // A sign-extending load takes an unsigned field for a signed one of its size: of another
            // size, the sign is elsewhere.
            let extends_sign = class == LDX && one.code & MODE == MODE_SIGN_EXTENDING;
            let unsound = fixup.resize.is_unsound() || (extends_sign && fixup.resize.sizes().is_some());
            let Some(new) = new.transpose()?.filter(|_| !unsound) else {
                Slot::POISON.write(first, big_endian);
                return Ok(Applied { old, poisoned: true });
            };
            one.off = new;
            if let Some((from, to)) = fixup.resize.sizes() {
                let actual = size_of_code(one.code);
                if actual != from {
                    return Err(Error::UnexpectedSize { insn_index, actual, expected: from });
                }
                let code = code_of_size(to).ok_or(Error::ImpossibleSize { insn_index, size: to })?;
                one.code = one.code & !SIZE | code;
            }
            one.write(first, big_endian);
            Ok(Applied { old, poisoned: false })
        }
        LD => {
            let unexpected = || Error::NotRelocatable { insn_index, code: one.code };
            let second = rest.first_chunk_mut::<8>().ok_or_else(unexpected)?;
            let mut two = Slot::read(second, big_endian);
            let plain = one.code == LD_IMM64 && one.source(big_endian) == 0 && one.off == 0;
            if !plain || two.code != 0 || two.regs != 0 || two.off != 0 {
                return Err(unexpected());
            }
            let old = u64::from(one.imm as u32) | u64::from(two.imm as u32) << 32;
            let Some(new) = fixup.checked(old, insn_index)? else {
                Slot::POISON.write(first, big_endian);
                Slot::POISON.write(second, big_endian);
                return Ok(Applied { old, poisoned: true });
            };
            (one.imm, two.imm) = (new as i32, (new >> 32) as i32);
            one.write(first, big_endian);
            two.write(second, big_endian);
            Ok(Applied { old, poisoned: false })
        }
        _ => Err(Error::NotRelocatable { insn_index, code: one.code }),
    }
}

impl Fixup {
    /// The new value once the old one is found to be as expected; `None` to poison.
    fn checked(&self, old: u64, insn_index: u32) -> Result<Option<u64>, Error> {
        match self.outcome {
            Outcome::Poison => Ok(None),
            Outcome::Patch { value } if self.is_unsigned_in(old) => Ok(Some(unsigned(value))),
            Outcome::Patch { .. } if self.validate && old != self.local_value => {
                Err(Error::UnexpectedValue { insn_index, actual: old, expected: self.local_value })
            }
            Outcome::Patch { value } => Ok(Some(value)),
        }
    }

    /// Whether a 64-bit constant holds an enumerator of 32 bits as an unsigned number that is taken for a negative one here. BTF
    /// of compilers that do not tell the sign of enums has both alike; the instruction knows.
    fn is_unsigned_in(&self, old: u64) -> bool {
        self.kind == Kind::EnumvalValue && old != self.local_value && old == unsigned(self.local_value)
    }
}

/// A negative number of 32 bits as the unsigned one of the same bits; others as they are.
fn unsigned(value: u64) -> u64 {
    if i32::try_from(value as i64).is_ok() { u64::from(value as u32) } else { value }
}

fn size_of_code(code: u8) -> u32 {
    match code & SIZE {
        0x00 => 4,
        0x08 => 2,
        0x10 => 1,
        _ => 8,
    }
}

fn code_of_size(size: u32) -> Option<u8> {
    match size {
        4 => Some(0x00),
        2 => Some(0x08),
        1 => Some(0x10),
        8 => Some(0x18),
        _ => None,
    }
}

/// `struct bpf_insn`.
#[derive(Clone, Copy)]
struct Slot {
    code: u8,
    regs: u8,
    off: i16,
    imm: i32,
}

impl Slot {
    const POISON: Slot = Slot { code: CALL, regs: 0, off: 0, imm: POISON };

    fn read(bytes: &[u8; 8], big_endian: bool) -> Slot {
        let [code, regs, off @ .., a, b, c, d] = *bytes;
        let imm = [a, b, c, d];
        match big_endian {
            true => Slot { code, regs, off: i16::from_be_bytes(off), imm: i32::from_be_bytes(imm) },
            false => Slot { code, regs, off: i16::from_le_bytes(off), imm: i32::from_le_bytes(imm) },
        }
    }

    fn write(self, bytes: &mut [u8; 8], big_endian: bool) {
        let (off, imm) = match big_endian {
            true => (self.off.to_be_bytes(), self.imm.to_be_bytes()),
            false => (self.off.to_le_bytes(), self.imm.to_le_bytes()),
        };
        bytes[0] = self.code;
        bytes[1] = self.regs;
        bytes[2..4].copy_from_slice(&off);
        bytes[4..].copy_from_slice(&imm);
    }

    /// The source register: bitfields follow the byte order.
    fn source(self, big_endian: bool) -> u8 {
        if big_endian { self.regs & 0xf } else { self.regs >> 4 }
    }
}
