/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records into the ring. A record is built in reserved ring memory, never in a per-CPU
 * scratch: probes are preemptible, and another process's bytes could end in it. The
 * verifier wants constant sizes, hence buckets; `size` tells user space the true length.
 */
#ifndef EC_BPF_EMIT_H
#define EC_BPF_EMIT_H

#include "bpf/maps.h"

/*
 * Waking the consumer costs more than the copy. A sleeping consumer says from when on it
 * wants to be woken; the first producer that gets there does it.
 */
static __always_inline __u64 wake_flags(const struct ec_config *cfg)
{
	struct ec_shared *sh = shared_get();
	__u32 want;

	if (!sh)
		return 0;
	want = *(volatile __u32 *)&sh->need_wakeup;
	if (want == EC_WAKE_NO)
		return BPF_RB_NO_WAKEUP;
	if (want == EC_WAKE_FULL &&
	    bpf_ringbuf_query(&ec_ring, BPF_RB_AVAIL_DATA) < cfg->wake)
		return BPF_RB_NO_WAKEUP;
	*(volatile __u32 *)&sh->need_wakeup = EC_WAKE_NO;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void rec_fill(struct ec_rec *h, enum ec_rec_kind kind, __u32 size,
				     __u64 process, __u32 target, __u16 module)
{
	__u64 id = bpf_get_current_pid_tgid();

	h->size = size;
	h->kind = kind;
	h->module = module;
	h->time = bpf_ktime_get_ns();
	h->pid = id >> 32;
	h->tid = id;
	h->uid = bpf_get_current_uid_gid();
	h->target = target;
	h->process = process;
	h->cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(h->comm, sizeof(h->comm));
}

static __always_inline void emit_process(const struct ec_config *cfg, __u64 process,
					 enum ec_process_state state)
{
	struct ec_rec_process *r = bpf_ringbuf_reserve(&ec_ring, sizeof(*r), 0);

	if (!r) {
		count_lost(EC_LOSS_RING, 0);
		return;
	}
	rec_fill(&r->h, EC_REC_PROCESS, sizeof(*r), process, 0, 0xffff);
	r->state = state;
	r->ppid = 0;
	bpf_ringbuf_submit(r, wake_flags(cfg));
}

static __always_inline void emit_conn(const struct ec_config *cfg,
				      const struct ec_conn *c, __u64 process,
				      enum ec_conn_state state)
{
	struct ec_rec_conn *r = bpf_ringbuf_reserve(&ec_ring, sizeof(*r), 0);

	if (!r) {
		count_lost(EC_LOSS_RING, 0);
		return;
	}
	rec_fill(&r->h, EC_REC_CONN, sizeof(*r), process, c->target, c->module);
	r->conn = c->id;
	r->pos[0] = c->pos[0];
	r->pos[1] = c->pos[1];
	r->call[0] = c->call[0];
	r->call[1] = c->call[1];
	r->state = state;
	r->lost[0] = c->lost[0];
	r->lost[1] = c->lost[1];
	r->gave_up = c->gave_up;
	r->pad = 0;
	r->addrs = c->addrs;
	bpf_ringbuf_submit(r, wake_flags(cfg));
}

/* What the pieces of one call have in common. */
struct emit_call {
	struct ec_thread *who;
	struct ec_conn *conn;
	__u64 process;
	__u64 buf;
	__u64 pos; /* of the call's first byte */
	__u64 call;
	__u64 total;
	__u64 cut;
	const struct ec_config *cfg;
	__u64 flags; /* of submit */
	__u32 target;
	__u16 module;
	__u8 dir;
	__u8 pending;
};

static __always_inline void chunk_lost(struct emit_call *e, enum ec_loss cause, __u64 n)
{
	e->conn->lost[e->dir & 1] = cause;
	count_lost(cause, n);
}

static __always_inline void who_fill(struct ec_rec *h, __u32 size,
				     const struct emit_call *e)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();
	struct ec_thread *t = e->who;

	if (now - t->who_at > EC_WHO_NS) {
		t->who_at = now;
		t->uid = bpf_get_current_uid_gid();
		t->cgroup = bpf_get_current_cgroup_id();
		bpf_get_current_comm(t->comm, sizeof(t->comm));
	}
	h->size = size;
	h->kind = EC_REC_CHUNK;
	h->module = e->module;
	h->time = now;
	h->pid = id >> 32;
	h->tid = id;
	h->uid = t->uid;
	h->target = e->target;
	h->process = e->process;
	h->cgroup = t->cgroup;
	((__u64 *)h->comm)[0] = ((__u64 *)t->comm)[0];
	((__u64 *)h->comm)[1] = ((__u64 *)t->comm)[1];
}

static __always_inline void chunk_fill(struct ec_rec_chunk *r, const struct emit_call *e,
				       __u64 off, __u64 len)
{
	__u16 flags = 0;

	who_fill(&r->h, sizeof(*r) + len, e);
	r->conn = e->conn->id;
	r->pos = e->pos + off;
	r->call = e->call;
	r->off = off;
	r->total = e->total;
	r->cut = e->cut;
	r->len = len;
	r->dir = e->dir;
	r->lost = e->conn->lost[e->dir & 1];
	if (!off)
		flags |= EC_CHUNK_FIRST;
	if (off + len + e->cut == e->total) {
		flags |= EC_CHUNK_LAST;
		if (e->cut)
			flags |= EC_CHUNK_CUT;
	}
	if (e->pending)
		flags |= EC_CHUNK_PENDING;
	r->flags = flags;
	r->addrs = e->conn->addrs;
}

static __always_inline void chunk_count(struct emit_call *e, __u64 len)
{
	struct ec_counts *n = counts_get();

	e->conn->lost[e->dir & 1] = EC_LOSS_NONE;
	if (n) {
		COUNT_ADD(n->records, 1);
		COUNT_ADD(n->bytes, len);
	}
}

/* One piece of at most `room` bytes, a constant. */
#define CHUNK_IN(e, off, len, room)                                                      \
	do {                                                                             \
		struct ec_rec_chunk *_r;                                                 \
		__u64 _n = (len);                                                        \
                                                                                         \
		_r = bpf_ringbuf_reserve(&ec_ring, sizeof(*_r) + (room), 0);             \
		if (!_r) {                                                               \
			chunk_lost(e, EC_LOSS_RING, _n);                                 \
			break;                                                           \
		}                                                                        \
		CLAMP(_n, room);                                                         \
		if (bpf_probe_read_user(_r + 1, _n, (const void *)((e)->buf + (off)))) { \
			bpf_ringbuf_discard(_r, BPF_RB_NO_WAKEUP);                       \
			chunk_lost(e, EC_LOSS_FAULT, _n);                                \
			break;                                                           \
		}                                                                        \
		chunk_fill(_r, e, off, _n);                                              \
		bpf_ringbuf_submit(_r, (e)->flags);                                      \
		chunk_count(e, _n);                                                      \
	} while (0)

/* A piece of 1 to EC_CHUNK_BYTES bytes in the smallest bucket. */
static __always_inline void chunk_tail(struct emit_call *e, __u64 off, __u64 len)
{
	if (len <= 64)
		CHUNK_IN(e, off, len, 64);
	else if (len <= 256)
		CHUNK_IN(e, off, len, 256);
	else if (len <= 1024)
		CHUNK_IN(e, off, len, 1024);
	else if (len <= 2048)
		CHUNK_IN(e, off, len, 2048);
	else if (len <= 4096)
		CHUNK_IN(e, off, len, 4096);
	else if (len <= 8192)
		CHUNK_IN(e, off, len, 8192);
	else if (len <= 12288)
		CHUNK_IN(e, off, len, 12288);
	else
		CHUNK_IN(e, off, len, EC_CHUNK_BYTES);
}

static long chunk_whole(__u64 i, struct emit_call *e)
{
	CHUNK_IN(e, i * EC_CHUNK_BYTES, EC_CHUNK_BYTES, EC_CHUNK_BYTES);
	return 0;
}

#ifdef EC_SHAPE_loop
/* 1 GiB in one call at most: bounds the time that a probe can take. */
#define CHUNKS_MAX 65536
static long chunk_step(__u32 i, struct emit_call *e)
{
	e->flags = wake_flags(e->cfg);
	return chunk_whole(i, e);
}
static __always_inline void chunks_whole(struct emit_call *e, __u64 n)
{
	bpf_loop(n, chunk_step, e, 0);
}
#else
#define CHUNKS_MAX 64
static __always_inline void chunks_whole(struct emit_call *e, __u64 n)
{
	for (__u64 i = 0; i < CHUNKS_MAX; i++) {
		if (i >= n)
			break;
		/* not wake_flags(): its branches, 64 times over, take verifiers a second
		 */
		e->flags = i % 16 == 15 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
		chunk_whole(i, e);
	}
}
#endif

/* `copy` bytes of a call in pieces; the rest of `total` but `cut` is lost and counted. */
static __always_inline void emit_chunks(const struct ec_config *cfg, struct emit_call *e,
					__u64 copy)
{
	__u64 whole = copy / EC_CHUNK_BYTES;
	__u64 tail = copy % EC_CHUNK_BYTES;

	e->cfg = cfg;
	if (e->cut) {
		struct ec_counts *n = counts_get();

		if (n)
			COUNT_ADD(n->cut, e->cut);
	}
	if (whole > CHUNKS_MAX) {
		chunks_whole(e, CHUNKS_MAX);
		chunk_lost(e, EC_LOSS_LONG, copy - (__u64)CHUNKS_MAX * EC_CHUNK_BYTES);
		return;
	}
	if (whole)
		chunks_whole(e, whole);
	e->flags = wake_flags(cfg);
	if (tail)
		chunk_tail(e, whole * EC_CHUNK_BYTES, tail);
}

#endif
