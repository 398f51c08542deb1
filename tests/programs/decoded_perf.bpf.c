// SPDX-License-Identifier: MIT OR Apache-2.0
// What `purebpf run` shows of perf buffers, whose records are padded: one from each call of getpgid(2) by one thread.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// 13 bytes, which the kernel makes 20 of.
struct short_event {
	__u32 thread;
	__u8 kind;
	char name[8];
} __attribute__((packed));

const struct short_event *short_event_unused __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

const volatile __u32 thread = 0;

SEC("raw_tp/sys_enter")
int on_getpgid(struct bpf_raw_tracepoint_args *ctx)
{
	struct short_event event = { .kind = 7, .name = "perf" };

	// Only getpgid(2), on x86-64.
	if (ctx->args[1] != 121 || (__u32)bpf_get_current_pid_tgid() != thread)
		return 0;
	event.thread = thread;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}
