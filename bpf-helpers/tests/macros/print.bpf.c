/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Text, with each number of values that matters. */
#include "types.h"
#include <bpf/bpf_helpers.h>

extern int bpf_stream_vprintk(int stream, const char *format, const void *values, __u32 size) __weak __ksym;

struct seq_file;

struct iterated {
	struct seq_file *seq;
	const char *name;
	int number;
	signed char small;
	unsigned long long big;
};

SEC("iter")
int to_trace(struct iterated *ctx)
{
	bpf_printk("nothing");
	bpf_printk("%d", ctx->number);
	bpf_printk("%s %d", ctx->name, ctx->small);
	bpf_printk("%s %d %llu", ctx->name, ctx->number, ctx->big);
	bpf_printk("%s %d %d %llu", ctx->name, ctx->number, ctx->small, ctx->big);
	bpf_printk("%d %d %d %d %d %d %d %d %d %d %d %d", ctx->number, 2, 3, 4, 5, 6, 7, 8, 9, 10, -11, ctx->small);
	__bpf_printk("%d", ctx->number);
	__bpf_vprintk("%d", ctx->number);
	return 0;
}

SEC("iter")
int to_file(struct iterated *ctx)
{
	BPF_SEQ_PRINTF(ctx->seq, "nothing\n");
	BPF_SEQ_PRINTF(ctx->seq, "%d\n", ctx->number);
	BPF_SEQ_PRINTF(ctx->seq, "%s %pK %d %llu\n", ctx->name, ctx, ctx->small, ctx->big);
	BPF_SEQ_PRINTF(ctx->seq, "%d %d %d %d %d %d %d %d %d %d %d %d\n", ctx->number, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
	return 0;
}

SEC("iter")
int to_buffer(struct iterated *ctx)
{
	char text[64];

	if (BPF_SNPRINTF(text, sizeof(text), "nothing") < 0)
		return 1;
	if (BPF_SNPRINTF(text, sizeof(text), "%d %s", ctx->number, ctx->name) < 0)
		return 2;
	return text[5];
}

SEC("syscall")
int to_stream(struct iterated *ctx)
{
	bpf_stream_printk(1, "nothing\n");
	bpf_stream_printk(2, "%s %d\n", ctx->name, ctx->number);
	return 0;
}

/* Programs that print their own way fill the array themselves, and may have nothing to fill it with. */
#define PRINT_OWN_WAY(ctx, format, args...) ({ \
	static char ___fmt[] = format; \
	unsigned long long ___param[___bpf_narg(args) ?: 1] = {}; \
	_Pragma("GCC diagnostic push") \
	_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") \
	___bpf_fill(___param, args); \
	_Pragma("GCC diagnostic pop") \
	bpf_seq_printf((ctx)->seq, ___fmt, sizeof(___fmt), ___param, sizeof(___param)); \
})

SEC("iter")
int own_way(struct iterated *ctx)
{
	PRINT_OWN_WAY(ctx, "nothing");
	PRINT_OWN_WAY(ctx, "%d %s", ctx->small, ctx->name);
	return 0;
}

char _license[] SEC("license") = "GPL";
