// SPDX-License-Identifier: GPL-2.0-only
#include "host/status.h"
#include "base/util.h"
#include "host/ns.h"
#include "host/proc.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_text(pid_t pid, struct ec_status *s)
{
	char text[4096];
	ssize_t n = ec_proc_text(pid, "status", text, sizeof(text));
	const char *p;

	if (n < 0)
		return n;
	s->pid = EC_MAX(ec_proc_status_number(text, "Tgid", 10), 0) ?: pid;
	s->ppid = EC_MAX(ec_proc_status_number(text, "PPid", 10), 0);
	s->tracer = EC_MAX(ec_proc_status_number(text, "TracerPid", 10), 0);
	s->uid = EC_MAX(ec_proc_status_number(text, "Uid", 10), 0);
	s->threads = EC_MAX(ec_proc_status_number(text, "Threads", 10), 1);
	s->seccomp = ec_proc_status_number(text, "Seccomp", 10); /* -1: unknown */
	p = strstr(text, "\nState:");
	s->state = '?';
	if (p)
		sscanf(p + 7, " %c", &s->state);
	s->kernel_thread = ec_proc_is_kernel_thread(pid);
	return ec_proc_comm(pid, s->comm);
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
	if (err)
		return err;
	read_exe(pid, out);
	read_ns(pid, out);
	return 0;
}
