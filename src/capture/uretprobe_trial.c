// SPDX-License-Identifier: GPL-2.0-only
#include "capture/uretprobe_trial.h"
#include "base/util.h"
#include "capture/own.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define WAIT_MS	 5000
#define NAP_MS	 2
#define NO_TRIAL 77 /* the child could not come to the call */

/*
 * By ourselves, not by libseccomp: that allocates, which a child of a process with
 * threads must not. Of this architecture's system calls only, as ours are.
 */
static int filter_set(void)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {EC_ARRAY_SIZE(insns), insns};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) ? -errno : 0;
}

/* In the child: waits until the probe is there, then all that it may do is to end. */
static void child_run(int go)
{
	struct rlimit no_core = {0, 0};
	char byte;

	setrlimit(RLIMIT_CORE, &no_core);
	if (read(go, &byte, 1) != 1 || filter_set())
		syscall(SYS_exit_group, NO_TRIAL);
	syscall(SYS_exit_group, ec_own_here() == EC_OWN_VALUE ? 0 : 1);
}

static int child_wait(pid_t pid)
{
	const struct timespec nap = {0, NAP_MS * 1000000};
	int status;

	for (int i = 0; i < WAIT_MS / NAP_MS; i++) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return status;
		if (got < 0 && errno != EINTR)
			return -errno;
		nanosleep(&nap, NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -ETIMEDOUT;
}

/* 1: came back with the right value, 0: did not, -errno. probe NULL: without one. */
static int run(struct ec_own *probe, const struct ec_features *f)
{
	struct ec_links links = {0};
	int go[2], err = 0, status;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		close(go[1]); /* or it would wait for itself */
		child_run(go[0]);
	}
	if (pid < 0)
		err = -errno;
	close(go[0]);
	if (!err && probe) {
		probe->pid = pid;
		err = ec_own_attach(&links, probe, f);
	}
	/* the end of the pipe without a byte sends the child home */
	if (!err && write(go[1], "", 1) != 1)
		err = -errno;
	close(go[1]);
	status = pid > 0 ? child_wait(pid) : err;
	ec_links_close(&links);
	if (err || status < 0)
		return err ? err : status;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_TRIAL)
		return -ENOSYS;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

int ec_uretprobe_trial(const struct ec_features *f)
{
	struct ec_own_count c;
	struct ec_own o = {
		.function = (uintptr_t)ec_own_here,
		.multi = f->uprobe_multi,
		.is_return = true,
	};
	uint64_t n = 0;
	int rc, err;

	/* first without: who dies of that says nothing about probes */
	rc = run(NULL, f);
	if (rc <= 0)
		return rc ? rc : -EIO;
	err = ec_own_count_new(&c, o.multi);
	if (err)
		return err;
	o.program = c.program;
	rc = run(&o, f);
	if (rc == 1) {
		err = ec_own_count_get(&c, &n);
		if (err || !n)
			rc = err ? err : -ENXIO;
	}
	ec_own_count_free(&c);
	return rc;
}
