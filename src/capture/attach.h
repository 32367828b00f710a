/* SPDX-License-Identifier: GPL-2.0-only */
/* One probe on one file, by uprobe_multi or perf event, through raw bpf(2): libbpf of
 * Debian 12 does not know the former. */
#ifndef EC_CAPTURE_ATTACH_H
#define EC_CAPTURE_ATTACH_H

#include "host/features.h"
#include <sys/types.h>

/* enum bpf_attach_type BPF_TRACE_UPROBE_MULTI (kernel 89ae89f53d20, v6.6) */
#define EC_ATTACH_UPROBE_MULTI 48

struct ec_attach_point {
	int program;
	int fd; /* of the file */
	uint64_t offset;
	uint64_t cookie;
	bool is_return;
	pid_t pid; /* 0: every process */
};

/* Descriptors that keep probes attached. */
struct ec_links {
	int *fds;
	size_t n, cap;
};

int ec_attach_multi(struct ec_links *l, const struct ec_attach_point *a);
int ec_attach_perf(struct ec_links *l, const struct ec_attach_point *a,
		   const struct ec_features *f);
/* Moves all of `from` to `to`. 0 or -ENOMEM (then `from` is closed) */
int ec_links_take(struct ec_links *to, struct ec_links *from);
/* Closes all: several threads, because each close waits for the kernel's grace periods
 * and those of different threads pass together. */
void ec_links_close(struct ec_links *l);
/* The same without waiting: a thread does it. */
void ec_links_close_later(struct ec_links *l);
/*
 * For perf-event probes, each of which takes the kernel up to 0.2 s to take away, one
 * after the other however many threads ask: a process of its own, `ec-retire`, does it,
 * with nothing else open. Returns when it is done or after `wait_ms`, whichever is first.
 */
void ec_links_retire(struct ec_links *l, int wait_ms);

#endif
