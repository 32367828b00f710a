/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes on functions of this program: to read kernel memory (capture/peek.h), and to see
 * whether probes work here at all.
 */
#ifndef EC_CAPTURE_OWN_H
#define EC_CAPTURE_OWN_H

#include "capture/attach.h"

struct ec_own {
	uintptr_t function; /* its address; the first instruction is one that the kernel
			       emulates, so that it costs little */
	int program;	    /* loaded for the kind below */
	bool multi;	    /* by uprobe_multi, else by perf event */
	bool is_return;
	pid_t pid; /* who calls it: a process if the kernel takes that, else a thread */
};

/* 0 or -errno: -ENOENT where /proc is not mounted or not ours. */
int ec_own_attach(struct ec_links *l, const struct ec_own *o,
		  const struct ec_features *f);

/*
 * A program that counts how often it runs, and the function that it is meant for, which
 * takes nothing and returns EC_OWN_VALUE.
 */
struct ec_own_count {
	int map, program;
};
#define EC_OWN_VALUE 42
int ec_own_here(void);
int ec_own_count_new(struct ec_own_count *c, bool multi); /* 0 or -errno */
int ec_own_count_get(const struct ec_own_count *c, uint64_t *n);
void ec_own_count_free(struct ec_own_count *c);

/*
 * Attaches to ec_own_here(), calls it `calls` times in the calling thread, detaches.
 * How often the program ran, or -errno.
 */
int ec_own_try(const struct ec_features *f, bool multi, bool is_return, int calls);

#endif
