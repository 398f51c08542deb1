// SPDX-License-Identifier: MIT OR Apache-2.0
// Maps in every shape: within maps, of programs, with first contents, of sizes that are adjusted; data sections of
// other names; what the kernel and its configuration are asked for.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} inner_a SEC(".maps"), inner_b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer_array SEC(".maps") = {
	.values = { [1] = &inner_a, [3] = &inner_b },
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_HASH);
		__uint(max_entries, 16);
		__uint(map_flags, BPF_F_NO_PREALLOC);
		__type(key, __u64);
		__type(value, __u32);
	});
} outer_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_RINGBUF);
		__uint(max_entries, 5000);
	});
} outer_rings SEC(".maps");

int jumped_to(void *ctx);
int jumped_to_too(void *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, 4);
	__array(values, int(void *));
} jumps SEC(".maps") = {
	.values = { [0] = (void *)&jumped_to, [2] = (void *)&jumped_to_too },
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 5000);
} odd_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} per_cpu_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 100);
	__type(key, char[7]);
	__type(value, struct { char bytes[13]; });
} odd_sizes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 1000);
	__uint(map_extra, 3);
	__uint(value_size, 8);
} bloom SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16);
	__uint(key_size, 4);
	__uint(value_size, 127 * 8);
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} of_tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 10);
	__type(value, __u32);
} queue SEC(".maps");

__u64 wide SEC(".data.wide") = 5;
static volatile __u64 not_seen SEC(".data.hidden") = 6;
const volatile __u32 fixed SEC(".rodata.fixed") = 7;
__u32 zeros[1000] SEC(".bss.zeros");
__u32 plain = 8;
static volatile __u32 own;
const volatile char text[] = "many";

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF_SYSCALL __kconfig __weak;
extern char CONFIG_LOCALVERSION[20] __kconfig __weak;
extern enum libbpf_tristate CONFIG_IPV6 __kconfig __weak;
extern unsigned long CONFIG_HZ __kconfig __weak;

extern const void init_task __ksym;
extern const void no_such_symbol __ksym __weak;
extern const struct rq runqueues __ksym;
extern const int no_such_variable __ksym __weak;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
extern void no_such_function(int x) __ksym __weak;

SEC("raw_tp")
int use_externs(void *ctx)
{
	struct task_struct *task;

	wide += LINUX_KERNEL_VERSION + CONFIG_BPF_SYSCALL + CONFIG_LOCALVERSION[1] + CONFIG_IPV6 + CONFIG_HZ;
	if (&no_such_symbol)
		wide++;
	if (&no_such_variable)
		wide++;
	wide += (__u64)&init_task;
	wide += (__u64)bpf_per_cpu_ptr(&runqueues, 0);
	if (bpf_ksym_exists(no_such_function))
		no_such_function(1);
	task = bpf_task_from_pid(1);
	if (task)
		bpf_task_release(task);
	return 0;
}

SEC("raw_tp")
int use_maps(void *ctx)
{
	__u32 key = 1;
	void *inner = bpf_map_lookup_elem(&outer_array, &key);

	if (inner && bpf_map_lookup_elem(inner, &key))
		wide++;
	not_seen += fixed + zeros[3] + plain + own + text[wide & 3];
	bpf_map_lookup_elem(&outer_hash, &key);
	bpf_map_lookup_elem(&outer_rings, &key);
	bpf_map_push_elem(&queue, &key, 0);
	bpf_ringbuf_output(&odd_ring, &key, sizeof(key), 0);
	bpf_perf_event_output(ctx, &per_cpu_events, 0, &key, sizeof(key));
	bpf_tail_call(ctx, &jumps, 2);
	return 0;
}

SEC("raw_tp")
int jumped_to(void *ctx)
{
	plain = 1;
	return 0;
}

SEC("raw_tp")
int jumped_to_too(void *ctx)
{
	plain = 2;
	return 0;
}
