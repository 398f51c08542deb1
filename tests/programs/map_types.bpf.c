// SPDX-License-Identifier: MIT OR Apache-2.0
// One map of each type that Linux 5.10 has and that any program may use: each program reads what user space put in, tells it in
// a global variable, and puts in something for user space to read.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// Longer than a word, and no multiple of 8 bytes.
struct value {
	__u32 a;
	__u32 b;
	__u32 c;
};

#define KEYED(map_name, map_type, map_entries)                                                                           \
	struct {                                                                                                         \
		__uint(type, map_type);                                                                                  \
		__uint(max_entries, map_entries);                                                                        \
		__type(key, __u32);                                                                                      \
		__type(value, struct value);                                                                             \
	} map_name SEC(".maps");                                                                                         \
	struct value seen_##map_name = {};                                                                               \
	/* Tells key 1, and sets key 2 to one more. */                                                                   \
	SEC("raw_tp")                                                                                                    \
	int use_##map_name(void *ctx)                                                                                    \
	{                                                                                                                \
		__u32 one = 1, two = 2;                                                                                  \
		struct value *value = bpf_map_lookup_elem(&map_name, &one);                                              \
		struct value next;                                                                                       \
                                                                                                                         \
		if (!value)                                                                                              \
			return 1;                                                                                        \
		seen_##map_name = *value;                                                                                \
		next.a = value->a + 1;                                                                                   \
		next.b = value->b + 1;                                                                                   \
		next.c = value->c + 1;                                                                                   \
		return bpf_map_update_elem(&map_name, &two, &next, BPF_ANY);                                             \
	}

KEYED(hash, BPF_MAP_TYPE_HASH, 1000)
KEYED(lru_hash, BPF_MAP_TYPE_LRU_HASH, 1000)
KEYED(array, BPF_MAP_TYPE_ARRAY, 1000)
KEYED(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, 1000)
KEYED(lru_percpu_hash, BPF_MAP_TYPE_LRU_PERCPU_HASH, 1000)
KEYED(percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, 1000)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 100);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct value);
} shared SEC(".maps");

SEC("raw_tp")
int use_shared(void *ctx)
{
	__u32 one = 1, two = 2;
	struct value *from = bpf_map_lookup_elem(&shared, &one);
	struct value *to = bpf_map_lookup_elem(&shared, &two);

	if (!from || !to)
		return 1;
	to->a = from->c;
	to->b = from->b;
	to->c = from->a;
	return 0;
}

struct prefix {
	__u32 bits;
	__u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} trie SEC(".maps");
__u32 seen_trie = 0;

SEC("raw_tp")
int use_trie(void *ctx)
{
	struct prefix address = { 32, { 10, 1, 2, 3 } };
	struct prefix net = { 12, { 172, 16, 0, 0 } };
	__u32 *value = bpf_map_lookup_elem(&trie, &address);
	__u32 next;

	if (!value)
		return 1;
	seen_trie = *value;
	next = *value + 1;
	return bpf_map_update_elem(&trie, &net, &next, BPF_ANY);
}

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 4);
	__type(value, struct value);
} queue SEC(".maps");
struct value seen_queue = {};

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 4);
	__type(value, struct value);
} stack SEC(".maps");
struct value seen_stack = {};

SEC("raw_tp")
int use_queue(void *ctx)
{
	struct value value = {};

	if (bpf_map_pop_elem(&queue, &value))
		return 1;
	seen_queue = value;
	value.a++;
	return bpf_map_push_elem(&queue, &value, BPF_ANY);
}

SEC("raw_tp")
int use_stack(void *ctx)
{
	struct value value = {};

	if (bpf_map_pop_elem(&stack, &value))
		return 1;
	seen_stack = value;
	value.a++;
	return bpf_map_push_elem(&stack, &value, BPF_ANY);
}

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 64);
	__uint(key_size, 4);
	__uint(value_size, 20 * 8);
} kernel_stacks SEC(".maps");
int kernel_stack = -1;

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_STACK_BUILD_ID);
	__uint(key_size, 4);
	__uint(value_size, 20 * sizeof(struct bpf_stack_build_id));
} user_stacks SEC(".maps");
int user_stack = -1;

SEC("raw_tp")
int use_stacks(void *ctx)
{
	kernel_stack = bpf_get_stackid(ctx, &kernel_stacks, 0);
	user_stack = bpf_get_stackid(ctx, &user_stacks, BPF_F_USER_STACK);
	return 0;
}

struct counter {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};

struct counter first_counter SEC(".maps"), second_counter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct counter);
} array_of_maps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u64);
	__array(values, struct counter);
} hash_of_maps SEC(".maps");

SEC("raw_tp")
int use_maps_of_maps(void *ctx)
{
	__u32 three = 3, zero = 0;
	__u64 name = 0x1122334455667788;
	void *inner = bpf_map_lookup_elem(&array_of_maps, &three);
	__u64 *count;

	if (!inner)
		return 1;
	count = bpf_map_lookup_elem(inner, &zero);
	if (count)
		__sync_fetch_and_add(count, 1);
	inner = bpf_map_lookup_elem(&hash_of_maps, &name);
	if (!inner)
		return 2;
	count = bpf_map_lookup_elem(inner, &zero);
	if (count)
		__sync_fetch_and_add(count, 10);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 4);
} programs SEC(".maps");
__u64 tail_calls = 0;

SEC("raw_tp")
int called(void *ctx)
{
	__sync_fetch_and_add(&tail_calls, 1);
	return 0;
}

SEC("raw_tp")
int use_programs(void *ctx)
{
	bpf_tail_call(ctx, &programs, 2);
	return 1;
}

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} counters SEC(".maps");
__u64 counter = 0;
__s64 counter_error = 1;

SEC("raw_tp")
int use_counters(void *ctx)
{
	struct bpf_perf_event_value value = {};

	counter_error = bpf_perf_event_read_value(&counters, 0, &value, sizeof(value));
	counter = value.counter;
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__uint(value_size, 4);
} cgroups SEC(".maps");
__s64 under_first = -1;
__s64 under_second = -1;

SEC("raw_tp")
int use_cgroups(void *ctx)
{
	under_first = bpf_current_task_under_cgroup(&cgroups, 0);
	under_second = bpf_current_task_under_cgroup(&cgroups, 1);
	return 0;
}
