// SPDX-License-Identifier: GPL-2.0-only
/*
 * Odd lives of a process, around COMMAND:
 *
 *   lives leader COMMAND…   the first thread ends; another one forks, the child execs
 *   lives thread COMMAND…   a thread execs, while the first one and others are there
 *   lives vfork COMMAND…    vfork, then exec
 */
#include <err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char **command;
static pthread_t leader;

static void run(void)
{
	execvp(command[0], command);
	err(127, "%s", command[0]);
}

static void *sleeper(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *fork_alone(void *arg)
{
	int st = 0;
	pid_t pid;

	pthread_join(leader, NULL);
	usleep(100000); /* it is a zombie by then */
	pid = fork();
	if (pid == 0)
		run();
	if (pid < 0 || waitpid(pid, &st, 0) != pid || st)
		exit(1);
	exit(0);
	return arg;
}

static void *exec_here(void *arg)
{
	run();
	return arg;
}

static void vfork_one(void)
{
	int st = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	exit(pid < 0 || waitpid(pid, &st, 0) != pid || st);
}

int main(int argc, char **argv)
{
	pthread_t t;

	if (argc < 3)
		errx(2, "lives leader|thread|vfork COMMAND...");
	command = argv + 2;
	leader = pthread_self();
	if (!strcmp(argv[1], "vfork"))
		vfork_one();
	if (!strcmp(argv[1], "leader")) {
		if (pthread_create(&t, NULL, fork_alone, NULL))
			errx(1, "no thread");
		pthread_exit(NULL);
	}
	if (pthread_create(&t, NULL, sleeper, NULL) ||
	    pthread_create(&t, NULL, exec_here, NULL))
		errx(1, "no thread");
	sleeper(NULL);
}
