// SPDX-License-Identifier: MIT OR Apache-2.0
// Sends records into a ring buffer whenever it is run.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct record {
	__u64 number;
	__u64 twice;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} records SEC(".maps");

__u64 sent = 0;
__u64 dropped = 0;

SEC("raw_tp")
int send(void *ctx)
{
	struct record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);

	if (!record) {
		__sync_fetch_and_add(&dropped, 1);
		return 0;
	}
	record->number = sent++;
	record->twice = record->number * 2;
	bpf_ringbuf_submit(record, 0);
	return 0;
}
