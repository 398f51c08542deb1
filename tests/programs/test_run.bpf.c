// SPDX-License-Identifier: MIT OR Apache-2.0
// A program of each type that BPF_PROG_TEST_RUN runs: each looks at what it was given and changes what it may.
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 runs = 0;
__u64 argument = 0;

SEC("socket")
int on_socket(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&runs, 1);
	return skb->len;
}

// Changes the packet and its mark.
static __always_inline int change(struct __sk_buff *skb)
{
	__u8 byte = 0xab;

	__sync_fetch_and_add(&runs, 1);
	argument = skb->mark;
	skb->mark = 99;
	if (bpf_skb_store_bytes(skb, 14, &byte, 1, 0))
		return -1;
	return skb->len;
}

SEC("tc")
int on_tc(struct __sk_buff *skb)
{
	return change(skb);
}

SEC("action")
int on_action(struct __sk_buff *skb)
{
	return change(skb);
}

SEC("cgroup_skb/egress")
int on_cgroup_skb(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&runs, 1);
	return skb->len > 30;
}

SEC("lwt_in")
int on_lwt_in(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&runs, 1);
	return skb->len;
}

SEC("lwt_out")
int on_lwt_out(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&runs, 1);
	return skb->len;
}

SEC("lwt_xmit")
int on_lwt_xmit(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&runs, 1);
	return skb->len;
}

SEC("lwt_seg6local")
int on_lwt_seg6local(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&runs, 1);
	return skb->len;
}

// Cuts 14 bytes off the front.
SEC("xdp")
int on_xdp(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	argument = ctx->data_end - ctx->data;
	if (bpf_xdp_adjust_head(ctx, 14))
		return XDP_ABORTED;
	return XDP_TX;
}

SEC("flow_dissector")
int on_flow_dissector(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;

	__sync_fetch_and_add(&runs, 1);
	keys->nhoff = 14;
	keys->sport = bpf_htons(1234);
	return BPF_OK;
}

SEC("raw_tp")
int on_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	argument = ctx->args[0] + ctx->args[1];
	return 42;
}

// The kernel calls its bpf_fentry_test1 with 1, 2 with 2 and 3, and so on.
SEC("fentry/bpf_fentry_test2")
int BPF_PROG(on_fentry, int a, __u64 b)
{
	__sync_fetch_and_add(&runs, 1);
	argument = a * 10 + b;
	return 0;
}

// Linux 5.13: chooses no socket, and lets the look-up go on.
SEC("sk_lookup")
int on_sk_lookup(struct bpf_sk_lookup *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	argument = ctx->local_port;
	return SK_DROP;
}

struct numbers {
	__u64 in;
	__u64 out;
};

// Linux 5.14.
SEC("syscall")
int on_syscall(struct numbers *numbers)
{
	__sync_fetch_and_add(&runs, 1);
	numbers->out = numbers->in * 2;
	return 7;
}

// Linux 6.4.
SEC("netfilter")
int on_netfilter(struct bpf_nf_ctx *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	argument = ctx->skb->len;
	return 1;
}
