/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections of the stream room: what of them is kept, for how long, and how it leaves.
 * Private to this room.
 */
#ifndef EC_STREAM_CONN_H
#define EC_STREAM_CONN_H

#include "base/map.h"
#include "base/seen.h"
#include "stream/call.h"
#include "stream/stream.h"

struct ec_link {
	struct ec_link *prev, *next; /* both NULL: in no list */
};

struct ec_sdir {
	uint64_t at; /* position up to which all is accounted for, without `call` */
	struct ec_call *call; /* in progress */
};

struct ec_sconn {
	uint64_t id;
	uint64_t process;
	struct ec_link busy;	/* has bytes kept; by use */
	struct ec_link waiting; /* holds calls back; by age */
	struct ec_stream_who who;
	struct ec_addrs addrs;
	struct ec_sdir dir[EC_DIR__N];
	/* Calls held until the addresses are known, in order of time. */
	struct ec_call *held;
	struct ec_held_secret *secrets; /* the same; stream/secret.h */
	/* It is closed, which is told when its process is known. Owned; NULL: open. */
	struct ec_rec_conn *closing;
	size_t held_bytes, held_cost, cost;
	uint64_t hold_since;
	uint64_t opened;    /* record time of the open record */
	bool addrs_ready;   /* addresses known or given up */
	bool who_ready;	    /* its process is known, or the programs let it pass */
	bool settled;	    /* both, or it took too long: nothing is held any more */
	bool open_due;	    /* its open item waits for the addresses */
	bool shown_nowhere; /* something was shown without addresses */
};

struct ec_streams {
	struct ec_stream_opts o;
	struct ec_map *conns;
	struct ec_seen *secrets;      /* that were handed on */
	struct ec_link busy, waiting; /* heads */
	size_t used;		      /* sum of the connections' cost */
	struct ec_account account;
	int err; /* of the callback, in this push */
};

/* What the filters say of a connection as it is known. */
enum ec_sconn_verdict {
	EC_SCONN_SHOW,
	EC_SCONN_OTHER, /* not asked for */
	EC_SCONN_NO_PORT,
	EC_SCONN_NO_WHO,
};
enum ec_sconn_verdict ec_sconn_judge(const struct ec_streams *s,
				     const struct ec_sconn *c);
/* What all items of a connection have in common. */
void ec_sconn_fill(const struct ec_streams *s, const struct ec_sconn *c,
		   const struct ec_stream_who *w, uint64_t time, struct ec_item *it);

int ec_sconn_get(struct ec_streams *s, uint64_t id, struct ec_sconn **out);
/* Hands on all that is kept, and forgets the connection. */
void ec_sconn_drop(struct ec_streams *s, struct ec_sconn *c);
/* New addresses. */
void ec_sconn_learn(struct ec_streams *s, struct ec_sconn *c, const struct ec_addrs *a,
		    uint64_t time);
/* Nothing is held from now on; what was held goes on. */
void ec_sconn_settle(struct ec_streams *s, struct ec_sconn *c);
/* Settles what has all it waits for or has waited long enough, else it waits (on). */
void ec_sconn_wait(struct ec_streams *s, struct ec_sconn *c, uint64_t time);
/* Has it waited long enough at record time `time`? */
bool ec_sconn_due(const struct ec_streams *s, const struct ec_sconn *c, uint64_t time);
/* A complete call: shown or held. Frees `call` unless it is held. */
void ec_sconn_done(struct ec_streams *s, struct ec_sconn *c, struct ec_call *call);
/* Hands on a call, or the part of it that is there. */
void ec_sconn_show(struct ec_streams *s, struct ec_sconn *c, struct ec_call *call,
		   bool last);
/* Hands on the part of the call in progress that is there. `all`: the begin of a
 * character at its end too. */
void ec_sconn_part(struct ec_streams *s, struct ec_sconn *c, enum ec_dir dir, bool all);
/* Bytes missing where no call follows. */
void ec_sconn_loss(struct ec_streams *s, struct ec_sconn *c, const struct ec_rec_conn *r,
		   enum ec_dir dir, uint64_t n, enum ec_loss cause);
void ec_sconn_state(struct ec_streams *s, struct ec_sconn *c,
		    const struct ec_rec_conn *r);
/* Counts what is kept after a change, and makes room when it is too much. */
void ec_sconn_count(struct ec_streams *s, struct ec_sconn *c);

#endif
