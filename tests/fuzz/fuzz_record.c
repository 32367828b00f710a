// SPDX-License-Identifier: GPL-2.0-only
/* A run of records as in a recording: each padded to 8 bytes. */
#include "capture/decode.h"
#include "seed.h"
#include <string.h>

static volatile uint64_t sink;

/* All that is promised is used: payload, text, positions that can be added. */
static int on_chunk(void *ctx, const struct ec_rec_chunk *c, const uint8_t *payload)
{
	for (uint32_t i = 0; i < c->len; i++)
		sink += payload[i];
	if (c->pos + c->len < c->pos || c->off + c->len + c->cut > c->total ||
	    c->dir >= EC_DIR__N || c->lost >= EC_LOSS__N)
		abort();
	return 0;
}

static int on_conn(void *ctx, const struct ec_rec_conn *c)
{
	sink += c->pos[0] + strlen(c->h.comm);
	return 0;
}

static int on_process(void *ctx, const struct ec_rec_process *p)
{
	sink += p->state;
	return 0;
}

static int on_target(void *ctx, const struct ec_rec_target *t)
{
	sink += strlen(t->library) + strlen(t->version) + strlen(t->how) +
		strlen(t->why) + strlen(t->path);
	return 0;
}

static int on_note(void *ctx, const struct ec_rec_note *n)
{
	sink += n->bytes;
	return 0;
}

static int on_secret(void *ctx, const struct ec_rec_secret *r)
{
	sink += strlen(r->label) + r->id[r->id_len - 1] + r->secret[r->len - 1];
	return 0;
}

static int on_clock(void *ctx, const struct ec_rec_clock *c)
{
	sink += c->wall;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ec_decode_ops ops = {.chunk = on_chunk,
						 .conn = on_conn,
						 .secret = on_secret,
						 .process = on_process,
						 .target = on_target,
						 .note = on_note,
						 .clock = on_clock};

	while (size && !ec_decode(data, size, &ops, NULL)) {
		uint32_t n;

		memcpy(&n, data, sizeof(n));
		n = (n + 7) & ~7u;
		if (n > size)
			break;
		data += n;
		size -= n;
	}
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct {
		uint16_t kind;
		uint32_t size;
	} kinds[] = {{EC_REC_CHUNK, sizeof(struct ec_rec_chunk)},
		     {EC_REC_CONN, sizeof(struct ec_rec_conn)},
		     {EC_REC_PROCESS, sizeof(struct ec_rec_process)},
		     {EC_REC_TARGET, sizeof(struct ec_rec_target)},
		     {EC_REC_NOTE, sizeof(struct ec_rec_note)},
		     {EC_REC_CLOCK, sizeof(struct ec_rec_clock)}};
	static uint8_t all[16384];
	const char *dir = getenv("EC_FUZZ_SEED");
	size_t at = 0;

	if (!dir)
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint8_t *p = all + at;
		struct ec_rec h = {.kind = kinds[i].kind, .size = kinds[i].size};
		struct ec_rec_chunk *c = (void *)p;
		char name[32];

		if (h.kind == EC_REC_CHUNK) {
			h.size += 64;
			c->total = c->len = 64;
			c->flags = EC_CHUNK_FIRST | EC_CHUNK_LAST;
		}
		if (h.kind == EC_REC_CONN)
			((struct ec_rec_conn *)p)->state = EC_CONN_OPEN;
		if (h.kind == EC_REC_PROCESS)
			((struct ec_rec_process *)p)->state = EC_PROCESS_SEEN;
		if (h.kind == EC_REC_TARGET)
			((struct ec_rec_target *)p)->state = EC_TARGET_PROBED;
		memcpy(h.comm, "seed", 4);
		memcpy(p, &h, sizeof(h));
		snprintf(name, sizeof(name), "kind%u", h.kind);
		seed_write(dir, name, p, h.size);
		at += (h.size + 7) & ~7u;
	}
	seed_write(dir, "all", all, at);
	exit(0);
}
