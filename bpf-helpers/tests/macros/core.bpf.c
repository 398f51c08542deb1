/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CO-RE: each read, each question. */
#include "types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

extern void keep(unsigned long long value) __ksym;

struct name {
	char text[16];
	const char *pointer;
};

enum state { IDLE = 0, BUSY = 7 };
enum wide { FAR = 0x123456789abcULL };
typedef struct name name_t;

struct node {
	struct node *next;
	const struct node *const fixed;
	int number;
	const long constant;
	enum state state;
	struct {
		struct node *inner;
		struct name name;
	};
	struct {
		struct {
			struct node *deep;
		} b;
	} a;
	unsigned int low : 3;
	int middle : 7;
	unsigned long long high : 40;
	_Bool flag : 1;
} __attribute__((preserve_access_index));

SEC("tp_btf")
int values(struct node *ctx)
{
	keep(BPF_CORE_READ(ctx, number));
	keep(BPF_CORE_READ(ctx, constant));
	keep(BPF_CORE_READ(ctx, state));
	keep(BPF_CORE_READ(ctx, next, number));
	keep(BPF_CORE_READ(ctx, fixed, constant));
	keep(BPF_CORE_READ(ctx, inner, a.b.deep, number));
	keep(BPF_CORE_READ(ctx, next, next, next, next, next, next, next, next, number));
	keep(BPF_CORE_READ_USER(ctx, number));
	keep(BPF_CORE_READ_USER(ctx, next, a.b.deep, number));
	keep(BPF_PROBE_READ(ctx, number));
	keep(BPF_PROBE_READ(ctx, next, number));
	/* Within one another; the compiler does not take that of CO-RE reads. */
	keep(BPF_PROBE_READ(BPF_PROBE_READ(ctx, next, inner), next, a.b.deep, number));
	keep(BPF_PROBE_READ_USER(ctx, number));
	keep(BPF_PROBE_READ_USER(ctx, next, next, number));
	return 0;
}

SEC("tp_btf")
int wholes(struct node *ctx)
{
	struct name name = BPF_CORE_READ(ctx, next, name);

	keep(name.text[3]);
	name = BPF_PROBE_READ(ctx, name);
	keep(name.text[4]);
	return 0;
}

SEC("tp_btf")
int into(struct node *ctx)
{
	char text[16];
	int number;

	keep(BPF_CORE_READ_INTO(&number, ctx, number));
	keep(number);
	keep(BPF_CORE_READ_INTO(&number, ctx, next, next, number));
	keep(number);
	keep(BPF_CORE_READ_USER_INTO(&number, ctx, number));
	keep(BPF_CORE_READ_USER_INTO(&number, ctx, next, number));
	keep(BPF_PROBE_READ_INTO(&number, ctx, number));
	keep(BPF_PROBE_READ_INTO(&number, ctx, next, next, number));
	keep(BPF_PROBE_READ_USER_INTO(&number, ctx, number));
	keep(BPF_PROBE_READ_USER_INTO(&number, ctx, next, number));
	keep(number);
	keep(BPF_CORE_READ_STR_INTO(&text, ctx, name.text));
	keep(BPF_CORE_READ_STR_INTO(&text, ctx, next, name.text));
	keep(BPF_CORE_READ_USER_STR_INTO(&text, ctx, name.text));
	keep(BPF_CORE_READ_USER_STR_INTO(&text, ctx, next, next, name.text));
	keep(BPF_PROBE_READ_STR_INTO(&text, ctx, name.text));
	keep(BPF_PROBE_READ_STR_INTO(&text, ctx, next, name.text));
	keep(BPF_PROBE_READ_USER_STR_INTO(&text, ctx, name.text));
	keep(BPF_PROBE_READ_USER_STR_INTO(&text, ctx, next, name.text));
	keep(text[1]);
	return 0;
}

SEC("tp_btf")
int plain(struct node *ctx)
{
	char text[16];
	int number;

	keep(bpf_core_read(&number, sizeof(number), &ctx->number));
	keep(bpf_core_read_user(&number, sizeof(number), &ctx->number));
	keep(bpf_core_read_str(text, sizeof(text), &ctx->name.text));
	keep(bpf_core_read_user_str(text, sizeof(text), &ctx->name.text));
	keep(number + text[2]);
	return 0;
}

SEC("tp_btf")
int bitfields(struct node *ctx)
{
	keep(BPF_CORE_READ_BITFIELD(ctx, low));
	keep(BPF_CORE_READ_BITFIELD(ctx, middle));
	keep(BPF_CORE_READ_BITFIELD(ctx, high));
	keep(BPF_CORE_READ_BITFIELD(ctx, flag));
	keep(BPF_CORE_READ_BITFIELD(ctx, number));
	keep(BPF_CORE_READ_BITFIELD_PROBED(ctx, low));
	keep(BPF_CORE_READ_BITFIELD_PROBED(ctx, middle));
	keep(BPF_CORE_READ_BITFIELD_PROBED(ctx, high));
	keep(BPF_CORE_READ_BITFIELD_PROBED(ctx, number));
	return 0;
}

SEC("tp_btf")
int write_bitfields(struct node *ctx)
{
	BPF_CORE_WRITE_BITFIELD(ctx, low, 5);
	BPF_CORE_WRITE_BITFIELD(ctx, middle, -3);
	BPF_CORE_WRITE_BITFIELD(ctx, high, ctx->number);
	BPF_CORE_WRITE_BITFIELD(ctx, flag, ctx->number > 2);
	return 0;
}

SEC("tp_btf")
int questions(struct node *ctx)
{
	keep(bpf_core_field_exists(ctx->a.b.deep));
	keep(bpf_core_field_exists(struct node, a.b.deep));
	keep(bpf_core_field_size(ctx->name.text));
	keep(bpf_core_field_size(struct node, name.text));
	keep(bpf_core_field_offset(ctx->name.text[3]));
	keep(bpf_core_field_offset(struct node, name.text[3]));
	keep(bpf_core_type_id_local(struct node));
	keep(bpf_core_type_id_kernel(struct node));
	keep(bpf_core_type_id_local(name_t));
	keep(bpf_core_type_exists(struct node));
	keep(bpf_core_type_exists(enum state));
	keep(bpf_core_type_matches(struct node));
	keep(bpf_core_type_size(name_t));
	keep(bpf_core_enum_value_exists(enum state, BUSY));
	keep(bpf_core_enum_value(enum state, BUSY));
	keep(bpf_core_enum_value(enum wide, FAR));
	keep(bpf_core_cast(ctx, struct node)->number);
	keep(offsetof(struct node, a.b.deep));
	keep((unsigned long)container_of(ctx, struct node, name)->next);
	return 0;
}
