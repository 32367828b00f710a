// SPDX-License-Identifier: GPL-2.0-only
/* JSON lines for machines (docs/FORMATS.md, docs/schema/jsonl.schema.json). */
#include "sink/sink.h"
#include "base/clock.h"
#include "base/json.h"
#include "model/addrs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA 1

struct jsonl {
	struct ec_clock_cache clock;
	struct ec_buf joined; /* a call with gaps: its bytes together */
};

static const char *const kinds[EC_ITEM_KIND__N] = {
	[EC_ITEM_DATA] = "data", [EC_ITEM_CONN] = "conn",   [EC_ITEM_TARGET] = "target",
	[EC_ITEM_LOSS] = "loss", [EC_ITEM_STATS] = "stats",
};

static void who(struct ec_json *j, const struct ec_item *it)
{
	char id[20];

	if (it->module)
		ec_json_str(j, "module", it->module);
	if (it->pid) {
		ec_json_u64(j, "pid", it->pid);
		ec_json_u64(j, "tid", it->tid);
		ec_json_str(j, "comm", it->comm ? it->comm : "");
		ec_json_u64(j, "uid", it->uid);
	}
	if (it->conn_id) {
		/* 64 bits: more than a JSON number holds */
		snprintf(id, sizeof(id), "%016llx", (unsigned long long)it->conn_id);
		ec_json_str(j, "conn", id);
	}
}

static void where(struct ec_json *j, const struct ec_item *it)
{
	const struct ec_addrs *a = it->addrs;
	bool local = !ec_addrs_from_peer(it->dir);
	char ip[EC_IP_LEN];

	if (ec_addrs_known(a)) {
		ec_ip_format(a->family, local ? a->laddr : a->raddr, ip);
		ec_json_str(j, "src", ip);
		ec_json_u64(j, "sport", local ? a->lport : a->rport);
		ec_ip_format(a->family, local ? a->raddr : a->laddr, ip);
		ec_json_str(j, "dst", ip);
		ec_json_u64(j, "dport", local ? a->rport : a->lport);
	}
	if (it->dir == EC_DIR_SENT || it->dir == EC_DIR_RECV)
		ec_json_str(j, "dir", it->dir == EC_DIR_SENT ? "sent" : "received");
}

static void payload(struct jsonl *t, struct ec_json *j, const struct ec_item *it)
{
	if (it->data.nsegs == 1 && it->data.segs[0].data) {
		ec_json_bytes(j, it->data.segs[0].data, it->data.segs[0].len);
		return;
	}
	ec_buf_reset(&t->joined);
	for (size_t i = 0; i < it->data.nsegs; i++)
		if (it->data.segs[i].data)
			ec_buf_add(&t->joined, it->data.segs[i].data,
				   it->data.segs[i].len);
	ec_json_bytes(j, t->joined.data, t->joined.len);
}

static void gaps(struct ec_json *j, const struct ec_item *it)
{
	uint64_t at = 0;

	if (!it->data.lost)
		return;
	ec_json_begin_array(j, "gaps");
	for (size_t i = 0; i < it->data.nsegs; i++) {
		const struct ec_seg *g = &it->data.segs[i];

		if (!g->data) {
			ec_json_begin_object(j, NULL);
			ec_json_u64(j, "at", at);
			ec_json_u64(j, "bytes", g->len);
			ec_json_str(j, "cause", ec_loss_name(g->cause));
			ec_json_end_object(j);
		}
		at += g->len;
	}
	ec_json_end_array(j);
}

static void data(struct jsonl *t, struct ec_json *j, const struct ec_item *it)
{
	ec_json_u64(j, "len", it->data.len);
	ec_json_u64(j, "total", it->data.total);
	ec_json_u64(j, "cut", it->data.cut);
	ec_json_u64(j, "lost", it->data.lost);
	if (it->data.lost_before) {
		ec_json_u64(j, "lost_before", it->data.lost_before);
		ec_json_str(j, "lost_before_cause",
			    ec_loss_name(it->data.lost_before_cause));
	}
	gaps(j, it);
	payload(t, j, it);
}

static void conn(struct ec_json *j, const struct ec_item *it)
{
	ec_json_str(j, "state", it->conn.state == EC_CONN_OPEN ? "opened" : "closed");
	ec_json_u64(j, "bytes_sent", it->conn.sent);
	ec_json_u64(j, "bytes_received", it->conn.received);
}

static void target(struct ec_json *j, const struct ec_item *it)
{
	static const char *const states[] = {"", "probed", "refused", "gone"};

	ec_json_str(j, "state", states[it->target.state & 3]);
	ec_json_u64(j, "target", it->target.id);
	ec_json_str(j, "path", it->target.path);
	ec_json_str(j, "library", it->target.library);
	ec_json_str(j, "version", it->target.version);
	ec_json_str(j, "how", it->target.how);
	ec_json_str(j, "why", it->target.why);
	ec_json_u64(j, "points", it->target.points);
}

static void lost_by_cause(struct ec_json *j, const struct ec_account *a)
{
	ec_json_begin_object(j, "lost");
	for (int i = 1; i < EC_LOSS__N; i++) {
		ec_json_begin_object(j, ec_loss_name(i));
		ec_json_u64(j, "bytes", a->lost[i].bytes);
		ec_json_u64(j, "records", a->lost[i].records);
		ec_json_end_object(j);
	}
	ec_json_end_object(j);
}

static void stats(struct ec_json *j, const struct ec_item *it)
{
	const struct ec_account *a = it->stats.account;

	ec_json_bool(j, "final", it->stats.final);
	ec_json_u64(j, "messages", a->messages);
	ec_json_u64(j, "records", a->records);
	ec_json_u64(j, "bytes", a->bytes);
	ec_json_u64(j, "cut", a->cut);
	ec_json_u64(j, "filtered", a->filtered);
	ec_json_u64(j, "lost_bytes", ec_account_lost(a));
	ec_json_u64(j, "lost_records", ec_account_lost_records(a));
	lost_by_cause(j, a);
}

static int jsonl_item(struct ec_sink *s, const struct ec_item *it)
{
	struct jsonl *t = s->state;
	struct ec_json j;
	char when[EC_CLOCK_LEN];

	ec_json_init(&j, &s->out->buf);
	ec_json_begin_object(&j, NULL);
	ec_json_u64(&j, "schema", SCHEMA);
	ec_json_str(&j, "kind", kinds[it->kind]);
	ec_clock_format(&t->clock, it->wall, 9, true, when);
	ec_json_str(&j, "time", when);
	who(&j, it);
	where(&j, it);
	switch (it->kind) {
	case EC_ITEM_DATA:
		data(t, &j, it);
		break;
	case EC_ITEM_CONN:
		conn(&j, it);
		break;
	case EC_ITEM_TARGET:
		target(&j, it);
		break;
	case EC_ITEM_LOSS:
		ec_json_str(&j, "cause", ec_loss_name(it->loss.cause));
		ec_json_u64(&j, "bytes", it->loss.bytes);
		ec_json_u64(&j, "records", it->loss.records);
		break;
	default:
		stats(&j, it);
	}
	ec_json_end_object(&j);
	ec_buf_putc(&s->out->buf, '\n');
	return s->out->buf.err ? s->out->buf.err : s->out->err;
}

static int jsonl_open(struct ec_sink *s)
{
	struct jsonl *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	ec_buf_init(&t->joined, 64u << 20);
	s->state = t;
	s->kinds = (1u << EC_ITEM_KIND__N) - 1;
	return 0;
}

static int jsonl_flush(struct ec_sink *s)
{
	return 0;
}

static int jsonl_close(struct ec_sink *s)
{
	struct jsonl *t = s->state;

	ec_buf_free(&t->joined);
	free(t);
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
