/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each helper's number, and in BTF its prototype. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PROTOTYPE(name, number, args...) __typeof__(bpf_##name) *prototype_of_##name;
/* Number 0 is no helper. */
#define bpf_unspec ((void (*)(void))0)
___BPF_FUNC_MAPPER(PROTOTYPE)

#define NUMBER(name, number, args...) [number] = (unsigned long)bpf_##name,

SEC("socket")
int numbers(struct __sk_buff *ctx)
{
	unsigned long numbers[] = { ___BPF_FUNC_MAPPER(NUMBER) };
	volatile __u32 at = ctx->mark;

	return at < sizeof(numbers) / sizeof(numbers[0]) ? numbers[at] : 0;
}
