/* SPDX-License-Identifier: GPL-2.0-only */
/* The worker process: drains the ring, parses, formats, writes; no rights. */
#ifndef EC_APP_WORKER_H
#define EC_APP_WORKER_H

#include "app/outputs.h"
#include "capture/session.h"
#include "privsep/child.h"

/* The outputs are the worker's from now on; the caller closes its copies. */
int ec_worker_spawn(const struct ec_options *o, struct ec_outputs *outputs,
		    struct ec_session *s, bool who_filters, struct ec_child *out);

#endif
