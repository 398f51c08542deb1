// SPDX-License-Identifier: MIT OR Apache-2.0
// A program that the verifier refuses, beside one that it takes.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} slots SEC(".maps");

__u64 hits = 0;

SEC("raw_tp")
int fine(void *ctx)
{
	__sync_fetch_and_add(&hits, 1);
	return 0;
}

SEC("raw_tp")
int without_null_check(void *ctx)
{
	__u32 key = 0;
	__u64 *slot = bpf_map_lookup_elem(&slots, &key);

	*slot = 7;
	return 0;
}
