/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Arguments of tracing programs, by name: BPF_PROG and its kin turn the context that the kernel hands over
 * (an array of numbers, or the registers) into a function with the parameters of what is traced.
 *
 * Registers are the machine's. Programs that use them say which it is: -D__TARGET_ARCH_x86 (or arm64, arm,
 * s390, powerpc, mips, sparc, riscv, arc, loongarch), else the machine that the compiler is told to
 * compile for counts, if it is not BPF itself.
 */
#ifndef __BPF_TRACING_H__
#define __BPF_TRACING_H__

#include "bpf_core_read.h"
#include "bpf_helpers.h"

#if defined(__TARGET_ARCH_x86)
#define bpf_target_x86
#elif defined(__TARGET_ARCH_s390)
#define bpf_target_s390
#elif defined(__TARGET_ARCH_arm)
#define bpf_target_arm
#elif defined(__TARGET_ARCH_arm64)
#define bpf_target_arm64
#elif defined(__TARGET_ARCH_mips)
#define bpf_target_mips
#elif defined(__TARGET_ARCH_powerpc)
#define bpf_target_powerpc
#elif defined(__TARGET_ARCH_sparc)
#define bpf_target_sparc
#elif defined(__TARGET_ARCH_riscv)
#define bpf_target_riscv
#elif defined(__TARGET_ARCH_arc)
#define bpf_target_arc
#elif defined(__TARGET_ARCH_loongarch)
#define bpf_target_loongarch
#elif defined(__x86_64__) || defined(__i386__)
#define bpf_target_x86
#elif defined(__s390__)
#define bpf_target_s390
#elif defined(__arm__)
#define bpf_target_arm
#elif defined(__aarch64__)
#define bpf_target_arm64
#elif defined(__mips__)
#define bpf_target_mips
#elif defined(__powerpc__)
#define bpf_target_powerpc
#elif defined(__sparc__)
#define bpf_target_sparc
#elif defined(__riscv) && __riscv_xlen == 64
#define bpf_target_riscv
#elif defined(__arc__)
#define bpf_target_arc
#elif defined(__loongarch__)
#define bpf_target_loongarch
#else
#define ___bpf_target_missing
#endif
#ifndef ___bpf_target_missing
#define bpf_target_defined
#endif

/*
 * The registers of each machine, as members of the struct that its kernel saves them in (or shows to
 * programs): arguments of functions, arguments of system calls where another register holds them, return
 * address, frame pointer, result, stack pointer, instruction pointer. From the machines' ABI documents and
 * the kernel's arch/.../ptrace.h; of system calls, syscall(2).
 *
 * __PT_REGS_CAST gives the struct where it is not struct pt_regs. On machines whose system calls change
 * the register of their first argument, the kernel keeps the original beside the others, in a member that
 * the UAPI's struct lacks: __PT_SYSCALL_PARM1_STRUCT is a struct that has it, found through CO-RE.
 */
#if defined(bpf_target_x86)

#define __PT_PARM5_REG r8
#define __PT_PARM6_REG r9
#define __PT_PARM4_SYSCALL_REG r10
#if defined(__KERNEL__) || defined(__VMLINUX_H__)
#define __PT_PARM1_REG di
#define __PT_PARM2_REG si
#define __PT_PARM3_REG dx
#define __PT_PARM4_REG cx
#define __PT_RET_REG sp
#define __PT_FP_REG bp
#define __PT_RC_REG ax
#define __PT_SP_REG sp
#define __PT_IP_REG ip
#elif defined(__i386__)
/* Kernels are compiled to pass three arguments in registers; system calls have an order of their own. */
#undef __PT_PARM5_REG
#undef __PT_PARM6_REG
#undef __PT_PARM4_SYSCALL_REG
#define __PT_PARM1_REG eax
#define __PT_PARM2_REG edx
#define __PT_PARM3_REG ecx
#define __PT_PARM1_SYSCALL_REG ebx
#define __PT_PARM2_SYSCALL_REG ecx
#define __PT_PARM3_SYSCALL_REG edx
#define __PT_PARM4_SYSCALL_REG esi
#define __PT_PARM5_SYSCALL_REG edi
#define __PT_PARM6_SYSCALL_REG ebp
#define __PT_RET_REG esp
#define __PT_FP_REG ebp
#define __PT_RC_REG eax
#define __PT_SP_REG esp
#define __PT_IP_REG eip
#else
#define __PT_PARM1_REG rdi
#define __PT_PARM2_REG rsi
#define __PT_PARM3_REG rdx
#define __PT_PARM4_REG rcx
#define __PT_RET_REG rsp
#define __PT_FP_REG rbp
#define __PT_RC_REG rax
#define __PT_SP_REG rsp
#define __PT_IP_REG rip
#endif

#elif defined(bpf_target_s390)

struct pt_regs___s390 {
	unsigned long orig_gpr2;
} __attribute__((preserve_access_index));

#define __PT_REGS_CAST(x) ((const user_pt_regs *)(x))
#define __PT_PARM1_REG gprs[2]
#define __PT_PARM2_REG gprs[3]
#define __PT_PARM3_REG gprs[4]
#define __PT_PARM4_REG gprs[5]
#define __PT_PARM5_REG gprs[6]
#define __PT_SYSCALL_PARM1_STRUCT struct pt_regs___s390
#define __PT_PARM1_SYSCALL_REG orig_gpr2
#define __PT_PARM6_SYSCALL_REG gprs[7]
#define __PT_RET_REG gprs[14]
#define __PT_FP_REG gprs[11]
#define __PT_RC_REG gprs[2]
#define __PT_SP_REG gprs[15]
#define __PT_IP_REG psw.addr

#elif defined(bpf_target_arm)

#define __PT_PARM1_REG uregs[0]
#define __PT_PARM2_REG uregs[1]
#define __PT_PARM3_REG uregs[2]
#define __PT_PARM4_REG uregs[3]
#define __PT_PARM5_SYSCALL_REG uregs[4]
#define __PT_PARM6_SYSCALL_REG uregs[5]
#define __PT_PARM7_SYSCALL_REG uregs[6]
#define __PT_RET_REG uregs[14]
#define __PT_FP_REG uregs[11]
#define __PT_RC_REG uregs[0]
#define __PT_SP_REG uregs[13]
#define __PT_IP_REG uregs[15]

#elif defined(bpf_target_arm64)

struct pt_regs___arm64 {
	unsigned long orig_x0;
} __attribute__((preserve_access_index));

#define __PT_REGS_CAST(x) ((const struct user_pt_regs *)(x))
#define __PT_PARM1_REG regs[0]
#define __PT_PARM2_REG regs[1]
#define __PT_PARM3_REG regs[2]
#define __PT_PARM4_REG regs[3]
#define __PT_PARM5_REG regs[4]
#define __PT_PARM6_REG regs[5]
#define __PT_PARM7_REG regs[6]
#define __PT_PARM8_REG regs[7]
#define __PT_SYSCALL_PARM1_STRUCT struct pt_regs___arm64
#define __PT_PARM1_SYSCALL_REG orig_x0
#define __PT_RET_REG regs[30]
#define __PT_FP_REG regs[29]
#define __PT_RC_REG regs[0]
#define __PT_SP_REG sp
#define __PT_IP_REG pc

#elif defined(bpf_target_mips)

/* The N64 ABI. */
#define __PT_PARM1_REG regs[4]
#define __PT_PARM2_REG regs[5]
#define __PT_PARM3_REG regs[6]
#define __PT_PARM4_REG regs[7]
#define __PT_PARM5_REG regs[8]
#define __PT_PARM6_REG regs[9]
#define __PT_PARM7_REG regs[10]
#define __PT_PARM8_REG regs[11]
#define __PT_RET_REG regs[31]
#define __PT_FP_REG regs[30]
#define __PT_RC_REG regs[2]
#define __PT_SP_REG regs[29]
#define __PT_IP_REG cp0_epc

#elif defined(bpf_target_powerpc)

#define __PT_NO_SYSCALL_WRAPPER
#define __PT_PARM1_REG gpr[3]
#define __PT_PARM2_REG gpr[4]
#define __PT_PARM3_REG gpr[5]
#define __PT_PARM4_REG gpr[6]
#define __PT_PARM5_REG gpr[7]
#define __PT_PARM6_REG gpr[8]
#define __PT_PARM7_REG gpr[9]
#define __PT_PARM8_REG gpr[10]
#define __PT_PARM1_SYSCALL_REG orig_gpr3
#ifndef __arch64__
#define __PT_PARM7_SYSCALL_REG gpr[9]
#endif
#define __PT_RET_REG link
#define __PT_RC_REG gpr[3]
#define __PT_SP_REG gpr[1]
#define __PT_IP_REG nip

#elif defined(bpf_target_sparc)

/* u_regs holds 8 global registers, then the 8 that asm/ptrace.h calls UREG_I0 to UREG_I7. */
#define __PT_PARM1_REG u_regs[8]
#define __PT_PARM2_REG u_regs[9]
#define __PT_PARM3_REG u_regs[10]
#define __PT_PARM4_REG u_regs[11]
#define __PT_PARM5_REG u_regs[12]
#define __PT_PARM6_REG u_regs[13]
#define __PT_RET_REG u_regs[15]
#define __PT_RC_REG u_regs[8]
#define __PT_SP_REG u_regs[14]
#ifdef __arch64__
#define __PT_IP_REG tpc
#else
#define __PT_IP_REG pc
#endif

#elif defined(bpf_target_riscv)

struct pt_regs___riscv {
	unsigned long orig_a0;
} __attribute__((preserve_access_index));

#define __PT_REGS_CAST(x) ((const struct user_regs_struct *)(x))
#define __PT_PARM1_REG a0
#define __PT_PARM2_REG a1
#define __PT_PARM3_REG a2
#define __PT_PARM4_REG a3
#define __PT_PARM5_REG a4
#define __PT_PARM6_REG a5
#define __PT_PARM7_REG a6
#define __PT_PARM8_REG a7
#define __PT_SYSCALL_PARM1_STRUCT struct pt_regs___riscv
#define __PT_PARM1_SYSCALL_REG orig_a0
#define __PT_RET_REG ra
#define __PT_FP_REG s0
#define __PT_RC_REG a0
#define __PT_SP_REG sp
#define __PT_IP_REG pc

#elif defined(bpf_target_arc)

#define __PT_NO_SYSCALL_WRAPPER
#define __PT_REGS_CAST(x) ((const struct user_regs_struct *)(x))
#define __PT_PARM1_REG scratch.r0
#define __PT_PARM2_REG scratch.r1
#define __PT_PARM3_REG scratch.r2
#define __PT_PARM4_REG scratch.r3
#define __PT_PARM5_REG scratch.r4
#define __PT_PARM6_REG scratch.r5
#define __PT_PARM7_REG scratch.r6
#define __PT_PARM8_REG scratch.r7
#define __PT_RET_REG scratch.blink
#define __PT_FP_REG scratch.fp
#define __PT_RC_REG scratch.r0
#define __PT_SP_REG scratch.sp
#define __PT_IP_REG scratch.ret

#elif defined(bpf_target_loongarch)

#define __PT_NO_SYSCALL_WRAPPER
#define __PT_REGS_CAST(x) ((const struct user_pt_regs *)(x))
#define __PT_PARM1_REG regs[4]
#define __PT_PARM2_REG regs[5]
#define __PT_PARM3_REG regs[6]
#define __PT_PARM4_REG regs[7]
#define __PT_PARM5_REG regs[8]
#define __PT_PARM6_REG regs[9]
#define __PT_PARM7_REG regs[10]
#define __PT_PARM8_REG regs[11]
#define __PT_RET_REG regs[1]
#define __PT_FP_REG regs[22]
#define __PT_RC_REG regs[4]
#define __PT_SP_REG regs[3]
#define __PT_IP_REG csr_era

#endif

/* What a machine lacks is a member that no struct has, so that using it is an error that names it. */
#define ___BPF_MACHINE_LACKS_THIS_REGISTER __unsupported__
#ifndef __PT_PARM4_REG
#define __PT_PARM4_REG ___BPF_MACHINE_LACKS_THIS_REGISTER
#endif
#ifndef __PT_PARM5_REG
#define __PT_PARM5_REG ___BPF_MACHINE_LACKS_THIS_REGISTER
#endif
#ifndef __PT_PARM6_REG
#define __PT_PARM6_REG ___BPF_MACHINE_LACKS_THIS_REGISTER
#endif
#ifndef __PT_PARM7_REG
#define __PT_PARM7_REG ___BPF_MACHINE_LACKS_THIS_REGISTER
#endif
#ifndef __PT_PARM8_REG
#define __PT_PARM8_REG ___BPF_MACHINE_LACKS_THIS_REGISTER
#endif
#ifndef __PT_FP_REG
#define __PT_FP_REG ___BPF_MACHINE_LACKS_THIS_REGISTER
#endif

/* System calls take their arguments where functions do, but for what is said above; a seventh rarely. */
#ifndef __PT_PARM1_SYSCALL_REG
#define __PT_PARM1_SYSCALL_REG __PT_PARM1_REG
#endif
#ifndef __PT_PARM2_SYSCALL_REG
#define __PT_PARM2_SYSCALL_REG __PT_PARM2_REG
#endif
#ifndef __PT_PARM3_SYSCALL_REG
#define __PT_PARM3_SYSCALL_REG __PT_PARM3_REG
#endif
#ifndef __PT_PARM4_SYSCALL_REG
#define __PT_PARM4_SYSCALL_REG __PT_PARM4_REG
#endif
#ifndef __PT_PARM5_SYSCALL_REG
#define __PT_PARM5_SYSCALL_REG __PT_PARM5_REG
#endif
#ifndef __PT_PARM6_SYSCALL_REG
#define __PT_PARM6_SYSCALL_REG __PT_PARM6_REG
#endif
#ifndef __PT_PARM7_SYSCALL_REG
#define __PT_PARM7_SYSCALL_REG ___BPF_MACHINE_LACKS_THIS_REGISTER
#endif

#ifndef __PT_REGS_CAST
#define __PT_REGS_CAST(x) (x)
#endif

/*
 * The registers of a context. Where the verifier knows the context (kprobe, uprobe), reading is direct. The
 * _CORE forms read by helper, at relocated places, any struct pt_regs there is a pointer to.
 */
struct pt_regs;

/* Programs that use no registers need not say which machine they are for. Others may say it their way. */
#ifndef __BPF_TARGET_MISSING
#define __BPF_TARGET_MISSING "GCC error \"registers differ between machines: compile with -D__TARGET_ARCH_x86 or another\""
#endif

#ifdef bpf_target_defined
#define ___bpf_reg(x, register) (__PT_REGS_CAST(x)->register)
#define ___bpf_reg_core(x, register) BPF_CORE_READ(__PT_REGS_CAST(x), register)
#else
#define ___bpf_reg(x, register) ({ _Pragma(__BPF_TARGET_MISSING); 0ul; })
#define ___bpf_reg_core(x, register) ___bpf_reg(x, register)
#endif

#define PT_REGS_PARM1(x) ___bpf_reg(x, __PT_PARM1_REG)
#define PT_REGS_PARM2(x) ___bpf_reg(x, __PT_PARM2_REG)
#define PT_REGS_PARM3(x) ___bpf_reg(x, __PT_PARM3_REG)
#define PT_REGS_PARM4(x) ___bpf_reg(x, __PT_PARM4_REG)
#define PT_REGS_PARM5(x) ___bpf_reg(x, __PT_PARM5_REG)
#define PT_REGS_PARM6(x) ___bpf_reg(x, __PT_PARM6_REG)
#define PT_REGS_PARM7(x) ___bpf_reg(x, __PT_PARM7_REG)
#define PT_REGS_PARM8(x) ___bpf_reg(x, __PT_PARM8_REG)
#define PT_REGS_RET(x) ___bpf_reg(x, __PT_RET_REG)
#define PT_REGS_FP(x) ___bpf_reg(x, __PT_FP_REG)
#define PT_REGS_RC(x) ___bpf_reg(x, __PT_RC_REG)
#define PT_REGS_SP(x) ___bpf_reg(x, __PT_SP_REG)
#define PT_REGS_IP(x) ___bpf_reg(x, __PT_IP_REG)

#define PT_REGS_PARM1_CORE(x) ___bpf_reg_core(x, __PT_PARM1_REG)
#define PT_REGS_PARM2_CORE(x) ___bpf_reg_core(x, __PT_PARM2_REG)
#define PT_REGS_PARM3_CORE(x) ___bpf_reg_core(x, __PT_PARM3_REG)
#define PT_REGS_PARM4_CORE(x) ___bpf_reg_core(x, __PT_PARM4_REG)
#define PT_REGS_PARM5_CORE(x) ___bpf_reg_core(x, __PT_PARM5_REG)
#define PT_REGS_PARM6_CORE(x) ___bpf_reg_core(x, __PT_PARM6_REG)
#define PT_REGS_PARM7_CORE(x) ___bpf_reg_core(x, __PT_PARM7_REG)
#define PT_REGS_PARM8_CORE(x) ___bpf_reg_core(x, __PT_PARM8_REG)
#define PT_REGS_RET_CORE(x) ___bpf_reg_core(x, __PT_RET_REG)
#define PT_REGS_FP_CORE(x) ___bpf_reg_core(x, __PT_FP_REG)
#define PT_REGS_RC_CORE(x) ___bpf_reg_core(x, __PT_RC_REG)
#define PT_REGS_SP_CORE(x) ___bpf_reg_core(x, __PT_SP_REG)
#define PT_REGS_IP_CORE(x) ___bpf_reg_core(x, __PT_IP_REG)

/* The arguments of a system call, from the registers that user space called with. */
#ifdef __PT_SYSCALL_PARM1_STRUCT
#define PT_REGS_PARM1_SYSCALL(x) (((const __PT_SYSCALL_PARM1_STRUCT *)(x))->__PT_PARM1_SYSCALL_REG)
#define PT_REGS_PARM1_CORE_SYSCALL(x) \
	BPF_CORE_READ((const __PT_SYSCALL_PARM1_STRUCT *)(x), __PT_PARM1_SYSCALL_REG)
#else
#define PT_REGS_PARM1_SYSCALL(x) ___bpf_reg(x, __PT_PARM1_SYSCALL_REG)
#define PT_REGS_PARM1_CORE_SYSCALL(x) ___bpf_reg_core(x, __PT_PARM1_SYSCALL_REG)
#endif
#define PT_REGS_PARM2_SYSCALL(x) ___bpf_reg(x, __PT_PARM2_SYSCALL_REG)
#define PT_REGS_PARM3_SYSCALL(x) ___bpf_reg(x, __PT_PARM3_SYSCALL_REG)
#define PT_REGS_PARM4_SYSCALL(x) ___bpf_reg(x, __PT_PARM4_SYSCALL_REG)
#define PT_REGS_PARM5_SYSCALL(x) ___bpf_reg(x, __PT_PARM5_SYSCALL_REG)
#define PT_REGS_PARM6_SYSCALL(x) ___bpf_reg(x, __PT_PARM6_SYSCALL_REG)
#define PT_REGS_PARM7_SYSCALL(x) ___bpf_reg(x, __PT_PARM7_SYSCALL_REG)
#define PT_REGS_PARM2_CORE_SYSCALL(x) ___bpf_reg_core(x, __PT_PARM2_SYSCALL_REG)
#define PT_REGS_PARM3_CORE_SYSCALL(x) ___bpf_reg_core(x, __PT_PARM3_SYSCALL_REG)
#define PT_REGS_PARM4_CORE_SYSCALL(x) ___bpf_reg_core(x, __PT_PARM4_SYSCALL_REG)
#define PT_REGS_PARM5_CORE_SYSCALL(x) ___bpf_reg_core(x, __PT_PARM5_SYSCALL_REG)
#define PT_REGS_PARM6_CORE_SYSCALL(x) ___bpf_reg_core(x, __PT_PARM6_SYSCALL_REG)
#define PT_REGS_PARM7_CORE_SYSCALL(x) ___bpf_reg_core(x, __PT_PARM7_SYSCALL_REG)

/*
 * Where those registers are, in a kprobe on a system call's function: on machines with
 * ARCH_HAS_SYSCALL_WRAPPER the function gets a pointer to them as its one argument.
 */
#ifdef __PT_NO_SYSCALL_WRAPPER
#define PT_REGS_SYSCALL_REGS(ctx) (ctx)
#else
#define PT_REGS_SYSCALL_REGS(ctx) ((struct pt_regs *)PT_REGS_PARM1(ctx))
#endif

/* The address that the probed function returns to: at its entry, and as it returns. */
#if defined(bpf_target_powerpc) || defined(bpf_target_sparc) || defined(bpf_target_arm64)
/* In a register. */
#define BPF_KPROBE_READ_RET_IP(ip, ctx) ({ (ip) = PT_REGS_RET(ctx); })
#define BPF_KRETPROBE_READ_RET_IP BPF_KPROBE_READ_RET_IP
#else
/* On the stack. */
#define BPF_KPROBE_READ_RET_IP(ip, ctx) \
	({ bpf_probe_read_kernel(&(ip), sizeof(ip), (void *)PT_REGS_RET(ctx)); })
#define BPF_KRETPROBE_READ_RET_IP(ip, ctx) \
	({ bpf_probe_read_kernel(&(ip), sizeof(ip), (void *)(PT_REGS_FP(ctx) + sizeof(ip))); })
#endif

/*
 * The functions below. `int BPF_PROG(name, params...) { ... }` becomes the program `name`, which takes the
 * context alone and passes it with the arguments that it holds to the function that the braces belong to,
 * inlined. `ctx` can be used there too. Arguments are passed as pointers, which convert to whatever the
 * parameters are; the pragma is for those that are numbers.
 */
#define ___bpf_traced(name, context, arguments, params...) \
name(context ctx); \
static __always_inline __typeof__(name(0)) ____##name(context ctx, ##params); \
__typeof__(name(0)) name(context ctx) \
{ \
	_Pragma("GCC diagnostic push") \
	_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") \
	return ____##name arguments; \
	_Pragma("GCC diagnostic pop") \
} \
static __always_inline __typeof__(name(0)) ____##name(context ctx, ##params)

/*
 * The lists below hold `ctx` and as many arguments as there are parameters. They are called from behind
 * ___bpf_by_count, not within it: what they hold may be made by that macro too, and no macro expands
 * within itself.
 */
#define ___bpf_slots0() ctx
#define ___bpf_slots1() ___bpf_slots0(), (void *)ctx[0]
#define ___bpf_slots2() ___bpf_slots1(), (void *)ctx[1]
#define ___bpf_slots3() ___bpf_slots2(), (void *)ctx[2]
#define ___bpf_slots4() ___bpf_slots3(), (void *)ctx[3]
#define ___bpf_slots5() ___bpf_slots4(), (void *)ctx[4]
#define ___bpf_slots6() ___bpf_slots5(), (void *)ctx[5]
#define ___bpf_slots7() ___bpf_slots6(), (void *)ctx[6]
#define ___bpf_slots8() ___bpf_slots7(), (void *)ctx[7]
#define ___bpf_slots9() ___bpf_slots8(), (void *)ctx[8]
#define ___bpf_slots10() ___bpf_slots9(), (void *)ctx[9]
#define ___bpf_slots11() ___bpf_slots10(), (void *)ctx[10]
#define ___bpf_slots12() ___bpf_slots11(), (void *)ctx[11]

#define ___bpf_ctx_cast(params...) ___bpf_by_count(___bpf_slots, ##params)()

/* tp_btf, raw_tp, fentry, fexit, fmod_ret, lsm, iter, struct_ops: the context is an array of numbers. */
#define BPF_PROG(name, params...) \
	___bpf_traced(name, unsigned long long *, (___bpf_ctx_cast(params)), ##params)

#define ___bpf_parms0() ctx
#define ___bpf_parms1() ___bpf_parms0(), (void *)PT_REGS_PARM1(ctx)
#define ___bpf_parms2() ___bpf_parms1(), (void *)PT_REGS_PARM2(ctx)
#define ___bpf_parms3() ___bpf_parms2(), (void *)PT_REGS_PARM3(ctx)
#define ___bpf_parms4() ___bpf_parms3(), (void *)PT_REGS_PARM4(ctx)
#define ___bpf_parms5() ___bpf_parms4(), (void *)PT_REGS_PARM5(ctx)
#define ___bpf_parms6() ___bpf_parms5(), (void *)PT_REGS_PARM6(ctx)
#define ___bpf_parms7() ___bpf_parms6(), (void *)PT_REGS_PARM7(ctx)
#define ___bpf_parms8() ___bpf_parms7(), (void *)PT_REGS_PARM8(ctx)

#define ___bpf_kprobe_args(params...) ___bpf_by_count(___bpf_parms, ##params)()

/* kprobe, uprobe: the context is the registers at the function's entry. */
#define BPF_KPROBE(name, params...) \
	___bpf_traced(name, struct pt_regs *, (___bpf_kprobe_args(params)), ##params)
#define BPF_UPROBE(name, params...) BPF_KPROBE(name, ##params)

#define ___bpf_result0() ctx
#define ___bpf_result1() ctx, (void *)PT_REGS_RC(ctx)
#define ___bpf_kretprobe_args(params...) ___bpf_by_count(___bpf_result, ##params)()

/* kretprobe, uretprobe: the registers as the function returns. One parameter, its result, or none. */
#define BPF_KRETPROBE(name, params...) \
	___bpf_traced(name, struct pt_regs *, (___bpf_kretprobe_args(params)), ##params)
#define BPF_URETPROBE(name, params...) BPF_KRETPROBE(name, ##params)

/*
 * ksyscall, kretsyscall: a kprobe on the function behind a system call, with the system call's arguments.
 * Whether the function has them in its registers or behind a pointer, the loader tells.
 */
#define ___bpf_syscall_parms0() ctx
#define ___bpf_syscall_parms1() ___bpf_syscall_parms0(), (void *)PT_REGS_PARM1_SYSCALL(regs)
#define ___bpf_syscall_parms2() ___bpf_syscall_parms1(), (void *)PT_REGS_PARM2_SYSCALL(regs)
#define ___bpf_syscall_parms3() ___bpf_syscall_parms2(), (void *)PT_REGS_PARM3_SYSCALL(regs)
#define ___bpf_syscall_parms4() ___bpf_syscall_parms3(), (void *)PT_REGS_PARM4_SYSCALL(regs)
#define ___bpf_syscall_parms5() ___bpf_syscall_parms4(), (void *)PT_REGS_PARM5_SYSCALL(regs)
#define ___bpf_syscall_parms6() ___bpf_syscall_parms5(), (void *)PT_REGS_PARM6_SYSCALL(regs)
#define ___bpf_syscall_parms7() ___bpf_syscall_parms6(), (void *)PT_REGS_PARM7_SYSCALL(regs)
#define ___bpf_syscall_args(params...) ___bpf_by_count(___bpf_syscall_parms, ##params)()

#define ___bpf_wrapped_parms0() ctx
#define ___bpf_wrapped_parms1() ___bpf_wrapped_parms0(), (void *)PT_REGS_PARM1_CORE_SYSCALL(regs)
#define ___bpf_wrapped_parms2() ___bpf_wrapped_parms1(), (void *)PT_REGS_PARM2_CORE_SYSCALL(regs)
#define ___bpf_wrapped_parms3() ___bpf_wrapped_parms2(), (void *)PT_REGS_PARM3_CORE_SYSCALL(regs)
#define ___bpf_wrapped_parms4() ___bpf_wrapped_parms3(), (void *)PT_REGS_PARM4_CORE_SYSCALL(regs)
#define ___bpf_wrapped_parms5() ___bpf_wrapped_parms4(), (void *)PT_REGS_PARM5_CORE_SYSCALL(regs)
#define ___bpf_wrapped_parms6() ___bpf_wrapped_parms5(), (void *)PT_REGS_PARM6_CORE_SYSCALL(regs)
#define ___bpf_wrapped_parms7() ___bpf_wrapped_parms6(), (void *)PT_REGS_PARM7_CORE_SYSCALL(regs)

#define ___bpf_syswrap_args(params...) ___bpf_by_count(___bpf_wrapped_parms, ##params)()

#define BPF_KSYSCALL(name, params...) \
name(struct pt_regs *ctx); \
extern _Bool LINUX_HAS_SYSCALL_WRAPPER __kconfig; \
static __always_inline __typeof__(name(0)) ____##name(struct pt_regs *ctx, ##params); \
__typeof__(name(0)) name(struct pt_regs *ctx) \
{ \
	_Bool wrapped = LINUX_HAS_SYSCALL_WRAPPER; \
	struct pt_regs *regs __attribute__((unused)) = wrapped ? (struct pt_regs *)PT_REGS_PARM1(ctx) : ctx; \
	_Pragma("GCC diagnostic push") \
	_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") \
	if (wrapped) \
		return ____##name(___bpf_syswrap_args(params)); \
	else \
		return ____##name(___bpf_syscall_args(params)); \
	_Pragma("GCC diagnostic pop") \
} \
static __always_inline __typeof__(name(0)) ____##name(struct pt_regs *ctx, ##params)
#define BPF_KPROBE_SYSCALL BPF_KSYSCALL

/*
 * BPF_PROG for functions that take structs by value. Parameters are given as `type, name` pairs, so that
 * sizes can be asked: a struct of 9 to 16 bytes is in two of the context's numbers, anything smaller in one.
 */
#define ___bpf_pairs_nth(_0, _1, _1a, _2, _2a, _3, _3a, _4, _4a, _5, _5a, _6, _6a, _7, _7a, _8, _8a, _9, _9a, \
			 _10, _10a, _11, _11a, _12, _12a, found, ...) found
#define ___bpf_pairs(params...) \
	___bpf_pairs_nth(_, ##params, 12, 12, 11, 11, 10, 10, 9, 9, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0)

#define ___bpf_in_numbers(type) ((sizeof(type) + 7) / 8)

/* The value of this type in the context from number `at`. Numbers carry small values in their low bytes,
 * whichever end those are at, hence a member for each size. */
#define ___bpf_by_value(type, at) ({ \
	union { \
		__u8 byte; \
		__u16 half; \
		__u32 word; \
		unsigned long long numbers[2]; \
		__typeof__(type) value; \
	} ___parameter; \
	_Static_assert(sizeof(type) <= 16, "passed in memory, which BPF programs do not see"); \
	if (sizeof(type) == 1) \
		___parameter.byte = ctx[at]; \
	else if (sizeof(type) == 2) \
		___parameter.half = ctx[at]; \
	else if (sizeof(type) == 4) \
		___parameter.word = ctx[at]; \
	else \
		___parameter.numbers[0] = ctx[at]; \
	if (sizeof(type) > 8) \
		___parameter.numbers[1] = ctx[(at) + 1]; \
	___parameter.value; \
})

#define ___bpf_values0(at)
#define ___bpf_values1(at, type, name) , ___bpf_by_value(type, at)
#define ___bpf_values2(at, type, name, more...) \
	, ___bpf_by_value(type, at) ___bpf_values1((at) + ___bpf_in_numbers(type), more)
#define ___bpf_values3(at, type, name, more...) \
	, ___bpf_by_value(type, at) ___bpf_values2((at) + ___bpf_in_numbers(type), more)
#define ___bpf_values4(at, type, name, more...) \
	, ___bpf_by_value(type, at) ___bpf_values3((at) + ___bpf_in_numbers(type), more)
#define ___bpf_values5(at, type, name, more...) \
	, ___bpf_by_value(type, at) ___bpf_values4((at) + ___bpf_in_numbers(type), more)
#define ___bpf_values6(at, type, name, more...) \
	, ___bpf_by_value(type, at) ___bpf_values5((at) + ___bpf_in_numbers(type), more)
#define ___bpf_values7(at, type, name, more...) \
	, ___bpf_by_value(type, at) ___bpf_values6((at) + ___bpf_in_numbers(type), more)
#define ___bpf_values8(at, type, name, more...) \
	, ___bpf_by_value(type, at) ___bpf_values7((at) + ___bpf_in_numbers(type), more)
#define ___bpf_values9(at, type, name, more...) \
	, ___bpf_by_value(type, at) ___bpf_values8((at) + ___bpf_in_numbers(type), more)
#define ___bpf_values10(at, type, name, more...) \
	, ___bpf_by_value(type, at) ___bpf_values9((at) + ___bpf_in_numbers(type), more)
#define ___bpf_values11(at, type, name, more...) \
	, ___bpf_by_value(type, at) ___bpf_values10((at) + ___bpf_in_numbers(type), more)
#define ___bpf_values12(at, type, name, more...) \
	, ___bpf_by_value(type, at) ___bpf_values11((at) + ___bpf_in_numbers(type), more)
#define ___bpf_declared0()
#define ___bpf_declared1(type, name) , type name
#define ___bpf_declared2(type, name, more...) , type name ___bpf_declared1(more)
#define ___bpf_declared3(type, name, more...) , type name ___bpf_declared2(more)
#define ___bpf_declared4(type, name, more...) , type name ___bpf_declared3(more)
#define ___bpf_declared5(type, name, more...) , type name ___bpf_declared4(more)
#define ___bpf_declared6(type, name, more...) , type name ___bpf_declared5(more)
#define ___bpf_declared7(type, name, more...) , type name ___bpf_declared6(more)
#define ___bpf_declared8(type, name, more...) , type name ___bpf_declared7(more)
#define ___bpf_declared9(type, name, more...) , type name ___bpf_declared8(more)
#define ___bpf_declared10(type, name, more...) , type name ___bpf_declared9(more)
#define ___bpf_declared11(type, name, more...) , type name ___bpf_declared10(more)
#define ___bpf_declared12(type, name, more...) , type name ___bpf_declared11(more)

#define BPF_PROG2(name, params...) \
name(unsigned long long *ctx); \
static __always_inline __typeof__(name(0)) ____##name( \
	unsigned long long *ctx ___bpf_apply(___bpf_declared, ___bpf_pairs(params))(params)); \
__typeof__(name(0)) name(unsigned long long *ctx) \
{ \
	return ____##name(ctx ___bpf_apply(___bpf_values, ___bpf_pairs(params))(0, ##params)); \
} \
static __always_inline __typeof__(name(0)) ____##name( \
	unsigned long long *ctx ___bpf_apply(___bpf_declared, ___bpf_pairs(params))(params))

#endif
