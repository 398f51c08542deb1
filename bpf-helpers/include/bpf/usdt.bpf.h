/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Arguments of USDT probes (`usdt/PATH:PROVIDER:NAME`), by number and, with BPF_USDT, by name.
 *
 * Where a probe has its arguments, in a register, in memory or nowhere (constants), the traced binary says
 * in text that only user space can read. The loader translates it to one `spec` for each way of saying so,
 * puts those into a map, and tells the program which one holds for the probe that fired: by the attachment's
 * cookie, or on kernels without cookies (before 5.15) through a second map, by the probe's address. Names
 * and layout of both maps are what loaders go by: not to be changed.
 *
 * Needs `bool`: vmlinux.h has it, else stdbool.h.
 */
#ifndef __USDT_BPF_H__
#define __USDT_BPF_H__

/* For programs that compare errors, where the compiler finds it: it takes <asm/errno.h> with it. */
#if __has_include(<linux/errno.h>) && __has_include(<asm/errno.h>)
#include <linux/errno.h>
#endif
#include "bpf_helpers.h"
#include "bpf_tracing.h"

/* How many specs there may be; for all programs of the object. Define it before for another number. */
#ifndef BPF_USDT_MAX_SPEC_CNT
#define BPF_USDT_MAX_SPEC_CNT 256
#endif
/* How many places in binaries there may be. Without use on kernels that have cookies. */
#ifndef BPF_USDT_MAX_IP_CNT
#define BPF_USDT_MAX_IP_CNT (4 * BPF_USDT_MAX_SPEC_CNT)
#endif

/* The most arguments that a probe has. */
#define BPF_USDT_MAX_ARG_CNT 12

/* What the functions below fail with, as in errno.h, which not every program has. */
#define ___BPF_USDT_ENOENT 2
#define ___BPF_USDT_ESRCH 3
#define ___BPF_USDT_EINVAL 22

enum __bpf_usdt_arg_type {
	BPF_USDT_ARG_CONST, /* val_off itself: `-4@$-9` */
	BPF_USDT_ARG_REG, /* a register: `8@%rax` */
	BPF_USDT_ARG_REG_DEREF, /* memory at register + val_off: `-4@-1204(%rbp)` */
	BPF_USDT_ARG_SIB, /* memory at register + (index << scale_bitshift) + val_off: `-1@-96(%rbp,%rax,8)` */
};

struct __bpf_usdt_arg_spec {
	__u64 val_off;
	/* One 32-bit word whose low byte is the type, whichever byte order. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	enum __bpf_usdt_arg_type arg_type : 8;
	__u16 idx_reg_off : 12;
	__u16 scale_bitshift : 4;
	__u8 __reserved : 8;
#else
	__u8 __reserved : 8;
	__u16 idx_reg_off : 12;
	__u16 scale_bitshift : 4;
	enum __bpf_usdt_arg_type arg_type : 8;
#endif
	/* Registers are places in struct pt_regs, in bytes. */
	short reg_off;
	bool arg_signed;
	/* How many bits of a 64-bit number the argument leaves free: 32 for an int. */
	char arg_bitshift;
};

struct __bpf_usdt_spec {
	struct __bpf_usdt_arg_spec args[BPF_USDT_MAX_ARG_CNT];
	__u64 usdt_cookie;
	short arg_cnt;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BPF_USDT_MAX_SPEC_CNT);
	__type(key, int);
	__type(value, struct __bpf_usdt_spec);
} __bpf_usdt_specs SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BPF_USDT_MAX_IP_CNT);
	__type(key, long);
	__type(value, __u32);
} __bpf_usdt_ip_to_spec_id SEC(".maps") __weak;

/* Set by the loader: whether this kernel's attachments have cookies. */
extern const _Bool LINUX_HAS_BPF_COOKIE __kconfig;

/* The number of the spec that holds where the program is now; negative if there is none. */
static __always_inline int __bpf_usdt_spec_id(struct pt_regs *ctx)
{
	if (!LINUX_HAS_BPF_COOKIE) {
		long place = PT_REGS_IP(ctx);
		int *known = bpf_map_lookup_elem(&__bpf_usdt_ip_to_spec_id, &place);

		return known ? *known : -___BPF_USDT_ESRCH;
	}
	return bpf_get_attach_cookie(ctx);
}

/* Finds that spec, or leaves the function with `failure`. */
#define ___bpf_usdt_find_spec(spec, ctx, failure) \
	int ___id = __bpf_usdt_spec_id(ctx); \
	if (___id < 0) \
		return failure; \
	spec = bpf_map_lookup_elem(&__bpf_usdt_specs, &___id); \
	if (!spec) \
		return failure

/*
 * Finds the argument of a number, or leaves the function with `failure` if the probe has fewer. Compared
 * twice, the first time with a constant, because the verifier takes no bound from the spec's own count; the
 * barrier keeps the compiler from making one comparison of them.
 */
#define ___bpf_usdt_find_arg(arg, spec, number, failure) \
	if ((number) >= BPF_USDT_MAX_ARG_CNT) \
		return failure; \
	barrier_var(number); \
	if ((number) >= (__u64)(spec)->arg_cnt) \
		return failure; \
	arg = &(spec)->args[number]

/* How many arguments the probe has; negative if that is not known. */
__weak __hidden int bpf_usdt_arg_cnt(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec;

	___bpf_usdt_find_spec(spec, ctx, -___BPF_USDT_ESRCH);
	return spec->arg_cnt;
}

/* The size in bytes of an argument, which are numbered from 0; negative if there is none. */
static __always_inline int bpf_usdt_arg_size(struct pt_regs *ctx, __u64 arg_num)
{
	struct __bpf_usdt_arg_spec *arg;
	struct __bpf_usdt_spec *spec;

	___bpf_usdt_find_spec(spec, ctx, -___BPF_USDT_ESRCH);
	___bpf_usdt_find_arg(arg, spec, arg_num, -___BPF_USDT_ENOENT);
	return (unsigned int)(64 - arg->arg_bitshift) / 8;
}

/* An argument's value, extended to a long by its sign or by zeros; 0 in *res where this fails. */
__weak __hidden int bpf_usdt_arg(struct pt_regs *ctx, __u64 arg_num, long *res)
{
	struct __bpf_usdt_spec *spec;
	struct __bpf_usdt_arg_spec *arg;
	unsigned long value, index, place;
	int err;

	*res = 0;
	___bpf_usdt_find_spec(spec, ctx, -___BPF_USDT_ESRCH);
	___bpf_usdt_find_arg(arg, spec, arg_num, -___BPF_USDT_ENOENT);

	switch (arg->arg_type) {
	case BPF_USDT_ARG_CONST:
		value = arg->val_off;
		break;
	case BPF_USDT_ARG_REG:
		err = bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx + arg->reg_off);
		if (err)
			return err;
		break;
	case BPF_USDT_ARG_REG_DEREF:
		err = bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx + arg->reg_off);
		if (err)
			return err;
		err = bpf_probe_read_user(&value, sizeof(value), (void *)value + arg->val_off);
		if (err)
			return err;
		/* Eight bytes were read, of which the argument is the first few: the highest here. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		value >>= arg->arg_bitshift;
#endif
		break;
	case BPF_USDT_ARG_SIB:
		err = bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx + arg->reg_off);
		if (err)
			return err;
		err = bpf_probe_read_kernel(&index, sizeof(index), (void *)ctx + arg->idx_reg_off);
		if (err)
			return err;
		place = value + (index << arg->scale_bitshift) + arg->val_off;
		err = bpf_probe_read_user(&value, sizeof(value), (void *)place);
		if (err)
			return err;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		value >>= arg->arg_bitshift;
#endif
		break;
	default:
		return -___BPF_USDT_EINVAL;
	}

	value <<= arg->arg_bitshift;
	*res = arg->arg_signed ? (unsigned long)((long)value >> arg->arg_bitshift) : value >> arg->arg_bitshift;
	return 0;
}

/* The number that user space gave when it attached the program: bpf_get_attach_cookie of USDT, whose own
 * cookie is the loader's. */
__weak __hidden long bpf_usdt_cookie(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec;

	___bpf_usdt_find_spec(spec, ctx, 0);
	return spec->usdt_cookie;
}

/* `ctx`, then the arguments from 0 on, as many as there are parameters. */
#define ___bpf_usdt_value(number) ({ long ___value; bpf_usdt_arg(ctx, number, &___value); ___value; })
#define ___bpf_usdt_values0() ctx
#define ___bpf_usdt_values1() ___bpf_usdt_values0(), ___bpf_usdt_value(0)
#define ___bpf_usdt_values2() ___bpf_usdt_values1(), ___bpf_usdt_value(1)
#define ___bpf_usdt_values3() ___bpf_usdt_values2(), ___bpf_usdt_value(2)
#define ___bpf_usdt_values4() ___bpf_usdt_values3(), ___bpf_usdt_value(3)
#define ___bpf_usdt_values5() ___bpf_usdt_values4(), ___bpf_usdt_value(4)
#define ___bpf_usdt_values6() ___bpf_usdt_values5(), ___bpf_usdt_value(5)
#define ___bpf_usdt_values7() ___bpf_usdt_values6(), ___bpf_usdt_value(6)
#define ___bpf_usdt_values8() ___bpf_usdt_values7(), ___bpf_usdt_value(7)
#define ___bpf_usdt_values9() ___bpf_usdt_values8(), ___bpf_usdt_value(8)
#define ___bpf_usdt_values10() ___bpf_usdt_values9(), ___bpf_usdt_value(9)
#define ___bpf_usdt_values11() ___bpf_usdt_values10(), ___bpf_usdt_value(10)
#define ___bpf_usdt_values12() ___bpf_usdt_values11(), ___bpf_usdt_value(11)
#define ___bpf_usdt_args(params...) ___bpf_by_count(___bpf_usdt_values, ##params)()

/* As BPF_KPROBE: `int BPF_USDT(name, params...) { ... }` is a program of USDT probes. */
#define BPF_USDT(name, params...) \
	___bpf_traced(name, struct pt_regs *, (___bpf_usdt_args(params)), ##params)

#endif
