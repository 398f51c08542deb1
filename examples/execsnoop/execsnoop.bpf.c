// SPDX-License-Identifier: MIT OR Apache-2.0
// Sends an event for each process that executes a program, and one when it ends. One object serves
// kernels from 5.10: everything that differs between them is reached through CO-RE.
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "execsnoop.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// Set before the object is loaded.
const volatile bool filter_by_uid = false;
const volatile __u32 filter_uid = 0;
// Processes that end sooner are left out. Unless it is 0, no event is sent before the end is known.
const volatile __u64 min_duration_ns = 0;

// Events that found the ring full, and processes whose start found the table full.
__u64 dropped_events = 0;
__u64 dropped_processes = 0;

// What is remembered of a process until it ends.
struct started {
	__u64 timestamp_ns;
	__u32 ppid;
	__u32 uid;
	char filename[FILENAME_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct started);
} running SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} events SEC(".maps");

// Room for one event a CPU: too large for the stack.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_event);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct started);
} started_scratch SEC(".maps");

// signal->flags: the group was told to exit as a whole.
#define SIGNAL_GROUP_EXIT 0x4

static __always_inline bool is_wanted(__u32 uid)
{
	return !filter_by_uid || uid == filter_uid;
}

static __always_inline void send(void *event, __u64 size)
{
	if (bpf_ringbuf_output(&events, event, size, 0))
		__sync_fetch_and_add(&dropped_events, 1);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	__u32 zero = 0, pid = bpf_get_current_pid_tgid() >> 32;
	__u32 uid = (__u32)bpf_get_current_uid_gid();
	__u64 arg_start, arg_end, len;
	struct exec_event *event;
	struct started *started;

	// A process may become another user's as it executes; what it is now counts.
	if (!is_wanted(uid)) {
		bpf_map_delete_elem(&running, &pid);
		return 0;
	}

	started = bpf_map_lookup_elem(&started_scratch, &zero);
	event = bpf_map_lookup_elem(&scratch, &zero);
	if (!started || !event)
		return 0;

	started->timestamp_ns = bpf_ktime_get_ns();
	started->ppid = BPF_CORE_READ(task, real_parent, tgid);
	started->uid = uid;
	if (bpf_probe_read_kernel_str(started->filename, FILENAME_LEN, BPF_CORE_READ(bprm, filename)) < 0)
		started->filename[0] = 0;
	if (bpf_map_update_elem(&running, &pid, started, BPF_ANY))
		__sync_fetch_and_add(&dropped_processes, 1);

	if (min_duration_ns)
		return 0;

	event->header.kind = EVENT_EXEC;
	event->header.pid = pid;
	event->header.ppid = started->ppid;
	event->header.uid = uid;
	event->header.timestamp_ns = started->timestamp_ns;
	bpf_get_current_comm(event->header.comm, COMM_LEN);
	__builtin_memcpy(event->header.filename, started->filename, FILENAME_LEN);

	// The new program's memory is in place, its arguments just written: reading them does not fault.
	arg_start = BPF_CORE_READ(task, mm, arg_start);
	arg_end = BPF_CORE_READ(task, mm, arg_end);
	len = arg_end - arg_start;
	event->args_total = len;
	if (len > ARGS_LEN)
		len = ARGS_LEN;
	// The compiler may keep the bound in another register than the one it compares.
	barrier_var(len);
	if (len > ARGS_LEN || bpf_probe_read_user(event->args, len, (void *)arg_start))
		len = 0;
	event->args_len = len;

	len += offsetof(struct exec_event, args);
	barrier_var(len);
	if (len > sizeof(*event))
		return 0;
	send(event, len);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct exit_event event = {};
	struct started *started;
	__u64 now;

	// The process ends with its last thread, which has counted itself out before it comes here.
	if (BPF_CORE_READ(task, signal, live.counter))
		return 0;
	started = bpf_map_lookup_elem(&running, &pid);
	if (!started)
		return 0;

	now = bpf_ktime_get_ns();
	event.duration_ns = now - started->timestamp_ns;
	if (event.duration_ns >= min_duration_ns) {
		event.header.kind = EVENT_EXIT;
		event.header.pid = pid;
		event.header.ppid = started->ppid;
		event.header.uid = started->uid;
		event.header.timestamp_ns = now;
		bpf_get_current_comm(event.header.comm, COMM_LEN);
		__builtin_memcpy(event.header.filename, started->filename, FILENAME_LEN);
		// What the parent's wait will be told: the group's code if it was ended as a whole.
		if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
			event.wait_status = BPF_CORE_READ(task, signal, group_exit_code);
		else
			event.wait_status = BPF_CORE_READ(task, group_leader, exit_code);
		send(&event, sizeof(event));
	}
	bpf_map_delete_elem(&running, &pid);
	return 0;
}
