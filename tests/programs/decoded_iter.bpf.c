// SPDX-License-Identifier: MIT OR Apache-2.0
// What `purebpf run` prints of iterators: a line for one map.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile __u32 wanted = 0;

SEC("iter/bpf_map")
int over_maps(struct bpf_iter__bpf_map *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct bpf_map *map = ctx->map;

	if (map && map->id == wanted)
		BPF_SEQ_PRINTF(seq, "map %u:\troom for %u\n", map->id, map->max_entries);
	return 0;
}
