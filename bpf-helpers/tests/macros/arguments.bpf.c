/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Programs with their arguments by name: each macro, with each number of parameters that it takes. */
#include "machine.h"

struct pair {
	__u64 first;
	__u32 second;
};

enum number { ONE = 1 };

struct small {
	__u8 byte;
};

SEC("kprobe")
int BPF_KPROBE(kprobe0)
{
	keep((unsigned long)ctx);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe1, struct pair *a)
{
	keep((unsigned long)a);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(kprobe3, unsigned long a, const int b, __u8 c)
{
	keep(a);
	keep(b);
	keep(c);
	return 0;
}

#if PARMS >= 5
SEC("uprobe")
long BPF_UPROBE(uprobe5, long a, long b, long c, _Bool d, enum number e)
{
	keep(a + b + c + d + e);
	return 0;
}
#endif

#if PARMS >= 8
SEC("kprobe")
int BPF_KPROBE(kprobe8, long a, long b, long c, long d, long e, long f, long g, long h)
{
	keep(a ^ b ^ c ^ d ^ e ^ f ^ g ^ h);
	return 0;
}
#endif

SEC("kretprobe")
int BPF_KRETPROBE(kretprobe0)
{
	keep((unsigned long)ctx);
	return 0;
}

SEC("kretprobe")
int BPF_KRETPROBE(kretprobe1, int result)
{
	keep(result);
	return 0;
}

SEC("uretprobe")
int BPF_URETPROBE(uretprobe1, void *result)
{
	keep((unsigned long)result);
	return 0;
}

SEC("ksyscall/sync")
int BPF_KSYSCALL(ksyscall0)
{
	keep((unsigned long)ctx);
	return 0;
}

/* Too much to be worth having twice, for calls with and without a wrapper. */
SEC("ksyscall/getuid")
int BPF_KSYSCALL(ksyscall0_loop)
{
	__u64 number = bpf_ktime_get_ns();
	int i;

	for (i = 0; i < 10; i++) {
		if (number >> i & 1)
			keep(number * i);
		number ^= bpf_get_prandom_u32();
	}
	return 0;
}

SEC("ksyscall/close")
int BPF_KSYSCALL(ksyscall1, int fd)
{
	keep(fd);
	return 0;
}

SEC("ksyscall/mmap")
int BPF_KSYSCALL(ksyscall6, void *addr, unsigned long len, int prot, int flags, int fd, long offset)
{
	keep((unsigned long)addr);
	keep(len);
	keep(prot + flags + fd);
	keep(offset);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE_SYSCALL(old_name, unsigned int a, const char *b)
{
	keep(a);
	keep((unsigned long)b);
	return 0;
}

#if SYSCALL_PARMS >= 7
SEC("ksyscall/seven")
int BPF_KSYSCALL(ksyscall7, int a, int b, int c, int d, int e, int f, int g)
{
	keep(a + b + c + d + e + f + g);
	return 0;
}
#endif

SEC("fentry")
int BPF_PROG(prog0)
{
	keep((unsigned long)ctx);
	return 0;
}

SEC("fentry")
int BPF_PROG(prog1, struct pair *a)
{
	keep(a->first);
	return 0;
}

SEC("lsm")
int BPF_PROG(prog5, __u8 a, __u16 b, int c, _Bool d, int ret)
{
	keep(a);
	keep(b);
	keep(c);
	keep(d);
	return ret;
}

SEC("struct_ops")
void BPF_PROG(prog12, long a, long b, long c, long d, long e, long f, long g, long h, long i, long j, long k, long l)
{
	keep(a ^ b ^ c ^ d ^ e ^ f);
	keep(g ^ h ^ i ^ j ^ k ^ l);
}

SEC("fentry")
int BPF_PROG2(prog2_0)
{
	keep((unsigned long)ctx);
	return 0;
}

SEC("fentry")
int BPF_PROG2(prog2_1, struct pair, a)
{
	keep(a.first);
	keep(a.second);
	return 0;
}

SEC("fexit")
int BPF_PROG2(prog2_5, struct small, a, __u16, b, struct pair, c, int, d, struct pair *, e)
{
	keep(a.byte);
	keep(b);
	keep(c.first + c.second);
	keep(d);
	keep(e->second);
	return 0;
}

SEC("fexit")
int BPF_PROG2(prog2_12, long, a, int, b, short, c, char, d, struct pair, e, long, f, int, g, short, h, char, i, struct pair, j,
	      void *, k, int, ret)
{
	keep(a + b + c + d + e.first + f);
	keep(g + h + i + j.second + (unsigned long)k);
	return ret;
}
