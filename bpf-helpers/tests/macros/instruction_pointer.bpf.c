/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "machine.h"

SEC("kprobe")
int instruction_pointer(struct pt_regs *ctx)
{
	keep(PT_REGS_IP(ctx));
	keep(PT_REGS_IP_CORE(ctx));
	return 0;
}
