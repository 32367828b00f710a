// SPDX-License-Identifier: GPL-2.0-only
#include "base/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct ec_buf buf;
static struct ec_json json;

static int setup(void **state)
{
	ec_buf_init(&buf, 1 << 20);
	ec_json_init(&json, &buf);
	return 0;
}

static int teardown(void **state)
{
	ec_buf_free(&buf);
	return 0;
}

static void expect(const char *want)
{
	assert_int_equal(buf.err, 0);
	ec_buf_putc(&buf, 0);
	assert_string_equal(buf.data, want);
	assert_int_equal(buf.len, strlen(want) + 1);
	ec_buf_reset(&buf);
	ec_json_init(&json, &buf);
}

static void test_shape(void **state)
{
	ec_json_begin_object(&json, NULL);
	ec_json_u64(&json, "a", UINT64_MAX);
	ec_json_i64(&json, "b", INT64_MIN);
	ec_json_i64(&json, "c", 0);
	ec_json_bool(&json, "d", true);
	ec_json_begin_array(&json, "e");
	ec_json_end_array(&json);
	ec_json_begin_array(&json, "f");
	ec_json_bool(&json, NULL, false);
	ec_json_begin_object(&json, NULL);
	ec_json_end_object(&json);
	ec_json_begin_array(&json, NULL);
	ec_json_str(&json, NULL, "x");
	ec_json_str(&json, NULL, NULL);
	ec_json_end_array(&json);
	ec_json_end_array(&json);
	ec_json_begin_object(&json, "g");
	ec_json_str(&json, "h", "");
	ec_json_end_object(&json);
	ec_json_i64(&json, "i", -7);
	ec_json_end_object(&json);
	expect("{\"a\":18446744073709551615,\"b\":-9223372036854775808,\"c\":0,\"d\":true,"
	       "\"e\":[],\"f\":[false,{},[\"x\",null]],\"g\":{\"h\":\"\"},\"i\":-7}");
}

static void test_str(void **state)
{
	ec_json_str(&json, NULL, "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f");
	expect("\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"");
	ec_json_str(&json, NULL, "\xc3\xa4\xc2\xa0\xf0\x9f\x98\x80\xe2\x80\xa8");
	expect("\"\xc3\xa4\xc2\xa0\xf0\x9f\x98\x80\xe2\x80\xa8\"");
	ec_json_str(&json, NULL, "\xc2\x9b!\xc2\x80\xc2\x9f"); /* C1 moves terminals */
	expect("\"\\u009b!\\u0080\\u009f\"");
	ec_json_str(&json, NULL,
		    "a\xff"
		    "b\xc3");
	expect("\"a\xef\xbf\xbd"
	       "b\xef\xbf\xbd\"");
}

static void test_bytes(void **state)
{
	ec_json_begin_object(&json, NULL);
	ec_json_bytes(&json, "a\0\n", 3);
	ec_json_end_object(&json);
	expect("{\"text\":\"a\\u0000\\n\"}");
	ec_json_bytes(&json, "a\xff", 2);
	expect("\"base64\":\"Yf8=\"");
	ec_json_bytes(&json, "\xe2\x82", 2); /* cut: not valid as it stands */
	expect("\"base64\":\"4oI=\"");
	ec_json_bytes(&json, NULL, 0);
	expect("\"text\":\"\"");
}

/* A character at a time, straight from RFC 8259 section 7. */
static size_t slow_escape(char *out, const uint8_t *p, size_t n)
{
	size_t len = 0, i;

	for (i = 0; i < n; i++) {
		uint8_t c = p[i];

		if (c == '"' || c == '\\')
			len += (size_t)sprintf(out + len, "\\%c", c);
		else if (c == '\n')
			len += (size_t)sprintf(out + len, "\\n");
		else if (c < 0x20 || c == 0x7f)
			len += (size_t)sprintf(out + len, "\\u%04x", c);
		else if (c == 0xc2 && i + 1 < n && p[i + 1] < 0xa0)
			len += (size_t)sprintf(out + len, "\\u%04x", p[++i]);
		else
			out[len++] = (char)c;
	}
	return len;
}

/* Long mixed texts: runs and escapes at every place of blocks and of the page inside. */
static void test_escape_long(void **state)
{
	static const char *const bits[] = {
		"a",	    "\"",
		"\n",	    "\x01",
		"\xc3\xa4", "\xc2\x85",
		"\xc2\xa9", "a run of plain text that is longer than a block or two",
		"\\",	    "\x7f",
	};
	static char text[20000], want[sizeof(text) * 6 + 1];
	uint32_t seed = 12345;
	size_t round, n, len;

	for (round = 0; round < 50; round++) {
		for (n = 0; n < sizeof(text) - 64;) {
			const char *bit;

			seed = seed * 1103515245 + 12345;
			/* Some rounds are all escapes: the worst growth. */
			bit = round % 5 ? bits[(seed >> 16) % EC_ARRAY_SIZE(bits)]
					: "\x01";
			memcpy(text + n, bit, strlen(bit));
			n += strlen(bit);
		}
		n -= round;
		while ((text[n] & 0xc0) == 0x80)
			n--;
		len = slow_escape(want, (uint8_t *)text, n);
		ec_buf_reset(&buf);
		ec_json_escape(&buf, text, n);
		assert_int_equal(buf.err, 0);
		assert_int_equal(buf.len, len);
		assert_memory_equal(buf.data, want, len);
	}
}

static void test_ceiling(void **state)
{
	struct ec_buf small;
	char text[100];

	memset(text, 'a', sizeof(text));
	ec_buf_init(&small, sizeof(text)); /* exactly fits */
	ec_json_escape(&small, text, sizeof(text));
	assert_int_equal(small.err, 0);
	assert_int_equal(small.len, sizeof(text));
	ec_json_escape(&small, text, 1);
	assert_int_equal(small.err, -EFBIG);
	ec_buf_free(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shape, setup, teardown),
		cmocka_unit_test_setup_teardown(test_str, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_escape_long, setup, teardown),
		cmocka_unit_test(test_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
