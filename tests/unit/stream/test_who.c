// SPDX-License-Identifier: GPL-2.0-only
/* Calls whose process is still being asked about, and filters that need to know it. */
#include "feed.h"

#define PROCESSES 8
#define WHO	  EC_CHUNK_WHO
#define PENDING	  EC_CHUNK_PENDING

static struct ec_streams *s;
static struct ec_who whos[PROCESSES]; /* verdict 0: nothing is known */
static uint64_t next_pos[8][EC_DIR__N];
static const struct ec_who *shown; /* of the item handed on last */

static const struct ec_who *who_of(void *ctx, uint64_t process)
{
	assert_true(process < PROCESSES);
	return whos[process].verdict ? &whos[process] : NULL;
}

static int see(void *ctx, const struct ec_item *it)
{
	shown = it->who;
	return on_item(ctx, it);
}

static void begin(struct ec_stream_opts o)
{
	memset(whos, 0, sizeof(whos));
	memset(next_pos, 0, sizeof(next_pos));
	shown = NULL;
	o.who = who_of;
	o.item = see;
	s = streams_new(o);
}

static int plain(void **state)
{
	begin((struct ec_stream_opts){0});
	return 0;
}

static int filtered(void **state)
{
	begin((struct ec_stream_opts){.who_filters = true});
	return 0;
}

static int teardown(void **state)
{
	ec_streams_free(s);
	return 0;
}

/* The next whole call of a connection whose process has the same number. */
static void call(uint64_t conn, uint64_t time, const char *text, uint16_t flags)
{
	struct ec_rec_chunk r = chunk(conn, EC_DIR_SENT, next_pos[conn][EC_DIR_SENT],
				      next_pos[conn][EC_DIR_SENT], text);

	r.h.time = time;
	r.h.process = conn;
	r.flags = flags;
	if (flags & PENDING)
		memset(&r.addrs, 0, sizeof(r.addrs));
	next_pos[conn][EC_DIR_SENT] += strlen(text);
	push(s, r, text);
}

static void state_of(uint64_t conn, enum ec_conn_state state, uint64_t time)
{
	struct ec_rec_conn r = conn_rec(conn, state, next_pos[conn][EC_DIR_SENT], 0);

	r.h.process = conn;
	r.h.time = time;
	push_conn(s, r);
}

static void learn(uint64_t process, enum ec_verdict v, uint64_t time)
{
	whos[process] = (struct ec_who){.verdict = v, .container = "c"};
	assert_int_equal(ec_streams_who(s, process, time), 0);
}

/* Without filters: held so that the first message says who it is of. */
static void test_held(void **state)
{
	state_of(1, EC_CONN_OPEN, 10);
	call(1, 10, "one", WHO);
	call(2, 11, "other", WHO);
	call(1, 20, "two", WHO);
	expect("");
	assert_true(ec_streams_waiting(s));
	learn(1, EC_VERDICT_PASS, 30);
	expect("conn 1 :1 open 0 0\ndata 1 :1 sent [one]\ndata 1 :1 sent [two]\n");
	assert_ptr_equal(shown, &whos[1]);
	assert_true(ec_streams_waiting(s)); /* the other one is */
	/* never held again */
	call(1, 40, "three", WHO);
	expect("data 1 :1 sent [three]\n");
	learn(2, EC_VERDICT_PASS, 50);
	expect("data 2 :1 sent [other]\n");
	assert_false(ec_streams_waiting(s));
}

/* Known before its first piece comes; not asked about at all. */
static void test_not_held(void **state)
{
	learn(1, EC_VERDICT_PASS, 5);
	call(1, 10, "one", WHO);
	expect("data 1 :1 sent [one]\n");
	assert_ptr_equal(shown, &whos[1]);
	call(2, 10, "two", 0);
	expect("data 2 :1 sent [two]\n");
	assert_null(shown);
	assert_false(ec_streams_waiting(s));
}

/* A later piece says that the programs let it pass. */
static void test_passed_by_programs(void **state)
{
	call(1, 10, "one", WHO);
	expect("");
	call(1, 20, "two", 0);
	expect("data 1 :1 sent [one]\ndata 1 :1 sent [two]\n");
}

/* Addresses and process: the later one lets go, in either order. */
static void test_both(void **state)
{
	call(1, 10, "one", WHO | PENDING);
	learn(1, EC_VERDICT_PASS, 20);
	expect("");
	call(1, 30, "two", 0);
	expect("data 1 :1 sent [one]\ndata 1 :1 sent [two]\n");
	call(2, 10, "one", WHO | PENDING);
	call(2, 20, "two", WHO);
	expect("");
	learn(2, EC_VERDICT_PASS, 30);
	expect("data 2 :1 sent [one]\ndata 2 :1 sent [two]\n");
	/* addresses by a record of their own */
	call(3, 10, "one", WHO | PENDING);
	state_of(3, EC_CONN_ADDRS, 20);
	expect("");
	learn(3, EC_VERDICT_PASS, 30);
	expect("data 3 :1 sent [one]\n");
	call(4, 10, "one", WHO | PENDING);
	learn(4, EC_VERDICT_PASS, 20);
	state_of(4, EC_CONN_ADDRS, 30);
	expect("data 4 :1 sent [one]\n");
}

/* Only for so long, and for so many bytes. Without filters nothing is lost by it. */
static void test_bounds(void **state)
{
	call(1, 10 * MS, "one", WHO);
	assert_int_equal(ec_streams_tick(s, 209 * MS), 0);
	expect("");
	assert_int_equal(ec_streams_tick(s, 210 * MS), 0);
	expect("data 1 :1 sent [one]\n");
	assert_null(shown);
	learn(1, EC_VERDICT_PASS, 220 * MS);
	call(1, 230 * MS, "two", WHO);
	expect("data 1 :1 sent [two]\n");
	assert_ptr_equal(shown, &whos[1]);
	ec_streams_free(s);
	begin((struct ec_stream_opts){.hold_bytes = 8});
	call(2, 10, "12345678", WHO);
	expect("");
	call(2, 11, "9", WHO);
	expect("data 2 :1 sent [12345678]\ndata 2 :1 sent [9]\n");
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 0);
}

/* Many wait for one answer, among others that do not. */
static void test_many(void **state)
{
	for (uint64_t conn = 100; conn < 200; conn++) {
		struct ec_rec_chunk r = chunk(conn, EC_DIR_SENT, 0, 0, "x");

		r.h.process = conn & 1;
		r.h.time = conn;
		r.flags = WHO;
		push(s, r, "x");
	}
	expect("");
	learn(1, EC_VERDICT_PASS, 300);
	assert_int_equal(account(s).messages, 50);
	assert_true(ec_streams_waiting(s));
	learn(0, EC_VERDICT_PASS, 301);
	assert_int_equal(account(s).messages, 100);
	assert_false(ec_streams_waiting(s));
}

static void test_verdicts(void **state)
{
	for (uint64_t conn = 1; conn <= 3; conn++) {
		state_of(conn, EC_CONN_OPEN, 10);
		call(conn, 10, "held", WHO);
	}
	expect("");
	learn(1, EC_VERDICT_PASS, 20);
	expect("conn 1 :1 open 0 0\ndata 1 :1 sent [held]\n");
	learn(2, EC_VERDICT_DROP, 20);
	learn(3, EC_VERDICT_UNKNOWN, 20);
	expect("");
	assert_int_equal(account(s).messages, 1);
	assert_int_equal(account(s).filtered, 4);
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 4);
	assert_int_equal(account(s).lost[EC_LOSS_WHO].records, 1);
	/* and so on, whatever flags come; the end of what is not wanted is not told */
	for (uint64_t conn = 1; conn <= 3; conn++) {
		call(conn, 30, "later", conn & 1 ? 0 : WHO);
		state_of(conn, EC_CONN_CLOSED, 40);
	}
	expect("data 1 :1 sent [later]\nconn 1 :1 closed 9 0\n");
	assert_int_equal(account(s).filtered, 9);
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 9);
	assert_int_equal(account(s).bytes, 27);
}

/* Losses of what is not wanted are none; of what could not be decided they are. */
static void test_losses(void **state)
{
	for (uint64_t conn = 1; conn <= 3; conn++) {
		learn(conn, (enum ec_verdict)conn, 5);
		call(conn, 10, "x", 0);
		next_pos[conn][EC_DIR_SENT] += 10; /* is missing */
		call(conn, 20, "y", 0);
		next_pos[conn][EC_DIR_SENT] += 100; /* at the end */
		state_of(conn, EC_CONN_END, 30);
	}
	expect("data 1 :1 sent [x]\ndata 1 :1 sent before 10 unseen [y]\n"
	       "loss 1 :1 sent 100 unseen\nconn 1 :1 end 112 0\n");
	assert_int_equal(account(s).filtered, 112);
	assert_int_equal(account(s).lost[EC_LOSS_UNSEEN].bytes, 220);
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 2);
}

/* No answer in time: it cannot be shown, and is counted as such; later ones can. */
static void test_no_answer(void **state)
{
	call(1, 10 * MS, "early", WHO);
	assert_int_equal(ec_streams_tick(s, 5000 * MS), 0);
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 0);
	assert_int_equal(ec_streams_tick(s, 5010 * MS), 0);
	expect("");
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 5);
	call(1, 5020 * MS, "still", WHO);
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 10);
	learn(1, EC_VERDICT_PASS, 5030 * MS);
	call(1, 5040 * MS, "now", WHO);
	expect("data 1 :1 sent [now]\n");
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 10);
	/* at the end of the capture the same */
	call(2, 5050 * MS, "held", WHO);
	assert_int_equal(ec_streams_flush(s), 0);
	expect("");
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 14);
}

/* Longer and more than what only waits for addresses, which is let go meanwhile. */
static void test_waits_on(void **state)
{
	ec_streams_free(s);
	begin((struct ec_stream_opts){.who_filters = true, .hold_bytes = 4});
	call(1, 10 * MS, "1234567", WHO);
	call(1, 11 * MS, "89", WHO);
	learn(2, EC_VERDICT_PASS, 5);
	call(2, 12 * MS, "abc", PENDING);
	learn(3, EC_VERDICT_PASS, 5);
	call(3, 13 * MS, "def", PENDING);
	assert_int_equal(ec_streams_tick(s, 212 * MS), 0);
	expect("data 2 sent [abc]\n");
	call(3, 14 * MS, "gh", PENDING);
	expect("data 3 sent [def]\ndata 3 sent [gh]\n");
	assert_int_equal(ec_streams_tick(s, 1000 * MS), 0);
	expect("");
	learn(1, EC_VERDICT_PASS, 1001 * MS);
	expect("data 1 :1 sent [1234567]\ndata 1 :1 sent [89]\n");
	/* but not without bound */
	ec_streams_free(s);
	begin((struct ec_stream_opts){.who_filters = true, .memory = 2000});
	for (uint64_t conn = 1; conn <= 7; conn++)
		call(conn, 10 + conn, "some bytes", WHO);
	assert_true(account(s).lost[EC_LOSS_WHO].bytes >= 10);
	for (uint64_t conn = 1; conn <= 7; conn++)
		learn(conn, EC_VERDICT_PASS, 30);
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes + 10 * account(s).messages,
			 70);
	assert_true(account(s).messages >= 1);
}

/* What was found out is forgotten, for others: what the programs let pass is shown. */
static void test_forgotten(void **state)
{
	call(1, 10, "one", 0);
	expect("data 1 :1 sent [one]\n");
	call(2, 10, "held", WHO);
	learn(2, EC_VERDICT_PASS, 20);
	expect("data 2 :1 sent [held]\n");
	memset(&whos[2], 0, sizeof(whos[2]));
	call(2, 30, "on", 0);
	expect("data 2 :1 sent [on]\n");
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 0);
}

/* With ports, both must say yes. */
static void test_ports_too(void **state)
{
	static const uint16_t ports[] = {1};

	ec_streams_free(s);
	begin((struct ec_stream_opts){.ports = ports, .nports = 1, .who_filters = true});
	learn(1, EC_VERDICT_PASS, 5);
	learn(2, EC_VERDICT_DROP, 5);
	call(1, 10, "yes", 0);
	call(2, 10, "no", 0);
	expect("data 1 :1 sent [yes]\n");
	assert_int_equal(account(s).filtered, 2);
	learn(3, EC_VERDICT_PASS, 5);
	call(3, 10, "port?", PENDING);
	assert_int_equal(ec_streams_flush(s), 0);
	expect("");
	assert_int_equal(account(s).lost[EC_LOSS_PORT].bytes, 5);
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 0);
}

/* The callback's value ends it, also when an answer lets go. */
static void test_callback_fails(void **state)
{
	call(1, 10, "one", WHO);
	whos[1].verdict = EC_VERDICT_PASS;
	fail_with = -5;
	assert_int_equal(ec_streams_who(s, 1, 20), -5);
	fail_with = 0;
	assert_int_equal(ec_streams_who(s, 1, 20), 0);
	expect("data 1 :1 sent [one]\n");
}

/* Nobody knows anything of processes: the flag says nothing. */
static void test_nobody_knows(void **state)
{
	ec_streams_free(s);
	s = streams_new((struct ec_stream_opts){0});
	call(1, 10, "one", WHO);
	expect("data 1 :1 sent [one]\n");
}

int main(void)
{
#define CASE(f, open) cmocka_unit_test_setup_teardown(f, open, teardown)
	const struct CMUnitTest tests[] = {
		// clang-format off
		CASE(test_held, plain),
		CASE(test_not_held, plain),
		CASE(test_passed_by_programs, plain),
		CASE(test_both, plain),
		CASE(test_bounds, plain),
		CASE(test_many, plain),
		CASE(test_callback_fails, plain),
		CASE(test_nobody_knows, plain),
		CASE(test_verdicts, filtered),
		CASE(test_losses, filtered),
		CASE(test_no_answer, filtered),
		CASE(test_waits_on, filtered),
		CASE(test_forgotten, filtered),
		CASE(test_ports_too, filtered),
		// clang-format on
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
