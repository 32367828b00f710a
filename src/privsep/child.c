// SPDX-License-Identifier: GPL-2.0-only
#include "privsep/child.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEP_MAX 640 /* outputs, and a perf buffer for each of 512 CPUs */

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void close_between(unsigned int first, unsigned int last)
{
	struct dirent *e;
	DIR *d;

	if (first > last)
		return;
#ifdef SYS_close_range
	if (!syscall(SYS_close_range, first, last, 0))
		return;
#endif
	/* before 5.9 */
	if (last > (unsigned int)sysconf(_SC_OPEN_MAX))
		last = sysconf(_SC_OPEN_MAX);
	d = opendir("/proc/self/fd"); /* the limit may be 2^30, and nearly all are free */
	while (d && (e = readdir(d))) {
		unsigned long fd = strtoul(e->d_name, NULL, 10);

		if (e->d_name[0] != '.' && fd >= first && fd <= last &&
		    fd != (unsigned long)dirfd(d))
			close(fd);
	}
	if (d) {
		closedir(d);
		return;
	}
	for (unsigned int fd = first; fd <= last; fd++)
		close(fd);
}

static void close_others(const int *keep, size_t nkeep, int sock)
{
	int fds[KEEP_MAX + 1];
	size_t n = 0;
	int next = 3;

	for (size_t i = 0; i < nkeep && n < KEEP_MAX; i++)
		if (keep[i] > 2)
			fds[n++] = keep[i];
	fds[n++] = sock;
	qsort(fds, n, sizeof(fds[0]), by_number);
	for (size_t i = 0; i < n; i++) {
		if (fds[i] > next)
			close_between(next, fds[i] - 1);
		if (fds[i] >= next)
			next = fds[i] + 1;
	}
	close_between(next, ~0u);
}

static void child_run(const char *name, ec_child_main_fn *fn, void *ctx, const int *keep,
		      size_t nkeep, int sock)
{
	static const int ignored[] = {SIGINT,  SIGTERM, SIGHUP, SIGUSR1,
				      SIGUSR2, SIGPIPE, SIGQUIT};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, name);
	close_others(keep, nkeep, sock);
	_exit(fn(ctx, sock));
}

int ec_child_spawn(const char *name, ec_child_main_fn *fn, void *ctx, const int *keep,
		   size_t nkeep, struct ec_child *out)
{
	int size = 1 << 20;
	int sv[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return -errno;
	for (int i = 0; i < 2; i++)
		setsockopt(sv[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	pid = fork();
	if (pid < 0) {
		int err = -errno;

		close(sv[0]);
		close(sv[1]);
		return err;
	}
	if (pid == 0) {
		close(sv[0]);
		child_run(name, fn, ctx, keep, nkeep, sv[1]);
	}
	close(sv[1]);
	out->pid = pid;
	out->sock = sv[0];
	return 0;
}

void ec_child_end(struct ec_child *c, int kill_it)
{
	if (c->sock >= 0)
		close(c->sock);
	c->sock = -1;
	if (c->pid > 0) {
		if (kill_it)
			kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	c->pid = 0;
}
