/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections: (life of a process, the library's object) with generations, and how their
 * addresses are learned. A look-up that fails never drops data.
 */
#ifndef EC_BPF_CONN_H
#define EC_BPF_CONN_H

#include "bpf/emit.h"
#include "bpf/filter.h"
#include "bpf/sock.h"

/* ec_rec.process of the current task; made, and told, when it is first seen. */
static __always_inline __u64 process_get(void *ctx, const struct ec_config *cfg)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct ec_proc *p = bpf_map_lookup_elem(&ec_procs, &pid);
	struct ec_proc fresh = {};

	if (p)
		return p->id;
	fresh.id = unique_id();
	if (bpf_map_update_elem(&ec_procs, &pid, &fresh, BPF_NOEXIST)) {
		p = bpf_map_lookup_elem(&ec_procs, &pid); /* another thread was first */
		return p ? p->id : fresh.id;
	}
	emit_process(ctx, cfg, fresh.id, EC_PROCESS_SEEN);
	return fresh.id;
}

/* BIO types that keep a socket in bio->num (OpenSSL include/openssl/bio.h). */
#define BIO_TYPE_FD	    (4 | 0x0400 | 0x0100)
#define BIO_TYPE_SOCKET	    (5 | 0x0400 | 0x0100)
#define BIO_TYPE_CONNECT    (12 | 0x0400 | 0x0100)
#define BIO_TYPE_DGRAM	    (21 | 0x0400 | 0x0100)
#define BIO_TYPE_DESCRIPTOR 0x0100
#define BIO_TYPE_SOURCE	    0x0400

#define UREAD(dst, base, off) \
	READ_USER(&(dst), sizeof(dst), (const void *)((base) + (off)))

/* … and those that keep bytes in memory, which the program moves to and from a socket. */
#define BIO_TYPE_MEM  (1 | 0x0400)
#define BIO_TYPE_PAIR (19 | 0x0400)
enum bio_memory { BIO_MEMORY_NO, BIO_MEMORY_OWN, BIO_MEMORY_PAIR, BIO_MEMORY_NODE };

/* Many say of themselves that they are memory, curl's among them, which is a socket: the
 * names tell (OpenSSL crypto/bio/bss_mem.c, node src/crypto/crypto_bio.cc). */
#define METHOD_NAME 8
#define NAME_OWN    0x622079726f6d656dull /* "memory b" */
#define NAME_SECURE 0x6d20657275636573ull /* "secure m" */
#define NAME_NODE   0x20736a2e65646f6eull /* "node.js " */

static __always_inline enum bio_memory bio_memory(__u64 method, __u32 type)
{
	__u64 name = 0, text = 0;

	if (type == BIO_TYPE_PAIR)
		return BIO_MEMORY_PAIR;
	if (type != BIO_TYPE_MEM || UREAD(name, method, METHOD_NAME) ||
	    UREAD(text, name, 0))
		return BIO_MEMORY_NO;
	if (text == NAME_NODE)
		return BIO_MEMORY_NODE;
	return text == NAME_OWN || text == NAME_SECURE ? BIO_MEMORY_OWN : BIO_MEMORY_NO;
}

/* Where a BIO has its fields. */
struct bio_at {
	__u32 method, num;
};

/*
 * BoringSSL moved them twice, and its files bear no version: a BIO in use has been
 * initialised and, mostly, is to be closed with its connection, which nothing but these
 * two fields, one behind the other, reads like (crypto/bio/internal.h there).
 */
static __always_inline int bio_inited(__u64 w)
{
	return (w | 1ull << 32) == (1ull << 32 | 1);
}

static __always_inline int bio_at(const struct ec_target *t, __u64 bio, struct bio_at *at)
{
	__u64 w[3] = {};

	at->method = t->bio_method;
	at->num = t->bio_num;
	if (t->bio_num != EC_KOFF_SELF)
		return 0;
	if (UREAD(w, bio, 8))
		return -1;
	at->method = 0;
	if (bio_inited(w[0])) {
		at->num = 24;
	} else if (bio_inited(w[1])) {
		at->num = 32;
	} else if (bio_inited(w[2])) {
		at->method = 8;
		at->num = 40;
	} else {
		return -1;
	}
	return 0;
}

/* Its method, 0: not told, and the type of that. */
static __always_inline __u64 bio_method(const struct ec_target *t, __u64 bio,
					const struct bio_at *at, __u32 *type)
{
	__u64 method = 0;

	*type = 0;
	if (UREAD(method, bio, at->method) || UREAD(*type, method, t->method_type))
		return 0;
	return method;
}

/* Some read from memory what they have received, and let the library send. */
static __always_inline int writes_fd(const struct ec_target *t, __u64 ssl)
{
	struct bio_at at = {};
	__u64 b = 0;
	__u32 type = 0;

	return t->wbio != EC_KOFF_NONE && !UREAD(b, ssl, t->wbio) && b &&
	       !bio_at(t, b, &at) && bio_method(t, b, &at, &type) &&
	       type & BIO_TYPE_DESCRIPTOR;
}

/*
 * BoringSSL's own methods lost their names, and users of it bring BIOs of which nothing
 * is known: what lies in them is looked at as well.
 */
static __always_inline enum ec_memory memory_of(const struct ec_target *t, __u64 method,
						__u32 type)
{
	if (bio_memory(method, type))
		return EC_MEMORY_YES;
	if (t->bio_num == EC_KOFF_SELF && type & BIO_TYPE_SOURCE &&
	    !(type & BIO_TYPE_DESCRIPTOR))
		return EC_MEMORY_MAYBE;
	return EC_MEMORY_NO;
}

/* The read BIO and, if it is a socket's, its descriptor; else fd -1. */
static __always_inline void bio_look(const struct ec_target *t, __u64 ssl, __u64 *bio,
				     __s32 *fd, __u8 *memory)
{
	struct bio_at at = {};
	__u64 b = 0, method;
	__u32 type = 0;
	__s32 num = -1;

	*bio = 0;
	*fd = -1;
	*memory = 0;
	if (t->rbio == EC_KOFF_NONE || UREAD(b, ssl, t->rbio) || !b)
		return;
	*bio = b;
	if (t->bio_num == EC_KOFF_NONE || bio_at(t, b, &at))
		return;
	method = bio_method(t, b, &at, &type);
	if (!method)
		return;
	*memory = memory_of(t, method, type);
	if (*memory && writes_fd(t, ssl))
		*memory = EC_MEMORY_NO;
	if (type != BIO_TYPE_SOCKET && type != BIO_TYPE_DGRAM &&
	    type != BIO_TYPE_CONNECT && type != BIO_TYPE_FD)
		return;
	if (!UREAD(num, b, at.num) && num >= 0)
		*fd = num;
}

/* Per call, so as few reads as tell: the BIO, and where it has one its descriptor. */
static __always_inline int bio_same(const struct ec_target *t, __u64 ssl,
				    const struct ec_conn *c)
{
	struct bio_at at = {};
	__u64 b = 0;
	__s32 num = -1;

	if (t->rbio == EC_KOFF_NONE)
		return 1;
	if (UREAD(b, ssl, t->rbio) || b != c->bio)
		return 0;
	return c->fd < 0 ||
	       (!bio_at(t, b, &at) && !UREAD(num, b, at.num) && num == c->fd);
}

static __always_inline void conn_learn(const struct ec_config *cfg, struct ec_conn *c,
				       __u64 sk, enum ec_how how)
{
	struct ec_counts *n = counts_get();
	struct ec_addrs a = {};

	if (n)
		COUNT_ADD(n->lookups, 1);
	switch (sock_addrs(&cfg->koffs, sk, how, &a)) {
	case SOCK_YES:
		c->addrs = a;
		if (n)
			COUNT_ADD(n->found, 1);
		break;
	case SOCK_NEVER:
		c->gave_up = 1;
		break;
	case SOCK_NO:
		break;
	}
}

/* Not 0: without room enough are waiting there. */
static __always_inline int ask_send(void *ctx, struct ec_ask *a)
{
#ifdef EC_SHAPE_perf
	return bpf_perf_event_output(ctx, &ec_asks, BPF_F_CURRENT_CPU, a, sizeof(*a));
#else
	return bpf_ringbuf_output(&ec_asks, a, sizeof(*a), BPF_RB_FORCE_WAKEUP);
#endif
}

/* No kernel offsets: user space can look at the descriptor while the process has it. */
static __always_inline void conn_ask_fd(void *ctx, struct ec_conn *c, __u64 process,
					__s32 fd)
{
	struct ec_ask a = {};

	a.kind = EC_ASK_FD;
	a.pid = c->pid;
	a.time = bpf_ktime_get_ns();
	a.conn = c->id;
	a.process = process;
	a.fd = fd;
	a.target = c->target;
	a.module = c->module;
	c->asked = !ask_send(ctx, &a);
}

/* The answer, if it is there. */
static __always_inline void conn_take_answer(struct ec_conn *c)
{
	__u64 id = c->id;
	struct ec_addrs *a = bpf_map_lookup_elem(&ec_found, &id);

	if (!a)
		return;
	c->addrs = *a;
	if (c->addrs.family)
		return;
	if (a->how == EC_HOW_USER) {
		c->gave_up = 1; /* a socket, but none that has addresses */
		return;
	}
	c->asked = 0; /* no socket: perhaps the next descriptor is */
	bpf_map_delete_elem(&ec_found, &id);
}

static __always_inline void conn_learn_fd(void *ctx, const struct ec_config *cfg,
					  struct ec_conn *c, __u64 process, __s32 fd,
					  enum ec_how how)
{
	__u64 sk;

	if (!(cfg->ways & (1u << how)))
		return;
	if (cfg->koffs.socket_sk == EC_KOFF_NONE) {
		if (c->asked)
			conn_take_answer(c);
		else if (cfg->ways & (1u << EC_HOW_USER))
			conn_ask_fd(ctx, c, process, fd);
		return;
	}
	sk = sock_of_fd(&cfg->koffs, fd);
	if (sk)
		conn_learn(cfg, c, sk, how);
}

/* Where a thread remembers that nothing is to be looked up for a handle. */
static __always_inline __u64 *known_slot(struct ec_thread *t, __u64 handle)
{
	return &t->known[(handle >> 4 ^ handle >> 11) & (EC_KNOWN - 1)];
}

static __always_inline int conn_pending(const struct ec_conn *c)
{
	return !c->addrs.family && !c->gave_up;
}

/*
 * Told only of connections on which something was said: handshakes clear objects. What
 * user space holds back for a port is let go by it, whichever it is.
 */
static __always_inline void conn_tell(void *ctx, const struct ec_config *cfg,
				      const struct ec_conn *c, __u64 process,
				      enum ec_conn_state state)
{
	if (c->waits || ((c->call[0] || c->call[1] || state == EC_CONN_OPEN) &&
			 filter_port(cfg, &c->addrs)))
		emit_conn(ctx, cfg, c, process, state);
}

/* The process is new to user space, which finds out what it is and whether it is wanted.
 */
static APART int who_ask(void *ctx, __u64 process)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();
	__u32 pid = id >> 32;
	struct ec_proc *p = bpf_map_lookup_elem(&ec_procs, &pid);
	struct ec_ask a = {};

	if (!p || p->id != process || (p->asked && now - p->asked < EC_ASK_EVERY_NS))
		return 0;
	a.kind = EC_ASK_WHO;
	a.pid = pid;
	a.tid = id;
	a.time = now;
	a.process = process;
	a.cgroup = bpf_get_current_cgroup_id();
	a.uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(a.comm, sizeof(a.comm));
	if (!ask_send(ctx, &a))
		p->asked = now;
	return 0;
}

/* enum ec_verdict; NONE: asked, not answered yet. */
static __always_inline __u32 who_verdict(void *ctx, struct ec_thread *t)
{
	__u64 process = t->process;
	__u32 *v;

	if (t->verdict)
		return t->verdict;
	v = bpf_map_lookup_elem(&ec_verdicts, &process);
	if (v) {
		t->verdict = *v;
		return *v;
	}
	who_ask(ctx, process);
	return EC_VERDICT_NONE;
}

/*
 * Two targets are one inode (two overlays over one lower file): both probes fired for one
 * call. The second one changed nothing; user space may take one away.
 */
static APART int twice_tell(void *ctx, __u32 first, __u32 second)
{
	struct ec_shared *sh = shared_get();
	__u64 now = bpf_ktime_get_ns();
	struct ec_ask a = {};

	if (!sh || now - sh->twice < EC_ASK_EVERY_NS)
		return 0;
	sh->twice = now;
	a.kind = EC_ASK_TWICE;
	a.pid = bpf_get_current_pid_tgid() >> 32;
	a.time = now;
	a.target = first;
	a.other = second;
	return ask_send(ctx, &a);
}

/* No other way leads to the socket of a connection over memory: where the one that does
 * cannot be gone, nothing is looked for. */
static __always_inline void conn_memory(const struct ec_config *cfg, struct ec_conn *c,
					__u8 memory)
{
	c->memory = memory;
	if (memory == EC_MEMORY_YES && !(cfg->ways & (1u << EC_HOW_BYTES)))
		c->gave_up = 1;
}

static APART struct ec_conn *conn_find(void *ctx, const struct ec_config *cfg,
				       const struct ec_target *t, __u32 target,
				       const struct ec_conn_key *key)
{
	struct ec_conn *c = bpf_map_lookup_elem(&ec_conns, key);
	__u64 process = key->process, handle = key->handle;
	struct ec_conn fresh = {};
	__u8 memory;
	__u64 bio;
	__s32 fd;

	if (c && bio_same(t, handle, c))
		return c;
	bio_look(t, handle, &bio, &fd, &memory);
	if (c) {
		if (!c->bio && !c->pos[0] && !c->pos[1]) {
			/* seen before its socket was set: still the same one */
			c->bio = bio;
			c->fd = fd;
			conn_memory(cfg, c, memory);
			return c;
		}
		conn_tell(ctx, cfg, c, process, EC_CONN_CLOSED);
		bpf_map_delete_elem(&ec_conns, key);
	}
	fresh.id = unique_id();
	fresh.bio = bio;
	fresh.fd = fd;
	fresh.module = t->module;
	fresh.pid = bpf_get_current_pid_tgid() >> 32;
	fresh.target = target;
	conn_memory(cfg, &fresh, memory);
	bpf_map_update_elem(&ec_conns, key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&ec_conns, key);
}

static APART int conn_look(void *ctx, const struct ec_config *cfg, struct ec_conn *c,
			   __u64 process)
{
	if (c->fd >= 0 && conn_pending(c))
		conn_learn_fd(ctx, cfg, c, process, c->fd, EC_HOW_FD);
	return 0;
}

/* The connection of a handle, made if new; NULL: no room, counted by the caller. */
static __always_inline struct ec_conn *conn_get(void *ctx, const struct ec_config *cfg,
						const struct ec_target *t, __u32 target,
						const struct ec_conn_key *key)
{
	struct ec_conn *c = conn_find(ctx, cfg, t, target, key);

	if (c && conn_pending(c))
		conn_look(ctx, cfg, c, key->process);
	return c;
}

static __always_inline void conn_close(void *ctx, const struct ec_config *cfg,
				       __u64 process, __u64 handle)
{
	struct ec_conn_key key = {process, handle};
	struct ec_conn *c = bpf_map_lookup_elem(&ec_conns, &key);

	if (!c)
		return;
	conn_tell(ctx, cfg, c, process, EC_CONN_CLOSED);
	bpf_map_delete_elem(&ec_conns, &key);
}

/* A connection lacks its addresses: the attacher turns the host-wide look-up on. */
static APART int ask_addrs(void *ctx)
{
	struct ec_shared *sh = shared_get();
	__u64 now = bpf_ktime_get_ns();
	struct ec_ask a = {};

	if (!sh || now - sh->asked < EC_ASK_EVERY_NS)
		return 0;
	sh->asked = now;
	a.kind = EC_ASK_ADDRS;
	a.pid = bpf_get_current_pid_tgid() >> 32;
	a.time = now;
	return ask_send(ctx, &a);
}

#endif
