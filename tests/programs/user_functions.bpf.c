// SPDX-License-Identifier: MIT OR Apache-2.0
// Programs at the entry and return of a function of user space.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 uprobe_hits = 0;
__u64 uretprobe_hits = 0;
__u64 uprobe_argument = 0;
__u64 uretprobe_result = 0;
__u64 section_hits = 0;
__u64 section_return_hits = 0;
__u64 section_return_result = 0;

// Where to attach is said by the caller.
SEC("uprobe")
int BPF_UPROBE(on_uprobe, unsigned long argument)
{
	uprobe_argument = argument;
	__sync_fetch_and_add(&uprobe_hits, 1);
	return 0;
}

SEC("uretprobe")
int BPF_URETPROBE(on_uretprobe, unsigned long result)
{
	uretprobe_result = result;
	__sync_fetch_and_add(&uretprobe_hits, 1);
	return 0;
}

// Attached by what the section says: the function is in the test's own binary.
SEC("uprobe//proc/self/exe:purebpf_probed_function")
int BPF_UPROBE(on_section, unsigned long argument)
{
	__sync_fetch_and_add(&section_hits, 1);
	return 0;
}

SEC("uretprobe//proc/self/exe:purebpf_probed_function")
int BPF_URETPROBE(on_section_return, unsigned long result)
{
	section_return_result = result;
	__sync_fetch_and_add(&section_return_hits, 1);
	return 0;
}
