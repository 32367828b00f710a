/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keyed hashes of 64 bits, for bytes that someone hostile may have chosen: without the
 * key, equal ones cannot be made on purpose. The key must not leave us, nor the hashes.
 */
#ifndef EC_BASE_HASH_H
#define EC_BASE_HASH_H

#include "base/util.h"

struct ec_hash_key {
	uint64_t k[2];
};

void ec_hash_key_random(struct ec_hash_key *key);
/* SipHash-1-3: about 1 GB/s. For short keys. */
uint64_t ec_hash(const struct ec_hash_key *key, const void *p, size_t n);
/* As fast as memory is read; costs some microseconds to begin with. For files. */
uint64_t ec_hash_long(const struct ec_hash_key *key, const void *p, size_t n);

#endif
