// SPDX-License-Identifier: MIT OR Apache-2.0
// The little of a kernel's types that the objects read, as programs that bring no vmlinux.h declare them: the fields that they want,
// where they are being left to CO-RE.
#pragma once

typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __le64;
typedef __u32 __wsum;
typedef __u16 __sum16;

enum { BPF_ANY };
enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4, BPF_MAP_TYPE_RINGBUF = 27 };
enum { BPF_F_CURRENT_CPU = 0xffffffff };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};

struct qstr {
	__u32 hash;
	__u32 len;
	const unsigned char *name;
};

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
};

struct inode {
	__u16 i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
	__s64 i_size;
};

struct dentry {
	struct dentry *d_parent;
	struct inode *d_inode;
};

struct vfsmount {
	struct dentry *mnt_root;
	int mnt_flags;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	unsigned int f_mode;
	unsigned int f_flags;
	struct inode *f_inode;
	struct path f_path;
};

struct mm_struct {
	unsigned long total_vm;
	unsigned long start_stack;
	unsigned long arg_start, arg_end;
	struct file *exe_file;
};

struct nsproxy {
	void *net_ns;
	void *mnt_ns;
	void *uts_ns;
};

struct task_struct {
	int pid;
	int tgid;
	int prio;
	unsigned int flags;
	int exit_code;
	char comm[16];
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	struct nsproxy *nsproxy;
	__u64 start_time;
	__u64 utime, stime;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
	int sk_sndbuf, sk_rcvbuf;
};

struct sk_buff {
	unsigned int len, data_len;
	__u16 mac_header, network_header, transport_header;
	unsigned char *head, *data;
	struct sock *sk;
};

struct net_device {
	char name[16];
	int ifindex;
	unsigned int mtu;
	unsigned int flags;
};

struct request {
	unsigned int cmd_flags;
	unsigned int __data_len;
	__u64 __sector;
	__u64 start_time_ns;
};

struct linux_binprm {
	struct file *file;
	int argc, envc;
	const char *filename;
};

#pragma clang attribute pop
