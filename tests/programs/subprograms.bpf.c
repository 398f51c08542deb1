// SPDX-License-Identifier: MIT OR Apache-2.0
// Subprograms, static and global, shared by two programs and calling each other.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile __u32 base = 100;
__u32 first_result = 0;
__u32 second_result = 0;

static __noinline int leaf(int x)
{
	return x * 2 + base;
}

static __noinline int middle(int x)
{
	return leaf(x) + leaf(x + 1);
}

// Global: verified by itself.
__noinline int outer(int x)
{
	return middle(x) + 1;
}

SEC("raw_tp")
int first(void *ctx)
{
	first_result = outer(3) + leaf(5);
	return 0;
}

SEC("raw_tp")
int second(void *ctx)
{
	second_result = leaf(7);
	return 0;
}
