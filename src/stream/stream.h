/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pieces of calls → whole calls in order, per connection and direction, with gaps where
 * bytes are missing. One pipeline thread owns it. Knows no library.
 *
 * - A call that came in one piece is handed on without a copy. Pieces of a longer call
 *   are gathered up to `gather` bytes; past that the call is handed on in parts.
 * - A chunk's `pos` tells what is missing before it: inside a call it becomes a gap
 *   segment, before a call `lost_before`. ec_rec_conn's final positions tell what is
 *   missing at the end: a loss item.
 * - While a connection's addresses are still being looked for (EC_CHUNK_PENDING) its
 *   calls are held, up to `hold` ns and `hold_bytes`, so that the first message has them
 *   too. Held calls are handed on in the order of their time within the connection.
 * - The same while user space is asked about its process (EC_CHUNK_WHO). With filters
 *   that need the answer it is waited for up to `hold_who` ns and as long as there is
 *   memory: what is not wanted is counted as filtered, and what could not be decided as
 *   EC_LOSS_WHO.
 * - Secrets are handed on once each, whoever tells them.
 * - With ports given, calls of other ports are counted as filtered, and those whose port
 *   never became known as EC_LOSS_PORT.
 * - Bounded: at most `conns` connections and `memory` bytes are kept; what must go is
 *   handed on as it is, never dropped.
 */
#ifndef EC_STREAM_STREAM_H
#define EC_STREAM_STREAM_H

#include "model/item.h"

struct ec_streams;

struct ec_stream_opts {
	size_t conns;	   /* 0: 65536 */
	size_t gather;	   /* 0: 16 MiB */
	size_t memory;	   /* 0: 64 MiB over all connections */
	uint64_t hold;	   /* ns of record time, 0: 200 ms */
	uint64_t hold_who; /* the same for an answer that a filter needs, 0: 5 s */
	size_t hold_bytes; /* of one connection, 0: 256 KiB */
	const uint16_t *ports;
	size_t nports;
	bool who_filters; /* are there filters that need to know the process? */
	/* monotonic → wall, by the clock record; never NULL */
	uint64_t (*wall)(void *ctx, uint64_t mono);
	const char *(*module)(void *ctx, uint16_t index);
	/* What is known of a process; NULL: nothing. May be NULL. */
	const struct ec_who *(*who)(void *ctx, uint64_t process);
	/* Items of kind DATA, CONN, LOSS and SECRET. Non-zero ends the push with that
	 * value. */
	int (*item)(void *ctx, const struct ec_item *it);
	void *ctx;
};

int ec_streams_new(const struct ec_stream_opts *o, struct ec_streams **out);
/* The record has been checked (capture/decode.h); payload is c->len bytes. */
int ec_streams_chunk(struct ec_streams *s, const struct ec_rec_chunk *c,
		     const uint8_t *payload);
/* Not held but while a filter waits for what it needs to know. */
int ec_streams_secret(struct ec_streams *s, const struct ec_rec_secret *r);
int ec_streams_conn(struct ec_streams *s, const struct ec_rec_conn *c);
/* Something about a process became known: lets go what waited for it. */
int ec_streams_who(struct ec_streams *s, uint64_t process, uint64_t mono);
/* Lets go what has been held long enough at record time `mono`. */
int ec_streams_tick(struct ec_streams *s, uint64_t mono);
/* Hands on everything that is held or incomplete: the end, or SIGUSR2. */
int ec_streams_flush(struct ec_streams *s);
/* Adds its counts: bytes and records in, messages out, losses found by position. */
void ec_streams_account(const struct ec_streams *s, struct ec_account *a);
/* Is anything held that ec_streams_tick() may let go? Then call it every 50 ms. */
bool ec_streams_waiting(const struct ec_streams *s);
void ec_streams_free(struct ec_streams *s);

#endif
