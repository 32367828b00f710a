/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_APP_READ_H
#define EC_APP_READ_H

#include "app/options.h"

/* `read FILE`: the worker's pipeline over a recording, on record time. Exit code. */
int ec_read_run(const struct ec_options *o);

#endif
