//! Fixups written into instructions of every form.
//!
//! Expectations are those of libbpf 1.8's `bpf_core_patch_insn`, run on the same instructions, except where
//! docs/differences.md says otherwise.

mod common;

use common::{insn, ld_imm64};
use purebpf_core_reloc::{Applied, Error, Fixup, Kind, Outcome, POISON, Resize, apply};

const MOV64: u8 = 0xb7;
const MOV32: u8 = 0xb4;
const ADD64: u8 = 0x07;
const LSH64: u8 = 0x67;
const LDX_W: u8 = 0x61;
const LDX_H: u8 = 0x69;
const LDX_B: u8 = 0x71;
const LDX_DW: u8 = 0x79;
const LDSX_W: u8 = 0x81;
const ST_W: u8 = 0x62;
const STX_W: u8 = 0x63;
const ATOMIC_W: u8 = 0xc3;
const CALL: u8 = 0x85;

/// A fixup from 8 to `value`.
fn to(value: u64) -> Fixup {
    Fixup {
        kind: Kind::FieldByteOffset,
        outcome: Outcome::Patch { value },
        local_value: 8,
        validate: true,
        candidates: 1,
        resize: Resize::Keep,
    }
}

fn poison() -> Fixup {
    Fixup { outcome: Outcome::Poison, ..to(0) }
}

fn poisoned() -> [u8; 8] {
    insn(CALL, 0, 0, POISON)
}

/// The instruction as it is afterwards.
fn patched<const N: usize>(fixup: &Fixup, mut code: [u8; N]) -> Result<([u8; N], Applied), Error> {
    let before = code;
    let applied = apply(fixup, &mut code, false, 7);
    if applied.is_err() {
        assert_eq!(code, before, "an error left a mark");
    }
    Ok((code, applied?))
}

#[test]
fn immediates() {
    for code in [MOV64, MOV32, ADD64, LSH64] {
        let (after, applied) = patched(&to(2640), insn(code, 1, 0, 8)).unwrap();
        assert_eq!((after, applied), (insn(code, 1, 0, 2640), Applied { old: 8, poisoned: false }));
    }
    // Negative enumerators.
    let minus = Fixup { local_value: -5i64 as u64, ..to(-6i64 as u64) };
    assert_eq!(patched(&minus, insn(MOV64, 1, 0, -5)).unwrap().0, insn(MOV64, 1, 0, -6));
    // All that 32 bits can say, with either extension, and nothing else: ours, libbpf would cut it.
    assert_eq!(patched(&to(0xffff_fff0), insn(MOV32, 1, 0, 8)).unwrap().0, insn(MOV32, 1, 0, -16));
    for value in [0x1_0000_0000, 0x1_2345_6789, i64::MIN as u64, 0xffff_ffff_7fff_ffff] {
        let error = Error::ValueTooLarge { insn_index: 7, value };
        assert_eq!(patched(&to(value), insn(MOV64, 1, 0, 8)), Err(error));
    }
}

#[test]
fn constants_of_64_bits() {
    for value in [0, 1, 0x8000_0000, 0x1234_5678_9abc_def0, u64::MAX] {
        let (after, applied) = patched(&to(value), ld_imm64(8)).unwrap();
        assert_eq!((after, applied), (ld_imm64(value), Applied { old: 8, poisoned: false }));
        let back = Fixup { local_value: value, ..to(8) };
        assert_eq!(patched(&back, ld_imm64(value)).unwrap().0, ld_imm64(8));
    }
    let (after, applied) = patched(&poison(), ld_imm64(0x5_0000_0001)).unwrap();
    assert_eq!(after.as_chunks_of_8(), [poisoned(), poisoned()]);
    assert_eq!(applied, Applied { old: 0x5_0000_0001, poisoned: true });
    // A halved one, one that refers to something else, and one whose second half is no half, even to be poisoned.
    let refused = Err(Error::NotRelocatable { insn_index: 7, code: 0x18 });
    assert_eq!(patched(&to(16), insn(0x18, 1, 0, 8)).map(|_| ()), refused);
    for (at, bits) in [(1, 0x10), (2, 1), (3, 1), (8, 1), (9, 1), (9, 0x10), (10, 1), (11, 1)] {
        let mut code = ld_imm64(8);
        code[at] |= bits;
        assert_eq!(patched(&to(16), code).map(|_| ()), refused, "byte {at}");
        assert_eq!(patched(&poison(), code).map(|_| ()), refused, "byte {at}");
    }
    // The other loads of class LD.
    for code in [0x20, 0x28, 0x30, 0x40, 0x48, 0x50] {
        let error = Error::NotRelocatable { insn_index: 7, code };
        assert_eq!(patched(&to(16), insn(code, 1, 0, 8)), Err(error));
    }
}

/// clang 19 makes `18 01 00 00 00 00 00 80 ...` of `bpf_core_enum_value(enum big, TOP)` with `TOP = 0x80000000u`. Ours: libbpf
/// 1.8 reads the enumerator as -0x80000000 and refuses the instruction.
#[test]
fn unsigned_enumerators_are_what_the_instruction_has_them() {
    let negative = |value: u32| value as i32 as i64 as u64;
    let fixup = |from: u32, to: u64| Fixup {
        kind: Kind::EnumvalValue,
        outcome: Outcome::Patch { value: to },
        local_value: negative(from),
        ..poison()
    };
    let changed = fixup(0x8000_0000, negative(0xc000_0000));
    let (after, applied) = patched(&changed, ld_imm64(0x8000_0000)).unwrap();
    assert_eq!((after, applied), (ld_imm64(0xc000_0000), Applied { old: 0x8000_0000, poisoned: false }));
    // Where the compiler has it negative, it stays so.
    assert_eq!(patched(&changed, ld_imm64(negative(0x8000_0000))).unwrap().0, ld_imm64(negative(0xc000_0000)));
    // One that is small in the kernel, and one that has 64 bits there.
    assert_eq!(patched(&fixup(0xffff_ffff, 3), ld_imm64(0xffff_ffff)).unwrap().0, ld_imm64(3));
    let wide = fixup(0xffff_ffff, 0x1_0000_0000);
    assert_eq!(patched(&wide, ld_imm64(0xffff_ffff)).unwrap().0, ld_imm64(0x1_0000_0000));
    // Another number is as wrong as ever, and so is that of another kind.
    let error = |actual| Err(Error::UnexpectedValue { insn_index: 7, actual, expected: negative(0x8000_0000) });
    assert_eq!(patched(&changed, ld_imm64(0x8000_0001)), error(0x8000_0001));
    let field = Fixup { kind: Kind::FieldByteSize, ..changed };
    assert_eq!(patched(&field, ld_imm64(0x8000_0000)), error(0x8000_0000));
}

trait Halves {
    fn as_chunks_of_8(&self) -> [[u8; 8]; 2];
}

impl Halves for [u8; 16] {
    fn as_chunks_of_8(&self) -> [[u8; 8]; 2] {
        [self[..8].try_into().unwrap(), self[8..].try_into().unwrap()]
    }
}

#[test]
fn offsets_of_loads_and_stores() {
    for code in [LDX_W, LDX_DW, LDSX_W, ST_W, STX_W, ATOMIC_W] {
        let (after, applied) = patched(&to(2640), insn(code, 0x12, 8, 5)).unwrap();
        assert_eq!((after, applied), (insn(code, 0x12, 2640, 5), Applied { old: 8, poisoned: false }));
        assert_eq!(patched(&to(0x7fff), insn(code, 0x12, 8, 5)).unwrap().0, insn(code, 0x12, 0x7fff, 5));
        let error = Error::OffsetTooLarge { insn_index: 7, value: 0x8000 };
        assert_eq!(patched(&to(0x8000), insn(code, 0x12, 8, 5)), Err(error));
    }
}

#[test]
fn sizes_of_loads_and_stores() {
    let codes = [(1, LDX_B), (2, LDX_H), (4, LDX_W), (8, LDX_DW)];
    for (from, local) in codes {
        for (size, target) in codes.into_iter().filter(|&(size, _)| size != from) {
            let fixup = Fixup { resize: Resize::To { from, to: size }, ..to(16) };
            assert_eq!(patched(&fixup, insn(local, 0x12, 8, 0)).unwrap().0, insn(target, 0x12, 16, 0));
            // Stores, atomic operations: all but the size stays.
            let other = |class: u8, code: u8| code & 0x18 | class;
            for class in [0x62, 0x63, 0xc3] {
                let before = insn(other(class & !0x18, local), 0x12, 8, 3);
                let after = insn(other(class & !0x18, target), 0x12, 16, 3);
                assert_eq!(patched(&fixup, before).unwrap().0, after);
            }
            // The instruction reads another size than the local field has.
            let wrong = Fixup { resize: Resize::To { from: size, to: from }, ..to(16) };
            let error = Error::UnexpectedSize { insn_index: 7, actual: from, expected: size };
            assert_eq!(patched(&wrong, insn(local, 0x12, 8, 0)), Err(error));
        }
        for size in [0, 3, 16] {
            let fixup = Fixup { resize: Resize::To { from, to: size }, ..to(16) };
            let error = Error::ImpossibleSize { insn_index: 7, size };
            assert_eq!(patched(&fixup, insn(local, 0x12, 8, 0)), Err(error));
        }
    }
    // Sizes concern loads and stores only.
    for resize in [Resize::To { from: 4, to: 8 }, Resize::Unsound] {
        let fixup = Fixup { resize, ..to(16) };
        assert_eq!(patched(&fixup, insn(ADD64, 1, 0, 8)).unwrap().0, insn(ADD64, 1, 0, 16));
        assert_eq!(patched(&fixup, ld_imm64(8)).unwrap().0, ld_imm64(16));
    }
}

#[test]
fn loads_that_would_read_the_wrong_value_are_poisoned() {
    let unsound = Fixup { resize: Resize::Unsound, ..to(16) };
    for code in [LDX_W, ST_W, STX_W] {
        let (after, applied) = patched(&unsound, insn(code, 0x12, 8, 0)).unwrap();
        assert_eq!((after, applied), (poisoned(), Applied { old: 8, poisoned: true }));
    }
    // Only where the old offset is right and the new one possible.
    let error = Error::UnexpectedValue { insn_index: 7, actual: 9, expected: 8 };
    assert_eq!(patched(&unsound, insn(LDX_W, 0x12, 9, 0)), Err(error));
    let far = Fixup { resize: Resize::Unsound, ..to(0x8000) };
    let error = Error::OffsetTooLarge { insn_index: 7, value: 0x8000 };
    assert_eq!(patched(&far, insn(LDX_W, 0x12, 8, 0)), Err(error));
    // Ours: a sign-extending load that changes its size.
    let wider = Fixup { resize: Resize::To { from: 4, to: 2 }, ..to(16) };
    assert_eq!(patched(&wider, insn(LDSX_W, 0x12, 8, 0)).unwrap().0, poisoned());
    assert_eq!(patched(&to(16), insn(LDSX_W, 0x12, 8, 0)).unwrap().0, insn(LDSX_W, 0x12, 16, 0));
}

/// Whatever it is, and whatever value it has: `call 195896080`, which the verifier names in its log.
#[test]
fn poison_takes_the_whole_instruction() {
    assert_eq!(POISON, 195_896_080);
    for code in [MOV64, MOV32, ADD64, LDX_W, LDSX_W, ST_W, STX_W, ATOMIC_W] {
        let (after, applied) = patched(&poison(), insn(code, 0x12, 77, -3)).unwrap();
        assert_eq!((after, applied.poisoned), (poisoned(), true), "{code:#x}");
    }
}

#[test]
fn what_the_instruction_has_is_checked() {
    let error = |actual| Err(Error::UnexpectedValue { insn_index: 7, actual, expected: 8 });
    assert_eq!(patched(&to(16), insn(MOV64, 1, 0, 9)), error(9));
    assert_eq!(patched(&to(16), insn(MOV64, 1, 0, -8)), error(-8i64 as u64));
    assert_eq!(patched(&to(16), insn(LDX_W, 0x12, -8, 0)), error(-8i64 as u64));
    let high = Error::UnexpectedValue { insn_index: 7, actual: 1 << 32 | 8, expected: 8 };
    assert_eq!(patched(&to(16), ld_imm64(1 << 32 | 8)).map(|_| ()), Err(high));
    // A bitfield, or a type's id.
    let any = Fixup { validate: false, ..to(16) };
    assert_eq!(
        patched(&any, insn(MOV64, 1, 0, 9)).unwrap(),
        (insn(MOV64, 1, 0, 16), Applied { old: 9, poisoned: false })
    );
}

#[test]
fn instructions_without_a_place_for_it() {
    // Arithmetic with a register, calls, jumps, jumps of 32 bits.
    for code in [0xbf, 0x0f, 0xbc, CALL, 0x95, 0x05, 0x15, 0x1d, 0x16, 0x06] {
        let error = Error::NotRelocatable { insn_index: 7, code };
        for fixup in [to(16), poison()] {
            assert_eq!(patched(&fixup, insn(code, 1, 8, 8)), Err(error.clone()));
        }
    }
    for len in 0..8 {
        let mut short = vec![0xb7; len];
        assert_eq!(apply(&to(16), &mut short, false, 7), Err(Error::NoInstruction { insn_index: 7 }));
    }
}

/// The same instructions in big-endian objects: numbers turned round, registers the other way.
#[test]
fn big_endian_instructions() {
    let big = |mut code: [u8; 8]| {
        code[1] = code[1].rotate_left(4);
        code[2..4].reverse();
        code[4..].reverse();
        code
    };
    let cases: [(Fixup, [u8; 8], [u8; 8]); 4] = [
        (to(2640), insn(MOV64, 1, 0, 8), insn(MOV64, 1, 0, 2640)),
        (to(2640), insn(LDX_W, 0x12, 8, 0), insn(LDX_W, 0x12, 2640, 0)),
        (Fixup { resize: Resize::To { from: 4, to: 8 }, ..to(2) }, insn(LDX_W, 0x12, 8, 0), insn(LDX_DW, 0x12, 2, 0)),
        (poison(), insn(LDX_W, 0x12, 8, 0), poisoned()),
    ];
    for (fixup, before, after) in cases {
        let mut code = big(before);
        apply(&fixup, &mut code, true, 7).unwrap();
        assert_eq!(code, big(after));
    }
    let both = |code: [u8; 16]| code.as_chunks_of_8().map(big).concat();
    let mut code = both(ld_imm64(8));
    assert_eq!(apply(&to(0x1234_5678_9abc_def0), &mut code, true, 7), Ok(Applied { old: 8, poisoned: false }));
    assert_eq!(code, both(ld_imm64(0x1234_5678_9abc_def0)));
    // A map's address: the source register is the low half here.
    code[1] |= 1;
    assert!(matches!(apply(&to(8), &mut code, true, 7), Err(Error::NotRelocatable { .. })));
}
