// SPDX-License-Identifier: MIT OR Apache-2.0
// Programs that kernels refuse, each for one reason. Which and how is in elf-loader/tests/refusals.
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct event {
	__u32 kind;
	__u64 when;
	char text[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct event);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} left_out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} records SEC(".maps");

__u32 chosen = 0;
__u64 total = 0;
char letters[8] = "";

static struct event *event_of(__u32 key)
{
	return bpf_map_lookup_elem(&events, &key);
}

SEC("raw_tp")
int null_value(void *ctx)
{
	struct event *event = event_of(1);

	event->when = 7;
	return 0;
}

SEC("raw_tp")
int out_of_bounds(void *ctx)
{
	__u32 place = chosen;
	struct event *event = event_of(place);

	if (!event)
		return 0;
	if (place > sizeof(event->text))
		place = 0;
	event->text[place] = 'x';
	event->kind = place;
	return event->text[chosen];
}

SEC("raw_tp")
int endless_loop(void *ctx)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < 10; i += chosen & 0)
		sum += bpf_get_smp_processor_id();
	total = sum;
	return 0;
}

SEC("raw_tp")
int too_complex(void *ctx)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < 100000; i++) {
		if (bpf_get_prandom_u32() & 1)
			sum += i;
		else
			sum ^= 5;
	}
	total = sum;
	return 0;
}

SEC("raw_tp")
int newer_helper(void *ctx)
{
	total = bpf_ktime_get_tai_ns();
	return 0;
}

SEC("raw_tp")
int no_such_helper(void *ctx)
{
	static long (*const made_up)(void) = (void *)9999;

	return made_up();
}

SEC("raw_tp")
int helper_of_others(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, 4);
}

struct task_struct___other {
	int since_when;
} __attribute__((preserve_access_index));

SEC("raw_tp")
int missing_field(void *ctx)
{
	struct task_struct___other *task = (void *)bpf_get_current_task();

	total = BPF_CORE_READ(task, since_when);
	return 0;
}

extern void bpf_rcu_read_lokc(void) __ksym __weak;
extern void bpf_rcu_read_unlokc(void) __ksym;
extern const void init_tsk __ksym;

SEC("tp_btf")
int missing_weak_kfunc(void *ctx)
{
	bpf_rcu_read_lokc();
	return 0;
}

SEC("tp_btf")
int missing_kfunc(void *ctx)
{
	bpf_rcu_read_unlokc();
	return 0;
}

SEC("raw_tp")
int missing_ksym(void *ctx)
{
	total = (__u64)&init_tsk;
	return 0;
}

SEC("raw_tp")
int missing_map(void *ctx)
{
	__u32 key = chosen;
	__u64 value = 1;

	bpf_map_update_elem(&left_out, &key, &value, BPF_ANY);
	return 0;
}

SEC("raw_tp")
int unreleased(void *ctx)
{
	__u64 *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);

	if (!record)
		return 0;
	*record = 7;
	if (chosen)
		return 1;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

static __noinline int deep(char *from)
{
	char buffer[300] = "";

	bpf_probe_read_kernel(buffer, sizeof(buffer), from);
	return buffer[chosen & 255];
}

SEC("raw_tp")
int deep_stack(void *ctx)
{
	char buffer[300] = "";

	bpf_probe_read_kernel(buffer, sizeof(buffer), ctx);
	return deep(buffer);
}

SEC("raw_tp")
int unset_register(void *ctx)
{
	__u64 value;

	asm volatile("%0 = r9" : "=r"(value));
	return value;
}

SEC("socket")
int bad_context(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;

	return data != NULL;
}

SEC("raw_tp")
int sleepable_helper(void *ctx)
{
	return bpf_copy_from_user(letters, sizeof(letters), ctx);
}

SEC("raw_tp")
int gpl_helper(void *ctx)
{
	return bpf_probe_read_kernel(letters, sizeof(letters), ctx);
}

SEC("fentry/vfs_raed")
int missing_target(void *ctx)
{
	return 0;
}

SEC("raw_tp")
int wrong_argument(void *ctx)
{
	struct event *event = event_of(1);

	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("xdp")
int packet_bounds(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data;

	if (eth->h_proto == 8)
		return XDP_DROP;
	return XDP_PASS;
}

__noinline int checked_alone(struct event *event)
{
	return event->kind;
}

SEC("raw_tp")
int global_function(void *ctx)
{
	struct event *event = event_of(2);

	return event ? checked_alone(event) : 0;
}

SEC("cgroup_skb/ingress")
int wrong_verdict(struct __sk_buff *skb)
{
	return skb->len > 100 ? 7 : 1;
}

SEC("raw_tp")
int task_field(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return task->pid;
}

extern const int no_such_counter __ksym __weak;

SEC("raw_tp")
int missing_weak_ksym(void *ctx)
{
	total = no_such_counter;
	return 0;
}
