// SPDX-License-Identifier: GPL-2.0-only
/*
 * mkrec DIR: writes the recordings of the replay tests, one file a case, by
 * abi/record.h alone. What a recording shows is in golden/<case>.{text,json}.
 */
#include "abi/record.h"

#include <arpa/inet.h>
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))
#define BYTES(literal) literal, sizeof(literal) - 1
#define MS	       1000000ull
#define WALL	       1767323045000000000ull /* 2026-01-02T03:04:05Z */
#define MONO	       1000000000000ull

static FILE *out;
static uint64_t now; /* ns since the recording began */
static struct ec_rec_note note;

/* --- writing --------------------------------------------------------------- */

static void put(const void *p, size_t n)
{
	if (n && fwrite(p, n, 1, out) != 1)
		err(1, "write");
}

static void put_record(const void *rec, size_t fixed, const void *payload, size_t n)
{
	static const char zeros[8];

	put(rec, fixed);
	put(payload, n);
	put(zeros, -(fixed + n) & 7);
}

static void fill(struct ec_rec *h, uint16_t kind, size_t size)
{
	h->kind = kind;
	h->size = (uint32_t)size;
	h->time = MONO + now;
}

static void begin(void)
{
	struct ec_recording head = {
		.magic = "ecaprec",
		.order = 0x01020304,
		.version = EC_REC_VERSION,
		.head = sizeof(head),
		.made_by = "mkrec",
		.modules = "tls",
	};
	struct ec_rec_clock clock = {.wall = WALL};

	head.magic[7] = '\n';
	put(&head, sizeof(head));
	now = 0;
	memset(&note, 0, sizeof(note));
	clock.h.module = 0xffff;
	fill(&clock.h, EC_REC_CLOCK, sizeof(clock));
	put_record(&clock, sizeof(clock), NULL, 0);
}

static void end(void)
{
	now += MS;
	note.h.module = 0xffff;
	fill(&note.h, EC_REC_NOTE, sizeof(note));
	put_record(&note, sizeof(note), NULL, 0);
}

/* --- connections ----------------------------------------------------------- */

/* A connection with what the kernel side keeps of it. */
struct conn {
	uint64_t id;
	uint32_t pid;
	const char *comm;
	struct ec_addrs addrs;
	bool pending;
	bool unknown; /* its process is being asked about */
	uint64_t pos[EC_DIR__N];
	uint64_t call[EC_DIR__N];
	uint8_t lost[EC_DIR__N];
};

static struct ec_addrs addrs(const char *local, uint16_t lport, const char *remote,
			     uint16_t rport)
{
	struct ec_addrs a = {
		.family = strchr(local, ':') ? AF_INET6 : AF_INET,
		.lport = lport,
		.rport = rport,
		.how = EC_HOW_FD,
	};

	if (inet_pton(a.family, local, a.laddr) != 1 ||
	    inet_pton(a.family, remote, a.raddr) != 1)
		errx(1, "bad address %s or %s", local, remote);
	return a;
}

static struct conn curl(uint64_t id)
{
	return (struct conn){
		.id = id,
		.pid = 4242,
		.comm = "curl",
		.addrs = addrs("192.0.2.10", 51000, "198.51.100.20", 443),
	};
}

static void who(struct ec_rec *h, const struct conn *c)
{
	h->pid = c->pid;
	h->tid = c->pid + 1;
	h->uid = 1000;
	h->target = 1;
	h->process = c->pid;
	memcpy(h->comm, c->comm, strnlen(c->comm, sizeof(h->comm) - 1));
}

/* A piece of the call that begins at `pos`. */
static void piece(struct conn *c, enum ec_dir dir, uint64_t pos, uint64_t off,
		  const void *data, size_t n, uint64_t total, uint64_t cut)
{
	struct ec_rec_chunk r = {
		.conn = c->id,
		.pos = pos + off,
		.call = c->call[dir],
		.off = off,
		.total = total,
		.cut = cut,
		.len = (uint32_t)n,
		.dir = dir,
		.lost = c->lost[dir],
	};

	who(&r.h, c);
	fill(&r.h, EC_REC_CHUNK, sizeof(r) + n);
	if (!off)
		r.flags |= EC_CHUNK_FIRST;
	if (off + n + cut == total)
		r.flags |= EC_CHUNK_LAST | (cut ? EC_CHUNK_CUT : 0);
	if (c->pending)
		r.flags |= EC_CHUNK_PENDING;
	else
		r.addrs = c->addrs;
	if (c->unknown)
		r.flags |= EC_CHUNK_WHO;
	put_record(&r, sizeof(r), (const uint8_t *)data + off, n);
	c->lost[dir] = EC_LOSS_NONE;
	note.records++;
	note.bytes += n;
}

/* The piece does not get through. */
static void lose(struct conn *c, enum ec_dir dir, enum ec_loss cause, uint64_t n)
{
	c->lost[dir] = cause;
	note.lost[cause].records++;
	note.lost[cause].bytes += n;
}

static void call_ends(struct conn *c, enum ec_dir dir, uint64_t total)
{
	c->pos[dir] += total;
	c->call[dir]++;
	now += MS;
}

/* One call in pieces of `size`; pieces whose bit is set in `drop` are lost. */
static void call_pieces(struct conn *c, enum ec_dir dir, const void *data, size_t n,
			size_t size, unsigned int drop)
{
	for (size_t off = 0, i = 0, len; off < n; off += len, i++) {
		len = n - off < size ? n - off : size;
		if (i < 32 && drop >> i & 1)
			lose(c, dir, EC_LOSS_RING, len);
		else
			piece(c, dir, c->pos[dir], off, data, len, n, 0);
	}
	call_ends(c, dir, n);
}

static void call(struct conn *c, enum ec_dir dir, const void *data, size_t n)
{
	call_pieces(c, dir, data, n, EC_CHUNK_BYTES, 0);
}

static void say(struct conn *c, enum ec_dir dir, const char *text)
{
	call(c, dir, text, strlen(text));
}

static void state(struct conn *c, enum ec_conn_state what)
{
	struct ec_rec_conn r = {.conn = c->id, .state = what};

	who(&r.h, c);
	fill(&r.h, EC_REC_CONN, sizeof(r));
	for (int d = 0; d < EC_DIR__N; d++) {
		r.pos[d] = c->pos[d];
		r.call[d] = c->call[d];
		r.lost[d] = c->lost[d];
	}
	if (!c->pending)
		r.addrs = c->addrs;
	put_record(&r, sizeof(r), NULL, 0);
	now += MS;
}

/* What was found out about the connection's process. */
static void found(struct conn *c, const char *runtime, const char *container,
		  uint32_t ns_pid)
{
	struct ec_rec_who r = {
		.verdict = EC_VERDICT_PASS,
		.ppid = 1,
		.ns_pid = ns_pid,
		.netns = 4026531840,
		.exe = "/usr/bin/curl",
	};

	who(&r.h, c);
	fill(&r.h, EC_REC_WHO, sizeof(r));
	snprintf(r.runtime, sizeof(r.runtime), "%s", runtime);
	snprintf(r.container, sizeof(r.container), "%s", container);
	put_record(&r, sizeof(r), NULL, 0);
	c->unknown = false;
	now += MS;
}

/* --- cases ----------------------------------------------------------------- */

static const char request[] = "GET /hello.txt HTTP/1.1\r\nHost: example.test\r\n"
			      "User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
			       "Content-Length: 14\r\n\r\nHello, world!\n";

static void exchange(struct conn *c)
{
	state(c, EC_CONN_OPEN);
	say(c, EC_DIR_SENT, request);
	say(c, EC_DIR_RECV, response);
	state(c, EC_CONN_CLOSED);
}

static void target(enum ec_target_state what, const char *library, const char *version,
		   const char *how, const char *why, const char *path)
{
	struct ec_rec_target r = {.state = what, .points = what == EC_TARGET_PROBED};

	r.h.target = what == EC_TARGET_PROBED;
	fill(&r.h, EC_REC_TARGET, sizeof(r));
	snprintf(r.library, sizeof(r.library), "%s", library);
	snprintf(r.version, sizeof(r.version), "%s", version);
	snprintf(r.how, sizeof(r.how), "%s", how);
	snprintf(r.why, sizeof(r.why), "%s", why);
	snprintf(r.path, sizeof(r.path), "%s", path);
	put_record(&r, sizeof(r), NULL, 0);
}

static void case_http(void)
{
	struct conn c = curl(0x1001);

	target(EC_TARGET_PROBED, "OpenSSL", "3.0.19", "symbols", "",
	       "/usr/lib/x86_64-linux-gnu/libssl.so.3");
	target(EC_TARGET_REFUSED, "OpenSSL", "", "", "no code found",
	       "/opt/with \"quotes\"\n\x1b[31m\xff/libssl.so.3");
	exchange(&c);
}

static void case_http6(void)
{
	struct conn server = curl(0x1002), mapped = curl(0x1003);

	server.comm = "nginx";
	server.addrs = addrs("2001:db8::1", 443, "fe80::1:0:0:2", 40000);
	state(&server, EC_CONN_OPEN);
	say(&server, EC_DIR_RECV, request);
	say(&server, EC_DIR_SENT, response);
	state(&server, EC_CONN_END);
	mapped.addrs = addrs("::ffff:192.0.2.1", 8443, "::ffff:203.0.113.7", 40001);
	say(&mapped, EC_DIR_RECV, request);
}

static void case_binary(void)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 256\r\n\r\n";
	struct conn c = curl(0x1004);
	uint8_t body[sizeof(head) - 1 + 256];

	memcpy(body, head, sizeof(head) - 1);
	for (size_t i = 0; i < 256; i++)
		body[sizeof(head) - 1 + i] = (uint8_t)i;
	call(&c, EC_DIR_RECV, body, sizeof(body));
	call(&c, EC_DIR_RECV, body + sizeof(head) - 1, 256);
	/* one character, one byte, and the sizes around a line of a dump */
	for (size_t n = 1; n <= 17; n += n < 15 ? 14 : 1)
		call(&c, EC_DIR_SENT, body + sizeof(head) - 1 + 128, n);
}

static void case_utf8(void)
{
	struct conn c = curl(0x1005);
	char text[2000];
	size_t n = 0;

	/* characters of 2, 3 and 4 bytes; pieces of 7 bytes cut through all of them */
	while (n + 64 < sizeof(text))
		n += (size_t)sprintf(text + n, "naïve Grüße, 漢字 and 🙂 %zu\n",
				     n);
	call_pieces(&c, EC_DIR_SENT, text, n, 7, 0);
	say(&c, EC_DIR_RECV, "ends inside a character: \xe6\xbc");
}

static void case_gap(void)
{
	struct conn c = curl(0x1006);
	char text[5 * 40 + 1];

	for (int i = 0; i < 5; i++)
		sprintf(text + i * 40, "line %d of a call, forty bytes in length\n",
			i % 10);
	call_pieces(&c, EC_DIR_SENT, text, 200, 40, 1u << 1 | 1u << 2);
	call_pieces(&c, EC_DIR_SENT, text, 200, 30, 1u << 3); /* not at a line's end */
	call_pieces(&c, EC_DIR_SENT, text, 200, 40, 1u << 0 | 1u << 4);
	call_pieces(&c, EC_DIR_SENT, BYTES("\xff\xfe binary with a hole"), 6, 1u << 1);
	say(&c, EC_DIR_SENT, "after\n");
}

static void case_gap_before(void)
{
	struct conn c = curl(0x1007);

	say(&c, EC_DIR_SENT, "first\n");
	lose(&c, EC_DIR_SENT, EC_LOSS_FAULT, 1000);
	call_ends(&c, EC_DIR_SENT, 1000);
	say(&c, EC_DIR_SENT, "third\n");
}

static void case_loss_end(void)
{
	struct conn c = curl(0x1008), unseen = curl(0x1009);

	say(&c, EC_DIR_SENT, "question\n");
	call_pieces(&c, EC_DIR_RECV, BYTES("the begin of an answer"), 8, 1u << 2);
	lose(&c, EC_DIR_RECV, EC_LOSS_RING, 5000);
	call_ends(&c, EC_DIR_RECV, 5000);
	state(&c, EC_CONN_END);
	/* nothing of it came through, and no cause either */
	unseen.pos[EC_DIR_SENT] = 77;
	state(&unseen, EC_CONN_CLOSED);
}

static void case_cut(void)
{
	struct conn c = curl(0x100a);
	char body[300];

	memset(body, 'x', sizeof(body));
	for (int i = 0; i < 2; i++) {
		piece(&c, EC_DIR_SENT, c.pos[EC_DIR_SENT], 0, body, 64, sizeof(body),
		      sizeof(body) - 64);
		note.cut += sizeof(body) - 64;
		call_ends(&c, EC_DIR_SENT, sizeof(body));
	}
	say(&c, EC_DIR_SENT, "short\n");
	state(&c, EC_CONN_CLOSED);
}

static void case_pending(void)
{
	struct conn known = curl(0x100b), never = curl(0x100c), late = curl(0x100d);

	known.pending = never.pending = late.pending = true;
	state(&known, EC_CONN_OPEN);
	say(&known, EC_DIR_SENT, "held until the addresses are known\n");
	say(&never, EC_DIR_SENT, "held until the time is over\n");
	say(&known, EC_DIR_RECV, "held too\n");
	known.pending = false;
	say(&known, EC_DIR_SENT, "comes with addresses\n");
	say(&late, EC_DIR_SENT, "too early for the addresses\n");
	now += 300 * MS;
	say(&never, EC_DIR_SENT, "not held any more\n");
	late.pending = false;
	state(&late, EC_CONN_ADDRS);
	say(&late, EC_DIR_SENT, "now they are known\n");
	state(&known, EC_CONN_CLOSED);
	state(&never, EC_CONN_END);
	state(&late, EC_CONN_END);
}

static void case_long(void)
{
	enum { SIZE = 1 << 20, LINE = 64 };
	struct conn c = curl(0x100e), other = curl(0x100f);
	char *text = malloc(SIZE + LINE);

	if (!text)
		err(1, "malloc");
	other.addrs.lport = 51001;
	for (int i = 0; i < SIZE; i += LINE)
		sprintf(text + i,
			"%07d 0123456789 the quick brown fox jumps over it %05d\n", i,
			i / LINE);
	for (size_t off = 0; off < SIZE; off += EC_CHUNK_BYTES) {
		piece(&c, EC_DIR_SENT, 0, off, text, EC_CHUNK_BYTES, SIZE, 0);
		if (off % (16 * EC_CHUNK_BYTES) == 0)
			say(&other, EC_DIR_SENT, "in between\n");
	}
	call_ends(&c, EC_DIR_SENT, SIZE);
	say(&c, EC_DIR_SENT, "after\n");
	state(&c, EC_CONN_CLOSED);
	free(text);
}

/* The library's object is used again: the same process and addresses, another id. */
static void case_reuse(void)
{
	struct conn first = curl(0x1010), second = curl(0x1011);

	exchange(&first);
	second.addrs.lport = 51002;
	exchange(&second);
}

static void case_hostile(void)
{
	struct conn c = curl(0x1012);

	c.comm = "a\x1b]0;x\x07\n\xc2\x9b\xff";
	say(&c, EC_DIR_RECV,
	    "colour \x1b[31mred\x1b[0m, bell \x07, C1 \xc2\x9b, turned \xe2\x80\xae"
	    "txet\xe2\x81\xa9, DEL \x7f, lone \r return\r\nTAB\tstays, é stays\n");
	say(&c, EC_DIR_RECV,
	    "{\"json\": \"\\ and \x01 control, \xe2\x80\xa8 separator\"}");
	say(&c, EC_DIR_RECV, "");
	say(&c, EC_DIR_SENT, "2026-01-02T03:04:05.000000+00:00 PID:1, Comm:forged\n");
	/* pieces that were there already, and one that says it lies before its call */
	c.pos[EC_DIR_SENT] = 10;
	say(&c, EC_DIR_SENT, "again");
	c.pos[EC_DIR_SENT] = 52;
	say(&c, EC_DIR_SENT, "goes on\n");
}

/* Of a process in a container, of one in a pid namespace only, of one never told about;
 * and one whose name of the container and its runtime do harm. */
static void case_who(void)
{
	struct conn in = curl(0x1013), ns = curl(0x1014), never = curl(0x1015);
	struct conn odd = curl(0x1016);

	in.unknown = ns.unknown = never.unknown = odd.unknown = true;
	ns.pid = 4300;
	never.pid = 4400;
	odd.pid = 4500;
	state(&in, EC_CONN_OPEN);
	say(&in, EC_DIR_SENT, "held until its process is known\n");
	say(&ns, EC_DIR_SENT, "held, not for the other one's answer\n");
	say(&in, EC_DIR_RECV, "held too\n");
	found(&in, "docker",
	      "4f0e9c2b7a1d4f0e9c2b7a1d4f0e9c2b7a1d4f0e9c2b7a1d4f0e9c2b7a1d4f0e", 17);
	say(&in, EC_DIR_SENT, "not held any more\n");
	found(&ns, "", "", 2);
	say(&never, EC_DIR_SENT, "held until the time is over\n");
	lose(&in, EC_DIR_RECV, EC_LOSS_RING, 100);
	call_ends(&in, EC_DIR_RECV, 100);
	state(&in, EC_CONN_CLOSED);
	now += 300 * MS;
	say(&never, EC_DIR_SENT, "never told about\n");
	found(&odd, "\x1b[31m", "a\n\xc2\x9b \"b\"\xff", odd.pid);
	say(&odd, EC_DIR_SENT, "odd\n");
}

static void secret(struct conn *c, enum ec_label label, const char *text, size_t n)
{
	struct ec_rec_secret r = {
		.conn = c->id, .label_id = label, .id_len = 32, .len = n};

	who(&r.h, c);
	fill(&r.h, EC_REC_SECRET, sizeof(r));
	r.addrs = c->addrs;
	if (label == EC_LABEL_RSA)
		r.id_len = 8;
	if (text)
		strcpy(r.label, text);
	for (int i = 0; i < 32; i++)
		r.id[i] = i < r.id_len ? i * 7 + c->id : 0;
	for (size_t i = 0; i < n; i++)
		r.secret[i] = i * 11 + label;
	put_record(&r, sizeof(r), NULL, 0);
	now += MS;
}

/* Each kind of line; what both ends of a connection tell; a label nobody knows. */
static void case_secret(void)
{
	struct conn c = curl(0x1017), s = curl(0x1018);

	for (int i = EC_LABEL_RANDOM; i < EC_LABEL__N; i++)
		secret(&c, i, NULL, i < EC_LABEL_SERVER_TRAFFIC ? 48 : 32);
	secret(&c, EC_LABEL_NONE, "SOME_LABEL_TO_COME", 64);
	secret(&c, EC_LABEL_EXPORTER, NULL, 32);
	s.id = c.id;
	s.comm = "nginx";
	s.pid = 4300;
	secret(&s, EC_LABEL_RANDOM, NULL, 48);
}

static const struct {
	const char *name;
	void (*make)(void);
} cases[] = {
	{"http", case_http},	     {"http6", case_http6},
	{"binary", case_binary},     {"utf8", case_utf8},
	{"gap", case_gap},	     {"gap_before", case_gap_before},
	{"loss_end", case_loss_end}, {"cut", case_cut},
	{"pending", case_pending},   {"long", case_long},
	{"reuse", case_reuse},	     {"hostile", case_hostile},
	{"who", case_who},	     {"secret", case_secret},
};

int main(int argc, char **argv)
{
	char path[4096];

	if (argc != 2)
		errx(2, "usage: mkrec DIR");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(path, sizeof(path), "%s/%s.rec", argv[1], cases[i].name);
		out = fopen(path, "wb");
		if (!out)
			err(1, "%s", path);
		begin();
		cases[i].make();
		end();
		if (fclose(out))
			err(1, "%s", path);
		puts(cases[i].name);
	}
	return 0;
}
