/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `doctor`: what works on this host, what does not, what to do. */
#ifndef EC_APP_DOCTOR_H
#define EC_APP_DOCTOR_H

#include "app/options.h"

extern const struct ec_plain ec_doctor_plain;
/* Tries everything, writes to stdout. 0 when capture can work here, else EC_EXIT_HOST. */
int ec_doctor_run(const struct ec_options *o);
/* Usage, options, and one line per check: its name and what it looks at. */
void ec_doctor_help(struct ec_buf *b);

#endif
