// SPDX-License-Identifier: MIT OR Apache-2.0
// Maps that hold maps: what may be put into them is declared in place.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct counters {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
};

// To be put into the others by user space.
struct counters counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct counters);
} by_number SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u64);
	__array(values, struct counters);
} by_key SEC(".maps");

static __always_inline void count(void *counters, __u32 index)
{
	__u64 *counter = bpf_map_lookup_elem(counters, &index);

	if (counter)
		__sync_fetch_and_add(counter, 1);
}

SEC("raw_tp")
int count_both(void *ctx)
{
	__u32 number = 3;
	__u64 key = 1ull << 40;
	void *inner;

	inner = bpf_map_lookup_elem(&by_number, &number);
	if (inner)
		count(inner, 0);
	inner = bpf_map_lookup_elem(&by_key, &key);
	if (inner)
		count(inner, 1);
	return 0;
}
