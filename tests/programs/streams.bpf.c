// SPDX-License-Identifier: MIT OR Apache-2.0
// A program that prints to its two output streams (Linux 6.18).
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

int number = 7;

// Linux 7.0 took the argument away that the verifier fills in, and gave the kernel function a name without `_impl`.
extern int bpf_stream_vprintk(int stream_id, const char *fmt__str, const void *args, __u32 len__sz) __weak __ksym;

static __always_inline int print(int stream, const char *format, const void *arguments, __u32 size)
{
	if (bpf_ksym_exists(bpf_stream_vprintk))
		return bpf_stream_vprintk(stream, format, arguments, size);
	return bpf_stream_vprintk_impl(stream, format, arguments, size, NULL);
}

SEC("syscall")
int say(void *ctx)
{
	static const char to_stdout[] = "number %d\n";
	static const char to_stderr[] = "wrong: %d and %d\n";
	__u64 arguments[2] = { number, number + 1 };
	int error = print(BPF_STDOUT, to_stdout, arguments, 8);

	if (error < 0)
		return error;
	return print(BPF_STDERR, to_stderr, arguments, 16);
}
