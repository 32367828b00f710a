// SPDX-License-Identifier: GPL-2.0-only
#include "base/seen.h"
#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static bool add(struct ec_seen *s, unsigned int n)
{
	char text[32];

	snprintf(text, sizeof(text), "thing %u", n);
	return ec_seen_add(s, text, strlen(text));
}

/* The newest `max` are known, and no more than twice as many. */
static void test_bounds(void **state)
{
	struct ec_seen *s = NULL;
	unsigned int again = 0;

	assert_int_equal(ec_seen_new(5000, &s), 0);
	for (unsigned int i = 0; i < 20000; i++)
		assert_true(add(s, i));
	for (unsigned int i = 15000; i < 20000; i++)
		assert_false(add(s, i));
	for (unsigned int i = 0; i < 10000; i++)
		again += add(s, i);
	assert_int_equal(again, 10000);
	ec_seen_free(s);
	ec_seen_free(NULL);
}

static void test_odd(void **state)
{
	struct ec_seen *s = NULL;

	assert_int_equal(ec_seen_new(4, &s), 0);
	assert_true(ec_seen_add(s, "", 0));
	assert_false(ec_seen_add(s, "", 0));
	assert_true(ec_seen_add(s, "\0", 1));
	assert_true(ec_seen_add(s, "\0\0", 2));
	assert_false(ec_seen_add(s, "\0", 1));
	ec_seen_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
