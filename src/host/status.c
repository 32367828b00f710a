// SPDX-License-Identifier: GPL-2.0-only
#include "host/status.h"
#include "base/util.h"
#include "host/ns.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h, shown in the stat file */

static ssize_t slurp(pid_t pid, const char *name, char *out, size_t n)
{
	char path[48];
	_ec_close_ int fd = -1;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, out, n - 1);
	if (got < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	out[got] = 0;
	return got;
}

/* A newline in a name is written as \n there, so no name can forge a line. */
static long number(const char *text, const char *key, long otherwise)
{
	const char *p = strstr(text, key);
	long v;

	return p && sscanf(p + strlen(key), "%ld", &v) == 1 ? v : otherwise;
}

static int read_text(pid_t pid, struct ec_status *s)
{
	char text[4096];
	ssize_t n = slurp(pid, "status", text, sizeof(text));
	const char *p;

	if (n < 0)
		return n;
	s->pid = number(text, "\nTgid:", pid);
	s->ppid = number(text, "\nPPid:", 0);
	s->tracer = number(text, "\nTracerPid:", 0);
	s->uid = number(text, "\nUid:", 0);
	s->threads = number(text, "\nThreads:", 1);
	s->seccomp = number(text, "\nSeccomp:", EC_SECCOMP_UNKNOWN);
	p = strstr(text, "\nState:");
	s->state = '?';
	if (p)
		sscanf(p + 7, " %c", &s->state);
	return 0;
}

/* The name as it is, and the flags behind it. */
static int read_stat(pid_t pid, struct ec_status *s)
{
	char text[1024], *open_at, *close_at;
	ssize_t n = slurp(pid, "stat", text, sizeof(text));
	unsigned int flags = 0;

	if (n < 0)
		return n;
	open_at = strchr(text, '(');
	close_at = strrchr(text, ')');
	if (!open_at || !close_at || close_at < open_at)
		return -ESRCH;
	*close_at = 0;
	snprintf(s->comm, sizeof(s->comm), "%s", open_at + 1);
	sscanf(close_at + 1, " %*c %*d %*d %*d %*d %*d %u", &flags);
	s->kernel_thread = flags & PF_KTHREAD;
	return 0;
}

static void read_exe(pid_t pid, struct ec_status *s)
{
	int ret = ec_proc_exe(pid, s->exe, sizeof(s->exe));

	s->exe_deleted = ret == 1;
	s->exe_err = EC_MIN(ret, 0);
	if (ret < 0)
		s->exe[0] = 0;
}

static void read_ns(pid_t pid, struct ec_status *s)
{
	static const char *const names[] = {"mnt", "pid", "net", "user", "cgroup"};
	size_t at = 0;

	for (size_t i = 0; i < EC_ARRAY_SIZE(names) && !s->ns_err; i++) {
		uint64_t theirs, ours;

		if (ec_ns_id(getpid(), names[i], &ours))
			continue; /* this kernel has none of these */
		s->ns_err = ec_ns_id(pid, names[i], &theirs);
		if (!s->ns_err && ours != theirs)
			at += snprintf(s->other_ns + at, sizeof(s->other_ns) - at, "%s%s",
				       at ? ", " : "", names[i]);
	}
}

int ec_status_read(pid_t pid, struct ec_status *out)
{
	int err;

	memset(out, 0, sizeof(*out));
	err = read_text(pid, out);
	if (!err)
		err = read_stat(pid, out);
	if (err)
		return err;
	read_exe(pid, out);
	read_ns(pid, out);
	return 0;
}
