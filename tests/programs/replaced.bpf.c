// SPDX-License-Identifier: MIT OR Apache-2.0
// A program, and one that takes the place of a function of it.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

int seen;

__noinline int decide(struct __sk_buff *skb)
{
	return skb->len > 4096 ? 2 : 1;
}

SEC("tc")
int decided(struct __sk_buff *skb)
{
	return decide(skb);
}

SEC("?freplace/decide")
int decide_otherwise(struct __sk_buff *skb)
{
	return 5;
}

SEC("?fexit/decide")
int BPF_PROG(see, struct sk_buff *skb, int ret)
{
	seen = ret;
	return 0;
}
