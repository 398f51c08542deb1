/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Between the byte order of the network (big-endian) and that of the machine the program is compiled
 * for. All of it is constant where its argument is, so it may initialise a global variable.
 */
#ifndef __BPF_ENDIAN__
#define __BPF_ENDIAN__

/* The reversed bytes, of a constant that may stand where only constants do: byte `n` moves to the other end. */
#define ___bpf_move(bits, x, n) (((__u##bits)(x) >> 8 * (n) & 0xff) << (bits - 8 - 8 * (n)))
#define ___bpf_swab16(x) ((__u16)(___bpf_move(16, x, 0) | ___bpf_move(16, x, 1)))
#define ___bpf_swab32(x) \
	((__u32)(___bpf_move(32, x, 0) | ___bpf_move(32, x, 1) | ___bpf_move(32, x, 2) | ___bpf_move(32, x, 3)))
#define ___bpf_swab64(x) \
	((__u64)(___bpf_move(64, x, 0) | ___bpf_move(64, x, 1) | ___bpf_move(64, x, 2) | ___bpf_move(64, x, 3) | \
		 ___bpf_move(64, x, 4) | ___bpf_move(64, x, 5) | ___bpf_move(64, x, 6) | ___bpf_move(64, x, 7)))

/* `swab` and the builtin below are the same but for types: what is not constant keeps what the builtin gives. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ___bpf_constant_be(bits, x) ___bpf_swab##bits(x)
#define ___bpf_variable_be(bits, x) __builtin_bswap##bits(x)
#elif __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define ___bpf_constant_be(bits, x) (x)
#define ___bpf_variable_be(bits, x) (x)
#else
#error "bpf_endian.h: the compiler does not say which byte order it compiles for"
#endif
#define ___bpf_be(bits, x) \
	(__builtin_constant_p(x) ? ___bpf_constant_be(bits, x) : ___bpf_variable_be(bits, x))

#define bpf_htons(x) ___bpf_be(16, x)
#define bpf_ntohs(x) ___bpf_be(16, x)
#define bpf_htonl(x) ___bpf_be(32, x)
#define bpf_ntohl(x) ___bpf_be(32, x)
#define bpf_cpu_to_be64(x) ___bpf_be(64, x)
#define bpf_be64_to_cpu(x) ___bpf_be(64, x)

/* For what is not constant, and for what is. */
#define __bpf_htons(x) ___bpf_variable_be(16, x)
#define __bpf_ntohs(x) ___bpf_variable_be(16, x)
#define __bpf_htonl(x) ___bpf_variable_be(32, x)
#define __bpf_ntohl(x) ___bpf_variable_be(32, x)
#define __bpf_cpu_to_be64(x) ___bpf_variable_be(64, x)
#define __bpf_be64_to_cpu(x) ___bpf_variable_be(64, x)
#define __bpf_constant_htons(x) ___bpf_constant_be(16, x)
#define __bpf_constant_ntohs(x) ___bpf_constant_be(16, x)
#define __bpf_constant_htonl(x) ___bpf_constant_be(32, x)
#define __bpf_constant_ntohl(x) ___bpf_constant_be(32, x)
#define __bpf_constant_cpu_to_be64(x) ___bpf_constant_be(64, x)
#define __bpf_constant_be64_to_cpu(x) ___bpf_constant_be(64, x)

#endif
