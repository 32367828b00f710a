// SPDX-License-Identifier: GPL-2.0-only
#include "base/opt.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct opts {
	bool hex, debug;
	const char *lib;
	struct ec_opt_strs out;
	uint64_t mapsize, any, duration;
	struct ec_opt_list pid, uid;
	int format;
	const char *hooked;
};

static int hook(void *opts, const struct ec_opt *o, const char *value)
{
	struct opts *to = opts;

	if (!strcmp(value, "bad"))
		return 77;
	to->hooked = value;
	return 0;
}

#define AT(f) offsetof(struct opts, f)
static const struct ec_opt common[] = {
	{"hex", NULL, 0, EC_OPT_FLAG, AT(hex), .help = "payload as a hex dump"},
	{"debug", NULL, 'd', EC_OPT_FLAG, AT(debug), .help = "more on the log"},
	{"pid", NULL, 'p', EC_OPT_LIST, AT(pid), .max = 1 << 22, .value = "N[,N…]",
	 .help = "only these processes, with all their threads; a help text that is long "
		 "enough to need a second line and so shows how words are wrapped"},
	{"mapsize", NULL, 0, EC_OPT_U64, AT(mapsize), .min = 4, .max = 1000,
	 .value = "KB", .help = "buffer"},
	{"truncate-size", "tsize", 't', EC_OPT_U64, AT(any), .value = "BYTES",
	 .help = "cut"},
	{"duration", NULL, 0, EC_OPT_DURATION, AT(duration), .value = "T",
	 .help = "stop"},
	{"format", NULL, 0, EC_OPT_ENUM, AT(format), .words = "text|json|none",
	 .help = "what stdout gets"},
	{"secret", NULL, 0, EC_OPT_FLAG, AT(hex), .help = "not in the help",
	 .hidden = true},
};
static const struct ec_opt special[] = {
	{"libssl", NULL, 'l', EC_OPT_STR, AT(lib), .value = "PATH", .help = "library"},
	{"output", NULL, 'o', EC_OPT_STRS, AT(out), .value = "[FORMAT:]PATH",
	 .help = "to"},
	{"user", NULL, 'u', EC_OPT_LIST, AT(uid), .value = "NAME", .parse = hook},
	{"hex", NULL, 'x', EC_OPT_STR, AT(lib),
	 .help = NULL}, /* never found: the first table wins */
};
static const struct ec_opt_table tables[] = {
	{common, EC_ARRAY_SIZE(common)},
	{special, EC_ARRAY_SIZE(special)},
};

static int fds[2];
static struct opts o;
static char *rest[64];
static int nrest, command;

static int setup(void **state)
{
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC))
		return -1;
	ec_log_set_fd(fds[1]);
	return 0;
}

static int teardown(void **state)
{
	ec_log_set_fd(2);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* Words are split at '|'. */
static int parse(const char *line)
{
	static char copy[4096];
	char *argv[64], *s = copy, *word;
	int argc = 0;

	memset(&o, 0, sizeof(o));
	nrest = command = -1;
	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&s, "|")))
		argv[argc++] = word;
	argv[argc] = NULL;
	return ec_opt_parse(argc, argv, tables, EC_ARRAY_SIZE(tables), &o, rest, &nrest,
			    &command);
}

/* One line that names the option and says why; the exit code of usage. */
static void refuse(const char *line, const char *subject, const char *why)
{
	char got[1024], head[256];
	ssize_t n;

	assert_int_equal(parse(line), 2);
	assert_int_equal(nrest, -1); /* untouched */
	assert_int_equal(command, -1);
	n = read(fds[0], got, sizeof(got) - 1);
	got[n < 0 ? 0 : n] = 0;
	snprintf(head, sizeof(head), "ecapture: %s: ", subject);
	if (strncmp(got, head, strlen(head)) || !strstr(got, why))
		fail_msg("'%s' gave: %s", line, got);
	assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
}

static void test_spellings(void **state)
{
	static const char *const rows[] = {
		"--truncate_size=1024",
		"--truncate-size|1024",
		"--tsize=1024",
		"-t|1024",
		"-t1024",
		"-t=1024",
		"-dt1024",
		"--tsize|0x400",
		"--tsize=1|-t1024",
	};
	size_t i;

	for (i = 0; i < EC_ARRAY_SIZE(rows); i++) {
		assert_int_equal(parse(rows[i]), 0);
		assert_int_equal(o.any, 1024);
		assert_int_equal(nrest, 0);
		assert_int_equal(command, 0);
	}
}

static void test_types(void **state)
{
	assert_int_equal(parse("--hex|-d|--libssl=/a=b|-oA|--output|json:B|--mapsize=4|"
			       "-p1,2|--pid=0|--duration=1.5s|--format=json|-u|root"),
			 0);
	assert_true(o.hex);
	assert_true(o.debug);
	assert_string_equal(o.lib, "/a=b");
	assert_int_equal(o.out.n, 2);
	assert_string_equal(o.out.v[0], "A");
	assert_string_equal(o.out.v[1], "json:B");
	assert_int_equal(o.mapsize, 4);
	assert_true(o.pid.given);
	assert_int_equal(o.pid.n, 3);
	assert_int_equal(o.pid.v[0], 1);
	assert_int_equal(o.pid.v[1], 2);
	assert_int_equal(o.pid.v[2], 0);
	assert_int_equal(o.duration, 1500000000);
	assert_int_equal(o.format, 1);
	assert_string_equal(o.hooked, "root");
	assert_false(o.uid.given);
	assert_int_equal(parse("--format|none|--libssl="), 0);
	assert_int_equal(o.format, 2);
	assert_string_equal(o.lib, "");
	assert_int_equal(parse("--user=bad"), 77); /* the hook's own code */
}

static void test_words(void **state)
{
	assert_int_equal(parse("tls|-d|tcp|port|443|-|--hex"), 0);
	assert_int_equal(nrest, 5);
	assert_string_equal(rest[0], "tls");
	assert_string_equal(rest[3], "443");
	assert_string_equal(rest[4], "-");
	assert_int_equal(command, 0);
	assert_true(o.hex);

	assert_int_equal(parse("tls|--|curl|-sk|--hex|--|--nonsense"), 0);
	assert_int_equal(nrest, 1);
	assert_int_equal(command, 2);
	assert_false(o.hex);
	assert_int_equal(parse("tls|--"), 0);
	assert_int_equal(command, 2); /* argc: nothing follows */
	assert_int_equal(parse("--libssl|-|x"), 0);
	assert_string_equal(o.lib, "-");
}

static void test_unknown(void **state)
{
	refuse("--pdi=1", "--pdi", "--pid");
	refuse("--truncatesize", "--truncatesize", "--truncate-size");
	refuse("--mapsiez=4", "--mapsiez", "--mapsize");
	refuse("--zzzzzzzzz", "--zzzzzzzzz", "unknown option");
	refuse("--secre", "--secre", "unknown option; "); /* hidden is no suggestion */
	refuse("--=x", "--", "unknown option");
	refuse("--he", "--he", "--hex"); /* no abbreviations */
	refuse("-q", "-q", "unknown option");
	refuse("-dq", "-q", "unknown option");
	refuse("-format=json", "-format=json", "unknown option");
}

static void test_bad_values(void **state)
{
	char many[4096] = "--pid=1", *end = many + strlen(many);
	int i;

	refuse("--pid=", "--pid", "no list");
	refuse("--pid=1,,2", "--pid", "no list");
	refuse("--pid=1,", "--pid", "no list");
	refuse("--pid=x", "--pid", "'x' is no whole number");
	refuse("-p-1", "--pid", "'-1' is no whole number");
	refuse("--pid=4194305", "--pid", "between 0 and 4194304");
	refuse("--pid=99999999999999999999999999999999999", "--pid", "no list");
	refuse("--pid", "--pid", "missing");
	refuse("-p", "--pid", "missing");
	refuse("--pid|--|curl", "--pid", "missing");
	refuse("--mapsize=3", "--mapsize", "between 4 and 1000");
	refuse("--mapsize=1001", "--mapsize", "between 4 and 1000");
	refuse("--mapsize=", "--mapsize", "no whole number");
	refuse("--mapsize=10k", "--mapsize", "no whole number");
	refuse("--tsize=18446744073709551616", "--truncate-size", "out of range");
	refuse("--duration=abc", "--duration", "no time");
	refuse("--duration=99999999999h", "--duration", "out of range");
	refuse("--format=xml", "--format", "one of text|json|none");
	refuse("--format=tex", "--format", "not one of");
	refuse("--format=", "--format", "not one of");
	refuse("--hex=true", "--hex", "takes no value");
	for (i = 0; i < EC_OPT_LIST_MAX; i++)
		end += sprintf(end, ",%d", i);
	refuse(many, "--pid", "more than 256");
	end = many;
	for (i = 0; i <= EC_OPT_STRS_MAX; i++)
		end += sprintf(end, "%s-ox", i ? "|" : "");
	refuse(many, "--output", "more than 16");
}

static void test_number(void **state)
{
	static const char *const bad[] = {"",	"0x", "x",   "-1", "+1",
					  " 1", "1 ", "1.0", "0xg"};
	uint64_t v = 42;
	size_t i;

	for (i = 0; i < EC_ARRAY_SIZE(bad); i++)
		assert_int_equal(ec_opt_number(bad[i], 0, UINT64_MAX, &v), -EINVAL);
	assert_int_equal(ec_opt_number("18446744073709551616", 0, UINT64_MAX, &v),
			 -ERANGE);
	assert_int_equal(ec_opt_number("0x10000000000000000", 0, UINT64_MAX, &v),
			 -ERANGE);
	assert_int_equal(ec_opt_number("9", 10, 20, &v), -ERANGE);
	assert_int_equal(ec_opt_number("21", 10, 20, &v), -ERANGE);
	assert_int_equal(v, 42);
	assert_int_equal(ec_opt_number("18446744073709551615", 0, UINT64_MAX, &v), 0);
	assert_int_equal(v, UINT64_MAX);
	assert_int_equal(ec_opt_number("0xFf", 0, 255, &v), 0);
	assert_int_equal(v, 255);
	assert_int_equal(ec_opt_number("010", 10, 10, &v), 0); /* never octal */
	assert_int_equal(v, 10);
}

static void test_nearest(void **state)
{
	static const char *const names[] = {"tls", "gotls", "gnutls", "bash", "postgres"};
	char longer[300];

	assert_string_equal(ec_opt_nearest("tsl", names, 5), "tls");
	assert_string_equal(ec_opt_nearest("gotsl", names, 5), "gotls");
	assert_string_equal(ec_opt_nearest("gnu-tls", names, 5), "gnutls");
	assert_string_equal(ec_opt_nearest("postgresql", names, 5), "postgres");
	assert_string_equal(ec_opt_nearest("bash", names, 5), "bash");
	assert_null(ec_opt_nearest("xyz", names, 5)); /* any short name is 3 edits away */
	assert_null(ec_opt_nearest("wireguard", names, 5));
	assert_null(ec_opt_nearest("", names, 5));
	assert_null(ec_opt_nearest("tls", names, 0));
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_null(ec_opt_nearest(longer, names, 5));
}

static void test_help(void **state)
{
	struct ec_buf b;
	char *line, *s;

	ec_buf_init(&b, 1 << 16);
	ec_opt_help(&b, &tables[0]);
	ec_buf_putc(&b, 0);
	assert_int_equal(b.err, 0);
	assert_non_null(strstr(b.data, "\n  -d, --debug  "));
	assert_non_null(strstr(b.data, "\n  -p, --pid N[,N…]  "));
	assert_non_null(strstr(b.data, "\n      --format text|json|none  "));
	/* Too wide for the column: the help begins below it. */
	assert_non_null(strstr(b.data, "\n  -t, --truncate-size, --tsize BYTES\n  "));
	assert_null(strstr(b.data, "secret"));
	s = b.data;
	while ((line = strsep(&s, "\n"))) {
		size_t column = 0, i;

		for (i = 0; line[i]; i++)
			column += (line[i] & 0xc0) != 0x80;
		assert_in_range(column, 0, 90);
		assert_true(!i || line[i - 1] != ' ');
	}
	ec_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_spellings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_values, setup, teardown),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
