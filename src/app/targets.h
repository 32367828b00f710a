/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files on their way: found by discover, planned by the planner process, attached by the
 * session. In the attacher. A few plans are asked for at a time, so that neither side of
 * the socket fills while the other does not read.
 */
#ifndef EC_APP_TARGETS_H
#define EC_APP_TARGETS_H

#include "app/options.h"
#include "base/loop.h"
#include "capture/session.h"
#include "discover/scan.h"

struct ec_targets;

struct ec_targets_opts {
	const struct ec_options *options;
	struct ec_session *session;
	struct ec_loop *loop;
	/* A target record for the worker. */
	void (*record)(void *ctx, const struct ec_rec_target *t);
	/* Nothing is on its way any more. */
	void (*settled)(void *ctx);
	void *ctx;
};

int ec_targets_new(const struct ec_targets_opts *o, struct ec_targets **out);
/* Starts the planner early: it can come up while other things are made ready. */
int ec_targets_planner(struct ec_targets *t);
void ec_targets_session(struct ec_targets *t, struct ec_session *s);
/* Looks for what has gone, and for what no event tells. Some times a second. */
void ec_targets_tick(struct ec_targets *t, uint64_t now);
/* Two targets fired for one call. */
void ec_targets_twice(struct ec_targets *t, uint32_t first, uint32_t second);
/* Finds what there is to probe now, and watches for more where the options leave it
 * open. 0, or an exit code after its message (a named file that cannot be probed). */
int ec_targets_find(struct ec_targets *t);
/* Looks at what one process maps now, as ec_targets_find() does at all. */
void ec_targets_look(struct ec_targets *t, pid_t pid);
/* Is the file (st_dev, st_ino) probed? */
bool ec_targets_has(const struct ec_targets *t, uint64_t dev, uint64_t ino);
bool ec_targets_busy(const struct ec_targets *t);
unsigned int ec_targets_count(const struct ec_targets *t); /* attached */
unsigned int ec_targets_probes(const struct ec_targets *t);
/* Exit code of a named file that turned out not to be probeable, 0: none. */
int ec_targets_failed(const struct ec_targets *t);
unsigned int ec_targets_planner_deaths(const struct ec_targets *t);
pid_t ec_targets_planner_pid(const struct ec_targets *t);
void ec_targets_stop(struct ec_targets *t); /* ends the planner, forgets what waits */
void ec_targets_free(struct ec_targets *t);

#endif
