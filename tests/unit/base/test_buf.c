// SPDX-License-Identifier: GPL-2.0-only
#include "base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
#define EC_SANITIZED
#elif defined(__has_feature) /* clang's way to say it */
#if __has_feature(address_sanitizer)
#define EC_SANITIZED
#endif
#endif

static void is(struct ec_buf *b, const char *want)
{
	assert_int_equal(b->err, 0);
	assert_int_equal(b->len, strlen(want));
	assert_memory_equal(b->data, want, b->len);
}

static void test_append(void **state)
{
	struct ec_buf b;
	size_t i;

	ec_buf_init(&b, 1 << 20);
	assert_null(b.data);
	ec_buf_add(&b, NULL, 0);
	ec_buf_puts(&b, "a");
	ec_buf_putc(&b, 'b');
	ec_buf_printf(&b, "%d%s", 12, "c");
	ec_buf_u64(&b, 0);
	ec_buf_u64(&b, UINT64_MAX);
	is(&b, "ab12c018446744073709551615");
	ec_buf_reset(&b);
	for (i = 0; i < 100000; i++)
		ec_buf_putc(&b, (char)i);
	assert_int_equal(b.len, 100000);
	for (i = 0; i < 100000; i++)
		assert_int_equal(b.data[i], (char)i);
	ec_buf_free(&b);
	assert_null(b.data);
	ec_buf_puts(&b, "again"); /* the ceiling stays */
	is(&b, "again");
	ec_buf_free(&b);
}

static void test_printf_long(void **state)
{
	char want[5000];
	struct ec_buf b;
	size_t n;

	memset(want, 'x', sizeof(want) - 1);
	want[sizeof(want) - 1] = 0;
	/* Around the size of the small buffer inside, and at the very ceiling. */
	for (n = 250; n < 260; n++) {
		ec_buf_init(&b, n + 1);
		ec_buf_printf(&b, "%.*s%c", (int)n, want, '.');
		assert_int_equal(b.err, 0);
		assert_int_equal(b.len, n + 1);
		assert_int_equal(b.data[n], '.');
		ec_buf_free(&b);
	}
	ec_buf_init(&b, 4999);
	ec_buf_printf(&b, "%s", want);
	is(&b, want);
	ec_buf_free(&b);
	ec_buf_init(&b, 4998);
	ec_buf_printf(&b, "%s", want);
	assert_int_equal(b.err, -EFBIG);
	assert_int_equal(b.len, 0);
	ec_buf_free(&b);
}

static void test_ceiling(void **state)
{
	struct ec_buf b;

	ec_buf_init(&b, 10);
	ec_buf_puts(&b, "0123456789");
	is(&b, "0123456789");
	ec_buf_putc(&b, 'x');
	assert_int_equal(b.err, -EFBIG);
	ec_buf_add(&b, NULL, 0);
	assert_null(ec_buf_room(&b, 0)); /* nothing more until reset */
	assert_int_equal(b.len, 10);
	assert_memory_equal(b.data, "0123456789", 10);
	ec_buf_reset(&b);
	ec_buf_puts(&b, "new");
	is(&b, "new");
	assert_null(ec_buf_room(&b, SIZE_MAX)); /* no overflow */
	assert_int_equal(b.err, -EFBIG);
	ec_buf_free(&b);

	ec_buf_init(&b, 0);
	assert_non_null(ec_buf_room(&b, 0));
	ec_buf_putc(&b, 'x');
	assert_int_equal(b.err, -EFBIG);
	ec_buf_free(&b);

#ifndef EC_SANITIZED /* which ends the program when memory runs out */
	ec_buf_init(&b, SIZE_MAX);
	assert_null(ec_buf_room(&b, SIZE_MAX / 2));
	assert_int_equal(b.err, -ENOMEM);
	ec_buf_free(&b);
#endif
}

static void test_room(void **state)
{
	struct ec_buf b;
	char *p;

	ec_buf_init(&b, 4096);
	ec_buf_puts(&b, "head ");
	p = ec_buf_room(&b, 4091);
	assert_non_null(p);
	memcpy(p, "tail", 4);
	b.len += 4;
	is(&b, "head tail");
	ec_buf_free(&b);
}

/* RFC 4648 section 10, and bytes with the top bit. */
static void test_base64(void **state)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xff\xfe\xfd", "//79"},
		{"\xfb\xff", "+/8="},
	};
	struct ec_buf b;
	size_t i;

	for (i = 0; i < EC_ARRAY_SIZE(rows); i++) {
		ec_buf_init(&b, strlen(rows[i][1]));
		ec_buf_base64(&b, rows[i][0], strlen(rows[i][0]));
		is(&b, rows[i][1]);
		ec_buf_free(&b);
	}
	ec_buf_init(&b, 7);
	ec_buf_base64(&b, "foob", 4);
	assert_int_equal(b.err, -EFBIG);
	ec_buf_free(&b);
	ec_buf_init(&b, SIZE_MAX);
	ec_buf_base64(&b, "x", SIZE_MAX);
	assert_int_equal(b.err, -EFBIG);
	ec_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append),	cmocka_unit_test(test_printf_long),
		cmocka_unit_test(test_ceiling), cmocka_unit_test(test_room),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
