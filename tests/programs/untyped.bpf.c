// SPDX-License-Identifier: MIT OR Apache-2.0
// A program in a section that does not say what type it is, and that can be of many: it does not look at what it is given. Beside
// it, one that is off.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("my_section")
int untyped(void *ctx)
{
	return 1;
}

SEC("?raw_tp/sys_enter")
int left_out(void *ctx)
{
	return 1;
}
