/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every BPF program includes: the kernel's helpers, where things go in the object file, how maps
 * are defined, and what the compiler must be told. For clang; include vmlinux.h or linux/bpf.h first,
 * which bring the types __u32 and __u64.
 */
#ifndef __BPF_HELPERS__
#define __BPF_HELPERS__

#include "bpf_variadic.h"
#include "bpf_helper_defs.h"

/*
 * Maps. A map is a variable in the section ".maps" whose type says what it is; its bytes stay zero:
 *
 *	struct {
 *		__uint(type, BPF_MAP_TYPE_HASH);
 *		__uint(max_entries, 1024);
 *		__type(key, __u32);
 *		__type(value, struct tally);
 *	} tallies SEC(".maps");
 *
 * Only BTF carries a type into the object file, so numbers are written as types too: __uint as the
 * length of an array, and __ulong, for numbers of more than 31 bits, as the value of an enumerator.
 * __array is the type of what a map of maps, or of programs, holds.
 */
#define __uint(name, number) int (*name)[number]
#define __type(name, of) __typeof__(of) *name
#define __array(name, of) __typeof__(of) *name[]
#define __ulong(name, number) enum { ___bpf_apply(__unique_value, __LINE__) = number } name

/* The member "pinning" of a map: whether the loader pins it below the BPF file system's root. */
enum libbpf_pin_type {
	LIBBPF_PIN_NONE = 0,
	LIBBPF_PIN_BY_NAME = 1,
};

/*
 * Puts a program, a map or a variable into a section of the object file; for programs the name says
 * where they attach. `used` keeps what nothing in the file refers to. The pragma is for declarations
 * without a definition, whose attribute clang calls ignored; GCC takes
 * none there.
 */
#if defined(__GNUC__) && !defined(__clang__)
#define SEC(name) __attribute__((section(name), used))
#else
#define SEC(name) \
	_Pragma("GCC diagnostic push") \
	_Pragma("GCC diagnostic ignored \"-Wignored-attributes\"") \
	__attribute__((section(name), used)) \
	_Pragma("GCC diagnostic pop")
#endif

/* Kernel configuration, and functions and variables of the kernel: externs that the loader resolves. */
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))

/* What a `tristate` option of the kernel's configuration may be. */
enum libbpf_tristate {
	TRI_NO = 0,
	TRI_YES = 1,
	TRI_MODULE = 2,
};

/*
 * Whether the kernel has what a `__weak __ksym` extern names. One that is not weak always exists, or
 * the object would not load: asking is a mistake, told by the compiler knowing the answer.
 */
#define bpf_ksym_exists(symbol) ({ \
	_Static_assert(!__builtin_constant_p(!!symbol), #symbol " is not declared __weak"); \
	!!symbol; \
})

/* Pointers kept in map values, and what they point to (the verifier reads these off BTF). */
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
#define __uptr __attribute__((btf_type_tag("uptr")))

/* What a global subprogram may assume of an argument. */
#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#define __arg_nonnull __attribute__((btf_decl_tag("arg:nonnull")))
#define __arg_nullable __attribute__((btf_decl_tag("arg:nullable")))
#define __arg_trusted __attribute__((btf_decl_tag("arg:trusted")))
#define __arg_untrusted __attribute__((btf_decl_tag("arg:untrusted")))
#define __arg_arena __attribute__((btf_decl_tag("arg:arena")))

/* Kernel headers that may come with linux/bpf.h define this one otherwise. */
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))

#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif

/* A global subprogram that is verified where it is called, as if it were static. */
#define __hidden __attribute__((visibility("hidden")))

#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#endif
#ifndef unlikely
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/* As LINUX_KERNEL_VERSION has it: a release above 255 counts as 255. */
#ifndef KERNEL_VERSION
#define KERNEL_VERSION(major, minor, release) \
	(((major) << 16) + ((minor) << 8) + ((release) > 255 ? 255 : (release)))
#endif

/*
 * By address, not by __builtin_offsetof: that one is a constant of this file's layout, while the
 * address of a member becomes a relocation where the struct asks for it (preserve_access_index).
 */
#undef offsetof
#define offsetof(type, member) ((unsigned long)&((type *)0)->member)
#undef container_of
#define container_of(pointer, type, member) ({ \
	void *___member = (void *)(pointer); \
	(type *)(___member - offsetof(type, member)); \
})

/* The compiler carries no memory access across this point. */
#ifndef barrier
#define barrier() asm volatile("" ::: "memory")
#endif

/*
 * The compiler forgets what it knows of a variable, and has it in one register from here on. With it
 * the value that was compared with a bound is the value that is used, which the verifier must see.
 */
#ifndef barrier_var
#define barrier_var(variable) asm volatile("" : "+r"(variable))
#endif

#ifndef __bpf_unreachable
#define __bpf_unreachable() __builtin_trap()
#endif

/*
 * A tail call to a slot that is a constant. Written out as instructions, because the compiler may merge
 * two calls of different slots into one whose slot is a variable, and the kernel's just-in-time
 * compilers make a direct jump only of a constant.
 */
#ifdef __bpf__
static __always_inline void bpf_tail_call_static(void *ctx, const void *map, const __u32 slot)
{
	if (!__builtin_constant_p(slot))
		__bpf_unreachable();
	asm volatile("r1 = %[ctx]\n\t"
		     "r2 = %[map]\n\t"
		     "r3 = %[slot]\n\t"
		     "call %[tail_call]"
		     : : [ctx] "r"(ctx), [map] "r"(map), [slot] "i"(slot), [tail_call] "i"(12)
		     : "r0", "r1", "r2", "r3", "r4", "r5", "memory");
}
#endif

/*
 * Text. bpf_printk writes to the kernel's trace pipe. bpf_trace_printk takes three values at most; for
 * more there is bpf_trace_vprintk (Linux 5.16), which takes them in an array. A format lies in .rodata,
 * or, with BPF_NO_GLOBAL_DATA for kernels before 5.2, on the stack. Its variable's name is part of the object,
 * and of skeletons made of it: ____fmt for bpf_trace_printk, ___fmt for the others.
 */
#ifdef BPF_NO_GLOBAL_DATA
#define BPF_PRINTK_FMT_MOD
#else
#define BPF_PRINTK_FMT_MOD static const
#endif

#define __bpf_printk(format, args...) ({ \
	BPF_PRINTK_FMT_MOD char ____fmt[] = format; \
	bpf_trace_printk(____fmt, sizeof(____fmt), ##args); \
})

/* A format, and the values for it in an array. */
#define ___bpf_text(format, args...) \
	static const char ___fmt[] = format; \
	unsigned long long ___param[___bpf_narg(args)]; \
	___bpf_fill(___param, ##args)

#define __bpf_vprintk(format, args...) ({ \
	___bpf_text(format, ##args); \
	bpf_trace_vprintk(___fmt, sizeof(___fmt), ___param, sizeof(___param)); \
})

#define ___bpf_pick_printk(args...) \
	___bpf_nth(_, ##args, __bpf_vprintk, __bpf_vprintk, __bpf_vprintk, __bpf_vprintk, \
		   __bpf_vprintk, __bpf_vprintk, __bpf_vprintk, __bpf_vprintk, __bpf_vprintk, \
		   __bpf_printk, __bpf_printk, __bpf_printk, __bpf_printk)

#define bpf_printk(format, args...) ___bpf_pick_printk(args)(format, ##args)

/* To the file that an iterator program writes. */
#define BPF_SEQ_PRINTF(seq, format, args...) ({ \
	___bpf_text(format, ##args); \
	bpf_seq_printf(seq, ___fmt, sizeof(___fmt), ___param, sizeof(___param)); \
})

/* Into a buffer. */
#define BPF_SNPRINTF(out, out_size, format, args...) ({ \
	___bpf_text(format, ##args); \
	bpf_snprintf(out, out_size, ___fmt, ___param, sizeof(___param)); \
})

/* To one of the program's own streams, BPF_STDOUT or BPF_STDERR (Linux 6.17). */
#define bpf_stream_printk(stream, format, args...) ({ \
	___bpf_text(format, ##args); \
	bpf_stream_vprintk(stream, ___fmt, ___param, sizeof(___param)); \
})

/*
 * Loops by the kernel's open-coded iterators (Linux 6.4). The kernel must see each iterator destroyed on
 * every way out of the loop, which the cleanup attribute does. That attribute alone leaves the destructor
 * without BTF, so the initialiser names it too; it is the `for`'s own declaration, hence run once.
 */
struct bpf_iter_num;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;

#define ___bpf_iterate(kind, args...) \
	struct bpf_iter_##kind ___it __attribute__((aligned(8), cleanup(bpf_iter_##kind##_destroy))), \
		*___once __attribute__((unused)) = (bpf_iter_##kind##_new(&___it, ##args), \
						    (void)bpf_iter_##kind##_destroy, (void *)0)

/* For each element of an iterator that has the kfuncs bpf_iter_KIND_{new,next,destroy}. */
#ifndef bpf_for_each
#define bpf_for_each(kind, element, args...) \
	for (___bpf_iterate(kind, ##args); ((element) = bpf_iter_##kind##_next(&___it));)
#endif

/* For each i from start up to end. The comparison is for the verifier, which knows no bounds of what
 * bpf_iter_num_next returns. */
#ifndef bpf_for
#define bpf_for(i, start, end) \
	for (___bpf_iterate(num, (start), (end)); ({ \
		int *___next = bpf_iter_num_next(&___it); \
		___next && ((i) = *___next, (i) >= (start) && (i) < (end)); \
	});)
#endif

/* So many times. */
#ifndef bpf_repeat
#define bpf_repeat(times) \
	for (___bpf_iterate(num, 0, (times)); bpf_iter_num_next(&___it);)
#endif

#endif
