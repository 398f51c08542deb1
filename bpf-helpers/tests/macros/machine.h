/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * For programs that use registers: the struct in which each machine's kernel shows them (the UAPI's asm/ptrace.h, and the
 * kernel's own for x86), and how many arguments its registers hold. Names and order are the kernel's.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "types.h"

#if defined(__TARGET_ARCH_x86) && defined(__VMLINUX_H__)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
#define PARMS 6
#define SYSCALL_PARMS 6
#define HAS_FP
#elif defined(__TARGET_ARCH_x86) && defined(__i386__)
struct pt_regs {
	long ebx, ecx, edx, esi, edi, ebp, eax;
	int xds, xes, xfs, xgs;
	long orig_eax, eip;
	int xcs;
	long eflags, esp;
	int xss;
};
#define PARMS 3
#define SYSCALL_PARMS 6
#define HAS_FP
#elif defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss;
};
#define PARMS 6
#define SYSCALL_PARMS 6
#define HAS_FP
#elif defined(__TARGET_ARCH_s390)
struct pt_regs;
typedef struct {
	unsigned long args[1];
	struct {
		unsigned long mask, addr;
	} psw;
	unsigned long gprs[16];
} user_pt_regs;
#define PARMS 5
#define SYSCALL_PARMS 6
#define HAS_FP
#elif defined(__TARGET_ARCH_arm)
struct pt_regs {
	long uregs[18];
};
#define PARMS 4
#define SYSCALL_PARMS 7
#define HAS_FP
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs;
struct user_pt_regs {
	__u64 regs[31], sp, pc, pstate;
};
#define PARMS 8
#define SYSCALL_PARMS 6
#define HAS_FP
#elif defined(__TARGET_ARCH_mips)
struct pt_regs {
	unsigned long regs[32], lo, hi, cp0_epc, cp0_badvaddr, cp0_status, cp0_cause;
};
#define PARMS 8
#define SYSCALL_PARMS 6
#define HAS_FP
#elif defined(__TARGET_ARCH_powerpc)
struct pt_regs {
	unsigned long gpr[32], nip, msr, orig_gpr3, ctr, link, xer, ccr, softe, trap, dar, dsisr, result;
};
#define PARMS 8
#define SYSCALL_PARMS 6
/* The reference has the return address in a member that the struct lacks. */
#define NO_RET
#elif defined(__TARGET_ARCH_sparc)
/* What the reference's registers are called, of asm/ptrace.h. */
#define UREG_I0 8
#define UREG_I1 9
#define UREG_I2 10
#define UREG_I3 11
#define UREG_I4 12
#define UREG_I5 13
#define UREG_FP 14
#define UREG_I7 15
struct pt_regs {
	/* `pc` is of the 32-bit machine, all the others of the 64-bit one. */
	unsigned long u_regs[16], tstate, tpc, tnpc, pc;
};
#define PARMS 6
#define SYSCALL_PARMS 6
#elif defined(__TARGET_ARCH_riscv)
struct pt_regs;
struct user_regs_struct {
	unsigned long pc, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7;
};
#define PARMS 8
#define SYSCALL_PARMS 6
#define HAS_FP
#elif defined(__TARGET_ARCH_arc)
struct pt_regs;
struct user_regs_struct {
	unsigned long pad;
	struct {
		unsigned long bta, lp_start, lp_end, lp_count, status32, ret, blink, fp, gp;
		unsigned long r12, r11, r10, r9, r8, r7, r6, r5, r4, r3, r2, r1, r0, sp;
	} scratch;
};
#define PARMS 8
#define SYSCALL_PARMS 6
#define HAS_FP
#elif defined(__TARGET_ARCH_loongarch)
struct pt_regs;
struct user_pt_regs {
	unsigned long regs[32], orig_a0, csr_era, csr_badv, reserved[10];
};
#define PARMS 8
#define SYSCALL_PARMS 6
#define HAS_FP
#else
#error "machine.h: which machine?"
#endif

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* What programs do with what they found. */
extern void keep(unsigned long long value) __ksym;

#endif
