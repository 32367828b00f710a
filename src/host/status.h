/* SPDX-License-Identifier: GPL-2.0-only */
/* What one process is: proc_pid_status(5), proc_pid_exe(5), proc_pid_ns(5). */
#ifndef EC_HOST_STATUS_H
#define EC_HOST_STATUS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum ec_seccomp {
	EC_SECCOMP_UNKNOWN = -1,
	EC_SECCOMP_NONE,
	EC_SECCOMP_STRICT,
	EC_SECCOMP_FILTER
};

struct ec_status {
	pid_t pid, ppid, tracer; /* tracer 0: none */
	uid_t uid;		 /* real */
	char comm[16];
	char state; /* 'R', 'S', … 'Z' has ended */
	unsigned int threads;
	int seccomp; /* enum ec_seccomp */
	bool kernel_thread;
	bool exe_deleted;
	int exe_err; /* -errno of reading exe: -EACCES we may not, -ENOENT it has none */
	char exe[PATH_MAX];
	int ns_err;	   /* -errno of reading namespaces */
	char other_ns[64]; /* those that are not ours: "mnt, pid, net"; "" none */
};

/* A thread group's leader. 0; -ESRCH there is none of this number; -errno. */
int ec_status_read(pid_t pid, struct ec_status *out);

#endif
