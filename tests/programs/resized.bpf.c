// SPDX-License-Identifier: MIT OR Apache-2.0
// An array that user space makes as long as it is needed.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile __u32 count = 2;

int before SEC(".data.many") = 3;
int many[2] SEC(".data.many") = { 10, 20 };
int alone SEC(".data.alone") = 1;

// Adds its place to each.
SEC("socket")
int add(struct __sk_buff *skb)
{
	for (__u32 i = 0; i < count; i++) {
		__u64 at = i;

		// The compiler knows of two.
		asm volatile("" : "+r"(at));
		many[at] += i;
	}
	return before;
}
