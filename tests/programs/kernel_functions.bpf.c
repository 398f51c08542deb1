// SPDX-License-Identifier: MIT OR Apache-2.0
// Programs at the entry and return of a kernel function, by breakpoint (kprobe) and by trampoline
// (fentry): each counts what one process does, and keeps what the function was given or returned.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile __u32 process = 0;

__u64 kprobe_hits = 0;
__u64 kretprobe_hits = 0;
__u64 fentry_hits = 0;
__u64 fexit_hits = 0;
__s64 kretprobe_result = 0;
__s64 fexit_result = 0;
__s64 kprobe_dfd = 0;
__s64 fentry_dfd = 0;

static __always_inline bool is_ours(void)
{
	return bpf_get_current_pid_tgid() >> 32 == process;
}

SEC("kprobe/do_unlinkat")
int BPF_KPROBE(on_kprobe, int dfd)
{
	if (is_ours()) {
		kprobe_dfd = dfd;
		__sync_fetch_and_add(&kprobe_hits, 1);
	}
	return 0;
}

SEC("kretprobe/do_unlinkat")
int BPF_KRETPROBE(on_kretprobe, int result)
{
	if (is_ours()) {
		kretprobe_result = result;
		__sync_fetch_and_add(&kretprobe_hits, 1);
	}
	return 0;
}

SEC("fentry/do_unlinkat")
int BPF_PROG(on_fentry, int dfd, struct filename *name)
{
	if (is_ours()) {
		fentry_dfd = dfd;
		__sync_fetch_and_add(&fentry_hits, 1);
	}
	return 0;
}

SEC("fexit/do_unlinkat")
int BPF_PROG(on_fexit, int dfd, struct filename *name, int result)
{
	if (is_ours()) {
		fexit_result = result;
		__sync_fetch_and_add(&fexit_hits, 1);
	}
	return 0;
}
