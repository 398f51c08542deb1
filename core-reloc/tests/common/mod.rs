//! Types in the making, questions about them, instructions.
#![allow(dead_code, reason = "each test uses some of it")]

use purebpf_btf::builder::Builder;
use purebpf_btf::{Btf, IntEncoding, KernelBtf, Kind as BtfKind, TypeId};
use purebpf_core_reloc::{Error, Fixup, Kind, Relocation, Resolver};

/// BTF, and what its maker wants to know of it.
pub(crate) fn btf<T>(make: impl FnOnce(&mut Builder) -> T) -> (Btf, T) {
    let mut builder = Builder::new();
    let made = make(&mut builder);
    (Btf::parse(builder.finish()).unwrap(), made)
}

pub(crate) fn kernel(make: impl FnOnce(&mut Builder)) -> KernelBtf {
    KernelBtf::new(btf(make).0)
}

pub(crate) fn int(b: &mut Builder) -> TypeId {
    b.add_int("int", 4, IntEncoding::SIGNED).unwrap()
}

/// An unsigned integer of so many bytes.
pub(crate) fn unsigned(b: &mut Builder, size: u32) -> TypeId {
    b.add_int(format!("u{}", size * 8), size, IntEncoding::NONE).unwrap()
}

pub(crate) fn pointer(b: &mut Builder, to: TypeId) -> TypeId {
    b.add_reference(BtfKind::Ptr, to).unwrap()
}

pub(crate) fn array(b: &mut Builder, element: TypeId, len: u32) -> TypeId {
    b.add_array(element, element, len).unwrap()
}

/// A member's name, type and place in bits.
pub(crate) type Field<'a> = (&'a str, TypeId, u32);

pub(crate) fn structure(b: &mut Builder, name: &str, size: u32, fields: &[Field<'_>]) -> TypeId {
    let id = b.add_struct(name, size).unwrap();
    for &(name, type_id, bit_offset) in fields {
        b.add_member(name, type_id, bit_offset).unwrap();
    }
    id
}

pub(crate) fn union(b: &mut Builder, name: &str, size: u32, fields: &[Field<'_>]) -> TypeId {
    let id = b.add_union(name, size).unwrap();
    for &(name, type_id, bit_offset) in fields {
        b.add_member(name, type_id, bit_offset).unwrap();
    }
    id
}

/// An enum of 32-bit values, signed.
pub(crate) fn enumeration(b: &mut Builder, name: &str, values: &[(&str, i64)]) -> TypeId {
    let id = b.add_enum(name, 4, true).unwrap();
    for &(name, value) in values {
        b.add_enum_value(name, value).unwrap();
    }
    id
}

/// An enum of 64-bit values, unsigned.
pub(crate) fn enumeration64(b: &mut Builder, name: &str, values: &[(&str, i64)]) -> TypeId {
    let id = b.add_enum64(name, 8, false).unwrap();
    for &(name, value) in values {
        b.add_enum_value(name, value).unwrap();
    }
    id
}

/// One question to a new resolver.
pub(crate) fn resolve(
    local: &Btf,
    kernel: &KernelBtf,
    kind: Kind,
    local_type: TypeId,
    access: &str,
) -> Result<Fixup, Error> {
    Resolver::new(local, Some(kernel)).resolve(&Relocation { local_type, access, kind })
}

/// The answer's value: `None` when there is nothing to patch the instruction with.
pub(crate) fn value(local: &Btf, kernel: &KernelBtf, kind: Kind, local_type: TypeId, access: &str) -> Option<u64> {
    resolve(local, kernel, kind, local_type, access).unwrap().new_value()
}

/// The same BTF in the other byte order: a header of words but for its first four bytes, and records
/// that are words throughout.
pub(crate) fn other_order(btf: &Btf) -> Btf {
    let mut bytes = btf.raw_data().to_vec();
    let types = btf.header().types.clone();
    let header = types.start;
    bytes[..2].reverse();
    for word in bytes[4..header].chunks_exact_mut(4) {
        word.reverse();
    }
    for word in bytes[types].chunks_exact_mut(4) {
        word.reverse();
    }
    Btf::parse(bytes).unwrap()
}

/// An instruction as it stands in a little-endian object: `dst` in the low half of the second byte.
pub(crate) fn insn(code: u8, regs: u8, off: i16, imm: i32) -> [u8; 8] {
    let ([o0, o1], [i0, i1, i2, i3]) = (off.to_le_bytes(), imm.to_le_bytes());
    [code, regs, o0, o1, i0, i1, i2, i3]
}

/// `r1 = value ll`.
pub(crate) fn ld_imm64(value: u64) -> [u8; 16] {
    let mut both = [0; 16];
    both[..8].copy_from_slice(&insn(0x18, 0x01, 0, value as i32));
    both[8..].copy_from_slice(&insn(0, 0, 0, (value >> 32) as i32));
    both
}

/// Numbers that look random and are the same in each run (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}
