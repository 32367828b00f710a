// SPDX-License-Identifier: GPL-2.0-only
#include "target/distance.h"
#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static uint64_t plain(const uint8_t *p, uint64_t n, uint64_t i, uint64_t low,
		      uint64_t span)
{
	for (; i + 4 <= n; i++) {
		int32_t d;

		memcpy(&d, p + i, sizeof(d));
		if (i + 4 + (uint64_t)(int64_t)d - low <= span)
			return i;
	}
	return n;
}

static unsigned int compare(const uint8_t *p, uint64_t n, uint64_t low, uint64_t span)
{
	unsigned int hits = 0;
	uint64_t i = 0;

	for (;;) {
		uint64_t want = plain(p, n, i, low, span);

		assert_int_equal(ec_distance_next(p, n, i, low, span), want);
		if (want == n)
			return hits;
		hits++;
		i = want + 1;
	}
}

/* Our own code: many calls lead into any part of it. */
static void test_real_code(void **state)
{
	static uint8_t p[1 << 20];
	FILE *f = fopen("/proc/self/exe", "r");
	size_t n;

	assert_non_null(f);
	n = fread(p, 1, sizeof(p), f);
	fclose(f);
	assert_true(n > 20000);
	assert_true(compare(p, n, 0, n) > 100);
	assert_true(compare(p, n, n / 2, 4096) > 10);
	compare(p, n, n / 2, 0);
}

static void test_edges(void **state)
{
	uint8_t p[64];

	memset(p, 0x7f, sizeof(p));
	for (uint64_t n = 0; n <= sizeof(p); n++) {
		assert_int_equal(ec_distance_next(p, n, 0, 0, 1000), n);
		assert_int_equal(ec_distance_next(p, n, n, 0, UINT64_MAX), n);
		for (uint64_t i = 0; i + 4 <= n; i++) {
			int32_t back = -(int32_t)(i + 4);

			memcpy(p + i, &back, sizeof(back));
			assert_int_equal(ec_distance_next(p, n, 0, 0, 0), i);
			assert_int_equal(ec_distance_next(p, n, i + 1, 0, 0), n);
			memset(p + i, 0x7f, sizeof(back));
		}
	}
}

/* What is right in the lower half of an address alone is elsewhere; wide spans. */
static void test_halves(void **state)
{
	uint8_t p[32] = {0};
	uint64_t far = 1ull << 32;

	assert_int_equal(ec_distance_next(p, 32, 0, 4, 0), 0);
	assert_int_equal(ec_distance_next(p, 32, 0, far + 4, 0), 32);
	assert_int_equal(ec_distance_next(p, 32, 0, 0, far + 100), 0);
	assert_int_equal(ec_distance_next(p, 32, 0, 20, far + 100), 16);
	/* around the end of the address space */
	assert_int_equal(ec_distance_next(p, 32, 0, -2ull, 8), 0);
	memset(p, 0xff, sizeof(p));
	assert_int_equal(ec_distance_next(p, 32, 0, 3, 0), 0);
	assert_int_equal(ec_distance_next(p, 32, 0, 31, 0), 28);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_code),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_halves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
