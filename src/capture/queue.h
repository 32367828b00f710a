/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bounded queue of records between the drain thread (one writer) and the pipeline thread
 * (one reader). When it is full the writer waits and the ring behind it fills: bytes are
 * then lost, and counted, where they are exactly accounted for, in the BPF programs.
 */
#ifndef EC_CAPTURE_QUEUE_H
#define EC_CAPTURE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ec_queue;

int ec_queue_new(size_t bytes, struct ec_queue **out);
void ec_queue_free(struct ec_queue *q);
/* Copies a record in; waits while there is no room. */
void ec_queue_put(struct ec_queue *q, const void *rec, size_t n);
/* Writer: tell the reader, if it sleeps, that there is something. */
void ec_queue_kick(struct ec_queue *q);
/*
 * Reader: what is put from now on is not handed on until the next mark. Who looks
 * elsewhere after a mark has then seen what was said there before the records that
 * follow.
 */
void ec_queue_mark(struct ec_queue *q);
bool ec_queue_empty(const struct ec_queue *q); /* marked or not */
/* Reader: the next record, NULL if none is before the mark; valid until ec_queue_pop().
 */
const void *ec_queue_peek(struct ec_queue *q, size_t *n);
void ec_queue_pop(struct ec_queue *q);
/* Readable when ec_queue_kick() was called after ec_queue_sleep(). */
int ec_queue_fd(const struct ec_queue *q);
/* Reader: about to sleep; false if something is there after all. */
bool ec_queue_sleep(struct ec_queue *q);
/* How often the writer had to wait. */
uint64_t ec_queue_stalls(const struct ec_queue *q);

#endif
