// SPDX-License-Identifier: GPL-2.0-only
/* Lives of processes, as the watch tells them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "unit/discover/watching.h"
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* What was told of a process; others come and go on the host meanwhile. */
static struct told {
	pid_t pid; /* of whom it is noted */
	unsigned int forks, execs, exits;
	pid_t parent;
	char order[32];
} told;

static void note(char c)
{
	size_t n = strlen(told.order);

	if (n + 1 < sizeof(told.order))
		told.order[n] = c;
}

static void see_fork(void *ctx, pid_t parent, pid_t child)
{
	assert_ptr_equal(ctx, &told);
	assert_int_not_equal(parent, child);
	if (child != told.pid)
		return;
	told.forks++;
	told.parent = parent;
	note('f');
}

static void see_exec(void *ctx, pid_t pid)
{
	assert_ptr_equal(ctx, &told);
	told.execs += pid == told.pid;
	if (pid == told.pid)
		note('e');
}

static void see_exit(void *ctx, pid_t pid)
{
	assert_ptr_equal(ctx, &told);
	told.exits += pid == told.pid;
	if (pid == told.pid)
		note('x');
}

/* On one CPU: events of several come in any order. */
static void stay_here(void)
{
	int cpu = sched_getcpu();
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_true(cpu >= 0);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void *thread_that_ends(void *arg)
{
	return arg;
}

/* In the child: threads come and go, then another program is run, which ends. */
static void live(bool exec)
{
	for (int i = 0; i < 3; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, thread_that_ends, NULL) ||
		    pthread_join(t, NULL))
			_exit(20);
	}
	if (exec)
		execl("/bin/true", "true", NULL);
	_exit(exec ? 21 : 0);
}

static void run_one(bool exec)
{
	cpu_set_t before;
	int hold[2], status;
	char c;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(pipe(hold), 0);
	assert_int_equal(ec_watch_read(watch), 0); /* what came before is no matter */
	memset(&told, 0, sizeof(told));
	stay_here();
	told.pid = fork();
	assert_true(told.pid >= 0);
	if (!told.pid) {
		close(hold[1]);
		if (read(hold[0], &c, 1) != 0)
			_exit(22);
		live(exec);
	}
	wait_and_read();
	assert_string_equal(told.order, "f"); /* it has not lived yet */
	assert_int_equal(told.parent, getpid());
	close(hold[1]);
	assert_int_equal(waitpid(told.pid, &status, 0), told.pid);
	assert_int_equal(status, 0);
	close(hold[0]);
	for (int i = 0; i < 100 && !told.exits; i++)
		wait_and_read();
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

static const struct ec_watch_ops all_ops = {see_fork, see_exec, see_exit};

static void processes_come_and_go(void **state)
{
	need_root();
	ec_watch_processes(watch, &all_ops, &told);
	run_one(false);
	assert_string_equal(told.order, "fx"); /* its threads are not told */
	run_one(true);
	assert_string_equal(told.order, "fex");
}

static void a_new_name_is_no_exec(void **state)
{
	char had[16];

	need_root();
	ec_watch_processes(watch, &all_ops, &told);
	memset(&told, 0, sizeof(told));
	told.pid = getpid();
	assert_int_equal(prctl(PR_GET_NAME, had), 0);
	assert_int_equal(prctl(PR_SET_NAME, "another"), 0);
	wait_and_read();
	assert_int_equal(prctl(PR_SET_NAME, had), 0);
	assert_int_equal(told.execs, 0);
}

/* Whoever wants nothing of processes gets nothing, and each may be left out. */
static void processes_not_asked_for(void **state)
{
	static const struct ec_watch_ops none, only_exit = {.exit = see_exit};
	int status;
	pid_t pid;

	need_root();
	for (int i = 0; i < 3; i++) {
		memset(&told, 0, sizeof(told));
		if (i)
			ec_watch_processes(watch, i == 1 ? &none : &only_exit, &told);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			live(true);
		told.pid = pid;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		for (int n = 0; n < 100 && i == 2 && !told.exits; n++)
			wait_and_read();
		assert_int_equal(ec_watch_read(watch), 0);
		assert_string_equal(told.order, i == 2 ? "x" : "");
	}
}

#define ONE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		// clang-format off
		ONE(processes_come_and_go),
		ONE(a_new_name_is_no_exec),
		ONE(processes_not_asked_for),
		// clang-format on
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
