#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, pid_t);
	__type(value, __u64);
} opened SEC(".maps");

SEC("kprobe/do_filp_open")
int BPF_KPROBE(open_file, int dirfd, struct filename *name)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	pid_t parent = BPF_CORE_READ(task, real_parent, tgid);
	__u64 one = 1, *count;

	count = bpf_map_lookup_elem(&opened, &parent);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&opened, &parent, &one, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
