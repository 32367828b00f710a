// SPDX-License-Identifier: GPL-2.0-only
#include "sinking.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static void open_over(const char *text, size_t n)
{
	int fd = memfd_create("keys", MFD_CLOEXEC);

	assert_true(fd > 2);
	assert_int_equal(write(fd, text, n), n);
	memset(&sink, 0, sizeof(sink));
	sink.ops = &ec_sink_keylog;
	assert_int_equal(ec_out_new(fd, "keys", &sink.out), 0);
	assert_int_equal(sink.ops->open(&sink), 0);
}

static void tell(const char *label, uint8_t id, uint8_t secret)
{
	struct ec_item it = {.kind = EC_ITEM_SECRET, .dir = EC_DIR_NONE};

	it.secret.label = label;
	it.secret.id = &id;
	it.secret.id_len = 1;
	it.secret.secret = &secret;
	it.secret.len = 1;
	give(&it);
}

static void expect(const char *want)
{
	assert_string_equal(written(), want);
}

static void test_lines(void **state)
{
	open_over("", 0);
	tell("CLIENT_RANDOM", 0xab, 0x0f);
	/* there at once: nobody flushes */
	assert_int_equal(sink.out->buf.len, 0);
	tell("EXPORTER_SECRET", 0, 0xff);
	expect("CLIENT_RANDOM ab 0f\nEXPORTER_SECRET 00 ff\n");
	sink_close();
}

static void test_goes_on(void **state)
{
	static const char text[] = "# A ab 01\nA ab 02\n\nA ab 03\nA ab 0";

	open_over(text, sizeof(text) - 1);
	tell("A", 0xab, 2);
	tell("A", 0xab, 3);
	tell("A", 0xab, 1);
	tell("A", 0xab, 4);
	tell("A", 0xab, 4); /* now it is in the file too */
	/* what was torn is ended first */
	assert_memory_equal(written(), text, sizeof(text) - 1);
	assert_string_equal(wrote + sizeof(text) - 1, "\nA ab 01\nA ab 04\n");
	sink_close();
	/* whole but for its end of line: known */
	open_over("A ab 05", 7);
	tell("A", 0xab, 5);
	tell("A", 0xab, 6);
	expect("A ab 05\nA ab 06\n");
	sink_close();
}

/* Lines over the border of what is read at once, and a line longer than that. */
static void test_large(void **state)
{
	char *text = malloc(300000);
	size_t n = 0;

	for (int i = 0; n < 150000; i++)
		n += sprintf(text + n, "A %02x %02x\n", i & 255, i >> 8 & 255);
	memset(text + n, 'x', 100000);
	n += 100000;
	n += sprintf(text + n, "\nA 77 77\nB 11 11\n");
	open_over(text, n);
	tell("A", 0, 0);
	tell("A", 255, 3);
	tell("B", 0x11, 0x11);
	tell("C", 1, 1);
	assert_memory_equal(written(), text, n);
	assert_string_equal(wrote + n, "C 01 01\n");
	sink_close();
	free(text);
}

/* The file goes on under the same name: another one. */
static void test_reopened(void **state)
{
	static const char text[] = "A ab 02\nA ab 0";
	int fd = memfd_create("next", MFD_CLOEXEC);

	open_over("A ab 01\n", 8);
	tell("A", 0xab, 1);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(sink.out->fd);
	sink.out->fd = fd;
	sink.ops->reopened(&sink);
	tell("A", 0xab, 2);
	tell("A", 0xab, 1); /* it was in the other one */
	expect("A ab 02\nA ab 0\nA ab 01\n");
	sink_close();
}

/* What came of a line that did not fit is gone; what stood there is not. */
static void full(const char *text, size_t room)
{
	struct ec_item it = {.kind = EC_ITEM_SECRET, .dir = EC_DIR_NONE};
	struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY}, some = none;
	char path[] = "/tmp/ec-keylog-XXXXXX", have[128] = "";
	uint8_t one = 1;
	int fd = mkostemp(path, O_APPEND);

	assert_true(fd > 2);
	unlink(path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	memset(&sink, 0, sizeof(sink));
	sink.ops = &ec_sink_keylog;
	assert_int_equal(ec_out_new(fd, "keys", &sink.out), 0);
	assert_int_equal(sink.ops->open(&sink), 0);
	it.secret.label = "LABEL";
	it.secret.id = it.secret.secret = &one;
	it.secret.id_len = it.secret.len = 1;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &none), 0);
	some = (struct rlimit){strlen(text) + room, none.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &some), 0);
	assert_int_equal(sink.ops->item(&sink, &it), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(pread(fd, have, sizeof(have) - 1, 0), strlen(text));
	assert_string_equal(have, text);
	sink.ops->close(&sink);
	ec_out_free(sink.out);
}

static void test_full(void **state)
{
	full("A ab 01\n", 0);
	full("A ab 01\n", 5);
	full("A ab 01\nA ab 02", 0); /* somebody's, who is about to end it */
	full("A ab 01\nA ab 02", 5);
	full("A ab 02", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines), cmocka_unit_test(test_goes_on),
		cmocka_unit_test(test_large), cmocka_unit_test(test_reopened),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
