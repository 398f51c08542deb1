// SPDX-License-Identifier: MIT OR Apache-2.0
// Tables of operations: congestion controls of TCP, declared as no kernel declares them.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// Connections that a table of this object began.
int first, second;

SEC("struct_ops")
void BPF_PROG(first_init, struct sock *sk)
{
	__sync_fetch_and_add(&first, 1);
}

SEC("struct_ops")
void BPF_PROG(second_init, struct sock *sk)
{
	__sync_fetch_and_add(&second, 1);
}

SEC("struct_ops")
__u32 BPF_PROG(ssthresh, struct sock *sk)
{
	return 2;
}

SEC("struct_ops")
__u32 BPF_PROG(undo_cwnd, struct sock *sk)
{
	return 2;
}

SEC("struct_ops")
void BPF_PROG(cong_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
}

// A function that no kernel calls: loaded only if a table that is created has it.
SEC("struct_ops")
void BPF_PROG(of_the_future, struct sock *sk)
{
}

// Other members in another order; two of them no kernel has.
struct tcp_congestion_ops___ours {
	int not_in_any_kernel;
	char name[16];
	__u32 (*undo_cwnd)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	void (*init)(struct sock *sk);
	void (*nor_this)(struct sock *sk);
	__u32 (*ssthresh)(struct sock *sk);
};

SEC(".struct_ops")
struct tcp_congestion_ops___ours plain = {
	.name = "purebpf_plain",
	.init = (void *)first_init,
	.ssthresh = (void *)ssthresh,
	.undo_cwnd = (void *)undo_cwnd,
	.cong_avoid = (void *)cong_avoid,
};

SEC("?.struct_ops")
struct tcp_congestion_ops___ours newer = {
	.name = "purebpf_newer",
	.not_in_any_kernel = 7,
	.init = (void *)first_init,
	.nor_this = (void *)of_the_future,
	.ssthresh = (void *)ssthresh,
	.undo_cwnd = (void *)undo_cwnd,
	.cong_avoid = (void *)cong_avoid,
};

SEC("?.struct_ops.link")
struct tcp_congestion_ops___ours linked = {
	.name = "purebpf_linked",
	.init = (void *)first_init,
	.ssthresh = (void *)ssthresh,
	.undo_cwnd = (void *)undo_cwnd,
	.cong_avoid = (void *)cong_avoid,
};

SEC("?.struct_ops.link")
struct tcp_congestion_ops___ours relinked = {
	.name = "purebpf_linked",
	.init = (void *)second_init,
	.ssthresh = (void *)ssthresh,
	.undo_cwnd = (void *)undo_cwnd,
	.cong_avoid = (void *)cong_avoid,
};
