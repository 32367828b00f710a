/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_APP_LISTING_H
#define EC_APP_LISTING_H

#include "app/options.h"

/*
 * `targets`: what would be probed on this host, and why the rest is not. Exit code: 0
 * something can be captured, 4 nothing.
 */
extern const struct ec_plain ec_listing_plain;
void ec_listing_help(struct ec_buf *b);
int ec_listing_run(const struct ec_options *o);

#endif
