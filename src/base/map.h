/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hash map from a fixed-size key (at most 32 bytes, compared as bytes) to a pointer, with
 * a ceiling and order of use: when full, the entry that was used longest ago is given to
 * `evict` and removed. Keys are copied in. The map never owns values: `evict` (may be
 * NULL) gets every value that leaves by eviction, ec_map_clear() or ec_map_free(), not
 * those taken out by ec_map_del(). Seeded with random bytes, so hostile keys cannot
 * choose their bucket.
 */
#ifndef EC_BASE_MAP_H
#define EC_BASE_MAP_H

#include "base/util.h"

struct ec_map;
typedef void ec_map_evict_fn(void *ctx, const void *key, void *value);
/* Return true to go on. The entry itself may be deleted in the callback, no other. */
typedef bool ec_map_each_fn(void *ctx, const void *key, void *value);

/* 0, -EINVAL, -ENOMEM */
int ec_map_new(struct ec_map **out, size_t key_size, size_t max, ec_map_evict_fn *evict,
	       void *ctx);
void *ec_map_get(struct ec_map *m, const void *key);  /* counts as a use; NULL: none */
void *ec_map_peek(struct ec_map *m, const void *key); /* does not */
int ec_map_put(struct ec_map *m, const void *key, void *value); /* 0, -EEXIST, -ENOMEM */
void *ec_map_del(struct ec_map *m, const void *key);		/* value, NULL if none */
size_t ec_map_count(const struct ec_map *m);
/* From the entry unused longest to the newest. */
void ec_map_each(struct ec_map *m, ec_map_each_fn *fn, void *ctx);
void ec_map_clear(struct ec_map *m);
void ec_map_free(struct ec_map *m);

#endif
