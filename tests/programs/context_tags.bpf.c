// SPDX-License-Identifier: MIT OR Apache-2.0
// Global functions that get the context by a tag (__arg_ctx): kernels before 6.8 do not know it.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

int calls;

// The context as no type at all, and beside another argument.
__noinline int by_void(int add, void *ctx __arg_ctx)
{
	__u64 stack[2] = {};

	calls += add;
	return bpf_get_stack(ctx, stack, sizeof(stack), 0) < 0;
}

SEC("raw_tp/sys_enter")
int of_raw_tracepoint(void *ctx)
{
	return by_void(1, ctx);
}

SEC("perf_event")
int of_perf_event(void *ctx)
{
	return by_void(1, ctx);
}
