//! Bitfields: which bytes to read, and by how much to shift them.

mod common;

use common::*;
use purebpf_btf::{Btf, IntEncoding, KernelBtf, TypeId};
use purebpf_core_reloc::{Error, Kind, Relocation, Resize, Resolver};

use Kind::{FieldByteOffset, FieldByteSize, FieldLshiftU64, FieldRshiftU64, FieldSigned};

fn with_bitfield(size: u32, at: u32, bits: u8, encoding: IntEncoding) -> (Btf, TypeId) {
    btf(|b| {
        let int = b.add_int("int", size, encoding).unwrap();
        let s = structure(b, "s", 24, &[]);
        b.add_bitfield("f", int, at, bits).unwrap();
        s
    })
}

/// `BPF_CORE_READ_BITFIELD`: reads FIELD_BYTE_SIZE bytes at FIELD_BYTE_OFFSET into 64 bits, shifts left, shifts
/// right. What comes out is what the compiler of the kernel put in, which numbers bits from the lowest of the
/// first byte on little-endian machines, from the highest on big-endian ones.
#[test]
fn every_bitfield_reads_as_it_was_written() {
    const VALUE: u64 = 0xb5c9_3a67_e1d2_4f8b;
    const PLACES: u32 = 80;
    let mut unreadable = 0;
    let widths = [1u32, 2, 4, 8].into_iter().flat_map(|size| (1..=size * 8).map(move |bits| (size, bits)));
    let widths = widths.filter(|(size, bits)| bits % 3 == 1 || *bits == size * 8);
    for (size, bits) in widths {
        // Fields one over the other, at every place.
        let (little, s) = btf(|b| {
            let int = unsigned(b, size);
            let s = structure(b, "s", 24, &[]);
            for at in 0..PLACES {
                b.add_bitfield(format!("f{at}"), int, at, bits as u8).unwrap();
            }
            s
        });
        for (big, target) in [(true, other_order(&little)), (false, little.clone())] {
            let kernel = KernelBtf::new(target);
            let mut resolver = Resolver::new(&little, Some(&kernel));
            for at in 0..PLACES {
                let access = format!("0:{at}");
                let mut ask = |kind| {
                    let fixup = resolver.resolve(&Relocation { local_type: s, access: &access, kind });
                    fixup.map(|fixup| fixup.new_value().unwrap())
                };
                let Ok(offset) = ask(FieldByteOffset) else {
                    // Only what no 8 aligned bytes hold.
                    assert_ne!(at / 64, (at + bits - 1) / 64, "{size} {bits} {at}");
                    let error = Error::UnreadableBitfield { bit_offset: at, bit_size: bits };
                    assert_eq!(ask(FieldLshiftU64), Err(error));
                    unreadable += 1;
                    continue;
                };
                let (offset, len) = (offset as usize, ask(FieldByteSize).unwrap() as usize);
                assert!(matches!(len, 1 | 2 | 4 | 8) && offset % len == 0, "{size} {bits} {at}: {len} at {offset}");
                let written = VALUE >> (64 - bits);
                let memory = write(written, at, bits, big);
                let read = memory[offset..offset + len].iter();
                let fold = |word: u64, byte: &u8| word << 8 | u64::from(*byte);
                let word = if big { read.fold(0, fold) } else { read.rev().fold(0, fold) };
                let (left, right) = (ask(FieldLshiftU64).unwrap(), ask(FieldRshiftU64).unwrap());
                assert_eq!(word << left >> right, written, "{size} {bits} {at} big-endian {big}");
            }
        }
    }
    assert!(unreadable > 0);
}

/// Memory with a value of `bits` bits at bit `at`, bit by bit.
fn write(value: u64, at: u32, bits: u32, big: bool) -> [u8; 24] {
    let mut memory = [0xa5u8; 24];
    for n in 0..bits {
        let bit = value >> (if big { bits - 1 - n } else { n }) & 1;
        let place = (at + n) % 8;
        let mask = if big { 0x80 >> place } else { 1 << place };
        let byte = &mut memory[((at + n) / 8) as usize];
        *byte = if bit == 1 { *byte | mask } else { *byte & !mask };
    }
    memory
}

fn resolve_in(local: &Btf, kernel: &KernelBtf, kind: Kind, s: TypeId) -> Result<u64, Error> {
    resolve(local, kernel, kind, s, "0:0").map(|fixup| fixup.new_value().unwrap())
}

/// The rows are libbpf 1.8's answers, on x86: type's size, first bit, width; byte offset, byte size, shifts.
#[test]
fn the_bytes_are_libbpfs() {
    for (size, at, bits, expected) in [
        (4, 0, 1, [0, 4, 63, 63]),
        (4, 31, 1, [0, 4, 32, 63]),
        (4, 30, 4, [0, 8, 30, 60]),
        (1, 6, 4, [0, 2, 54, 60]),
        (1, 15, 2, [0, 4, 47, 62]),
        (2, 40, 8, [4, 2, 48, 56]),
        (8, 64, 64, [8, 8, 0, 0]),
        (4, 62, 2, [4, 4, 32, 62]),
    ] {
        let (target, s) = with_bitfield(size, at, bits, IntEncoding::NONE);
        let target = if cfg!(target_endian = "big") { other_order(&target) } else { target };
        let (local, kernel) = (target.clone(), KernelBtf::new(target));
        let kinds = [FieldByteOffset, FieldByteSize, FieldLshiftU64, FieldRshiftU64];
        assert_eq!(kinds.map(|kind| resolve_in(&local, &kernel, kind, s).unwrap()), expected, "{size} {at} {bits}");
    }
}

/// Compilers choose which bytes they read; only the sign and the width are not theirs to choose.
#[test]
fn what_an_instruction_must_have_of_a_bitfield() {
    let (local, s) = with_bitfield(4, 3, 5, IntEncoding::SIGNED);
    let kernel = KernelBtf::new(with_bitfield(4, 40, 7, IntEncoding::SIGNED).0);
    for (kind, validate, values) in [
        (FieldByteOffset, false, (0, 4)),
        (FieldByteSize, false, (4, 4)),
        (FieldLshiftU64, false, (56, 49)),
        (FieldRshiftU64, true, (59, 57)),
        (FieldSigned, true, (1, 1)),
    ] {
        let fixup = resolve(&local, &kernel, kind, s, "0:0").unwrap();
        assert_eq!(
            (fixup.validate, fixup.local_value, fixup.new_value()),
            (validate, values.0, Some(values.1)),
            "{kind:?}"
        );
    }
}

/// A load of the field as it is here would read its neighbours there.
#[test]
fn a_field_that_became_a_bitfield_cannot_be_loaded() {
    let (local, s) = btf(|b| {
        let int = unsigned(b, 4);
        structure(b, "s", 4, &[("f", int, 0)])
    });
    let kernel = KernelBtf::new(with_bitfield(4, 0, 5, IntEncoding::NONE).0);
    let fixup = resolve(&local, &kernel, FieldByteOffset, s, "0:0").unwrap();
    assert_eq!((fixup.resize, fixup.validate), (Resize::Unsound, true));
}
