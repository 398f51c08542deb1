// SPDX-License-Identifier: MIT OR Apache-2.0
// Maps that are pinned by their name, and one that is not.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} kept SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} kept_too SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} private SEC(".maps");

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *value;

	value = bpf_map_lookup_elem(&kept, &zero);
	if (value)
		__sync_fetch_and_add(value, 1);
	value = bpf_map_lookup_elem(&private, &zero);
	if (value)
		__sync_fetch_and_add(value, 1);
	return 0;
}

SEC("socket")
int look(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *value;

	value = bpf_map_lookup_elem(&private, &zero);
	return value ? (int)*value : -1;
}
