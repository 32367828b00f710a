/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the module: where a connection's BIOs and their descriptors are. */
#ifndef EC_MODULES_OPENSSL_BIOS_H
#define EC_MODULES_OPENSSL_BIOS_H

#include "model/plan.h"
#include "modules/openssl/names.h"
#include "modules/openssl/version.h"

/* What the code says, and the table. */
enum ec_openssl_bios {
	EC_BIOS_UNKNOWN,   /* neither: addresses come from system calls */
	EC_BIOS_TABLE,	   /* the code could not be read */
	EC_BIOS_MIXED,	   /* one by code, the other by table */
	EC_BIOS_CODE,	   /* the table does not know the version */
	EC_BIOS_BOTH,	   /* they agree */
	EC_BIOS_DISAGREES, /* the code wins */
};

/*
 * Fills t's offsets by code, and by the row of `v` what the code does not say; not
 * `known`: only a BIO is like those of `v`.
 */
enum ec_openssl_bios ec_openssl_bios_plan(const struct ec_openssl_names *n,
					  const struct ec_openssl_version *v, bool known,
					  struct ec_target *t);
/* Do the code's own accessors say both, as in every layout there was? */
bool ec_openssl_bios_fit(const struct ec_openssl_names *n);
const char *ec_openssl_bios_text(enum ec_openssl_bios b);

#endif
