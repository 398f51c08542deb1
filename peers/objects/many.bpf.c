// SPDX-License-Identifier: MIT OR Apache-2.0
// Sixty-four programs, as an agent has that watches a whole system: eight subjects at eight places each, which read some dozen types of
// the kernel.
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct event {
	__u32 place;
	__u32 pid, parent;
	__u64 values[6];
};

const volatile __u32 wanted_pid = 0;
__u64 seen[64] = {};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct event);
} last SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct registers {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
};

static __noinline void send(struct event *event)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	event->pid = BPF_CORE_READ(task, tgid);
	event->parent = BPF_CORE_READ(task, real_parent, tgid);
	if (!wanted_pid || event->pid == wanted_pid)
		bpf_ringbuf_output(&events, event, sizeof(*event), 0);
}

#define PROGRAM(subject, number, ...) \
	SEC("kprobe/" #subject "_" #number) \
	int subject##_##number(struct registers *ctx) \
	{ \
		struct event event = { .place = number }; \
		__u32 key = number; \
		void *first = (void *)ctx->di; \
		__VA_ARGS__ \
		seen[number]++; \
		bpf_map_update_elem(&last, &key, &event, BPF_ANY); \
		send(&event); \
		return 0; \
	}

#define EIGHT(subject, base, ...) \
	PROGRAM(subject, base##0, __VA_ARGS__) \
	PROGRAM(subject, base##1, __VA_ARGS__) \
	PROGRAM(subject, base##2, __VA_ARGS__) \
	PROGRAM(subject, base##3, __VA_ARGS__) \
	PROGRAM(subject, base##4, __VA_ARGS__) \
	PROGRAM(subject, base##5, __VA_ARGS__) \
	PROGRAM(subject, base##6, __VA_ARGS__) \
	PROGRAM(subject, base##7, __VA_ARGS__)

// Programs are numbered in octal.
EIGHT(task, 0, {
	struct task_struct *task = first;
	event.values[0] = BPF_CORE_READ(task, prio);
	event.values[1] = BPF_CORE_READ(task, flags);
	event.values[2] = BPF_CORE_READ(task, group_leader, start_time);
	event.values[3] = BPF_CORE_READ(task, utime) + BPF_CORE_READ(task, stime);
	event.values[4] = bpf_core_field_exists(task->exit_code) ? BPF_CORE_READ(task, exit_code) : 0;
})

EIGHT(memory, 01, {
	struct mm_struct *mm = first;
	event.values[0] = BPF_CORE_READ(mm, total_vm);
	event.values[1] = BPF_CORE_READ(mm, start_stack);
	event.values[2] = BPF_CORE_READ(mm, arg_end) - BPF_CORE_READ(mm, arg_start);
	event.values[3] = BPF_CORE_READ(mm, exe_file, f_inode, i_ino);
})

EIGHT(file, 02, {
	struct file *file = first;
	event.values[0] = BPF_CORE_READ(file, f_mode);
	event.values[1] = BPF_CORE_READ(file, f_flags);
	event.values[2] = BPF_CORE_READ(file, f_path.dentry, d_inode, i_ino);
	event.values[3] = BPF_CORE_READ(file, f_path.mnt, mnt_flags);
})

EIGHT(inode, 03, {
	struct inode *inode = first;
	event.values[0] = BPF_CORE_READ(inode, i_mode);
	event.values[1] = BPF_CORE_READ(inode, i_ino);
	event.values[2] = BPF_CORE_READ(inode, i_sb, s_dev);
	event.values[3] = BPF_CORE_READ(inode, i_sb, s_magic);
	event.values[4] = BPF_CORE_READ(inode, i_size);
})

EIGHT(socket, 04, {
	struct sock *sk = first;
	event.values[0] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	event.values[1] = BPF_CORE_READ(sk, __sk_common.skc_dport);
	event.values[2] = BPF_CORE_READ(sk, __sk_common.skc_family);
	event.values[3] = BPF_CORE_READ(sk, sk_sndbuf);
	event.values[4] = BPF_CORE_READ(sk, sk_rcvbuf);
})

EIGHT(packet, 05, {
	struct sk_buff *skb = first;
	event.values[0] = BPF_CORE_READ(skb, len);
	event.values[1] = BPF_CORE_READ(skb, data_len);
	event.values[2] = BPF_CORE_READ(skb, mac_header);
	event.values[3] = BPF_CORE_READ(skb, network_header);
	event.values[4] = BPF_CORE_READ(skb, sk, sk_sndbuf);
})

EIGHT(request, 06, {
	struct request *request = first;
	event.values[0] = BPF_CORE_READ(request, cmd_flags);
	event.values[1] = BPF_CORE_READ(request, __data_len);
	event.values[2] = BPF_CORE_READ(request, __sector);
	event.values[3] = BPF_CORE_READ(request, start_time_ns);
})

EIGHT(program, 07, {
	struct linux_binprm *program = first;
	event.values[0] = BPF_CORE_READ(program, argc);
	event.values[1] = BPF_CORE_READ(program, envc);
	event.values[2] = BPF_CORE_READ(program, file, f_inode, i_size);
	event.values[3] = (__u64)BPF_CORE_READ(program, filename);
})
