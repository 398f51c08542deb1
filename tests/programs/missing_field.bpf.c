// SPDX-License-Identifier: MIT OR Apache-2.0
// A program that reads a field that no kernel has, without asking first.
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct task_struct___wrong {
	int no_kernel_has_this;
} __attribute__((preserve_access_index));

int value = 0;

SEC("raw_tp")
int reads_missing_field(void *ctx)
{
	struct task_struct___wrong *task = (void *)bpf_get_current_task();

	value = BPF_CORE_READ(task, no_kernel_has_this);
	return 0;
}
