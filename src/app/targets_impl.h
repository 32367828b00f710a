/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of targets: what targets.c (files → planner → probes) and finding.c share. */
#ifndef EC_APP_TARGETS_IMPL_H
#define EC_APP_TARGETS_IMPL_H

#include "app/beside.h"
#include "app/probed.h"
#include "app/targets.h"
#include "discover/cache.h"
#include "privsep/child.h"

/* A file on its way. */
struct ec_tfile {
	struct ec_tfile *next;
	uint32_t id;
	int fd;
	unsigned int module;
	uint64_t dev, ino;
	uint64_t asked; /* ns; 0: not yet */
	pid_t pid;	/* that maps it; 0: none */
	bool named;
	bool cachable;
	struct ec_file_id file_id;
	/* It was opened for its version, which this target lacks; then owned. Else NULL.
	 */
	struct ec_beside *of;
	bool by_name; /* its name says that it is a library of the module */
	char path[256];
};

/* A target that is probed and not told yet: its version is looked for. */
struct ec_beside {
	struct ec_rec_target rec;
	struct ec_plan plan;
};

struct ec_targets {
	struct ec_targets_opts o;
	struct ec_child planner;
	struct ec_source *planner_source, *watchdog;
	struct ec_scan *scan;
	struct ec_watch *watch;
	struct ec_places *places;
	struct ec_probed *probed;
	struct ec_cache *cache;
	struct ec_remarks remarks;
	struct ec_tfile *first, **last;
	unsigned int waiting, flying;
	uint32_t next_id;
	unsigned int deaths;
	bool finding; /* more comes at once: nothing is settled */
	uint64_t others, lost;
	int failed;
	pid_t pids[EC_OPT_LIST_MAX];
	size_t npids;
	char *body;
};

/* One file more; owns fd. NULL: out of memory. Then ec_targets_begin(). */
struct ec_tfile *ec_targets_file_add(struct ec_targets *t, int fd, const char *path,
				     uint64_t dev, uint64_t ino);
/* Its plan from the cache, or the planner is asked when it can take one more. `f` is not
 * the caller's any more. */
void ec_targets_begin(struct ec_targets *t, struct ec_tfile *f);
/* The end of its way: probed, or refused (`err`, or no points); told, and freed. NULL
 * with an error: there is no plan. */
void ec_targets_answered(struct ec_targets *t, struct ec_tfile *f, int err,
			 struct ec_plan *plan);
void ec_targets_file_free(struct ec_tfile *f);

#endif
