/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_APP_EXPLAIN_H
#define EC_APP_EXPLAIN_H

#include "app/options.h"

/*
 * `explain PID`: what would be probed in one process and why the rest is not, step by
 * step. Exit code: 0 it would be captured, 4 not.
 */
extern const struct ec_plain ec_explain_plain;
void ec_explain_help(struct ec_buf *b);
int ec_explain_run(const struct ec_options *o);

#endif
