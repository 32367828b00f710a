// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/fds.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/wait.h>

#define N	       60
#define NR_CLOSE_RANGE 436

/* A kernel before 5.9, for this process. */
static int without_close_range(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int err = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), NR_CLOSE_RANGE, 0);

	if (!err)
		err = seccomp_load(f);
	seccomp_release(f);
	return err;
}

/* 0, or the number of the check that failed. */
static int in_child(bool old)
{
	int fds[N], keep[4];

	if (old && without_close_range())
		return 1;
	for (int i = 0; i < N; i++) {
		fds[i] = open("/dev/null", O_RDONLY);
		if (fds[i] < 0)
			return 2;
	}
	keep[0] = fds[40];
	keep[1] = 1; /* below the first */
	keep[2] = fds[7];
	keep[3] = fds[40]; /* twice */
	ec_fds_close_others(3, keep, EC_ARRAY_SIZE(keep));
	for (int i = 0; i < N; i++)
		if ((fcntl(fds[i], F_GETFD) >= 0) != (i == 7 || i == 40))
			return 3;
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return 4;
	ec_fds_close_others(0, NULL, 0);
	return fcntl(0, F_GETFD) >= 0 || fcntl(fds[7], F_GETFD) >= 0 ? 5 : 0;
}

static void closes(bool old)
{
	int st;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(in_child(old));
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_true(WIFEXITED(st));
	assert_int_equal(WEXITSTATUS(st), 0);
}

static void by_close_range(void **state)
{
	closes(false);
}

static void by_list(void **state)
{
	closes(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_close_range),
		cmocka_unit_test(by_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
