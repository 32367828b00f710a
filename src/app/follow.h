/* SPDX-License-Identifier: GPL-2.0-only */
/* `--pid N --follow`: which processes descend from the named ones, at first and at last.
 */
#ifndef EC_APP_FOLLOW_H
#define EC_APP_FOLLOW_H

#include "app/options.h"
#include "capture/session.h"

/* Descendants that are there already; with the programs for fork and exit attached. */
void ec_follow_begin(const struct ec_options *o, struct ec_session *s);
/* Is any of them, or of the named ones, alive? Costs a look at each. */
bool ec_follow_left(struct ec_session *s);

#endif
