// SPDX-License-Identifier: GPL-2.0-only
#include "capture/decode.h"
#include "base/cursor.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define ENDED(s) (memchr((s), 0, sizeof(s)) != NULL)
#define CHUNK_FLAGS \
	(EC_CHUNK_FIRST | EC_CHUNK_LAST | EC_CHUNK_PENDING | EC_CHUNK_CUT | EC_CHUNK_WHO)

/* Sum of two counts that are positions in a stream: never past the end of the numbers. */
static bool sum_ok(uint64_t a, uint64_t b, uint64_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

static bool addrs_ok(const struct ec_addrs *a)
{
	return (a->family == 0 || a->family == AF_INET || a->family == AF_INET6) &&
	       a->how <= EC_HOW_BYTES;
}

static bool chunk_ok(const struct ec_rec_chunk *c)
{
	uint64_t end;

	return c->len <= EC_CHUNK_BYTES && c->h.size == sizeof(*c) + c->len &&
	       c->dir < EC_DIR__N && c->lost < EC_LOSS__N && !(c->flags & ~CHUNK_FLAGS) &&
	       addrs_ok(&c->addrs) &&
	       /* the piece and what was cut lie inside the call, the call inside u64 */
	       sum_ok(c->off, c->len, &end) && sum_ok(end, c->cut, &end) &&
	       end <= c->total && c->off <= c->pos &&
	       sum_ok(c->pos - c->off, c->total, &end);
}

static int decode_chunk(const uint8_t *p, const struct ec_decode_ops *ops, void *ctx)
{
	struct ec_rec_chunk c;

	memcpy(&c, p, sizeof(c));
	if (!chunk_ok(&c))
		return -EBADMSG;
	return ops->chunk ? ops->chunk(ctx, &c, p + sizeof(c)) : 0;
}

static int decode_conn(const uint8_t *p, const struct ec_decode_ops *ops, void *ctx)
{
	struct ec_rec_conn c;

	memcpy(&c, p, sizeof(c));
	if (c.state < EC_CONN_OPEN || c.state > EC_CONN_END ||
	    c.lost[EC_DIR_SENT] >= EC_LOSS__N || c.lost[EC_DIR_RECV] >= EC_LOSS__N ||
	    c.gave_up > 1 || !addrs_ok(&c.addrs))
		return -EBADMSG;
	return ops->conn ? ops->conn(ctx, &c) : 0;
}

/* What a line goes by is the client's random, but for RSA's (record.h). */
static bool id_ok(const struct ec_rec_secret *r)
{
	bool rsa = r->label_id == EC_LABEL_RSA || !strcmp(r->label, "RSA");

	return r->id_len == (rsa ? 8 : sizeof(r->id));
}

/* A master secret has one length (RFC 5246 section 8.1), the others a hash's. */
static bool secret_ok(const struct ec_rec_secret *r)
{
	bool master =
		r->label_id == EC_LABEL_RANDOM || !strcmp(r->label, "CLIENT_RANDOM");

	return r->len && r->len <= sizeof(r->secret) && (!master || r->len == 48);
}

/* A label is a word: readers split lines of a key log at blanks. */
static bool label_ok(const struct ec_rec_secret *r)
{
	if (r->label_id >= EC_LABEL__N || !ENDED(r->label) ||
	    !r->label_id == !r->label[0])
		return false;
	for (const char *p = r->label; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return true;
}

static int decode_secret(const uint8_t *p, const struct ec_decode_ops *ops, void *ctx)
{
	struct ec_rec_secret r;

	memcpy(&r, p, sizeof(r));
	if (!label_ok(&r) || !id_ok(&r) || !secret_ok(&r) ||
	    r.flags & ~(EC_CHUNK_PENDING | EC_CHUNK_WHO) || !addrs_ok(&r.addrs))
		return -EBADMSG;
	return ops->secret ? ops->secret(ctx, &r) : 0;
}

static int decode_process(const uint8_t *p, const struct ec_decode_ops *ops, void *ctx)
{
	struct ec_rec_process r;

	memcpy(&r, p, sizeof(r));
	if (r.state < EC_PROCESS_SEEN || r.state > EC_PROCESS_EXIT)
		return -EBADMSG;
	return ops->process ? ops->process(ctx, &r) : 0;
}

static int decode_target(const uint8_t *p, const struct ec_decode_ops *ops, void *ctx)
{
	struct ec_rec_target t;

	memcpy(&t, p, sizeof(t));
	if (t.state < EC_TARGET_PROBED || t.state > EC_TARGET_GONE || !ENDED(t.library) ||
	    !ENDED(t.version) || !ENDED(t.how) || !ENDED(t.why) || !ENDED(t.path))
		return -EBADMSG;
	return ops->target ? ops->target(ctx, &t) : 0;
}

static int decode_note(const uint8_t *p, const struct ec_decode_ops *ops, void *ctx)
{
	struct ec_rec_note n;

	memcpy(&n, p, sizeof(n));
	return ops->note ? ops->note(ctx, &n) : 0;
}

static int decode_clock(const uint8_t *p, const struct ec_decode_ops *ops, void *ctx)
{
	struct ec_rec_clock c;

	memcpy(&c, p, sizeof(c));
	return ops->clock ? ops->clock(ctx, &c) : 0;
}

static int decode_who(const uint8_t *p, const struct ec_decode_ops *ops, void *ctx)
{
	struct ec_rec_who w;

	memcpy(&w, p, sizeof(w));
	if (w.verdict < EC_VERDICT_PASS || w.verdict > EC_VERDICT_UNKNOWN ||
	    !ENDED(w.runtime) || !ENDED(w.container) || !ENDED(w.exe))
		return -EBADMSG;
	return ops->who ? ops->who(ctx, &w) : 0;
}

static const struct {
	uint32_t fixed; /* size of the fixed part; 0: kind without a decoder, skipped */
	bool payload;
	int (*decode)(const uint8_t *p, const struct ec_decode_ops *ops, void *ctx);
} kinds[EC_REC_KIND__N] = {
	[EC_REC_CHUNK] = {sizeof(struct ec_rec_chunk), true, decode_chunk},
	[EC_REC_SECRET] = {sizeof(struct ec_rec_secret), false, decode_secret},
	[EC_REC_CONN] = {sizeof(struct ec_rec_conn), false, decode_conn},
	[EC_REC_PROCESS] = {sizeof(struct ec_rec_process), false, decode_process},
	[EC_REC_TARGET] = {sizeof(struct ec_rec_target), false, decode_target},
	[EC_REC_NOTE] = {sizeof(struct ec_rec_note), false, decode_note},
	[EC_REC_CLOCK] = {sizeof(struct ec_rec_clock), false, decode_clock},
	[EC_REC_WHO] = {sizeof(struct ec_rec_who), false, decode_who},
};

int ec_decode(const void *p, size_t n, const struct ec_decode_ops *ops, void *ctx)
{
	struct ec_rec h;

	if (n < sizeof(h))
		return -EBADMSG;
	memcpy(&h, p, sizeof(h));
	if (h.size < sizeof(h) || h.size > EC_REC_MAX || h.size > n ||
	    h.kind == EC_REC_NONE || !ENDED(h.comm))
		return -EBADMSG;
	if (h.kind >= EC_REC_KIND__N || !kinds[h.kind].decode)
		return 0;
	if (kinds[h.kind].payload ? h.size < kinds[h.kind].fixed
				  : h.size != kinds[h.kind].fixed)
		return -EBADMSG;
	return kinds[h.kind].decode(p, ops, ctx);
}
