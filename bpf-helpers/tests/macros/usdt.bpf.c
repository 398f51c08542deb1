/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "machine.h"
#include <bpf/usdt.bpf.h>

SEC("usdt")
int BPF_USDT(usdt0)
{
	long value;

	keep(bpf_usdt_arg_cnt(ctx));
	keep(bpf_usdt_arg_size(ctx, 3));
	keep(bpf_usdt_arg(ctx, 11, &value));
	keep(value);
	keep(bpf_usdt_cookie(ctx));
	return 0;
}

SEC("usdt")
int BPF_USDT(usdt1, void *a)
{
	keep((unsigned long)a);
	return 0;
}

SEC("usdt")
int BPF_USDT(usdt3, int a, long b, char c)
{
	keep(a + b + c);
	return 0;
}

SEC("usdt")
int BPF_USDT(usdt12, int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l)
{
	keep(a ^ b ^ c ^ d ^ e ^ f);
	keep(g ^ h ^ i ^ j ^ k ^ l);
	return 0;
}
