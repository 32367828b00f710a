/* SPDX-License-Identifier: GPL-2.0-only */
/* What a capture needs of this host, checked and put into the programs' configuration. */
#ifndef EC_APP_PREPARE_H
#define EC_APP_PREPARE_H

#include "app/options.h"
#include "app/who.h"
#include "capture/session.h"

/* Kernel, rights, named processes. 0, or an exit code after one line on the log. */
int ec_prepare_host(const struct ec_options *o, struct ec_features *f);
/* Are the numbers of processes here those that the kernel tells: the host's? */
bool ec_host_numbers(void);
/* Raises limits on descriptors and locked memory as far as that goes. */
void ec_prepare_limits(void);
/*
 * The BPF objects in the best shape that the kernel takes; sets so->shape and
 * so->ring_bytes. 0 or -errno as ec_session_open().
 */
int ec_prepare_programs(const struct ec_options *o, struct ec_session_opts *so,
			struct ec_session **out, char why[160]);
/* Loads the BPF objects with the filters of the options. 0 or an exit code. */
int ec_prepare_session(const struct ec_options *o, const struct ec_features *f,
		       struct ec_finder *finder, struct ec_session **out);

#endif
