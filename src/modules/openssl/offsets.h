/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fallback and cross-check: where a connection's BIOs are, by version. What is read from
 * the target's own code comes first.
 */
#ifndef EC_MODULES_OPENSSL_OFFSETS_H
#define EC_MODULES_OPENSSL_OFFSETS_H

#include "modules/openssl/version.h"
#include <stdint.h>

/* Of the release it begins with, up to the next row of its line. */
struct ec_openssl_layout {
	struct ec_openssl_version since;
	uint16_t rbio, wbio;	      /* in the connection */
	uint16_t bio_method, bio_num; /* in a BIO */
	/* 0: it has none, or it was not measured. */
	uint16_t session;		 /* in the connection */
	uint16_t master, master_len;	 /* in a session */
	uint16_t nrandom;		 /* client's random: distances, a load at … */
	uint16_t random[2];		 /* … each but the last */
	uint16_t client_app, server_app; /* traffic secrets, in the connection */
	uint16_t version;		 /* of the protocol, in the connection */
};

#define EC_OPENSSL_BIO_UNKNOWN                                   \
	0xffff /* bio_num: the version does not tell, a BIO does \
		*/
/* In all of them: the type is the first field of a method. */
#define EC_OPENSSL_METHOD_TYPE 0

/*
 * The row of the nearest release that is not later, of the same line; of a release before
 * the first one measured, that one's. NULL when the version does not tell: never a guess.
 */
const struct ec_openssl_layout *ec_openssl_layout_of(const struct ec_openssl_version *v);
/* The same for where secrets are. */
const struct ec_openssl_layout *ec_openssl_keys_of(const struct ec_openssl_version *v);
/* A row of the same library and major version that has its read BIO there, or NULL. */
const struct ec_openssl_layout *ec_openssl_layout_with(const struct ec_openssl_version *v,
						       uint32_t rbio);
/*
 * A row whose BIOs are like those of `v`: all of a line are alike, and all of one major
 * version since 3. NULL when it is not known.
 */
const struct ec_openssl_layout *ec_openssl_bio_of(const struct ec_openssl_version *v);

#endif
