// SPDX-License-Identifier: GPL-2.0-only
#include "base/log.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* A packet pipe gives one write(2) per read(2): pipe(7), O_DIRECT. */
static int fds[2];

static int setup(void **state)
{
	if (pipe2(fds, O_DIRECT | O_NONBLOCK | O_CLOEXEC))
		return -1;
	ec_log_set_fd(fds[1]);
	ec_log_level = EC_LOG_INFO;
	return 0;
}

static int teardown(void **state)
{
	ec_log_set_fd(2);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static size_t take(char out[PIPE_BUF + 1])
{
	ssize_t n = read(fds[0], out, PIPE_BUF);

	n = n < 0 ? 0 : n;
	out[n] = 0;
	return (size_t)n;
}

static void expect(const char *want)
{
	char got[PIPE_BUF + 1];

	take(got);
	assert_string_equal(got, want);
}

static void test_prefixes(void **state)
{
	assert_int_equal(ec_log_fd(), fds[1]);
	ec_error("one %d", 1);
	expect("ecapture: one 1\n");
	ec_warn("two");
	expect("ecapture: warning: two\n");
	ec_info("ready: 1 target");
	expect("ready: 1 target\n");
	ec_debug("not shown");
	expect("");
	ec_log_level = EC_LOG_DEBUG;
	ec_debug("four\n\n"); /* one line all the same */
	expect("debug: four\n");
	ec_log_level = EC_LOG_ERROR;
	ec_warn("not shown");
	expect("");
}

static void test_control(void **state)
{
	ec_info("a\x1b[2Jb\nc\td\re\x7f");
	expect("a\\x1b[2Jb\\nc\\td\\re\\x7f\n");
	ec_info("%s", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
	expect("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\n");
	ec_info("%s", "csi \xc2\x9b nbsp \xc2\xa0");
	expect("csi \\xc2\\x9b nbsp \xc2\xa0\n");
	ec_info("%s", "bad \xff\xc3 \xed\xa0\x80 \xe2\x82");
	expect("bad \\xff\\xc3 \\xed\\xa0\\x80 \\xe2\\x82\n");
}

static void test_long(void **state)
{
	char text[3 * PIPE_BUF], got[PIPE_BUF + 1];
	size_t i, n;

	for (i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[i] = 0;
	for (i = 0; i < 2; i++) { /* cut at both kinds of byte */
		ec_info("%s%s", i ? "x" : "", text);
		n = take(got);
		assert_in_range(n, PIPE_BUF - 16, PIPE_BUF);
		assert_string_equal(got + n - 4, "...\n");
		assert_int_equal(ec_utf8_valid(got, n), n);
		expect(""); /* it was one write */
	}
	memset(text, 1, sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	ec_error("%s", text);
	n = take(got);
	assert_in_range(n, PIPE_BUF - 16, PIPE_BUF);
	assert_memory_equal(got, "ecapture: \\x01\\x01", 18);
	assert_string_equal(got + n - 8, "\\x01...\n");
}

static void test_errno_kept(void **state)
{
	ec_log_set_fd(-1); /* write fails */
	errno = ENOTTY;
	ec_info("nowhere");
	assert_int_equal(errno, ENOTTY);
	ec_log_set_fd(fds[1]);
	errno = ENOENT;
	ec_info("%m");
	expect("No such file or directory\n");
}

static void test_parse(void **state)
{
	enum ec_log_level l = EC_LOG__N;

	assert_int_equal(ec_log_parse("verbose", &l), -EINVAL);
	assert_int_equal(ec_log_parse("", &l), -EINVAL);
	assert_int_equal(l, EC_LOG__N);
	assert_int_equal(ec_log_parse("error", &l), 0);
	assert_int_equal(l, EC_LOG_ERROR);
	assert_int_equal(ec_log_parse("warn", &l), 0);
	assert_int_equal(l, EC_LOG_WARN);
	assert_int_equal(ec_log_parse("info", &l), 0);
	assert_int_equal(l, EC_LOG_INFO);
	assert_int_equal(ec_log_parse("debug", &l), 0);
	assert_int_equal(l, EC_LOG_DEBUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_prefixes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errno_kept, setup, teardown),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
