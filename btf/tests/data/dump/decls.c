/*
 * What libbpf's btf_dump__emit_type_decl writes for each type of a BTF file, plain and with
 * strip_mods; then what btf_dump__dump_type writes for each, with a dumper of its own.
 *
 * cc decls.c libbpf.a -lelf -lz
 */
#include <bpf/btf.h>
#include <stdarg.h>
#include <stdio.h>

static void print(void *ctx, const char *format, va_list args)
{
	vprintf(format, args);
}

int main(int argc, char **argv)
{
	struct btf *btf = btf__parse(argv[1], NULL);
	unsigned id;

	if (!btf)
		return 1;
	for (id = 1; id < btf__type_cnt(btf); id++) {
		struct btf_dump *dump = btf_dump__new(btf, print, NULL, NULL);
		LIBBPF_OPTS(btf_dump_emit_type_decl_opts, plain, .field_name = "name", .indent_level = 1);
		LIBBPF_OPTS(btf_dump_emit_type_decl_opts, stripped, .field_name = "", .strip_mods = true);

		printf("[%u] ", id);
		btf_dump__emit_type_decl(dump, id, &plain);
		printf(" | ");
		btf_dump__emit_type_decl(dump, id, &stripped);
		printf("\n");
		btf_dump__free(dump);

		dump = btf_dump__new(btf, print, NULL, NULL);
		btf_dump__dump_type(dump, id);
		btf_dump__free(dump);
	}
	return 0;
}
