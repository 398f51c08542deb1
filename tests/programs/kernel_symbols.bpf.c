// SPDX-License-Identifier: MIT OR Apache-2.0
// Variables of the kernel, by name alone and by type, and none of its functions.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

extern const void init_task __ksym;
extern const void no_such_symbol __ksym __weak;
extern const struct rq runqueues __ksym;

__u64 address = 0;

SEC("raw_tp")
int reads_symbols(void *ctx)
{
	address = (__u64)&init_task + (__u64)&no_such_symbol;
	return bpf_per_cpu_ptr(&runqueues, 0) != 0;
}
