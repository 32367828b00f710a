/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `--pid N` without --follow, where N has nothing to capture and a descendant has: many
 * name a shell or a service's first process and mean what it started.
 */
#ifndef EC_APP_HINT_H
#define EC_APP_HINT_H

#include "app/targets.h"
#include "base/loop.h"

struct ec_hint;

/* *out NULL: the options leave nothing to hint at. 0 or -errno */
int ec_hint_new(const struct ec_options *o, const struct ec_targets *t, struct ec_loop *l,
		struct ec_hint **out);
/* Nothing is on its way: a line for each named process that needs it, once; looked for
 * again by itself, as descendants come. NULL: nothing. */
void ec_hint_settled(struct ec_hint *h);
void ec_hint_free(struct ec_hint *h);

#endif
