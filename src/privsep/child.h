/* SPDX-License-Identifier: GPL-2.0-only */
/* Planner and worker: children of the attacher, each with one socket to it. */
#ifndef EC_PRIVSEP_CHILD_H
#define EC_PRIVSEP_CHILD_H

#include <stddef.h>
#include <sys/types.h>

struct ec_child {
	pid_t pid; /* 0: none */
	int sock;  /* SOCK_SEQPACKET, close-on-exec */
};

/* Runs in the child; its value is the exit status. It drops its rights itself. */
typedef int ec_child_main_fn(void *ctx, int sock);

/*
 * Forks a child named `name` (at most 15 characters). Signals that the attacher handles
 * are ignored there; every descriptor but 0 to 2, keep[] and its socket is closed, so
 * that nothing which keeps a probe attached lives on in it. 0 or -errno
 */
int ec_child_spawn(const char *name, ec_child_main_fn *fn, void *ctx, const int *keep,
		   size_t nkeep, struct ec_child *out);
/* Closes the socket, ends the child by SIGKILL if `kill`, waits for it. */
void ec_child_end(struct ec_child *c, int kill_it);

/* System calls of a process that parses (planner) or drains and writes (worker); all
 * others fail with EPERM. For all threads. 0 or -errno (-ENOSYS: no seccomp here) */
int ec_sandbox_planner(void);
int ec_sandbox_worker(void);

#endif
