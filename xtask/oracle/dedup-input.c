/*
 * Loaded before libbpf.so into a program that deduplicates BTF, such as pahole: writes the BTF that is to be deduplicated to the
 * file that DEDUP_INPUT names, and goes on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct btf;
struct btf_dedup_opts;

const void *btf__raw_data(const struct btf *btf, uint32_t *size);

int btf__dedup(struct btf *btf, const struct btf_dedup_opts *opts)
{
	int (*dedup)(struct btf *, const struct btf_dedup_opts *) = dlsym(RTLD_NEXT, "btf__dedup");
	const char *path = getenv("DEDUP_INPUT");
	FILE *file = path ? fopen(path, "wb") : NULL;
	uint32_t size;
	const void *bytes = btf__raw_data(btf, &size);

	if (!dedup || !file || !bytes || fwrite(bytes, 1, size, file) != size || fclose(file)) {
		fprintf(stderr, "dedup-input: cannot write %s\n", path ? path : "(no DEDUP_INPUT)");
		exit(1);
	}
	return dedup(btf, opts);
}
