/*
 * Loaded before the C library into a program that loads objects, libbpf's or ours: writes down what each BPF_PROG_LOAD,
 * BPF_MAP_CREATE and BPF_BTF_LOAD asks of the kernel, a line each, to the file that BPF_WATCH names. File descriptors are only
 * told apart from none; streams and tables are told by a hash.
 */
#define _GNU_SOURCE
#include <linux/bpf.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* FNV-1a */
static uint64_t hash(uint64_t so_far, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	while (size--)
		so_far = (so_far ^ *at++) * 0x100000001b3;
	return so_far;
}

static const uint64_t EMPTY = 0xcbf29ce484222325;

/* Of instructions, without file descriptors. */
static uint64_t hash_insns(const struct bpf_insn *insns, unsigned int count)
{
	uint64_t result = EMPTY;
	unsigned int i;

	for (i = 0; i < count; i++) {
		struct bpf_insn pair[2] = { insns[i] };
		int size = 1;

		if (pair[0].code == (BPF_LD | BPF_IMM | BPF_DW) && i + 1 < count) {
			pair[1] = insns[++i];
			size = 2;
			switch (pair[0].src_reg) {
			case BPF_PSEUDO_MAP_FD:
			case BPF_PSEUDO_MAP_VALUE:
			case BPF_PSEUDO_MAP_IDX:
			case BPF_PSEUDO_MAP_IDX_VALUE:
				pair[0].imm = 0;
				break;
			case BPF_PSEUDO_BTF_ID:
				pair[1].imm = 0;
				break;
			}
		}
		result = hash(result, pair, size * sizeof(*pair));
	}
	return result;
}

static void *pointer(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

/* Without any, map_create of kernel/bpf/syscall.c does not look at the BTF either. */
static int has_types(const union bpf_attr *attr)
{
	return attr->btf_key_type_id || attr->btf_value_type_id || attr->btf_vmlinux_value_type_id;
}

static int describe(char *line, size_t room, int cmd, const union bpf_attr *attr)
{
	switch (cmd) {
	case BPF_PROG_LOAD:
		return snprintf(line, room,
				"prog %.16s type=%u attach_type=%u flags=%#x insns=%u/%016llx btf=%d "
				"func_info=%u*%u/%016llx line_info=%u*%u/%016llx attach_btf_id=%u attach_fd=%d fd_array=%d "
				"version=%#x ifindex=%u license=%016llx\n",
				attr->prog_name, attr->prog_type, attr->expected_attach_type, attr->prog_flags,
				attr->insn_cnt,
				(unsigned long long)hash_insns(pointer(attr->insns), attr->insn_cnt), attr->prog_btf_fd != 0,
				attr->func_info_rec_size, attr->func_info_cnt,
				(unsigned long long)hash(EMPTY, pointer(attr->func_info),
							 attr->func_info_rec_size * attr->func_info_cnt),
				attr->line_info_rec_size, attr->line_info_cnt,
				(unsigned long long)hash(EMPTY, pointer(attr->line_info),
							 attr->line_info_rec_size * attr->line_info_cnt),
				attr->attach_btf_id, attr->attach_prog_fd != 0, attr->fd_array != 0, attr->kern_version,
				attr->prog_ifindex,
				(unsigned long long)hash(EMPTY, pointer(attr->license),
							 attr->license ? strlen(pointer(attr->license)) : 0));
	case BPF_MAP_CREATE:
		return snprintf(line, room,
				"map %.16s type=%u key=%u value=%u entries=%u flags=%#x inner=%d node=%u btf=%d key_id=%u "
				"value_id=%u kernel_value_id=%u extra=%#llx exclusive=%u ifindex=%u\n",
				attr->map_name, attr->map_type, attr->key_size, attr->value_size, attr->max_entries,
				attr->map_flags, attr->inner_map_fd != 0, attr->numa_node, attr->btf_fd && has_types(attr),
				attr->btf_key_type_id, attr->btf_value_type_id, attr->btf_vmlinux_value_type_id,
				(unsigned long long)attr->map_extra, attr->excl_prog_hash_size, attr->map_ifindex);
	case BPF_BTF_LOAD: {
		/* Without the header, which may have room for more or not; its length is its second word. */
		const unsigned char *btf = pointer(attr->btf);
		uint32_t header = attr->btf_size < 8 ? 0 : *(const uint32_t *)(btf + 4);

		if (header > attr->btf_size)
			header = 0;
		return snprintf(line, room, "btf - size=%u hash=%016llx\n", attr->btf_size - header,
				(unsigned long long)hash(EMPTY, btf + header, attr->btf_size - header));
	}
	}
	return 0;
}

long syscall(long number, ...)
{
	static long (*next)(long number, ...);
	static int fd = -1;
	union bpf_attr attr;
	char line[1024];
	long args[6], result;
	va_list list;
	int i, len, its_errno;

	va_start(list, number);
	for (i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	if (!next)
		next = dlsym(RTLD_NEXT, "syscall");
	result = next(number, args[0], args[1], args[2], args[3], args[4], args[5]);
	its_errno = errno;
	if (number != __NR_bpf || !getenv("BPF_WATCH"))
		return result;
	if (fd < 0)
		fd = open(getenv("BPF_WATCH"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	memset(&attr, 0, sizeof(attr));
	memcpy(&attr, (void *)args[1], (size_t)args[2] < sizeof(attr) ? (size_t)args[2] : sizeof(attr));
	/* A flag on the command tells of further attributes. */
	len = describe(line, sizeof(line), args[0] & 0xffff, &attr);
	if (len > 0 && write(fd, line, len) != len)
		abort();
	errno = its_errno;
	return result;
}
