/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs over memory BIOs receive into memory before they call the library, and send
 * from memory after it: no socket is used inside a call. The bytes themselves lead to it.
 * What lies in the read BIO when a call begins was received by some socket a moment ago;
 * what lies in the write BIO when it returns is what some socket sends next. A few bytes
 * that are random by what TLS is are compared, so order, threads and timing do not matter
 * and there is nothing to guess: what does not match stays without addresses. The other
 * half, at the sockets, is bpf/wire.h.
 */
#ifndef EC_BPF_MEMBIO_H
#define EC_BPF_MEMBIO_H

#include "bpf/conn.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, EC_WIRE_MAX);
	__type(key, struct ec_wire_key);
	__type(value, struct ec_wire);
} ec_wire SEC(".maps");

#define WIRE_BYTES 16
#define REC_HEAD   5 /* RFC 8446 section 5.1: type, version, length */
#define REC_CCS	   20
#define REC_SHAKE  22
#define REC_DATA   23
#define CCS_ALL	   6  /* bytes of a change_cipher_spec record */
#define SHAKE_RAND 11 /* in a hello: record and handshake header, version */

/* A span of the program's memory. */
struct span {
	__u64 at;
	__u64 n;
};

/*
 * Where the random bytes of a record are; 0: none that one may rely on. Of what is not
 * encrypted only the hellos' random and the client's key are random: a certificate, or
 * the head of a ticket, is the same in all connections of a server.
 */
static __always_inline __u64 random_at(const __u8 h[REC_HEAD + 1], int encrypted)
{
	__u8 shake = h[REC_HEAD];

	if (h[1] != 3)
		return 0;
	if (h[0] == REC_DATA)
		return REC_HEAD;
	/* client_hello, server_hello, client_key_exchange */
	if (h[0] == REC_SHAKE && (encrypted || shake == 1 || shake == 2 || shake == 16))
		return SHAKE_RAND;
	return 0;
}

/* The random of a HelloRetryRequest, cf 21 ad 74 e5 9a 61 11 …, is the same for all
 * (RFC 8446 section 4.1.3). */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define RETRY_RANDOM 0x11619ae574ad21cfull
#else
#define RETRY_RANDOM 0xcf21ad74e59a6111ull
#endif

/* What is to be compared of the records that begin at `s`: 0, or there is nothing. */
static __always_inline int wire_key(struct span s, __u32 dir, struct ec_wire_key *k)
{
	__u8 h[REC_HEAD + 1] = {};
	int encrypted = 0;
	__u64 at;

	if (s.n < REC_HEAD + WIRE_BYTES || READ_USER(h, sizeof(h), (void *)s.at))
		return -1;
	if (h[0] == REC_CCS && h[1] == 3 && !h[3] && h[4] == 1) {
		s.at += CCS_ALL;
		s.n -= CCS_ALL;
		encrypted = 1;
		if (READ_USER(h, sizeof(h), (void *)s.at))
			return -1;
	}
	at = random_at(h, encrypted);
	if (!at || s.n < at + WIRE_BYTES ||
	    READ_USER(k->bytes, WIRE_BYTES, (void *)(s.at + at)) ||
	    k->bytes[0] == RETRY_RANDOM)
		return -1;
	k->pid = bpf_get_current_pid_tgid() >> 32;
	k->dir = dir;
	return 0;
}

/* What the fields of a memory BIO are: OpenSSL crypto/bio/bss_mem.c, bss_bio.c, and node
 * src/crypto/crypto_bio.h. Were they others, nothing would match. */
#define BIO_PTR(at)   ((at)->num + 8) /* struct bio_st: num, ptr */
#define NODE_HEAD     48	      /* NodeBIO: read_head_ */
/* Before node 10 it has no virtual functions, and a size where others have a pointer. */
#define NODE_OLD_SIZE 8
#define NODE_OLD_HEAD 32
#define NODE_SIZE_MAX (1 << 20)

struct mem_buf { /* BUF_MEM */
	__u64 length, data;
};

struct usockets_buf { /* struct loop_ssl_data of uSockets, which bun is made with */
	__u64 in, out;
	__u32 in_len, in_at;
};

struct pair_buf { /* struct bio_bio_st */
	__u64 peer, closed, len, offset, size, buf;
};

struct node_buf { /* NodeBIO::Buffer */
	__u64 env, read_pos, write_pos, len, next, data;
};

static __always_inline struct span node_held(__u64 bio)
{
	struct node_buf b = {};
	struct span s = {};
	__u64 head = 0, size = 0;

	if (UREAD(size, bio, NODE_OLD_SIZE))
		return s;
	if (UREAD(head, bio, size && size < NODE_SIZE_MAX ? NODE_OLD_HEAD : NODE_HEAD) ||
	    UREAD(b, head, 0))
		return s;
	/* an emptied one is left at the head until the next read */
	if (b.read_pos == b.write_pos && (!b.next || UREAD(b, b.next, 0)))
		return s;
	s.at = b.data + b.read_pos;
	s.n = b.write_pos - b.read_pos;
	return s;
}

static __always_inline struct span pair_held(const struct bio_at *at, __u64 bio,
					     __u32 dir)
{
	struct pair_buf b = {};
	struct span s = {};
	__u64 peer = 0;

	if (UREAD(b, bio, 0))
		return s;
	/* each end keeps what it writes; what it reads is the other end's */
	if (dir == EC_DIR_RECV && (UREAD(peer, b.peer, BIO_PTR(at)) || UREAD(b, peer, 0)))
		return s;
	s.at = b.buf + b.offset;
	s.n = b.offset + b.len > b.size ? b.size - b.offset : b.len;
	return s;
}

/* Does a record of TLS begin there? */
static __always_inline int span_begins(struct span s)
{
	__u8 h[2] = {};

	return s.n > REC_HEAD && !READ_USER(h, sizeof(h), (void *)s.at) &&
	       h[0] >= REC_CCS && h[0] <= REC_DATA && h[1] == 3;
}

/* Of BIOs without a name, in BoringSSL: memory, or that of uSockets. */
static __always_inline struct span unnamed_held(__u64 bio)
{
	struct usockets_buf u = {};
	struct mem_buf b = {};
	struct span s = {};

	if (UREAD(b, bio, 0))
		return s;
	s.at = b.data;
	s.n = b.length;
	/* a length, and no address */
	if (!(s.n >> 32) && span_begins(s))
		return s;
	if (UREAD(u, bio, 0))
		return s;
	s.at = u.in + u.in_at;
	s.n = u.in_len;
	return s;
}

/* What a BIO holds: to be read by the library (EC_DIR_RECV), or written by it. */
static __always_inline struct span bio_held(const struct ec_target *t, __u64 bio,
					    __u32 dir)
{
	__u64 method = 0, ptr = 0, readp = 0;
	struct mem_buf b = {};
	struct bio_at at = {};
	struct span s = {};
	__u32 type = 0;

	if (!bio || bio_at(t, bio, &at))
		return s;
	method = bio_method(t, bio, &at, &type);
	if (!method || UREAD(ptr, bio, BIO_PTR(&at)))
		return s;
	switch (bio_memory(method, type)) {
	case BIO_MEMORY_PAIR:
		return pair_held(&at, ptr, dir);
	case BIO_MEMORY_NODE:
		return node_held(ptr);
	case BIO_MEMORY_OWN:
		if (t->bio_num == EC_KOFF_SELF)
			return unnamed_held(ptr);
		if (UREAD(readp, ptr, 8) || UREAD(b, readp, 0))
			return s;
		s.at = b.data;
		s.n = b.length;
		return s;
	default: /* or a buffer in front of it, while the handshake lasts */
		if (t->bio_num == EC_KOFF_SELF && type & BIO_TYPE_SOURCE &&
		    !(type & BIO_TYPE_DESCRIPTOR))
			return unnamed_held(ptr);
		return s;
	}
}

/* The look-up at the sockets is told that this process is worth it. */
static __always_inline void memory_lacks(void)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct ec_proc *p = bpf_map_lookup_elem(&ec_procs, &pid);

	if (p)
		p->memory = bpf_ktime_get_ns();
}

/* User space holds the first messages back for this. */
static __always_inline void memory_found(void *ctx, const struct ec_config *cfg,
					 const struct ec_conn *c, __u64 process)
{
	if (c->addrs.family && (c->call[0] || c->call[1] || c->waits))
		emit_conn(ctx, cfg, c, process, EC_CONN_ADDRS);
}

/* A call begins: who received what it is going to read? */
static APART int memory_read(void *ctx, const struct ec_config *cfg,
			     const struct ec_target *t, struct ec_conn *c, __u64 process)
{
	struct ec_counts *n = counts_get();
	struct ec_wire_key key = {};
	struct ec_wire *w;

	memory_lacks();
	if (c->asked) {
		conn_take_answer(c);
		return 0;
	}
	if (wire_key(bio_held(t, c->bio, EC_DIR_RECV), EC_DIR_RECV, &key))
		return 0;
	w = bpf_map_lookup_elem(&ec_wire, &key);
	if (n)
		COUNT_ADD(n->lookups, 1);
	if (!w || w->many)
		return 0;
	if (w->fd >= 0) {
		conn_learn_fd(ctx, cfg, c, process, w->fd, EC_HOW_BYTES);
		return 0;
	}
	c->addrs = w->addrs;
	if (n)
		COUNT_ADD(n->found, 1);
	memory_found(ctx, cfg, c, process);
	return 0;
}

/* A call returns: who sends what it has written? */
static APART int memory_wrote(const struct ec_target *t, const struct ec_conn *c,
			      __u64 process, __u64 handle)
{
	struct ec_wire_key key = {};
	struct ec_wire w = {};
	__u64 bio = 0;

	memory_lacks();
	if (t->wbio == EC_KOFF_NONE || UREAD(bio, handle, t->wbio) ||
	    wire_key(bio_held(t, bio, EC_DIR_SENT), EC_DIR_SENT, &key))
		return 0;
	w.conn.process = process;
	w.conn.handle = handle;
	w.id = c->id;
	bpf_map_update_elem(&ec_wire, &key, &w, BPF_ANY);
	return 0;
}

#endif
