// SPDX-License-Identifier: GPL-2.0-only
/* Calls whose addresses are still being looked for, and the ports that were asked for. */
#include "feed.h"

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

static uint64_t next_pos[8][EC_DIR__N];

/* The next whole call of a connection. */
static void call(uint64_t conn, enum ec_dir dir, uint64_t time, const char *text,
		 uint16_t flags, uint16_t lport)
{
	struct ec_rec_chunk r =
		chunk(conn, dir, next_pos[conn][dir], next_pos[conn][dir], text);

	r.h.time = time;
	r.flags = flags;
	if (lport)
		r.addrs = port(lport);
	else
		memset(&r.addrs, 0, sizeof(r.addrs));
	next_pos[conn][dir] += strlen(text);
	push(s, r, text);
}

static int fresh(void **state)
{
	memset(next_pos, 0, sizeof(next_pos));
	return setup(state);
}

#define PENDING EC_CHUNK_PENDING

static void test_known_later(void **state)
{
	call(1, EC_DIR_SENT, 10, "one", PENDING, 0);
	call(1, EC_DIR_RECV, 20, "two", PENDING, 0);
	expect("");
	assert_true(ec_streams_waiting(s));
	call(1, EC_DIR_SENT, 30, "three", 0, 9);
	expect("data 1 :9 sent [one]\ndata 1 :9 recv [two]\ndata 1 :9 sent [three]\n");
	assert_false(ec_streams_waiting(s));
	/* never held again, and the addresses stay */
	call(1, EC_DIR_SENT, 40, "four", PENDING, 0);
	expect("data 1 :9 sent [four]\n");
	assert_int_equal(account(s).messages, 4);
}

static void test_given_up(void **state)
{
	call(1, EC_DIR_SENT, 10, "one", PENDING, 0);
	call(1, EC_DIR_SENT, 20, "two", 0, 0); /* no longer looked for */
	expect("data 1 sent [one]\ndata 1 sent [two]\n");
	call(1, EC_DIR_SENT, 30, "three", PENDING, 0);
	expect("data 1 sent [three]\n");
}

static void test_time(void **state)
{
	call(1, EC_DIR_SENT, 10 * MS, "one", PENDING, 0);
	call(2, EC_DIR_SENT, 50 * MS, "two", PENDING, 0);
	assert_int_equal(ec_streams_tick(s, 0), 0); /* a clock behind: nothing */
	assert_int_equal(ec_streams_tick(s, 209 * MS), 0);
	expect("");
	assert_int_equal(ec_streams_tick(s, 210 * MS), 0);
	expect("data 1 sent [one]\n");
	assert_true(ec_streams_waiting(s));
	assert_int_equal(ec_streams_tick(s, 10000 * MS), 0);
	expect("data 2 sent [two]\n");
	assert_false(ec_streams_waiting(s));
	/* found after all: said once, for what was shown without */
	call(1, EC_DIR_SENT, 300 * MS, "three", 0, 9);
	call(1, EC_DIR_SENT, 301 * MS, "four", 0, 9);
	expect("conn 1 :9 addrs 3 0\ndata 1 :9 sent [three]\ndata 1 :9 sent [four]\n");
	/* without a tick a connection's own records move its time */
	call(3, EC_DIR_SENT, 400 * MS, "one", PENDING, 0);
	call(3, EC_DIR_SENT, 700 * MS, "two", PENDING, 0);
	expect("data 3 sent [one]\ndata 3 sent [two]\n");
}

static void test_bytes(void **state)
{
	ec_streams_free(s);
	s = streams_new((struct ec_stream_opts){.hold_bytes = 8});
	call(1, EC_DIR_SENT, 1, "1234", PENDING, 0);
	call(1, EC_DIR_SENT, 2, "5678", PENDING, 0);
	expect("");
	call(1, EC_DIR_SENT, 3, "9", PENDING, 0);
	expect("data 1 sent [1234]\ndata 1 sent [5678]\ndata 1 sent [9]\n");
}

/* By the time of their begin, though the longer one ends later. */
static void test_order(void **state)
{
	struct ec_rec_chunk r = piece(0, 0, 0, 6, "abc");

	memset(&r.addrs, 0, sizeof(r.addrs));
	r.flags = PENDING;
	r.h.time = 10;
	push(s, r, "abc");
	call(1, EC_DIR_RECV, 5, "first", PENDING, 0);
	call(1, EC_DIR_RECV, 20, "third", PENDING, 0);
	r = piece(0, 0, 3, 6, "def");
	memset(&r.addrs, 0, sizeof(r.addrs));
	r.flags = PENDING;
	r.h.time = 30;
	push(s, r, "def");
	next_pos[1][EC_DIR_SENT] = 6;
	/* times that go back change nothing within a direction */
	call(1, EC_DIR_SENT, 1, "fourth", PENDING, 0);
	expect("");
	ec_streams_flush(s);
	expect("data 1 recv [first]\ndata 1 sent [abcdef]\n"
	       "data 1 sent [fourth]\ndata 1 recv [third]\n");
}

static void test_conn_records(void **state)
{
	struct ec_rec_conn r = conn_rec(1, EC_CONN_OPEN, 0, 0);

	/* The open item waits for the addresses, as its data does. */
	memset(&r.addrs, 0, sizeof(r.addrs));
	push_conn(s, r);
	call(1, EC_DIR_SENT, 10, "one", PENDING, 0);
	expect("");
	push_conn(s, conn_rec(1, EC_CONN_ADDRS, 3, 0));
	expect("conn 1 :1 open 0 0\ndata 1 :1 sent [one]\n");
	push_conn(s, conn_rec(1, EC_CONN_CLOSED, 3, 0));
	expect("conn 1 :1 closed 3 0\n");
	/* given up */
	r.conn = 2;
	push_conn(s, r);
	call(2, EC_DIR_SENT, 10, "one", PENDING, 0);
	r.state = EC_CONN_ADDRS;
	r.gave_up = 1;
	push_conn(s, r);
	expect("conn 2 open 0 0\ndata 2 sent [one]\n");
	/* the end lets go, too; addresses that come with it count for what is held */
	call(3, EC_DIR_SENT, 10, "one", PENDING, 0);
	push_conn(s, conn_rec(3, EC_CONN_END, 5, 0));
	expect("data 3 :1 sent [one]\nloss 3 :1 sent 2 unseen\nconn 3 :1 end 5 0\n");
	/* known from the start */
	push_conn(s, conn_rec(4, EC_CONN_OPEN, 0, 0));
	expect("conn 4 :1 open 0 0\n");
	assert_false(ec_streams_waiting(s));
}

/* A long call of a waiting connection: what is held goes first. */
static void test_long_while_held(void **state)
{
	struct ec_rec_chunk r;

	ec_streams_free(s);
	s = streams_new((struct ec_stream_opts){.gather = 4});
	call(1, EC_DIR_RECV, 10, "held", PENDING, 0);
	for (int i = 0; i < 3; i++) {
		r = piece(0, 0, 3 * (uint64_t)i, 9, "abc");
		memset(&r.addrs, 0, sizeof(r.addrs));
		r.flags = PENDING;
		push(s, r, "abc");
	}
	expect("data 1 recv [held]\ndata 1 sent [abc] of 9\n"
	       "data 1 sent off 3 [abc] of 9\ndata 1 sent off 6 [abc] of 9\n");
}

/* Held calls count as memory. */
static void test_memory(void **state)
{
	ec_streams_free(s);
	s = streams_new((struct ec_stream_opts){.memory = 1000});
	call(1, EC_DIR_SENT, 1, "one", PENDING, 0);
	call(2, EC_DIR_SENT, 2, "two", PENDING, 0);
	expect("data 1 sent [one]\n");
	assert_true(ec_streams_waiting(s));
}

static void test_ports(void **state)
{
	static const uint16_t ports[] = {80, 8443};
	struct ec_rec_conn r;

	ec_streams_free(s);
	s = streams_new((struct ec_stream_opts){.ports = ports, .nports = 2});
	call(1, EC_DIR_SENT, 1, "mine", 0, 8443);
	call(2, EC_DIR_SENT, 1, "others", 0, 9999);
	call(3, EC_DIR_SENT, 1, "never known", 0, 0);
	call(4, EC_DIR_SENT, 1, "known later", PENDING, 0);
	expect("data 1 :8443 sent [mine]\n");
	call(4, EC_DIR_SENT, 2, "now", 0, 80);
	expect("data 4 :80 sent [known later]\ndata 4 :80 sent [now]\n");
	assert_int_equal(account(s).filtered, 6);
	assert_int_equal(account(s).lost[EC_LOSS_PORT].bytes, 11);
	assert_int_equal(account(s).lost[EC_LOSS_PORT].records, 1);
	assert_int_equal(account(s).messages, 3);
	assert_int_equal(account(s).bytes, 4 + 6 + 11 + 11 + 3);
	/* what is missing of a connection that nobody asked for is no loss */
	r = conn_rec(2, EC_CONN_CLOSED, 16, 0);
	r.addrs = port(9999);
	push_conn(s, r);
	assert_int_equal(account(s).filtered, 16);
	r = conn_rec(1, EC_CONN_CLOSED, 5, 0);
	r.addrs = port(8443);
	push_conn(s, r);
	expect("loss 1 :8443 sent 1 unseen\nconn 1 :8443 closed 5 0\n");
	assert_int_equal(account(s).lost[EC_LOSS_UNSEEN].bytes, 1);
	/* the remote port counts as well */
	ec_streams_free(s);
	s = streams_new(
		(struct ec_stream_opts){.ports = (const uint16_t[]){443}, .nports = 1});
	call(5, EC_DIR_SENT, 1, "mine", 0, 9999);
	expect("data 5 :9999 sent [mine]\n");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_known_later), CASE(test_given_up),
		CASE(test_time),	CASE(test_bytes),
		CASE(test_order),	CASE(test_conn_records),
		CASE(test_memory),	CASE(test_long_while_held),
		CASE(test_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
