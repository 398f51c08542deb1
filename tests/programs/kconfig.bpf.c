// SPDX-License-Identifier: MIT OR Apache-2.0
// Values of the kernel's configuration, copied to where a test reads them.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_BPF_COOKIE __kconfig;
extern bool LINUX_HAS_SYSCALL_WRAPPER __kconfig;
extern int LINUX_NO_SUCH_VALUE __kconfig __weak;
extern int CONFIG_HZ __kconfig;
extern bool CONFIG_BPF_SYSCALL __kconfig;
extern enum libbpf_tristate CONFIG_BPF_JIT __kconfig;
extern char CONFIG_DEFAULT_HOSTNAME[8] __kconfig;
extern int CONFIG_PUREBPF_WEAK __kconfig __weak;
extern int CONFIG_BPF_SYSCAL __kconfig;

int kernel_version = 0;
int cookie = 99;
int wrapper = 99;
int no_such_value = 99;
int hz = 0;
int bpf_syscall = 99;
int bpf_jit = 99;
char hostname[8] = "unread";
int weak = 99;

SEC("?raw_tp")
int read_version(void *ctx)
{
	kernel_version = LINUX_KERNEL_VERSION;
	cookie = LINUX_HAS_BPF_COOKIE;
	wrapper = LINUX_HAS_SYSCALL_WRAPPER;
	no_such_value = LINUX_NO_SUCH_VALUE;
	return 0;
}

SEC("?raw_tp")
int read_options(void *ctx)
{
	hz = CONFIG_HZ;
	bpf_syscall = CONFIG_BPF_SYSCALL;
	bpf_jit = CONFIG_BPF_JIT;
	for (int i = 0; i < sizeof(hostname); i++)
		hostname[i] = CONFIG_DEFAULT_HOSTNAME[i];
	weak = CONFIG_PUREBPF_WEAK;
	return 0;
}

SEC("?raw_tp")
int read_misspelt(void *ctx)
{
	return CONFIG_BPF_SYSCAL;
}
