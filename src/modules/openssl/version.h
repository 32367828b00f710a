/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_MODULES_OPENSSL_VERSION_H
#define EC_MODULES_OPENSSL_VERSION_H

#include "model/plan.h"
#include "modules/openssl/offsets.h"
#include "target/file.h"

/*
 * Which library is in the file: 0 with *v, plan->library and plan->version; -ENOENT with
 * plan->why when it is none that we know how to probe. Decided by the soname, then by
 * exports that only one family has, then by the version string.
 */
int ec_openssl_recognise(const struct ec_file *f, struct ec_plan *plan,
			 struct ec_openssl_version *v);

#endif
