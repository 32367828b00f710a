// SPDX-License-Identifier: GPL-2.0-only
/* Real processes: ourselves, children in the states that matter, a kernel thread. */
#include "host/status.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void test_self(void **state)
{
	char exe[PATH_MAX] = {0};
	struct ec_status s;

	prctl(PR_SET_NAME, "a) R 1 (\nUid:\t7");
	assert_int_equal(ec_status_read(getpid(), &s), 0);
	assert_string_equal(s.comm, "a) R 1 (\nUid:\t7");
	assert_int_equal(s.pid, getpid());
	assert_int_equal(s.ppid, getppid());
	assert_int_equal(s.uid, getuid());
	assert_int_equal(s.threads, 1);
	assert_int_equal(s.tracer, 0);
	assert_false(s.kernel_thread);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_string_equal(s.exe, exe);
	assert_false(s.exe_deleted);
	assert_string_equal(s.other_ns, "");
}

static pid_t child(void (*fn)(int ready))
{
	int p[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (!pid) {
		fn(p[1]);
		_exit(0);
	}
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 1);
	close(p[0]);
	return pid;
}

static void seccomp_strict(int ready)
{
	prctl(PR_SET_SECCOMP, 1);
	if (write(ready, "x", 1) != 1)
		return;
	for (;;)
		;
}

static void test_seccomp(void **state)
{
	pid_t pid = child(seccomp_strict);
	struct ec_status s;

	assert_int_equal(ec_status_read(pid, &s), 0);
	assert_int_equal(s.seccomp, EC_SECCOMP_STRICT);
	assert_int_equal(s.ppid, getpid());
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void ends(int ready)
{
	if (write(ready, "x", 1) != 1)
		return;
}

static void test_zombie(void **state)
{
	pid_t pid = child(ends);
	struct ec_status s;
	siginfo_t si;

	waitid(P_PID, pid, &si, WEXITED | WNOWAIT);
	assert_int_equal(ec_status_read(pid, &s), 0);
	assert_int_equal(s.state, 'Z');
	assert_string_equal(s.exe, "");
	waitpid(pid, NULL, 0);
	assert_int_equal(ec_status_read(pid, &s), -ESRCH);
}

static void test_kernel_thread(void **state)
{
	struct ec_status s;

	if (ec_status_read(2, &s) || !s.kernel_thread) /* another pid namespace */
		skip();
	assert_string_equal(s.comm, "kthreadd");
	assert_string_equal(s.exe, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_zombie),
		cmocka_unit_test(test_kernel_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
