// SPDX-License-Identifier: GPL-2.0-only
#include "feed.h"

#include <errno.h>

static struct ec_streams *s;

static int setup(void **state)
{
	s = streams_new((struct ec_stream_opts){0});
	return 0;
}

static int teardown(void **state)
{
	ec_streams_free(s);
	return 0;
}

static const struct ec_item *last_item;
static struct ec_item copy;
static char copied_comm[32];

static int keep(void *ctx, const struct ec_item *it)
{
	copy = *it;
	strcpy(copied_comm, it->comm);
	last_item = &copy;
	if (ctx && it->kind == EC_ITEM_DATA)
		assert_ptr_equal(it->data.segs[0].data, ctx);
	return 0;
}

/* A call in one piece is not copied, and says who and when. */
static void test_no_copy(void **state)
{
	struct ec_rec_chunk r = chunk(7, EC_DIR_RECV, 0, 0, "hello");
	uint8_t payload[] = "hello";

	ec_streams_free(s);
	s = streams_new((struct ec_stream_opts){.item = keep, .ctx = payload});
	r.h.time = 5;
	memset(r.h.comm, 'x', sizeof(r.h.comm)); /* without an end */
	assert_int_equal(ec_streams_chunk(s, &r, payload), 0);
	assert_non_null(last_item);
	assert_int_equal(copy.kind, EC_ITEM_DATA);
	assert_int_equal(copy.wall, 1005);
	assert_string_equal(copy.module, "tls");
	assert_int_equal(copy.pid, 10);
	assert_int_equal(copy.tid, 11);
	assert_int_equal(copy.uid, 12);
	assert_string_equal(copied_comm, "xxxxxxxxxxxxxxxx");
	assert_int_equal(copy.conn_id, 7);
	assert_int_equal(copy.dir, EC_DIR_RECV);
	assert_int_equal(copy.data.total, 5);
	assert_int_equal(account(s).messages, 1);
	assert_int_equal(account(s).bytes, 5);
	assert_int_equal(account(s).records, 1);
}

static void test_pieces(void **state)
{
	push(s, piece(0, 0, 0, 9, "abc"), "abc");
	push(s, chunk(1, EC_DIR_RECV, 0, 0, "other way"), "other way");
	push(s, chunk(2, EC_DIR_SENT, 0, 0, "other one"), "other one");
	push(s, piece(0, 0, 3, 9, "def"), "def");
	expect("data 1 :1 recv [other way]\ndata 2 :1 sent [other one]\n");
	push(s, piece(0, 0, 6, 9, "ghi"), "ghi");
	expect("data 1 :1 sent [abcdefghi]\n");
	push(s, chunk(1, EC_DIR_SENT, 9, 1, "next"), "next");
	expect("data 1 :1 sent [next]\n");
	assert_int_equal(account(s).messages, 4);
}

static void test_gap_inside(void **state)
{
	struct ec_rec_chunk r;

	push(s, piece(0, 0, 0, 12, "abc"), "abc");
	r = piece(0, 0, 6, 12, "ghi");
	r.lost = EC_LOSS_RING;
	push(s, r, "ghi");
	push(s, piece(0, 0, 9, 12, "jkl"), "jkl");
	expect("data 1 :1 sent [abc]<3 ring>[ghijkl]\n");
	/* the first piece is missing: the call begins with a gap */
	r = piece(12, 1, 3, 6, "xyz");
	r.lost = EC_LOSS_FAULT;
	push(s, r, "xyz");
	expect("data 1 :1 sent <3 fault>[xyz]\n");
	assert_int_equal(account(s).lost[EC_LOSS_RING].bytes, 3);
	assert_int_equal(account(s).lost[EC_LOSS_FAULT].bytes, 3);
}

/* The rest of a call, whole calls and the begin of the next are missing at once. */
static void test_gap_over_calls(void **state)
{
	struct ec_rec_chunk r;

	push(s, piece(0, 0, 0, 10, "abc"), "abc");
	r = piece(100, 5, 2, 6, "cd");
	r.lost = EC_LOSS_RING;
	push(s, r, "cd");
	expect("data 1 :1 sent [abc]<7 ring>\n");
	push(s, piece(100, 5, 4, 6, "ef"), "ef");
	expect("data 1 :1 sent before 90 ring <2 ring>[cdef]\n");
	assert_int_equal(account(s).lost[EC_LOSS_RING].bytes, 99);
}

static void test_gap_before(void **state)
{
	push(s, chunk(1, EC_DIR_RECV, 5, 1, "late"), "late");
	expect("data 1 :1 recv before 5 unseen [late]\n");
	push(s, chunk(1, EC_DIR_RECV, 9, 2, "next"), "next");
	expect("data 1 :1 recv [next]\n");
}

static void test_end(void **state)
{
	struct ec_rec_conn r = conn_rec(1, EC_CONN_END, 20, 6);

	push(s, piece(0, 0, 0, 9, "abc"), "abc");
	push(s, chunk(1, EC_DIR_RECV, 0, 0, "answer"), "answer");
	expect("data 1 :1 recv [answer]\n");
	r.lost[EC_DIR_SENT] = EC_LOSS_RING;
	push_conn(s, r);
	expect("data 1 :1 sent [abc]<6 ring>\n"
	       "loss 1 :1 sent 11 ring\n"
	       "conn 1 :1 end 20 6\n");
	assert_int_equal(account(s).lost[EC_LOSS_RING].bytes, 17);
	/* nothing at all of it came through */
	push_conn(s, conn_rec(2, EC_CONN_CLOSED, 0, 8));
	expect("loss 2 :1 recv 8 unseen\nconn 2 :1 closed 0 8\n");
	/* the id is forgotten; a record made at the end names nobody */
	memset(r.h.comm, 0, sizeof(r.h.comm));
	r.conn = 3;
	push_conn(s, r);
	expect("loss 3 :1 sent 20 ring\nloss 3 :1 recv 6 unseen\nconn 3 :1 end 20 6\n");
}

static void test_cut(void **state)
{
	struct ec_rec_chunk r = piece(0, 0, 0, 100, "abcd");

	r.cut = 96;
	r.flags = EC_CHUNK_FIRST | EC_CHUNK_LAST | EC_CHUNK_CUT;
	push(s, r, "abcd");
	r = piece(100, 1, 0, 50, "abcd");
	r.cut = 40;
	push(s, r, "abcd");
	r = piece(100, 1, 4, 50, "efghij");
	r.cut = 40;
	push(s, r, "efghij");
	push(s, chunk(1, EC_DIR_SENT, 150, 2, "z"), "z");
	expect("data 1 :1 sent [abcd] cut 96\n"
	       "data 1 :1 sent [abcdefghij] cut 40\n"
	       "data 1 :1 sent [z]\n");
	/* what would have been cut is not lost when the piece before it is */
	r = piece(151, 3, 0, 50, "abcd");
	r.cut = 40;
	push(s, r, "abcd");
	push(s, chunk(1, EC_DIR_SENT, 201, 4, "z"), "z");
	expect("data 1 :1 sent [abcd]<6 unseen> cut 40\ndata 1 :1 sent [z]\n");
	assert_int_equal(account(s).cut, 96 + 40 + 40);
}

/* What was there already, or cannot be: counted, not shown, and no loss of bytes. */
static void test_foreign(void **state)
{
	struct ec_rec_chunk r;

	push(s, chunk(1, EC_DIR_SENT, 0, 0, "abc"), "abc");
	push(s, chunk(1, EC_DIR_SENT, 0, 0, "abc"), "abc");
	push(s, chunk(1, EC_DIR_SENT, 2, 1, "abc"), "abc");
	push(s, piece(3, 1, 0, 9, "abc"), "abc");
	push(s, piece(3, 1, 0, 9, "abc"), "abc");
	push(s, piece(3, 1, 2, 9, "abc"), "abc");
	push(s, chunk(1, EC_DIR_SENT, 5, 2, "abc"), "abc"); /* inside the open call */
	expect("data 1 :1 sent [abc]\n");
	assert_int_equal(account(s).lost[EC_LOSS_FOREIGN].records, 5);
	r = piece(0, 0, 7, 9, "abc"); /* past the end of its call */
	push(s, r, "abc");
	r = chunk(1, EC_DIR_SENT, 12, 3, "abc");
	r.cut = 4; /* more than there is */
	push(s, r, "abc");
	r = chunk(1, EC_DIR_SENT, 1, 3, "abc");
	r.off = 2; /* before position 0 */
	r.pos = 1;
	r.total = 9;
	push(s, r, "abc");
	r = chunk(1, EC_DIR_SENT, UINT64_MAX - 1, 3, "abc");
	push(s, r, "abc");
	r = chunk(1, 2, 0, 0, "abc");
	push(s, r, "abc");
	assert_int_equal(account(s).lost[EC_LOSS_FOREIGN].records, 10);
	assert_int_equal(account(s).lost[EC_LOSS_FOREIGN].bytes, 0);
	push(s, piece(3, 1, 3, 9, "def"), "def");
	push(s, piece(3, 1, 6, 9, "ghi"), "ghi");
	expect("data 1 :1 sent [abcdefghi]\n");
	assert_int_equal(account(s).records, 14);
	assert_int_equal(account(s).bytes, 12);
	r = chunk(1, EC_DIR_SENT, 12, 2, "");
	push(s, r, "");
	r = chunk(1, EC_DIR_SENT, 12, 2, "z");
	r.lost = 200; /* a cause that there is not */
	r.pos = 13;
	push(s, r, "z");
	expect("data 1 :1 sent before 1 unseen [z]\n");
}

/* LAST before the end of the call: no more will come. */
static void test_last_early(void **state)
{
	struct ec_rec_chunk r = piece(0, 0, 0, 9, "abc");

	r.flags = EC_CHUNK_FIRST | EC_CHUNK_LAST;
	push(s, r, "abc");
	expect("data 1 :1 sent [abc]<6 unseen>\n");
	push(s, piece(0, 0, 3, 9, "def"), "def");
	assert_int_equal(account(s).lost[EC_LOSS_FOREIGN].records, 1);
}

/* Too long to keep: the call comes in parts, never cut inside a character. */
static void test_parts(void **state)
{
	ec_streams_free(s);
	s = streams_new((struct ec_stream_opts){.gather = 8});
	push(s, piece(0, 0, 0, 20, "abcd"), "abcd");
	push(s, piece(0, 0, 4, 20, "ef\xe6\xbc"), "ef\xe6\xbc");
	expect("");
	push(s, piece(0, 0, 8, 20, "\xa2hij"), "\xa2hij");
	expect("data 1 :1 sent [abcdef] of 20\n");
	push(s, piece(0, 0, 12, 20, "kl"), "kl");
	expect("");
	/* with a gap after it, the begin of a character is all that comes of it */
	push(s, piece(0, 0, 14, 20, "\xf0\x9f"), "\xf0\x9f");
	expect("data 1 :1 sent off 6 [\xe6\xbc\xa2hijkl] of 20\n");
	push(s, piece(0, 0, 18, 20, "yz"), "yz");
	expect("data 1 :1 sent off 14 [\xf0\x9f]<2 unseen>[yz] of 20\n");
	assert_int_equal(account(s).messages, 1);
	/* a single piece may be longer than what is gathered */
	push(s, piece(20, 1, 0, 24, "0123456789ab"), "0123456789ab");
	push(s, piece(20, 1, 12, 24, "0123456789ab"), "0123456789ab");
	expect("data 1 :1 sent [0123456789ab] of 24\n"
	       "data 1 :1 sent off 12 [0123456789ab] of 24\n");
	assert_int_equal(account(s).lost[EC_LOSS_UNSEEN].bytes, 2);
}

static void test_flush(void **state)
{
	push(s, piece(10, 1, 0, 9, "ab\xc3"), "ab\xc3");
	assert_int_equal(ec_streams_flush(s), 0);
	expect("data 1 :1 sent before 10 unseen [ab\xc3] of 9\n");
	assert_int_equal(ec_streams_flush(s), 0);
	expect("");
	push(s, piece(10, 1, 3, 9, "def"), "def");
	push(s, piece(10, 1, 6, 9, "ghi"), "ghi");
	expect("data 1 :1 sent off 3 [defghi] of 9\n");
	assert_int_equal(account(s).messages, 1);
	assert_int_equal(account(s).lost[EC_LOSS_UNSEEN].bytes, 10);
}

/* Many gaps in one call are bounded, too: it goes on in parts. */
static void test_many_gaps(void **state)
{
	const uint64_t n = 20000;

	for (uint64_t i = 0; i < n; i++) {
		push(s, piece(0, 0, 2 * i, 2 * n, "x"), "x");
		seen_len = 0;
	}
	assert_int_equal(account(s).messages, 0);
	push_conn(s, conn_rec(1, EC_CONN_CLOSED, 2 * n, 0));
	assert_int_equal(account(s).messages, 1);
	assert_int_equal(account(s).bytes, n);
	assert_int_equal(account(s).lost[EC_LOSS_UNSEEN].bytes, n);
}

/* More memory than allowed: who has not been used longest gives way. */
static void test_memory(void **state)
{
	struct ec_rec_chunk r;

	ec_streams_free(s);
	s = streams_new((struct ec_stream_opts){.memory = 4096});
	for (uint64_t id = 1; id <= 3; id++) {
		r = piece(0, 0, 0, 2000, "abc");
		r.conn = id;
		push(s, r, "abc");
	}
	expect("data 1 :1 sent [abc] of 2000\n");
	r = piece(0, 0, 3, 2000, "def");
	r.conn = 1;
	push(s, r, "def");
	expect("data 2 :1 sent [abc] of 2000\n");
	push_conn(s, conn_rec(1, EC_CONN_CLOSED, 2000, 0));
	expect("data 1 :1 sent off 3 [def]<1994 unseen> of 2000\n"
	       "conn 1 :1 closed 2000 0\n");
}

/* More connections than allowed. */
static void test_conns(void **state)
{
	struct ec_rec_chunk r;

	ec_streams_free(s);
	s = streams_new((struct ec_stream_opts){.conns = 2});
	for (uint64_t id = 1; id <= 3; id++) {
		r = piece(0, 0, 0, 9, "abc");
		r.conn = id;
		push(s, r, "abc");
	}
	expect("data 1 :1 sent [abc] of 9\n");
	ec_streams_flush(s);
	expect("data 2 :1 sent [abc] of 9\ndata 3 :1 sent [abc] of 9\n");
}

static void test_callback_ends(void **state)
{
	fail_with = -EPIPE;
	push(s, chunk(1, EC_DIR_SENT, 0, 0, "abc"), "abc");
	push_conn(s, conn_rec(1, EC_CONN_CLOSED, 9, 9));
	/* it is asked once a push */
	expect("data 1 :1 sent [abc]\nloss 1 :1 sent 6 unseen\n");
	fail_with = 7;
	push(s, chunk(2, EC_DIR_SENT, 0, 0, "abc"), "abc");
	fail_with = 0;
	push(s, chunk(2, EC_DIR_SENT, 3, 1, "def"), "def");
	expect("data 2 :1 sent [abc]\ndata 2 :1 sent [def]\n");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_no_copy),	  CASE(test_pieces),
		CASE(test_gap_inside),	  CASE(test_gap_over_calls),
		CASE(test_gap_before),	  CASE(test_end),
		CASE(test_cut),		  CASE(test_foreign),
		CASE(test_last_early),	  CASE(test_parts),
		CASE(test_flush),	  CASE(test_many_gaps),
		CASE(test_memory),	  CASE(test_conns),
		CASE(test_callback_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
