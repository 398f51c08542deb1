// SPDX-License-Identifier: MIT OR Apache-2.0
// Variables in an arena, and a pointer to one of them.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define __arena __attribute__((address_space(1)))

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16);
} arena SEC(".maps");

struct pair {
	__u64 left, right;
};

__u64 __arena total = 40;
struct pair __arena pair = { 1, 2 };
int calls;

// clang casts pointers between address spaces only where they are declared so.
SEC("syscall")
int add(void *ctx)
{
	struct pair __arena *to = &pair;

	total += 2;
	to->right = to->left + total;
	calls++;
	return 0;
}
