// SPDX-License-Identifier: MIT OR Apache-2.0
// Every kind of CO-RE relocation, with what it comes to kept where user space can see it.
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// A flavour whose fields stand elsewhere than the kernel's, and one that the kernel lacks.
struct task_struct___other {
	char padding[3];
	int tgid;
	int pid;
	struct task_struct___other *real_parent;
	int nothing_like_it;
} __attribute__((preserve_access_index));

struct never_there___1 {
	int x;
} __attribute__((preserve_access_index));

enum bpf_map_type___other {
	BPF_MAP_TYPE_ARRAY___other = 77,
	BPF_MAP_TYPE_NEVER___other = 78,
};

// Bitfields, as the kernel's own has them.
struct iphdr___other {
	__u8 version : 4, ihl : 4;
} __attribute__((preserve_access_index));

__u32 pid = 0;
__u32 parent_tgid = 0;
__u64 pid_offset = 0;
__u64 pid_size = 0;
__u64 pid_exists = 0;
__u64 missing_field_exists = 99;
__u64 missing_type_exists = 99;
__u64 type_exists = 0;
__u64 type_size = 0;
__u64 type_matches = 0;
__u64 type_id_local = 0;
__u64 type_id_kernel = 0;
__u64 enum_exists = 0;
__u64 missing_enum_exists = 99;
__u64 enum_value = 0;
__u64 pid_is_signed = 0;
__u64 bitfield_lshift = 0;
__u64 bitfield_rshift = 0;

SEC("raw_tp")
int relocate(void *ctx)
{
	struct task_struct___other *task = (void *)bpf_get_current_task();

	pid = BPF_CORE_READ(task, pid);
	parent_tgid = BPF_CORE_READ(task, real_parent, tgid);
	pid_offset = bpf_core_field_offset(struct task_struct___other, pid);
	pid_size = bpf_core_field_size(task->pid);
	pid_exists = bpf_core_field_exists(task->pid);
	pid_is_signed = __builtin_preserve_field_info(task->pid, BPF_FIELD_SIGNED);
	missing_field_exists = bpf_core_field_exists(task->nothing_like_it);
	if (bpf_core_field_exists(task->nothing_like_it))
		pid = BPF_CORE_READ(task, nothing_like_it);
	missing_type_exists = bpf_core_type_exists(struct never_there___1);
	type_exists = bpf_core_type_exists(struct task_struct___other);
	type_size = bpf_core_type_size(struct task_struct___other);
	type_matches = bpf_core_type_matches(struct list_head);
	type_id_local = bpf_core_type_id_local(struct list_head);
	type_id_kernel = bpf_core_type_id_kernel(struct list_head);
	enum_exists = bpf_core_enum_value_exists(enum bpf_map_type___other, BPF_MAP_TYPE_ARRAY___other);
	missing_enum_exists = bpf_core_enum_value_exists(enum bpf_map_type___other, BPF_MAP_TYPE_NEVER___other);
	enum_value = bpf_core_enum_value(enum bpf_map_type___other, BPF_MAP_TYPE_ARRAY___other);
	bitfield_lshift = __builtin_preserve_field_info(((struct iphdr___other *)0)->ihl, BPF_FIELD_LSHIFT_U64);
	bitfield_rshift = __builtin_preserve_field_info(((struct iphdr___other *)0)->ihl, BPF_FIELD_RSHIFT_U64);
	return 0;
}
