/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the module: which functions move plaintext, one direction at a time. */
#ifndef EC_MODULES_OPENSSL_DIRECTIONS_H
#define EC_MODULES_OPENSSL_DIRECTIONS_H

#include "model/plan.h"
#include "modules/openssl/names.h"

struct ec_openssl_direction;
extern const struct ec_openssl_direction ec_openssl_sent, ec_openssl_received;

/*
 * Adds the points of a direction: the internal function alone where one can be had
 * (`internals`: this library may have one), else all that are exported. 0, or -ENOENT
 * with plan->why. *internal says which way it went.
 */
int ec_openssl_direction_plan(const struct ec_openssl_names *n,
			      const struct ec_openssl_direction *d, bool internals,
			      struct ec_plan *plan, bool *internal);

#endif
