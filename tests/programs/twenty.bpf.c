// SPDX-License-Identifier: MIT OR Apache-2.0
// Twenty maps and twenty programs, for what must not grow when an object is loaded again and again.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile __u64 step = 1;
__u64 hits = 0;

// Each program counts in its own map, and in a global variable.
#define PAIR(number, map_type)                                                                                           \
	struct {                                                                                                         \
		__uint(type, map_type);                                                                                  \
		__uint(max_entries, 16);                                                                                 \
		__type(key, __u32);                                                                                      \
		__type(value, __u64);                                                                                    \
	} map_##number SEC(".maps");                                                                                     \
	SEC("raw_tp")                                                                                                    \
	int program_##number(void *ctx)                                                                                  \
	{                                                                                                                \
		__u32 key = number % 16;                                                                                 \
		__u64 *count = bpf_map_lookup_elem(&map_##number, &key);                                                 \
                                                                                                                         \
		if (count)                                                                                               \
			__sync_fetch_and_add(count, step);                                                               \
		__sync_fetch_and_add(&hits, step);                                                                       \
		return 0;                                                                                                \
	}

PAIR(1, BPF_MAP_TYPE_HASH)
PAIR(2, BPF_MAP_TYPE_ARRAY)
PAIR(3, BPF_MAP_TYPE_PERCPU_HASH)
PAIR(4, BPF_MAP_TYPE_PERCPU_ARRAY)
PAIR(5, BPF_MAP_TYPE_LRU_HASH)
PAIR(6, BPF_MAP_TYPE_HASH)
PAIR(7, BPF_MAP_TYPE_ARRAY)
PAIR(8, BPF_MAP_TYPE_HASH)
PAIR(9, BPF_MAP_TYPE_ARRAY)
PAIR(10, BPF_MAP_TYPE_HASH)
PAIR(11, BPF_MAP_TYPE_ARRAY)
PAIR(12, BPF_MAP_TYPE_HASH)
PAIR(13, BPF_MAP_TYPE_ARRAY)
PAIR(14, BPF_MAP_TYPE_HASH)
PAIR(15, BPF_MAP_TYPE_ARRAY)
PAIR(16, BPF_MAP_TYPE_HASH)
PAIR(17, BPF_MAP_TYPE_ARRAY)
PAIR(18, BPF_MAP_TYPE_HASH)

// With .rodata and .bss, twenty maps.
#define PROGRAM(number)                                                                                                  \
	SEC("raw_tp")                                                                                                    \
	int program_##number(void *ctx)                                                                                  \
	{                                                                                                                \
		__sync_fetch_and_add(&hits, step);                                                                       \
		return number;                                                                                           \
	}

PROGRAM(19)
PROGRAM(20)
