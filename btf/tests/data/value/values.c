/*
 * What libbpf's btf_dump__dump_type_data and bpftool's btf_dumper_type (-j) write for each type of a
 * BTF file that has a size, over bytes of three patterns, whole and cut short.
 *
 * cc values.c btf_dumper.o json_writer.o libbpf.a -lelf -lz
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in bpftool's json_writer.h and main.h. */
typedef struct json_writer json_writer_t;
struct btf_dumper {
	const struct btf *btf;
	json_writer_t *jw;
	bool is_plain_text;
	bool prog_id_as_func_ptr;
};
json_writer_t *jsonw_new(FILE *f);
void jsonw_destroy(json_writer_t **self_p);
int btf_dumper_type(const struct btf_dumper *d, __u32 type_id, const void *data);
json_writer_t *json_wtr;

static void print(void *ctx, const char *format, va_list args)
{
	vprintf(format, args);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static unsigned char pattern(int which, unsigned n)
{
	switch (which) {
	case 0: return (n * 37 + 11) % 255 + 1;   /* never zero */
	case 1: return 0;
	default: return n % 4 ? 0 : n / 4 % 7;    /* small numbers, many zeroes */
	}
}

int main(int argc, char **argv)
{
	struct btf *btf = btf__parse(argv[1], NULL);
	/* "json" for bpftool's; a number for every so many-th type, whole and with the first options. */
	bool json = argc > 2 && !strcmp(argv[2], "json");
	unsigned step = argc > 2 && !json ? atoi(argv[2]) : 1;
	unsigned id, n;
	int which, opt, cut;

	setvbuf(stdout, NULL, _IOFBF, 1 << 20);

	if (!btf)
		return 1;
	libbpf_set_print(quiet);
	for (id = 1; id < btf__type_cnt(btf); id += step) {
		long size = btf__resolve_size(btf, id);

		if (size <= 0 || btf_is_decl_tag(btf__type_by_id(btf, id)))
			continue;
		for (which = 0; which < 3; which++) {
			/* Aligned, and with zeroes behind it. */
			unsigned char *data = aligned_alloc(64, (size + 511) / 64 * 64);

			memset(data, 0, (size + 511) / 64 * 64);
			for (n = 0; n < size; n++)
				data[n] = pattern(which, n);
			if (json) {
				struct btf_dumper dumper = { .btf = btf, .jw = jsonw_new(stdout) };
				int err;

				printf("[%u] %d: ", id, which);
				err = btf_dumper_type(&dumper, id, data);
				printf(" = %d", err);
				/* Ends the line. */
				jsonw_destroy(&dumper.jw);
				free(data);
				continue;
			}
			for (cut = 0; cut < 3; cut++) for (opt = 0; opt < (cut || size > 512 ? 1 : 5); opt++) {
				if (cut && step > 1)
					continue;
				/* Strings are arrays, and zeroes do not look different by much. */
				if ((opt == 4 && !btf_is_array(btf__type_by_id(btf, id))) || (which == 1 && opt % 2))
					continue;
				struct btf_dump *dump = btf_dump__new(btf, print, NULL, NULL);
				LIBBPF_OPTS(btf_dump_type_data_opts, opts,
					.compact = opt == 1 || opt == 3,
					.skip_names = opt == 1,
					.emit_zeroes = opt == 2 || opt == 3,
					.indent_str = opt == 2 ? "  " : NULL,
					.indent_level = opt == 2 ? 2 : 0,
					.emit_strings = opt == 4);
				long len = cut == 0 ? size : cut == 1 ? size - 1 : size / 2;
				int err;

				memset(data + len, 0, size - len);
				printf("[%u] %d/%d/%d: ", id, which, cut, opt);
				err = btf_dump__dump_type_data(dump, id, data, len, &opts);
				printf(" = %d\n", err);
				btf_dump__free(dump);
			}
			free(data);
		}
	}
	return 0;
}
