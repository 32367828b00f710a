// SPDX-License-Identifier: GPL-2.0-only
#include "capture/ring.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>

struct ec_ring {
	struct ring_buffer *rb;
	struct ec_shared *shared;
	ec_ring_fn *fn;
	void *ctx;
};

static int on_record(void *ctx, void *data, size_t n)
{
	struct ec_ring *r = ctx;

	r->fn(r->ctx, data, n);
	return 0;
}

int ec_ring_new(int map_fd, struct ec_shared *shared, ec_ring_fn *fn, void *ctx,
		struct ec_ring **out)
{
	struct ec_ring *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->shared = shared;
	ec_ring_set(r, fn, ctx);
	r->rb = ring_buffer__new(map_fd, on_record, r, NULL);
	if (!r->rb) {
		int err = -errno;

		free(r);
		return err;
	}
	*out = r;
	return 0;
}

void ec_ring_set(struct ec_ring *r, ec_ring_fn *fn, void *ctx)
{
	r->fn = fn;
	r->ctx = ctx;
}

int ec_ring_fd(const struct ec_ring *r)
{
	return ring_buffer__epoll_fd(r->rb);
}

int ec_ring_consume(struct ec_ring *r)
{
	return ring_buffer__consume(r->rb);
}

static void want_wakeup(struct ec_ring *r, uint32_t how)
{
	__atomic_store_n(&r->shared->need_wakeup, how, __ATOMIC_SEQ_CST);
}

/*
 * The flag is set first, then the ring looked at once more: a producer that came between
 * is seen here, one that comes later sees the flag. poll(2) itself returns at once while
 * there is data, so batching is done by the sleep's length, not by it.
 */
void ec_ring_wait(struct ec_ring *r, int ms, bool idle)
{
	struct pollfd p = {.fd = ring_buffer__epoll_fd(r->rb), .events = POLLIN};

	want_wakeup(r, idle ? EC_WAKE_FIRST : EC_WAKE_FULL);
	atomic_thread_fence(memory_order_seq_cst);
	if (ring_buffer__consume(r->rb) == 0)
		poll(&p, 1, ms);
	want_wakeup(r, EC_WAKE_NO);
}

void ec_ring_free(struct ec_ring *r)
{
	if (!r)
		return;
	ring_buffer__free(r->rb);
	free(r);
}
