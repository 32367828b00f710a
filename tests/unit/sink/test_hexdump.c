// SPDX-License-Identifier: GPL-2.0-only
#include "sink/hexdump.h"
#include "sinking.h"

static int open_sink(void **state)
{
	sink_open(&ec_sink_text, (struct ec_sink_opts){0});
	return 0;
}

static int shut(void **state)
{
	sink_close();
	return 0;
}

static const char *dump(const void *p, size_t n, uint64_t at)
{
	assert_int_equal(ec_hexdump(sink.out, p, n, at), 0);
	return written();
}

static void test_rows(void **state)
{
	assert_string_equal(dump("", 0, 0), "");
	assert_string_equal(
		dump("A", 1, 0),
		"00000000  41                                                |A|\n");
	assert_string_equal(
		dump("12345678", 8, 0x10),
		"00000010  31 32 33 34 35 36 37 38                           |12345678|\n");
	assert_string_equal(
		dump("123456789", 9, 0),
		"00000000  31 32 33 34 35 36 37 38  39                       |123456789|\n");
	assert_string_equal(
		dump("\x1f ~\x7f\x80\xff\0\n", 8, 0),
		"00000000  1f 20 7e 7f 80 ff 00 0a                           |. ~.....|\n");
}

static void test_offsets(void **state)
{
	const char *rest = "  41                                                |A|\n";
	char want[128];

	snprintf(want, sizeof(want), "ffffffff%s", rest);
	assert_string_equal(dump("A", 1, 0xffffffff), want);
	snprintf(want, sizeof(want), "100000000%s", rest);
	assert_string_equal(dump("A", 1, 0x100000000), want);
	snprintf(want, sizeof(want), "ffffffffffffffff%s", rest);
	assert_string_equal(dump("A", 1, UINT64_MAX), want);
}

/* The same as an independent one, byte for byte, for all lengths and values. */
static void test_many(void **state)
{
	uint8_t p[256 + 17];
	char want[8192];

	for (size_t i = 0; i < sizeof(p); i++)
		p[i] = (uint8_t)i;
	for (size_t n = 1; n <= sizeof(p); n++) {
		size_t len = 0;

		for (size_t row = 0; row < n; row += 16) {
			len += (size_t)sprintf(want + len, "%08zx", row);
			for (size_t i = row; i < row + 16; i++) {
				const char *space = i % 8 ? " " : "  ";

				if (i < n)
					len += (size_t)sprintf(want + len, "%s%02x",
							       space, p[i]);
				else
					len += (size_t)sprintf(want + len, "%s  ", space);
			}
			len += (size_t)sprintf(want + len, "  |");
			for (size_t i = row; i < row + 16 && i < n; i++)
				want[len++] =
					p[i] >= ' ' && p[i] <= '~' ? (char)p[i] : '.';
			len += (size_t)sprintf(want + len, "|\n");
		}
		assert_string_equal(dump(p, n, 0), want);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_sink, shut)
	const struct CMUnitTest tests[] = {
		CASE(test_rows),
		CASE(test_offsets),
		CASE(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
