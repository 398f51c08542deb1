/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What execsnoop.bpf.c sends to user space. main.rs has the same types. */
#ifndef EXECSNOOP_H
#define EXECSNOOP_H

#define COMM_LEN 16
#define FILENAME_LEN 256
/* Bytes of arguments that are kept of a process. A power of two. */
#define ARGS_LEN 4096

enum event_kind {
	EVENT_EXEC = 1,
	EVENT_EXIT = 2,
};

/* What both events begin with. */
struct event_header {
	__u32 kind;
	/* The process, as its own PID namespace's parent sees it: tgid. */
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	/* CLOCK_MONOTONIC, in nanoseconds. */
	__u64 timestamp_ns;
	char comm[COMM_LEN];
	char filename[FILENAME_LEN];
};

struct exec_event {
	struct event_header header;
	/* Bytes of `args` that are sent; what follows them is not. */
	__u32 args_len;
	/* Bytes of arguments that the process has. */
	__u32 args_total;
	/* The arguments, each with a NUL behind it. */
	char args[ARGS_LEN];
};

struct exit_event {
	struct event_header header;
	__u64 duration_ns;
	/* As wait(2) has it: the exit status in bits 8 to 15, or the signal in bits 0 to 6. */
	__u32 wait_status;
	__u32 reserved;
};

#endif
