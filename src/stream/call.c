// SPDX-License-Identifier: GPL-2.0-only
#include "stream/call.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>

/* Asked for at once when a call's length is known; more is grown as it comes, so that a
 * length that lies costs little. */
#define RESERVE_MAX (1u << 20)

void ec_stream_who_set(struct ec_stream_who *w, const struct ec_rec *h)
{
	w->pid = h->pid;
	w->tid = h->tid;
	w->uid = h->uid;
	w->module = h->module;
	memcpy(w->comm, h->comm, EC_COMM_LEN);
	w->comm[EC_COMM_LEN] = 0;
}

void ec_call_init(struct ec_call *c, const struct ec_rec_chunk *r, size_t gather)
{
	c->next = NULL;
	ec_stream_who_set(&c->who, &r->h);
	c->time = r->h.time;
	c->dir = r->dir;
	c->number = r->call;
	c->start = r->pos - r->off;
	c->total = r->total;
	c->cut = r->cut;
	c->before = 0;
	c->before_cause = EC_LOSS_NONE;
	c->off = c->len = c->lost = 0;
	c->segs = c->few;
	c->segs_cap = EC_CALL_FEW_SEGS;
	c->nsegs = 0;
	ec_buf_init(&c->buf, gather + sizeof(c->tail));
	c->borrowed = false;
	c->ntail = 0;
}

/* The next free segment; the caller counts it. */
static struct ec_seg *seg_room(struct ec_call *c)
{
	size_t cap = c->segs_cap * 2;
	struct ec_seg *segs;

	if (c->nsegs < c->segs_cap)
		return &c->segs[c->nsegs];
	segs = c->segs == c->few ? NULL : c->segs;
	segs = realloc(segs, cap * sizeof(*segs));
	if (!segs)
		return NULL;
	if (c->segs == c->few)
		memcpy(segs, c->few, sizeof(c->few));
	c->segs = segs;
	c->segs_cap = cap;
	return &segs[c->nsegs];
}

int ec_call_gap(struct ec_call *c, uint64_t n, enum ec_loss cause)
{
	struct ec_seg *seg;
	int rc;

	if (!n)
		return 0;
	rc = ec_call_take_tail(c);
	if (rc)
		return rc;
	seg = seg_room(c);
	if (!seg)
		return -ENOMEM;
	*seg = (struct ec_seg){.len = n, .cause = cause};
	c->nsegs++;
	c->lost += n;
	return 0;
}

/* Data segments of the buffer get their pointers at the end: the buffer may move. */
static int append(struct ec_call *c, const void *p, size_t n)
{
	struct ec_seg *seg = c->nsegs ? &c->segs[c->nsegs - 1] : NULL;
	bool fresh = !seg || seg->cause != EC_LOSS_NONE;

	if (!n)
		return 0;
	if (fresh)
		seg = seg_room(c);
	if (!seg)
		return -ENOMEM;
	ec_buf_add(&c->buf, p, n);
	if (c->buf.err) {
		c->buf.err = 0;
		return -ENOMEM;
	}
	if (fresh) {
		*seg = (struct ec_seg){.cause = EC_LOSS_NONE};
		c->nsegs++;
	}
	seg->len += n;
	c->len += n;
	return 0;
}

int ec_call_take_tail(struct ec_call *c)
{
	size_t n = c->ntail;
	int rc;

	rc = append(c, c->tail, n);
	if (!rc)
		c->ntail = 0;
	return rc;
}

int ec_call_add(struct ec_call *c, const void *p, size_t n)
{
	uint64_t want = c->total - c->cut - ec_call_at(c);
	int rc;

	rc = ec_call_take_tail(c);
	if (rc)
		return rc;
	if (!c->buf.cap && want > n) {
		want = EC_MIN(want + c->ntail, (uint64_t)RESERVE_MAX);
		ec_buf_room(&c->buf, EC_MIN(want, (uint64_t)c->buf.max));
		c->buf.err = 0; /* it was only a wish */
	}
	return append(c, p, n);
}

int ec_call_borrow(struct ec_call *c, const void *p, size_t n)
{
	struct ec_seg *seg;

	if (!n)
		return 0;
	seg = seg_room(c);
	if (!seg)
		return -ENOMEM;
	*seg = (struct ec_seg){.data = p, .len = n};
	c->nsegs++;
	c->len += n;
	c->borrowed = true;
	return 0;
}

void ec_call_keep_tail(struct ec_call *c)
{
	struct ec_seg *seg = c->nsegs ? &c->segs[c->nsegs - 1] : NULL;
	size_t n;

	if (!seg || seg->cause != EC_LOSS_NONE || c->borrowed || c->ntail)
		return;
	n = ec_utf8_tail(c->buf.data + c->buf.len - seg->len, seg->len);
	if (!n)
		return;
	memcpy(c->tail, c->buf.data + c->buf.len - n, n);
	c->ntail = (uint8_t)n;
	c->buf.len -= n;
	c->len -= n;
	seg->len -= n;
	if (!seg->len)
		c->nsegs--;
}

void ec_call_item(struct ec_call *c, bool last, struct ec_item *it)
{
	const uint8_t *p = (const uint8_t *)c->buf.data;

	for (size_t i = 0; !c->borrowed && i < c->nsegs; i++) {
		if (c->segs[i].cause != EC_LOSS_NONE)
			continue;
		c->segs[i].data = p;
		p += c->segs[i].len;
	}
	it->dir = c->dir;
	it->data.segs = c->segs;
	it->data.nsegs = c->nsegs;
	it->data.total = c->total;
	it->data.off = c->off;
	it->data.len = c->len;
	it->data.lost = c->lost;
	it->data.cut = last ? c->cut : 0;
	it->data.lost_before = c->before;
	it->data.lost_before_cause = c->before_cause;
}

void ec_call_next_part(struct ec_call *c)
{
	c->off += c->len + c->lost;
	c->len = c->lost = 0;
	c->before = 0;
	c->before_cause = EC_LOSS_NONE;
	ec_call_fini(c);
}

size_t ec_call_cost(const struct ec_call *c)
{
	return c->buf.cap + (c->segs == c->few ? 0 : c->segs_cap * sizeof(struct ec_seg));
}

void ec_call_fini(struct ec_call *c)
{
	ec_buf_free(&c->buf);
	if (c->segs != c->few)
		free(c->segs);
	c->segs = c->few;
	c->segs_cap = EC_CALL_FEW_SEGS;
	c->nsegs = 0;
}
