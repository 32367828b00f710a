// SPDX-License-Identifier: GPL-2.0-only
#include "app/launch.h"
#include "base/fail.h"
#include "base/fds.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* As a shell says it: its own, or 128 + signal. */
static int exit_status(int st)
{
	return WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
}

void ec_launch_init(struct ec_launch *l)
{
	struct sigaction a;

	memset(l, 0, sizeof(*l));
	l->reaper = -1;
	l->go = l->failed = -1;
	getrlimit(RLIMIT_NOFILE, &l->legacy.files);
	getrlimit(RLIMIT_MEMLOCK, &l->legacy.locked);
	sigprocmask(SIG_SETMASK, NULL, &l->legacy.mask);
	sigemptyset(&l->legacy.ignored);
	for (int i = 1; i < NSIG; i++) {
		if (!sigaction(i, NULL, &a) && a.sa_handler == SIG_IGN)
			sigaddset(&l->legacy.ignored, i);
	}
}

/* As if we were not between: `nohup` reaches the command too. */
static void inherit(const struct ec_legacy *g)
{
	for (int i = 1; i < NSIG; i++)
		signal(i, sigismember(&g->ignored, i) == 1 ? SIG_IGN : SIG_DFL);
	sigprocmask(SIG_SETMASK, &g->mask, NULL);
	setrlimit(RLIMIT_NOFILE, &g->files);
	setrlimit(RLIMIT_MEMLOCK, &g->locked);
}

static void command_run(char **argv, const struct ec_legacy *g, int go, int failed)
{
	char b;
	int err;

	inherit(g);
	if (read(go, &b, 1) != 1)
		_exit(127); /* cancelled */
	/* stdout is for data only */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp(argv[0], argv);
	err = errno;
	if (write(failed, &err, sizeof(err)) < 0)
		err = errno;
	_exit(err == ENOENT ? 127 : 126);
}

/* Lives until the last descendant is gone. */
static void reaper_run(pid_t command)
{
	int status = 0, st;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &st, 0);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			break;
		if (pid == command)
			status = exit_status(st);
	}
	_exit(status);
}

static void reaper_main(char **argv, const struct ec_legacy *g, int go[2], int failed[2],
			int told)
{
	sigset_t none;
	pid_t pid;

	prctl(PR_SET_NAME, "ec-reaper");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		close(failed[0]);
		command_run(argv, g, go[0], failed[1]);
	}
	/* the terminal's signals are the command's business */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (write(told, &pid, sizeof(pid)) < 0)
		_exit(126);
	/* nothing of ours may stay open in it: pipes, outputs, links */
	ec_fds_close_others(3, &told, 0);
	if (pid < 0)
		_exit(126);
	reaper_run(pid);
}

int ec_launch_new(char **argv, struct ec_launch *l)
{
	int go[2], failed[2], told[2];
	ssize_t n;

	if (pipe2(go, O_CLOEXEC) || pipe2(failed, O_CLOEXEC) || pipe2(told, O_CLOEXEC))
		return -errno;
	l->reaper = fork();
	if (l->reaper < 0)
		return -errno;
	if (l->reaper == 0)
		reaper_main(argv, &l->legacy, go, failed, told[1]);
	l->name = argv[0];
	close(go[0]);
	close(failed[1]);
	close(told[1]);
	n = read(told[0], &l->command, sizeof(l->command));
	close(told[0]);
	l->go = go[1];
	l->failed = failed[0];
	return n == sizeof(l->command) && l->command > 0 ? 0 : -ECHILD;
}

void ec_launch_settled(struct ec_launch *l, const struct ec_hold_opts *o)
{
	int err;

	if (l->go < 0) {
		ec_hold_settled(l->hold);
		return;
	}
	err = o ? ec_hold_new(o, l->command, &l->hold) : 0;
	if (err)
		ec_debug("command %d: not held: %s", l->command, strerror(-err));
	if (write(l->go, "", 1) != 1)
		ec_debug("command %d: %s", l->command, strerror(errno));
	close(l->go);
	l->go = -1;
}

bool ec_launch_reap(struct ec_launch *l, int *status)
{
	int st, err;

	ec_hold_poll(l->hold);
	if (l->reaper <= 0 || waitpid(l->reaper, &st, WNOHANG) <= 0)
		return false;
	l->reaper = -1;
	*status = exit_status(st);
	if (read(l->failed, &err, sizeof(err)) == sizeof(err))
		ec_fail(EC_FAIL_COMMAND_RUN, l->name, strerror(err));
	close(l->failed);
	l->failed = -1;
	return true;
}

void ec_launch_cancel(struct ec_launch *l)
{
	if (l->reaper <= 0 || (l->go < 0 && !ec_hold_pending(l->hold)))
		return;
	if (l->go >= 0)
		close(l->go);
	l->go = -1;
	ec_hold_free(l->hold);
	l->hold = NULL;
	waitpid(l->reaper, NULL, 0);
	l->reaper = -1;
}

void ec_launch_free(struct ec_launch *l)
{
	ec_hold_free(l->hold);
	l->hold = NULL;
	if (l->failed >= 0)
		close(l->failed);
	l->failed = -1;
}
