/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Life of the BPF objects, in the attacher: open → attach → … → stop → free. Everything
 * that is attached hangs on descriptors of the calling process and goes with it.
 */
#ifndef EC_CAPTURE_SESSION_H
#define EC_CAPTURE_SESSION_H

#include "capture/ring.h"
#include "host/features.h"
#include "modules/module.h"
#include <sys/types.h>

struct ec_session;

struct ec_session_opts {
	const struct ec_features *features;
	const struct ec_config *config; /* copied */
	enum ec_bpf_shape shape;
	uint64_t ring_bytes; /* of the ring or of each CPU's buffer; rounded up to a
				power of two of pages */
	bool floor;	     /* attach empty programs (make bench) */
	bool perf;	     /* perf-event probes even where uprobe_multi is there */
	bool insn;	     /* no return probes: returns are seen on instructions */
	unsigned int uses;   /* enum ec_use: which programs and points */
};

/* Loads all objects. 0 or -errno; `why` gets the failing step. */
int ec_session_open(const struct ec_session_opts *o, struct ec_session **out,
		    char why[160]);
/* Offsets of kernel fields, before anything is attached. 0 or -errno */
int ec_session_koffs(struct ec_session *s, const struct ec_koffs *k);
/* The reading end of the transport, the caller's. 0 or -errno */
int ec_session_ring(const struct ec_session *s, struct ec_ring **out);
/*
 * The programs' counters in shared memory; valid until ec_session_free(), also in
 * children. Where the kernel cannot map them (shape perf) they are as of the last
 * ec_session_counts_sync(), elsewhere that does nothing.
 */
const struct ec_counts *ec_session_counts(const struct ec_session *s);
void ec_session_counts_sync(struct ec_session *s);

int ec_session_pid_add(struct ec_session *s, pid_t pid);
int ec_session_pid_del(struct ec_session *s, pid_t pid);
bool ec_session_pid_known(const struct ec_session *s, pid_t pid); /* or a descendant */
/* Takes out those that are not alive. Is one left? */
bool ec_session_pids_prune(struct ec_session *s, bool (*alive)(pid_t pid));
int ec_session_uid_add(struct ec_session *s, uid_t uid);
/*
 * The i-th folder on cgroup v2, one more than before or another one in the place of what
 * was there: processes in it and below. The descriptor stays the caller's.
 */
int ec_session_cgroup(struct ec_session *s, unsigned int i, int fd);

/* Programs for fork, exec and exit. 0 or -errno */
int ec_session_host(struct ec_session *s);
/*
 * The host-wide look-up of addresses, on or off. Which: the sock tracepoints, or the
 * system call's below 6.3 or when `ways` leaves those out. 0 or -errno
 */
int ec_session_lookup(struct ec_session *s, bool on);
bool ec_session_lookup_on(const struct ec_session *s);
/*
 * Readable when programs ask for something; ec_session_asks() takes all: EC_ASK_ADDRS is
 * its value (the look-up is wanted), the others go to the callback.
 */
typedef void ec_session_ask_fn(void *ctx, const struct ec_ask *a);
int ec_session_asks_fd(const struct ec_session *s);
bool ec_session_asks(struct ec_session *s, ec_session_ask_fn *fn, void *ctx);
/* The answer to EC_ASK_WHO. 0 or -errno */
int ec_session_verdict(struct ec_session *s, uint64_t process, enum ec_verdict v);
/* The answer to EC_ASK_FD; family 0: there are no addresses. 0 or -errno */
int ec_session_answer(struct ec_session *s, uint64_t conn, const struct ec_addrs *a);

/* Are returns seen on instructions? Then a plan that says no_insn is not to be attached.
 */
bool ec_session_insn(const struct ec_session *s);
/* Of a plan's points: how many this session probes. */
unsigned int ec_session_points(const struct ec_session *s, const struct ec_plan *plan);
/*
 * Probes a file by its plan. pids: only these (bound by the kernel where it can), n = 0:
 * every process. `fd` stays the caller's. 0 with *target and *probes; -ENOSPC; -errno.
 * On failure nothing of it stays attached.
 */
int ec_session_attach(struct ec_session *s, int fd, unsigned int module,
		      const struct ec_plan *plan, const pid_t *pids, size_t npids,
		      uint32_t *target, unsigned int *probes);
/*
 * Another target is the same file: this one's probes are taken away, but calls that began
 * under them, and wait for a peer perhaps for hours, return by the other one's. For those
 * it stays known until ec_session_detach().
 */
void ec_session_leave(struct ec_session *s, uint32_t target);
/*
 * Takes the probes of a target away, which the kernel does in its own time: they may fire
 * for a while yet, and what they say of the target is right. Its id is not used again.
 */
void ec_session_detach(struct ec_session *s, uint32_t target);
/* Now and then: forgets targets whose probes are surely gone. */
void ec_session_sweep(struct ec_session *s);

/*
 * Points for connections that are older than the capture are put on targets until this is
 * called, and taken away `ns` later (by ec_session_sweep()).
 */
void ec_session_started(struct ec_session *s, uint64_t ns);

/* Programs return at once from now on; what they had begun is in the ring on return. */
void ec_session_stop(struct ec_session *s);
typedef void ec_session_conn_fn(void *ctx, const struct ec_conn_key *key,
				const struct ec_conn *c);
/* Every connection still in the table. */
void ec_session_each_conn(struct ec_session *s, ec_session_conn_fn *fn, void *ctx);
void ec_session_free(struct ec_session *s);

#endif
