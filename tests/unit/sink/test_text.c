// SPDX-License-Identifier: GPL-2.0-only
#include "sinking.h"

#include <errno.h>

#define HEAD                                                           \
	"2026-01-02T03:04:05.123456+00:00 PID:10, Comm:curl, TID:11, " \
	"Src:192.0.2.10:51000, Dest:198.51.100.20:443, sent "
#define RING "no room in the buffer between kernel and ecapture"

static int open_plain(void **state)
{
	sink_open(&ec_sink_text, (struct ec_sink_opts){0});
	return 0;
}

static int open_hex(void **state)
{
	sink_open(&ec_sink_text, (struct ec_sink_opts){.hex = true});
	return 0;
}

static int open_color(void **state)
{
	sink_open(&ec_sink_text, (struct ec_sink_opts){.color = true, .stats = true});
	return 0;
}

static int shut(void **state)
{
	sink_close();
	return 0;
}

/* The body of a message of these bytes: what comes after its head line. */
static const char *body_of(const void *p, size_t n)
{
	struct ec_seg seg = run_of(p, n);
	struct ec_item it = message(&seg, 1);
	const char *out, *nl;

	give(&it);
	out = written();
	if (*out == '\n')
		out++; /* between messages */
	nl = strchr(out, '\n');
	assert_non_null(nl);
	return nl + 1;
}

#define is_body(in, want) assert_string_equal(body_of(in, sizeof(in) - 1), want)

static void test_head(void **state)
{
	struct ec_seg seg = run_of("hello\n", 6);
	struct ec_item it = message(&seg, 1);

	give(&it);
	assert_string_equal(written(), HEAD "6 bytes\nhello\n");
	/* one blank line between messages; what is received comes from the peer */
	it.dir = EC_DIR_RECV;
	it.addrs = NULL;
	give(&it);
	assert_string_equal(written(), "\n2026-01-02T03:04:05.123456+00:00 PID:10, "
				       "Comm:curl, TID:11, received 6 bytes\nhello\n");
	it.addrs = &ip4;
	give(&it);
	assert_string_equal(
		written(),
		"\n2026-01-02T03:04:05.123456+00:00 PID:10, Comm:curl, TID:11, "
		"Src:198.51.100.20:443, Dest:192.0.2.10:51000, received 6 bytes\n"
		"hello\n");
	/* a family of zero is not known either */
	it.addrs = &(struct ec_addrs){0};
	it.comm = "a\n\t\x1b[2J\xc2\x9b\xff\xe2\x80\xae z\xc3\xa9";
	give(&it);
	assert_string_equal(
		written(),
		"\n2026-01-02T03:04:05.123456+00:00 PID:10, "
		"Comm:a\\x0a\\x09\\x1b[2J\\u009b\\xff\\u202e z\xc3\xa9, TID:11, "
		"received 6 bytes\nhello\n");
}

/* The id as container tools show it, between who and where. */
static void test_container(void **state)
{
	struct ec_who who = {.runtime = "docker", .container = "", .exe = "/bin/x"};
	struct ec_seg seg = run_of("x", 1);
	struct ec_item it = message(&seg, 1);

	it.who = &who;
	who.ns_pid = 1;
	give(&it); /* known, and in none */
	assert_string_equal(written(), HEAD "1 bytes\nx\n");
	who.container =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	give(&it);
	assert_string_equal(written(),
			    "\n2026-01-02T03:04:05.123456+00:00 PID:10, Comm:curl, "
			    "TID:11, Container:0123456789ab (docker, PID 1), "
			    "Src:192.0.2.10:51000, Dest:198.51.100.20:443, "
			    "sent 1 bytes\nx\n");
	/* a name; no number in there; no addresses */
	who.container = "web";
	who.runtime = "lxc";
	who.ns_pid = 0;
	it.addrs = NULL;
	give(&it);
	assert_string_equal(written(), "\n2026-01-02T03:04:05.123456+00:00 PID:10, "
				       "Comm:curl, TID:11, Container:web (lxc), "
				       "sent 1 bytes\nx\n");
	/* who made the cgroup chose the name; recordings are anybody's */
	who.container = "a\x1b[2J\n\xff";
	who.runtime = "\xc2\x9b";
	give(&it);
	assert_non_null(
		strstr(written(), ", Container:a\\x1b[2J\\x0a\\xff (\\u009b), sent"));
	/* losses have the same head */
	who.container = "web";
	who.runtime = "lxc";
	it.kind = EC_ITEM_LOSS;
	it.loss.cause = EC_LOSS_RING;
	it.loss.bytes = 2;
	give(&it);
	assert_non_null(strstr(written(), "TID:11, Container:web (lxc), sent "));
}

static void test_newline(void **state)
{
	is_body("", "");
	is_body("x", "x\n");
	is_body("x\n", "x\n");
	is_body("x\n\n", "x\n\n");
	is_body("x\r\n\r\n", "x\r\n\r\n");
}

static void test_escapes(void **state)
{
	is_body("plain \x1b[31mred\x1b[0m text\n", "plain \\x1b[31mred\\x1b[0m text\n");
	is_body("lone \r return, \r\n fine\r", "lone \\x0d return, \r\n fine\\x0d\n");
	is_body("a tab\tand del \x7f and nul \0 too",
		"a tab\tand del \\x7f and nul \\x00 too\n");
	is_body("gr\xc3\xbc\xc3\x9f dich \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x99\x82",
		"gr\xc3\xbc\xc3\x9f dich \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x99\x82\n");
	/* C1, and what turns the direction of writing */
	is_body("one \xc2\x80 two \xc2\x9f three \xc2\xa0 four",
		"one \\u0080 two \\u009f three \xc2\xa0 four\n");
	is_body("one \xe2\x80\xa9 two \xe2\x80\xaa three \xe2\x80\xae four \xe2\x80\xaf five",
		"one \xe2\x80\xa9 two \\u202a three \\u202e four \xe2\x80\xaf five\n");
	is_body("one \xe2\x81\xa5 two \xe2\x81\xa6 three \xe2\x81\xa9 four \xe2\x81\xaa five",
		"one \xe2\x81\xa5 two \\u2066 three \\u2069 four \xe2\x81\xaa five\n");
	/* a character that is not whole at the end */
	is_body("abc\xe6\xbc", "abc\\xe6\\xbc\n");
	is_body("abc\xf0", "abc\\xf0\n");
}

static void test_binary(void **state)
{
	is_body("\xff",
		"00000000  ff                                                |.|\n");
	is_body("\x00",
		"00000000  00                                                |.|\n");
	is_body("\x01\x02\x03\x04"
		"abcdefgh",
		"00000000  01 02 03 04 61 62 63 64  65 66 67 68              |....abcdefgh|\n");
	/* characters where none can be, not only at the end */
	is_body("abc\xe6"
		"def",
		"00000000  61 62 63 e6 64 65 66                              |abc.def|\n");
	is_body("\xbc"
		"abcdef",
		"00000000  bc 61 62 63 64 65 66                              |.abcdef|\n");
}

/* Lines of text before binary are shown as such, the rest with its true offset. */
static void test_prefix(void **state)
{
	is_body("0123456789abcde\n\xff\xfe",
		"0123456789abcde\n"
		"00000010  ff fe                                             |..|\n");
	is_body("0123456789abcd\n\xff",
		"00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 0a ff  "
		"|0123456789abcd..|\n");
	is_body("0123456789abcde\r\n\r\nPK\x03\x04 and\n on \xff",
		"0123456789abcde\r\n\r\n"
		"00000013  50 4b 03 04 20 61 6e 64  0a 20 6f 6e 20 ff        |PK.. and. on .|\n");
	/* no line end: no prefix */
	is_body("0123456789abcdef\xff",
		"00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  "
		"|0123456789abcdef|\n"
		"00000010  ff                                                |.|\n");
}

static void test_gaps(void **state)
{
	struct ec_seg segs[] = {
		gap_of(3, EC_LOSS_RING),  run_of("ab\n", 3),
		gap_of(4, EC_LOSS_FAULT), run_of("c", 1),
		gap_of(5, EC_LOSS_RING),
	};
	struct ec_item it = message(segs, 5);

	give(&it);
	assert_string_equal(written(), HEAD
			    "16 bytes\n… 3 bytes lost (" RING ")\nab\n"
			    "… 4 bytes lost (the program's memory could not be read)\n"
			    "c\n… 5 bytes lost (" RING ")\n");
	it = message(segs + 1, 1);
	it.data.lost_before = 9;
	it.data.lost_before_cause = EC_LOSS_RING;
	give(&it);
	assert_string_equal(written(), "\n" HEAD "3 bytes\n… 9 bytes lost (" RING
				       ") before this message\nab\n");
}

/* A gap may cut a character: its pieces are escaped, the rest stays text. */
static void test_torn(void **state)
{
	struct ec_seg segs[] = {
		run_of("one \xe6", 5),
		gap_of(1, EC_LOSS_RING),
		run_of("\xa2 two, three\n", 13),
	};
	struct ec_item it = message(segs, 3);

	give(&it);
	assert_string_equal(written(), HEAD "19 bytes\none \\xe6\n… 1 bytes lost (" RING
					    ")\n\\xa2 two, three\n");
}

static void test_gap_in_binary(void **state)
{
	struct ec_seg segs[] = {
		run_of("HTTP/1.1 200 OK\r\n\r\n\xff", 20),
		gap_of(0x100, EC_LOSS_RING),
		run_of("text", 4),
	};
	struct ec_item it = message(segs, 3);

	give(&it);
	assert_string_equal(
		written(), HEAD
		"280 bytes\nHTTP/1.1 200 OK\r\n\r\n"
		"00000013  ff                                                |.|\n"
		"… 256 bytes lost (" RING ")\n"
		"00000114  74 65 78 74                                       |text|\n");
}

static void test_cut(void **state)
{
	struct ec_seg seg = run_of("begin", 5);
	struct ec_item it = message(&seg, 1);

	it.data.total = 100;
	it.data.cut = 95;
	give(&it);
	assert_string_equal(written(), HEAD "100 bytes\nbegin\n… 5 of 100 bytes shown\n");
}

static void test_part(void **state)
{
	struct ec_seg seg = run_of("\xff", 1);
	struct ec_item it = message(&seg, 1);

	it.data.total = 1u << 30;
	it.data.off = 16u << 20;
	give(&it);
	assert_string_equal(
		written(),
		HEAD "1073741824 bytes, goes on at byte 16777216\n"
		     "01000000  ff                                                |.|\n");
}

static void test_loss(void **state)
{
	struct ec_item it = item(EC_ITEM_LOSS, EC_DIR_SENT);

	it.loss.cause = EC_LOSS_RING;
	it.loss.bytes = 77;
	it.loss.records = 1;
	give(&it);
	assert_string_equal(written(), HEAD "… 77 bytes lost (" RING ")\n");
	it = (struct ec_item){.kind = EC_ITEM_LOSS, .wall = WALL, .dir = EC_DIR_NONE};
	it.loss.cause = EC_LOSS_QUEUE;
	it.loss.records = 3;
	give(&it);
	assert_string_equal(written(), "\n2026-01-02T03:04:05.123456+00:00 … 3 records "
				       "lost (incoming chan is full: ecapture did not "
				       "keep up)\n");
}

static void test_kinds(void **state)
{
	assert_int_equal(sink.kinds, 1u << EC_ITEM_DATA | 1u << EC_ITEM_LOSS);
}

static void test_hex(void **state)
{
	is_body("GET / HTTP/1.1\r\n",
		"00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  "
		"|GET / HTTP/1.1..|\n");
	is_body("", "");
}

static void test_color(void **state)
{
	struct ec_seg segs[] = {run_of("a", 1), gap_of(2, EC_LOSS_RING)};
	struct ec_account a = {.records = 1, .bytes = 2, .messages = 3, .cut = 4};
	struct ec_item it = message(segs, 2);

	it.data.total = 13;
	it.data.cut = 10;
	give(&it);
	assert_string_equal(written(), "\033[1m" HEAD "13 bytes\033[0m\na\n"
				       "\033[31m… 2 bytes lost (" RING ")\033[0m\n"
				       "\033[31m… 1 of 13 bytes shown\033[0m\n");
	it = (struct ec_item){.kind = EC_ITEM_STATS, .wall = WALL, .dir = EC_DIR_NONE};
	a.lost[EC_LOSS_RING].bytes = 5;
	a.lost[EC_LOSS_CALL].records = 6;
	it.stats.account = &a;
	give(&it);
	assert_string_equal(
		written(),
		"\n\033[1m2026-01-02T03:04:05.123456+00:00 records:1, bytes:2, "
		"messages:3, cut:4, filtered:0, lost:5\033[0m\n"
		"\033[31m… 5 bytes lost (" RING ")\033[0m\n"
		"\033[31m… 6 records lost (the call's begin was not seen, or "
		"calls nest too deep)\033[0m\n");
}

/* Large bodies bypass the buffer; the order stays. */
static void test_large(void **state)
{
	const size_t n = 3u << 20;
	char *text = malloc(n);
	struct ec_seg seg;
	struct ec_item it;
	const char *out;

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		text[i] = i % 61 == 60 ? '\n' : (char)('0' + i % 61);
	seg = run_of(text, n);
	it = message(&seg, 1);
	give(&it);
	give(&it);
	out = written();
	assert_memory_equal(out, HEAD "3145728 bytes\n", strlen(HEAD "3145728 bytes\n"));
	out += strlen(HEAD "3145728 bytes\n");
	assert_memory_equal(out, text, n);
	out += n + (text[n - 1] != '\n') + 1;
	assert_memory_equal(out, HEAD, strlen(HEAD));
	assert_memory_equal(out + strlen(HEAD "3145728 bytes\n"), text, n);
	free(text);
}

int main(void)
{
#define CASE(f, open) cmocka_unit_test_setup_teardown(f, open, shut)
	const struct CMUnitTest tests[] = {
		CASE(test_head, open_plain),	      CASE(test_newline, open_plain),
		CASE(test_container, open_plain),     CASE(test_escapes, open_plain),
		CASE(test_binary, open_plain),	      CASE(test_prefix, open_plain),
		CASE(test_gaps, open_plain),	      CASE(test_torn, open_plain),
		CASE(test_gap_in_binary, open_plain), CASE(test_cut, open_plain),
		CASE(test_part, open_plain),	      CASE(test_loss, open_plain),
		CASE(test_kinds, open_plain),	      CASE(test_hex, open_hex),
		CASE(test_color, open_color),	      CASE(test_large, open_plain),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
