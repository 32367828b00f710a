/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the module: what find.c and its two families share. */
#ifndef EC_MODULES_OPENSSL_FIND_IMPL_H
#define EC_MODULES_OPENSSL_FIND_IMPL_H

#include "modules/openssl/find.h"
#include "modules/openssl/units.h"

#define EC_FIND_MANY 32 /* candidates that are looked at */

/* Units for which `fits` says yes, parts of others left out; `max` at most. */
unsigned int ec_find_each(const struct ec_units *us,
			  bool (*fits)(const struct ec_unit *u, const void *ctx),
			  const void *ctx, struct ec_unit **out, unsigned int max);
void ec_find_add(struct ec_openssl_found *out, const char *name, const struct ec_unit *u,
		 enum ec_openssl_sure sure, const char *how);

/* 0, or -ENOENT with out->how, or -ENOMEM. */
int ec_find_openssl(struct ec_units *us, struct ec_openssl_found *out);
int ec_find_libre(struct ec_units *us, struct ec_openssl_found *out);
int ec_find_boring(struct ec_units *us, struct ec_openssl_found *out);

#endif
