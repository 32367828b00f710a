/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Secrets of connections that were there before we came, whose handshake nobody saw: out
 * of the connection itself, at the first call that moves data on it. These points are
 * there for a while only (capture/probes.c): such connections become fewer.
 */
#ifndef EC_BPF_LATE_H
#define EC_BPF_LATE_H

#include "bpf/secret.h"

#define VERSION_TLS13 0x0304
#define HASH_SHORT    32
#define HASH_LONG     48

/* One traffic secret; a secret that is not there yet is all zeros, and so is what a hash
 * of 32 bytes leaves of its room. 0: it was sent. */
static __always_inline int late_traffic(struct pt_regs *ctx, const struct ec_config *cfg,
					const struct ec_target *tg, __u32 target,
					const struct ec_thread *th, struct ec_conn *c,
					__u64 handle, int server)
{
	struct told t = {};
	__u64 head = 0, rest = 0, session = 0;
	__u32 len = 0;

	t.secret = handle + tg->app[server];
	if (UREAD(head, t.secret, 0) || UREAD(rest, t.secret, HASH_SHORT) || !head)
		return -1;
	/* the rest may be of the object's last use: a ticket's secret is as long */
	if (rest && !UREAD(session, handle, tg->master[0]) && session &&
	    !UREAD(len, session, tg->master_len) && len == HASH_SHORT)
		rest = 0;
	t.handle = handle;
	t.label_id = server ? EC_LABEL_SERVER_TRAFFIC : EC_LABEL_CLIENT_TRAFFIC;
	t.id = chain_walk(handle, tg->random, tg->nrandom);
	t.id_len = RANDOM_LEN;
	t.len = rest ? HASH_LONG : HASH_SHORT;
	secret_emit(ctx, cfg, tg, target, th, c, &t);
	return 0;
}

/*
 * While a handshake goes on, a connection holds what is not its own: the session that it
 * offers, which the other end may refuse, and what is left of its object's last use.
 */
enum late { LATE_UNKNOWN, LATE_NOT_YET, LATE_NONE, LATE_OVER };

static __always_inline enum late late_state(const struct ec_target *tg, __u64 handle)
{
	__u32 type = 0, state = 0;

	if (tg->state == EC_KOFF_NONE)
		return LATE_UNKNOWN;
	/* QUIC's objects: the connection that has the keys is inside of them */
	if (tg->typed && (UREAD(type, handle, 0) || type))
		return LATE_NONE;
	if (UREAD(state, handle, tg->state) || state != tg->over)
		return LATE_NOT_YET;
	return LATE_OVER;
}

/* 0: something was sent. */
static __always_inline int late_emit(struct pt_regs *ctx, const struct ec_config *cfg,
				     const struct ec_target *tg, __u32 target,
				     const struct ec_thread *th, struct ec_conn *c,
				     __u64 handle)
{
	struct told t = {};
	__u32 version = 0;

	if (!tg->nrandom || tg->nmaster != 2 || tg->version == EC_KOFF_NONE ||
	    UREAD(version, handle, tg->version))
		return -1;
	if (version == VERSION_TLS13)
		return !tg->app[0] ||
		       late_traffic(ctx, cfg, tg, target, th, c, handle, 0) ||
		       late_traffic(ctx, cfg, tg, target, th, c, handle, 1);
	t.handle = handle;
	told_master(tg, &t);
	t.id = chain_walk(handle, tg->random, tg->nrandom);
	t.id_len = RANDOM_LEN;
	if (!t.len || !t.id)
		return -1;
	secret_emit(ctx, cfg, tg, target, th, c, &t);
	return 0;
}

/*
 * Where the state is not known: calls that may come before a connection's secrets, as a
 * handshake goes on inside of them; after so many there was none to be seen.
 */
#define LATE_TRIES 16

static __always_inline int secret_late(struct pt_regs *ctx, __u64 cookie, __u64 handle)
{
	__u32 target = EC_COOKIE_TARGET(cookie);
	struct ec_config *cfg = config_get();
	struct ec_conn_key key = {};
	struct ec_thread *th;
	struct ec_target *tg;
	struct ec_conn *c;

	if (!cfg || cfg->stop || !filter_pass(cfg))
		return 0;
	tg = bpf_map_lookup_elem(&ec_targets, &target);
	th = tg ? thread_get(ctx, cfg) : 0;
	if (!th ||
	    (who_verdict(ctx, th) == EC_VERDICT_DROP && cfg->filters & EC_FILTER_WHO))
		return 0;
	key.process = th->process;
	key.handle = handle;
	c = bpf_map_lookup_elem(&ec_conns, &key);
	if (c && c->keyed == EC_KEYED)
		return 0;
	c = conn_get(ctx, cfg, tg, target, &key);
	if (!c || !filter_port(cfg, &c->addrs))
		return 0;
	switch (late_state(tg, handle)) {
	case LATE_NOT_YET:
		return 0;
	case LATE_UNKNOWN:
		if (++c->keyed <= LATE_TRIES)
			return 0;
		count_lost(EC_LOSS_KEYS, 0);
		break;
	case LATE_OVER:
		if (late_emit(ctx, cfg, tg, target, th, c, handle))
			count_lost(EC_LOSS_KEYS, 0);
		break;
	case LATE_NONE:
		break;
	}
	c->keyed = EC_KEYED;
	return 0;
}

#endif
