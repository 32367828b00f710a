/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pairs of entry and return of a function that moves plaintext. A thread's open calls are
 * frames found again by the stack pointer, which tolerates fibers, calls in calls and
 * frames that never return. Data is copied at return: only then the length is known, and
 * pages that a write reads are in memory (at entry they may not be).
 */
#ifndef EC_BPF_CALL_H
#define EC_BPF_CALL_H

#include "bpf/conn.h"
#include "bpf/filter.h"
#include "bpf/membio.h"

#if defined(__TARGET_ARCH_x86)
/* At entry the return address is on the stack, at return it is gone. */
#define SP_AT_ENTRY(ctx)  PT_REGS_SP(ctx)
#define SP_AT_RETURN(ctx) (PT_REGS_SP(ctx) - 8)
#else
#define SP_AT_ENTRY(ctx)  PT_REGS_SP(ctx)
#define SP_AT_RETURN(ctx) PT_REGS_SP(ctx)
#endif

#define DIR_NONE   3	 /* EC_COOKIE_DIR() of EC_DIR_NONE */
#define STACK_NEAR 65536 /* frames of one stack that enclose each other are nearer */

static __always_inline struct ec_thread *thread_get(void *ctx,
						    const struct ec_config *cfg)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct ec_thread *t = bpf_map_lookup_elem(&ec_threads, &id);
	struct ec_thread *blank;
	__u32 zero = 0;

	if (t)
		return t;
	blank = bpf_map_lookup_elem(&ec_blank, &zero);
	if (!blank)
		return 0;
	bpf_map_update_elem(&ec_threads, &id, blank, BPF_NOEXIST);
	t = bpf_map_lookup_elem(&ec_threads, &id);
	if (t)
		t->process = process_get(ctx, cfg);
	return t;
}

static __always_inline int frame_encloses(const struct ec_frame *f, __u64 sp,
					  __u64 handle, __u8 dir)
{
	return f->sp > sp && f->sp - sp < STACK_NEAR && f->handle == handle &&
	       f->dir == dir;
}

/* Is the target one whose calls another target of the same file takes over? */
static __always_inline int target_left(__u32 id)
{
	struct ec_target *t = bpf_map_lookup_elem(&ec_targets, &id);

	return !t || t->flags & EC_TARGET_LEFT;
}

/*
 * Notes a call that is open. One that has no room takes the place of the oldest. 0: it is
 * noted already, for another target whose probes stand at the same place.
 */
static __always_inline int frame_put(void *ctx, struct ec_thread *t, struct ec_frame *new)
{
	struct ec_frame *f = 0, *oldest = 0;
	__u32 first = 0; /* target that saw this very call before us */

#pragma unroll
	for (int i = 0; i < EC_FRAMES; i++) {
		struct ec_frame *g = &t->frame[i];

		if (g->sp == new->sp && g->target != new->target &&
		    g->serial == t->serial && g->handle == new->handle &&
		    g->buf == new->buf)
			first = g->target;
		if (g->sp == new->sp || !g->sp) {
			if (!f || g->sp == new->sp)
				f = g;
			continue;
		}
		if (frame_encloses(g, new->sp, new->handle, new->dir))
			new->nested = 1;
		if (!oldest || g->serial < oldest->serial)
			oldest = g;
	}
	/* a frame of one that left may be that of an earlier call: then it is ours */
	if (first && !target_left(first)) {
		twice_tell(ctx, first, new->target);
		return 0;
	}
	if (!f) {
		f = oldest;
		if (!f)
			return 1;
		count_lost(EC_LOSS_CALL, 0);
	}
	new->serial = ++t->serial;
	*f = *new;
	return 1;
}

/*
 * A call without direction (a handshake) moves nothing, but what it sends and receives
 * leads to its connection's addresses; where its return is not seen it has no shape, and
 * is not noted.
 */
static __always_inline int call_enter(struct pt_regs *ctx, __u64 cookie, __u64 handle,
				      __u64 buf, __u64 count_at)
{
	__u32 target = EC_COOKIE_TARGET(cookie);
	struct ec_config *cfg = config_get();
	struct ec_thread *t;

	if (!cfg || cfg->stop || !filter_pass(cfg))
		return 0;
	t = thread_get(ctx, cfg);
	if (!t) {
		count_lost(EC_LOSS_TABLE, 0);
		return 0;
	}
	if (who_verdict(ctx, t) == EC_VERDICT_DROP && cfg->filters & EC_FILTER_WHO)
		return 0;
	if (EC_COOKIE_DIR(cookie) != DIR_NONE || EC_COOKIE_SHAPE(cookie)) {
		struct ec_frame f = {
			.sp = SP_AT_ENTRY(ctx),
			.handle = handle,
			.buf = buf,
			.count_at = count_at,
			.target = target,
			.shape = EC_COOKIE_SHAPE(cookie),
			.dir = EC_COOKIE_DIR(cookie),
		};

		if (!frame_put(ctx, t, &f))
			return 0;
	}
	if (*known_slot(t, handle) != handle) {
		struct ec_target *tg = bpf_map_lookup_elem(&ec_targets, &target);
		struct ec_conn_key key = {t->process, handle};
		struct ec_conn *c;

		if (!tg)
			return 0;
		c = conn_get(ctx, cfg, tg, target, &key);
		if (c && conn_pending(c) && c->memory)
			memory_read(ctx, cfg, tg, c, t->process);
		if (c && conn_pending(c))
			ask_addrs(ctx);
		else if (c)
			*known_slot(t, handle) = handle;
	}
	return 0;
}

/* Bytes that the call moved, 0: none. */
static __always_inline __u64 call_count(struct pt_regs *ctx, const struct ec_frame *f)
{
	__s32 rc = PT_REGS_RC(ctx);
	__u64 n = 0;

	if (f->shape == EC_SHAPE_RET)
		return rc > 0 ? rc : 0;
	if (rc != 1)
		return 0;
	if (UREAD(n, f->count_at, 0)) {
		count_lost(EC_LOSS_FAULT, 0);
		return 0;
	}
	return n;
}

static __always_inline void call_emit(void *ctx, const struct ec_config *cfg,
				      struct ec_thread *t, const struct ec_frame *f,
				      __u64 n)
{
	__u32 target = f->target;
	struct ec_target *tg = bpf_map_lookup_elem(&ec_targets, &target);
	struct ec_sending *s = &t->sending;
	struct ec_conn_key key = {t->process, f->handle};
	struct emit_call e = {};
	__u32 dir = f->dir & 1;
	__u64 copy = n;

	if (!tg) {
		count_lost(EC_LOSS_TABLE, n);
		return;
	}
	e.ctx = ctx;
	e.who = t;
	e.conn = conn_get(ctx, cfg, tg, target, &key);
	if (!e.conn) {
		count_lost(EC_LOSS_TABLE, n);
		return;
	}
	s->pos = e.conn->pos[dir];
	s->call = e.conn->call[dir];
	/* of what nobody is to see nothing can be missing */
	if (!cfg->quiet) {
		e.conn->pos[dir] = s->pos + n;
		e.conn->call[dir] = s->call + 1;
	}
	s->flags = t->verdict ? 0 : EC_CHUNK_WHO;
	if (conn_pending(e.conn)) {
		*known_slot(t, f->handle) = 0;
		/* an answer of user space takes its time, and may be lost */
		if (++e.conn->tries >= (e.conn->asked ? EC_ASKED_MAX : EC_LOOKUP_MAX))
			e.conn->gave_up = 1;
		if (!e.conn->gave_up)
			s->flags |= EC_CHUNK_PENDING;
	}
	if (e.conn->waits && !conn_pending(e.conn)) {
		conn_tell(ctx, cfg, e.conn, t->process, EC_CONN_ADDRS);
		e.conn->waits = 0;
	}
	if (cfg->quiet || !filter_port(cfg, &e.conn->addrs))
		return;
	if (!s->call && !e.conn->call[!dir])
		conn_tell(ctx, cfg, e.conn, t->process, EC_CONN_OPEN);
	if (cfg->truncate && copy > cfg->truncate)
		copy = cfg->truncate;
	s->buf = f->buf;
	s->total = n;
	s->cut = n - copy;
	s->target = target;
	s->module = tg->module;
	s->dir = dir;
	emit_chunks(cfg, &e, copy);
}

/* Takes the frame of the call that returns out of its thread; 0: none. */
static __always_inline int frame_take(struct ec_thread *t, __u64 sp, struct ec_frame *f)
{
#pragma unroll
	for (int i = 0; i < EC_FRAMES; i++) {
		struct ec_frame *g = &t->frame[i];

		if (g->sp == sp) {
			*f = *g;
			g->sp = 0;
			return 1;
		}
	}
	return 0;
}

/* What a call has left in the memory of its BIO leads to the socket that sends it. */
static __always_inline void call_wrote(struct ec_thread *t, const struct ec_frame *f)
{
	struct ec_conn_key key = {t->process, f->handle};
	struct ec_conn *c = bpf_map_lookup_elem(&ec_conns, &key);
	__u32 target = f->target;
	struct ec_target *tg;

	if (!c || !c->memory || !conn_pending(c))
		return;
	tg = bpf_map_lookup_elem(&ec_targets, &target);
	if (tg)
		memory_wrote(tg, c, t->process, f->handle);
}

static __always_inline int call_leave(struct pt_regs *ctx, __u64 cookie)
{
	__u64 sp = cookie & EC_COOKIE_RET_INSN ? SP_AT_ENTRY(ctx) : SP_AT_RETURN(ctx);
	__u64 id = bpf_get_current_pid_tgid();
	struct ec_thread *t = bpf_map_lookup_elem(&ec_threads, &id);
	struct ec_config *cfg;
	struct ec_frame f = {};
	__u64 n;

	/* none: not one of ours, or entered before we came */
	if (!t || !frame_take(t, sp, &f) || f.nested)
		return 0;
	n = f.dir == DIR_NONE ? 0 : call_count(ctx, &f);
	cfg = config_get();
	if (!cfg || cfg->stop)
		return 0;
	/* handshakes write too */
	if (*known_slot(t, f.handle) != f.handle)
		call_wrote(t, &f);
	if (!n)
		return 0;
	call_emit(ctx, cfg, t, &f, n);
	return 0;
}

/* The object is freed or made new: the next use of the handle is another connection. */
static __always_inline int call_forget(void *ctx, __u64 handle)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct ec_config *cfg = config_get();
	struct ec_thread *t;
	__u32 pid = id >> 32;
	struct ec_proc *p = bpf_map_lookup_elem(&ec_procs, &pid);

	if (!p || !cfg || cfg->stop || !handle)
		return 0;
	t = bpf_map_lookup_elem(&ec_threads, &id);
	if (t && *known_slot(t, handle) == handle)
		*known_slot(t, handle) = 0;
	conn_close(ctx, cfg, p->id, handle);
	return 0;
}

#endif
