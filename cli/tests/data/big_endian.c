// SPDX-License-Identifier: MIT OR Apache-2.0
// An object for machines of the other byte order, without debugging information:
//   clang-19 -O2 -g -mcpu=v3 -target bpfeb -fdebug-compilation-dir=. -c big_endian.c && llvm-strip-19 -g big_endian.o
#define SEC(name) __attribute__((section(name), used))

typedef unsigned int __u32;

char LICENSE[] SEC("license") = "GPL";

struct task_struct {
	int pid;
	int tgid;
} __attribute__((preserve_access_index));

struct {
	int (*type)[1];
	int (*max_entries)[8];
	__u32 *key;
	struct task_struct *value;
	int (*pinning)[1];
} threads SEC(".maps");

int counter = 0x01020304;

static void *(*lookup)(void *map, const void *key) = (void *)1;

SEC("tp_btf/sched_switch")
int on_switch(unsigned long long *ctx)
{
	struct task_struct *next = (void *)ctx[2];
	__u32 key = 0;

	counter += next->tgid;
	return !!lookup(&threads, &key);
}
