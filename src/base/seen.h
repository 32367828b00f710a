/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Has this been here before? Bounded: of more than `max` things the ones that came
 * longest ago are forgotten. Things are kept as keyed hashes of 64 bits, 16 to 32 bytes
 * each at most; that one of a million is taken for another happens once in 10^13 runs.
 */
#ifndef EC_BASE_SEEN_H
#define EC_BASE_SEEN_H

#include <stdbool.h>
#include <stddef.h>

struct ec_seen;

/* 0 or -ENOMEM. The last `max` things at least are known; memory comes as they do. */
int ec_seen_new(size_t max, struct ec_seen **out);
/* Is it new? Then it is kept from now on; without memory for it, it stays new. */
bool ec_seen_add(struct ec_seen *s, const void *p, size_t n);
void ec_seen_free(struct ec_seen *s);

#endif
