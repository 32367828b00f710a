// SPDX-License-Identifier: GPL-2.0-only
#include "capture/decode.h"
#include "real.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

struct seen {
	int chunks, conns, processes, targets, notes, clocks, whos, secrets;
	uint8_t payload[64];
	uint32_t len;
	int answer;
};

static int on_chunk(void *ctx, const struct ec_rec_chunk *c, const uint8_t *payload)
{
	struct seen *s = ctx;

	s->chunks++;
	s->len = c->len;
	memcpy(s->payload, payload, c->len < 64 ? c->len : 64);
	return s->answer;
}

#define COUNTER(name, type, field)                       \
	static int name(void *ctx, const struct type *r) \
	{                                                \
		((struct seen *)ctx)->field++;           \
		return ((struct seen *)ctx)->answer;     \
	}
COUNTER(on_conn, ec_rec_conn, conns)
COUNTER(on_secret, ec_rec_secret, secrets)
COUNTER(on_process, ec_rec_process, processes)
COUNTER(on_target, ec_rec_target, targets)
COUNTER(on_note, ec_rec_note, notes)
COUNTER(on_clock, ec_rec_clock, clocks)
COUNTER(on_who, ec_rec_who, whos)

static const struct ec_decode_ops ops = {on_chunk,  on_conn, on_secret, on_process,
					 on_target, on_note, on_clock,	on_who};

static struct ec_rec head(uint16_t kind, uint32_t size)
{
	struct ec_rec h;

	memset(&h, 0, sizeof(h));
	h.kind = kind;
	h.size = size;
	strcpy(h.comm, "curl");
	return h;
}

struct chunk {
	struct ec_rec_chunk c;
	uint8_t data[EC_CHUNK_BYTES];
};

static struct chunk *good_chunk(uint32_t len)
{
	static struct chunk k;

	memset(&k, 0, sizeof(k));
	k.c.h = head(EC_REC_CHUNK, sizeof(k.c) + len);
	k.c.len = len;
	k.c.total = len;
	k.c.flags = EC_CHUNK_FIRST | EC_CHUNK_LAST;
	k.c.addrs.family = AF_INET6;
	k.c.addrs.how = EC_HOW_SOCK;
	for (uint32_t i = 0; i < len; i++)
		k.data[i] = i;
	return &k;
}

static int decode(const void *p, size_t n, struct seen *s)
{
	memset(s, 0, sizeof(*s));
	return ec_decode(p, n, &ops, s);
}

static void test_chunk(void **state)
{
	struct chunk *k = good_chunk(5);
	uint8_t bytes[sizeof(*k) + 1];
	struct seen s;

	assert_int_equal(decode(k, sizeof(k->c) + 5, &s), 0);
	assert_int_equal(s.chunks, 1);
	assert_int_equal(s.len, 5);
	assert_memory_equal(s.payload, k->data, 5);
	/* slack of a bucket behind it, and an odd address */
	memcpy(bytes + 1, k, sizeof(*k));
	assert_int_equal(decode(bytes + 1, sizeof(*k), &s), 0);
	assert_memory_equal(s.payload, k->data, 5);
	assert_int_equal(decode(good_chunk(EC_CHUNK_BYTES), sizeof(*k), &s), 0);
	assert_int_equal(s.len, EC_CHUNK_BYTES);
	/* no payload is a payload too: all of it was cut */
	k = good_chunk(0);
	k->c.total = k->c.cut = 100;
	k->c.flags |= EC_CHUNK_CUT;
	assert_int_equal(decode(k, sizeof(k->c), &s), 0);
	assert_int_equal(s.chunks, 1);
}

#define BAD(change)                                                    \
	do {                                                           \
		struct chunk *k = good_chunk(100);                     \
		struct seen s;                                         \
		change;                                                \
		assert_int_equal(decode(k, sizeof(*k), &s), -EBADMSG); \
		assert_int_equal(s.chunks, 0);                         \
	} while (0)

static void test_bad_chunk(void **state)
{
	BAD(k->c.len = 101);
	BAD(k->c.len = 99);
	BAD(k->c.len = UINT32_MAX);
	BAD(k->c.h.size = 0);
	BAD(k->c.h.size = sizeof(struct ec_rec));
	BAD(k->c.h.size = UINT32_MAX);
	BAD(k->c.h.kind = EC_REC_NONE);
	BAD(k->c.dir = EC_DIR__N);
	BAD(k->c.dir = EC_DIR_NONE);
	BAD(k->c.lost = EC_LOSS__N);
	BAD(k->c.flags = 0x8000);
	BAD(k->c.addrs.family = AF_UNIX);
	BAD(k->c.addrs.how = EC_HOW_BYTES + 1);
	BAD(k->c.total = 99);
	BAD(k->c.off = 1);
	BAD((k->c.off = 1, k->c.total = 200)); /* before the stream began */
	BAD(k->c.cut = 1);
	BAD(k->c.cut = UINT64_MAX);
	BAD(k->c.pos = UINT64_MAX - 50);
	BAD((k->c.total = UINT64_MAX, k->c.pos = 1));
	BAD(memset(k->c.h.comm, 'x', EC_COMM_LEN));
	/* a payload that would be sound, were there room for it */
	BAD((k->c.len = EC_CHUNK_BYTES + 1, k->c.total = k->c.len,
	     k->c.h.size = sizeof(k->c) + k->c.len));
}

/* Each kind at each length: sound only when whole. */
static void test_lengths(void **state)
{
	static const struct {
		uint16_t kind;
		uint32_t size;
	} kinds[] = {{EC_REC_CHUNK, sizeof(struct ec_rec_chunk)},
		     {EC_REC_CONN, sizeof(struct ec_rec_conn)},
		     {EC_REC_PROCESS, sizeof(struct ec_rec_process)},
		     {EC_REC_TARGET, sizeof(struct ec_rec_target)},
		     {EC_REC_NOTE, sizeof(struct ec_rec_note)},
		     {EC_REC_CLOCK, sizeof(struct ec_rec_clock)},
		     {EC_REC_WHO, sizeof(struct ec_rec_who)},
		     {EC_REC_SECRET, sizeof(struct ec_rec_secret)}};
	struct guard g = guard_new(EC_REC_MAX);
	uint8_t buf[EC_REC_MAX];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct ec_rec h = head(kinds[i].kind, kinds[i].size);
		struct seen s;

		memset(buf, 0, sizeof(buf));
		/* the first word behind the head is the state of a process */
		if (kinds[i].kind == EC_REC_PROCESS)
			((struct ec_rec_process *)buf)->state = EC_PROCESS_SEEN;
		if (kinds[i].kind == EC_REC_TARGET)
			((struct ec_rec_target *)buf)->state = EC_TARGET_REFUSED;
		if (kinds[i].kind == EC_REC_CONN)
			((struct ec_rec_conn *)buf)->state = EC_CONN_END;
		if (kinds[i].kind == EC_REC_WHO)
			((struct ec_rec_who *)buf)->verdict = EC_VERDICT_DROP;
		if (kinds[i].kind == EC_REC_SECRET) {
			struct ec_rec_secret *r = (struct ec_rec_secret *)buf;

			r->label_id = EC_LABEL_EXPORTER;
			r->id_len = 32;
			r->len = 48;
		}
		memcpy(buf, &h, sizeof(h));
		for (uint32_t n = 0; n < kinds[i].size; n++)
			assert_int_equal(decode(guard_put(&g, buf, n), n, &s), -EBADMSG);
		assert_int_equal(decode(guard_put(&g, buf, h.size), h.size, &s), 0);
		assert_int_equal(s.chunks + s.conns + s.processes + s.targets + s.notes +
					 s.clocks + s.whos + s.secrets,
				 1);
		/* shorter and longer than the kind is */
		for (int d = -8; d <= 8; d += 16) {
			h.size = kinds[i].size + d;
			memcpy(buf, &h, sizeof(h));
			assert_int_equal(decode(buf, sizeof(buf), &s), -EBADMSG);
		}
	}
	guard_free(&g);
}

static void test_enums(void **state)
{
	struct ec_rec_conn c = {.h = head(EC_REC_CONN, sizeof(c)), .state = EC_CONN_OPEN};
	struct ec_rec_process p = {.h = head(EC_REC_PROCESS, sizeof(p))};
	struct ec_rec_target t = {.h = head(EC_REC_TARGET, sizeof(t)),
				  .state = EC_TARGET_PROBED};
	struct seen s;

	struct ec_rec_who w = {.h = head(EC_REC_WHO, sizeof(w))};

	assert_int_equal(decode(&w, sizeof(w), &s), -EBADMSG);
	w.verdict = EC_VERDICT_UNKNOWN + 1;
	assert_int_equal(decode(&w, sizeof(w), &s), -EBADMSG);
	w.verdict = EC_VERDICT_UNKNOWN;
	assert_int_equal(decode(&w, sizeof(w), &s), 0);
	memset(w.container, 'a', sizeof(w.container)); /* without its end */
	assert_int_equal(decode(&w, sizeof(w), &s), -EBADMSG);
	assert_int_equal(decode(&c, sizeof(c), &s), 0);
	c.state = 0;
	assert_int_equal(decode(&c, sizeof(c), &s), -EBADMSG);
	c.state = EC_CONN_END + 1;
	assert_int_equal(decode(&c, sizeof(c), &s), -EBADMSG);
	c.state = EC_CONN_CLOSED;
	c.lost[1] = EC_LOSS__N;
	assert_int_equal(decode(&c, sizeof(c), &s), -EBADMSG);
	assert_int_equal(decode(&p, sizeof(p), &s), -EBADMSG);
	p.state = EC_PROCESS_EXIT + 1;
	assert_int_equal(decode(&p, sizeof(p), &s), -EBADMSG);
	assert_int_equal(decode(&t, sizeof(t), &s), 0);
	memset(t.path, 'x', sizeof(t.path));
	assert_int_equal(decode(&t, sizeof(t), &s), -EBADMSG);
	assert_int_equal(s.targets + s.conns + s.processes, 0);
}

static void test_secret(void **state)
{
	struct ec_rec_secret good = {.h = head(EC_REC_SECRET, sizeof(good)),
				     .id_len = 32,
				     .len = 48,
				     .label = "EXPORTER_SECRET"};
	struct ec_rec_secret r = good;
	struct seen s;

	assert_int_equal(decode(&r, sizeof(r), &s), 0);
	assert_int_equal(s.secrets, 1);
#define BAD_SECRET(change)                                             \
	do {                                                           \
		r = good;                                              \
		change;                                                \
		assert_int_equal(decode(&r, sizeof(r), &s), -EBADMSG); \
		assert_int_equal(s.secrets, 0);                        \
	} while (0)
	BAD_SECRET(r.len = 0);
	BAD_SECRET(r.len = EC_SECRET_LEN + 1);
	BAD_SECRET(r.id_len = 0);
	BAD_SECRET(r.id_len = 33);
	BAD_SECRET(r.id_len = 31);
	BAD_SECRET(r.id_len = 8); /* only of RSA … */
	BAD_SECRET(strcpy(r.label, "RSA"));
	BAD_SECRET((strcpy(r.label, "CLIENT_RANDOM"), r.len = 32));
	BAD_SECRET((r.label[0] = 0, r.label_id = EC_LABEL_RANDOM, r.len = 47));
	BAD_SECRET(r.label[0] = 0);		    /* neither text nor number */
	BAD_SECRET(r.label_id = EC_LABEL_EXPORTER); /* both */
	BAD_SECRET((r.label[0] = 0, r.label_id = EC_LABEL__N));
	BAD_SECRET(memset(r.label, 'x', sizeof(r.label)));
	/* a reader of lines would take these for something else */
	BAD_SECRET(r.label[3] = ' ');
	BAD_SECRET(r.label[3] = '\n');
	BAD_SECRET(r.label[3] = '\x7f');
	BAD_SECRET(r.flags = EC_CHUNK_FIRST);
	BAD_SECRET(r.addrs.family = 99);
	r = good;
	r.label[0] = 0;
	r.label_id = EC_LABEL_RSA;
	r.id_len = 8;
	assert_int_equal(decode(&r, sizeof(r), &s), 0);
	r.label_id = EC_LABEL_RANDOM;
	r.id_len = 32;
	assert_int_equal(decode(&r, sizeof(r), &s), 0);
}

static void test_kinds(void **state)
{
	static const struct ec_decode_ops none;
	struct ec_rec h = head(EC_REC_LINE, sizeof(h));
	struct chunk *k = good_chunk(8);
	struct seen s;

	/* reserved and later kinds are passed over, their frame is checked */
	assert_int_equal(decode(&h, sizeof(h), &s), 0);
	h.kind = EC_REC_KIND__N;
	assert_int_equal(decode(&h, sizeof(h), &s), 0);
	h.kind = UINT16_MAX;
	assert_int_equal(decode(&h, sizeof(h), &s), 0);
	h.size++;
	assert_int_equal(decode(&h, sizeof(h), &s), -EBADMSG);
	/* nobody listens, and somebody says stop */
	assert_int_equal(ec_decode(k, sizeof(*k), &none, NULL), 0);
	k->c.dir = 9;
	assert_int_equal(ec_decode(k, sizeof(*k), &none, NULL), -EBADMSG);
	k->c.dir = 0;
	s.answer = -ECANCELED;
	assert_int_equal(ec_decode(k, sizeof(*k), &ops, &s), -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunk),	cmocka_unit_test(test_bad_chunk),
		cmocka_unit_test(test_lengths), cmocka_unit_test(test_enums),
		cmocka_unit_test(test_secret),	cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
