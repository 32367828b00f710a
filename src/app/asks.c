// SPDX-License-Identifier: GPL-2.0-only
#include "app/asks.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/socket.h"

#include <errno.h>
#include <string.h>

/* What every record of ours on a connection says of whose it is. */
static struct ec_rec_conn conn_record(enum ec_conn_state state, uint64_t conn,
				      uint64_t process, uint32_t pid, uint32_t target,
				      uint16_t module)
{
	return (struct ec_rec_conn){
		.h = {.size = sizeof(struct ec_rec_conn),
		      .kind = EC_REC_CONN,
		      .module = module,
		      .time = ec_clock_mono(),
		      .pid = pid,
		      .tid = pid,
		      .target = target,
		      .process = process},
		.conn = conn,
		.state = state,
	};
}

static void conn_end(void *ctx, const struct ec_conn_key *key, const struct ec_conn *c)
{
	struct ec_asks *a = ctx;
	struct ec_rec_conn r = conn_record(EC_CONN_END, c->id, key->process, c->pid,
					   c->target, c->module);

	/* as conn_tell() in bpf/conn.h: one that said nothing was never told of */
	if (!c->call[EC_DIR_SENT] && !c->call[EC_DIR_RECV] && !c->waits)
		return;
	r.gave_up = c->gave_up;
	r.addrs = c->addrs;
	for (int i = 0; i < EC_DIR__N; i++) {
		r.pos[i] = c->pos[i];
		r.call[i] = c->call[i];
		r.lost[i] = c->lost[i];
	}
	a->record(a->ctx, &r, sizeof(r));
}

/* A descriptor that the programs could not follow: what we can learn of it goes to them,
 * for the pieces to come, and to the worker, for those that it holds back. */
static void fd_asked(struct ec_asks *a, const struct ec_ask *q)
{
	struct ec_rec_conn r = conn_record(EC_CONN_ADDRS, q->conn, q->process, q->pid,
					   q->target, q->module);
	int err = ec_net_addrs(q->pid, q->fd, &r.addrs);

	if (err == -EAFNOSUPPORT)
		r.addrs.how = EC_HOW_USER; /* it never will have any */
	r.gave_up = err == -EAFNOSUPPORT;
	ec_session_answer(a->session, q->conn, &r.addrs);
	a->record(a->ctx, &r, sizeof(r));
	if (err)
		ec_debug("addresses of descriptor %d of %u: %s", q->fd, q->pid,
			 strerror(-err));
}

/*
 * The worker first: what the programs send once they have the answer must not overtake
 * what it means.
 */
static void who_asked(struct ec_asks *a, const struct ec_ask *q)
{
	struct ec_rec_who r;

	ec_finder_look(a->finder, q, &r);
	a->record(a->ctx, &r, sizeof(r));
	ec_session_verdict(a->session, q->process, r.verdict);
}

static void on_asked(void *ctx, const struct ec_ask *q)
{
	struct ec_asks *a = ctx;

	switch (q->kind) {
	case EC_ASK_FD:
		fd_asked(a, q);
		break;
	case EC_ASK_WHO:
		if (a->nlater == EC_ASKS_LATER)
			ec_asks_rest(a);
		a->later[a->nlater++] = *q;
		break;
	case EC_ASK_TWICE:
		ec_targets_twice(a->targets, q->target, q->other);
		break;
	default:
		break;
	}
}

bool ec_asks_take(struct ec_asks *a)
{
	return ec_session_asks(a->session, on_asked, a);
}

void ec_asks_rest(struct ec_asks *a)
{
	for (size_t i = 0; i < a->nlater; i++)
		who_asked(a, &a->later[i]);
	a->nlater = 0;
}

void ec_asks_end(struct ec_asks *a)
{
	/* what the worker still holds back for an answer */
	ec_asks_take(a);
	ec_asks_rest(a);
	ec_session_each_conn(a->session, conn_end, a);
}
