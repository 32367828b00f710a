// SPDX-License-Identifier: GPL-2.0-only
#include "app/pipeline.h"
#include "app/whos.h"
#include "base/fail.h"
#include "base/log.h"
#include "capture/decode.h"
#include "stream/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct ec_pipeline {
	struct ec_pipeline_opts o;
	struct ec_streams *streams;
	struct ec_whos *whos;
	struct ec_account account; /* what only we know: messages, damage, outputs */
	struct ec_rec_note kernel; /* totals of the programs, newest */
	struct ec_rec_clock clock;
	uint16_t ports[EC_PORTS_MAX];
	uint64_t taken; /* messages, or secrets where only those are wanted */
	int broken;
};

static uint64_t wall_of(void *ctx, uint64_t mono)
{
	const struct ec_pipeline *p = ctx;

	return p->clock.wall + (mono - p->clock.h.time);
}

static const char *module_of(void *ctx, uint16_t index)
{
	const struct ec_pipeline *p = ctx;

	if (p->o.player)
		return ec_player_module(p->o.player, index);
	return index < ec_modules_count ? ec_modules[index].module->name : NULL;
}

/* One output failing is no reason to lose the others'. */
static void output_failed(struct ec_pipeline *p, struct ec_output *o, int err)
{
	o->dead = true;
	if (p->broken)
		return;
	p->broken = err;
	if (err != -EPIPE)
		ec_fail(EC_FAIL_OUTPUT_WRITE, o->path ? o->path : "stdout",
			strerror(-err));
}

static int on_item(void *ctx, const struct ec_item *it)
{
	struct ec_pipeline *p = ctx;
	struct ec_outputs *outs = p->o.outputs;

	if (it->kind == EC_ITEM_DATA || it->kind == EC_ITEM_SECRET) {
		if (ec_pipeline_enough(p))
			return 0;
		p->account.messages += it->kind == EC_ITEM_DATA;
		p->account.secrets += it->kind == EC_ITEM_SECRET;
		p->taken +=
			it->kind == EC_ITEM_DATA || ec_options_keys_only(p->o.options);
	}
	for (size_t i = 0; i < outs->n; i++) {
		struct ec_output *o = &outs->o[i];
		int err;

		if (o->dead || !(o->sink.kinds & 1u << it->kind))
			continue;
		err = o->sink.ops->item(&o->sink, it);
		if (!err)
			err = ec_out_commit(o->sink.out);
		if (err)
			output_failed(p, o, err);
	}
	return 0;
}

static int on_chunk(void *ctx, const struct ec_rec_chunk *c, const uint8_t *payload)
{
	struct ec_pipeline *p = ctx;
	int err = ec_streams_chunk(p->streams, c, payload);

	if (err == -ENOMEM) {
		/* ours to lose, so ours to tell */
		p->account.lost[EC_LOSS_QUEUE].records++;
		p->account.lost[EC_LOSS_QUEUE].bytes += c->len;
	}
	return err;
}

static int on_conn(void *ctx, const struct ec_rec_conn *c)
{
	struct ec_pipeline *p = ctx;

	return ec_streams_conn(p->streams, c);
}

static int on_secret(void *ctx, const struct ec_rec_secret *r)
{
	struct ec_pipeline *p = ctx;
	int err = ec_streams_secret(p->streams, r);

	if (err == -ENOMEM)
		p->account.lost[EC_LOSS_QUEUE].records++;
	return err;
}

static int on_target(void *ctx, const struct ec_rec_target *t)
{
	struct ec_pipeline *p = ctx;
	struct ec_item it = {
		.kind = EC_ITEM_TARGET,
		.wall = wall_of(p, t->h.time),
		.module = module_of(p, t->h.module),
		.dir = EC_DIR_NONE,
		.target = {.state = t->state,
			   .library = t->library,
			   .version = t->version,
			   .how = t->how,
			   .why = t->why,
			   .path = t->path,
			   .id = t->h.target,
			   .points = t->points},
	};

	return on_item(p, &it);
}

static int on_note(void *ctx, const struct ec_rec_note *n)
{
	struct ec_pipeline *p = ctx;

	p->kernel = *n;
	return 0;
}

static int on_clock(void *ctx, const struct ec_rec_clock *c)
{
	struct ec_pipeline *p = ctx;

	p->clock = *c;
	return 0;
}

static int on_who(void *ctx, const struct ec_rec_who *w)
{
	struct ec_pipeline *p = ctx;
	int err = ec_whos_put(p->whos, w);

	/* without it nothing would let go what waits but time */
	return ec_streams_who(p->streams, w->h.process, w->h.time) ?: err;
}

static const struct ec_who *who_of(void *ctx, uint64_t process)
{
	struct ec_pipeline *p = ctx;

	return ec_whos_get(p->whos, process);
}

static const struct ec_decode_ops decode_ops = {
	.chunk = on_chunk,
	.conn = on_conn,
	.secret = on_secret,
	.target = on_target,
	.note = on_note,
	.clock = on_clock,
	.who = on_who,
};

int ec_pipeline_new(const struct ec_pipeline_opts *o, struct ec_pipeline **out)
{
	struct ec_pipeline *p = calloc(1, sizeof(*p));
	const struct ec_opt_list *ports = &o->options->ports;
	struct ec_stream_opts so = {
		.wall = wall_of,
		.module = module_of,
		.who = who_of,
		.item = on_item,
	};
	int err;

	if (!p)
		return -ENOMEM;
	p->o = *o;
	for (size_t i = 0; i < ports->n && i < EC_PORTS_MAX; i++)
		p->ports[i] = ports->v[i];
	so.ports = p->ports;
	so.nports = ports->n;
	so.who_filters = o->who_filters;
	so.ctx = p;
	err = ec_whos_new(&p->whos);
	if (!err)
		err = ec_streams_new(&so, &p->streams);
	if (err) {
		ec_whos_free(p->whos);
		free(p);
		return err;
	}
	*out = p;
	return 0;
}

void ec_pipeline_push(struct ec_pipeline *p, const void *rec, size_t n)
{
	int err;

	if (p->o.recorder) {
		err = ec_recorder_add(p->o.recorder, rec, n);
		if (err && !p->broken) {
			p->broken = err;
			ec_fail(EC_FAIL_OUTPUT_WRITE, p->o.options->record,
				strerror(-err));
		}
	}
	err = ec_decode(rec, n, &decode_ops, p);
	if (err == -EBADMSG)
		p->account.lost[EC_LOSS_FOREIGN].records++;
}

void ec_pipeline_tick(struct ec_pipeline *p, uint64_t mono)
{
	ec_streams_tick(p->streams, mono);
}

bool ec_pipeline_waiting(const struct ec_pipeline *p)
{
	return ec_streams_waiting(p->streams);
}

void ec_pipeline_idle(struct ec_pipeline *p)
{
	struct ec_outputs *outs = p->o.outputs;

	for (size_t i = 0; i < outs->n; i++) {
		struct ec_output *o = &outs->o[i];
		int err;

		if (o->dead)
			continue;
		err = o->sink.ops->flush(&o->sink);
		if (!err)
			err = ec_out_flush(o->sink.out);
		if (err)
			output_failed(p, o, err);
	}
}

/*
 * What the programs could not send they counted themselves, to the byte; what streams
 * find missing by position is the same bytes seen from the other side, so only causes
 * that arise in user space, and what has no cause, are taken from there.
 */
void ec_pipeline_account(const struct ec_pipeline *p, struct ec_account *a)
{
	struct ec_account seen = {0};

	ec_streams_account(p->streams, &seen);
	*a = p->account;
	a->records = seen.records;
	a->bytes = seen.bytes;
	a->filtered = seen.filtered;
	a->cut = p->kernel.cut;
	for (int i = 1; i < EC_LOSS__N; i++) {
		a->lost[i].records += p->kernel.lost[i].records;
		a->lost[i].bytes += p->kernel.lost[i].bytes;
	}
	a->lost[EC_LOSS_PORT] = seen.lost[EC_LOSS_PORT];
	a->lost[EC_LOSS_WHO] = seen.lost[EC_LOSS_WHO];
	a->lost[EC_LOSS_UNSEEN] =
		seen.lost[EC_LOSS_UNSEEN]; /* no cause: nobody counted it */
	a->lost[EC_LOSS_FOREIGN].records += seen.lost[EC_LOSS_FOREIGN].records;
	a->lost[EC_LOSS_FOREIGN].bytes += seen.lost[EC_LOSS_FOREIGN].bytes;
}

void ec_pipeline_finish(struct ec_pipeline *p)
{
	struct ec_account a;
	struct ec_item it = {
		.kind = EC_ITEM_STATS,
		.dir = EC_DIR_NONE,
		.stats = {.account = &a, .final = true},
	};

	ec_streams_flush(p->streams);
	ec_pipeline_account(p, &a);
	it.wall = wall_of(p, p->kernel.h.time);
	on_item(p, &it);
	ec_pipeline_idle(p);
}

void ec_pipeline_log(const struct ec_pipeline *p)
{
	struct ec_account a;

	ec_pipeline_account(p, &a);
	if (a.secrets)
		ec_info("secrets: %" PRIu64, a.secrets);
	ec_info("captured: %" PRIu64 " messages, %" PRIu64 " bytes; lost: %" PRIu64
		" bytes, %" PRIu64 " records; cut: %" PRIu64 " bytes",
		a.messages, a.bytes, ec_account_lost(&a), ec_account_lost_records(&a),
		a.cut);
	for (int i = 1; i < EC_LOSS__N; i++)
		if (a.lost[i].bytes || a.lost[i].records)
			ec_warn("lost: %llu bytes, %llu records: %s", a.lost[i].bytes,
				a.lost[i].records, ec_loss_text(i));
	if (a.lost[EC_LOSS_RING].records)
		ec_warn("a larger --mapsize, --pid or --truncate_size lose less");
}

int ec_pipeline_broken(const struct ec_pipeline *p)
{
	return p->broken;
}

bool ec_pipeline_enough(const struct ec_pipeline *p)
{
	uint64_t want = p->o.options->count;

	return want && p->taken >= want;
}

void ec_pipeline_free(struct ec_pipeline *p)
{
	if (!p)
		return;
	ec_streams_free(p->streams);
	ec_whos_free(p->whos);
	free(p);
}
