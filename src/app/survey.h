/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A survey: every process, every executable file that it maps, and what the planner says
 * of each file; nothing is probed. For `targets` and `explain`.
 */
#ifndef EC_APP_SURVEY_H
#define EC_APP_SURVEY_H

#include "base/map.h"
#include "discover/scan.h"
#include "host/container.h"
#include "host/proc.h"
#include "modules/module.h"
#include "privsep/child.h"

#define EC_SURVEY_WAITING 64 /* open files at a time */

struct ec_survey_file {
	char *path;   /* as the process that was met first maps it */
	uint64_t dev; /* st_dev */
	bool deleted;
	bool by_name;	      /* its name is a library's of ours */
	unsigned int users;   /* processes */
	unsigned int last;    /* process that was met last, number + 1 */
	int err;	      /* 0: can be probed; -ENOENT: nothing to probe; -errno */
	bool broke;	      /* the planner ended at it, or took too long */
	unsigned int module;  /* EC_PLAN_ANY: none */
	struct ec_plan *plan; /* NULL: nothing was recognised */
	char version[32];     /* that it says for a library beside it, "": none */
};

struct ec_survey_process {
	pid_t pid;
	char comm[16];
	struct ec_container container; /* id "": in none */
	int err;		       /* -EACCES: its maps may not be read */
	unsigned int unopened;	       /* mapped files that could not be opened */
	unsigned int nfiles;
	unsigned int exe;    /* number + 1 of its program, 0: not known */
	unsigned int *files; /* numbers */
};

struct ec_survey {
	struct ec_survey_process *processes;
	unsigned int nprocesses;
	struct ec_survey_file *files;
	unsigned int nfiles;
	unsigned int denied; /* processes */
	unsigned int deaths; /* of planners */
	unsigned int answers;

	/* inside */
	struct ec_child planner;
	struct ec_scan *scan;
	struct ec_map *known; /* dev, ino → number of the file + 1 */
	char *body;
	int failed; /* -errno that ends the survey */
	unsigned int process_room, file_room, link_room;
	struct {
		unsigned int file;
		int fd;
	} waiting[EC_SURVEY_WAITING]; /* a ring: the first `flying` are asked for */
	unsigned int head, nwaiting, flying;
};

/*
 * pids NULL: all processes but us; `search_path`: libraries there as well. 0 or -errno;
 * free either way.
 */
int ec_survey_run(struct ec_survey *s, const pid_t *pids, size_t npids, bool search_path);
void ec_survey_free(struct ec_survey *s);

#endif
