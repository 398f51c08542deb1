/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Open-coded iterators. */
#include "types.h"
#include <bpf/bpf_helpers.h>

extern void keep(unsigned long long value) __ksym;

struct bpf_iter_num {
	__u64 __opaque[1];
} __attribute__((aligned(8)));

struct bpf_iter_thing {
	__u64 __opaque[2];
};

struct thing {
	int number;
};

extern int bpf_iter_thing_new(struct bpf_iter_thing *it, struct thing *parent, unsigned int flags) __weak __ksym;
extern struct thing *bpf_iter_thing_next(struct bpf_iter_thing *it) __weak __ksym;
extern void bpf_iter_thing_destroy(struct bpf_iter_thing *it) __weak __ksym;

int numbers[32];

SEC("syscall")
int counted(struct thing *ctx)
{
	int i, j, sum = 0;

	bpf_for(i, 0, 32) {
		if (numbers[i] < 0)
			continue;
		if (numbers[i] > 100)
			break;
		bpf_for(j, i, ctx->number)
			sum += j;
	}
	return sum;
}

SEC("syscall")
int repeated(struct thing *ctx)
{
	bpf_repeat(10)
		keep(ctx->number);
	bpf_repeat(ctx->number) {
		keep(1);
		if (ctx->number == 3)
			return 4;
	}
	return 0;
}

SEC("syscall")
int each(struct thing *ctx)
{
	struct thing *it;
	int *number;

	bpf_for_each(thing, it, ctx, 3)
		keep(it->number);
	bpf_for_each(num, number, 0, 5)
		keep(*number);
	return 0;
}

char _license[] SEC("license") = "GPL";
