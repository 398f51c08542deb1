/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Byte orders, of constants and of what is not known to the compiler. */
#include "types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

extern void keep(unsigned long long value) __ksym;

struct packet {
	__u16 half;
	__u32 word;
	__u64 number;
};

__u16 half = bpf_htons(0x1234);
__u32 word = bpf_htonl(0x12345678);
__u64 number = bpf_cpu_to_be64(0x123456789abcdef0ULL);
const __u16 constant = __bpf_constant_htons(0x86dd);

SEC("socket")
int known(struct packet *ctx)
{
	keep(ctx->half == bpf_htons(0x0800));
	keep(ctx->word == bpf_htonl(0x7f000001));
	keep(ctx->number == bpf_cpu_to_be64(1));
	keep(__bpf_constant_ntohs(0x1234) + __bpf_constant_htonl(0x12345678) + __bpf_constant_ntohl(0x12345678));
	keep(__bpf_constant_cpu_to_be64(5) ^ __bpf_constant_be64_to_cpu(6));
	switch (ctx->half) {
	case bpf_htons(0x0806):
		return 1;
	case bpf_ntohs(0x8100):
		return 2;
	}
	return 0;
}

SEC("socket")
int unknown(struct packet *ctx)
{
	keep(bpf_ntohs(ctx->half));
	keep(bpf_htons(ctx->half));
	keep(bpf_ntohl(ctx->word));
	keep(bpf_htonl(ctx->word));
	keep(bpf_be64_to_cpu(ctx->number));
	keep(bpf_cpu_to_be64(ctx->number));
	keep(__bpf_ntohs(ctx->half) + __bpf_htons(ctx->half));
	keep(__bpf_ntohl(ctx->word) + __bpf_htonl(ctx->word));
	keep(__bpf_be64_to_cpu(ctx->number) + __bpf_cpu_to_be64(ctx->number));
	return 0;
}
