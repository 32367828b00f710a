// SPDX-License-Identifier: GPL-2.0-only
#include "capture/attach.h"
#include "base/fds.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Outputs and pipes must end when the capture does: nothing but the probes is kept. */
static int close_others(const struct ec_links *l, int done, int go)
{
	int *keep = malloc((l->n + 2) * sizeof(*keep));

	if (!keep)
		return -ENOMEM;
	memcpy(keep, l->fds, l->n * sizeof(*keep));
	keep[l->n] = done;
	keep[l->n + 1] = go;
	ec_fds_close_others(0, keep, l->n + 2);
	return 0;
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
	/* else it would hold a mount or an output; its end closes the probes as well */
	if (chdir("/") || close_others(l, done, go[0]))
		return;
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
