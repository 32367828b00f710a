// SPDX-License-Identifier: GPL-2.0-only
#include "capture/ring.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct ring {
	struct ec_ring head;
	struct ring_buffer *rb;
	struct ec_shared *shared;
	int epoll; /* edge-triggered: data alone ends no sleep, a wake-up does */
};

static int on_record(void *ctx, void *data, size_t n)
{
	struct ec_ring *r = ctx;

	r->fn(r->ctx, data, n);
	return 0;
}

/* The ring's memory is inherited. */
static int ring_map(struct ec_ring *r)
{
	return 0;
}

static size_t ring_fds(const struct ec_ring *r, int *out, size_t max)
{
	if (max)
		out[0] = ((const struct ring *)r)->epoll;
	return max ? 1 : 0;
}

static int ring_consume(struct ec_ring *r)
{
	return ring_buffer__consume(((struct ring *)r)->rb);
}

static void want_wakeup(struct ring *r, uint32_t how)
{
	__atomic_store_n(&r->shared->need_wakeup, how, __ATOMIC_SEQ_CST);
}

/*
 * The flag is set first, then the ring looked at once more: a producer that came between
 * is seen here, one that comes later sees the flag. Edge-triggered, so that records below
 * the threshold gather: looking at each as it comes makes the producers' cache lines
 * travel and costs them more than the copy.
 */
static void ring_wait(struct ec_ring *head, int ms, bool idle)
{
	struct ring *r = (struct ring *)head;
	struct epoll_event ev;

	want_wakeup(r, idle ? EC_WAKE_FIRST : EC_WAKE_FULL);
	atomic_thread_fence(memory_order_seq_cst);
	if (ring_buffer__consume(r->rb) == 0)
		epoll_wait(r->epoll, &ev, 1, ms);
	want_wakeup(r, EC_WAKE_NO);
}

/* What has no room is counted by the program that wanted it. */
static uint64_t ring_lost(const struct ec_ring *r)
{
	return 0;
}

static void ring_free(struct ec_ring *head)
{
	struct ring *r = (struct ring *)head;

	ring_buffer__free(r->rb);
	if (r->epoll >= 0)
		close(r->epoll);
	free(r);
}

static const struct ec_ring_ops ring_ops = {
	.map = ring_map,
	.fds = ring_fds,
	.consume = ring_consume,
	.wait = ring_wait,
	.lost = ring_lost,
	.free = ring_free,
};

int ec_ring_new(int map_fd, struct ec_shared *shared, struct ec_ring **out)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	struct ring *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->head.ops = &ring_ops;
	r->shared = shared;
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll >= 0 && !epoll_ctl(r->epoll, EPOLL_CTL_ADD, map_fd, &ev))
		r->rb = ring_buffer__new(map_fd, on_record, r, NULL);
	if (!r->rb) {
		int err = -errno;

		ring_free(&r->head);
		return err;
	}
	*out = &r->head;
	return 0;
}

void ec_ring_free(struct ec_ring *r)
{
	if (r)
		r->ops->free(r);
}
