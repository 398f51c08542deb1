// SPDX-License-Identifier: MIT OR Apache-2.0
// What is loaded to stay, by its pins: a program whose section says to what it is attached, others whose do not; maps that another
// load can share.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

const volatile __u64 step = 1;

static __always_inline int count(void)
{
	__u32 key = 0;
	__u64 *hit = bpf_map_lookup_elem(&hits, &key);

	if (hit)
		__sync_fetch_and_add(hit, step);
	return 0;
}

SEC("raw_tp/sys_enter")
int on_sys_enter(void *ctx)
{
	return count();
}

SEC("raw_tp")
int anywhere(void *ctx)
{
	__u32 key = 7;
	__u64 value = 70;

	bpf_map_update_elem(&table, &key, &value, BPF_ANY);
	return count();
}

SEC("socket")
int filter(struct __sk_buff *packet)
{
	return count();
}
