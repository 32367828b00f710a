// SPDX-License-Identifier: GPL-2.0-only
#include "capture/attach.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static int by_number(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Outputs and pipes must end when the capture does: nothing but the probes is kept. */
static void close_others(const struct ec_links *l, int done, int go)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	qsort(l->fds, l->n, sizeof(*l->fds), by_number);
	while (d && (e = readdir(d))) {
		int fd = strtol(e->d_name, NULL, 10);

		if (e->d_name[0] != '.' && fd != dirfd(d) && fd != done && fd != go &&
		    !bsearch(&fd, l->fds, l->n, sizeof(fd), by_number))
			close(fd);
	}
	if (d)
		closedir(d);
}

static void retire(const struct ec_links *l, int done, int go[2])
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
	sigset_t none;
	char end;

	setsid();
	prctl(PR_SET_NAME, "ec-retire");
	for (size_t i = 0; i < EC_ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir("/"))
		return; /* it would hold a mount; nothing is worth that */
	close(go[1]);
	close_others(l, done, go[0]);
	/* its end says that the other process has closed its own: the last to close pays
	 */
	while (read(go[0], &end, 1) < 0 && errno == EINTR)
		;
	for (size_t i = 0; i < l->n; i++)
		close(l->fds[i]);
}

/* The middle process ends at once, so that the last one is nobody's zombie. */
static int spawn(const struct ec_links *l, int done, int go[2])
{
	pid_t pid = fork();
	int st = 0;

	if (pid < 0)
		return -errno;
	if (!pid) {
		pid = fork();
		if (!pid)
			retire(l, done, go);
		_exit(pid < 0);
	}
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(st) && !WEXITSTATUS(st) ? 0 : -EAGAIN;
}

void ec_links_retire(struct ec_links *l, int wait_ms)
{
	int done[2], go[2];

	if (!l->n)
		return;
	if (pipe2(done, O_CLOEXEC)) {
		ec_links_close(l);
		return;
	}
	if (pipe2(go, O_CLOEXEC)) {
		close(done[0]);
		close(done[1]);
		ec_links_close(l);
		return;
	}
	if (!spawn(l, done[1], go)) {
		struct pollfd p = {.fd = done[0]}; /* only its end is waited for */

		close(done[1]);
		done[1] = -1;
		for (size_t i = 0; i < l->n; i++)
			close(l->fds[i]); /* not the last reference: takes no time */
		close(go[1]);
		go[1] = -1;
		poll(&p, 1, wait_ms);
		free(l->fds);
		*l = (struct ec_links){0};
	} else {
		ec_links_close(l);
	}
	close(done[0]);
	close(go[0]);
	if (done[1] >= 0)
		close(done[1]);
	if (go[1] >= 0)
		close(go[1]);
}
