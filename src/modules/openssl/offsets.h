/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fallback and cross-check: where OpenSSL 3 and 4 keep a connection's BIOs. What is read
 * from the target's own code comes first.
 */
#ifndef EC_MODULES_OPENSSL_OFFSETS_H
#define EC_MODULES_OPENSSL_OFFSETS_H

#include <stdbool.h>
#include <stdint.h>

struct ec_openssl_version {
	unsigned int major, minor;
	int patch; /* -1: not known */
};

/* One layout, and the releases that have it. */
struct ec_openssl_layout {
	const char *releases;
	uint16_t rbio, wbio;
};

/* The same in all releases of 3.x and 4.x. */
enum {
	EC_OPENSSL_BIO_METHOD = 8,
	EC_OPENSSL_METHOD_TYPE = 0,
	EC_OPENSSL_BIO_NUM = 56,
};

/* Is it a release whose headers we have seen, as far as major and minor go? */
bool ec_openssl_known(const struct ec_openssl_version *v);
/* NULL when the version does not tell: never a guess. */
const struct ec_openssl_layout *ec_openssl_layout_of(const struct ec_openssl_version *v);
/* By the offset of the read BIO, which differs in all layouts; NULL if none has it. */
const struct ec_openssl_layout *ec_openssl_layout_with(uint32_t rbio);

#endif
