// SPDX-License-Identifier: MIT OR Apache-2.0
// Types that old kernels do not know: each kind that libbpf replaces for them.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define __tag(text) __attribute__((btf_decl_tag(text)))
#define __ttag(text) __attribute__((btf_type_tag(text)))

enum wide { WIDE_ONE = 1, WIDE_MANY = 0x123456789abcdefULL };
enum negative { MINUS = -1, PLUS = 1 };

struct tagged {
	float real;
	double longer;
	enum wide wide;
	enum negative negative;
	int __ttag("user") *pointer;
	int member __tag("member tag");
} __tag("struct tag");

struct tagged value = {};
enum wide how_wide SEC(".data.wide") = WIDE_ONE;
const volatile enum negative sign = MINUS;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tagged);
} map SEC(".maps");

extern int LINUX_KERNEL_VERSION __kconfig;
extern const void init_task __ksym;
extern const struct rq runqueues __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern struct task_struct *bpf_task_from_pid(s32) __ksym;

static __noinline int local(int x __tag("arg tag"))
{
	return x + value.member;
}

__noinline int global(int x)
{
	return local(x) + 1;
}

__attribute__((visibility("hidden"))) __noinline int hidden(int x)
{
	return local(x) + 2;
}

__attribute__((visibility("hidden"))) int hidden_value = 1;

SEC("raw_tp")
int program(void *ctx)
{
	__u32 zero = 0;

	how_wide = WIDE_MANY;
	value.negative = sign;
	hidden_value++;
	bpf_map_lookup_elem(&map, &zero);
	bpf_rcu_read_lock();
	bpf_task_from_pid(1);
	return global(1) + hidden(LINUX_KERNEL_VERSION) + (long)&init_task + (long)&runqueues;
}
