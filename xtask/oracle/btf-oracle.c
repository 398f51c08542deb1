/*
 * What libbpf makes of BTF, for comparison with ours: one call of libbpf a subcommand, files in, files out. Built by
 * `cargo xtask reference` and linked with the libbpf.a that it builds.
 *
 * An input is raw BTF or an ELF file with a .BTF section; with `-b BASE` it is split BTF over BASE. `--time N` does the call N
 * times, each on an input read anew, and says on standard error how long the call itself took.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_ARGS 4096

static const char USAGE[] =
	"usage: btf-oracle COMMAND [-b BASE] [--time N]\n"
	"  parse FILE                        the number of types, of them the base's, and the size of the strings\n"
	"  walk FILE                         of each type its id, kind, size, alignment, the type that it resolves to, and name;\n"
	"                                    negative where libbpf refuses\n"
	"  append OUT FILE...                btf__add_btf of each in turn to an empty one\n"
	"  dedup IN OUT [--ext IN OUT] [--force-collisions]\n"
	"                                    btf__dedup\n"
	"  distill SPLIT OUT_BASE OUT_SPLIT  btf__distill_base of a split BTF over BASE\n"
	"  relocate SPLIT OUT --distilled-base OLD\n"
	"                                    btf__relocate of a split BTF over OLD to BASE\n"
	"  permute IN OUT IDS [--ext IN OUT] btf__permute; IDS has the new id of each type, one a line, from the first (void,\n"
	"                                    unless split) on\n"
	"  endian IN OUT                     btf__set_endianness to the other byte order\n"
	"  ext-endian IN OUT                 btf_ext__set_endianness to the other byte order, of raw .BTF.ext\n"
	"  find FILE NAMES                   the id that btf__find_by_name_kind finds of each line `KIND NAME` of a file,\n"
	"                                    KIND being a number\n"
	"  dump-c FILE                       btf_dump__dump_type of each type in turn\n";

static struct {
	const char *args[MAX_ARGS];
	int count;
	const char *base, *distilled_base, *ext_in, *ext_out;
	bool force_collisions;
	int times;
} options = { .times = 0 };

static void fail(const char *format, ...)
{
	va_list args;

	fputs("btf-oracle: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	size_t room = 1 << 16, n;
	char *bytes = malloc(room);

	if (!file)
		fail("%s: %s", path, strerror(errno));
	*size = 0;
	while ((n = fread(bytes + *size, 1, room - *size - 1, file)) > 0) {
		*size += n;
		if (*size == room - 1)
			bytes = realloc(bytes, room *= 2);
	}
	if (ferror(file))
		fail("%s: %s", path, strerror(errno));
	fclose(file);
	bytes[*size] = 0;
	return bytes;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file))
		fail("%s: %s", path, strerror(errno));
}

static struct btf *parse(const char *path, struct btf *base)
{
	struct btf *btf = btf__parse_split(path, base);

	if (!btf)
		fail("%s: %d", path, -errno);
	return btf;
}

static struct btf *parse_base(void)
{
	return options.base ? parse(options.base, NULL) : NULL;
}

static struct btf_ext *parse_ext(const char *path)
{
	struct btf_ext *ext;
	size_t size;
	void *bytes;

	if (!path)
		return NULL;
	bytes = read_file(path, &size);
	ext = btf_ext__new(bytes, size);
	if (!ext)
		fail("%s: %d", path, -errno);
	free(bytes);
	return ext;
}

static void write_btf(const char *path, const struct btf *btf)
{
	__u32 size;
	const void *bytes = btf__raw_data(btf, &size);

	if (!bytes)
		fail("btf__raw_data: %d", -errno);
	write_file(path, bytes, size);
}

static void write_ext(const char *path, const struct btf_ext *ext)
{
	const void *bytes;
	__u32 size;

	if (!ext)
		return;
	bytes = btf_ext__raw_data(ext, &size);
	if (!bytes)
		fail("btf_ext__raw_data: %d", -errno);
	write_file(path, bytes, size);
}

/* How long each of the calls took. */
static double *samples;
static int sample_count;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

/* Does a call, and notes how long it took. */
#define TIMED(call) ({						\
	double start = now();					\
	__typeof__(call) result = (call);			\
	if (samples)						\
		samples[sample_count++] = now() - start;	\
	result;							\
})

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void do_parse(struct btf *base)
{
	struct btf *btf = TIMED(parse(options.args[0], base));
	const struct btf *its_base = btf__base_btf(btf);
	struct btf_header header;
	__u32 size;
	const void *bytes = btf__raw_data(btf, &size);

	if (!bytes)
		fail("btf__raw_data: %d", -errno);
	memcpy(&header, bytes, sizeof(header));
	if (header.magic != BTF_MAGIC)
		header.str_len = __builtin_bswap32(header.str_len);
	printf("%u types, %u of them the base's, %u bytes of strings, %s endian\n", btf__type_cnt(btf) - 1,
	       its_base ? btf__type_cnt(its_base) - 1 : 0, header.str_len,
	       btf__endianness(btf) == BTF_LITTLE_ENDIAN ? "little" : "big");
	btf__free(btf);
}

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static void do_walk(struct btf *base)
{
	struct btf *btf = parse(options.args[0], base);
	__u32 id, count = btf__type_cnt(btf), first = base ? btf__type_cnt(base) : 1;
	libbpf_print_fn_t print = libbpf_set_print(print_nothing);
	double start = now();

	for (id = first; id < count; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		long long size = btf__resolve_size(btf, id);
		int align = btf__align_of(btf, id), resolved = btf__resolve_type(btf, id);

		if (sample_count)
			continue;
		printf("%u %u %lld %d %d %s\n", id, btf_kind(type), size, align, resolved,
		       btf__name_by_offset(btf, type->name_off));
	}
	if (samples)
		samples[sample_count++] = now() - start;
	libbpf_set_print(print);
	btf__free(btf);
}

static void do_append(struct btf *base)
{
	struct btf *whole = btf__new_empty_split(base);
	double spent = 0;
	int i, err;

	for (i = 1; i < options.count; i++) {
		struct btf *btf = parse(options.args[i], base);
		double start = now();

		err = btf__add_btf(whole, btf);
		spent += now() - start;
		if (err < 0)
			fail("btf__add_btf of %s: %d", options.args[i], err);
		btf__free(btf);
	}
	if (samples)
		samples[sample_count++] = spent;
	write_btf(options.args[0], whole);
	btf__free(whole);
}

static void do_dedup(struct btf *base)
{
	struct btf *btf = parse(options.args[0], base);
	struct btf_ext *ext = parse_ext(options.ext_in);
	LIBBPF_OPTS(btf_dedup_opts, opts, .btf_ext = ext, .force_collisions = options.force_collisions);
	int err = TIMED(btf__dedup(btf, &opts));

	if (err)
		fail("btf__dedup: %d", err);
	write_btf(options.args[1], btf);
	write_ext(options.ext_out, ext);
	btf_ext__free(ext);
	btf__free(btf);
}

static void do_distill(struct btf *base)
{
	struct btf *btf = parse(options.args[0], base), *new_base, *new_split;
	int err = TIMED(btf__distill_base(btf, &new_base, &new_split));

	if (err)
		fail("btf__distill_base: %d", err);
	write_btf(options.args[1], new_base);
	write_btf(options.args[2], new_split);
	btf__free(new_split);
	btf__free(new_base);
	btf__free(btf);
}

static void do_relocate(struct btf *base)
{
	struct btf *old, *btf;
	int err;

	if (!options.distilled_base || !base)
		fail("relocate wants -b and --distilled-base");
	old = parse(options.distilled_base, NULL);
	btf = parse(options.args[0], old);
	err = TIMED(btf__relocate(btf, base));
	if (err)
		fail("btf__relocate: %d", err);
	write_btf(options.args[1], btf);
	btf__free(btf);
	btf__free(old);
}

static void do_permute(struct btf *base)
{
	struct btf *btf = parse(options.args[0], base);
	struct btf_ext *ext = parse_ext(options.ext_in);
	LIBBPF_OPTS(btf_permute_opts, opts, .btf_ext = ext);
	size_t size, room = 1024, count = 0;
	char *text = read_file(options.args[2], &size), *at = text, *end;
	__u32 *ids = malloc(room * sizeof(*ids));
	int err;

	for (;; at = end) {
		unsigned long id = strtoul(at, &end, 10);

		if (end == at)
			break;
		if (count == room)
			ids = realloc(ids, (room *= 2) * sizeof(*ids));
		ids[count++] = id;
	}
	err = TIMED(btf__permute(btf, ids, count, &opts));
	if (err)
		fail("btf__permute: %d", err);
	write_btf(options.args[1], btf);
	write_ext(options.ext_out, ext);
	btf_ext__free(ext);
	btf__free(btf);
	free(ids);
	free(text);
}

static enum btf_endianness other(enum btf_endianness order)
{
	return order == BTF_LITTLE_ENDIAN ? BTF_BIG_ENDIAN : BTF_LITTLE_ENDIAN;
}

static void do_endian(struct btf *base)
{
	struct btf *btf = parse(options.args[0], base);
	int err = btf__set_endianness(btf, other(btf__endianness(btf)));

	if (err)
		fail("btf__set_endianness: %d", err);
	write_btf(options.args[1], btf);
	btf__free(btf);
}

static void do_ext_endian(struct btf *base)
{
	struct btf_ext *ext = parse_ext(options.args[0]);
	int err = btf_ext__set_endianness(ext, other(btf_ext__endianness(ext)));

	if (err)
		fail("btf_ext__set_endianness: %d", err);
	write_ext(options.args[1], ext);
	btf_ext__free(ext);
}

static void do_find(struct btf *base)
{
	struct btf *btf = parse(options.args[0], base);
	size_t size, count = 0, i;
	char *names = read_file(options.args[1], &size), *line, *next;
	int *found;
	double start;

	for (i = 0; i < size; i++)
		count += names[i] == '\n';
	found = malloc((count + 1) * sizeof(*found));
	start = now();
	for (line = names, i = 0; line < names + size && i < count; line = next, i++) {
		unsigned long kind = strtoul(line, &line, 10);

		next = strchr(line, '\n');
		if (!next)
			break;
		*next++ = 0;
		found[i] = btf__find_by_name_kind(btf, line + 1, kind);
	}
	if (samples)
		samples[sample_count++] = now() - start;
	if (sample_count <= 1) {
		size_t printed;

		for (printed = 0; printed < i; printed++)
			printf("%d\n", found[printed]);
	}
	free(found);
	free(names);
	btf__free(btf);
}

static void print(void *ctx, const char *format, va_list args)
{
	vfprintf(ctx, format, args);
}

static void do_dump_c(struct btf *base)
{
	struct btf *btf = parse(options.args[0], base);
	FILE *out = sample_count ? fopen("/dev/null", "w") : stdout;
	double start = now();
	struct btf_dump *dump = btf_dump__new(btf, print, out, NULL);
	__u32 id, count = btf__type_cnt(btf), first = base ? btf__type_cnt(base) : 1;
	int err;

	if (!dump)
		fail("btf_dump__new: %d", -errno);
	for (id = first; id < count; id++) {
		err = btf_dump__dump_type(dump, id);
		if (err)
			fail("btf_dump__dump_type of %u: %d", id, err);
	}
	btf_dump__free(dump);
	if (samples)
		samples[sample_count++] = now() - start;
	if (out != stdout)
		fclose(out);
	btf__free(btf);
}

static const struct {
	const char *name;
	int min_args, max_args;
	void (*run)(struct btf *base);
} COMMANDS[] = {
	{ "parse", 1, 1, do_parse },
	{ "walk", 1, 1, do_walk },
	{ "append", 2, MAX_ARGS, do_append },
	{ "dedup", 2, 2, do_dedup },
	{ "distill", 3, 3, do_distill },
	{ "relocate", 2, 2, do_relocate },
	{ "permute", 3, 3, do_permute },
	{ "endian", 2, 2, do_endian },
	{ "ext-endian", 2, 2, do_ext_endian },
	{ "find", 2, 2, do_find },
	{ "dump-c", 1, 1, do_dump_c },
};

static int usage(void)
{
	fputs(USAGE, stderr);
	return 2;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

int main(int argc, char **argv)
{
	size_t i;
	int arg;

	if (argc < 2)
		return usage();
	for (arg = 2; arg < argc; arg++) {
		const char *word = argv[arg];
		int left = argc - arg - 1;

		if (!strcmp(word, "-b") && left >= 1)
			options.base = argv[++arg];
		else if (!strcmp(word, "--time") && left >= 1)
			options.times = atoi(argv[++arg]);
		else if (!strcmp(word, "--distilled-base") && left >= 1)
			options.distilled_base = argv[++arg];
		else if (!strcmp(word, "--ext") && left >= 2)
			options.ext_in = argv[++arg], options.ext_out = argv[++arg];
		else if (!strcmp(word, "--force-collisions"))
			options.force_collisions = true;
		else if (word[0] == '-' || options.count == MAX_ARGS)
			return usage();
		else
			options.args[options.count++] = word;
	}
	libbpf_set_print(quiet);
	for (i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
		struct btf *base;
		int time = 0;

		if (strcmp(argv[1], COMMANDS[i].name))
			continue;
		if (options.count < COMMANDS[i].min_args || options.count > COMMANDS[i].max_args)
			return usage();
		if (options.times > 0)
			samples = calloc(options.times, sizeof(*samples));
		base = parse_base();
		do
			COMMANDS[i].run(base);
		while (++time < options.times);
		btf__free(base);
		if (sample_count) {
			qsort(samples, sample_count, sizeof(*samples), compare);
			fprintf(stderr, "time: median %.3f ms, fastest %.3f ms, of %d\n", samples[sample_count / 2],
				samples[0], sample_count);
		}
		return 0;
	}
	return usage();
}
