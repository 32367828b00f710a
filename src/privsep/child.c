// SPDX-License-Identifier: GPL-2.0-only
#include "privsep/child.h"
#include "base/fds.h"
#include "base/util.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEP_MAX 640 /* outputs, and a perf buffer for each of 512 CPUs */

static void close_others(const int *keep, size_t nkeep, int sock)
{
	int fds[KEEP_MAX + 1];
	size_t n = EC_MIN(nkeep, (size_t)KEEP_MAX);

	memcpy(fds, keep, n * sizeof(*fds));
	fds[n++] = sock;
	ec_fds_close_others(3, fds, n);
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
