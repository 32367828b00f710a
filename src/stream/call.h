/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One library call being put together: runs of bytes and gaps, in order. Private to this
 * room. What is gathered is a part of the call: all of it, unless the call is too long to
 * be kept and goes on in parts.
 */
#ifndef EC_STREAM_CALL_H
#define EC_STREAM_CALL_H

#include "base/buf.h"
#include "model/item.h"

#define EC_CALL_FEW_SEGS 4
#define EC_CALL_MAX_SEGS 4096 /* then the part is handed on */

struct ec_stream_who {
	uint32_t pid, tid, uid;
	uint16_t module;
	char comm[EC_COMM_LEN + 1];
};

struct ec_call {
	struct ec_call *next; /* in the queue of held calls */
	struct ec_stream_who who;
	uint64_t time;	 /* monotonic, of its first piece that came */
	enum ec_dir dir; /* EC_DIR_SENT or EC_DIR_RECV */
	uint64_t number; /* ec_rec_chunk.call */
	uint64_t start;	 /* position of its first byte */
	uint64_t total;
	uint64_t cut;
	uint64_t before; /* missing before it, not reported yet */
	enum ec_loss before_cause;
	/* The part: it begins at `off` of the call, `len` bytes are there, `lost`
	 * missing.
	 */
	uint64_t off, len, lost;
	struct ec_seg *segs; /* `few` or allocated */
	size_t nsegs, segs_cap;
	struct ec_seg few[EC_CALL_FEW_SEGS];
	struct ec_buf buf; /* the bytes that are there, unless they are borrowed */
	bool borrowed;
	/* Begin of a character at the end of the last part, kept for this one. */
	uint8_t tail[3];
	uint8_t ntail;
};

void ec_stream_who_set(struct ec_stream_who *w, const struct ec_rec *h);
/* `gather`: bytes of one part at most. */
void ec_call_init(struct ec_call *c, const struct ec_rec_chunk *r, size_t gather);
/* How far into the call we are. */
static inline uint64_t ec_call_at(const struct ec_call *c)
{
	return c->off + c->ntail + c->len + c->lost;
}
/* 0 or -ENOMEM, which changes nothing. */
int ec_call_gap(struct ec_call *c, uint64_t n, enum ec_loss cause);
int ec_call_add(struct ec_call *c, const void *p, size_t n); /* copies */
/* Borrows p instead; nothing can be added with ec_call_add() then. */
int ec_call_borrow(struct ec_call *c, const void *p, size_t n);
/* Keeps the begin of a character at the end for the next part. */
void ec_call_keep_tail(struct ec_call *c);
/* The opposite: what was kept is part of the call now. 0 or -ENOMEM */
int ec_call_take_tail(struct ec_call *c);
/* Fills what an item says of this part; `last`: it ends the call. */
void ec_call_item(struct ec_call *c, bool last, struct ec_item *it);
void ec_call_next_part(struct ec_call *c); /* frees the part's memory */
size_t ec_call_cost(const struct ec_call *c);
void ec_call_fini(struct ec_call *c);

#endif
