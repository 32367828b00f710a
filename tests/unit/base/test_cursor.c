// SPDX-License-Identifier: GPL-2.0-only
#include "base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void test_reads(void **state)
{
	uint8_t raw[1 + 2 + 4 + 8 + 3], v8, to[3];
	uint16_t v16 = 0x1234, r16;
	uint32_t v32 = 0x12345678, r32;
	uint64_t v64 = 0x123456789abcdef0ull, r64;
	struct ec_cursor c;

	raw[0] = 7;
	memcpy(raw + 1, &v16, 2);
	memcpy(raw + 3, &v32, 4);
	memcpy(raw + 7, &v64, 8);
	memcpy(raw + 15, "abc", 3);
	ec_cursor_init(&c, raw, sizeof(raw));
	assert_true(ec_cursor_u8(&c, &v8));
	assert_true(ec_cursor_u16(&c, &r16));
	assert_true(ec_cursor_u32(&c, &r32));
	assert_true(ec_cursor_u64(&c, &r64));
	assert_int_equal(v8, 7);
	assert_int_equal(r16, v16);
	assert_int_equal(r32, v32);
	assert_int_equal(r64, v64);
	assert_int_equal(ec_cursor_left(&c), 3);
	assert_true(ec_cursor_skip(&c, 1));
	assert_true(ec_cursor_copy(&c, to, 2));
	assert_memory_equal(to, "bc", 2);
	assert_int_equal(ec_cursor_left(&c), 0);
	assert_true(ec_cursor_skip(&c, 0));
	assert_false(c.bad);
}

static void test_miss(void **state)
{
	const uint8_t raw[4] = {1, 2, 3, 4};
	uint32_t v32 = 99;
	uint64_t v64 = 99;
	uint8_t v8 = 99;
	struct ec_cursor c;

	ec_cursor_init(&c, raw, sizeof(raw));
	assert_false(ec_cursor_u64(&c, &v64));
	assert_int_equal(v64, 99); /* untouched */
	assert_true(c.bad);
	assert_int_equal(ec_cursor_left(&c), 0);
	/* What would have fitted fails too from now on. */
	assert_false(ec_cursor_u32(&c, &v32));
	assert_false(ec_cursor_u8(&c, &v8));
	assert_false(ec_cursor_skip(&c, 0));
	assert_null(ec_cursor_take(&c, 1));
	assert_int_equal(v32, 99);
	assert_int_equal(v8, 99);

	ec_cursor_init(&c, raw, sizeof(raw));
	assert_ptr_equal(ec_cursor_take(&c, 4), raw);
	assert_null(ec_cursor_take(&c, 1));

	ec_cursor_init(&c, raw, sizeof(raw));
	assert_false(ec_cursor_skip(&c, SIZE_MAX));
	ec_cursor_init(&c, NULL, 0);
	assert_true(ec_cursor_copy(&c, NULL, 0));
	assert_false(ec_cursor_u8(&c, &v8));
}

static void test_range(void **state)
{
	assert_true(ec_range_ok(0, 0, 0));
	assert_true(ec_range_ok(4, 6, 10));
	assert_true(ec_range_ok(10, 0, 10));
	assert_false(ec_range_ok(4, 7, 10));
	assert_false(ec_range_ok(11, 0, 10));
	assert_false(ec_range_ok(4, UINT64_MAX, 10));
	assert_false(ec_range_ok(UINT64_MAX, 2, 10));
	assert_true(ec_range_ok(1, UINT64_MAX - 1, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_miss),
		cmocka_unit_test(test_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
