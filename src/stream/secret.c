// SPDX-License-Identifier: GPL-2.0-only
#include "stream/secret.h"
#include "base/util.h"
#include "model/addrs.h"

#include <errno.h>
#include <string.h>

struct ec_held_secret {
	struct ec_held_secret *next;
	struct ec_rec_secret rec;
};

const char *ec_secret_label(const struct ec_rec_secret *r)
{
	static const char *const labels[EC_LABEL__N] = {
		[EC_LABEL_RANDOM] = "CLIENT_RANDOM",
		[EC_LABEL_CLIENT_EARLY] = "CLIENT_EARLY_TRAFFIC_SECRET",
		[EC_LABEL_CLIENT_HANDSHAKE] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
		[EC_LABEL_SERVER_HANDSHAKE] = "SERVER_HANDSHAKE_TRAFFIC_SECRET",
		[EC_LABEL_CLIENT_TRAFFIC] = "CLIENT_TRAFFIC_SECRET_0",
		[EC_LABEL_SERVER_TRAFFIC] = "SERVER_TRAFFIC_SECRET_0",
		[EC_LABEL_EARLY_EXPORTER] = "EARLY_EXPORTER_SECRET",
		[EC_LABEL_EXPORTER] = "EXPORTER_SECRET",
		[EC_LABEL_RSA] = "RSA",
	};

	return r->label_id && r->label_id < EC_LABEL__N ? labels[r->label_id] : r->label;
}

/* The same line of a key log was handed on: by the other end on this host, say. */
static bool is_new(struct ec_streams *s, const struct ec_rec_secret *r)
{
	uint8_t line[EC_LABEL_LEN + sizeof(r->id) + sizeof(r->secret) + 2];
	const char *label = ec_secret_label(r);
	size_t n = strnlen(label, EC_LABEL_LEN - 1);

	memcpy(line, label, n);
	line[n++] = r->id_len;
	memcpy(line + n, r->id, r->id_len);
	n += r->id_len;
	line[n++] = r->len;
	memcpy(line + n, r->secret, r->len);
	return ec_seen_add(s->secrets, line, n + r->len);
}

static void show(struct ec_streams *s, struct ec_sconn *c, const struct ec_rec_secret *r)
{
	struct ec_item it = {.kind = EC_ITEM_SECRET, .dir = EC_DIR_NONE};
	struct ec_stream_who who;

	switch (ec_sconn_judge(s, c)) {
	case EC_SCONN_OTHER:
		return;
	case EC_SCONN_NO_PORT:
		s->account.lost[EC_LOSS_PORT].records++;
		return;
	case EC_SCONN_NO_WHO:
		s->account.lost[EC_LOSS_WHO].records++;
		return;
	case EC_SCONN_SHOW:
		break;
	}
	if (!is_new(s, r))
		return;
	s->account.secrets++;
	ec_stream_who_set(&who, &r->h);
	ec_sconn_fill(s, c, &who, r->h.time, &it);
	it.secret.label = ec_secret_label(r);
	it.secret.id = r->id;
	it.secret.id_len = r->id_len;
	it.secret.secret = r->secret;
	it.secret.len = r->len;
	if (!s->err)
		s->err = s->o.item(s->o.ctx, &it);
}

void ec_secrets_settle(struct ec_streams *s, struct ec_sconn *c)
{
	struct ec_held_secret *h;

	while ((h = c->secrets)) {
		c->secrets = h->next;
		show(s, c, &h->rec);
		free(h);
	}
}

/* In the order in which they came. */
static int hold(struct ec_sconn *c, const struct ec_rec_secret *r)
{
	struct ec_held_secret **at = &c->secrets, *h = malloc(sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->rec = *r;
	h->next = NULL;
	while (*at)
		at = &(*at)->next;
	*at = h;
	c->held_cost += sizeof(*h);
	return 0;
}

/* What can be judged is not held, and needs no place among the connections. */
static bool must_wait(const struct ec_streams *s, const struct ec_rec_secret *r,
		      const struct ec_sconn *known)
{
	bool who = s->o.who_filters && r->flags & EC_CHUNK_WHO &&
		   !(s->o.who && s->o.who(s->o.ctx, r->h.process));
	bool port = s->o.nports && !r->addrs.family && r->flags & EC_CHUNK_PENDING;

	return r->conn && (who || port) && !(known && known->settled);
}

int ec_streams_secret(struct ec_streams *s, const struct ec_rec_secret *r)
{
	struct ec_sconn *c = r->conn ? ec_map_get(s->conns, &r->conn) : NULL;
	int rc;

	s->err = 0;
	if (!must_wait(s, r, c)) {
		struct ec_sconn brief = {.id = r->conn,
					 .process = r->h.process,
					 .addrs = r->addrs,
					 .who_ready = !(r->flags & EC_CHUNK_WHO)};

		if (c && !ec_addrs_known(&brief.addrs))
			brief.addrs = c->addrs;
		show(s, &brief, r);
		return s->err;
	}
	rc = ec_sconn_get(s, r->conn, &c);
	if (!rc)
		rc = hold(c, r);
	if (rc)
		return rc;
	ec_stream_who_set(&c->who, &r->h);
	c->process = r->h.process;
	if (!(r->flags & EC_CHUNK_WHO))
		c->who_ready = true;
	if (r->addrs.family)
		ec_sconn_learn(s, c, &r->addrs, r->h.time);
	ec_sconn_wait(s, c, r->h.time);
	ec_sconn_count(s, c);
	return s->err;
}
