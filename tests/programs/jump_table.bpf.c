// SPDX-License-Identifier: MIT OR Apache-2.0
// Indirect jumps, as newer compilers make them of a switch; by hand, since clang 19 does not.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// gotox of a register, as bytes: this assembler does not know it.
#define GOTOX_R0 ".8byte 0x000000000000000d;"

#define CHOICE(name, first, second)                                      \
	".pushsection .jumptables,\"\",@progbits;"                       \
	"table_" name ": .quad first_" name " - " BEGIN ";"              \
	".quad second_" name " - " BEGIN ";"                             \
	".size table_" name ", 16; .global table_" name "; .popsection;" \
	"r2 = *(u32 *)(r1 + 0);"                                         \
	"r2 &= 1;"                                                       \
	"r2 <<= 3;"                                                      \
	"r0 = table_" name " ll;"                                        \
	"r0 += r2;"                                                      \
	"r0 = *(u64 *)(r0 + 0);"                                         \
	GOTOX_R0                                                         \
	"first_" name ": r0 = " first "; exit;"                          \
	"second_" name ": r0 = " second "; exit;"

// What the places count from: the start of the section.
#define BEGIN "even_or_odd"
SEC("socket") __attribute__((naked)) int even_or_odd(struct __sk_buff *skb)
{
	asm volatile(CHOICE("one", "7", "9") ::: "r0", "r1", "r2", "memory");
}

// A second program of the section, so that places differ from those of its code.
SEC("socket") __attribute__((naked)) int odd_or_even(struct __sk_buff *skb)
{
	asm volatile(CHOICE("two", "70", "90") ::: "r0", "r1", "r2", "memory");
}
