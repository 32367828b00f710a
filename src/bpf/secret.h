/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Secrets of handshakes, as a library gives them to the function that writes its key log.
 * It is called whether or not anyone logs, so all that is needed is what it was called
 * with. Only handshakes come here: nothing is paid per byte.
 */
#ifndef EC_BPF_SECRET_H
#define EC_BPF_SECRET_H

#include "bpf/call.h"

#if defined(__TARGET_ARCH_x86)
#define ARG6(ctx) ((ctx)->r9) /* libbpf has it since 1.2 */
#else
#define ARG6(ctx) (((const struct user_pt_regs *)(ctx))->regs[5])
#endif

/* What a point's function was called with, as addresses. */
struct told {
	__u64 handle;
	__u64 label; /* 0: none, see label_id */
	__u64 id;
	__u64 id_len;
	__u64 secret;
	__u64 len;
	__u32 label_id;
	__u32 pad;
};

#define RANDOM_LEN 32 /* RFC 8446 section 4.1.2 */
#define MASTER_LEN 48 /* RFC 5246 section 8.1 */
#define RSA_ID_LEN 8  /* bytes of an encrypted pre-master secret that name it */

/* The address that the distances lead to from a handle; 0: none. */
static __always_inline __u64 chain_walk(__u64 at, const __u16 *off, __u32 n)
{
	if (n == 2) {
		__u64 next = 0;

		if (UREAD(next, at, off[0]) || !next)
			return 0;
		return next + off[1];
	}
	return n == 1 ? at + off[0] : 0;
}

static __always_inline void told_master(const struct ec_target *tg, struct told *t)
{
	__u64 session = 0;
	__u32 len = 0;

	t->label_id = EC_LABEL_RANDOM;
	t->len = 0; /* the registers hold anything */
	if (tg->nmaster != 2 || UREAD(session, t->handle, tg->master[0]) || !session ||
	    UREAD(len, session, tg->master_len))
		return;
	t->secret = session + tg->master[1];
	t->len = len == MASTER_LEN ? len : 0; /* none yet */
}

/*
 * The text of a label may not have been read in this process yet, as the library looks
 * whether anyone logs first: then it is not in memory, and its place tells which it is.
 */
static __always_inline __u32 label_by_place(const struct ec_target *tg, __u64 ip,
					    __u64 at)
{
	__s64 far = at - ip;

#pragma unroll
	for (int i = 1; i < EC_LABEL__N; i++)
		if (tg->label[i] && tg->label[i] == far)
			return i;
	return EC_LABEL_NONE;
}

/* 0: all was read. */
static __always_inline int secret_read(const struct ec_target *tg, const struct told *t,
				       __u64 ip, struct ec_rec_secret *r)
{
	__u64 n = t->len, k = t->id_len;

	r->label_id = t->label_id;
	if (t->label) {
		long got;

		r->label_id = label_by_place(tg, ip, t->label);
		if (!r->label_id) {
			got = READ_USER_STR(r->label, sizeof(r->label), (void *)t->label);
			/* one that may have been cut is none */
			if (got < 2 || got >= (long)sizeof(r->label))
				return -1;
		}
	}
	CLAMP(n, EC_SECRET_LEN);
	CLAMP(k, RANDOM_LEN);
	r->len = n;
	r->id_len = k;
	return READ_USER(r->id, k, (void *)t->id) ||
	       READ_USER(r->secret, n, (void *)t->secret);
}

static __always_inline void rec_cancel(void *r)
{
#ifdef EC_SHAPE_perf
	rec_drop(r);
#else
	bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
#endif
}

static __always_inline void secret_emit(struct pt_regs *ctx, const struct ec_config *cfg,
					const struct ec_target *tg, __u32 target,
					const struct ec_thread *th, struct ec_conn *c,
					const struct told *t)
{
	struct ec_rec_secret *r = rec_room(sizeof(*r));

	if (!r) {
		count_lost(EC_LOSS_RING, 0);
		return;
	}
	__builtin_memset(r, 0, sizeof(*r));
	if (secret_read(tg, t, PT_REGS_IP(ctx), r)) {
		rec_cancel(r);
		count_lost(EC_LOSS_FAULT, 0);
		return;
	}
	rec_fill(&r->h, EC_REC_SECRET, sizeof(*r), th->process, target, tg->module);
	r->flags = th->verdict ? 0 : EC_CHUNK_WHO;
	if (c) {
		r->conn = c->id;
		r->addrs = c->addrs;
		if (conn_pending(c)) {
			r->flags |= EC_CHUNK_PENDING;
			if (cfg->filters & EC_FILTER_PORT)
				c->waits = 1;
		}
	}
	if (rec_send(ctx, r, sizeof(*r), wake_flags(cfg)))
		count_lost(EC_LOSS_RING, 0);
}

/*
 * Where nothing tells that an object was freed, the next connection may have its place,
 * its BIO's and its descriptor's number: then the random says that it is another one.
 */
static APART int conn_renew(void *ctx, const struct ec_config *cfg,
			    const struct ec_conn_key *key, __u64 random_at)
{
	struct ec_conn *c = bpf_map_lookup_elem(&ec_conns, key);
	__u64 random = 0;

	if (!c || !c->random || UREAD(random, random_at, 0) || random == c->random)
		return 0;
	conn_close(ctx, cfg, key->process, key->handle);
	return 1;
}

static __always_inline int secret_told(struct pt_regs *ctx, __u64 cookie, struct told *t)
{
	__u32 target = EC_COOKIE_TARGET(cookie), shape = EC_COOKIE_SHAPE(cookie);
	struct ec_config *cfg = config_get();
	struct ec_conn_key key = {};
	struct ec_thread *th;
	struct ec_target *tg;
	struct ec_conn *c;

	if (!cfg || cfg->stop || !filter_pass(cfg))
		return 0;
	tg = bpf_map_lookup_elem(&ec_targets, &target);
	th = tg ? thread_get(ctx, cfg) : 0;
	if (!th) {
		count_lost(EC_LOSS_TABLE, 0);
		return 0;
	}
	if (who_verdict(ctx, th) == EC_VERDICT_DROP && cfg->filters & EC_FILTER_WHO)
		return 0;
	if (shape == EC_SHAPE_MASTER)
		told_master(tg, t);
	if (shape == EC_SHAPE_SECRET || shape == EC_SHAPE_MASTER) {
		t->id = chain_walk(t->handle, tg->random, tg->nrandom);
		t->id_len = RANDOM_LEN;
	}
	if (!t->len && shape == EC_SHAPE_MASTER)
		return 0; /* none yet */
	if (!t->len || t->len > EC_SECRET_LEN || !t->id_len || t->id_len > RANDOM_LEN) {
		count_lost(EC_LOSS_FAULT, 0); /* not what it was taken for */
		return 0;
	}
	key.process = th->process;
	key.handle = t->handle;
	if (tg->flags & EC_TARGET_ENDLESS && shape != EC_SHAPE_RSA &&
	    conn_renew(ctx, cfg, &key, t->id))
		*known_slot(th, t->handle) = 0;
	c = conn_get(ctx, cfg, tg, target, &key);
	if (c) {
		c->keyed = EC_KEYED;
		if (shape != EC_SHAPE_RSA)
			UREAD(c->random, t->id, 0);
	}
	if (c && !filter_port(cfg, &c->addrs))
		return 0;
	if (c && conn_pending(c) && cfg->filters & EC_FILTER_PORT)
		ask_addrs(ctx);
	secret_emit(ctx, cfg, tg, target, th, c, t);
	return 0;
}

#endif
