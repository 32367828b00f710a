// SPDX-License-Identifier: GPL-2.0-only
#include "stream/stream.h"
#include "stream/call.h"
#include "base/map.h"
#include "base/util.h"

#include <errno.h>
#include <string.h>

struct direction {
	uint64_t pos; /* of the next byte */
	struct ec_call *open;
};

struct conn {
	uint64_t id;
	struct ec_addrs addrs;
	struct ec_rec h; /* who was seen last */
	struct direction dir[EC_DIR__N];
	struct ec_call *held, **held_last;
	size_t held_bytes;
	uint64_t held_since;
	bool settled; /* addresses known, given up or waited for: never hold again */
	bool listed;
	struct conn *next_held;
};

struct ec_streams {
	struct ec_stream_opts o;
	struct ec_map *conns;
	struct conn *held; /* connections with held calls */
	size_t memory;
	struct ec_account account;
	int err; /* first non-zero of the callback */
};

static bool port_match(const struct ec_streams *s, const struct ec_addrs *a)
{
	for (size_t i = 0; i < s->o.nports; i++)
		if (a->lport == s->o.ports[i] || a->rport == s->o.ports[i])
			return true;
	return !s->o.nports;
}

/* Known to be of another port. */
static bool foreign(const struct ec_streams *s, const struct conn *c)
{
	return c->addrs.family && !port_match(s, &c->addrs);
}

static void item_who(struct ec_streams *s, struct ec_item *it, const struct conn *c,
		     const struct ec_rec *h)
{
	it->wall = s->o.wall(s->o.ctx, h->time);
	it->module = s->o.module(s->o.ctx, h->module);
	it->pid = h->pid;
	it->tid = h->tid;
	it->uid = h->uid;
	it->comm = h->comm;
	it->conn_id = c->id;
	it->addrs = c->addrs.family ? &c->addrs : NULL;
}

static void item_send(struct ec_streams *s, const struct ec_item *it)
{
	int err = s->o.item(s->o.ctx, it);

	if (err && !s->err)
		s->err = err;
}

/* A whole call, or what there is of it, goes on; segs are sealed. */
static void call_show(struct ec_streams *s, struct conn *c, const struct ec_call *m)
{
	struct ec_item it = {.kind = EC_ITEM_DATA, .dir = m->dir};

	if (foreign(s, c)) {
		s->account.filtered += m->len;
		return;
	}
	if (s->o.nports && !c->addrs.family) {
		s->account.lost[EC_LOSS_PORT].records++;
		s->account.lost[EC_LOSS_PORT].bytes += m->len;
		return;
	}
	item_who(s, &it, c, &m->h);
	it.data.segs = m->segs;
	it.data.nsegs = m->nsegs;
	it.data.total = m->total;
	it.data.len = m->len;
	it.data.lost = m->lost;
	it.data.cut = m->cut;
	it.data.lost_before = m->lost_before;
	it.data.lost_before_cause = m->lost_before_cause;
	item_send(s, &it);
}

static void held_release(struct ec_streams *s, struct conn *c)
{
	while (c->held) {
		struct ec_call *m = c->held;

		c->held = m->next;
		s->memory -= ec_call_memory(m);
		call_show(s, c, m);
		ec_call_free(m);
	}
	c->held_last = &c->held;
	c->held_bytes = 0;
}

static void settle(struct ec_streams *s, struct conn *c)
{
	c->settled = true;
	held_release(s, c);
}

/* The call is over: shown, or held while its connection's addresses are looked for. */
static void call_end(struct ec_streams *s, struct conn *c, struct ec_call *m,
		     uint64_t now)
{
	ec_call_seal(m);
	if (c->settled) {
		s->memory -= ec_call_memory(m);
		call_show(s, c, m);
		ec_call_free(m);
		return;
	}
	if (!c->held)
		c->held_since = now;
	m->next = NULL;
	*c->held_last = m;
	c->held_last = &m->next;
	c->held_bytes += m->len;
	if (!c->listed) {
		c->listed = true;
		c->next_held = s->held;
		s->held = c;
	}
	if (c->held_bytes > s->o.hold_bytes)
		settle(s, c);
}

static void lost_seen(struct ec_streams *s, uint64_t n, enum ec_loss cause)
{
	s->account.lost[cause].records++;
	s->account.lost[cause].bytes += n;
}

static enum ec_loss cause_or_unseen(uint8_t cause)
{
	return cause ? (enum ec_loss)cause : EC_LOSS_UNSEEN;
}

/* The rest of an open call never came. */
static void call_broken(struct ec_streams *s, struct conn *c, struct direction *d,
			enum ec_loss cause, uint64_t now)
{
	struct ec_call *m = d->open;
	uint64_t end;

	if (!m)
		return;
	d->open = NULL;
	end = m->start + m->total;
	if (end - m->cut > d->pos) {
		lost_seen(s, end - m->cut - d->pos, cause);
		ec_call_gap(m, end - m->cut - d->pos, cause);
	}
	d->pos = end;
	call_end(s, c, m, now);
}

static void conn_drop(struct ec_streams *s, struct conn *c)
{
	for (int i = 0; i < EC_DIR__N; i++)
		call_broken(s, c, &c->dir[i], EC_LOSS_UNSEEN, c->held_since);
	settle(s, c);
	if (c->listed) {
		struct conn **p = &s->held;

		while (*p && *p != c)
			p = &(*p)->next_held;
		if (*p)
			*p = c->next_held;
	}
	free(c);
}

static void on_evict(void *ctx, const void *key, void *value)
{
	conn_drop(ctx, value);
}

static struct conn *conn_get(struct ec_streams *s, uint64_t id)
{
	struct conn *c = ec_map_get(s->conns, &id);

	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->id = id;
	c->held_last = &c->held;
	if (ec_map_put(s->conns, &id, c)) {
		free(c);
		return NULL;
	}
	return c;
}

static void conn_addrs(struct ec_streams *s, struct conn *c, const struct ec_addrs *a,
		       bool pending)
{
	if (a->family && !c->addrs.family)
		c->addrs = *a;
	if (!c->settled && (c->addrs.family || !pending))
		settle(s, c);
}

/* One piece that is the whole call: no copy. */
static void call_direct(struct ec_streams *s, struct conn *c,
			const struct ec_rec_chunk *k, const uint8_t *payload,
			uint64_t before, enum ec_loss cause)
{
	struct ec_seg seg = {.data = payload, .len = k->len};
	struct ec_call m = {
		.h = k->h,
		.total = k->total,
		.cut = k->cut,
		.len = k->len,
		.dir = k->dir,
		.lost_before = before,
		.lost_before_cause = before ? cause : EC_LOSS_NONE,
		.segs = &seg,
		.nsegs = 1,
	};

	call_show(s, c, &m);
}

/* Too much for one: what is there goes on, the call stays open. */
static void call_part(struct ec_streams *s, struct conn *c, struct direction *d)
{
	struct ec_call *m = d->open;

	settle(s, c);
	ec_call_seal(m);
	call_show(s, c, m);
	s->memory -= ec_call_memory(m);
	free(m->data);
	free(m->segs);
	m->data = NULL;
	m->segs = NULL;
	m->cap = m->nsegs = m->segs_cap = 0;
	m->len = m->lost = m->lost_before = 0;
	s->memory += ec_call_memory(m);
}

static int call_grow(struct ec_streams *s, struct conn *c, struct direction *d,
		     const struct ec_rec_chunk *k, const uint8_t *payload)
{
	struct ec_call *m = d->open;
	size_t had = ec_call_memory(m);
	int err = 0;

	if (k->pos > d->pos) {
		lost_seen(s, k->pos - d->pos, cause_or_unseen(k->lost));
		err = ec_call_gap(m, k->pos - d->pos, cause_or_unseen(k->lost));
	}
	if (!err)
		err = ec_call_add(m, payload, k->len);
	s->memory += ec_call_memory(m) - had;
	if (err)
		return err;
	d->pos = k->pos + k->len;
	if (d->pos + k->cut == m->start + m->total) {
		d->open = NULL;
		d->pos = m->start + m->total;
		call_end(s, c, m, k->h.time);
	} else if (m->len >= s->o.gather || s->memory > s->o.memory) {
		call_part(s, c, d);
	}
	return 0;
}

int ec_streams_chunk(struct ec_streams *s, const struct ec_rec_chunk *k,
		     const uint8_t *payload)
{
	struct conn *c = conn_get(s, k->conn);
	struct direction *d;
	uint64_t start = k->pos - k->off, before;
	bool whole;

	if (!c)
		return -ENOMEM;
	s->account.records++;
	s->account.bytes += k->len;
	c->h = k->h;
	conn_addrs(s, c, &k->addrs, k->flags & EC_CHUNK_PENDING);
	d = &c->dir[k->dir & 1];
	if (d->open && d->open->number != k->call)
		call_broken(s, c, d, cause_or_unseen(k->lost), k->h.time);
	if (k->pos < d->pos || (!d->open && start < d->pos)) {
		lost_seen(s, k->len, EC_LOSS_FOREIGN);
		return s->err;
	}
	if (!d->open) {
		before = start - d->pos;
		if (before)
			lost_seen(s, before, cause_or_unseen(k->lost));
		d->pos = start;
		whole = !k->off && k->len + k->cut == k->total;
		if (whole && c->settled) {
			d->pos += k->total;
			call_direct(s, c, k, payload, before, cause_or_unseen(k->lost));
			return s->err;
		}
		d->open = ec_call_new(k);
		if (!d->open)
			return -ENOMEM;
		d->open->lost_before = before;
		d->open->lost_before_cause =
			before ? cause_or_unseen(k->lost) : EC_LOSS_NONE;
		s->memory += ec_call_memory(d->open);
	}
	if (call_grow(s, c, d, k, payload))
		return -ENOMEM;
	return s->err;
}

static void conn_show(struct ec_streams *s, struct conn *c, const struct ec_rec_conn *r)
{
	struct ec_item it = {.kind = EC_ITEM_CONN, .dir = EC_DIR_NONE};

	if (s->o.nports && (!c->addrs.family || foreign(s, c)))
		return;
	item_who(s, &it, c, &r->h);
	it.conn.state = r->state;
	it.conn.sent = r->pos[EC_DIR_SENT];
	it.conn.received = r->pos[EC_DIR_RECV];
	item_send(s, &it);
}

/* What is missing at the end, where nothing follows that could show it. */
static void conn_tail(struct ec_streams *s, struct conn *c, const struct ec_rec_conn *r)
{
	for (int i = 0; i < EC_DIR__N; i++) {
		struct direction *d = &c->dir[i];
		enum ec_loss cause = cause_or_unseen(r->lost[i]);
		struct ec_item it = {.kind = EC_ITEM_LOSS, .dir = i};

		call_broken(s, c, d, cause, r->h.time);
		if (r->pos[i] <= d->pos || foreign(s, c))
			continue;
		settle(s, c); /* in order: what came before goes first */
		lost_seen(s, r->pos[i] - d->pos, cause);
		item_who(s, &it, c, c->h.pid ? &c->h : &r->h);
		it.loss.cause = cause;
		it.loss.bytes = r->pos[i] - d->pos;
		it.loss.records = r->call[i];
		d->pos = r->pos[i];
		if (!s->o.nports || c->addrs.family)
			item_send(s, &it);
	}
}

int ec_streams_conn(struct ec_streams *s, const struct ec_rec_conn *r)
{
	struct conn *c;

	if (r->state >= EC_CONN_CLOSED && !ec_map_peek(s->conns, &r->conn) &&
	    !r->pos[0] && !r->pos[1])
		return 0; /* nothing was ever said on it */
	c = conn_get(s, r->conn);
	if (!c)
		return -ENOMEM;
	if (r->addrs.family && !c->addrs.family)
		c->addrs = r->addrs;
	switch (r->state) {
	case EC_CONN_OPEN:
		c->h = r->h;
		conn_show(s, c, r);
		break;
	case EC_CONN_ADDRS:
		break;
	default:
		conn_tail(s, c, r);
		settle(s, c);
		if (r->state == EC_CONN_CLOSED)
			conn_show(s, c, r);
		ec_map_del(s->conns, &r->conn);
		conn_drop(s, c);
		return s->err;
	}
	if (c->addrs.family && !c->settled)
		settle(s, c);
	return s->err;
}

int ec_streams_tick(struct ec_streams *s, uint64_t mono)
{
	struct conn **p = &s->held;

	while (*p) {
		struct conn *c = *p;

		if (c->held && !c->settled && mono - c->held_since < s->o.hold) {
			p = &c->next_held;
			continue;
		}
		*p = c->next_held;
		c->listed = false;
		settle(s, c);
	}
	return s->err;
}

static bool flush_one(void *ctx, const void *key, void *value)
{
	struct ec_streams *s = ctx;
	struct conn *c = value;

	for (int i = 0; i < EC_DIR__N; i++)
		call_broken(s, c, &c->dir[i], EC_LOSS_UNSEEN, c->held_since);
	settle(s, c);
	return true;
}

int ec_streams_flush(struct ec_streams *s)
{
	ec_map_each(s->conns, flush_one, s);
	return s->err;
}

void ec_streams_account(const struct ec_streams *s, struct ec_account *a)
{
	a->records += s->account.records;
	a->bytes += s->account.bytes;
	a->filtered += s->account.filtered;
	for (int i = 1; i < EC_LOSS__N; i++) {
		a->lost[i].records += s->account.lost[i].records;
		a->lost[i].bytes += s->account.lost[i].bytes;
	}
}

bool ec_streams_waiting(const struct ec_streams *s)
{
	return s->held;
}

int ec_streams_new(const struct ec_stream_opts *o, struct ec_streams **out)
{
	struct ec_streams *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->o = *o;
	if (!s->o.conns)
		s->o.conns = 65536;
	if (!s->o.gather)
		s->o.gather = 16u << 20;
	if (!s->o.memory)
		s->o.memory = 64u << 20;
	if (!s->o.hold)
		s->o.hold = 200000000;
	if (!s->o.hold_bytes)
		s->o.hold_bytes = 256u << 10;
	err = ec_map_new(&s->conns, sizeof(uint64_t), s->o.conns, on_evict, s);
	if (err) {
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

void ec_streams_free(struct ec_streams *s)
{
	if (!s)
		return;
	ec_map_free(s->conns);
	free(s);
}
