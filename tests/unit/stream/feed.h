/* SPDX-License-Identifier: GPL-2.0-only */
/* Records for the stream room, and what it hands on, as one line of text an item. */
#ifndef EC_TEST_STREAM_FEED_H
#define EC_TEST_STREAM_FEED_H

#include "base/util.h"
#include "stream/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#define MS 1000000ull

static char seen[1 << 16];
static size_t seen_len;
static int fail_with; /* what the callback answers */

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	seen_len += (size_t)vsnprintf(seen + seen_len, sizeof(seen) - seen_len, fmt, ap);
	va_end(ap);
	assert_true(seen_len < sizeof(seen));
}

static void say_data(const struct ec_item *it)
{
	uint64_t len = 0, lost = 0;

	if (it->data.lost_before)
		say(" before %d %s", (int)it->data.lost_before,
		    ec_loss_name(it->data.lost_before_cause));
	if (it->data.off)
		say(" off %d", (int)it->data.off);
	say(" ");
	for (size_t i = 0; i < it->data.nsegs; i++) {
		const struct ec_seg *s = &it->data.segs[i];

		if (s->data) {
			assert_int_equal(s->cause, EC_LOSS_NONE);
			say("[%.*s]", (int)s->len, (const char *)s->data);
			len += s->len;
		} else {
			say("<%d %s>", (int)s->len, ec_loss_name(s->cause));
			lost += s->len;
		}
	}
	assert_int_equal(len, it->data.len);
	assert_int_equal(lost, it->data.lost);
	if (it->data.cut)
		say(" cut %d", (int)it->data.cut);
	if (len + lost + it->data.cut != it->data.total)
		say(" of %d", (int)it->data.total);
}

static int on_item(void *ctx, const struct ec_item *it)
{
	static const char *const kinds[] = {"data", "conn", "target", "loss", "stats"};
	static const char *const states[] = {"?", "open", "addrs", "closed", "end"};

	say("%s %d", kinds[it->kind], (int)it->conn_id);
	if (it->addrs)
		say(" :%d", it->addrs->lport);
	if (it->dir != EC_DIR_NONE)
		say(it->dir == EC_DIR_SENT ? " sent" : " recv");
	if (it->kind == EC_ITEM_DATA)
		say_data(it);
	else if (it->kind == EC_ITEM_LOSS)
		say(" %d %s", (int)it->loss.bytes, ec_loss_name(it->loss.cause));
	else
		say(" %s %d %d", states[it->conn.state], (int)it->conn.sent,
		    (int)it->conn.received);
	say("\n");
	return fail_with;
}

/* What was handed on since the last look. */
static EC_UNUSED void expect(const char *want)
{
	assert_string_equal(seen, want);
	seen_len = 0;
	seen[0] = 0;
}

static uint64_t wall_of(void *ctx, uint64_t mono)
{
	return mono + 1000;
}

static const char *module_of(void *ctx, uint16_t index)
{
	return index ? NULL : "tls";
}

static struct ec_streams *streams_new(struct ec_stream_opts o)
{
	struct ec_streams *s = NULL;

	o.wall = wall_of;
	o.module = module_of;
	if (!o.item)
		o.item = on_item;
	seen_len = 0;
	seen[0] = 0;
	fail_with = 0;
	assert_int_equal(ec_streams_new(&o, &s), 0);
	return s;
}

/* --- records --------------------------------------------------------------- */

static void fill(struct ec_rec *h)
{
	h->pid = 10;
	h->tid = 11;
	h->uid = 12;
	strcpy(h->comm, "prog");
}

static EC_UNUSED struct ec_addrs port(uint16_t lport)
{
	return (struct ec_addrs){.family = AF_INET, .lport = lport, .rport = 443};
}

/* A piece of a call; all of it unless the fields are changed. Addresses: port 1. */
static EC_UNUSED struct ec_rec_chunk chunk(uint64_t conn, enum ec_dir dir, uint64_t pos,
					   uint64_t call, const char *text)
{
	struct ec_rec_chunk r = {
		.conn = conn,
		.pos = pos,
		.call = call,
		.total = strlen(text),
		.len = (uint32_t)strlen(text),
		.dir = dir,
		.addrs = port(1),
	};

	fill(&r.h);
	return r;
}

/* The same as a piece at `off` of a call of `total` bytes that begins at `start`. */
static EC_UNUSED struct ec_rec_chunk piece(uint64_t start, uint64_t call, uint64_t off,
					   uint64_t total, const char *text)
{
	struct ec_rec_chunk r = chunk(1, EC_DIR_SENT, start + off, call, text);

	r.off = off;
	r.total = total;
	return r;
}

static EC_UNUSED void push(struct ec_streams *s, struct ec_rec_chunk r, const char *text)
{
	/* of its own size, so that a reader past its end is seen */
	uint8_t *p = malloc(r.len ? r.len : 1);

	assert_non_null(p);
	memcpy(p, text, r.len);
	assert_int_equal(ec_streams_chunk(s, &r, p), fail_with);
	free(p);
}

static EC_UNUSED struct ec_rec_conn conn_rec(uint64_t id, enum ec_conn_state state,
					     uint64_t sent, uint64_t received)
{
	struct ec_rec_conn r = {
		.conn = id,
		.state = (uint8_t)state,
		.pos = {sent, received},
		.addrs = port(1),
	};

	fill(&r.h);
	return r;
}

static EC_UNUSED void push_conn(struct ec_streams *s, struct ec_rec_conn r)
{
	assert_int_equal(ec_streams_conn(s, &r), fail_with);
}

static EC_UNUSED struct ec_account account(const struct ec_streams *s)
{
	struct ec_account a = {0};

	ec_streams_account(s, &a);
	return a;
}

#endif
