/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For kernels without global data: formats on the stack. */
#define BPF_NO_GLOBAL_DATA
#include "types.h"
#include <bpf/bpf_helpers.h>

SEC("socket")
int on_stack(struct __sk_buff *ctx)
{
	bpf_printk("nothing");
	bpf_printk("%d %d %d", ctx->mark, ctx->len, 3);
	return 0;
}
