// SPDX-License-Identifier: GPL-2.0-only
/* JSON lines for machines: docs/FORMATS.md, docs/schema/jsonl.schema.json. */
#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "model/addrs.h"
#include "sink/sink.h"

#include <errno.h>
#include <string.h>

#define SCHEMA 1 /* changes with any incompatible change */
/* Payload is written in pieces of so many bytes, so that the buffer stays small. A
 * multiple of 3: pieces of base64 join without padding. */
#define PIECE  (48u << 10)

struct state {
	struct ec_clock_cache clock;
};

static int jsonl_open(struct ec_sink *s)
{
	s->state = calloc(1, sizeof(struct state));
	if (!s->state)
		return -ENOMEM;
	s->kinds = (1u << EC_ITEM_KIND__N) - 1;
	if (!s->opts.secrets)
		s->kinds &= ~(1u << EC_ITEM_SECRET);
	return 0;
}

static const char *const kinds[EC_ITEM_KIND__N] = {
	[EC_ITEM_DATA] = "data", [EC_ITEM_CONN] = "conn",   [EC_ITEM_TARGET] = "target",
	[EC_ITEM_LOSS] = "loss", [EC_ITEM_STATS] = "stats", [EC_ITEM_SECRET] = "secret",
};

static void put_end(struct ec_json *j, const struct ec_addrs *a, bool remote,
		    const char *ip_key, const char *port_key)
{
	char ip[EC_IP_LEN];

	if (!ec_ip_format(a->family, remote ? a->raddr : a->laddr, ip))
		return;
	ec_json_str(j, ip_key, ip);
	ec_json_u64(j, port_key, remote ? a->rport : a->lport);
}

/* Of its container, and its number in there if that is another one. */
static void put_who(struct ec_json *j, const struct ec_item *it)
{
	const struct ec_who *w = it->who;

	if (!w)
		return;
	if (w->ns_pid && w->ns_pid != it->pid)
		ec_json_u64(j, "ns_pid", w->ns_pid);
	if (!ec_who_in_container(w))
		return;
	ec_json_begin_object(j, "container");
	ec_json_str(j, "id", w->container);
	ec_json_str(j, "runtime", w->runtime);
	ec_json_end_object(j);
}

/* What all kinds have. Numbers of 64 bits that are names go as strings of hex: many
 * readers keep numbers as doubles (RFC 8259 section 6). */
static void put_common(struct ec_sink *s, struct ec_json *j, const struct ec_item *it)
{
	static const char hex[] = "0123456789abcdef";
	struct state *st = s->state;
	char time[EC_CLOCK_LEN], id[17];

	ec_json_u64(j, "schema", SCHEMA);
	ec_json_str(j, "kind", kinds[it->kind]);
	ec_clock_format(&st->clock, it->wall, 9, true, time);
	ec_json_str(j, "time", time);
	if (it->module)
		ec_json_str(j, "module", it->module);
	if (it->pid) {
		ec_json_u64(j, "pid", it->pid);
		ec_json_u64(j, "tid", it->tid);
		ec_json_str(j, "comm", it->comm ?: "");
		ec_json_u64(j, "uid", it->uid);
		put_who(j, it);
	}
	if (it->conn_id) {
		for (int i = 0; i < 16; i++)
			id[i] = hex[it->conn_id >> (60 - 4 * i) & 15];
		id[16] = 0;
		ec_json_str(j, "conn", id);
	}
	if (ec_addrs_known(it->addrs)) {
		bool peer = ec_addrs_from_peer(it->dir);

		put_end(j, it->addrs, peer, "src", "sport");
		put_end(j, it->addrs, !peer, "dst", "dport");
	}
	if (it->kind == EC_ITEM_DATA || it->kind == EC_ITEM_LOSS) {
		if (it->dir == EC_DIR_SENT || it->dir == EC_DIR_RECV)
			ec_json_str(j, "dir",
				    it->dir == EC_DIR_SENT ? "sent" : "received");
	}
}

static bool all_text(const struct ec_item *it)
{
	const struct ec_seg *seg;

	for (size_t i = 0; i < it->data.nsegs; i++) {
		seg = &it->data.segs[i];
		if (seg->data && ec_utf8_valid(seg->data, seg->len) != seg->len)
			return false;
	}
	return true;
}

static int put_text(struct ec_sink *s, const uint8_t *p, size_t n)
{
	size_t len;
	int rc = 0;

	for (; n && !rc; p += len, n -= len) {
		len = EC_MIN(n, (size_t)PIECE);
		if (len < n)
			len -= ec_utf8_tail(p, len); /* whole characters */
		ec_json_escape(&s->out->buf, (const char *)p, len);
		rc = ec_out_commit(s->out);
	}
	return rc;
}

/* Base64 of runs that follow each other: groups of three go over their borders. */
static int put_base64(struct ec_sink *s, const struct ec_item *it)
{
	struct ec_buf *b = &s->out->buf;
	uint8_t group[3];
	size_t have = 0, len;
	int rc = 0;

	for (size_t i = 0; i < it->data.nsegs && !rc; i++) {
		const uint8_t *p = it->data.segs[i].data;
		size_t n = p ? it->data.segs[i].len : 0;

		while (have && n) {
			group[have++] = *p++;
			n--;
			if (have == sizeof(group)) {
				ec_buf_base64(b, group, have);
				have = 0;
			}
		}
		while (n >= 3 && !rc) {
			len = EC_MIN(n / 3 * 3, (size_t)PIECE);
			ec_buf_base64(b, p, len);
			p += len;
			n -= len;
			rc = ec_out_commit(s->out);
		}
		if (n && !rc) {
			memcpy(group, p, n);
			have = n;
		}
	}
	ec_buf_base64(b, group, have);
	return rc;
}

static int put_bytes(struct ec_sink *s, const struct ec_item *it)
{
	struct ec_buf *b = &s->out->buf;
	int rc = 0;

	if (!all_text(it)) {
		ec_buf_puts(b, ",\"base64\":\"");
		rc = put_base64(s, it);
	} else {
		ec_buf_puts(b, ",\"text\":\"");
		for (size_t i = 0; i < it->data.nsegs && !rc; i++) {
			if (it->data.segs[i].data)
				rc = put_text(s, it->data.segs[i].data,
					      it->data.segs[i].len);
		}
	}
	ec_buf_putc(b, '"');
	return rc;
}

static void put_gaps(struct ec_json *j, const struct ec_item *it)
{
	uint64_t at = it->data.off;

	ec_json_begin_array(j, "gaps");
	for (size_t i = 0; i < it->data.nsegs; i++) {
		const struct ec_seg *seg = &it->data.segs[i];

		if (!seg->data) {
			ec_json_begin_object(j, NULL);
			ec_json_u64(j, "at", at);
			ec_json_u64(j, "bytes", seg->len);
			ec_json_str(j, "cause", ec_loss_name(seg->cause));
			ec_json_end_object(j);
		}
		at += seg->len;
	}
	ec_json_end_array(j);
}

static int put_data(struct ec_sink *s, struct ec_json *j, const struct ec_item *it)
{
	int rc;

	ec_json_u64(j, "total", it->data.total);
	/* One of several parts of a call. */
	if (it->data.len + it->data.lost + it->data.cut != it->data.total)
		ec_json_u64(j, "off", it->data.off);
	ec_json_u64(j, "len", it->data.len);
	rc = put_bytes(s, it);
	ec_json_u64(j, "cut", it->data.cut);
	ec_json_u64(j, "lost", it->data.lost);
	ec_json_u64(j, "lost_before", it->data.lost_before);
	if (it->data.lost_before)
		ec_json_str(j, "lost_before_cause",
			    ec_loss_name(it->data.lost_before_cause));
	if (it->data.lost)
		put_gaps(j, it);
	return rc;
}

static void put_conn(struct ec_json *j, const struct ec_item *it)
{
	static const char *const states[] = {
		[EC_CONN_OPEN] = "opened",
		[EC_CONN_ADDRS] = "addrs",
		[EC_CONN_CLOSED] = "closed",
		[EC_CONN_END] = "end",
	};
	unsigned int i = it->conn.state;

	ec_json_str(j, "state", i && i < EC_ARRAY_SIZE(states) ? states[i] : "unknown");
	ec_json_u64(j, "bytes_sent", it->conn.sent);
	ec_json_u64(j, "bytes_received", it->conn.received);
}

static void put_target(struct ec_json *j, const struct ec_item *it)
{
	static const char *const states[] = {
		[EC_TARGET_PROBED] = "probed",
		[EC_TARGET_REFUSED] = "refused",
		[EC_TARGET_GONE] = "gone",
	};
	unsigned int i = it->target.state;

	ec_json_str(j, "state", i && i < EC_ARRAY_SIZE(states) ? states[i] : "unknown");
	ec_json_u64(j, "target", it->target.id);
	ec_json_str(j, "library", it->target.library ?: "");
	ec_json_str(j, "version", it->target.version ?: "");
	ec_json_str(j, "how", it->target.how ?: "");
	ec_json_str(j, "why", it->target.why ?: "");
	ec_json_str(j, "path", it->target.path ?: "");
	ec_json_u64(j, "points", it->target.points);
}

static void put_loss(struct ec_json *j, const struct ec_item *it)
{
	ec_json_str(j, "cause", ec_loss_name(it->loss.cause));
	ec_json_u64(j, "bytes", it->loss.bytes);
	ec_json_u64(j, "records", it->loss.records);
}

static void put_stats(struct ec_json *j, const struct ec_item *it)
{
	const struct ec_account *a = it->stats.account;

	ec_json_bool(j, "final", it->stats.final);
	ec_json_u64(j, "records", a->records);
	ec_json_u64(j, "bytes", a->bytes);
	ec_json_u64(j, "messages", a->messages);
	ec_json_u64(j, "cut", a->cut);
	ec_json_u64(j, "filtered", a->filtered);
	ec_json_u64(j, "secrets", a->secrets);
	ec_json_u64(j, "lost_bytes", ec_account_lost(a));
	ec_json_u64(j, "lost_records", ec_account_lost_records(a));
	ec_json_begin_object(j, "lost");
	for (int i = 1; i < EC_LOSS__N; i++) {
		ec_json_begin_object(j, ec_loss_name(i));
		ec_json_u64(j, "bytes", a->lost[i].bytes);
		ec_json_u64(j, "records", a->lost[i].records);
		ec_json_end_object(j);
	}
	ec_json_end_object(j);
}

static void put_hex(struct ec_json *j, const char *key, const uint8_t *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	char text[2 * EC_SECRET_LEN + 1];

	n = EC_MIN(n, (size_t)EC_SECRET_LEN);
	for (size_t i = 0; i < n; i++) {
		text[2 * i] = hex[p[i] >> 4];
		text[2 * i + 1] = hex[p[i] & 15];
	}
	text[2 * n] = 0;
	ec_json_str(j, key, text);
}

static void put_secret(struct ec_json *j, const struct ec_item *it)
{
	ec_json_str(j, "label", it->secret.label);
	put_hex(j, "client_random", it->secret.id, it->secret.id_len);
	put_hex(j, "secret", it->secret.secret, it->secret.len);
}

static int jsonl_item(struct ec_sink *s, const struct ec_item *it)
{
	struct ec_json j;
	int rc = 0;

	if (it->kind >= EC_ITEM_KIND__N)
		return 0;
	ec_json_init(&j, &s->out->buf);
	ec_json_begin_object(&j, NULL);
	put_common(s, &j, it);
	switch (it->kind) {
	case EC_ITEM_DATA:
		rc = put_data(s, &j, it);
		break;
	case EC_ITEM_CONN:
		put_conn(&j, it);
		break;
	case EC_ITEM_TARGET:
		put_target(&j, it);
		break;
	case EC_ITEM_LOSS:
		put_loss(&j, it);
		break;
	case EC_ITEM_STATS:
		put_stats(&j, it);
		break;
	case EC_ITEM_SECRET:
		put_secret(&j, it);
		break;
	default:
		break;
	}
	ec_json_end_object(&j);
	ec_buf_putc(&s->out->buf, '\n');
	return rc ?: s->out->buf.err;
}

static int jsonl_flush(struct ec_sink *s)
{
	return 0;
}

static int jsonl_close(struct ec_sink *s)
{
	free(s->state);
	s->state = NULL;
	return 0;
}

static const char *const suffixes[] = {".json", ".jsonl", ".ndjson", NULL};

const struct ec_sink_ops ec_sink_jsonl = {
	.name = "json",
	.suffixes = suffixes,
	.open = jsonl_open,
	.item = jsonl_item,
	.flush = jsonl_flush,
	.close = jsonl_close,
};
