// SPDX-License-Identifier: MIT OR Apache-2.0
// Programs that see packets: each counts UDP datagrams to one port and lets everything pass.
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ETH_P_IP 0x0800
#define ETH_HLEN 14
#define TCX_PASS 0

const volatile __u16 port = 0;

__u64 xdp_hits = 0;
__u64 tcx_ingress_hits = 0;
__u64 tcx_egress_hits = 0;
__u64 cgroup_hits = 0;
__u64 socket_hits = 0;

// Whether the bytes from `data` are an Ethernet frame with a datagram to the port.
static __always_inline bool is_ours(void *data, void *data_end)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);

	if ((void *)(udp + 1) > data_end)
		return false;
	return eth->h_proto == bpf_htons(ETH_P_IP) && ip->protocol == IPPROTO_UDP && ip->ihl == 5 &&
	       udp->dest == bpf_htons(port);
}

SEC("xdp")
int on_xdp(struct xdp_md *ctx)
{
	if (is_ours((void *)(long)ctx->data, (void *)(long)ctx->data_end))
		__sync_fetch_and_add(&xdp_hits, 1);
	return XDP_PASS;
}

SEC("?tcx/ingress")
int on_tcx_ingress(struct __sk_buff *skb)
{
	if (is_ours((void *)(long)skb->data, (void *)(long)skb->data_end))
		__sync_fetch_and_add(&tcx_ingress_hits, 1);
	return TCX_PASS;
}

SEC("?tcx/egress")
int on_tcx_egress(struct __sk_buff *skb)
{
	if (is_ours((void *)(long)skb->data, (void *)(long)skb->data_end))
		__sync_fetch_and_add(&tcx_egress_hits, 1);
	return TCX_PASS;
}

// Here packets begin with the IP header.
static __always_inline bool ip_is_ours(struct __sk_buff *skb)
{
	struct iphdr ip;
	struct udphdr udp;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.protocol != IPPROTO_UDP || ip.ihl != 5)
		return false;
	return !bpf_skb_load_bytes(skb, sizeof(ip), &udp, sizeof(udp)) && udp.dest == bpf_htons(port);
}

SEC("cgroup_skb/egress")
int on_cgroup(struct __sk_buff *skb)
{
	if (ip_is_ours(skb))
		__sync_fetch_and_add(&cgroup_hits, 1);
	return 1;
}

// What comes to a UDP socket begins with the UDP header.
SEC("socket")
int on_socket(struct __sk_buff *skb)
{
	struct udphdr udp;

	if (!bpf_skb_load_bytes(skb, 0, &udp, sizeof(udp)) && udp.dest == bpf_htons(port))
		__sync_fetch_and_add(&socket_hits, 1);
	return skb->len;
}
