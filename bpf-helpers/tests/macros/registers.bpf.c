/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each register, directly and through CO-RE; all but the instruction pointer, which has a program of its own. */
#include "machine.h"

SEC("kprobe")
int direct(struct pt_regs *ctx)
{
	keep(PT_REGS_PARM1(ctx));
	keep(PT_REGS_PARM2(ctx));
	keep(PT_REGS_PARM3(ctx));
#if PARMS >= 4
	keep(PT_REGS_PARM4(ctx));
#endif
#if PARMS >= 5
	keep(PT_REGS_PARM5(ctx));
#endif
#if PARMS >= 6
	keep(PT_REGS_PARM6(ctx));
#endif
#if PARMS >= 7
	keep(PT_REGS_PARM7(ctx));
	keep(PT_REGS_PARM8(ctx));
#endif
#ifndef NO_RET
	keep(PT_REGS_RET(ctx));
#endif
#ifdef HAS_FP
	keep(PT_REGS_FP(ctx));
#endif
	keep(PT_REGS_RC(ctx));
	keep(PT_REGS_SP(ctx));
	return 0;
}

SEC("kprobe")
int through_core(struct pt_regs *ctx)
{
	keep(PT_REGS_PARM1_CORE(ctx));
	keep(PT_REGS_PARM2_CORE(ctx));
	keep(PT_REGS_PARM3_CORE(ctx));
#if PARMS >= 4
	keep(PT_REGS_PARM4_CORE(ctx));
#endif
#if PARMS >= 5
	keep(PT_REGS_PARM5_CORE(ctx));
#endif
#if PARMS >= 6
	keep(PT_REGS_PARM6_CORE(ctx));
#endif
#if PARMS >= 7
	keep(PT_REGS_PARM7_CORE(ctx));
	keep(PT_REGS_PARM8_CORE(ctx));
#endif
#ifndef NO_RET
	keep(PT_REGS_RET_CORE(ctx));
#endif
#ifdef HAS_FP
	keep(PT_REGS_FP_CORE(ctx));
#endif
	keep(PT_REGS_RC_CORE(ctx));
	keep(PT_REGS_SP_CORE(ctx));
	return 0;
}

SEC("kprobe")
int of_system_calls(struct pt_regs *ctx)
{
	struct pt_regs *regs = PT_REGS_SYSCALL_REGS(ctx);

	keep(PT_REGS_PARM1_SYSCALL(ctx));
	keep(PT_REGS_PARM2_SYSCALL(ctx));
	keep(PT_REGS_PARM3_SYSCALL(ctx));
	keep(PT_REGS_PARM4_SYSCALL(ctx));
	keep(PT_REGS_PARM5_SYSCALL(ctx));
	keep(PT_REGS_PARM6_SYSCALL(ctx));
	keep(PT_REGS_PARM1_CORE_SYSCALL(regs));
	keep(PT_REGS_PARM2_CORE_SYSCALL(regs));
	keep(PT_REGS_PARM3_CORE_SYSCALL(regs));
	keep(PT_REGS_PARM4_CORE_SYSCALL(regs));
	keep(PT_REGS_PARM5_CORE_SYSCALL(regs));
	keep(PT_REGS_PARM6_CORE_SYSCALL(regs));
#if SYSCALL_PARMS >= 7
	keep(PT_REGS_PARM7_SYSCALL(ctx));
	keep(PT_REGS_PARM7_CORE_SYSCALL(regs));
#endif
	return 0;
}

SEC("kprobe")
int return_address(struct pt_regs *ctx)
{
	unsigned long ip = 0;

	BPF_KPROBE_READ_RET_IP(ip, ctx);
	keep(ip);
	BPF_KRETPROBE_READ_RET_IP(ip, ctx);
	keep(ip);
	return 0;
}
