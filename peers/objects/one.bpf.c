// SPDX-License-Identifier: MIT OR Apache-2.0
// One program, of the kind that opensnoop is: who opens which file, sent to user space.
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct event {
	__u32 pid, parent;
	__u64 seconds;
	int flags;
	char comm[16];
	char name[64];
};

const volatile __u32 wanted_pid = 0;
__u64 seen = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct enter_openat {
	__u64 common;
	long number;
	long dfd;
	const char *name;
	long flags;
};

SEC("tracepoint/syscalls/sys_enter_openat")
int opened(struct enter_openat *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 pid = BPF_CORE_READ(task, tgid);
	__u64 one = 1, *count;
	struct event *event;

	if (wanted_pid && pid != wanted_pid)
		return 0;
	count = bpf_map_lookup_elem(&counts, &pid);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&counts, &pid, &one, BPF_ANY);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = pid;
	event->parent = BPF_CORE_READ(task, real_parent, tgid);
	event->seconds = BPF_CORE_READ(task, start_time) / 1000000000;
	event->flags = ctx->flags;
	BPF_CORE_READ_STR_INTO(&event->comm, task, comm);
	bpf_probe_read_user_str(event->name, sizeof(event->name), ctx->name);
	bpf_ringbuf_submit(event, 0);
	seen++;
	return 0;
}
