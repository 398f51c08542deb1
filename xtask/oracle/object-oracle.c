/*
 * What libbpf makes of objects, for comparison with ours: one file a line on standard input, one line of JSON a file on standard
 * output. Built by `cargo xtask reference` and linked with the libbpf.a that it builds.
 *
 * Each file is read by a process of its own, so that what libbpf does not survive is an answer too; in a mount namespace of its own
 * with a bpffs of its own, so that nothing stays pinned. Nothing is ever attached.
 *
 * Answers come from libbpf's getters, but for what none gives: license and externs, which libbpf tells when it is asked to say
 * everything; which call of bpf(2) failed, which is watched (syscall(2) is wrapped when this is linked).
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char USAGE[] =
	"usage: object-oracle inspect | prepare [-b BTF] | load [-b BTF]  (files on standard input)\n"
	"  inspect   what is known of an object that is open\n"
	"  prepare   bpf_object__prepare: the instructions of each program that come of it\n"
	"  load      bpf_object__load of the whole, and of each program alone where that fails\n";

/* Longest that one file may take, in seconds. */
#define PATIENCE 500

/* Of libbpf's own, in no public header. */
void libbpf_sha256(const void *data, size_t len, unsigned char out[32]);
struct kern_feature_cache;
bool feat_supported(struct kern_feature_cache *cache, int feature);
#define FEATURES 26

static const char *custom_btf;

/* Where the answer is gathered, and whether a comma is due. */
static FILE *out;

static void put_string(const char *text)
{
	if (!text) {
		fputs("null", out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void put_field(const char *name, const char *text)
{
	fprintf(out, ",\"%s\":", name);
	put_string(text);
}

static void put_number(const char *name, unsigned long long number)
{
	fprintf(out, ",\"%s\":%llu", name, number);
}

static void put_bytes(const char *name, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	fprintf(out, ",\"%s\":\"", name);
	/* What a failure freed is still counted. */
	while (bytes && size--)
		fprintf(out, "%02x", *at++);
	fputc('"', out);
}

/* What libbpf says. */

#define MAX_WARNINGS 8

static struct {
	char *warnings[MAX_WARNINGS];
	int count;
	char *license;
	FILE *externs;
	char *extern_text;
	size_t extern_size;
} said;

static int listen(enum libbpf_print_level level, const char *format, va_list args)
{
	static const char PREFIX[] = "libbpf: ";

	if (!strncmp(format, PREFIX, sizeof(PREFIX) - 1))
		format += sizeof(PREFIX) - 1;
	if (level == LIBBPF_WARN) {
		char *text;

		if (vasprintf(&text, format, args) < 0)
			return 0;
		/* The end of a verifier's log is what tells. */
		if (strstr(format, "BEGIN PROG LOAD LOG") && strlen(text) > 500)
			memmove(text, text + strlen(text) - 500, 501);
		else if (strlen(text) > 500)
			text[500] = 0;
		/* The first ones tell most. */
		if (said.count < MAX_WARNINGS)
			said.warnings[said.count++] = text;
		else
			free(text);
	} else if (!strncmp(format, "license of ", 11)) {
		va_arg(args, char *);
		free(said.license);
		said.license = strdup(va_arg(args, char *));
	} else if (said.externs && (!strncmp(format, "extern (ksym) #", 15) || !strncmp(format, "extern (kcfg) #", 15))) {
		const char *kind = format[9] == 's' ? "ksym" : "kconfig";

		va_arg(args, int);
		va_arg(args, int);
		if (format[9] == 'c')
			va_arg(args, unsigned int);
		fprintf(said.externs, "%s %s\n", kind, va_arg(args, char *));
	}
	return 0;
}

static void listen_anew(void)
{
	while (said.count)
		free(said.warnings[--said.count]);
}

static void put_warnings(void)
{
	int i;

	fputs(",\"warnings\":[", out);
	for (i = 0; i < said.count; i++) {
		if (i)
			fputc(',', out);
		put_string(said.warnings[i]);
	}
	fputc(']', out);
}

/* What libbpf asks of the kernel. */

static struct {
	/* The last call that failed, and how. */
	int failed_cmd, failed_errno;
	/* The object's types or a map went to the kernel: programs are relocated by then. */
	bool past_relocation;
} watched;

long __real_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
	long args[6], result;
	va_list list;
	int i;

	va_start(list, number);
	for (i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	result = __real_syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (number == __NR_bpf) {
		/* A flag that tells the kernel of further attributes. */
		int cmd = args[0] & 0xffff;

		/* Whether there is a token to be had is asked of every kernel, and most have none. */
		if (result < 0 && cmd != BPF_TOKEN_CREATE) {
			watched.failed_cmd = cmd;
			watched.failed_errno = errno;
		}
		/* Maps of jump tables are made while programs are relocated. */
		if (cmd == BPF_BTF_LOAD ||
		    (cmd == BPF_MAP_CREATE && ((union bpf_attr *)args[1])->map_type != BPF_MAP_TYPE_INSN_ARRAY))
			watched.past_relocation = true;
	}
	return result;
}

static void watch_anew(void)
{
	memset(&watched, 0, sizeof(watched));
	watched.failed_cmd = -1;
}

/* An error as libbpf returns it, and the kernel's call that it comes from, if it does. */
static void put_result(int err)
{
	fprintf(out, ",\"err\":%d", err);
	if (err && watched.failed_cmd >= 0 && watched.failed_errno == -err)
		fprintf(out, ",\"cmd\":%d", watched.failed_cmd);
	else
		fputs(",\"cmd\":null", out);
	put_warnings();
}

static struct bpf_object *open_object(const char *path, int *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = custom_btf);
	struct bpf_object *obj;

	listen_anew();
	watch_anew();
	obj = bpf_object__open_file(path, &opts);
	*err = obj ? 0 : -errno;
	return obj;
}

/* inspect */

static const char *kind_of(const struct bpf_map *map)
{
	static const char *const KINDS[] = { "rodata", "data", "bss", "kconfig" };
	const char *name = bpf_map__name(map);
	size_t i;

	if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
		return "struct_ops";
	if (bpf_map__type(map) == BPF_MAP_TYPE_ARENA)
		return "arena";
	if (!bpf_map__is_internal(map))
		return "user";
	for (i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
		const char *dot = strchr(name, '.');

		if (dot && !strncmp(dot + 1, KINDS[i], strlen(KINDS[i])))
			return KINDS[i];
	}
	return "unknown";
}

static void put_map(struct bpf_map *map, bool whole)
{
	struct bpf_map *inner = whole ? bpf_map__inner_map(map) : NULL;
	size_t size = 0;
	/* That of a struct_ops map holds addresses of this process. */
	bool has_value = whole && bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS;
	const void *value = has_value ? bpf_map__initial_value(map, &size) : NULL;

	fputs("{\"name\":", out);
	put_string(bpf_map__name(map));
	put_field("kind", kind_of(map));
	put_field("map_type", libbpf_bpf_map_type_str(bpf_map__type(map)));
	put_number("key_size", bpf_map__key_size(map));
	put_number("value_size", bpf_map__value_size(map));
	put_number("max_entries", bpf_map__max_entries(map));
	put_number("map_flags", bpf_map__map_flags(map));
	put_number("numa_node", bpf_map__numa_node(map));
	put_number("map_extra", bpf_map__map_extra(map));
	put_field("pinning", bpf_map__pin_path(map) ? "by_name" : "none");
	fprintf(out, ",\"autocreate\":%s", bpf_map__autocreate(map) ? "true" : "false");
	fputs(",\"inner_map\":", out);
	if (inner)
		put_map(inner, false);
	else
		fputs("null", out);
	if (value) {
		unsigned char hash[32];

		libbpf_sha256(value, size, hash);
		put_bytes("initial_value_sha256", hash, sizeof(hash));
	} else {
		fputs(",\"initial_value_sha256\":null", out);
	}
	fputc('}', out);
}

static void inspect(const char *path)
{
	struct bpf_program *prog;
	struct bpf_object *obj;
	struct bpf_map *map;
	const char *comma;
	char *line, *next;
	struct btf *btf;
	int err;

	said.externs = open_memstream(&said.extern_text, &said.extern_size);
	obj = open_object(path, &err);
	fclose(said.externs);
	said.externs = NULL;
	put_result(err);
	if (!obj)
		return;
	put_field("name", bpf_object__name(obj));
	put_field("license", said.license ? said.license : "");
	put_number("kernel_version", bpf_object__kversion(obj));
	btf = bpf_object__btf(obj);
	put_field("endianness", !btf ? NULL : btf__endianness(btf) == BTF_BIG_ENDIAN ? "big" : "little");
	fputs(",\"programs\":[", out);
	comma = "";
	bpf_object__for_each_program(prog, obj) {
		unsigned int attach_type = bpf_program__expected_attach_type(prog);

		fprintf(out, "%s{\"name\":", comma);
		put_string(bpf_program__name(prog));
		put_field("section", bpf_program__section_name(prog));
		put_field("prog_type", bpf_program__type(prog) ? libbpf_bpf_prog_type_str(bpf_program__type(prog)) : NULL);
		/* 0 is both none and the first. */
		put_number("attach_type_number", attach_type);
		put_field("attach_type", libbpf_bpf_attach_type_str(attach_type));
		put_number("flags", bpf_program__flags(prog));
		fprintf(out, ",\"autoload\":%s", bpf_program__autoload(prog) ? "true" : "false");
		put_number("insn_count", bpf_program__insn_cnt(prog));
		fputc('}', out);
		comma = ",";
	}
	fputs("],\"maps\":[", out);
	comma = "";
	bpf_object__for_each_map(map, obj) {
		fputs(comma, out);
		put_map(map, true);
		comma = ",";
	}
	fputs("],\"externs\":[", out);
	comma = "";
	for (line = said.extern_text; *line; line = next) {
		char *name = strchr(line, ' ');

		next = strchr(line, '\n');
		*name++ = *next++ = 0;
		fprintf(out, "%s{\"kind\":\"%s\"", comma, line);
		put_field("name", name);
		fputc('}', out);
		comma = ",";
	}
	fputs("]", out);
	free(said.extern_text);
	bpf_object__close(obj);
}

/* prepare and load */

static void put_program(const struct bpf_program *prog, bool relocated)
{
	fputs("{\"name\":", out);
	put_string(bpf_program__name(prog));
	put_field("section", bpf_program__section_name(prog));
	if (!relocated) {
		fputs(",\"insns\":null", out);
		return;
	}
	put_bytes("insns", bpf_program__insns(prog), bpf_program__insn_cnt(prog) * sizeof(struct bpf_insn));
	put_bytes("func_info", bpf_program__func_info(prog),
		  bpf_program__func_info_cnt(prog) * sizeof(struct bpf_func_info));
	put_bytes("line_info", bpf_program__line_info(prog),
		  bpf_program__line_info_cnt(prog) * sizeof(struct bpf_line_info));
}

/* The program at a place, the only one of the object to be loaded. */
static struct bpf_program *only(struct bpf_object *obj, int place)
{
	struct bpf_program *prog, *found = NULL;
	int i = 0;

	bpf_object__for_each_program(prog, obj) {
		bool is_it = i++ == place;

		bpf_program__set_autoload(prog, is_it);
		if (is_it)
			found = prog;
	}
	return found;
}

/* How many programs, and which of them are to be loaded unless told otherwise. */
static int programs_of(struct bpf_object *obj, bool **autoload)
{
	struct bpf_program *prog;
	int count = 0, i = 0;

	bpf_object__for_each_program(prog, obj)
		count++;
	*autoload = calloc(count + 1, sizeof(bool));
	bpf_object__for_each_program(prog, obj)
		(*autoload)[i++] = bpf_program__autoload(prog);
	return count;
}

static void prepare(const char *path)
{
	struct bpf_program *prog;
	struct bpf_object *obj;
	bool *autoload, relocated;
	int err, count, place = 0;

	obj = open_object(path, &err);
	if (!obj) {
		fputs(",\"open\":{\"is\":\"open\"", out);
		put_result(err);
		fputs("}", out);
		return;
	}
	count = programs_of(obj, &autoload);
	watch_anew();
	err = bpf_object__prepare(obj);
	relocated = !err || watched.past_relocation;
	fprintf(out, ",\"whole\":{\"relocated\":%s", relocated ? "true" : "false");
	put_result(err);
	fputs("},\"programs\":[", out);
	prog = NULL;
	for (place = 0; place < count; place++) {
		struct bpf_object *alone = NULL;
		struct bpf_program *its;
		int its_err = 0;

		prog = bpf_object__next_program(obj, prog);
		if (place)
			fputc(',', out);
		if (relocated && autoload[place]) {
			put_program(prog, true);
			fputs(",\"alone\":false,\"err\":0,\"cmd\":null,\"warnings\":[]}", out);
			continue;
		}
		alone = open_object(path, &its_err);
		its = alone ? only(alone, place) : NULL;
		watch_anew();
		if (its)
			its_err = bpf_object__prepare(alone);
		put_program(prog, false);
		if (its && (!its_err || watched.past_relocation)) {
			put_bytes("stream", bpf_program__insns(its), bpf_program__insn_cnt(its) * sizeof(struct bpf_insn));
			put_bytes("func_info", bpf_program__func_info(its),
				  bpf_program__func_info_cnt(its) * sizeof(struct bpf_func_info));
			put_bytes("line_info", bpf_program__line_info(its),
				  bpf_program__line_info_cnt(its) * sizeof(struct bpf_line_info));
		}
		fputs(",\"alone\":true", out);
		put_result(its_err);
		fputc('}', out);
		bpf_object__close(alone);
	}
	fputs("]", out);
	free(autoload);
	bpf_object__close(obj);
}

static void load(const char *path)
{
	struct bpf_program *prog;
	struct bpf_object *obj;
	bool *autoload;
	int err, count, place;

	obj = open_object(path, &err);
	if (!obj) {
		fputs(",\"open\":{\"is\":\"open\"", out);
		put_result(err);
		fputs("}", out);
		return;
	}
	count = programs_of(obj, &autoload);
	watch_anew();
	err = bpf_object__load(obj);
	fputs(",\"whole\":{\"is\":\"whole\"", out);
	put_result(err);
	fputs("},\"programs\":[", out);
	prog = NULL;
	for (place = 0; place < count; place++) {
		struct bpf_object *alone;
		int its_err = 0;

		prog = bpf_object__next_program(obj, prog);
		fprintf(out, "%s{\"name\":", place ? "," : "");
		put_string(bpf_program__name(prog));
		if (!err && autoload[place]) {
			fputs(",\"alone\":false,\"err\":0,\"cmd\":null,\"warnings\":[]}", out);
			continue;
		}
		alone = open_object(path, &its_err);
		if (alone && only(alone, place)) {
			watch_anew();
			its_err = bpf_object__load(alone);
		}
		fputs(",\"alone\":true", out);
		put_result(its_err);
		fputc('}', out);
		bpf_object__close(alone);
	}
	fputs("]", out);
	free(autoload);
	bpf_object__close(obj);
}

/* A bpffs of this process alone: what is pinned there is gone with it. */
static void leave_no_pins(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL)) {
		fprintf(stderr, "object-oracle: no bpffs of its own: %s\n", strerror(errno));
		_exit(2);
	}
}

int main(int argc, char **argv)
{
	void (*answer)(const char *path) = NULL;
	char path[4096];
	int i;

	if (argc >= 2 && !strcmp(argv[1], "inspect"))
		answer = inspect;
	else if (argc >= 2 && !strcmp(argv[1], "prepare"))
		answer = prepare;
	else if (argc >= 2 && !strcmp(argv[1], "load"))
		answer = load;
	if (argc == 4 && !strcmp(argv[2], "-b"))
		custom_btf = argv[3];
	else if (argc != 2)
		answer = NULL;
	if (!answer) {
		fputs(USAGE, stderr);
		return 2;
	}
	libbpf_set_print(listen);
	/* What the kernel can do is asked once, not by each child anew. */
	for (i = 0; i < FEATURES && answer != inspect; i++)
		feat_supported(NULL, i);
	while (fgets(path, sizeof(path), stdin)) {
		int status;
		pid_t child;

		path[strcspn(path, "\n")] = 0;
		fflush(stdout);
		child = fork();
		if (child < 0) {
			perror("object-oracle: fork");
			return 1;
		}
		if (!child) {
			char *text;
			size_t size;

			if (answer != inspect)
				leave_no_pins();
			alarm(PATIENCE);
			out = open_memstream(&text, &size);
			fputs("{\"file\":", out);
			put_string(path);
			answer(path);
			fputs("}\n", out);
			fclose(out);
			fwrite(text, 1, size, stdout);
			fflush(stdout);
			_exit(0);
		}
		if (waitpid(child, &status, 0) < 0)
			return 1;
		if (WIFSIGNALED(status)) {
			out = stdout;
			fputs("{\"file\":", out);
			put_string(path);
			printf(",\"signal\":%d}\n", WTERMSIG(status));
		}
	}
	return 0;
}
