// SPDX-License-Identifier: MIT OR Apache-2.0
// Maps as they were declared before BTF, in section "maps".
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct bpf_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

// As other loaders have them: with an id, and where to pin.
struct longer_map_def {
	struct bpf_map_def def;
	unsigned int id;
	unsigned int pinning;
};

struct bpf_map_def SEC("maps") old_counts = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 2,
};

struct longer_map_def SEC("maps") old_hash = {
	.def = {
		.type = BPF_MAP_TYPE_HASH,
		.key_size = 4,
		.value_size = 8,
		.max_entries = 16,
		.map_flags = BPF_F_NO_PREALLOC,
	},
};

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u32 one = 1;
	__u64 *value = bpf_map_lookup_elem(&old_counts, &one);

	if (value)
		__sync_fetch_and_add(value, 1);
	return bpf_map_update_elem(&old_hash, &one, &(__u64){ 5 }, BPF_ANY);
}
