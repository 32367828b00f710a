// SPDX-License-Identifier: GPL-2.0-only
#include "stream/stream.h"
#include "base/cursor.h"
#include "stream/conn.h"
#include "stream/secret.h"

#include <errno.h>
#include <string.h>

#define CONNS	    65536
#define GATHER	    (16u << 20)
#define MEMORY	    (64u << 20)
#define HOLD_NS	    200000000ull
#define HOLD_WHO_NS 5000000000ull
#define HOLD_BYTES  (256u << 10)

static int close_now(struct ec_streams *s, struct ec_sconn *c,
		     const struct ec_rec_conn *r);

/*
 * The connection has not been used for longer than any other, so it is over and its end
 * was not seen, or the table is too small. The kernel side keeps fewer at a time than we
 * do by default: one that we forgot is forgotten there too and comes back as a new one.
 */
static void evict(void *ctx, const void *key, void *value)
{
	struct ec_sconn *c = value;

	if (c->closing)
		close_now(ctx, c, c->closing);
	ec_sconn_drop(ctx, c);
}

int ec_streams_new(const struct ec_stream_opts *o, struct ec_streams **out)
{
	struct ec_streams *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	s->o = *o;
	s->o.conns = o->conns ?: CONNS;
	s->o.gather = o->gather ?: GATHER;
	s->o.memory = o->memory ?: MEMORY;
	s->o.hold = o->hold ?: HOLD_NS;
	s->o.hold_who = o->hold_who ?: HOLD_WHO_NS;
	s->o.hold_bytes = o->hold_bytes ?: HOLD_BYTES;
	s->busy.prev = s->busy.next = &s->busy;
	s->waiting.prev = s->waiting.next = &s->waiting;
	rc = ec_map_new(&s->conns, sizeof(uint64_t), s->o.conns, evict, s);
	if (!rc)
		rc = ec_seen_new(EC_SECRETS_KEPT, &s->secrets);
	if (rc) {
		ec_map_free(s->conns);
		free(s);
		return rc;
	}
	*out = s;
	return 0;
}

static struct ec_sconn *of_waiting(struct ec_link *l)
{
	return (struct ec_sconn *)((char *)l - offsetof(struct ec_sconn, waiting));
}

static enum ec_loss cause_of(uint8_t lost)
{
	return lost > EC_LOSS_NONE && lost < EC_LOSS__N ? lost : EC_LOSS_UNSEEN;
}

/* Bytes of a damaged record are no loss of their own: they stay missing by position. */
static int foreign(struct ec_streams *s)
{
	s->account.lost[EC_LOSS_FOREIGN].records++;
	return s->err;
}

static bool chunk_ok(const struct ec_rec_chunk *r)
{
	return r->dir < EC_DIR__N && r->cut <= r->total &&
	       ec_range_ok(r->off, r->len, r->total - r->cut) && r->pos >= r->off &&
	       r->total <= UINT64_MAX - (r->pos - r->off);
}

/* The call is over; what has not come of it is missing. */
static int finish(struct ec_streams *s, struct ec_sconn *c, struct ec_sdir *d,
		  enum ec_loss cause)
{
	struct ec_call *call = d->call;
	int rc;

	rc = ec_call_take_tail(call);
	if (!rc)
		rc = ec_call_gap(call, call->total - call->cut - ec_call_at(call), cause);
	if (rc)
		return rc;
	d->at = call->start + call->total;
	d->call = NULL;
	ec_sconn_done(s, c, call);
	return 0;
}

/* The usual way: all of the call that will come is in this one piece. No copy. */
static int whole(struct ec_streams *s, struct ec_sconn *c, const struct ec_rec_chunk *r,
		 const uint8_t *payload, uint64_t before, enum ec_loss cause)
{
	struct ec_call call;

	ec_call_init(&call, r, 0);
	call.before = before;
	call.before_cause = before ? cause : EC_LOSS_NONE;
	/* At most three segments: they fit without memory. */
	ec_call_gap(&call, r->off, cause);
	ec_call_borrow(&call, payload, r->len);
	ec_call_gap(&call, r->total - r->cut - r->off - r->len, EC_LOSS_UNSEEN);
	c->dir[r->dir].at = call.start + call.total;
	ec_sconn_show(s, c, &call, true);
	ec_call_fini(&call);
	return 0;
}

/* Adds a piece to the call in progress. */
static int piece(struct ec_streams *s, struct ec_sconn *c, const struct ec_rec_chunk *r,
		 const uint8_t *payload, enum ec_loss cause, bool over)
{
	struct ec_sdir *d = &c->dir[r->dir];
	struct ec_call *call = d->call;
	int rc;

	if (call->nsegs &&
	    (call->buf.len + r->len > s->o.gather || call->nsegs >= EC_CALL_MAX_SEGS)) {
		ec_sconn_settle(s, c); /* what is held goes first */
		ec_sconn_part(s, c, r->dir, false);
	}
	rc = ec_call_gap(call, r->off - ec_call_at(call), cause);
	if (!rc)
		rc = ec_call_add(call, payload, r->len);
	if (!rc && over)
		rc = finish(s, c, d, EC_LOSS_UNSEEN);
	ec_sconn_count(s, c);
	return rc;
}

static int begin(struct ec_sdir *d, const struct ec_streams *s,
		 const struct ec_rec_chunk *r, uint64_t before, enum ec_loss cause)
{
	struct ec_call *call = malloc(sizeof(*call));

	if (!call)
		return -ENOMEM;
	ec_call_init(call, r, EC_MAX(s->o.gather, (size_t)r->len));
	call->before = before;
	call->before_cause = before ? cause : EC_LOSS_NONE;
	d->call = call;
	return 0;
}

static bool continues(const struct ec_call *call, const struct ec_rec_chunk *r)
{
	return call && call->number == r->call && call->start == r->pos - r->off &&
	       call->total == r->total && call->cut == r->cut;
}

static int place(struct ec_streams *s, struct ec_sconn *c, const struct ec_rec_chunk *r,
		 const uint8_t *payload)
{
	struct ec_sdir *d = &c->dir[r->dir];
	enum ec_loss cause = cause_of(r->lost);
	uint64_t start = r->pos - r->off, before;
	bool over = (r->flags & EC_CHUNK_LAST) || r->off + r->len == r->total - r->cut;
	int rc = 0;

	if (continues(d->call, r)) {
		if (r->off < ec_call_at(d->call))
			return foreign(s); /* we have been there */
		s->account.bytes += r->len;
		return piece(s, c, r, payload, cause, over);
	}
	if (start < (d->call ? d->call->start + d->call->total : d->at))
		return foreign(s);
	if (!r->total)
		return 0;
	s->account.bytes += r->len;
	if (d->call)
		rc = finish(s, c, d, cause);
	if (rc)
		return rc;
	before = start - d->at;
	if (over && c->settled)
		return whole(s, c, r, payload, before, cause);
	rc = begin(d, s, r, before, cause);
	return rc ?: piece(s, c, r, payload, cause, over);
}

static bool knows(const struct ec_streams *s, const struct ec_sconn *c)
{
	return s->o.who && s->o.who(s->o.ctx, c->process);
}

int ec_streams_chunk(struct ec_streams *s, const struct ec_rec_chunk *r,
		     const uint8_t *payload)
{
	struct ec_sconn *c;
	int rc;

	s->err = 0;
	s->account.records++;
	if (!chunk_ok(r))
		return foreign(s);
	rc = ec_sconn_get(s, r->conn, &c);
	if (rc)
		return rc;
	ec_stream_who_set(&c->who, &r->h);
	c->process = r->h.process;
	if (!s->o.who || !(r->flags & EC_CHUNK_WHO) || knows(s, c))
		c->who_ready = true;
	if (r->addrs.family)
		ec_sconn_learn(s, c, &r->addrs, r->h.time);
	else if (!(r->flags & EC_CHUNK_PENDING))
		c->addrs_ready = true;
	ec_sconn_wait(s, c, r->h.time);
	rc = place(s, c, r, payload);
	return s->err ?: rc;
}

static int close_now(struct ec_streams *s, struct ec_sconn *c,
		     const struct ec_rec_conn *r)
{
	struct ec_sdir *d;
	int rc = 0, bad;

	ec_sconn_settle(s, c);
	for (int i = 0; i < EC_DIR__N; i++) {
		d = &c->dir[i];
		if (d->call) {
			bad = finish(s, c, d, cause_of(r->lost[i]));
			rc = rc ?: bad;
		}
		if (r->pos[i] > d->at)
			ec_sconn_loss(s, c, r, i, r->pos[i] - d->at,
				      cause_of(r->lost[i]));
	}
	ec_sconn_state(s, c, r);
	return rc;
}

/* Of a connection whose end had to wait, if it need not any more: it is gone then. */
static bool closed(struct ec_streams *s, struct ec_sconn *c, int *rc)
{
	if (!c->closing || !c->settled)
		return false;
	*rc = close_now(s, c, c->closing);
	ec_map_del(s->conns, &c->id);
	ec_sconn_drop(s, c);
	return true;
}

/*
 * A process that is new may say all that it has to say and close within the time that it
 * takes to find out what it is.
 */
static int closes(struct ec_streams *s, struct ec_sconn *c, const struct ec_rec_conn *r)
{
	int rc = 0;

	c->closing = c->closing ?: malloc(sizeof(*r));
	if (!c->closing)
		return -ENOMEM;
	*c->closing = *r;
	c->addrs_ready = true; /* or never */
	if (c->who_ready)
		ec_sconn_settle(s, c);
	else
		ec_sconn_wait(s, c, r->h.time);
	if (!closed(s, c, &rc))
		ec_sconn_count(s, c);
	return rc;
}

int ec_streams_conn(struct ec_streams *s, const struct ec_rec_conn *r)
{
	struct ec_sconn *c;
	int rc;

	s->err = 0;
	rc = ec_sconn_get(s, r->conn, &c);
	if (rc)
		return rc;
	if (r->h.comm[0] || !c->who.pid)
		ec_stream_who_set(&c->who, &r->h);
	c->process = r->h.process;
	if (r->state == EC_CONN_OPEN && !c->settled) {
		/* Shown once the addresses are there, which may take a call or two. */
		c->open_due = true;
		c->opened = r->h.time;
	}
	if (r->addrs.family)
		ec_sconn_learn(s, c, &r->addrs, r->h.time);
	else if (r->gave_up)
		c->addrs_ready = true;
	if (!s->o.who || knows(s, c))
		c->who_ready = true;
	if (c->waiting.next || (c->addrs_ready && c->who_ready))
		ec_sconn_wait(s, c, r->h.time);
	if (r->state == EC_CONN_CLOSED || r->state == EC_CONN_END)
		rc = closes(s, c, r);
	else
		ec_sconn_count(s, c);
	return s->err ?: rc;
}

/* The next one of those that wait, after `c` was let go (and perhaps freed). */
static struct ec_link *let_go(struct ec_streams *s, struct ec_sconn *c,
			      struct ec_link *next, int *rc)
{
	if (!closed(s, c, rc))
		ec_sconn_count(s, c);
	return next->next ? next : s->waiting.next; /* it had to go for room */
}

int ec_streams_who(struct ec_streams *s, uint64_t process, uint64_t mono)
{
	struct ec_link *l, *next;
	int rc = 0;

	s->err = 0;
	for (l = s->waiting.next; l != &s->waiting; l = next) {
		struct ec_sconn *c = of_waiting(l);

		next = l->next;
		if (c->process != process)
			continue;
		c->who_ready = true;
		ec_sconn_wait(s, c, mono);
		if (c->settled)
			next = let_go(s, c, next, &rc);
	}
	return s->err ?: rc;
}

int ec_streams_tick(struct ec_streams *s, uint64_t mono)
{
	struct ec_link *l, *next;
	int rc = 0;

	s->err = 0;
	for (l = s->waiting.next; l != &s->waiting; l = next) {
		struct ec_sconn *c = of_waiting(l);

		next = l->next;
		if (mono < c->hold_since || mono - c->hold_since < s->o.hold)
			break; /* nor have those behind it waited long */
		if (!ec_sconn_due(s, c, mono))
			continue;
		ec_sconn_settle(s, c);
		next = let_go(s, c, next, &rc);
	}
	return s->err ?: rc;
}

static bool flush_one(void *ctx, const void *key, void *value)
{
	struct ec_streams *s = ctx;
	struct ec_sconn *c = value;
	int rc;

	ec_sconn_settle(s, c);
	if (closed(s, c, &rc))
		return true;
	ec_sconn_part(s, c, EC_DIR_SENT, true);
	ec_sconn_part(s, c, EC_DIR_RECV, true);
	ec_sconn_count(s, c);
	return true;
}

int ec_streams_flush(struct ec_streams *s)
{
	s->err = 0;
	ec_map_each(s->conns, flush_one, s);
	return s->err;
}

void ec_streams_account(const struct ec_streams *s, struct ec_account *a)
{
	a->records += s->account.records;
	a->bytes += s->account.bytes;
	a->messages += s->account.messages;
	a->cut += s->account.cut;
	a->filtered += s->account.filtered;
	a->secrets += s->account.secrets;
	for (int i = 0; i < EC_LOSS__N; i++) {
		a->lost[i].records += s->account.lost[i].records;
		a->lost[i].bytes += s->account.lost[i].bytes;
	}
}

bool ec_streams_waiting(const struct ec_streams *s)
{
	return s->waiting.next != &s->waiting;
}

void ec_streams_free(struct ec_streams *s)
{
	if (!s)
		return;
	s->err = -ECANCELED; /* nothing is handed on any more */
	ec_map_free(s->conns);
	ec_seen_free(s->secrets);
	free(s);
}
