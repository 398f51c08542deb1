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

/* `name3` for three arguments. */
#define ___bpf_by_count(name, args...) ___bpf_apply(name, ___bpf_narg(args))

/* Each argument as a 64-bit number, the way helpers that print take theirs: `a, b` to `(u64)a, (u64)b`. */
#define ___bpf_words0()
#define ___bpf_words1(x) (unsigned long long)(x)
#define ___bpf_words2(x, more...) (unsigned long long)(x), ___bpf_words1(more)
#define ___bpf_words3(x, more...) (unsigned long long)(x), ___bpf_words2(more)
#define ___bpf_words4(x, more...) (unsigned long long)(x), ___bpf_words3(more)
#define ___bpf_words5(x, more...) (unsigned long long)(x), ___bpf_words4(more)
#define ___bpf_words6(x, more...) (unsigned long long)(x), ___bpf_words5(more)
#define ___bpf_words7(x, more...) (unsigned long long)(x), ___bpf_words6(more)
#define ___bpf_words8(x, more...) (unsigned long long)(x), ___bpf_words7(more)
#define ___bpf_words9(x, more...) (unsigned long long)(x), ___bpf_words8(more)
#define ___bpf_words10(x, more...) (unsigned long long)(x), ___bpf_words9(more)
#define ___bpf_words11(x, more...) (unsigned long long)(x), ___bpf_words10(more)
#define ___bpf_words12(x, more...) (unsigned long long)(x), ___bpf_words11(more)
#define ___bpf_words(args...) ___bpf_by_count(___bpf_words, args)(args)

#endif
