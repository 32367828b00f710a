/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the module: where the secrets of handshakes are seen. */
#ifndef EC_MODULES_OPENSSL_KEYS_H
#define EC_MODULES_OPENSSL_KEYS_H

#include "model/plan.h"
#include "modules/openssl/names.h"
#include "modules/openssl/version.h"

/*
 * Adds the points of a key log and what they need of the connection's layout; `v` is the
 * release whose table row is asked. plan->keys says how, or why there are none: that is
 * no error. 0 or -ENOMEM.
 */
int ec_openssl_keys_plan(const struct ec_openssl_names *n,
			 const struct ec_openssl_version *v, struct ec_plan *plan);

#endif
