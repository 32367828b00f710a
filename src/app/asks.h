/* SPDX-License-Identifier: GPL-2.0-only */
/* In the attacher: what the programs ask for, and what is told of connections. */
#ifndef EC_APP_ASKS_H
#define EC_APP_ASKS_H

#include "app/targets.h"
#include "app/who.h"

#define EC_ASKS_LATER 64

struct ec_asks {
	struct ec_session *session;
	struct ec_targets *targets;
	struct ec_finder *finder;
	/* A record for the worker. */
	void (*record)(void *ctx, const void *rec, uint32_t n);
	void *ctx;
	struct ec_ask later[EC_ASKS_LATER];
	size_t nlater;
};

/*
 * Takes all that there are; is the look-up of addresses wanted? That is in a hurry, so
 * what takes its time waits for ec_asks_rest(), to be called after it.
 */
bool ec_asks_take(struct ec_asks *a);
void ec_asks_rest(struct ec_asks *a);
/* The end: answers what is left, tells the worker where every connection stands. */
void ec_asks_end(struct ec_asks *a);

#endif
