/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reading kernel memory in a way that survives the kernel changing ("compile once, run everywhere"):
 * offsets, sizes, numbers of types and of enumerators are left open by the compiler and filled in by the
 * loader from the BTF of the kernel the program runs on. Needs clang 13 and -g.
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
#define ___bpf_field_ref2(type, field) (___bpf_typeof(type)->field)
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
#define ___bpf_typeof(type) ((__typeof__(type) *)0)
#define ___bpf_some(type) (*___bpf_typeof(type))

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
 * ___arrow is the chain as an expression, for its type alone. ___bpf_chain reads along it: each step but
 * the last reads a pointer into the same variable, from which the next goes on as the `type` that the
 * chain has so far: one variable, because programs have a stack of 512 bytes.
 */
#define ___bpf_arrow1(s) (s)
#define ___bpf_arrow2(s, a) (s)->a
#define ___bpf_arrow3(s, a, b) (s)->a->b
#define ___bpf_arrow4(s, a, b, c) (s)->a->b->c
#define ___bpf_arrow5(s, a, b, c, d) (s)->a->b->c->d
#define ___bpf_arrow6(s, a, b, c, d, e) (s)->a->b->c->d->e
#define ___bpf_arrow7(s, a, b, c, d, e, f) (s)->a->b->c->d->e->f
#define ___bpf_arrow8(s, a, b, c, d, e, f, g) (s)->a->b->c->d->e->f->g
#define ___bpf_arrow9(s, a, b, c, d, e, f, g, h) (s)->a->b->c->d->e->f->g->h
#define ___bpf_arrow10(s, a, b, c, d, e, f, g, h, i) (s)->a->b->c->d->e->f->g->h->i
#define ___arrow(chain...) ___bpf_by_count(___bpf_arrow, chain)(chain)

/* The type of what a chain leads to, for a variable: not `const` if the compiler can say so. */
#if defined(__clang__) && __clang_major__ >= 19
#define ___type(chain...) __typeof_unqual__(___arrow(chain))
#else
#define ___type(chain...) __typeof__(___arrow(chain))
#endif

#define ___bpf_hop(step, from, a) step((void *)&___pointer, sizeof(___pointer), &(from)->a)
#define ___bpf_member_type(type, a) __typeof__(((type)0)->a)

#define ___bpf_walk1(step, last, to, type, a) last((void *)(to), sizeof(*(to)), &((type)___pointer)->a)
#define ___bpf_walk2(step, last, to, type, a, more...) \
	___bpf_hop(step, (type)___pointer, a); \
	___bpf_walk1(step, last, to, ___bpf_member_type(type, a), more)
#define ___bpf_walk3(step, last, to, type, a, more...) \
	___bpf_hop(step, (type)___pointer, a); \
	___bpf_walk2(step, last, to, ___bpf_member_type(type, a), more)
#define ___bpf_walk4(step, last, to, type, a, more...) \
	___bpf_hop(step, (type)___pointer, a); \
	___bpf_walk3(step, last, to, ___bpf_member_type(type, a), more)
#define ___bpf_walk5(step, last, to, type, a, more...) \
	___bpf_hop(step, (type)___pointer, a); \
	___bpf_walk4(step, last, to, ___bpf_member_type(type, a), more)
#define ___bpf_walk6(step, last, to, type, a, more...) \
	___bpf_hop(step, (type)___pointer, a); \
	___bpf_walk5(step, last, to, ___bpf_member_type(type, a), more)
#define ___bpf_walk7(step, last, to, type, a, more...) \
	___bpf_hop(step, (type)___pointer, a); \
	___bpf_walk6(step, last, to, ___bpf_member_type(type, a), more)
#define ___bpf_walk8(step, last, to, type, a, more...) \
	___bpf_hop(step, (type)___pointer, a); \
	___bpf_walk7(step, last, to, ___bpf_member_type(type, a), more)

/* Without an arrow on the way, and with some. */
#define ___bpf_chain2(step, last, to, s, a) last((void *)(to), sizeof(*(to)), &(s)->a)
#define ___bpf_chain_on(walk, step, last, to, s, a, more...) ({ \
	const void *___pointer; \
	___bpf_hop(step, s, a); \
	walk(step, last, to, __typeof__((s)->a), more); \
})
#define ___bpf_chain3(chain...) ___bpf_chain_on(___bpf_walk1, chain)
#define ___bpf_chain4(chain...) ___bpf_chain_on(___bpf_walk2, chain)
#define ___bpf_chain5(chain...) ___bpf_chain_on(___bpf_walk3, chain)
#define ___bpf_chain6(chain...) ___bpf_chain_on(___bpf_walk4, chain)
#define ___bpf_chain7(chain...) ___bpf_chain_on(___bpf_walk5, chain)
#define ___bpf_chain8(chain...) ___bpf_chain_on(___bpf_walk6, chain)
#define ___bpf_chain9(chain...) ___bpf_chain_on(___bpf_walk7, chain)
#define ___bpf_chain10(chain...) ___bpf_chain_on(___bpf_walk8, chain)
/* Reads what is at the chain's end with `last`, the pointers on the way with `step`. */
#define ___bpf_chain(step, last, to, chain...) ___bpf_by_count(___bpf_chain, chain)(step, last, to, chain)

/* The same under the name, and as the statement, that programs with families of their own know. */
#define ___core_read(last, step, to, chain...) ___bpf_chain(step, last, to, chain);

#define ___bpf_chain_value(into, chain...) ({ \
	___type(chain) ___value; \
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
#define __CORE_RELO(s, field, what) __builtin_preserve_field_info((s)->field, BPF_FIELD_##what)

#define ___bpf_bitfield(s, field, bytes) ({ \
	unsigned long long ___shifted = (bytes) << __CORE_RELO(s, field, LSHIFT_U64); \
	__CORE_RELO(s, field, SIGNED) ? \
		(unsigned long long)((long long)___shifted >> __CORE_RELO(s, field, RSHIFT_U64)) : \
		___shifted >> __CORE_RELO(s, field, RSHIFT_U64); \
})

/* Where the bytes of a field that is smaller go in a 64-bit number. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ___bpf_low_bytes(number, size) ((void *)(number))
#else
#define ___bpf_low_bytes(number, size) ((void *)(number) + (8 - (size)))
#endif

#define __CORE_BITFIELD_PROBE_READ(to, s, field) \
	bpf_probe_read_kernel(___bpf_low_bytes(to, __CORE_RELO(s, field, BYTE_SIZE)), \
			      __CORE_RELO(s, field, BYTE_SIZE), \
			      (const void *)(s) + __CORE_RELO(s, field, BYTE_OFFSET))

/* A bitfield of a struct that is read by helper. */
#define BPF_CORE_READ_BITFIELD_PROBED(s, field) ({ \
	unsigned long long ___bytes = 0; \
	__CORE_BITFIELD_PROBE_READ(&___bytes, s, field); \
	___bpf_bitfield(s, field, ___bytes); \
})

/*
 * A bitfield of a struct that the verifier lets the program read directly. The size is known when the
 * program is loaded, not when it is compiled: one of these cases is live. The offset must be in the
 * pointer's register before the cases, or the compiler folds it into each of their loads.
 */
#define BPF_CORE_READ_BITFIELD(s, field) ({ \
	const void *___at = (const void *)(s) + __CORE_RELO(s, field, BYTE_OFFSET); \
	unsigned long long ___bytes = 0; \
	barrier_var(___at); \
	switch (__CORE_RELO(s, field, BYTE_SIZE)) { \
	case 1: ___bytes = *(const unsigned char *)___at; break; \
	case 2: ___bytes = *(const unsigned short *)___at; break; \
	case 4: ___bytes = *(const unsigned int *)___at; break; \
	case 8: ___bytes = *(const unsigned long long *)___at; break; \
	} \
	___bpf_bitfield(s, field, ___bytes); \
})

/* Writes a bitfield of a struct that the verifier lets the program write; bits beyond it are dropped. */
#define BPF_CORE_WRITE_BITFIELD(s, field, value) ({ \
	void *___at = (void *)(s) + __CORE_RELO(s, field, BYTE_OFFSET); \
	unsigned int ___size = __CORE_RELO(s, field, BYTE_SIZE); \
	unsigned int ___left = __CORE_RELO(s, field, LSHIFT_U64); \
	unsigned int ___right = __CORE_RELO(s, field, RSHIFT_U64); \
	unsigned int ___below = ___right - ___left; \
	unsigned long long ___mask, ___new = value, ___bytes = 0; \
	barrier_var(___at); \
	switch (___size) { \
	case 1: ___bytes = *(unsigned char *)___at; break; \
	case 2: ___bytes = *(unsigned short *)___at; break; \
	case 4: ___bytes = *(unsigned int *)___at; break; \
	case 8: ___bytes = *(unsigned long long *)___at; break; \
	} \
	___mask = (~0ULL << ___right) >> ___left; \
	___bytes = (___bytes & ~___mask) | (___new << ___below & ___mask); \
	switch (___size) { \
	case 1: *(unsigned char *)___at = ___bytes; break; \
	case 2: *(unsigned short *)___at = ___bytes; break; \
	case 4: *(unsigned int *)___at = ___bytes; break; \
	case 8: *(unsigned long long *)___at = ___bytes; break; \
	} \
})

#endif
