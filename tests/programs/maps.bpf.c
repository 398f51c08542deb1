// SPDX-License-Identifier: MIT OR Apache-2.0
// Maps that user space fills and reads, and a program that does both.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct pair {
	__u32 a;
	__u32 b;
};

struct tally {
	__u64 count;
	__u64 last;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, struct pair);
	__type(value, struct tally);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__uint(key_size, 4);
	__uint(value_size, 8);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u64);
} sparse SEC(".maps");

SEC("raw_tp")
int touch(void *ctx)
{
	struct pair key = { .a = 1, .b = 2 };
	struct tally *value = bpf_map_lookup_elem(&table, &key);
	__u32 slot = 3, one = 1;
	__u64 *number = bpf_map_lookup_elem(&slots, &slot);
	__u32 *mine = bpf_map_lookup_elem(&per_cpu, &one);
	__u64 eleven = 11, twelve = 12;

	if (value) {
		value->count++;
		value->last = 77;
	}
	if (number)
		(*number)++;
	if (mine)
		(*mine)++;
	bpf_map_update_elem(&sparse, &eleven, &twelve, BPF_ANY);
	return 0;
}
