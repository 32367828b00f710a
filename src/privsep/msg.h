/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages between the three processes: one datagram of a SOCK_SEQPACKET socketpair each,
 * a head and a body, with at most one descriptor. Receivers check type, length and body:
 * planner and worker read hostile bytes, the attacher must not believe them.
 */
#ifndef EC_PRIVSEP_MSG_H
#define EC_PRIVSEP_MSG_H

#include <stddef.h>
#include <stdint.h>

enum ec_msg_type {
	EC_MSG_NONE = 0,
	/* attacher → planner; a descriptor comes along */
	EC_MSG_PLAN, /* id; arg: module index or EC_PLAN_ANY; body: none, or struct
			ec_plan_ask */
	/* planner → attacher */
	EC_MSG_PLANNED, /* id; err; arg: module index or EC_PLAN_ANY; body struct ec_plan
			 */
	/* attacher → worker */
	EC_MSG_RECORD,	 /* body: one record (abi/record.h) */
	EC_MSG_COUNTERS, /* show counters now (SIGUSR1) */
	EC_MSG_FLUSH,	 /* flush files (SIGUSR2) */
	EC_MSG_REOPEN,	 /* arg: index of the output; its new descriptor comes along */
	EC_MSG_LOG,	 /* the run log's new descriptor comes along */
	EC_MSG_STOP,	 /* no more records: drain, answer EC_MSG_DRAINED; arg 1: it never
			    began */
	EC_MSG_END,	 /* last words were EC_MSG_RECORDs: close, answer EC_MSG_DONE */
	/* worker → attacher */
	EC_MSG_UP,	/* worker runs without rights */
	EC_MSG_ENOUGH,	/* -c COUNT is reached: stop */
	EC_MSG_BROKEN,	/* an output cannot be written; err; stop (-EPIPE: quietly) */
	EC_MSG_DRAINED, /* the ring is empty: tell where connections stand */
	EC_MSG_DONE,	/* arg: exit code; body: struct ec_account */
	EC_MSG__N,
};

struct ec_msg {
	uint32_t type;
	uint32_t len; /* of the body */
	uint32_t id;
	uint32_t arg;
	int32_t err; /* 0 or -errno */
	uint32_t pad;
};

#define EC_MSG_BODY_MAX 32768
/*
 * A survey: the first module that finds points; else what one refuses by name; else what
 * is recognised though no module is for it. In the answer: no module has it.
 */
#define EC_PLAN_ANY	0xffff

/* 0 or -errno. fd -1: none; it stays the caller's. Waits while the socket is full. */
int ec_msg_send(int sock, const struct ec_msg *m, const void *body, int fd);
/*
 * One message. *fd gets a descriptor (the caller's then) or -1; body must hold
 * EC_MSG_BODY_MAX bytes. 0; -EAGAIN; -EPIPE the other side is gone; -EBADMSG.
 */
int ec_msg_recv(int sock, struct ec_msg *m, void *body, int *fd);

#endif
