// SPDX-License-Identifier: GPL-2.0-only
/* Secrets: each once, and held while a filter cannot judge their connection. */
#include "feed.h"

static struct ec_streams *s;
static struct ec_who whos[8];
static char last[256];

static const struct ec_who *who_of(void *ctx, uint64_t process)
{
	return whos[process].verdict ? &whos[process] : NULL;
}

static int see(void *ctx, const struct ec_item *it)
{
	if (it->kind != EC_ITEM_SECRET)
		return 0;
	say("%d %s %d %02x %d\n", (int)it->conn_id, it->secret.label,
	    (int)it->secret.id_len, it->secret.secret[0], (int)it->secret.len);
	snprintf(last, sizeof(last), "%s", it->comm);
	return fail_with;
}

static void begin(struct ec_stream_opts o)
{
	memset(whos, 0, sizeof(whos));
	o.who = who_of;
	o.item = see;
	s = streams_new(o);
}

static int teardown(void **state)
{
	ec_streams_free(s);
	return 0;
}

static struct ec_rec_secret secret(uint64_t conn, enum ec_label label, uint8_t first)
{
	struct ec_rec_secret r = {.conn = conn,
				  .label_id = label,
				  .id_len = 32,
				  .len = 48,
				  .addrs = port(1)};

	fill(&r.h);
	r.h.process = conn;
	r.id[0] = conn;
	r.secret[0] = first;
	return r;
}

static void push_secret(struct ec_rec_secret r, uint16_t flags, uint64_t time)
{
	r.h.time = time;
	r.flags = flags;
	if (flags & EC_CHUNK_PENDING)
		memset(&r.addrs, 0, sizeof(r.addrs));
	assert_int_equal(ec_streams_secret(s, &r), 0);
}

static void test_once(void **state)
{
	struct ec_rec_secret r = secret(1, EC_LABEL_CLIENT_TRAFFIC, 0xab);

	begin((struct ec_stream_opts){0});
	push_secret(r, EC_CHUNK_PENDING | EC_CHUNK_WHO,
		    1); /* no filter: nothing to wait for */
	push_secret(r, 0, 2);
	expect("1 CLIENT_TRAFFIC_SECRET_0 32 ab 48\n");
	assert_string_equal(last, "prog");
	/* the other end of it, another process and object */
	r.conn = r.h.process = 2;
	push_secret(r, 0, 3);
	expect("");
	/* differs in one of the three */
	r.secret[47] = 1;
	push_secret(r, 0, 4);
	r.id[31] = 1;
	push_secret(r, 0, 5);
	r.label_id = EC_LABEL_NONE;
	strcpy(r.label, "SOME_OTHER_LABEL");
	push_secret(r, 0, 6);
	push_secret(r, 0, 7);
	expect("2 CLIENT_TRAFFIC_SECRET_0 32 ab 48\n2 CLIENT_TRAFFIC_SECRET_0 32 ab 48\n"
	       "2 SOME_OTHER_LABEL 32 ab 48\n");
	assert_int_equal(account(s).secrets, 4);
}

static void test_who(void **state)
{
	begin((struct ec_stream_opts){.who_filters = true});
	push_secret(secret(1, EC_LABEL_RANDOM, 1), EC_CHUNK_WHO, 10);
	push_secret(secret(1, EC_LABEL_EXPORTER, 2), EC_CHUNK_WHO, 11);
	push_secret(secret(2, EC_LABEL_RANDOM, 3), EC_CHUNK_WHO, 12);
	push_secret(secret(3, EC_LABEL_RANDOM, 4), EC_CHUNK_WHO, 13);
	push_secret(secret(4, EC_LABEL_RANDOM, 5), 0, 14); /* the programs let it pass */
	expect("4 CLIENT_RANDOM 32 05 48\n");
	whos[1] = (struct ec_who){.verdict = EC_VERDICT_PASS};
	assert_int_equal(ec_streams_who(s, 1, 20), 0);
	expect("1 CLIENT_RANDOM 32 01 48\n1 EXPORTER_SECRET 32 02 48\n");
	whos[2] = (struct ec_who){.verdict = EC_VERDICT_DROP};
	assert_int_equal(ec_streams_who(s, 2, 21), 0);
	/* the third's answer never comes */
	assert_int_equal(ec_streams_tick(s, 1000 * MS), 0);
	assert_int_equal(account(s).lost[EC_LOSS_WHO].records, 0);
	assert_int_equal(ec_streams_tick(s, 6000 * MS), 0);
	expect("");
	assert_int_equal(account(s).lost[EC_LOSS_WHO].records, 1);
	assert_int_equal(account(s).secrets, 3);
	push_secret(secret(1, EC_LABEL_CLIENT_EARLY, 6), EC_CHUNK_WHO, 7000 * MS);
	expect("1 CLIENT_EARLY_TRAFFIC_SECRET 32 06 48\n");
}

static void test_port(void **state)
{
	static const uint16_t ports[] = {1};

	begin((struct ec_stream_opts){.ports = ports, .nports = 1});
	push_secret(secret(1, EC_LABEL_RANDOM, 1), EC_CHUNK_PENDING, 10);
	push_secret(secret(2, EC_LABEL_RANDOM, 2), EC_CHUNK_PENDING, 10);
	push_secret(secret(3, EC_LABEL_RANDOM, 3), EC_CHUNK_PENDING, 10);
	push_secret(secret(4, EC_LABEL_RANDOM, 4), 0, 10);
	expect("4 CLIENT_RANDOM 32 04 48\n");
	/* longer than data is held: it says something only after its handshake */
	assert_int_equal(ec_streams_tick(s, 1000 * MS), 0);
	expect("");
	for (int i = 1; i < 3; i++) {
		struct ec_rec_conn c = conn_rec(i, EC_CONN_OPEN, 0, 0);

		c.h.time = 1001 * MS;
		c.addrs = port(i);
		push_conn(s, c);
	}
	expect("1 CLIENT_RANDOM 32 01 48\n");
	assert_int_equal(ec_streams_tick(s, 7000 * MS), 0);
	expect("");
	assert_int_equal(account(s).lost[EC_LOSS_PORT].records, 1);
	/* at the end nothing is kept back */
	push_secret(secret(5, EC_LABEL_RANDOM, 5), EC_CHUNK_PENDING, 8000 * MS);
	assert_int_equal(ec_streams_flush(s), 0);
	assert_int_equal(account(s).lost[EC_LOSS_PORT].records, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_once, teardown),
		cmocka_unit_test_teardown(test_who, teardown),
		cmocka_unit_test_teardown(test_port, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
