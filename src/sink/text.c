// SPDX-License-Identifier: GPL-2.0-only
/* Text for people: one head line a message, then its body (docs/FORMATS.md). */
#include "sink/sink.h"
#include "sink/hexdump.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "model/addrs.h"

#include <errno.h>
#include <string.h>

#define PREFIX_MIN 16 /* a shorter text before binary bytes is dumped with them */

struct text {
	struct ec_clock_cache clock;
	char last; /* last byte of the body so far */
};

/* Code points that a terminal acts on: C1 controls and bidirectional overrides. */
static bool moves_terminal(uint32_t c)
{
	return (c >= 0x80 && c <= 0x9f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f;
}

/* A whole, valid character of 2 to 4 bytes. RFC 3629 section 3 */
static size_t decode(const uint8_t *p, size_t n, uint32_t *out)
{
	size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 1;
	uint32_t c;

	if (len == 1 || len > n || ec_utf8_valid(p, len) != len)
		return 0;
	c = p[0] & (0x7f >> len);
	for (size_t i = 1; i < len; i++)
		c = c << 6 | (p[i] & 0x3f);
	*out = c;
	return len;
}

static void escaped(struct ec_sink *s, const uint8_t *p, size_t n)
{
	struct ec_buf *b = &s->out->buf;

	while (n) {
		size_t k = ec_utf8_plain(p, n);
		uint32_t c;

		if (k) {
			ec_out_data(s->out, p, k);
		} else if (p[0] < 0x80 || !(k = decode(p, n, &c))) {
			ec_buf_printf(b, "\\x%02x", p[0]);
			k = 1;
		} else if (moves_terminal(c)) {
			ec_buf_printf(b, "\\u%04x", c);
		} else {
			ec_buf_add(b, p, k);
		}
		p += k;
		n -= k;
		ec_out_commit(s->out);
	}
}

static void dump(struct ec_sink *s, const uint8_t *p, size_t n, uint64_t base)
{
	for (size_t i = 0; i < n; i += 16384) {
		ec_hexdump(&s->out->buf, p + i, EC_MIN(n - i, (size_t)16384), base + i);
		ec_out_commit(s->out);
	}
}

/* Up to where it is text: valid UTF-8 with few control characters among it. */
static size_t text_length(const uint8_t *p, size_t n)
{
	size_t valid = ec_utf8_valid(p, n), controls = 0;
	const uint8_t *nul = memchr(p, 0, valid);

	if (nul)
		valid = nul - p;
	for (size_t i = 0; i < valid; i++)
		controls += p[i] < 0x20 && p[i] != '\n' && p[i] != '\t' && p[i] != '\r' &&
			    p[i] != 0x1b;
	return controls * 20 > valid ? 0 : valid;
}

static void newline(struct ec_sink *s)
{
	struct text *t = s->state;

	if (t->last != '\n')
		ec_buf_putc(&s->out->buf, '\n');
	t->last = '\n';
}

static void run(struct ec_sink *s, const uint8_t *p, size_t n, uint64_t base)
{
	struct text *t = s->state;
	size_t k;

	if (!n)
		return;
	if (s->opts.hex) {
		newline(s);
		dump(s, p, n, base);
		return;
	}
	if (ec_utf8_plain(p, n) == n) {
		ec_out_data(s->out, p, n);
		t->last = p[n - 1];
		return;
	}
	k = text_length(p, n);
	/* a character that the end of the call splits is still text */
	if (k && k + ec_utf8_tail(p, n) >= n) {
		escaped(s, p, n);
		t->last = p[n - 1];
		return;
	}
	while (k && p[k - 1] != '\n')
		k--;
	if (k < PREFIX_MIN)
		k = 0;
	escaped(s, p, k);
	if (k)
		t->last = '\n';
	newline(s);
	dump(s, p + k, n - k, base + k);
}

static void name(struct ec_buf *b, const char *comm)
{
	for (; *comm; comm++) {
		if ((unsigned char)*comm < 0x20 || *comm == 0x7f)
			ec_buf_printf(b, "\\x%02x", (unsigned char)*comm);
		else
			ec_buf_putc(b, *comm);
	}
}

static void field(struct ec_buf *b, const char *key, uint64_t v)
{
	ec_buf_puts(b, key);
	ec_buf_u64(b, v);
}

static void endpoint(struct ec_buf *b, const char *key, const struct ec_addrs *a,
		     bool local)
{
	char ep[EC_ENDPOINT_LEN];

	ec_endpoint_format(a->family, local ? a->laddr : a->raddr,
			   local ? a->lport : a->rport, ep);
	ec_buf_puts(b, key);
	ec_buf_puts(b, ep);
}

static void head(struct ec_sink *s, const struct ec_item *it)
{
	struct ec_buf *b = &s->out->buf;
	struct text *t = s->state;
	char when[EC_CLOCK_LEN];
	size_t n = ec_clock_format(&t->clock, it->wall, 6, false, when);

	if (s->opts.color)
		ec_buf_puts(b, "\033[1m");
	ec_buf_add(b, when, n);
	field(b, " PID:", it->pid);
	ec_buf_puts(b, ", Comm:");
	name(b, it->comm ? it->comm : "");
	field(b, ", TID:", it->tid);
	if (ec_addrs_known(it->addrs)) {
		bool local = !ec_addrs_from_peer(it->dir);

		endpoint(b, ", Src:", it->addrs, local);
		endpoint(b, ", Dest:", it->addrs, !local);
	}
}

static void head_end(struct ec_sink *s)
{
	ec_buf_puts(&s->out->buf, s->opts.color ? "\033[0m\n" : "\n");
}

static void gap(struct ec_sink *s, uint64_t n, enum ec_loss cause)
{
	struct ec_buf *b = &s->out->buf;

	newline(s);
	if (s->opts.color)
		ec_buf_puts(b, "\033[31m");
	field(b, "… ", n);
	ec_buf_puts(b, " bytes lost (");
	ec_buf_puts(b, ec_loss_text(cause));
	ec_buf_putc(b, ')');
	head_end(s);
}

static void data(struct ec_sink *s, const struct ec_item *it)
{
	struct ec_buf *b = &s->out->buf;
	struct text *t = s->state;
	uint64_t at = 0;

	t->last = '\n';
	if (it->data.lost_before)
		gap(s, it->data.lost_before, it->data.lost_before_cause);
	head(s, it);
	ec_buf_puts(b, it->dir == EC_DIR_SENT ? ", sent " : ", received ");
	ec_buf_u64(b, it->data.total);
	ec_buf_puts(b, " bytes");
	head_end(s);
	for (size_t i = 0; i < it->data.nsegs; i++) {
		const struct ec_seg *g = &it->data.segs[i];

		if (g->data)
			run(s, g->data, g->len, at);
		else
			gap(s, g->len, g->cause);
		at += g->len;
	}
	newline(s);
	if (it->data.cut) {
		field(b, "… ", it->data.total - it->data.cut);
		field(b, " of ", it->data.total);
		ec_buf_puts(b, " bytes shown\n");
	}
	ec_buf_putc(b, '\n');
}

static void loss(struct ec_sink *s, const struct ec_item *it)
{
	struct text *t = s->state;

	t->last = '\n';
	head(s, it);
	head_end(s);
	gap(s, it->loss.bytes, it->loss.cause);
	ec_buf_putc(&s->out->buf, '\n');
}

static int text_open(struct ec_sink *s)
{
	s->state = calloc(1, sizeof(struct text));
	if (!s->state)
		return -ENOMEM;
	s->kinds = 1u << EC_ITEM_DATA | 1u << EC_ITEM_LOSS;
	return 0;
}

static int text_item(struct ec_sink *s, const struct ec_item *it)
{
	if (it->kind == EC_ITEM_DATA)
		data(s, it);
	else if (it->kind == EC_ITEM_LOSS)
		loss(s, it);
	return s->out->err;
}

static int text_flush(struct ec_sink *s)
{
	return 0;
}

static int text_close(struct ec_sink *s)
{
	free(s->state);
	s->state = NULL;
	return 0;
}

static const char *const suffixes[] = {".txt", ".log", NULL};

const struct ec_sink_ops ec_sink_text = {
	.name = "text",
	.suffixes = suffixes,
	.open = text_open,
	.item = text_item,
	.flush = text_flush,
	.close = text_close,
};
