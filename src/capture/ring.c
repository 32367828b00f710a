// SPDX-License-Identifier: GPL-2.0-only
#include "capture/ring.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct ec_ring {
	struct ring_buffer *rb;
	struct ec_shared *shared;
	int epoll; /* edge-triggered: data alone ends no sleep, a wake-up does */
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
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	struct ec_ring *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->shared = shared;
	ec_ring_set(r, fn, ctx);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll >= 0 && !epoll_ctl(r->epoll, EPOLL_CTL_ADD, map_fd, &ev))
		r->rb = ring_buffer__new(map_fd, on_record, r, NULL);
	if (!r->rb) {
		int err = -errno;

		ec_ring_free(r);
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
	return r->epoll;
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
 * is seen here, one that comes later sees the flag. Edge-triggered, so that records below
 * the threshold gather: looking at each as it comes makes the producers' cache lines
 * travel and costs them more than the copy.
 */
void ec_ring_wait(struct ec_ring *r, int ms, bool idle)
{
	struct epoll_event ev;

	want_wakeup(r, idle ? EC_WAKE_FIRST : EC_WAKE_FULL);
	atomic_thread_fence(memory_order_seq_cst);
	if (ring_buffer__consume(r->rb) == 0)
		epoll_wait(r->epoll, &ev, 1, ms);
	want_wakeup(r, EC_WAKE_NO);
}

void ec_ring_free(struct ec_ring *r)
{
	if (!r)
		return;
	ring_buffer__free(r->rb);
	if (r->epoll >= 0)
		close(r->epoll);
	free(r);
}
