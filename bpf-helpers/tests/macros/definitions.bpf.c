/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Maps, externs, tags and attributes. */
#include "types.h"
#include <bpf/bpf_helpers.h>

/* Numbers that the headers do not use up. */
enum { BEFORE = __COUNTER__ };

extern void keep(unsigned long long value) __ksym;

struct value {
	struct value __kptr *owned;
	struct value __kptr_untrusted *loose;
	struct value __percpu_kptr *percpu;
	struct value __uptr *user;
	long number;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct value);
} tallies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 100);
	__ulong(map_extra, 0x1ull << 44);
} arena SEC(".maps");

int used_up = __COUNTER__ - BEFORE;

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, long);
} one SEC(".maps"), other SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, int);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { &one, &other },
};

static int target(void *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} jumps SEC(".maps");

extern int CONFIG_HZ __kconfig __weak;
extern enum libbpf_tristate CONFIG_BPF __kconfig;
extern int LINUX_KERNEL_VERSION __kconfig;
extern const void bpf_prog_active __ksym __weak;
extern long maybe(void) __ksym __weak;

const volatile int setting = 3;
int counter;
long start __hidden = TRI_MODULE;
__weak int overridable SEC(".data.mine") = 5;

__noinline int global(struct value *it __arg_nonnull, void *ctx __arg_ctx)
{
	return it->number + !!ctx;
}

__noinline __weak int nullable(struct value *it __arg_nullable, struct value *trusted __arg_trusted)
{
	return it && trusted ? it->number : 0;
}

__noinline int others(struct value *arena_it __arg_arena, struct value *untrusted __arg_untrusted)
{
	return !!arena_it + !!untrusted;
}

static __always_inline int inlined(int x)
{
	return x * 3;
}

__hidden __noinline int as_static(int x)
{
	barrier();
	return x + setting;
}

static int target(void *ctx)
{
	return !!ctx;
}

SEC("tc")
int main_program(struct __sk_buff *ctx)
{
	struct value *it;
	__u32 key = ctx->mark;
	int bound = ctx->len;

	barrier_var(bound);
	it = bpf_map_lookup_elem(&tallies, &key);
	if (unlikely(!it))
		return 0;
	if (likely(bound > 3))
		it->number += inlined(bound);
	keep(global(it, ctx) + nullable(it, it) + others(it, it) + as_static(bound));
	keep(CONFIG_HZ + LINUX_KERNEL_VERSION);
	keep(CONFIG_BPF == TRI_YES || LINUX_KERNEL_VERSION >= KERNEL_VERSION(6, 1, 300));
	keep((unsigned long)&bpf_prog_active);
	if (bpf_ksym_exists(maybe))
		keep(maybe());
	keep(bpf_map_lookup_elem(&outer, &key) == NULL);
	keep(counter++ + overridable + start);
	bpf_tail_call_static(ctx, &jumps, 1);
	if (bound == 7)
		return target(ctx);
	switch (sizeof(it->number)) {
	case 8:
		return 1;
	default:
		__bpf_unreachable();
	}
}

char _license[] SEC("license") = "Dual MIT/GPL";
__u32 made_for SEC("version") = KERNEL_VERSION(5, 4, 0);
