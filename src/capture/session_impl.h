/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the room: what session.c (objects, maps) and probes.c (targets) share. */
#ifndef EC_CAPTURE_SESSION_IMPL_H
#define EC_CAPTURE_SESSION_IMPL_H

#include "capture/attach.h"
#include "capture/session.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define EC_SESSION_MODULES 32
#define EC_SESSION_LOOKUPS 2
#define EC_SESSION_LEFT	   256

struct ec_probed {
	uint32_t id;
	struct ec_links links;
	struct ec_links late; /* EC_USE_LATE */
};

/* Its probes are being taken away. */
struct ec_left {
	uint32_t id;
	uint64_t since; /* ns */
};

struct ec_session {
	struct bpf_object *host;
	struct bpf_object *module[EC_SESSION_MODULES];
	unsigned int nmodules;
	struct ec_config config;
	struct ec_features features;
	enum ec_bpf_shape shape;
	bool floor, multi, insn;
	unsigned int uses; /* enum ec_use */
	bool started;
	uint64_t late_until; /* ns; 0: there is nothing to take away */
	bool wire;	     /* bytes at sockets can be looked at: bpf/membio.h */
	struct ec_shared *shared;
	struct ec_counts *counts;
	size_t counts_bytes;
	uint64_t ring_bytes;
	struct ring_buffer *asks;
	struct perf_buffer *perf_asks; /* instead, in shape perf */
	bool asked;
	ec_session_ask_fn *ask_fn;
	void *ask_ctx;
	uint32_t next_target;
	struct ec_probed *targets; /* by id */
	size_t ntargets, targets_cap;
	struct ec_left left[EC_SESSION_LEFT]; /* oldest first */
	size_t nleft;
	struct bpf_link *process_links[3];
	struct bpf_link *lookup[EC_SESSION_LOOKUPS];
};

static inline int ec_session_map(const struct ec_session *s, const char *name)
{
	return bpf_object__find_map_fd_by_name(s->host, name);
}

/* Ends all of a session's probes. */
void ec_session_probes_free(struct ec_session *s, int wait_ms);

#endif
