/* SPDX-License-Identifier: GPL-2.0-only */
/* Folders in cgroup hierarchies and processes in them. Include after <cmocka.h>. */
#ifndef EC_TESTS_UNIT_HOST_IN_CGROUP_H
#define EC_TESTS_UNIT_HOST_IN_CGROUP_H

#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "waiting_child.h"

/* False when the process may not enter. */
EC_UNUSED static bool cgroup_enter(const char *folder)
{
	char path[PATH_MAX];
	int fd;
	bool ok;

	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ok = fd >= 0 && write(fd, "0", 1) == 1;
	if (fd >= 0)
		close(fd);
	return ok;
}

static pid_t cgroup_pids[16]; /* of this test program */

static bool cgroup_begin(const void *folder)
{
	return cgroup_enter(folder);
}

/* A process in that folder, until cgroup_leave(). */
EC_UNUSED static pid_t cgroup_fork(const char *folder)
{
	pid_t pid = waiting_child(cgroup_begin, folder);

	for (size_t i = 0; i < EC_ARRAY_SIZE(cgroup_pids); i++) {
		if (!cgroup_pids[i]) {
			cgroup_pids[i] = pid;
			break;
		}
	}
	return pid;
}

EC_UNUSED static void cgroup_leave(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (size_t i = 0; i < EC_ARRAY_SIZE(cgroup_pids); i++) {
		if (cgroup_pids[i] == pid)
			cgroup_pids[i] = 0;
	}
}

/* What failed tests left. */
EC_UNUSED static void cgroup_leave_all(void)
{
	for (size_t i = 0; i < EC_ARRAY_SIZE(cgroup_pids); i++) {
		if (cgroup_pids[i])
			cgroup_leave(cgroup_pids[i]);
	}
}

/* The kernel may hold a folder for a moment after its last process has ended. */
EC_UNUSED static void cgroup_remove(const char *folder)
{
	for (int i = 0; rmdir(folder) && errno == EBUSY && i < 200; i++)
		usleep(10000);
}

/* Runs fn in a child; its value is 0 when all it looked at was right. */
EC_UNUSED static void in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* In in_child(): the line that was not right is the child's last word. */
#define WANT(cond)                                                                 \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			return 1;                                                  \
		}                                                                  \
	} while (0)

#endif
