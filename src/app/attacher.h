/* SPDX-License-Identifier: GPL-2.0-only */
/* The attacher: the process that keeps the rights. Runs a capturing command from start to
 * exit code. */
#ifndef EC_APP_ATTACHER_H
#define EC_APP_ATTACHER_H

#include "app/options.h"

int ec_attacher_run(const struct ec_options *o);

#endif
