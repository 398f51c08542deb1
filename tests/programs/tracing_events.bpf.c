// SPDX-License-Identifier: MIT OR Apache-2.0
// Programs that follow events of the kernel, on every kernel: each counts what one thread does.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile __u32 thread = 0;

__u64 tracepoint_hits = 0;
__u64 raw_tp_hits = 0;
__u64 tp_btf_hits = 0;
// The number of the system call that the raw tracepoint saw last.
__u64 raw_tp_syscall = 0;

static __always_inline void count(__u64 *hits)
{
	if ((__u32)bpf_get_current_pid_tgid() == thread)
		__sync_fetch_and_add(hits, 1);
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int on_tracepoint(void *ctx)
{
	count(&tracepoint_hits);
	return 0;
}

SEC("raw_tp/sys_enter")
int on_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	// Only getpgid(2), on x86-64.
	if (ctx->args[1] != 121 || (__u32)bpf_get_current_pid_tgid() != thread)
		return 0;
	raw_tp_syscall = ctx->args[1];
	__sync_fetch_and_add(&raw_tp_hits, 1);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_tp_btf, struct pt_regs *regs, long id)
{
	if (id == 121)
		count(&tp_btf_hits);
	return 0;
}
