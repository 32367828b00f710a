// SPDX-License-Identifier: GPL-2.0-only
#include "stream/conn.h"
#include "stream/secret.h"
#include "model/addrs.h"

#include <errno.h>
#include <string.h>

static void link_del(struct ec_link *l)
{
	if (!l->next)
		return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->prev = l->next = NULL;
}

static void link_add_last(struct ec_link *head, struct ec_link *l)
{
	link_del(l);
	l->prev = head->prev;
	l->next = head;
	l->prev->next = l;
	head->prev = l;
}

static struct ec_sconn *of_busy(struct ec_link *l)
{
	return (struct ec_sconn *)((char *)l - offsetof(struct ec_sconn, busy));
}

int ec_sconn_get(struct ec_streams *s, uint64_t id, struct ec_sconn **out)
{
	struct ec_sconn *c = ec_map_get(s->conns, &id);
	int rc;

	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		c->id = id;
		rc = ec_map_put(s->conns, &id, c);
		if (rc) {
			free(c);
			return rc;
		}
	}
	*out = c;
	return 0;
}

/* --- items ----------------------------------------------------------------- */

static const struct ec_who *who_is(const struct ec_streams *s, const struct ec_sconn *c)
{
	return s->o.who ? s->o.who(s->o.ctx, c->process) : NULL;
}

static enum ec_sconn_verdict judge_who(const struct ec_streams *s,
				       const struct ec_sconn *c)
{
	const struct ec_who *w = who_is(s, c);

	switch (w ? w->verdict : EC_VERDICT_NONE) {
	case EC_VERDICT_PASS:
		return EC_SCONN_SHOW;
	case EC_VERDICT_DROP:
		return EC_SCONN_OTHER;
	case EC_VERDICT_UNKNOWN:
		return EC_SCONN_NO_WHO;
	default:
		return c->who_ready ? EC_SCONN_SHOW : EC_SCONN_NO_WHO;
	}
}

enum ec_sconn_verdict ec_sconn_judge(const struct ec_streams *s, const struct ec_sconn *c)
{
	enum ec_sconn_verdict v = s->o.who_filters ? judge_who(s, c) : EC_SCONN_SHOW;

	if (v != EC_SCONN_SHOW || !s->o.nports)
		return v;
	if (!ec_addrs_known(&c->addrs))
		return EC_SCONN_NO_PORT;
	for (size_t i = 0; i < s->o.nports; i++) {
		if (s->o.ports[i] == c->addrs.lport || s->o.ports[i] == c->addrs.rport)
			return EC_SCONN_SHOW;
	}
	return EC_SCONN_OTHER;
}

void ec_sconn_fill(const struct ec_streams *s, const struct ec_sconn *c,
		   const struct ec_stream_who *w, uint64_t time, struct ec_item *it)
{
	it->wall = s->o.wall(s->o.ctx, time);
	it->module = s->o.module ? s->o.module(s->o.ctx, w->module) : NULL;
	it->pid = w->pid;
	it->tid = w->tid;
	it->uid = w->uid;
	it->comm = w->comm;
	it->conn_id = c->id;
	it->who = who_is(s, c);
	it->addrs = ec_addrs_known(&c->addrs) ? &c->addrs : NULL;
}

static void give(struct ec_streams *s, struct ec_sconn *c, const struct ec_item *it)
{
	if (s->err)
		return; /* the capture ends */
	if (!it->addrs)
		c->shown_nowhere = true;
	s->err = s->o.item(s->o.ctx, it);
}

static void count_loss(struct ec_streams *s, enum ec_loss cause, uint64_t bytes)
{
	if (!bytes)
		return;
	s->account.lost[cause].bytes += bytes;
	s->account.lost[cause].records++;
}

/* Everything of the part, so that the sums come out whatever the verdict. */
static void count_call(struct ec_streams *s, const struct ec_call *call, bool last,
		       enum ec_sconn_verdict v)
{
	uint64_t cut = last ? call->cut : 0;

	if (v == EC_SCONN_OTHER) {
		s->account.filtered += call->before + call->len + call->lost + cut;
		return;
	}
	for (size_t i = 0; i < call->nsegs; i++) {
		if (call->segs[i].cause != EC_LOSS_NONE)
			count_loss(s, call->segs[i].cause, call->segs[i].len);
	}
	count_loss(s, call->before_cause, call->before);
	s->account.cut += cut;
	if (v == EC_SCONN_NO_PORT || v == EC_SCONN_NO_WHO)
		count_loss(s, v == EC_SCONN_NO_PORT ? EC_LOSS_PORT : EC_LOSS_WHO,
			   call->len);
	else if (last)
		s->account.messages++;
}

void ec_sconn_show(struct ec_streams *s, struct ec_sconn *c, struct ec_call *call,
		   bool last)
{
	struct ec_item it = {.kind = EC_ITEM_DATA};
	enum ec_sconn_verdict v = ec_sconn_judge(s, c);

	count_call(s, call, last, v);
	if (v != EC_SCONN_SHOW)
		return;
	ec_sconn_fill(s, c, &call->who, call->time, &it);
	ec_call_item(call, last, &it);
	give(s, c, &it);
}

void ec_sconn_part(struct ec_streams *s, struct ec_sconn *c, enum ec_dir dir, bool all)
{
	struct ec_call *call = c->dir[dir].call;

	if (!call)
		return;
	/* Without memory for three bytes they wait for the next part. */
	if (all)
		ec_call_take_tail(call);
	else
		ec_call_keep_tail(call);
	if (!call->nsegs) {
		ec_call_fini(call);
		return;
	}
	ec_sconn_show(s, c, call, false);
	ec_call_next_part(call);
}

/* Who a connection record is of: those made at the end know the process only. */
static const struct ec_stream_who *
who_of(const struct ec_sconn *c, const struct ec_rec_conn *r, struct ec_stream_who *w)
{
	if (!r->h.comm[0])
		return &c->who;
	ec_stream_who_set(w, &r->h);
	return w;
}

void ec_sconn_loss(struct ec_streams *s, struct ec_sconn *c, const struct ec_rec_conn *r,
		   enum ec_dir dir, uint64_t n, enum ec_loss cause)
{
	struct ec_item it = {.kind = EC_ITEM_LOSS, .dir = dir};
	enum ec_sconn_verdict v = ec_sconn_judge(s, c);
	struct ec_stream_who w;

	if (v == EC_SCONN_OTHER) {
		s->account.filtered += n;
		return;
	}
	count_loss(s, cause, n);
	if (v != EC_SCONN_SHOW)
		return;
	ec_sconn_fill(s, c, who_of(c, r, &w), r->h.time, &it);
	it.loss.cause = cause;
	it.loss.bytes = n;
	it.loss.records = 1;
	give(s, c, &it);
}

void ec_sconn_state(struct ec_streams *s, struct ec_sconn *c, const struct ec_rec_conn *r)
{
	struct ec_item it = {.kind = EC_ITEM_CONN, .dir = EC_DIR_NONE};
	struct ec_stream_who w;

	if (ec_sconn_judge(s, c) != EC_SCONN_SHOW)
		return;
	ec_sconn_fill(s, c, who_of(c, r, &w), r->h.time, &it);
	it.conn.state = r->state;
	it.conn.sent = r->pos[EC_DIR_SENT];
	it.conn.received = r->pos[EC_DIR_RECV];
	give(s, c, &it);
}

static void state_now(struct ec_streams *s, struct ec_sconn *c, enum ec_conn_state state,
		      uint64_t time)
{
	struct ec_item it = {.kind = EC_ITEM_CONN, .dir = EC_DIR_NONE};

	if (ec_sconn_judge(s, c) != EC_SCONN_SHOW)
		return;
	ec_sconn_fill(s, c, &c->who, time, &it);
	it.conn.state = state;
	if (state != EC_CONN_OPEN) {
		it.conn.sent = c->dir[EC_DIR_SENT].at;
		it.conn.received = c->dir[EC_DIR_RECV].at;
	}
	give(s, c, &it);
}

/* --- holding --------------------------------------------------------------- */

void ec_sconn_settle(struct ec_streams *s, struct ec_sconn *c)
{
	struct ec_call *call;

	if (c->settled)
		return;
	c->settled = true;
	link_del(&c->waiting);
	if (c->open_due)
		state_now(s, c, EC_CONN_OPEN, c->opened);
	c->open_due = false;
	ec_secrets_settle(s, c);
	while ((call = c->held)) {
		c->held = call->next;
		ec_sconn_show(s, c, call, true);
		ec_call_fini(call);
		free(call);
	}
	c->held_bytes = c->held_cost = 0;
}

/* What a filter cannot judge is lost if it is let go, so that waits for the answer; a
 * secret comes before its connection has said anything. */
static bool waits_for_filter(const struct ec_streams *s, const struct ec_sconn *c)
{
	return (s->o.who_filters && !c->who_ready) ||
	       (s->o.nports && c->secrets && !c->addrs_ready);
}

bool ec_sconn_due(const struct ec_streams *s, const struct ec_sconn *c, uint64_t time)
{
	uint64_t hold = waits_for_filter(s, c) ? s->o.hold_who : s->o.hold;

	return time > c->hold_since && time - c->hold_since >= hold;
}

void ec_sconn_wait(struct ec_streams *s, struct ec_sconn *c, uint64_t time)
{
	if (c->settled)
		return;
	if (c->addrs_ready && c->who_ready) {
		ec_sconn_settle(s, c);
	} else if (!c->waiting.next) {
		c->hold_since = time;
		link_add_last(&s->waiting, &c->waiting);
	} else if (ec_sconn_due(s, c, time)) {
		ec_sconn_settle(s, c);
	}
}

void ec_sconn_learn(struct ec_streams *s, struct ec_sconn *c, const struct ec_addrs *a,
		    uint64_t time)
{
	bool news = !ec_addrs_known(&c->addrs) && c->shown_nowhere;

	c->addrs = *a;
	c->addrs_ready = true;
	if (news)
		state_now(s, c, EC_CONN_ADDRS, time);
}

/* By time, but never past another call of its direction: pieces of both directions mix
 * and the longer call ends later, though it began earlier. */
static void hold(struct ec_sconn *c, struct ec_call *call)
{
	struct ec_call **at = &c->held, **p;

	for (p = &c->held; *p; p = &(*p)->next) {
		if ((*p)->dir == call->dir || (*p)->time <= call->time)
			at = &(*p)->next;
	}
	call->next = *at;
	*at = call;
	c->held_bytes += call->len;
	c->held_cost += ec_call_cost(call) + sizeof(*call);
}

void ec_sconn_done(struct ec_streams *s, struct ec_sconn *c, struct ec_call *call)
{
	if (!c->settled) {
		hold(c, call);
		if (c->held_bytes > s->o.hold_bytes && !waits_for_filter(s, c))
			ec_sconn_settle(s, c);
		return;
	}
	ec_sconn_show(s, c, call, true);
	ec_call_fini(call);
	free(call);
}

/* --- bounds ---------------------------------------------------------------- */

static void recount(struct ec_streams *s, struct ec_sconn *c)
{
	size_t cost = c->held_cost;

	for (int d = 0; d < EC_DIR__N; d++)
		cost += c->dir[d].call ? ec_call_cost(c->dir[d].call) : 0;
	s->used += cost - c->cost;
	c->cost = cost;
	if (cost)
		link_add_last(&s->busy, &c->busy);
	else
		link_del(&c->busy);
}

void ec_sconn_count(struct ec_streams *s, struct ec_sconn *c)
{
	recount(s, c);
	while (s->used > s->o.memory && s->busy.next != &s->busy) {
		c = of_busy(s->busy.next);
		ec_sconn_settle(s, c);
		ec_sconn_part(s, c, EC_DIR_SENT, false);
		ec_sconn_part(s, c, EC_DIR_RECV, false);
		recount(s, c);
	}
}

void ec_sconn_drop(struct ec_streams *s, struct ec_sconn *c)
{
	ec_sconn_settle(s, c);
	for (int d = 0; d < EC_DIR__N; d++) {
		ec_sconn_part(s, c, d, true);
		free(c->dir[d].call);
		c->dir[d].call = NULL;
	}
	recount(s, c);
	link_del(&c->waiting);
	free(c->closing);
	free(c);
}
