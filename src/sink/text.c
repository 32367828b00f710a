// SPDX-License-Identifier: GPL-2.0-only
/* Text for people (docs/FORMATS.md): a head line, then the bytes as they are. */
#include "base/clock.h"
#include "model/addrs.h"
#include "sink/hexdump.h"
#include "sink/show.h"
#include "sink/sink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BOLD   "\033[1m"
#define RED    "\033[31m"
#define NORMAL "\033[0m"

/* Bytes of text before binary that are worth being shown as text. */
#define PREFIX_MIN    16
/* One control character in so many bytes still makes a text: coloured terminal output
 * is text, small numbers between short strings are not. */
#define CONTROL_SHARE 6

struct state {
	struct ec_clock_cache clock;
	bool any; /* something was written: a blank line goes first */
};

static int text_open(struct ec_sink *s)
{
	s->state = calloc(1, sizeof(struct state));
	if (!s->state)
		return -ENOMEM;
	s->kinds = 1u << EC_ITEM_DATA | 1u << EC_ITEM_LOSS;
	if (s->opts.stats)
		s->kinds |= 1u << EC_ITEM_STATS;
	return 0;
}

static void put_number(struct ec_buf *b, const char *before, uint64_t v)
{
	ec_buf_puts(b, before);
	ec_buf_u64(b, v);
}

static void put_endpoint(struct ec_buf *b, const char *before, const struct ec_addrs *a,
			 bool remote)
{
	char text[EC_ENDPOINT_LEN];
	size_t n;

	n = ec_endpoint_format(a->family, remote ? a->raddr : a->laddr,
			       remote ? a->rport : a->lport, text);
	if (!n)
		return;
	ec_buf_puts(b, before);
	ec_buf_add(b, text, n);
}

/* The id as container tools show it; pids in there are others than the host's. */
static void put_container(struct ec_buf *b, const struct ec_item *it)
{
	const struct ec_who *w = it->who;
	char id[EC_CONTAINER_LEN];

	if (!ec_who_in_container(w))
		return;
	ec_container_short(w->container, id);
	ec_buf_puts(b, ", Container:");
	ec_show_name(b, id);
	ec_buf_puts(b, " (");
	ec_show_name(b, w->runtime);
	if (w->ns_pid)
		put_number(b, ", PID ", w->ns_pid);
	ec_buf_putc(b, ')');
}

/* Time, who, where; no newline. */
static void put_head(struct ec_sink *s, const struct ec_item *it)
{
	struct ec_buf *b = &s->out->buf;
	struct state *st = s->state;
	char time[EC_CLOCK_LEN];
	size_t n;

	if (st->any)
		ec_buf_putc(b, '\n');
	st->any = true;
	if (s->opts.color)
		ec_buf_puts(b, BOLD);
	n = ec_clock_format(&st->clock, it->wall, 6, false, time);
	ec_buf_add(b, time, n);
	if (it->pid) {
		put_number(b, " PID:", it->pid);
		ec_buf_puts(b, ", Comm:");
		ec_show_name(b, it->comm ?: "");
		put_number(b, ", TID:", it->tid);
		put_container(b, it);
	}
	if (ec_addrs_known(it->addrs)) {
		put_endpoint(b, it->pid ? ", Src:" : " Src:", it->addrs,
			     ec_addrs_from_peer(it->dir));
		put_endpoint(b, ", Dest:", it->addrs, !ec_addrs_from_peer(it->dir));
	}
}

static void end_head(struct ec_sink *s)
{
	ec_buf_puts(&s->out->buf, s->opts.color ? NORMAL "\n" : "\n");
}

static const char *dir_word(enum ec_dir dir)
{
	return dir == EC_DIR_SENT ? "sent" : dir == EC_DIR_RECV ? "received" : NULL;
}

static void put_lost(struct ec_sink *s, uint64_t n, const char *unit, enum ec_loss cause,
		     const char *more)
{
	struct ec_buf *b = &s->out->buf;

	if (s->opts.color)
		ec_buf_puts(b, RED);
	put_number(b, "… ", n);
	ec_buf_putc(b, ' ');
	ec_buf_puts(b, unit);
	ec_buf_puts(b, " lost (");
	ec_buf_puts(b, ec_loss_text(cause));
	ec_buf_putc(b, ')');
	ec_buf_puts(b, more);
	if (s->opts.color)
		ec_buf_puts(b, NORMAL);
	ec_buf_putc(b, '\n');
}

enum look {
	PLAIN, /* text that can be written as it stands */
	TEXT,
	BINARY,
};

/*
 * What a message is. A character may be cut apart where bytes are missing and at the
 * end; then its pieces are escaped, but that makes no binary of the rest.
 */
static enum look judge(const struct ec_item *it)
{
	bool torn = it->data.off || it->data.lost_before; /* before this segment */
	uint64_t controls = 0, pieces = 0;
	struct ec_show_kind k;
	bool plain = true;

	for (size_t i = 0; i < it->data.nsegs; i++) {
		const struct ec_seg *seg = &it->data.segs[i];

		if (!seg->data) {
			torn = true;
			continue;
		}
		ec_show_judge(seg->data, seg->len, &k);
		if (k.invalid || (k.head && !torn))
			return BINARY;
		plain = plain && k.plain == seg->len;
		controls += k.controls;
		pieces += k.head + k.tail;
		torn = false;
	}
	if (plain)
		return PLAIN;
	if (controls > it->data.len / CONTROL_SHARE || pieces > it->data.len / 2)
		return BINARY;
	return TEXT;
}

/* Whole lines of text before what is binary: the head of an HTTP message, say. */
static size_t text_prefix(const struct ec_seg *seg)
{
	size_t n = ec_show_plain(seg->data, seg->len);
	const uint8_t *end = n ? memrchr(seg->data, '\n', n) : NULL;

	n = end ? (size_t)(end + 1 - seg->data) : 0;
	return n >= PREFIX_MIN ? n : 0;
}

/* Writes the run; *line: does the output stand at the begin of a line? */
static int put_data(struct ec_sink *s, const struct ec_seg *seg, enum look look,
		    size_t prefix, uint64_t at, bool *line)
{
	int rc = 0;

	if (look == PLAIN)
		rc = ec_out_data(s->out, seg->data, seg->len);
	else if (look == TEXT)
		rc = ec_show_text(s->out, seg->data, seg->len);
	if (look != BINARY) {
		*line = seg->data[seg->len - 1] == '\n';
		return rc;
	}
	if (prefix)
		rc = ec_out_data(s->out, seg->data, prefix);
	if (!rc)
		rc = ec_hexdump(s->out, seg->data + prefix, seg->len - prefix,
				at + prefix);
	*line = true;
	return rc;
}

static int put_body(struct ec_sink *s, const struct ec_item *it)
{
	enum look look = s->opts.hex ? BINARY : judge(it);
	struct ec_buf *b = &s->out->buf;
	uint64_t at = it->data.off;
	bool line = true;
	size_t prefix;
	int rc = 0;

	for (size_t i = 0; i < it->data.nsegs && !rc; i++) {
		const struct ec_seg *seg = &it->data.segs[i];

		if (!seg->len)
			continue;
		if (seg->data) {
			prefix =
				i || s->opts.hex || look != BINARY ? 0 : text_prefix(seg);
			rc = put_data(s, seg, look, prefix, at, &line);
		} else {
			if (!line)
				ec_buf_putc(b, '\n');
			put_lost(s, seg->len, "bytes", seg->cause, "");
			line = true;
		}
		at += seg->len;
	}
	if (!line)
		ec_buf_putc(b, '\n');
	return rc;
}

static int put_message(struct ec_sink *s, const struct ec_item *it)
{
	struct ec_buf *b = &s->out->buf;
	const char *dir = dir_word(it->dir);
	int rc;

	put_head(s, it);
	ec_buf_puts(b, ", ");
	if (dir)
		ec_buf_puts(b, dir);
	put_number(b, dir ? " " : "", it->data.total);
	ec_buf_puts(b, " bytes");
	if (it->data.off)
		put_number(b, ", goes on at byte ", it->data.off);
	end_head(s);
	if (it->data.lost_before)
		put_lost(s, it->data.lost_before, "bytes", it->data.lost_before_cause,
			 " before this message");
	rc = put_body(s, it);
	if (it->data.cut && !rc) {
		put_number(b, s->opts.color ? RED "… " : "… ",
			   it->data.total - it->data.cut - it->data.lost);
		put_number(b, " of ", it->data.total);
		ec_buf_puts(b, s->opts.color ? " bytes shown" NORMAL : " bytes shown");
		ec_buf_putc(b, '\n');
	}
	return rc;
}

static void put_loss(struct ec_sink *s, const struct ec_item *it)
{
	struct ec_buf *b = &s->out->buf;
	const char *dir = dir_word(it->dir);

	put_head(s, it);
	if (dir) {
		ec_buf_puts(b, ", ");
		ec_buf_puts(b, dir);
	}
	ec_buf_puts(b, s->opts.color ? NORMAL " " : " ");
	if (it->loss.bytes)
		put_lost(s, it->loss.bytes, "bytes", it->loss.cause, "");
	else
		put_lost(s, it->loss.records, "records", it->loss.cause, "");
}

static void put_stats(struct ec_sink *s, const struct ec_item *it)
{
	const struct ec_account *a = it->stats.account;
	struct ec_buf *b = &s->out->buf;

	put_head(s, it);
	put_number(b, " records:", a->records);
	put_number(b, ", bytes:", a->bytes);
	put_number(b, ", messages:", a->messages);
	put_number(b, ", cut:", a->cut);
	put_number(b, ", filtered:", a->filtered);
	put_number(b, ", lost:", ec_account_lost(a));
	end_head(s);
	for (int i = 1; i < EC_LOSS__N; i++) {
		if (a->lost[i].bytes)
			put_lost(s, a->lost[i].bytes, "bytes", i, "");
		else if (a->lost[i].records)
			put_lost(s, a->lost[i].records, "records", i, "");
	}
}

static int text_item(struct ec_sink *s, const struct ec_item *it)
{
	int rc = 0;

	switch (it->kind) {
	case EC_ITEM_DATA:
		rc = put_message(s, it);
		break;
	case EC_ITEM_LOSS:
		put_loss(s, it);
		break;
	case EC_ITEM_STATS:
		put_stats(s, it);
		break;
	default:
		break;
	}
	return rc ?: s->out->buf.err;
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

static const char *const suffixes[] = {".txt", ".text", ".log", NULL};

const struct ec_sink_ops ec_sink_text = {
	.name = "text",
	.suffixes = suffixes,
	.open = text_open,
	.item = text_item,
	.flush = text_flush,
	.close = text_close,
};
