// SPDX-License-Identifier: GPL-2.0-only
#include "capture/drain.h"
#include "abi/record.h"
#include "base/clock.h"
#include "base/util.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>

#define BUSY_MS 20	      /* longest that a record waits while there is traffic */
#define IDLE_MS 100	      /* bounds the wait where a wake-up was missed */
#define IDLE_NS (EC_NSEC / 2) /* without records for so long: idle */

struct ec_drain {
	struct ec_ring *ring;
	struct ec_queue *queue;
	pthread_t thread;
	atomic_bool finish, done;
};

/* The true size is the record's own; what lies behind it in the bucket is slack. */
static void on_record(void *ctx, const void *rec, size_t n)
{
	struct ec_drain *d = ctx;
	uint32_t size;

	if (n < sizeof(struct ec_rec))
		return;
	memcpy(&size, rec, sizeof(size));
	ec_queue_put(d->queue, rec, EC_MIN(n, (size_t)size));
}

static void *drain(void *arg)
{
	struct ec_drain *d = arg;
	uint64_t last = ec_clock_mono();

	prctl(PR_SET_NAME, "ec-drain");
	for (;;) {
		/* asked before, looked after: nothing comes in between */
		bool finish = atomic_load(&d->finish);
		int n = ec_ring_consume(d->ring);
		uint64_t now;

		if (n > 0) {
			ec_queue_kick(d->queue);
			last = ec_clock_mono();
			continue;
		}
		if (finish)
			break;
		now = ec_clock_mono();
		if (now - last > IDLE_NS)
			ec_ring_wait(d->ring, IDLE_MS, true);
		else
			ec_ring_wait(d->ring, BUSY_MS, false);
		ec_queue_kick(d->queue);
	}
	atomic_store(&d->done, true);
	ec_queue_kick(d->queue);
	return NULL;
}

int ec_drain_start(struct ec_ring *r, struct ec_queue *q, struct ec_drain **out)
{
	struct ec_drain *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->ring = r;
	d->queue = q;
	ec_ring_set(r, on_record, d);
	err = pthread_create(&d->thread, NULL, drain, d);
	if (err) {
		free(d);
		return -err;
	}
	*out = d;
	return 0;
}

void ec_drain_finish(struct ec_drain *d)
{
	atomic_store(&d->finish, true);
}

bool ec_drain_done(struct ec_drain *d)
{
	return atomic_load(&d->done);
}

void ec_drain_free(struct ec_drain *d)
{
	if (!d)
		return;
	atomic_store(&d->finish, true);
	pthread_join(d->thread, NULL);
	free(d);
}
