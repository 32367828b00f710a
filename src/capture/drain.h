/* SPDX-License-Identifier: GPL-2.0-only */
/* The thread that empties the ring into the queue and does nothing else. */
#ifndef EC_CAPTURE_DRAIN_H
#define EC_CAPTURE_DRAIN_H

#include "capture/queue.h"
#include "capture/ring.h"

struct ec_drain;
int ec_drain_start(struct ec_ring *r, struct ec_queue *q, struct ec_drain **out);
/* No more records come: the thread ends when the ring is empty. Not waited for. */
void ec_drain_finish(struct ec_drain *d);
bool ec_drain_done(struct ec_drain *d); /* it has ended; the queue may hold records */
void ec_drain_free(struct ec_drain *d); /* joins it */

#endif
