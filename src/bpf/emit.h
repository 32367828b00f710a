/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records into the transport. With a ring buffer a record is built in reserved ring
 * memory: the verifier wants constant sizes, hence buckets; `size` tells user space the
 * true length. With a perf buffer it is built in a per-CPU scratch, which only one
 * program at a time may hold: probes are preemptible, and another process's bytes could
 * end in it.
 */
#ifndef EC_BPF_EMIT_H
#define EC_BPF_EMIT_H

#include "bpf/maps.h"

#ifdef EC_SHAPE_perf
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EC_SCRATCHES);
	__type(key, __u32);
	__type(value, struct ec_scratch);
} ec_scratch SEC(".maps");

/*
 * One slot for us alone. Whoever adds itself and then reads 1 was alone when it read, and
 * all that come later read more and go away: that holds wherever any of them is
 * preempted, and needs no atomic operation but the addition that kernel 4.18 has. NULL:
 * all slots of this CPU are held by programs that were preempted.
 */
static __always_inline struct ec_scratch *scratch_take(void)
{
#pragma unroll
	for (__u32 i = 0; i < EC_SCRATCHES; i++) {
		struct ec_scratch *s;
		__u32 key = i;

		s = bpf_map_lookup_elem(&ec_scratch, &key);
		if (!s)
			return 0;
		COUNT_ADD(s->users, 1);
		if (*(volatile __u64 *)&s->users == 1)
			return s;
		COUNT_ADD(s->users, -1);
	}
	return 0;
}

static __always_inline void *rec_room(__u64 size)
{
	struct ec_scratch *s = scratch_take();

	return s ? s->rec : 0;
}

static __always_inline void rec_drop(void *r)
{
	struct ec_scratch *s = r - offsetof(struct ec_scratch, rec);

	COUNT_ADD(s->users, -1);
}

/* 0, or that there was no room (never told before 5.1: kernel 56201969205e). */
static __always_inline int rec_send(void *ctx, void *r, __u64 size, __u64 flags)
{
	int err = bpf_perf_event_output(ctx, &ec_ring, BPF_F_CURRENT_CPU, r, size);

	rec_drop(r);
	return err;
}

/* The consumer sleeps at a watermark, which the kernel watches. */
static __always_inline __u64 wake_flags(const struct ec_config *cfg)
{
	return 0;
}
#else
static __always_inline void *rec_room(__u64 size)
{
	return bpf_ringbuf_reserve(&ec_ring, size, 0);
}

static __always_inline int rec_send(void *ctx, void *r, __u64 size, __u64 flags)
{
	bpf_ringbuf_submit(r, flags);
	return 0;
}

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
#endif

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

static __always_inline void emit_process(void *ctx, const struct ec_config *cfg,
					 __u64 process, enum ec_process_state state)
{
	struct ec_rec_process *r = rec_room(sizeof(*r));

	if (!r) {
		count_lost(EC_LOSS_RING, 0);
		return;
	}
	rec_fill(&r->h, EC_REC_PROCESS, sizeof(*r), process, 0, 0xffff);
	r->state = state;
	r->ppid = 0;
	if (rec_send(ctx, r, sizeof(*r), wake_flags(cfg)))
		count_lost(EC_LOSS_RING, 0);
}

static __always_inline void emit_conn(void *ctx, const struct ec_config *cfg,
				      const struct ec_conn *c, __u64 process,
				      enum ec_conn_state state)
{
	struct ec_rec_conn *r = rec_room(sizeof(*r));

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
	if (rec_send(ctx, r, sizeof(*r), wake_flags(cfg)))
		count_lost(EC_LOSS_RING, 0);
}

/* What the pieces of one call have in common; its figures are in who->sending. */
struct emit_call {
	void *ctx;
	struct ec_thread *who;
	struct ec_conn *conn;
	struct ec_counts *counts;
	struct ec_rec_chunk
		*rec; /* shape perf: the scratch that all pieces are built in */
	const struct ec_config *cfg;
	__u64 flags; /* of rec_send */
};

static __always_inline void chunk_lost(struct emit_call *e, enum ec_loss cause, __u64 n)
{
	e->conn->lost[e->who->sending.dir & 1] = cause;
	COUNT_ADD(e->counts->lost[cause].records, 1);
	COUNT_ADD(e->counts->lost[cause].bytes, n);
}

/* Who the thread is, once a call. */
static __always_inline void who_refresh(struct ec_thread *t)
{
	__u64 now = bpf_ktime_get_ns();

	if (now - t->who_at <= EC_WHO_NS)
		return;
	t->who_at = now;
	t->uid = bpf_get_current_uid_gid();
	t->cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(t->comm, sizeof(t->comm));
}

/* What all pieces of a call have in common. */
static __always_inline void chunk_head(struct ec_rec_chunk *r, const struct emit_call *e)
{
	__u64 id = bpf_get_current_pid_tgid();
	const struct ec_thread *t = e->who;
	const struct ec_sending *s = &t->sending;
	struct ec_rec *h = &r->h;

	h->kind = EC_REC_CHUNK;
	h->module = s->module;
	h->pid = id >> 32;
	h->tid = id;
	h->uid = t->uid;
	h->target = s->target;
	h->process = t->process;
	h->cgroup = t->cgroup;
	((__u64 *)h->comm)[0] = ((__u64 *)t->comm)[0];
	((__u64 *)h->comm)[1] = ((__u64 *)t->comm)[1];
	r->conn = e->conn->id;
	r->call = s->call;
	r->total = s->total;
	r->cut = s->cut;
	r->dir = s->dir;
	r->addrs = e->conn->addrs;
}

/* What one piece has for itself. */
static __always_inline void chunk_place(struct ec_rec_chunk *r, const struct emit_call *e,
					__u64 off, __u64 len)
{
	const struct ec_sending *s = &e->who->sending;
	__u16 flags = s->flags;

	if (!off)
		flags |= EC_CHUNK_FIRST;
	if (off + len + s->cut == s->total) {
		flags |= EC_CHUNK_LAST;
		if (s->cut)
			flags |= EC_CHUNK_CUT;
	}
	r->h.size = sizeof(*r) + len;
	r->h.time = bpf_ktime_get_ns();
	r->pos = s->pos + off;
	r->off = off;
	r->len = len;
	r->flags = flags;
	r->lost = e->conn->lost[s->dir & 1];
}

static __always_inline void chunk_count(struct emit_call *e, __u64 len)
{
	e->conn->lost[e->who->sending.dir & 1] = EC_LOSS_NONE;
	COUNT_ADD(e->counts->records, 1);
	COUNT_ADD(e->counts->bytes, len);
}

#ifdef EC_SHAPE_perf
#define CHUNKS_MAX 64

/* Not inlined: 64 copies would not fit into the 4096 instructions that 4.18 takes. */
static __noinline long chunk_at(__u64 off, __u64 len, struct emit_call *e)
{
	struct ec_rec_chunk *r = e->rec;
	__u64 n = len;

	CLAMP(n, EC_CHUNK_BYTES);
	if (READ_USER(r + 1, n, (const void *)(e->who->sending.buf + off))) {
		chunk_lost(e, EC_LOSS_FAULT, len);
		return 0;
	}
	chunk_place(r, e, off, len);
	/* never told before 5.1 (kernel 56201969205e); then the reader finds the gap */
	if (bpf_perf_event_output(e->ctx, &ec_ring, BPF_F_CURRENT_CPU, r, sizeof(*r) + n))
		chunk_lost(e, EC_LOSS_RING, len);
	else
		chunk_count(e, len);
	return 0;
}

/* By hand: no loops before 5.3, and clang does not unroll this one. */
#define CHUNK_1(i)      \
	if ((i) >= n)   \
		return; \
	chunk_at((i) * (__u64)EC_CHUNK_BYTES, EC_CHUNK_BYTES, e);
#define CHUNK_4(i)  CHUNK_1(i) CHUNK_1((i) + 1) CHUNK_1((i) + 2) CHUNK_1((i) + 3)
#define CHUNK_16(i) CHUNK_4(i) CHUNK_4((i) + 4) CHUNK_4((i) + 8) CHUNK_4((i) + 12)
static __always_inline void chunks_whole(struct emit_call *e, __u64 n)
{
	CHUNK_16(0)
	CHUNK_16(16)
	CHUNK_16(32)
	CHUNK_16(48)
}

static __always_inline void chunk_tail(struct emit_call *e, __u64 off, __u64 len)
{
	chunk_at(off, len, e);
}

static __always_inline int chunks_begin(struct emit_call *e)
{
	e->rec = rec_room(0);
	if (!e->rec)
		return -1;
	chunk_head(e->rec, e);
	return 0;
}

static __always_inline void chunks_end(struct emit_call *e)
{
	rec_drop(e->rec);
}
#else
/* One piece of at most `room` bytes, a constant. */
#define CHUNK_IN(e, off, len, room)                                                   \
	do {                                                                          \
		struct ec_rec_chunk *_r;                                              \
		__u64 _n = (len);                                                     \
                                                                                      \
		_r = bpf_ringbuf_reserve(&ec_ring, sizeof(*_r) + (room), 0);          \
		if (!_r) {                                                            \
			chunk_lost(e, EC_LOSS_RING, _n);                              \
			break;                                                        \
		}                                                                     \
		CLAMP(_n, room);                                                      \
		if (READ_USER(_r + 1, _n, (void *)((e)->who->sending.buf + (off)))) { \
			bpf_ringbuf_discard(_r, BPF_RB_NO_WAKEUP);                    \
			chunk_lost(e, EC_LOSS_FAULT, _n);                             \
			break;                                                        \
		}                                                                     \
		chunk_head(_r, e);                                                    \
		chunk_place(_r, e, off, _n);                                          \
		bpf_ringbuf_submit(_r, (e)->flags);                                   \
		chunk_count(e, _n);                                                   \
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

static __always_inline int chunks_begin(struct emit_call *e)
{
	return 0;
}

static __always_inline void chunks_end(struct emit_call *e)
{
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
#endif

/* `copy` bytes of a call in pieces; the rest of `total` but `cut` is lost and counted. */
static __always_inline void emit_chunks(const struct ec_config *cfg, struct emit_call *e,
					__u64 copy)
{
	__u64 whole = copy / EC_CHUNK_BYTES;
	__u64 tail = copy % EC_CHUNK_BYTES;
	__u64 tail_at = copy - tail;
	__u64 over = 0;

	e->cfg = cfg;
	e->counts = counts_get();
	if (!e->counts)
		return;
	if (e->who->sending.cut)
		COUNT_ADD(e->counts->cut, e->who->sending.cut);
	who_refresh(e->who);
	if (chunks_begin(e)) {
		chunk_lost(e, EC_LOSS_RING, copy);
		return;
	}
	if (whole > CHUNKS_MAX) {
		over = copy - (__u64)CHUNKS_MAX * EC_CHUNK_BYTES;
		whole = CHUNKS_MAX;
		tail = 0;
	}
	/* apart from `whole`: the verifier would look at the rest once for each value */
	asm volatile("" : "+r"(tail), "+r"(tail_at), "+r"(over));
	chunks_whole(e, whole);
	e->flags = wake_flags(cfg);
	if (tail)
		chunk_tail(e, tail_at, tail);
	if (over)
		chunk_lost(e, EC_LOSS_LONG, over);
	chunks_end(e);
}

#endif
