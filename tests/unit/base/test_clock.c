// SPDX-License-Identifier: GPL-2.0-only
#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

/* 2026-01-02T03:04:05.123456789Z */
#define WALL (1767323045ull * EC_NSEC + 123456789)

static void zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

static void test_format(void **state)
{
	static const struct {
		const char *tz;
		uint64_t wall;
		int digits;
		bool utc;
		const char *want;
	} rows[] = {
		{"UTC0", WALL, 9, true, "2026-01-02T03:04:05.123456789Z"},
		{"UTC0", WALL, 6, true, "2026-01-02T03:04:05.123456Z"},
		{"UTC0", WALL, 0, true, "2026-01-02T03:04:05Z"},
		{"UTC0", WALL, 6, false, "2026-01-02T03:04:05.123456+00:00"},
		{"XXX-1", WALL, 9, false, "2026-01-02T04:04:05.123456789+01:00"},
		{"XXX-1", WALL, 9, true, "2026-01-02T03:04:05.123456789Z"},
		{"XXX3:30", WALL, 0, false, "2026-01-01T23:34:05-03:30"},
		{"XXX-5:45", WALL, 0, false, "2026-01-02T08:49:05+05:45"},
		{"UTC0", 0, 9, true, "1970-01-01T00:00:00.000000000Z"},
		{"UTC0", 7, 9, true, "1970-01-01T00:00:00.000000007Z"},
		{"UTC0", EC_NSEC - 1, 6, true, "1970-01-01T00:00:00.999999Z"},
		{"UTC0", UINT64_MAX, 9, true, "2554-07-21T23:34:33.709551615Z"},
	};
	char out[EC_CLOCK_LEN];
	size_t i, n;

	for (i = 0; i < EC_ARRAY_SIZE(rows); i++) {
		struct ec_clock_cache c = {0};

		zone(rows[i].tz);
		n = ec_clock_format(&c, rows[i].wall, rows[i].digits, rows[i].utc, out);
		assert_string_equal(out, rows[i].want);
		assert_int_equal(n, strlen(out));
	}
}

static void test_cache(void **state)
{
	struct ec_clock_cache c = {0};
	char out[EC_CLOCK_LEN];

	zone("XXX-1");
	ec_clock_format(&c, WALL, 6, false, out);
	assert_string_equal(out, "2026-01-02T04:04:05.123456+01:00");
	ec_clock_format(&c, WALL + 1000, 6, false, out);
	assert_string_equal(out, "2026-01-02T04:04:05.123457+01:00");
	ec_clock_format(&c, WALL + EC_NSEC, 0, false, out);
	assert_string_equal(out, "2026-01-02T04:04:06+01:00");
	ec_clock_format(&c, WALL, 0, false, out); /* back again: streams are not sorted */
	assert_string_equal(out, "2026-01-02T04:04:05+01:00");
	ec_clock_format(&c, WALL, 0, true, out);
	assert_string_equal(out, "2026-01-02T03:04:05Z");
}

static void test_now(void **state)
{
	uint64_t a = ec_clock_mono(), b = ec_clock_mono();
	time_t t = time(NULL);
	int64_t diff = (int64_t)(ec_clock_wall() / EC_NSEC) - (int64_t)t;

	assert_true(b >= a);
	assert_true(a > 0);
	assert_true(diff > -3600 && diff < 3600);
}

static void test_duration(void **state)
{
	static const struct {
		const char *s;
		uint64_t ns;
	} good[] = {
		{"10s", 10 * EC_NSEC},
		{"5m", 300 * EC_NSEC},
		{"2h", 7200 * EC_NSEC},
		{"250ms", 250000000},
		{"7", 7 * EC_NSEC},
		{"0", 0},
		{"1.5", 1500000000},
		{"0.25m", 15 * EC_NSEC},
		{".5s", 500000000},
		{"3us", 3000},
		{"9ns", 9},
		{"1d", 86400 * EC_NSEC},
		{"0.0000000019s", 1},
		{"1.00000000000000000000001s", EC_NSEC},
		{"18446744073709551615ns", UINT64_MAX},
	};
	static const char *const bad[] = {
		"",   "s", "-1",  "+1",	 " 1",	 "1 s", "1x",
		"1.", ".", "1.s", "1s2", "0x10", "1,5",
	};
	static const char *const big[] = {
		"18446744073709551616ns",
		"99999999999999999999999999",
		"213504d",
		"18446744074s",
	};
	uint64_t ns;
	size_t i;

	for (i = 0; i < EC_ARRAY_SIZE(good); i++) {
		ns = 42;
		assert_int_equal(ec_clock_parse_duration(good[i].s, &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
	ns = 42;
	for (i = 0; i < EC_ARRAY_SIZE(bad); i++)
		assert_int_equal(ec_clock_parse_duration(bad[i], &ns), -EINVAL);
	for (i = 0; i < EC_ARRAY_SIZE(big); i++)
		assert_int_equal(ec_clock_parse_duration(big[i], &ns), -ERANGE);
	assert_int_equal(ns, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_now),
		cmocka_unit_test(test_duration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
