// SPDX-License-Identifier: GPL-2.0-only
/* Calls of processes about which user space is still being asked. */
#include "feed.h"

static struct ec_streams *s;
static struct ec_who known; /* of process 7 */
static bool answered;

static const struct ec_who *who_of(void *ctx, uint64_t process)
{
	return answered && process == 7 ? &known : NULL;
}

static int start(bool filters, size_t memory)
{
	known = (struct ec_who){.runtime = "", .container = "", .exe = ""};
	answered = false;
	s = streams_new((struct ec_stream_opts){
		.who = who_of, .who_filters = filters, .memory = memory});
	return 0;
}

static int setup(void **state)
{
	return start(true, 0);
}

static int teardown(void **state)
{
	ec_streams_free(s);
	return 0;
}

static void call(uint64_t conn, const char *text)
{
	struct ec_rec_chunk r = chunk(conn, EC_DIR_SENT, 0, 0, text);

	r.h.process = 7;
	r.flags = EC_CHUNK_WHO;
	push(s, r, text);
}

static void closing(uint64_t conn, uint64_t sent)
{
	struct ec_rec_conn r = conn_rec(conn, EC_CONN_CLOSED, sent, 0);

	r.h.process = 7;
	push_conn(s, r);
}

static void answer(enum ec_verdict v)
{
	known.verdict = v;
	answered = true;
	assert_int_equal(ec_streams_who(s, 7, 10), 0);
}

/* It has said all and is closed before the answer is there. */
static void test_closed_before(void **state)
{
	call(1, "one");
	closing(1, 5);
	expect("");
	assert_true(ec_streams_waiting(s));
	answer(EC_VERDICT_PASS);
	expect("data 1 :1 sent [one]\nloss 1 :1 sent 2 unseen\nconn 1 :1 closed 5 0\n");
	assert_false(ec_streams_waiting(s));
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 0);
	call(2, "two"); /* known by now */
	closing(2, 3);
	expect("data 2 :1 sent [two]\nconn 2 :1 closed 3 0\n");
}

static void test_not_wanted(void **state)
{
	call(1, "one");
	closing(1, 3);
	answer(EC_VERDICT_DROP);
	expect("");
	assert_int_equal(account(s).filtered, 3);
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 0);
}

/* No answer comes: what a filter needs it for is given up after 5 s. */
static void test_never(void **state)
{
	call(1, "one");
	closing(1, 3);
	assert_int_equal(ec_streams_tick(s, 250 * MS), 0);
	assert_true(ec_streams_waiting(s));
	assert_int_equal(ec_streams_tick(s, 5100 * MS), 0);
	expect("");
	assert_int_equal(account(s).lost[EC_LOSS_WHO].bytes, 3);
	assert_false(ec_streams_waiting(s));
	/* nothing is filtered by it: shown without */
	ec_streams_free(s);
	start(false, 0);
	call(1, "one");
	closing(1, 3);
	expect("");
	ec_streams_flush(s);
	expect("data 1 :1 sent [one]\nconn 1 :1 closed 3 0\n");
}

/* Open and closed ones of a process, more than may be held. */
static void test_many(void **state)
{
	char text[700];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	ec_streams_free(s);
	start(false, 4000);
	for (uint64_t i = 1; i < 20; i++)
		call(i, text);
	for (uint64_t i = 1; i < 20; i += 2)
		closing(i, sizeof(text) - 1);
	answer(EC_VERDICT_PASS);
	assert_false(ec_streams_waiting(s));
	assert_int_equal(account(s).messages, 19);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_closed_before),
		CASE(test_not_wanted),
		CASE(test_never),
		CASE(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
