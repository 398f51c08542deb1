//! The BPF instruction: 8 bytes, its fields, the codes that fill them, and the questions that loaders ask of it.
//!
//! Encodings are those of RFC 9669 and `linux/bpf.h`. An [`Insn`] is in the machine's own byte order, as the kernel
//! takes it; [`Insn::from_bytes`] and [`Insn::to_bytes`] read and write the order of an ELF file.

use crate::uapi::{self, HelperId};
use core::fmt;

/// Instruction classes, sizes, modes and operations, as one byte each, for use in [`Insn::code`].
pub mod op {
    use crate::uapi;

    macro_rules! ops {
        ($($(#[$doc:meta])* $name:ident = $c:ident;)*) => {$(
            $(#[$doc])*
            #[doc = concat!("\n\n`", stringify!($c), "`")]
            pub const $name: u8 = uapi::$c as u8;
        )*};
    }

    ops! {
        /// Class: wide immediate, legacy packet loads.
        LD = BPF_LD;
        /// Class: load into a register.
        LDX = BPF_LDX;
        /// Class: store an immediate.
        ST = BPF_ST;
        /// Class: store a register; atomics.
        STX = BPF_STX;
        /// Class: 32-bit arithmetic.
        ALU = BPF_ALU;
        /// Class: jumps, 64-bit comparison; call and exit.
        JMP = BPF_JMP;
        /// Class: jumps, 32-bit comparison; long unconditional jump.
        JMP32 = BPF_JMP32;
        /// Class: 64-bit arithmetic.
        ALU64 = BPF_ALU64;
        /// Size: 4 bytes.
        W = BPF_W;
        /// Size: 2 bytes.
        H = BPF_H;
        /// Size: 1 byte.
        B = BPF_B;
        /// Size: 8 bytes.
        DW = BPF_DW;
        /// Mode: immediate.
        IMM = BPF_IMM;
        /// Mode: packet at an absolute offset.
        ABS = BPF_ABS;
        /// Mode: packet at an indirect offset.
        IND = BPF_IND;
        /// Mode: memory.
        MEM = BPF_MEM;
        /// Mode: memory, sign-extended.
        MEMSX = BPF_MEMSX;
        /// Mode: atomic; the operation stands in `imm`.
        ATOMIC = BPF_ATOMIC;
        /// Source: `imm`.
        K = BPF_K;
        /// Source: the source register.
        X = BPF_X;
        /// Addition.
        ADD = BPF_ADD;
        /// Subtraction.
        SUB = BPF_SUB;
        /// Multiplication.
        MUL = BPF_MUL;
        /// Division.
        DIV = BPF_DIV;
        /// Bitwise or.
        OR = BPF_OR;
        /// Bitwise and.
        AND = BPF_AND;
        /// Left shift.
        LSH = BPF_LSH;
        /// Logical right shift.
        RSH = BPF_RSH;
        /// Negation.
        NEG = BPF_NEG;
        /// Remainder.
        MOD = BPF_MOD;
        /// Bitwise exclusive or.
        XOR = BPF_XOR;
        /// Move.
        MOV = BPF_MOV;
        /// Arithmetic right shift.
        ARSH = BPF_ARSH;
        /// Byte order.
        END = BPF_END;
        /// Jump always.
        JA = BPF_JA;
        /// Jump if equal.
        JEQ = BPF_JEQ;
        /// Jump if greater, unsigned.
        JGT = BPF_JGT;
        /// Jump if greater or equal, unsigned.
        JGE = BPF_JGE;
        /// Jump if any bit is set in both.
        JSET = BPF_JSET;
        /// Jump if not equal.
        JNE = BPF_JNE;
        /// Jump if greater, signed.
        JSGT = BPF_JSGT;
        /// Jump if greater or equal, signed.
        JSGE = BPF_JSGE;
        /// Call.
        CALL = BPF_CALL;
        /// Return.
        EXIT = BPF_EXIT;
        /// Jump if less, unsigned.
        JLT = BPF_JLT;
        /// Jump if less or equal, unsigned.
        JLE = BPF_JLE;
        /// Jump if less, signed.
        JSLT = BPF_JSLT;
        /// Jump if less or equal, signed.
        JSLE = BPF_JSLE;
        /// Conditional pseudo jumps (`may_goto`).
        JCOND = BPF_JCOND;
    }
}

/// What `src_reg` says about the immediate of an `ld_imm64`, and about a call.
pub mod pseudo {
    use crate::uapi;

    macro_rules! pseudos {
        ($($(#[$doc:meta])* $name:ident = $c:ident;)*) => {$(
            $(#[$doc])*
            #[doc = concat!("\n\n`", stringify!($c), "`")]
            pub const $name: u8 = uapi::$c as u8;
        )*};
    }

    pseudos! {
        /// `ld_imm64`: a map's file descriptor.
        MAP_FD = BPF_PSEUDO_MAP_FD;
        /// `ld_imm64`: a map's file descriptor, and in the second half an offset into its only value.
        MAP_VALUE = BPF_PSEUDO_MAP_VALUE;
        /// `ld_imm64`: the BTF id of a kernel variable; in the second half, a module's BTF fd.
        BTF_ID = BPF_PSEUDO_BTF_ID;
        /// `ld_imm64`: a subprogram, as the distance from the next instruction.
        FUNC = BPF_PSEUDO_FUNC;
        /// `ld_imm64`: an index into `fd_array`, of a map.
        MAP_IDX = BPF_PSEUDO_MAP_IDX;
        /// `ld_imm64`: an index into `fd_array`, and an offset into the map's only value.
        MAP_IDX_VALUE = BPF_PSEUDO_MAP_IDX_VALUE;
        /// `call`: a subprogram, as the distance from the next instruction.
        CALL = BPF_PSEUDO_CALL;
        /// `call`: a kernel function, by BTF id; `off` is an index into `fd_array` for a module's.
        KFUNC_CALL = BPF_PSEUDO_KFUNC_CALL;
    }
}

/// One instruction slot: `struct bpf_insn`. A wide immediate takes two.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[doc(alias = "bpf_insn")]
pub struct Insn {
    /// Opcode: class, and size and mode or operation and source.
    pub code: u8,
    /// Both registers, a nibble each, in the order of the machine's bitfields: [`dst`](Self::dst), [`src`](Self::src).
    pub regs: u8,
    /// Offset: of memory from the base register, or of a jump in slots from the next one.
    pub off: i16,
    /// Immediate.
    pub imm: i32,
}

const _: () = assert!(size_of::<Insn>() == 8 && align_of::<Insn>() == 4);

impl Insn {
    /// Bytes of a slot.
    pub const SIZE: usize = 8;

    /// An instruction from its fields. Registers are 0 to 10; only their lower 4 bits are kept.
    pub const fn new(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
        Insn { code, regs: pack_regs(dst, src), off, imm }
    }

    /// Reads a slot as it stands in an ELF file of the given byte order.
    pub const fn from_bytes(b: [u8; 8], big_endian: bool) -> Insn {
        let (off, imm) = ([b[2], b[3]], [b[4], b[5], b[6], b[7]]);
        // C bitfields fill a byte from the low end on little-endian machines, from the high end on big-endian ones.
        if big_endian {
            Insn::new(b[0], b[1] >> 4, b[1] & 0xf, i16::from_be_bytes(off), i32::from_be_bytes(imm))
        } else {
            Insn::new(b[0], b[1] & 0xf, b[1] >> 4, i16::from_le_bytes(off), i32::from_le_bytes(imm))
        }
    }

    /// Writes the slot as it stands in an ELF file of the given byte order.
    pub const fn to_bytes(self, big_endian: bool) -> [u8; 8] {
        let (dst, src) = (self.dst(), self.src());
        if big_endian {
            let (off, imm) = (self.off.to_be_bytes(), self.imm.to_be_bytes());
            [self.code, dst << 4 | src, off[0], off[1], imm[0], imm[1], imm[2], imm[3]]
        } else {
            let (off, imm) = (self.off.to_le_bytes(), self.imm.to_le_bytes());
            [self.code, src << 4 | dst, off[0], off[1], imm[0], imm[1], imm[2], imm[3]]
        }
    }

    /// The destination register.
    pub const fn dst(self) -> u8 {
        if cfg!(target_endian = "big") { self.regs >> 4 } else { self.regs & 0xf }
    }

    /// The source register, or what stands in its place (see [`pseudo`]).
    pub const fn src(self) -> u8 {
        if cfg!(target_endian = "big") { self.regs & 0xf } else { self.regs >> 4 }
    }

    /// Sets the destination register.
    pub const fn set_dst(&mut self, dst: u8) {
        self.regs = pack_regs(dst, self.src());
    }

    /// Sets the source register.
    pub const fn set_src(&mut self, src: u8) {
        self.regs = pack_regs(self.dst(), src);
    }

    /// The class: [`op::LD`] to [`op::ALU64`].
    pub const fn class(self) -> u8 {
        self.code & 0x07
    }

    /// Load and store classes: [`op::W`], [`op::H`], [`op::B`] or [`op::DW`].
    pub const fn size(self) -> u8 {
        self.code & 0x18
    }

    /// Load and store classes: bytes moved.
    pub const fn size_bytes(self) -> u32 {
        match self.size() {
            op::B => 1,
            op::H => 2,
            op::W => 4,
            _ => 8,
        }
    }

    /// Load and store classes: [`op::IMM`], [`op::MEM`] and so on.
    pub const fn mode(self) -> u8 {
        self.code & 0xe0
    }

    /// Arithmetic and jump classes: the operation.
    pub const fn operation(self) -> u8 {
        self.code & 0xf0
    }

    /// Arithmetic and jump classes: whether the operand is a register ([`op::X`]) and not `imm`.
    pub const fn is_register_source(self) -> bool {
        self.code & op::X != 0
    }

    /// The first of the two slots of a 64-bit immediate load.
    pub const fn is_ld_imm64(self) -> bool {
        self.code == op::LD | op::IMM | op::DW
    }

    /// Any call: of a helper, a subprogram or a kernel function.
    pub const fn is_call(self) -> bool {
        self.code == op::JMP | op::CALL
    }

    /// A call of the helper whose id stands in `imm`.
    pub const fn is_helper_call(self) -> bool {
        self.is_call() && self.src() == 0
    }

    /// A call of a subprogram (`BPF_PSEUDO_CALL`).
    pub const fn is_subprog_call(self) -> bool {
        self.is_call() && self.src() == pseudo::CALL
    }

    /// A call of a kernel function (`BPF_PSEUDO_KFUNC_CALL`).
    pub const fn is_kfunc_call(self) -> bool {
        self.is_call() && self.src() == pseudo::KFUNC_CALL
    }

    /// A load of a subprogram's address (`BPF_PSEUDO_FUNC`).
    pub const fn is_pseudo_func(self) -> bool {
        self.is_ld_imm64() && self.src() == pseudo::FUNC
    }

    /// Return.
    pub const fn is_exit(self) -> bool {
        self.code == op::JMP | op::EXIT
    }

    /// Any jump but call and exit.
    pub const fn is_jump(self) -> bool {
        match self.class() {
            op::JMP => !matches!(self.operation(), op::CALL | op::EXIT),
            op::JMP32 => true,
            _ => false,
        }
    }

    /// `dst = imm`, 64 bits, sign-extended.
    pub const fn mov64_imm(dst: u8, imm: i32) -> Insn {
        Insn::new(op::ALU64 | op::MOV | op::K, dst, 0, 0, imm)
    }

    /// `dst = imm`, 32 bits, upper half zero.
    pub const fn mov32_imm(dst: u8, imm: i32) -> Insn {
        Insn::new(op::ALU | op::MOV | op::K, dst, 0, 0, imm)
    }

    /// `dst = src`, 64 bits.
    pub const fn mov64_reg(dst: u8, src: u8) -> Insn {
        Insn::new(op::ALU64 | op::MOV | op::X, dst, src, 0, 0)
    }

    /// `dst = dst OPERATION imm`, 64 bits.
    pub const fn alu64_imm(operation: u8, dst: u8, imm: i32) -> Insn {
        Insn::new(op::ALU64 | operation | op::K, dst, 0, 0, imm)
    }

    /// `dst = dst OPERATION src`, 64 bits.
    pub const fn alu64_reg(operation: u8, dst: u8, src: u8) -> Insn {
        Insn::new(op::ALU64 | operation | op::X, dst, src, 0, 0)
    }

    /// `dst = *(size *)(src + off)`.
    pub const fn ldx_mem(size: u8, dst: u8, src: u8, off: i16) -> Insn {
        Insn::new(op::LDX | op::MEM | size, dst, src, off, 0)
    }

    /// `*(size *)(dst + off) = src`.
    pub const fn stx_mem(size: u8, dst: u8, src: u8, off: i16) -> Insn {
        Insn::new(op::STX | op::MEM | size, dst, src, off, 0)
    }

    /// `*(size *)(dst + off) = imm`.
    pub const fn st_mem(size: u8, dst: u8, off: i16, imm: i32) -> Insn {
        Insn::new(op::ST | op::MEM | size, dst, 0, off, imm)
    }

    /// `lock *(size *)(dst + off) += src`.
    pub const fn atomic_add(size: u8, dst: u8, src: u8, off: i16) -> Insn {
        Insn::new(op::STX | op::ATOMIC | size, dst, src, off, uapi::BPF_ADD as i32)
    }

    /// Jump by `off` slots.
    pub const fn jump(off: i16) -> Insn {
        Insn::new(op::JMP | op::JA, 0, 0, off, 0)
    }

    /// Jump by `off` slots if `dst OPERATION imm`.
    pub const fn jump_imm(operation: u8, dst: u8, imm: i32, off: i16) -> Insn {
        Insn::new(op::JMP | operation | op::K, dst, 0, off, imm)
    }

    /// Jump by `off` slots if `dst OPERATION src`.
    pub const fn jump_reg(operation: u8, dst: u8, src: u8, off: i16) -> Insn {
        Insn::new(op::JMP | operation | op::X, dst, src, off, 0)
    }

    /// Call of a helper.
    pub const fn call_helper(helper: HelperId) -> Insn {
        Insn::new(op::JMP | op::CALL, 0, 0, 0, helper.0 as i32)
    }

    /// Call of the subprogram `distance` slots after the next instruction.
    pub const fn call_subprog(distance: i32) -> Insn {
        Insn::new(op::JMP | op::CALL, 0, pseudo::CALL, 0, distance)
    }

    /// Call of a kernel function by BTF id; `fd_idx` is 0 for one of vmlinux, else an index into `fd_array`.
    pub const fn call_kfunc(btf_id: u32, fd_idx: i16) -> Insn {
        Insn::new(op::JMP | op::CALL, 0, pseudo::KFUNC_CALL, fd_idx, btf_id as i32)
    }

    /// Return.
    pub const fn exit() -> Insn {
        Insn::new(op::JMP | op::EXIT, 0, 0, 0, 0)
    }

    /// `dst = imm`, all 64 bits, in two slots.
    pub const fn ld_imm64(dst: u8, imm: u64) -> [Insn; 2] {
        Insn::ld_imm64_pseudo(dst, 0, imm as u32 as i32, (imm >> 32) as u32 as i32)
    }

    /// A 64-bit load whose meaning `src` gives (see [`pseudo`]), with the immediates of both slots.
    pub const fn ld_imm64_pseudo(dst: u8, src: u8, imm: i32, next_imm: i32) -> [Insn; 2] {
        [Insn::new(op::LD | op::IMM | op::DW, dst, src, 0, imm), Insn::new(0, 0, 0, 0, next_imm)]
    }

    /// `dst = map`, by file descriptor.
    pub const fn ld_map_fd(dst: u8, fd: i32) -> [Insn; 2] {
        Insn::ld_imm64_pseudo(dst, pseudo::MAP_FD, fd, 0)
    }

    /// `dst = &value[offset]` of an array map of one element, by file descriptor.
    pub const fn ld_map_value(dst: u8, fd: i32, offset: u32) -> [Insn; 2] {
        Insn::ld_imm64_pseudo(dst, pseudo::MAP_VALUE, fd, offset as i32)
    }
}

const fn pack_regs(dst: u8, src: u8) -> u8 {
    let (dst, src) = (dst & 0xf, src & 0xf);
    if cfg!(target_endian = "big") { dst << 4 | src } else { src << 4 | dst }
}

impl fmt::Debug for Insn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Insn(code {:#04x}, dst {}, src {}, off {}, imm {:#x})",
            self.code,
            self.dst(),
            self.src(),
            self.off,
            self.imm
        )
    }
}

/// Instructions as the kernel reads them: the machine's byte order, 8 bytes each.
pub fn to_native_bytes(insns: &[Insn]) -> Vec<u8> {
    insns.iter().flat_map(|insn| insn.to_bytes(cfg!(target_endian = "big"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Encodings from RFC 9669, section 3.1 and 5.2 and 5.4.
    #[test]
    fn encodes_as_the_rfc() {
        assert_eq!(Insn::mov64_imm(3, -2).to_bytes(false), [0xb7, 0x03, 0, 0, 0xfe, 0xff, 0xff, 0xff]);
        assert_eq!(Insn::mov64_imm(3, -2).to_bytes(true), [0xb7, 0x30, 0, 0, 0xff, 0xff, 0xff, 0xfe]);
        assert_eq!(Insn::stx_mem(op::DW, 10, 1, -8).to_bytes(false), [0x7b, 0x1a, 0xf8, 0xff, 0, 0, 0, 0]);
        assert_eq!(Insn::exit().to_bytes(false), [0x95, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Insn::ld_map_fd(1, 5)[0].to_bytes(false), [0x18, 0x11, 0, 0, 5, 0, 0, 0]);
        assert_eq!(Insn::call_helper(HelperId::KTIME_GET_NS).to_bytes(false), [0x85, 0, 0, 0, 5, 0, 0, 0]);
        assert_eq!(Insn::atomic_add(op::DW, 1, 2, 0).to_bytes(false), [0xdb, 0x21, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn reads_back_in_both_byte_orders() {
        let insn = Insn::new(op::LDX | op::MEM | op::H, 7, 9, -300, i32::MIN + 5);
        for big_endian in [false, true] {
            assert_eq!(Insn::from_bytes(insn.to_bytes(big_endian), big_endian), insn);
        }
        assert_eq!((insn.dst(), insn.src(), insn.size_bytes()), (7, 9, 2));
    }

    #[test]
    fn wide_immediates_are_split() {
        let [first, second] = Insn::ld_imm64(2, 0x8899_aabb_ccdd_eeff);
        assert!(first.is_ld_imm64());
        assert_eq!((first.imm as u32, second.imm as u32), (0xccdd_eeff, 0x8899_aabb));
        assert_eq!(second.code, 0);
    }

    #[test]
    fn tells_calls_apart() {
        let helper = Insn::call_helper(HelperId::TRACE_PRINTK);
        assert!(helper.is_call() && helper.is_helper_call() && !helper.is_subprog_call());
        assert!(Insn::call_subprog(-4).is_subprog_call());
        assert!(Insn::call_kfunc(12, 0).is_kfunc_call());
        assert!(Insn::ld_imm64_pseudo(1, pseudo::FUNC, 8, 0)[0].is_pseudo_func());
        assert!(Insn::jump(3).is_jump() && !Insn::exit().is_jump() && !helper.is_jump());
        // A register call (callx) is not one the kernel takes, and not one of ours.
        assert!(!Insn::new(op::JMP | op::CALL | op::X, 0, 0, 0, 0).is_call());
    }

    #[test]
    fn registers_are_set_one_at_a_time() {
        let mut insn = Insn::mov64_reg(1, 2);
        insn.set_src(7);
        insn.set_dst(4);
        assert_eq!((insn.dst(), insn.src()), (4, 7));
    }
}
