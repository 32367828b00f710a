/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In the attacher: what a process is (program, container, namespaces), and whether the
 * filters that the kernel cannot decide want it. Asked once for each life of a process
 * that makes a call which is probed.
 */
#ifndef EC_APP_WHO_H
#define EC_APP_WHO_H

#include "app/options.h"
#include "capture/session.h"

struct ec_finder;

/* 0, or an exit code after its message: a cgroup or a namespace that does not exist. */
int ec_finder_new(const struct ec_options *o, struct ec_finder **out);
void ec_finder_free(struct ec_finder *f);
/* EC_FILTER_CGROUP, EC_FILTER_WHO or none, for ec_config.filters. */
uint32_t ec_finder_filters(const struct ec_finder *f);
/* Hands the kernel what it decides by. 0 or -errno */
int ec_finder_session(struct ec_finder *f, struct ec_session *s);
/* A cgroup that was removed and made anew (a service that was started again) is another
 * one to the kernel. Some times a second. */
void ec_finder_tick(struct ec_finder *f, struct ec_session *s);
/* Says on the log which of the programs and containers asked for are not there yet. */
void ec_finder_say_waiting(const struct ec_finder *f);
/* The process that an EC_ASK_WHO tells of. */
void ec_finder_look(const struct ec_finder *f, const struct ec_ask *q,
		    struct ec_rec_who *out);

#endif
