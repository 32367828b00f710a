// SPDX-License-Identifier: GPL-2.0-only
#include "privsep/child.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static int status_of(void (*run)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		run();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void nothing_new(void)
{
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EPERM)
		_exit(1);
	if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || fork() >= 0)
		_exit(2);
}

static void planner(void)
{
	if (ec_sandbox_planner())
		_exit(3);
	nothing_new();
}

static void worker(void)
{
	if (ec_sandbox_worker())
		_exit(3);
	nothing_new();
}

/* The planner limits the time of a file: that must not fail without a word. */
static void for_ever(void)
{
	struct itimerval t = {.it_value.tv_usec = 20000};

	if (ec_sandbox_planner() || setitimer(ITIMER_PROF, &t, NULL))
		_exit(3);
	for (volatile unsigned int i = 0; i < UINT32_MAX; i++)
		;
}

static void test_nothing_new(void **state)
{
	assert_int_equal(status_of(planner), 0);
	assert_int_equal(status_of(worker), 0);
}

static void test_time_limit(void **state)
{
	int status = status_of(for_ever);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPROF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_new),
		cmocka_unit_test(test_time_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
