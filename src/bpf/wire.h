/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sockets' half of bpf/membio.h: which socket moved the bytes that pass through the
 * memory of a process's TLS objects. Since 6.3 a tracepoint tells the socket, and the
 * registers of the task the buffer; else the end of the system call tells descriptor and
 * buffer.
 */
#ifndef EC_BPF_WIRE_H
#define EC_BPF_WIRE_H

#include "bpf/membio.h"

struct user_iov {
	__u64 base, len;
};

#if defined(__TARGET_ARCH_x86)
#define SYS_READ     0
#define SYS_WRITE    1
#define SYS_READV    19
#define SYS_WRITEV   20
#define SYS_SENDTO   44
#define SYS_RECVFROM 45
#define SYS_SENDMSG  46
#define SYS_RECVMSG  47
#define SYS_RECVMMSG 299
#define SYS_SENDMMSG 307
#define REGS_NR(r)   (&((struct pt_regs *)(r))->orig_rax)
#define REGS_ARG1(r) (&((struct pt_regs *)(r))->rdi)
#define REGS_ARG2(r) (&((struct pt_regs *)(r))->rsi)
#define REGS_ARG3(r) (&((struct pt_regs *)(r))->rdx)
#else
#define SYS_READ     63
#define SYS_WRITE    64
#define SYS_READV    65
#define SYS_WRITEV   66
#define SYS_SENDTO   206
#define SYS_RECVFROM 207
#define SYS_SENDMSG  211
#define SYS_RECVMSG  212
#define SYS_RECVMMSG 243
#define SYS_SENDMMSG 269
/* kernel: struct pt_regs begins with user_pt_regs, orig_x0, syscallno; at the end of a
 * call its result lies in regs[0] */
#define REGS_NR(r)   ((void *)(r) + sizeof(struct user_pt_regs) + 8)
#define REGS_ARG1(r) ((void *)(r) + sizeof(struct user_pt_regs))
#define REGS_ARG2(r) (&((struct user_pt_regs *)(r))->regs[1])
#define REGS_ARG3(r) (&((struct user_pt_regs *)(r))->regs[2])
#endif
#define MSGHDR_IOV  16
#define MMSGHDR_LEN 56 /* struct mmsghdr: a msghdr, bytes of it that were moved */

/* A system call that moves bytes by a descriptor. */
struct moving {
	__s32 fd;
	__u32 dir;	 /* enum ec_dir */
	struct span buf; /* of the first buffer what has been moved */
};

static __always_inline int moving_iov(struct moving *m, __u64 at)
{
	struct user_iov v = {};

	if (UREAD(v, at, 0))
		return -1;
	m->buf.at = v.base;
	m->buf.n = v.len;
	return 0;
}

static __always_inline int moving_msg(struct moving *m, __u64 at)
{
	return UREAD(at, at, MSGHDR_IOV) || moving_iov(m, at);
}

/*
 * What the call of these registers moves, `ret` bytes of it; `ended`: that is its result,
 * of some a number of messages. What it could not send is still what it was to send. -1:
 * nothing that we know (an io_uring's).
 */
static __always_inline int moving_get(__u64 regs, __s64 ret, int ended, struct moving *m)
{
	__u64 fd = 0, at = 0, n = 0;
	__u32 nr = 0, len = 0;

	if (READ_KERNEL(&nr, sizeof(nr), REGS_NR(regs)))
		return -1;
	m->dir = EC_DIR_RECV;
	switch (nr) {
	case SYS_WRITE:
	case SYS_SENDTO:
	case SYS_WRITEV:
	case SYS_SENDMSG:
	case SYS_SENDMMSG:
		m->dir = EC_DIR_SENT;
		break;
	case SYS_READ:
	case SYS_RECVFROM:
	case SYS_READV:
	case SYS_RECVMSG:
	case SYS_RECVMMSG:
		break;
	default:
		return -1;
	}
	if (ret < 0 && m->dir == EC_DIR_RECV)
		return -1;
	if (READ_KERNEL(&fd, 8, REGS_ARG1(regs)) ||
	    READ_KERNEL(&at, 8, REGS_ARG2(regs)) || READ_KERNEL(&n, 8, REGS_ARG3(regs)))
		return -1;
	m->fd = fd;
	m->buf.at = at;
	m->buf.n = n;
	if (nr == SYS_READV || nr == SYS_WRITEV) {
		if (moving_iov(m, at))
			m->buf.n = 0;
	} else if (nr == SYS_SENDMSG || nr == SYS_RECVMSG) {
		if (moving_msg(m, at))
			m->buf.n = 0;
	} else if (nr == SYS_SENDMMSG || nr == SYS_RECVMMSG) {
		if ((ended && UREAD(len, at, MMSGHDR_LEN)) || moving_msg(m, at))
			m->buf.n = 0;
		if (ended && ret > 0)
			ret = len;
	}
	if (ret >= 0 && m->buf.n > (__u64)ret)
		m->buf.n = ret;
	return 0;
}

static __always_inline int addrs_equal(const struct ec_addrs *a, const struct ec_addrs *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3] &&
	       x[4] == y[4];
}

/* Where no kernel offsets are known the descriptor stands for the addresses. */
static __always_inline int wire_socket(const struct ec_config *cfg, __u64 sk, __s32 fd,
				       struct ec_wire *w)
{
	if (!sk && cfg->koffs.socket_sk == EC_KOFF_NONE) {
		w->fd = fd;
		return 0;
	}
	w->fd = -1;
	if (!sk)
		sk = sock_of_fd(&cfg->koffs, fd);
	return sk && sock_addrs(&cfg->koffs, sk, EC_HOW_BYTES, &w->addrs) == SOCK_YES
		       ? 0
		       : -1;
}

/* Received: noted, for the call that is going to read it. */
static __always_inline void wire_received(const struct ec_config *cfg,
					  const struct moving *m, __u64 sk)
{
	struct ec_wire_key key = {};
	struct ec_wire w = {}, *old;

	if (wire_key(m->buf, EC_DIR_RECV, &key) || wire_socket(cfg, sk, m->fd, &w))
		return;
	old = bpf_map_lookup_elem(&ec_wire, &key);
	if (!old)
		bpf_map_update_elem(&ec_wire, &key, &w, BPF_NOEXIST);
	else if (old->fd != w.fd || !addrs_equal(&old->addrs, &w.addrs))
		old->many = 1; /* handed on inside the process */
}

/* Sent: if a call has written it just before, this is its socket. */
static __always_inline void wire_sent(void *ctx, const struct ec_config *cfg,
				      const struct moving *m, __u64 sk)
{
	struct ec_wire_key key = {};
	struct ec_conn_key conn;
	struct ec_wire *w;
	struct ec_conn *c;

	if (wire_key(m->buf, EC_DIR_SENT, &key))
		return;
	w = bpf_map_lookup_elem(&ec_wire, &key);
	if (!w)
		return;
	conn = w->conn;
	c = bpf_map_lookup_elem(&ec_conns, &conn);
	if (c && c->id == w->id && conn_pending(c)) {
		if (sk)
			conn_learn(cfg, c, sk, EC_HOW_BYTES);
		else
			conn_learn_fd(ctx, cfg, c, conn.process, m->fd, EC_HOW_BYTES);
		memory_found(ctx, cfg, c, conn.process);
	}
	bpf_map_delete_elem(&ec_wire, &key);
}

/* Is a connection over memory of this process looked for? */
static __always_inline int wire_wanted(const struct ec_proc *p)
{
	return p->memory && bpf_ktime_get_ns() - p->memory <= EC_WIRE_KEEP_NS;
}

/* `sk`: the socket, 0: to be found by the descriptor. */
static __always_inline void wire_seen(void *ctx, const struct ec_config *cfg,
				      const struct moving *m, __u64 sk)
{
	if (m->dir == EC_DIR_RECV)
		wire_received(cfg, m, sk);
	else
		wire_sent(ctx, cfg, m, sk);
}

#endif
