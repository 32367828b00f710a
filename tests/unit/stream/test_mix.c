// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many connections at once, random sizes, and pieces that get lost at random: what is
 * handed on must be what was sent, in order, and intact + lost + cut = sent, to the byte,
 * for each connection and direction. The generator is ours and seeded: every run is the
 * same.
 */
#include "base/util.h"
#include "feed.h"

#define CONNS 12
#define CALLS 60
#define SPAN  (CALLS * 700) /* bytes of one direction at most */

static uint64_t rng_state;

static uint32_t rng(uint32_t below)
{
	/* xorshift64*, Vigna 2016 */
	rng_state ^= rng_state >> 12;
	rng_state ^= rng_state << 25;
	rng_state ^= rng_state >> 27;
	return (uint32_t)((rng_state * 0x2545f4914f6cdd1dull) >> 32) % below;
}

/* One direction of a connection: what is sent, and what has been seen of it. */
struct way {
	uint64_t pos;  /* where the current call begins */
	uint64_t call; /* its number */
	uint64_t off, total, copy;
	uint8_t lost; /* cause since the last piece that got through */
	uint8_t dropped[SPAN];
	uint64_t cut_bytes, dropped_bytes;
	/* seen */
	uint64_t at;
	uint64_t intact, missing, cut;
	uint64_t time;
};

struct peer {
	uint64_t id;
	bool resolved;
	uint32_t resolves_after; /* pieces */
	struct way way[EC_DIR__N];
};

static struct peer peers[CONNS];

static uint8_t byte_at(uint64_t id, int dir, uint64_t pos)
{
	return (uint8_t)((pos * 2654435761u + id * 40503u + (uint64_t)dir * 97u) >> 7);
}

/* --- what comes out -------------------------------------------------------- */

static void gone(struct way *w, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		assert_true(w->dropped[w->at + i]);
	w->at += n;
	w->missing += n;
}

static void there(struct way *w, uint64_t id, int dir, const struct ec_seg *seg)
{
	for (uint64_t i = 0; i < seg->len; i++) {
		if (seg->data[i] != byte_at(id, dir, w->at + i) || w->dropped[w->at + i])
			fail_msg("conn %d dir %d: wrong byte at %d", (int)id, dir,
				 (int)(w->at + i));
	}
	w->at += seg->len;
	w->intact += seg->len;
}

static int check(void *ctx, const struct ec_item *it)
{
	struct way *w;

	assert_in_range(it->conn_id, 1, CONNS);
	if (it->kind == EC_ITEM_CONN)
		return 0;
	w = &peers[it->conn_id - 1].way[it->dir];
	if (it->kind == EC_ITEM_LOSS) {
		gone(w, it->loss.bytes);
		return 0;
	}
	assert_true(it->wall >= w->time);
	w->time = it->wall;
	gone(w, it->data.lost_before);
	for (size_t i = 0; i < it->data.nsegs; i++) {
		if (it->data.segs[i].data)
			there(w, it->conn_id, it->dir, &it->data.segs[i]);
		else
			gone(w, it->data.segs[i].len);
	}
	w->at += it->data.cut;
	w->cut += it->data.cut;
	return 0;
}

/* --- what goes in ---------------------------------------------------------- */

static void begin_call(struct way *w, uint32_t truncate)
{
	w->total = 1 + rng(rng(3) ? 40 : 700);
	w->copy = truncate && truncate < w->total ? truncate : w->total;
	w->off = 0;
}

static void piece_of(struct ec_streams *s, struct peer *p, int dir, uint32_t drop,
		     uint64_t time)
{
	struct way *w = &p->way[dir];
	uint32_t want = 1 + rng(64);
	uint32_t len = (uint32_t)EC_MIN(w->copy - w->off, (uint64_t)want);
	struct ec_rec_chunk r = {
		.conn = p->id,
		.pos = w->pos + w->off,
		.call = w->call,
		.off = w->off,
		.total = w->total,
		.cut = w->total - w->copy,
		.len = len,
		.dir = (uint8_t)dir,
		.lost = w->lost,
	};
	uint8_t payload[64];

	fill(&r.h);
	r.h.time = time;
	if (!p->resolves_after || !--p->resolves_after)
		p->resolved = true;
	if (p->resolved)
		r.addrs = port((uint16_t)p->id);
	else
		r.flags = EC_CHUNK_PENDING;
	if (rng(1000) < drop) {
		/* many in a row now and then */
		w->lost = (uint8_t)(1 + rng(EC_LOSS_QUEUE));
		memset(w->dropped + r.pos, 1, len);
		w->dropped_bytes += len;
	} else {
		for (uint32_t i = 0; i < len; i++)
			payload[i] = byte_at(p->id, dir, r.pos + i);
		assert_int_equal(ec_streams_chunk(s, &r, payload), 0);
		w->lost = 0;
	}
	w->off += len;
	if (w->off < w->copy)
		return;
	w->cut_bytes += w->total - w->copy;
	w->pos += w->total;
	w->call++;
	w->total = 0;
}

static void close_all(struct ec_streams *s)
{
	for (int i = 0; i < CONNS; i++) {
		struct peer *p = &peers[i];
		struct ec_rec_conn r =
			conn_rec(p->id, EC_CONN_END, p->way[0].pos, p->way[1].pos);

		r.lost[0] = p->way[0].lost;
		r.lost[1] = p->way[1].lost;
		assert_int_equal(ec_streams_conn(s, &r), 0);
	}
}

static void verify(struct ec_streams *s)
{
	struct ec_account a = account(s);
	uint64_t intact = 0, lost = 0, cut = 0;

	for (int i = 0; i < CONNS; i++) {
		for (int d = 0; d < EC_DIR__N; d++) {
			struct way *w = &peers[i].way[d];

			assert_int_equal(w->at, w->pos);
			assert_int_equal(w->cut, w->cut_bytes);
			assert_int_equal(w->missing, w->dropped_bytes);
			assert_int_equal(w->intact + w->missing + w->cut, w->pos);
			intact += w->intact;
			lost += w->missing;
			cut += w->cut;
		}
	}
	assert_int_equal(a.bytes, intact);
	assert_int_equal(a.cut, cut);
	assert_int_equal(ec_account_lost(&a), lost);
	assert_int_equal(a.lost[EC_LOSS_FOREIGN].records, 0);
	assert_true(intact > 0);
}

static void mix(uint64_t seed, uint32_t drop, uint32_t truncate, uint32_t flush,
		struct ec_stream_opts o)
{
	struct ec_streams *s;
	uint64_t time = 0;
	int open = 2 * CONNS;

	rng_state = seed * 0x9e3779b97f4a7c15ull + 1;
	memset(peers, 0, sizeof(peers));
	for (int i = 0; i < CONNS; i++) {
		peers[i].id = (uint64_t)i + 1;
		peers[i].resolves_after = rng(40);
	}
	o.item = check;
	s = streams_new(o);
	while (open) {
		struct peer *p = &peers[rng(CONNS)];
		int dir = (int)rng(2);
		struct way *w = &p->way[dir];

		time += rng(20) * MS;
		if (w->call == CALLS)
			continue;
		if (!w->total)
			begin_call(w, truncate);
		piece_of(s, p, dir, drop, time);
		open -= w->call == CALLS;
		if (flush && !rng(flush))
			assert_int_equal(ec_streams_flush(s), 0);
		assert_int_equal(ec_streams_tick(s, time), 0);
	}
	close_all(s);
	verify(s);
	assert_int_equal(ec_streams_flush(s), 0);
	verify(s); /* nothing was left */
	ec_streams_free(s);
}

static void test_nothing_lost(void **state)
{
	for (uint64_t seed = 0; seed < 3; seed++)
		mix(seed, 0, 0, 0, (struct ec_stream_opts){0});
	for (int i = 0; i < CONNS; i++)
		assert_int_equal(peers[i].way[0].missing + peers[i].way[1].missing, 0);
}

static void test_some_lost(void **state)
{
	for (uint64_t seed = 10; seed < 16; seed++)
		mix(seed, 100, 0, 0, (struct ec_stream_opts){0});
}

static void test_most_lost(void **state)
{
	for (uint64_t seed = 20; seed < 24; seed++)
		mix(seed, 900, 0, 0, (struct ec_stream_opts){0});
}

static void test_small_buffers(void **state)
{
	for (uint64_t seed = 30; seed < 34; seed++) {
		mix(seed, 100, 0, 0,
		    (struct ec_stream_opts){
			    .gather = 100, .hold_bytes = 60, .hold = 30 * MS});
		mix(seed, 100, 0, 0, (struct ec_stream_opts){.memory = 3000});
	}
}

/* Nothing lost: then what was cut is known to the byte, too. */
static void test_truncated(void **state)
{
	for (uint64_t seed = 50; seed < 53; seed++)
		mix(seed, 0, 50, 0, (struct ec_stream_opts){0});
}

static void test_flushed(void **state)
{
	for (uint64_t seed = 40; seed < 43; seed++)
		mix(seed, 50, 0, 7, (struct ec_stream_opts){0});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_lost), cmocka_unit_test(test_some_lost),
		cmocka_unit_test(test_most_lost),    cmocka_unit_test(test_small_buffers),
		cmocka_unit_test(test_flushed),	     cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
