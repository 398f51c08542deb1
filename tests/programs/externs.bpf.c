// SPDX-License-Identifier: MIT OR Apache-2.0
// What a program expects of the kernel: addresses of symbols, variables and functions by their type.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// By address alone: one that every kernel has, one that none has.
extern const void vfs_read __ksym;
extern const void purebpf_no_such_symbol __ksym __weak;

// By type. A per-CPU variable of the kernel's own; a function that came with 6.2, and its counterpart.
extern const struct rq runqueues __ksym __weak;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;
extern int purebpf_no_such_function(int x) __ksym __weak;

const volatile __u32 thread = 0;

__u64 address = 0;
__u64 missing_address = 99;
__u64 variable_exists = 99;
__u32 cpu_seen = 99;
__u32 cpu_asked = 0;
__u32 found_pid = 0;
__u64 missing_function_exists = 99;

SEC("?raw_tp")
int look_up_addresses(void *ctx)
{
	address = (__u64)&vfs_read;
	missing_address = (__u64)&purebpf_no_such_symbol;
	return 0;
}

SEC("?raw_tp")
int read_variable(void *ctx)
{
	const struct rq *rq;

	variable_exists = bpf_ksym_exists(&runqueues);
	if (!bpf_ksym_exists(&runqueues))
		return 0;
	cpu_asked = bpf_get_smp_processor_id();
	rq = bpf_this_cpu_ptr(&runqueues);
	cpu_seen = rq->cpu;
	return 0;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(call_function)
{
	struct task_struct *task;

	if ((__u32)bpf_get_current_pid_tgid() != thread)
		return 0;
	missing_function_exists = bpf_ksym_exists(purebpf_no_such_function);
	if (bpf_ksym_exists(purebpf_no_such_function))
		purebpf_no_such_function(1);
	task = bpf_task_from_pid(thread);
	if (task) {
		found_pid = task->pid;
		bpf_task_release(task);
	}
	return 0;
}
