// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "app/whos.h"
#include <stdio.h>
#include <string.h>

#define WHOS_MAX 16384 /* as in whos.c */

static struct ec_whos *w;

static int setup(void **state)
{
	return ec_whos_new(&w);
}

static int teardown(void **state)
{
	ec_whos_free(w);
	return 0;
}

static struct ec_rec_who record(uint64_t process, const char *container)
{
	struct ec_rec_who r = {
		.h = {.process = process},
		.verdict = EC_VERDICT_PASS,
		.ppid = 7,
		.ns_pid = (uint32_t)process + 1,
		.netns = 4026531840ull,
		.runtime = "docker",
		.exe = "/usr/bin/curl",
	};

	snprintf(r.container, sizeof(r.container), "%s", container);
	return r;
}

static void put(uint64_t process, const char *container)
{
	struct ec_rec_who r = record(process, container);

	assert_int_equal(ec_whos_put(w, &r), 0);
	memset(&r, 0xff, sizeof(r)); /* nothing of it is kept by reference */
}

static void test_all_of_it(void **state)
{
	const struct ec_who *a;

	assert_null(ec_whos_get(w, 5));
	put(5, "abc");
	put(6, "");
	a = ec_whos_get(w, 5);
	assert_non_null(a);
	assert_int_equal(a->verdict, EC_VERDICT_PASS);
	assert_int_equal(a->ppid, 7);
	assert_int_equal(a->ns_pid, 6);
	assert_true(a->netns == 4026531840ull);
	assert_string_equal(a->runtime, "docker");
	assert_string_equal(a->container, "abc");
	assert_string_equal(a->exe, "/usr/bin/curl");
	assert_true(ec_who_in_container(a));
	assert_string_equal(ec_whos_get(w, 6)->container, "");
	assert_false(ec_who_in_container(ec_whos_get(w, 6)));
	assert_false(ec_who_in_container(NULL));
}

/* The longest there are; strings of a checked record end with NUL. */
static void test_longest(void **state)
{
	struct ec_rec_who r = record(1, "");
	const struct ec_who *a;

	memset(r.runtime, 'r', sizeof(r.runtime) - 1);
	memset(r.container, 'c', sizeof(r.container) - 1);
	memset(r.exe, 'e', sizeof(r.exe) - 1);
	assert_int_equal(ec_whos_put(w, &r), 0);
	a = ec_whos_get(w, 1);
	assert_int_equal(strlen(a->runtime), sizeof(r.runtime) - 1);
	assert_int_equal(strlen(a->container), sizeof(r.container) - 1);
	assert_int_equal(strlen(a->exe), sizeof(r.exe) - 1);
	assert_string_equal(a->exe, r.exe);
}

/* Asked twice, or an answer that came late: the newest holds. */
static void test_again(void **state)
{
	struct ec_rec_who r = record(1, "new");

	put(1, "a longer one than the next");
	r.verdict = EC_VERDICT_DROP;
	assert_int_equal(ec_whos_put(w, &r), 0);
	assert_string_equal(ec_whos_get(w, 1)->container, "new");
	assert_int_equal(ec_whos_get(w, 1)->verdict, EC_VERDICT_DROP);
}

/* A use keeps: the one that was looked for longest ago goes first. */
static void test_bounded(void **state)
{
	for (uint64_t i = 1; i <= WHOS_MAX; i++)
		put(i, "x");
	assert_non_null(ec_whos_get(w, 1));
	put(WHOS_MAX + 1, "x");
	assert_non_null(ec_whos_get(w, 1));
	assert_null(ec_whos_get(w, 2));
	assert_non_null(ec_whos_get(w, 3));
	for (uint64_t i = 1; i <= WHOS_MAX; i++)
		put(WHOS_MAX + 1 + i, "y");
	assert_null(ec_whos_get(w, 1));
	assert_null(ec_whos_get(w, 3));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_all_of_it),
		CASE(test_longest),
		CASE(test_again),
		CASE(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
