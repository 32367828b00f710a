// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/util.h"
#include "discover/users.h"
#include <string.h>

#define TARGETS	 64
#define PIDS_MAX 65536 /* as in users.c */

static struct ec_users *u;
static int users[TARGETS]; /* by what was told */
static unsigned int told;

static void on_users(void *ctx, uint32_t target, int delta)
{
	assert_ptr_equal(ctx, users);
	assert_true(target < TARGETS);
	assert_true(delta == 1 || delta == -1);
	users[target] += delta;
	assert_true(users[target] >= 0);
	told++;
}

static int setup(void **state)
{
	memset(users, 0, sizeof(users));
	told = 0;
	return ec_users_new(on_users, users, &u);
}

static int teardown(void **state)
{
	unsigned int before = told;

	ec_users_free(u);
	assert_int_equal(told, before); /* it tells nothing */
	return 0;
}

static void each_pair_once(void **state)
{
	assert_int_equal(ec_users_add(u, 10, 1), 0);
	assert_int_equal(ec_users_add(u, 10, 1), 0);
	assert_int_equal(ec_users_add(u, 11, 1), 0);
	assert_int_equal(ec_users_add(u, 10, 2), 0);
	assert_int_equal(users[1], 2);
	assert_int_equal(users[2], 1);
	assert_int_equal(told, 3);
}

/* More than there is room for at first: none is forgotten, and none told twice. */
static void many_targets(void **state)
{
	for (int round = 0; round < 2; round++) {
		for (uint32_t t = 0; t < TARGETS; t++)
			assert_int_equal(ec_users_add(u, 10, t), 0);
	}
	for (int t = 0; t < TARGETS; t++)
		assert_int_equal(users[t], 1);
	assert_int_equal(told, TARGETS);
	ec_users_gone(u, 10);
	for (int t = 0; t < TARGETS; t++)
		assert_int_equal(users[t], 0);
	assert_int_equal(told, 2 * TARGETS);
}

static void gone(void **state)
{
	ec_users_add(u, 10, 1);
	ec_users_add(u, 11, 1);
	ec_users_gone(u, 10);
	assert_int_equal(users[1], 1);
	ec_users_gone(u, 10);
	ec_users_gone(u, 99);
	assert_int_equal(users[1], 1);
	/* the number again: another process */
	ec_users_add(u, 10, 1);
	assert_int_equal(users[1], 2);
}

static void fork_is_a_user_of_the_same(void **state)
{
	ec_users_add(u, 10, 1);
	ec_users_add(u, 10, 2);
	ec_users_add(u, 10, 3);
	ec_users_fork(u, 10, 20);
	ec_users_fork(u, 99, 21); /* uses nothing */
	for (int t = 1; t <= 3; t++)
		assert_int_equal(users[t], 2);
	/* told late, when the child has been seen by itself: still once */
	ec_users_add(u, 30, 2);
	ec_users_fork(u, 10, 30);
	assert_int_equal(users[2], 3);
	assert_int_equal(users[3], 3);
	ec_users_gone(u, 10);
	ec_users_gone(u, 20);
	ec_users_gone(u, 30);
	for (int t = 1; t <= 3; t++)
		assert_int_equal(users[t], 0);
}

static bool is_odd(pid_t pid)
{
	return pid & 1;
}

static void check_takes_out_the_gone(void **state)
{
	for (pid_t pid = 1; pid <= 100; pid++)
		assert_int_equal(ec_users_add(u, pid, (uint32_t)pid % 4), 0);
	ec_users_check(u, is_odd);
	assert_int_equal(users[0], 25);
	assert_int_equal(users[1], 0);
	assert_int_equal(users[2], 25);
	assert_int_equal(users[3], 0);
	ec_users_check(u, is_odd);
	assert_int_equal(told, 150);
}

/* Full: the one that was met longest ago is told as gone, so that the sums hold. */
static void bounded(void **state)
{
	for (pid_t pid = 1; pid <= PIDS_MAX; pid++)
		assert_int_equal(ec_users_add(u, pid, pid == 1 || pid == 2), 0);
	assert_int_equal(users[1], 2);
	ec_users_add(u, 1, 1); /* met again */
	ec_users_add(u, PIDS_MAX + 1, 0);
	assert_int_equal(users[1], 1);
	assert_int_equal(users[0], PIDS_MAX - 2 + 1);
	/* a fork whose parent has to go for its child */
	ec_users_gone(u, 3);
	for (pid_t pid = 4; pid <= PIDS_MAX; pid++)
		ec_users_add(u, pid, 0);
	ec_users_add(u, PIDS_MAX + 1, 0);
	ec_users_add(u, PIDS_MAX + 2, 0); /* now full, pid 1 the oldest */
	ec_users_fork(u, 1, PIDS_MAX + 3);
	assert_int_equal(users[1], 1);
}

#define ONE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		// clang-format off
		ONE(each_pair_once),
		ONE(many_targets),
		ONE(gone),
		ONE(fork_is_a_user_of_the_same),
		ONE(check_takes_out_the_gone),
		ONE(bounded),
		// clang-format on
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
