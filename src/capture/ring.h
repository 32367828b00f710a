/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reading end of the transport: all that depends on its kind is behind this header
 * and in bpf/emit.h. Two kinds: one ring buffer (≥ 5.8), or a perf buffer per CPU whose
 * records are put in order by their time. Made in the attacher, used in the worker.
 */
#ifndef EC_CAPTURE_RING_H
#define EC_CAPTURE_RING_H

#include "abi/maps.h"
#include "base/util.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ec_ring;
/*
 * A record, n bytes with slack, at any alignment; the memory is the ring's until it
 * returns.
 */
typedef void ec_ring_fn(void *ctx, const void *rec, size_t n);

/* Bytes that gather before a sleeping reader is woken. */
#define EC_RING_WAKE(bytes) EC_MIN((bytes) / 4, 256u << 10)

struct ec_ring_ops {
	int (*map)(struct ec_ring *r);
	size_t (*fds)(const struct ec_ring *r, int *out, size_t max);
	int (*consume)(struct ec_ring *r);
	void (*wait)(struct ec_ring *r, int ms, bool idle);
	uint64_t (*lost)(const struct ec_ring *r);
	void (*free)(struct ec_ring *r);
};

/* Head of both kinds. */
struct ec_ring {
	const struct ec_ring_ops *ops;
	ec_ring_fn *fn;
	void *ctx;
};

int ec_ring_new(int map_fd, struct ec_shared *shared, struct ec_ring **out);
/* bytes: of each CPU's buffer, a power of two of pages; `map_fd` must stay open. */
int ec_ring_new_perf(int map_fd, size_t bytes, struct ec_ring **out);

/* In the process that reads, while it has its rights. 0 or -errno */
static inline int ec_ring_map(struct ec_ring *r)
{
	return r->ops->map(r);
}

static inline void ec_ring_set(struct ec_ring *r, ec_ring_fn *fn, void *ctx)
{
	r->fn = fn;
	r->ctx = ctx;
}

/* Descriptors that a child must keep open; how many, at most `max`. */
static inline size_t ec_ring_fds(const struct ec_ring *r, int *out, size_t max)
{
	return r->ops->fds(r, out, max);
}

/* All that is there; how many, or -errno. */
static inline int ec_ring_consume(struct ec_ring *r)
{
	return r->ops->consume(r);
}

/*
 * Sleeps until there is enough to do, at most `ms`. `idle`: until there is anything.
 * Returns at once when something came since the last consume.
 */
static inline void ec_ring_wait(struct ec_ring *r, int ms, bool idle)
{
	r->ops->wait(r, ms, idle);
}

/* Records that the kernel says it dropped; the programs may have counted them too. */
static inline uint64_t ec_ring_lost(const struct ec_ring *r)
{
	return r->ops->lost(r);
}

void ec_ring_free(struct ec_ring *r); /* NULL: nothing */

#endif
