// SPDX-License-Identifier: GPL-2.0-only
#include "stream/call.h"
#include "base/util.h"

#include <errno.h>
#include <string.h>

struct ec_call *ec_call_new(const struct ec_rec_chunk *c)
{
	struct ec_call *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->h = c->h;
	m->number = c->call;
	m->start = c->pos - c->off;
	m->total = c->total;
	m->cut = c->cut;
	m->dir = c->dir;
	return m;
}

static struct ec_seg *seg_new(struct ec_call *m)
{
	if (m->nsegs == m->segs_cap) {
		size_t cap = m->segs_cap ? 2 * m->segs_cap : 4;
		struct ec_seg *p = realloc(m->segs, cap * sizeof(*p));

		if (!p)
			return NULL;
		m->segs = p;
		m->segs_cap = cap;
	}
	m->segs[m->nsegs] = (struct ec_seg){0};
	return &m->segs[m->nsegs++];
}

int ec_call_add(struct ec_call *m, const uint8_t *p, size_t n)
{
	struct ec_seg *s = m->nsegs ? &m->segs[m->nsegs - 1] : NULL;

	if (m->cap - m->len < n) {
		size_t want = EC_MAX(2 * m->cap, (size_t)m->len + n);
		uint8_t *d = realloc(m->data, want);

		if (!d)
			return -ENOMEM;
		m->data = d;
		m->cap = want;
	}
	/* bytes that follow bytes are one run */
	if (!s || s->cause != EC_LOSS_NONE) {
		s = seg_new(m);
		if (!s)
			return -ENOMEM;
	}
	memcpy(m->data + m->len, p, n);
	m->len += n;
	s->len += n;
	return 0;
}

int ec_call_gap(struct ec_call *m, uint64_t n, enum ec_loss cause)
{
	struct ec_seg *s = m->nsegs ? &m->segs[m->nsegs - 1] : NULL;

	if (!s || s->cause != cause)
		s = seg_new(m);
	if (!s)
		return -ENOMEM;
	s->cause = cause;
	s->len += n;
	m->lost += n;
	return 0;
}

size_t ec_call_memory(const struct ec_call *m)
{
	return sizeof(*m) + m->cap + m->segs_cap * sizeof(*m->segs);
}

void ec_call_seal(struct ec_call *m)
{
	size_t at = 0;

	for (size_t i = 0; i < m->nsegs; i++) {
		if (m->segs[i].cause != EC_LOSS_NONE)
			continue;
		m->segs[i].data = m->data + at;
		at += m->segs[i].len;
	}
}

void ec_call_free(struct ec_call *m)
{
	if (!m)
		return;
	free(m->data);
	free(m->segs);
	free(m);
}
