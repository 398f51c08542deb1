// SPDX-License-Identifier: MIT OR Apache-2.0
// A map that loading pins under its name, for all loads to share.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} purebpf_shared SEC(".maps");

SEC("raw_tp")
int count_shared(void *ctx)
{
	__u32 key = 0;
	__u64 *hit = bpf_map_lookup_elem(&purebpf_shared, &key);

	if (hit)
		__sync_fetch_and_add(hit, 1);
	return 0;
}
