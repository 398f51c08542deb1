// SPDX-License-Identifier: MIT OR Apache-2.0
// A configuration value of every type that there is.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

extern bool CONFIG_BOOL __kconfig __weak;
extern enum libbpf_tristate CONFIG_TRISTATE __kconfig __weak;
extern char CONFIG_CHAR __kconfig __weak;
extern unsigned char CONFIG_U8 __kconfig __weak;
extern short CONFIG_S16 __kconfig __weak;
extern unsigned short CONFIG_U16 __kconfig __weak;
extern int CONFIG_S32 __kconfig __weak;
extern unsigned int CONFIG_U32 __kconfig __weak;
extern long CONFIG_S64 __kconfig __weak;
extern unsigned long CONFIG_U64 __kconfig __weak;
extern char CONFIG_STRING[6] __kconfig __weak;

__u64 sum = 0;

SEC("raw_tp")
int use_all(void *ctx)
{
	sum = CONFIG_BOOL + CONFIG_TRISTATE + CONFIG_CHAR + CONFIG_U8 + CONFIG_S16 + CONFIG_U16;
	sum += CONFIG_S32 + CONFIG_U32 + CONFIG_S64 + CONFIG_U64 + CONFIG_STRING[0];
	return 0;
}
