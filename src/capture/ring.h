/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reading end of the transport: all that depends on the ring buffer is here and in
 * bpf/emit.h. Made in the attacher (it maps the ring), used in the worker after the fork.
 */
#ifndef EC_CAPTURE_RING_H
#define EC_CAPTURE_RING_H

#include "abi/maps.h"
#include <stdbool.h>
#include <stddef.h>

struct ec_ring;
/* A record, n bytes with slack; the memory is the ring's until it returns. */
typedef void ec_ring_fn(void *ctx, const void *rec, size_t n);

int ec_ring_new(int map_fd, struct ec_shared *shared, ec_ring_fn *fn, void *ctx,
		struct ec_ring **out);
void ec_ring_set(struct ec_ring *r, ec_ring_fn *fn, void *ctx);
int ec_ring_fd(const struct ec_ring *r); /* a child that uses it must keep it open */
/* All that is there; how many, or -errno. */
int ec_ring_consume(struct ec_ring *r);
/*
 * Sleeps until there is enough to do, at most `ms`. `idle`: until there is anything.
 * Returns at once when something came since the last consume.
 */
void ec_ring_wait(struct ec_ring *r, int ms, bool idle);
void ec_ring_free(struct ec_ring *r);

#endif
