/* SPDX-License-Identifier: GPL-2.0-only */
/* One library call while its pieces are gathered, or while it is held. */
#ifndef EC_STREAM_CALL_H
#define EC_STREAM_CALL_H

#include "model/item.h"

struct ec_call {
	struct ec_call *next; /* in the connection's list of held calls */
	struct ec_rec h;      /* of its first piece: who and when */
	uint64_t number;      /* within connection and direction */
	uint64_t start;	      /* position of its first byte */
	uint64_t total, cut, len, lost;
	uint64_t lost_before;
	enum ec_loss lost_before_cause;
	uint8_t dir;
	uint8_t *data;
	size_t cap;
	struct ec_seg *segs; /* data is an offset until ec_call_segs() */
	size_t nsegs, segs_cap;
};

struct ec_call *ec_call_new(const struct ec_rec_chunk *c); /* NULL: no memory */
/* 0 or -ENOMEM */
int ec_call_add(struct ec_call *m, const uint8_t *p, size_t n);
int ec_call_gap(struct ec_call *m, uint64_t n, enum ec_loss cause);
size_t ec_call_memory(const struct ec_call *m);
/* Turns offsets into pointers; nothing may be added any more. */
void ec_call_seal(struct ec_call *m);
void ec_call_free(struct ec_call *m);

#endif
