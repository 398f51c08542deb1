// SPDX-License-Identifier: MIT OR Apache-2.0
// One map of each type that is for sockets, devices and packets, all of which Linux 5.10 has.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 4);
	__type(key, __u64);
	__type(value, __u64);
} sockets_by_name SEC(".maps");
__u32 seen_port = 0;

// Tells the local port of the socket that user space put in, and puts it into the other map.
SEC("tc")
int use_sockets(struct __sk_buff *skb)
{
	__u32 one = 1;
	__u64 name = 0x1122334455667788;
	struct bpf_sock *socket = bpf_map_lookup_elem(&sockets, &one);
	long error;

	if (!socket)
		return 1;
	seen_port = socket->src_port;
	error = bpf_map_update_elem(&sockets_by_name, &name, socket, BPF_ANY);
	bpf_sk_release(socket);
	return error ? 2 : 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} devices_by_name SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bpf_cpumap_val);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

// An entry that is there gives XDP_REDIRECT, one that is not what the last argument says.
SEC("xdp")
int use_devices(struct xdp_md *ctx)
{
	return bpf_redirect_map(&devices, 3, XDP_DROP);
}

SEC("xdp")
int use_devices_by_name(struct xdp_md *ctx)
{
	return bpf_redirect_map(&devices_by_name, 1000000, XDP_DROP);
}

SEC("xdp")
int use_cpus(struct xdp_md *ctx)
{
	return bpf_redirect_map(&cpus, 0, XDP_DROP);
}

SEC("xdp")
int use_xsks(struct xdp_md *ctx)
{
	return bpf_redirect_map(&xsks, 2, XDP_DROP);
}

SEC("xdp/devmap")
int on_device(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp/cpumap")
int on_cpu(struct xdp_md *ctx)
{
	return XDP_PASS;
}

struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} listeners SEC(".maps");
__u32 chosen = 0;
__u64 selected = 0;

SEC("sk_reuseport")
int use_listeners(struct sk_reuseport_md *ctx)
{
	__u32 key = chosen;

	if (bpf_sk_select_reuseport(ctx, &listeners, &key, 0) == 0)
		__sync_fetch_and_add(&selected, 1);
	return SK_PASS;
}

struct tally {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tally);
} by_socket SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, struct tally);
} by_cgroup SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, struct tally);
} by_cgroup_and_cpu SEC(".maps");

// Counts with each socket, once user space or a packet before has begun to.
SEC("cgroup_skb/egress")
int use_storages(struct __sk_buff *skb)
{
	struct bpf_sock *socket = skb->sk;
	struct tally *tally;

	tally = bpf_get_local_storage(&by_cgroup, 0);
	__sync_fetch_and_add(&tally->packets, 1);
	__sync_fetch_and_add(&tally->bytes, skb->len);
	tally = bpf_get_local_storage(&by_cgroup_and_cpu, 0);
	tally->packets++;
	tally->bytes += skb->len;
	if (!socket)
		return 1;
	socket = bpf_sk_fullsock(socket);
	if (!socket)
		return 1;
	tally = bpf_sk_storage_get(&by_socket, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!tally)
		return 1;
	__sync_fetch_and_add(&tally->packets, 1);
	__sync_fetch_and_add(&tally->bytes, skb->len);
	return 1;
}
