// SPDX-License-Identifier: MIT OR Apache-2.0
// Maps of types that came after Linux 5.10, and one that only LSM programs may use. The test turns off what the kernel lacks.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile __u32 pid = 0;

// Linux 5.16.
struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 100);
	__uint(map_extra, 3);
	__type(value, __u64);
} bloom_filter SEC(".maps");
__u32 has_one = 0;
__u32 has_two = 0;
// Not on the stack: for the verifier of Linux 7.2 a value there that bpf_map_peek_elem reads is never read, as for other maps it
// is written.
__u64 one = 1111;
__u64 two = 2222;

SEC("raw_tp")
int use_bloom_filter(void *ctx)
{
	__u64 three = 3333;

	has_one = bpf_map_peek_elem(&bloom_filter, &one) == 0;
	has_two = bpf_map_peek_elem(&bloom_filter, &two) == 0;
	return bpf_map_push_elem(&bloom_filter, &three, BPF_ANY);
}

// Linux 7.2: a hash that grows.
#define BPF_MAP_TYPE_RHASH 35
struct {
	__uint(type, BPF_MAP_TYPE_RHASH);
	__uint(max_entries, 1000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u64);
} rhash SEC(".maps");
__u64 seen_rhash = 0;

SEC("raw_tp")
int use_rhash(void *ctx)
{
	__u32 one = 1, two = 2;
	__u64 *value = bpf_map_lookup_elem(&rhash, &one);
	__u64 next;

	if (!value)
		return 1;
	seen_rhash = *value;
	next = *value + 1;
	return bpf_map_update_elem(&rhash, &two, &next, BPF_ANY);
}

// Linux 5.11.
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} by_task SEC(".maps");

SEC("tp_btf/sys_enter")
int BPF_PROG(use_task_storage, struct pt_regs *regs, long id)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 *value;

	if (task->tgid != pid)
		return 0;
	value = bpf_task_storage_get(&by_task, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (value)
		__sync_fetch_and_add(value, 1);
	return 0;
}

// Linux 6.2.
struct {
	__uint(type, BPF_MAP_TYPE_CGRP_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} by_cgroup SEC(".maps");

SEC("tp_btf/sys_enter")
int BPF_PROG(use_cgroup_storage, struct pt_regs *regs, long id)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 *value;

	if (task->tgid != pid)
		return 0;
	value = bpf_cgrp_storage_get(&by_cgroup, task->cgroups->dfl_cgrp, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (value)
		__sync_fetch_and_add(value, 1);
	return 0;
}

// Linux 5.10, for LSM programs.
struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} by_inode SEC(".maps");

SEC("lsm/file_open")
int BPF_PROG(use_inode_storage, struct file *file)
{
	__u64 *value;

	if ((bpf_get_current_pid_tgid() >> 32) != pid)
		return 0;
	value = bpf_inode_storage_get(&by_inode, file->f_inode, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (value)
		__sync_fetch_and_add(value, 1);
	return 0;
}
