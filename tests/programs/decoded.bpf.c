// SPDX-License-Identifier: MIT OR Apache-2.0
// What `purebpf run` shows: records of all kinds of members, counters, histograms, text; all when one thread calls getpgid(2).
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum action {
	ACTION_NONE,
	ACTION_OPEN = 7,
	ACTION_CLOSE,
};

struct peer {
	__u16 port;
	__u8 address[4];
};

struct call_event {
	__u64 ts_ns;
	__u32 thread;
	__s32 result;
	enum action action;
	bool first;
	char letter;
	__u32 low : 3;
	__u32 high : 5;
	char comm[16];
	struct peer peer;
	__u32 counts[4];
	void *address;
	union {
		__u64 number;
		__u8 bytes[8];
	};
	char path[32];
};

// Two that a record of 24 bytes may be.
struct open_event {
	__u64 a, b, c;
};
struct close_event {
	__u64 d, e, f;
};

// Of which programs send a part.
struct text_event {
	__u32 len;
	char text[60];
};

// Clang keeps in BTF what something refers to.
const struct call_event *call_event_unused __attribute__((unused));
const struct open_event *open_event_unused __attribute__((unused));
const struct close_event *close_event_unused __attribute__((unused));
const struct text_event *text_event_unused __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} calls SEC(".maps"), either SEC(".maps"), texts SEC(".maps");

struct seen_key {
	enum action action;
	__u32 number;
};

struct seen {
	__u64 total;
	__u32 slots[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct seen_key);
	__type(value, struct seen);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} per_cpu SEC(".maps");

struct settings {
	__u32 thread;
	enum action action;
	struct {
		__s16 limit;
		__u8 ports[4];
	} nested;
	__u32 low : 4;
	__s32 high : 12;
};

const volatile struct settings settings = {};
const volatile char greeting[16] = "nobody";
const volatile bool first = false;
const volatile __s32 result = 0;
const volatile char letter = 0;
const volatile __u64 matrix[2][2] = {};
const volatile float ratio = 0;

// What bpftool shows with every program that uses this section.
const volatile char bpf_metadata_name[] = "decoded";
const volatile __u32 bpf_metadata_version = 3;

__u64 hits = 0;
__u64 untouched = 0;
__u32 hist[16] = {};
enum action last_action = ACTION_NONE;

static __always_inline void copy(char *to, const volatile char *from, int size)
{
	for (int i = 0; i < size; i++)
		to[i] = from[i];
}

SEC("raw_tp/sys_enter")
int on_getpgid(struct bpf_raw_tracepoint_args *ctx)
{
	struct call_event *call;
	struct open_event *open;
	struct text_event *text;
	struct seen_key key = { .action = ACTION_OPEN, .number = 5 };
	struct seen *counted, zero = {};
	__u32 second = 1;
	__u64 *count;

	// Only getpgid(2), on x86-64.
	if (ctx->args[1] != 121 || (__u32)bpf_get_current_pid_tgid() != settings.thread)
		return 0;

	call = bpf_ringbuf_reserve(&calls, sizeof(*call), 0);
	if (call) {
		__builtin_memset(call, 0, sizeof(*call));
		call->ts_ns = 5000000000;
		call->thread = settings.thread;
		call->result = result;
		call->action = settings.action;
		call->first = first;
		call->letter = letter;
		call->low = 5;
		call->high = 17;
		copy(call->comm, greeting, sizeof(greeting));
		call->peer.port = 443;
		call->peer.address[0] = 10;
		call->peer.address[3] = 255;
		call->counts[0] = settings.nested.ports[1];
		call->counts[1] = (__u32)matrix[1][0];
		call->address = (void *)0xffff1234;
		call->number = 0x0807060504030201;
		call->path[0] = '/';
		call->path[1] = '"';
		bpf_ringbuf_submit(call, 0);
	}
	open = bpf_ringbuf_reserve(&either, sizeof(*open), 0);
	if (open) {
		open->a = 1;
		open->b = (__u64)(__s64)settings.nested.limit;
		open->c = settings.low << 16 | (__u16)settings.high;
		bpf_ringbuf_submit(open, 0);
	}
	text = bpf_ringbuf_reserve(&texts, 12, 0);
	if (text) {
		text->len = 8;
		copy(text->text, greeting, 8);
		bpf_ringbuf_submit(text, 0);
	}

	__sync_fetch_and_add(&hits, 1);
	hist[3]++;
	last_action = ACTION_CLOSE;
	bpf_map_update_elem(&seen, &key, &zero, BPF_NOEXIST);
	counted = bpf_map_lookup_elem(&seen, &key);
	if (counted) {
		counted->total += 2;
		counted->slots[0]++;
		counted->slots[2] += 2;
	}
	count = bpf_map_lookup_elem(&per_cpu, &second);
	if (count)
		*count += 1;
	bpf_printk("getpgid of %s", "decoded");
	return 0;
}
