// SPDX-License-Identifier: MIT OR Apache-2.0
// Global variables of every size, in every data section.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct limits {
	__u32 low;
	__u32 high;
	__u64 step;
};

const volatile __u8 ro_byte = 1;
const volatile __u64 ro_long = 2;
const volatile struct limits ro_limits = { 3, 4, 5 };

__u8 rw_byte = 6;
__u16 rw_short = 7;
__u32 rw_int = 8;
__u64 rw_long = 9;
__u32 rw_array[4] = { 10, 11, 12, 13 };
__u64 custom SEC(".data.custom") = 14;

__u64 zero;
__u64 sum;
struct limits zero_limits;

// Adds up everything into `sum`, and moves each by one.
SEC("raw_tp")
int add_up(void *ctx)
{
	__u64 total = ro_byte + ro_long + ro_limits.low + ro_limits.high + ro_limits.step;
	int i;

	total += rw_byte + rw_short + rw_int + rw_long + custom + zero;
	for (i = 0; i < 4; i++)
		total += rw_array[i];
	total += zero_limits.low + zero_limits.high + zero_limits.step;
	sum = total;
	rw_byte++;
	rw_short++;
	rw_int++;
	rw_long++;
	custom++;
	zero++;
	for (i = 0; i < 4; i++)
		rw_array[i]++;
	zero_limits.step++;
	return 0;
}
