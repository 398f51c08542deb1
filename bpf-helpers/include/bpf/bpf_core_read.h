/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reading kernel memory in a way that survives the kernel changing ("compile once, run everywhere"):
 * offsets, sizes, numbers of types and of enumerators are left open by the compiler and filled in by the
 * loader from the BTF of the kernel the program runs on. Needs clang 11 and -g.
 */
#ifndef __BPF_CORE_READ_H__
#define __BPF_CORE_READ_H__

#include "bpf_helpers.h"

/* The questions that clang's builtins take, numbered as the compiler numbers them. */
enum bpf_field_info_kind {
	BPF_FIELD_BYTE_OFFSET = 0,
	BPF_FIELD_BYTE_SIZE = 1,
	BPF_FIELD_EXISTS = 2,
	BPF_FIELD_SIGNED = 3,
	BPF_FIELD_LSHIFT_U64 = 4,
	BPF_FIELD_RSHIFT_U64 = 5,
};

enum bpf_type_id_kind {
	BPF_TYPE_ID_LOCAL = 0,
	BPF_TYPE_ID_TARGET = 1,
};

enum bpf_type_info_kind {
	BPF_TYPE_EXISTS = 0,
	BPF_TYPE_SIZE = 1,
	BPF_TYPE_MATCHES = 2,
};

enum bpf_enum_value_kind {
	BPF_ENUMVAL_EXISTS = 0,
	BPF_ENUMVAL_VALUE = 1,
};

/*
 * Fields. Each of these takes a field of a value, `task->pid`, or a type and a field's name,
 * `struct task_struct, pid`.
 */
#define ___bpf_field_ref1(field) (field)
#define ___bpf_field_ref2(type, field) (((__typeof__(type) *)0)->field)
#define ___bpf_field_ref(args...) ___bpf_by_count(___bpf_field_ref, args)(args)

/* Whether the kernel's struct has the field. */
#define bpf_core_field_exists(field...) \
	__builtin_preserve_field_info(___bpf_field_ref(field), BPF_FIELD_EXISTS)
/* The field's size there, in bytes. */
#define bpf_core_field_size(field...) \
	__builtin_preserve_field_info(___bpf_field_ref(field), BPF_FIELD_BYTE_SIZE)
/* Where it lies there, in bytes from the struct's beginning. */
#define bpf_core_field_offset(field...) \
	__builtin_preserve_field_info(___bpf_field_ref(field), BPF_FIELD_BYTE_OFFSET)

/* Types. */
#define ___bpf_some(type) (*(__typeof__(type) *)0)

/* The type's number in this object's BTF, and in the kernel's. */
#define bpf_core_type_id_local(type) __builtin_btf_type_id(___bpf_some(type), BPF_TYPE_ID_LOCAL)
#define bpf_core_type_id_kernel(type) __builtin_btf_type_id(___bpf_some(type), BPF_TYPE_ID_TARGET)
/* Whether the kernel has a type of this name and kind; of this shape too (clang 15). */
#define bpf_core_type_exists(type) __builtin_preserve_type_info(___bpf_some(type), BPF_TYPE_EXISTS)
#define bpf_core_type_matches(type) __builtin_preserve_type_info(___bpf_some(type), BPF_TYPE_MATCHES)
/* Its size there, in bytes. */
#define bpf_core_type_size(type) __builtin_preserve_type_info(___bpf_some(type), BPF_TYPE_SIZE)

/* Enumerators: whether the kernel has one of this name, and its number there. */
#define bpf_core_enum_value_exists(type, enumerator) \
	__builtin_preserve_enum_value(*(__typeof__(type) *)enumerator, BPF_ENUMVAL_EXISTS)
#define bpf_core_enum_value(type, enumerator) \
	__builtin_preserve_enum_value(*(__typeof__(type) *)enumerator, BPF_ENUMVAL_VALUE)

/* The pointer as one to a type of the kernel, which the verifier then lets the program read through. */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
#define bpf_core_cast(pointer, type) \
	((__typeof__(type) *)bpf_rdonly_cast((pointer), bpf_core_type_id_kernel(type)))

/*
 * One read, by helper, of `size` bytes at a relocated address: `&task->pid`. The forms with _user read
 * the process's memory; types of user space rarely want relocation, but those of the UAPI that the
 * kernel's BTF knows have it this way.
 */
#define bpf_core_read(to, size, from) \
	bpf_probe_read_kernel(to, size, (const void *)__builtin_preserve_access_index(from))
#define bpf_core_read_user(to, size, from) \
	bpf_probe_read_user(to, size, (const void *)__builtin_preserve_access_index(from))
#define bpf_core_read_str(to, size, from) \
	bpf_probe_read_kernel_str(to, size, (const void *)__builtin_preserve_access_index(from))
#define bpf_core_read_user_str(to, size, from) \
	bpf_probe_read_user_str(to, size, (const void *)__builtin_preserve_access_index(from))

/*
 * Chains of pointers: BPF_CORE_READ(task, real_parent, tgid) is task->real_parent->tgid, with a read by
 * helper for each arrow. A link of a chain may be several fields, `mm, exe_file, f_path.dentry`.
 *
 * ___bpf_arrow is the chain as an expression, for its type alone. ___bpf_chain reads along it: each step
 * but the last reads a pointer into a variable of its own, in whose scope the rest of the chain stands;
 * numbered, because the rest names it while declaring its own. Adding 0 to a pointer makes its type one
 * without `const`, so that the variable may be written.
 */
#define ___bpf_arrow2(s, a) (s)->a
#define ___bpf_arrow3(s, a, b) (s)->a->b
#define ___bpf_arrow4(s, a, b, c) (s)->a->b->c
#define ___bpf_arrow5(s, a, b, c, d) (s)->a->b->c->d
#define ___bpf_arrow6(s, a, b, c, d, e) (s)->a->b->c->d->e
#define ___bpf_arrow7(s, a, b, c, d, e, f) (s)->a->b->c->d->e->f
#define ___bpf_arrow8(s, a, b, c, d, e, f, g) (s)->a->b->c->d->e->f->g
#define ___bpf_arrow9(s, a, b, c, d, e, f, g, h) (s)->a->b->c->d->e->f->g->h
#define ___bpf_arrow10(s, a, b, c, d, e, f, g, h, i) (s)->a->b->c->d->e->f->g->h->i
#define ___bpf_arrow(chain...) ___bpf_by_count(___bpf_arrow, chain)(chain)

#define ___bpf_hop(step, pointer, s, a) \
	__typeof__((s)->a + 0) pointer; \
	step((void *)&pointer, sizeof(pointer), &(s)->a)

#define ___bpf_chain2(step, last, to, s, a) last((void *)(to), sizeof(*(to)), &(s)->a)
#define ___bpf_chain3(step, last, to, s, a, more...) \
	({ ___bpf_hop(step, ___p3, s, a); ___bpf_chain2(step, last, to, ___p3, more); })
#define ___bpf_chain4(step, last, to, s, a, more...) \
	({ ___bpf_hop(step, ___p4, s, a); ___bpf_chain3(step, last, to, ___p4, more); })
#define ___bpf_chain5(step, last, to, s, a, more...) \
	({ ___bpf_hop(step, ___p5, s, a); ___bpf_chain4(step, last, to, ___p5, more); })
#define ___bpf_chain6(step, last, to, s, a, more...) \
	({ ___bpf_hop(step, ___p6, s, a); ___bpf_chain5(step, last, to, ___p6, more); })
#define ___bpf_chain7(step, last, to, s, a, more...) \
	({ ___bpf_hop(step, ___p7, s, a); ___bpf_chain6(step, last, to, ___p7, more); })
#define ___bpf_chain8(step, last, to, s, a, more...) \
	({ ___bpf_hop(step, ___p8, s, a); ___bpf_chain7(step, last, to, ___p8, more); })
#define ___bpf_chain9(step, last, to, s, a, more...) \
	({ ___bpf_hop(step, ___p9, s, a); ___bpf_chain8(step, last, to, ___p9, more); })
#define ___bpf_chain10(step, last, to, s, a, more...) \
	({ ___bpf_hop(step, ___p10, s, a); ___bpf_chain9(step, last, to, ___p10, more); })
/* Reads what is at the chain's end with `last`, the pointers on the way with `step`. */
#define ___bpf_chain(step, last, to, chain...) ___bpf_by_count(___bpf_chain, chain)(step, last, to, chain)

#define ___bpf_chain_value(into, chain...) ({ \
	__typeof__(___bpf_arrow(chain)) ___value; \
	into(&___value, chain); \
	___value; \
})

/*
 * Each family comes in three forms. _INTO(to, chain...) reads into `*to`, as many bytes as that has, and
 * gives 0 or a negative error. _STR_INTO reads a string that the chain's last link holds, into an array
 * `*to`, and gives its length with the NUL. The plain form gives the value, 0 when it cannot be read.
 *
 * CORE: relocated. PROBE: as this file's types have it, for memory whose layout does not change.
 * USER: all of the chain is in the process's memory.
 */
#define BPF_CORE_READ_INTO(to, chain...) ___bpf_chain(bpf_core_read, bpf_core_read, to, chain)
#define BPF_CORE_READ_STR_INTO(to, chain...) ___bpf_chain(bpf_core_read, bpf_core_read_str, to, chain)
#define BPF_CORE_READ(chain...) ___bpf_chain_value(BPF_CORE_READ_INTO, chain)

#define BPF_CORE_READ_USER_INTO(to, chain...) \
	___bpf_chain(bpf_core_read_user, bpf_core_read_user, to, chain)
#define BPF_CORE_READ_USER_STR_INTO(to, chain...) \
	___bpf_chain(bpf_core_read_user, bpf_core_read_user_str, to, chain)
#define BPF_CORE_READ_USER(chain...) ___bpf_chain_value(BPF_CORE_READ_USER_INTO, chain)

#define BPF_PROBE_READ_INTO(to, chain...) \
	___bpf_chain(bpf_probe_read_kernel, bpf_probe_read_kernel, to, chain)
#define BPF_PROBE_READ_STR_INTO(to, chain...) \
	___bpf_chain(bpf_probe_read_kernel, bpf_probe_read_kernel_str, to, chain)
#define BPF_PROBE_READ(chain...) ___bpf_chain_value(BPF_PROBE_READ_INTO, chain)

#define BPF_PROBE_READ_USER_INTO(to, chain...) \
	___bpf_chain(bpf_probe_read_user, bpf_probe_read_user, to, chain)
#define BPF_PROBE_READ_USER_STR_INTO(to, chain...) \
	___bpf_chain(bpf_probe_read_user, bpf_probe_read_user_str, to, chain)
#define BPF_PROBE_READ_USER(chain...) ___bpf_chain_value(BPF_PROBE_READ_USER_INTO, chain)

/*
 * Bitfields. Their place in the kernel is told as the bytes that hold them (offset and size) and how far
 * to shift those, as a 64-bit number: left until nothing is above the field, then right until nothing is
 * below it, by copies of the sign if the field has one.
 */
#define ___bpf_field_info(s, field, what) __builtin_preserve_field_info((s)->field, BPF_FIELD_##what)

#define ___bpf_bitfield(s, field, bytes) ({ \
	unsigned long long ___shifted = (bytes) << ___bpf_field_info(s, field, LSHIFT_U64); \
	___bpf_field_info(s, field, SIGNED) ? \
		(unsigned long long)((long long)___shifted >> ___bpf_field_info(s, field, RSHIFT_U64)) : \
		___shifted >> ___bpf_field_info(s, field, RSHIFT_U64); \
})

/* Where the bytes of a field that is smaller go in a 64-bit number. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ___bpf_low_bytes(number, size) ((void *)(number))
#else
#define ___bpf_low_bytes(number, size) ((void *)(number) + (8 - (size)))
#endif

/* A bitfield of a struct that is read by helper. */
#define BPF_CORE_READ_BITFIELD_PROBED(s, field) ({ \
	unsigned long long ___bytes = 0; \
	bpf_probe_read_kernel(___bpf_low_bytes(&___bytes, ___bpf_field_info(s, field, BYTE_SIZE)), \
			      ___bpf_field_info(s, field, BYTE_SIZE), \
			      (const void *)(s) + ___bpf_field_info(s, field, BYTE_OFFSET)); \
	___bpf_bitfield(s, field, ___bytes); \
})

/*
 * A bitfield of a struct that the verifier lets the program read directly. The size is known when the
 * program is loaded, not when it is compiled: one of these cases is live. The offset must be in the
 * pointer's register before the cases, or the compiler folds it into each of their loads.
 */
#define BPF_CORE_READ_BITFIELD(s, field) ({ \
	const void *___at = (const void *)(s) + ___bpf_field_info(s, field, BYTE_OFFSET); \
	unsigned long long ___bytes = 0; \
	barrier_var(___at); \
	switch (___bpf_field_info(s, field, BYTE_SIZE)) { \
	case 1: ___bytes = *(const unsigned char *)___at; break; \
	case 2: ___bytes = *(const unsigned short *)___at; break; \
	case 4: ___bytes = *(const unsigned int *)___at; break; \
	case 8: ___bytes = *(const unsigned long long *)___at; break; \
	} \
	___bpf_bitfield(s, field, ___bytes); \
})

/* Writes a bitfield of a struct that the verifier lets the program write; bits beyond it are dropped. */
#define BPF_CORE_WRITE_BITFIELD(s, field, value) ({ \
	void *___at = (void *)(s) + ___bpf_field_info(s, field, BYTE_OFFSET); \
	unsigned int ___left = ___bpf_field_info(s, field, LSHIFT_U64); \
	unsigned int ___right = ___bpf_field_info(s, field, RSHIFT_U64); \
	unsigned long long ___mask = (~0ULL << ___right) >> ___left; \
	unsigned long long ___new = (unsigned long long)(value) << (___right - ___left) & ___mask; \
	barrier_var(___at); \
	switch (___bpf_field_info(s, field, BYTE_SIZE)) { \
	case 1: *(unsigned char *)___at = (*(unsigned char *)___at & ~___mask) | ___new; break; \
	case 2: *(unsigned short *)___at = (*(unsigned short *)___at & ~___mask) | ___new; break; \
	case 4: *(unsigned int *)___at = (*(unsigned int *)___at & ~___mask) | ___new; break; \
	case 8: *(unsigned long long *)___at = (*(unsigned long long *)___at & ~___mask) | ___new; break; \
	} \
})

#endif
