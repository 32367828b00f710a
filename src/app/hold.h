/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that is about to exec is held at its entry point: its loader has mapped what
 * it needs, wherever that lies, and nothing of the program has run. What it maps is
 * looked at, and when that is probed it runs. A program whose business is to start
 * another in its place (a shell, env) is held again there. We are its tracer for that
 * time; every call comes from one thread. Where tracing is refused the caller goes on
 * without.
 */
#ifndef EC_APP_HOLD_H
#define EC_APP_HOLD_H

#include "base/loop.h"

#include <sys/types.h>

struct ec_hold;

struct ec_hold_opts {
	struct ec_loop *loop;
	/* Looks at what a process maps. Is anything now on its way to be probed? */
	bool (*look)(void *ctx, pid_t pid);
	void *ctx;
};

/*
 * Before the process execs. Should we end before its program begins, it ends with us.
 * 0 or -errno: it is not held, as if nothing had been asked.
 */
int ec_hold_new(const struct ec_hold_opts *o, pid_t pid, struct ec_hold **out);
void ec_hold_poll(struct ec_hold *h);	 /* after SIGCHLD; never blocks */
void ec_hold_settled(struct ec_hold *h); /* nothing is on its way any more */
/* Has its program not begun? Then ec_hold_free() kills it; elsewhere it runs on. */
bool ec_hold_pending(const struct ec_hold *h);
void ec_hold_free(struct ec_hold *h); /* NULL: nothing */

#endif
