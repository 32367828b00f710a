// SPDX-License-Identifier: GPL-2.0-only
#include "app/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int ec_launch_status(int st)
{
	return WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
}

static void signals_default(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
}

static void command_run(char **argv, int go, int failed)
{
	char b;
	int err;

	signals_default();
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

	/* the terminal's signals are the command's business */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (;;) {
		pid = waitpid(-1, &st, 0);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			break;
		if (pid == command)
			status = ec_launch_status(st);
	}
	_exit(status);
}

static void reaper_main(char **argv, int go[2], int failed[2], int told)
{
	pid_t pid;

	prctl(PR_SET_NAME, "ec-reaper");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signals_default();
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		close(failed[0]);
		command_run(argv, go[0], failed[1]);
	}
	if (write(told, &pid, sizeof(pid)) < 0)
		_exit(126);
	/* nothing of ours may stay open in it: pipes, outputs, links */
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
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
		reaper_main(argv, go, failed, told[1]);
	close(go[0]);
	close(failed[1]);
	close(told[1]);
	n = read(told[0], &l->command, sizeof(l->command));
	close(told[0]);
	l->go = go[1];
	l->failed = failed[0];
	return n == sizeof(l->command) && l->command > 0 ? 0 : -ECHILD;
}

int ec_launch_go(struct ec_launch *l)
{
	int err = 0;

	if (write(l->go, "", 1) != 1)
		err = errno;
	close(l->go);
	l->go = -1;
	if (!err && read(l->failed, &err, sizeof(err)) != sizeof(err))
		err = 0; /* closed by exec */
	close(l->failed);
	l->failed = -1;
	return -err;
}

void ec_launch_cancel(struct ec_launch *l)
{
	if (l->go < 0)
		return;
	close(l->go);
	close(l->failed);
	l->go = l->failed = -1;
	waitpid(l->reaper, NULL, 0);
	l->reaper = -1;
}
