// SPDX-License-Identifier: MIT OR Apache-2.0
// Functions in every shape: several programs in a section, one that is off, callbacks by address, weak, hidden and
// global ones, one whose calls nest, one that two programs share.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} elements SEC(".maps");

__u64 total = 0;
static volatile const __u32 step = 3;

static __noinline __u64 third(__u64 x)
{
	return x * step + total;
}

static __noinline __u64 second_level(__u64 x)
{
	return third(x) + third(x + 1);
}

__weak __noinline int scale(int x)
{
	return x * 2 + step;
}

__attribute__((visibility("hidden"))) __noinline int shared(int x)
{
	return second_level(x) + scale(x);
}

static long add_one(struct bpf_map *map, const void *key, void *value, void *ctx)
{
	total += second_level(*(__u64 *)value);
	return 0;
}

__noinline int verified_alone(int x)
{
	return x + step;
}

static int loop_body(__u32 index, void *ctx)
{
	total += scale(index);
	return 0;
}

SEC("raw_tp")
int first(void *ctx)
{
	bpf_for_each_map_elem(&elements, add_one, 0, 0);
	return verified_alone(1);
}

SEC("raw_tp")
int second(void *ctx)
{
	total = shared(2) + shared(3);
	bpf_loop(4, loop_body, 0, 0);
	return 0;
}

SEC("?tc")
int third_program(struct __sk_buff *ctx)
{
	bpf_loop(ctx->len, loop_body, 0, 0);
	bpf_for_each_map_elem(&elements, add_one, 0, 0);
	return shared(ctx->len);
}

SEC("tp/sched/sched_process_exec")
int alone(void *ctx)
{
	return 0;
}

SEC("raw_tp")
int last(void *ctx)
{
	return scale(1) + verified_alone(2);
}
