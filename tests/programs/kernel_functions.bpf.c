// SPDX-License-Identifier: MIT OR Apache-2.0
// Programs at the entry and return of a kernel function, by breakpoint (kprobe) and by trampoline
// (fentry): each counts what one thread does, and keeps what the function was given or returned.
// vfs_read is a function of its own, with these parameters, in every kernel from 5.10 to 7.2.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile __u32 thread = 0;

__u64 kprobe_hits = 0;
__u64 kretprobe_hits = 0;
__u64 fentry_hits = 0;
__u64 fexit_hits = 0;
__u64 kprobe_count = 0;
__u64 fentry_count = 0;
__s64 kretprobe_result = 0;
__s64 fexit_result = 0;

static __always_inline bool is_ours(void)
{
	return (__u32)bpf_get_current_pid_tgid() == thread;
}

SEC("kprobe/vfs_read")
int BPF_KPROBE(on_kprobe, struct file *file, char *buffer, size_t count)
{
	if (is_ours()) {
		kprobe_count = count;
		__sync_fetch_and_add(&kprobe_hits, 1);
	}
	return 0;
}

SEC("kretprobe/vfs_read")
int BPF_KRETPROBE(on_kretprobe, ssize_t result)
{
	if (is_ours()) {
		kretprobe_result = result;
		__sync_fetch_and_add(&kretprobe_hits, 1);
	}
	return 0;
}

SEC("fentry/vfs_read")
int BPF_PROG(on_fentry, struct file *file, char *buffer, size_t count)
{
	if (is_ours()) {
		fentry_count = count;
		__sync_fetch_and_add(&fentry_hits, 1);
	}
	return 0;
}

SEC("fexit/vfs_read")
int BPF_PROG(on_fexit, struct file *file, char *buffer, size_t count, loff_t *pos, ssize_t result)
{
	if (is_ours()) {
		fexit_result = result;
		__sync_fetch_and_add(&fexit_hits, 1);
	}
	return 0;
}
