/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Macros over lists of arguments, on which the other headers are built: how many there are, and one
 * macro for each count. Lists hold 0 to 12 arguments. Needs the `, ##args` of GNU C.
 */
#ifndef __BPF_VARIADIC_H__
#define __BPF_VARIADIC_H__

#ifndef ___bpf_concat
#define ___bpf_concat(a, b) a ## b
#endif
#ifndef ___bpf_apply
#define ___bpf_apply(name, suffix) ___bpf_concat(name, suffix)
#endif

/* The fourteenth argument. */
#ifndef ___bpf_nth
#define ___bpf_nth(_0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, found, ...) found
#endif

/* How many arguments there are: the more there are, the further they push the numbers to the right. */
#ifndef ___bpf_narg
#define ___bpf_narg(args...) ___bpf_nth(_, ##args, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#endif

/* The same under the names that bpf_core_read.h has always had, for programs that build on those. */
#define ___concat(a, b) ___bpf_concat(a, b)
#define ___apply(name, suffix) ___bpf_apply(name, suffix)
#define ___nth(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, found, ...) found
#define ___narg(args...) ___bpf_narg(args)

/* `name3` for three arguments. */
#define ___bpf_by_count(name, args...) ___bpf_apply(name, ___bpf_narg(args))

/* Puts each argument into an array as a 64-bit number, the way helpers that print take theirs: statements,
 * `to[0] = (u64)a; to[1] = (u64)b`. */
#define ___bpf_fill0(to, at, none...) (void)0
#define ___bpf_fill1(to, at, x) (to)[at] = (unsigned long long)(x)
#define ___bpf_fill2(to, at, x, more...) ___bpf_fill1(to, at, x); ___bpf_fill1(to, (at) + 1, more)
#define ___bpf_fill3(to, at, x, more...) ___bpf_fill1(to, at, x); ___bpf_fill2(to, (at) + 1, more)
#define ___bpf_fill4(to, at, x, more...) ___bpf_fill1(to, at, x); ___bpf_fill3(to, (at) + 1, more)
#define ___bpf_fill5(to, at, x, more...) ___bpf_fill1(to, at, x); ___bpf_fill4(to, (at) + 1, more)
#define ___bpf_fill6(to, at, x, more...) ___bpf_fill1(to, at, x); ___bpf_fill5(to, (at) + 1, more)
#define ___bpf_fill7(to, at, x, more...) ___bpf_fill1(to, at, x); ___bpf_fill6(to, (at) + 1, more)
#define ___bpf_fill8(to, at, x, more...) ___bpf_fill1(to, at, x); ___bpf_fill7(to, (at) + 1, more)
#define ___bpf_fill9(to, at, x, more...) ___bpf_fill1(to, at, x); ___bpf_fill8(to, (at) + 1, more)
#define ___bpf_fill10(to, at, x, more...) ___bpf_fill1(to, at, x); ___bpf_fill9(to, (at) + 1, more)
#define ___bpf_fill11(to, at, x, more...) ___bpf_fill1(to, at, x); ___bpf_fill10(to, (at) + 1, more)
#define ___bpf_fill12(to, at, x, more...) ___bpf_fill1(to, at, x); ___bpf_fill11(to, (at) + 1, more)
#define ___bpf_fill(to, args...) ___bpf_by_count(___bpf_fill, ##args)(to, 0, ##args)

#endif
