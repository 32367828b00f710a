/* SPDX-License-Identifier: GPL-2.0-only */
/* A child that has done something and waits to be killed. Behind cmocka.h. */
#ifndef EC_TESTS_UNIT_HOST_WAITING_CHILD_H
#define EC_TESTS_UNIT_HOST_WAITING_CHILD_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Dies with us, too. */
static inline pid_t waiting_child(bool (*begin)(const void *arg), const void *arg)
{
	int ready[2];
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		c = begin(arg) ? 'y' : 'n';
		if (write(ready[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	assert_int_equal(c, 'y');
	return pid;
}

#endif
