// SPDX-License-Identifier: GPL-2.0-only
#include "sinking.h"

#define TIME "\"time\":\"2026-01-02T03:04:05.123456789Z\""
#define WHO                                                                      \
	"\"module\":\"tls\",\"pid\":10,\"tid\":11,\"comm\":\"curl\",\"uid\":12," \
	"\"conn\":\"fedcba9876543210\","
#define SENT                                                                \
	"\"src\":\"192.0.2.10\",\"sport\":51000,\"dst\":\"198.51.100.20\"," \
	"\"dport\":443,"
#define RECEIVED                                                          \
	"\"src\":\"198.51.100.20\",\"sport\":443,\"dst\":\"192.0.2.10\"," \
	"\"dport\":51000,"
#define DATA	     "{\"schema\":1,\"kind\":\"data\"," TIME "," WHO
#define NOTHING_LOST ",\"cut\":0,\"lost\":0,\"lost_before\":0}\n"

static int open_sink(void **state)
{
	sink_open(&ec_sink_jsonl, (struct ec_sink_opts){0});
	return 0;
}

static int shut(void **state)
{
	sink_close();
	return 0;
}

static void test_data(void **state)
{
	struct ec_seg seg = run_of("say \"hi\"\n\x1b\xc3\xa9", 12);
	struct ec_item it = message(&seg, 1);

	give(&it);
	assert_string_equal(written(),
			    DATA SENT "\"dir\":\"sent\",\"total\":12,\"len\":12,"
				      "\"text\":\"say \\\"hi\\\"\\n\\u001b\xc3\xa9\"" //
			    NOTHING_LOST);
	it.dir = EC_DIR_RECV;
	seg = run_of("\xff\x00\x01", 3);
	it.data.len = it.data.total = 3;
	give(&it);
	assert_string_equal(written(),
			    DATA RECEIVED "\"dir\":\"received\",\"total\":3,\"len\":3,"
					  "\"base64\":\"/wAB\"" NOTHING_LOST);
	/* what is not known is not there */
	it.addrs = NULL;
	it.module = NULL;
	it.conn_id = 0;
	it.comm = NULL;
	it.data.segs = NULL;
	it.data.nsegs = 0;
	it.data.len = it.data.total = 0;
	give(&it);
	assert_string_equal(written(), "{\"schema\":1,\"kind\":\"data\"," TIME
				       ",\"pid\":10,\"tid\":11,\"comm\":\"\",\"uid\":12,"
				       "\"dir\":\"received\",\"total\":0,\"len\":0,"
				       "\"text\":\"\"" NOTHING_LOST);
}

/* Only what says something: another number in there, and a container. */
static void test_container(void **state)
{
	struct ec_who who = {.runtime = "podman", .container = "", .exe = "/bin/x"};
	struct ec_seg seg = run_of("x", 1);
	struct ec_item it = message(&seg, 1);

	it.who = &who;
	who.ns_pid = it.pid;
	give(&it);
	assert_non_null(strstr(written(), DATA SENT));
	who.ns_pid = 0; /* not known */
	give(&it);
	assert_non_null(strstr(written(), DATA SENT));
	who.ns_pid = 3;
	give(&it);
	assert_non_null(strstr(written(), "\"uid\":12,\"ns_pid\":3,\"conn\":\"fedcba98"));
	who.container = "a \"quoted\" one\xff";
	give(&it);
	assert_non_null(strstr(written(), "\"uid\":12,\"ns_pid\":3,\"container\":{"
					  "\"id\":\"a \\\"quoted\\\" one\xef\xbf\xbd\","
					  "\"runtime\":\"podman\"},\"conn\":\"fedcba98"));
	/* of connections and losses, too; of nobody in particular: no */
	who.container = "c";
	it = item(EC_ITEM_CONN, EC_DIR_NONE);
	it.who = &who;
	it.conn.state = EC_CONN_OPEN;
	give(&it);
	assert_non_null(strstr(written(), "\"container\":{\"id\":\"c\","));
	it.kind = EC_ITEM_LOSS;
	it.loss.cause = EC_LOSS_RING;
	it.pid = 0;
	give(&it);
	assert_null(strstr(written(), "container"));
}

static void test_ip6(void **state)
{
	struct ec_addrs a = {.family = AF_INET6, .lport = 1, .rport = 2};
	struct ec_seg seg = run_of("x", 1);
	struct ec_item it = message(&seg, 1);

	a.laddr[15] = 1;
	a.raddr[10] = a.raddr[11] = 0xff;
	a.raddr[12] = 10;
	it.addrs = &a;
	give(&it);
	assert_non_null(strstr(written(), "\"src\":\"::1\",\"sport\":1,"
					  "\"dst\":\"10.0.0.0\",\"dport\":2,"));
}

static void test_gaps(void **state)
{
	struct ec_seg segs[] = {
		run_of("ab", 2),	  gap_of(3, EC_LOSS_RING), run_of("cdefg", 5),
		gap_of(4, EC_LOSS_FAULT), run_of("\xff", 1),
	};
	struct ec_item it = message(segs, 5);

	it.data.lost_before = 9;
	it.data.lost_before_cause = EC_LOSS_LONG;
	it.data.cut = 5;
	it.data.total += 5;
	give(&it);
	assert_string_equal(written(),
			    DATA SENT "\"dir\":\"sent\",\"total\":20,\"len\":8,"
				      "\"base64\":\"YWJjZGVmZ/8=\","
				      "\"cut\":5,\"lost\":7,\"lost_before\":9,"
				      "\"lost_before_cause\":\"long\",\"gaps\":["
				      "{\"at\":2,\"bytes\":3,\"cause\":\"ring\"},"
				      "{\"at\":10,\"bytes\":4,\"cause\":\"fault\"}]}\n");
	/* a character that the gap cut apart is no text, though its pieces would join */
	segs[0] = run_of("\xc3", 1);
	segs[2] = run_of("\xa9", 1);
	it = message(segs, 3);
	give(&it);
	assert_non_null(strstr(written(), "\"base64\":\"w6k=\""));
}

static void test_part(void **state)
{
	struct ec_seg segs[] = {run_of("x", 1), gap_of(3, EC_LOSS_RING)};
	struct ec_item it = message(segs, 2);

	it.data.total = 100;
	it.data.off = 50;
	give(&it);
	assert_string_equal(written(),
			    DATA SENT "\"dir\":\"sent\",\"total\":100,\"off\":50,"
				      "\"len\":1,\"text\":\"x\",\"cut\":0,\"lost\":3,"
				      "\"lost_before\":0,\"gaps\":[{\"at\":51,"
				      "\"bytes\":3,\"cause\":\"ring\"}]}\n");
}

/* Payload is written in pieces: text is whole, and so is base64. */
static void test_large(void **state)
{
	const size_t n = 1u << 20;
	uint8_t *p = malloc(n);
	struct ec_seg segs[3];
	struct ec_item it;
	const char *out, *at;

	assert_non_null(p);
	for (size_t i = 0; i + 3 <= n; i += 3)
		memcpy(p + i, "\xe6\xbc\xa2", 3);
	segs[0] = run_of(p, n - 1); /* 1 MiB is 3n + 1 */
	it = message(segs, 1);
	give(&it);
	out = written();
	at = strstr(out, "\"text\":\"");
	assert_non_null(at);
	assert_memory_equal(at + 8, p, n - 1);
	assert_memory_equal(at + 8 + n - 1, "\",\"cut\"", 7);
	/* as base64 in three runs whose lengths are no multiples of 3 */
	memset(p, 0, n);
	p[5] = 0xff;
	segs[0] = run_of(p, 200000);
	segs[1] = run_of(p + 200000, 1);
	segs[2] = run_of(p + 200001, n - 200001);
	it = message(segs, 3);
	give(&it);
	out = written();
	at = strstr(out, "\"base64\":\"");
	assert_non_null(at);
	at += strlen("\"base64\":\"");
	assert_memory_equal(at, "AAAAAAD/", 8);
	assert_int_equal(strspn(at + 8, "A"), (n + 2) / 3 * 4 - 8 - 2);
	assert_memory_equal(at + (n + 2) / 3 * 4 - 2, "==\"", 3);
	free(p);
}

static void test_conn(void **state)
{
	struct ec_item it = item(EC_ITEM_CONN, EC_DIR_NONE);

	it.conn.state = EC_CONN_CLOSED;
	it.conn.sent = UINT64_MAX;
	it.conn.received = 5;
	give(&it);
	assert_string_equal(written(), "{\"schema\":1,\"kind\":\"conn\"," TIME
				       "," WHO SENT "\"state\":\"closed\","
				       "\"bytes_sent\":18446744073709551615,"
				       "\"bytes_received\":5}\n");
}

static void test_target(void **state)
{
	struct ec_item it = {
		.kind = EC_ITEM_TARGET,
		.wall = WALL,
		.module = "tls",
		.dir = EC_DIR_NONE,
		.target = {.state = EC_TARGET_REFUSED,
			   .library = "OpenSSL",
			   .version = "3.0",
			   .how = "",
			   .why = "say \"no\"",
			   .path = "/x\n\xff",
			   .points = 2},
	};

	give(&it);
	assert_string_equal(written(),
			    "{\"schema\":1,\"kind\":\"target\"," TIME
			    ",\"module\":\"tls\",\"state\":\"refused\",\"target\":0,"
			    "\"library\":\"OpenSSL\",\"version\":\"3.0\",\"how\":\"\","
			    "\"why\":\"say \\\"no\\\"\",\"path\":\"/x\\n\xef\xbf\xbd\","
			    "\"points\":2}\n");
}

static void test_loss(void **state)
{
	struct ec_item it = item(EC_ITEM_LOSS, EC_DIR_RECV);

	it.loss.cause = EC_LOSS_RING;
	it.loss.bytes = 77;
	it.loss.records = 1;
	give(&it);
	assert_string_equal(written(),
			    "{\"schema\":1,\"kind\":\"loss\"," TIME "," WHO RECEIVED
			    "\"dir\":\"received\","
			    "\"cause\":\"ring\",\"bytes\":77,\"records\":1}\n");
}

static void test_stats(void **state)
{
	struct ec_account a = {.records = 1,
			       .bytes = 2,
			       .messages = 3,
			       .cut = 4,
			       .filtered = 5,
			       .secrets = 6};
	struct ec_item it = {.kind = EC_ITEM_STATS, .wall = WALL, .dir = EC_DIR_NONE};
	const char *out;

	a.lost[EC_LOSS_RING].bytes = 6;
	a.lost[EC_LOSS_RING].records = 7;
	a.lost[EC_LOSS_UNSEEN].bytes = 8;
	a.lost[EC_LOSS_WHO].bytes = 9;
	it.stats.account = &a;
	it.stats.final = true;
	give(&it);
	out = written();
	assert_non_null(strstr(out,
			       "\"kind\":\"stats\"," TIME
			       ",\"final\":true,\"records\":1,\"bytes\":2,"
			       "\"messages\":3,\"cut\":4,\"filtered\":5,\"secrets\":6,"
			       "\"lost_bytes\":23,\"lost_records\":7,\"lost\":{"
			       "\"ring\":{\"bytes\":6,\"records\":7},\"fault\":{"));
	assert_non_null(strstr(
		out,
		"\"unseen\":{\"bytes\":8,\"records\":0},\"who\":{\"bytes\":9,\"records\":0},"
		"\"keys\":{\"bytes\":0,\"records\":0}}}\n"));
	assert_null(strstr(out, "none"));
}

static void test_kinds(void **state)
{
	/* secrets only where they were asked for */
	assert_int_equal(sink.kinds,
			 ((1u << EC_ITEM_KIND__N) - 1) & ~(1u << EC_ITEM_SECRET));
}

static void test_secret(void **state)
{
	static const uint8_t id[32] = {0x01, 0xff}, secret[48] = {0xab};
	struct ec_item it = {.kind = EC_ITEM_SECRET, .wall = WALL, .dir = EC_DIR_NONE};
	const char *out;

	sink_close();
	sink_open(&ec_sink_jsonl, (struct ec_sink_opts){.secrets = true});
	it.secret.label = "CLIENT_RANDOM";
	it.secret.id = id;
	it.secret.id_len = sizeof(id);
	it.secret.secret = secret;
	it.secret.len = sizeof(secret);
	give(&it);
	out = written();
	assert_non_null(strstr(out,
			       "\"kind\":\"secret\"," TIME ",\"label\":\"CLIENT_RANDOM\","
			       "\"client_random\":\"01ff00"));
	assert_non_null(strstr(out, "00\",\"secret\":\"ab00"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_sink, shut)
	const struct CMUnitTest tests[] = {
		CASE(test_data),   CASE(test_ip6),	 CASE(test_gaps),
		CASE(test_part),   CASE(test_large),	 CASE(test_conn),
		CASE(test_target), CASE(test_loss),	 CASE(test_stats),
		CASE(test_kinds),  CASE(test_container), CASE(test_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
