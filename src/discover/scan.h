/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which files to probe: running processes' maps first, then the library search path
 * (/etc/ld.so.conf with its includes, /lib64 /usr/lib64 /lib /usr/lib and Debian's
 * multiarch folders), each file once by device and inode.
 */
#ifndef EC_DISCOVER_SCAN_H
#define EC_DISCOVER_SCAN_H

#include "host/proc.h"
#include "modules/module.h"

struct ec_candidate {
	const struct ec_module *module;
	unsigned int module_index;
	int fd; /* open for reading; the callback may keep it by setting it to -1 */
	uint64_t dev, ino; /* of fstat(2) on fd: st_dev, st_ino */
	const char *path;
	pid_t pid; /* process that maps it, 0: from the search path */
	const struct ec_mapping *mapping; /* … and where; NULL: from the search path */
};

typedef int ec_candidate_fn(void *ctx, struct ec_candidate *c);

struct ec_scan;
int ec_scan_new(struct ec_scan **out);
void ec_scan_free(struct ec_scan *s);
/* A process maps a file that was handed on before; told after that, too. */
typedef void ec_use_fn(void *ctx, uint64_t dev, uint64_t ino, pid_t pid);
void ec_scan_on_use(struct ec_scan *s, ec_use_fn *fn, void *ctx);
/* The next time that it is met it is handed on again. */
void ec_scan_forget(struct ec_scan *s, uint64_t dev, uint64_t ino);
/* Every file is handed on, once, whatever modules want: `module` is NULL then. */
void ec_scan_everything(struct ec_scan *s);
/* One process. 0; -ESRCH, -EACCES: it cannot be looked at; or fn's value. */
int ec_scan_process(struct ec_scan *s, pid_t pid, ec_candidate_fn *fn, void *ctx);
/* How many mapped files could not be opened. */
unsigned int ec_scan_unopened(const struct ec_scan *s);
/* Hands on files not seen before by this scan. pids NULL: all processes. 0 or fn's. */
int ec_scan_processes(struct ec_scan *s, const pid_t *pids, size_t n, ec_candidate_fn *fn,
		      void *ctx);
int ec_scan_search_path(struct ec_scan *s, ec_candidate_fn *fn, void *ctx);
/* One named file, opened by the caller, for a module; not handed on again later. */
int ec_scan_add(struct ec_scan *s, uint64_t dev, uint64_t ino);
/* How many processes could not be read for want of rights. */
unsigned int ec_scan_denied(const struct ec_scan *s);

/*
 * Mappings as they appear, system-wide, without polling: one dummy perf event a CPU with
 * MMAP2 records. Files whose base name a module wants are handed on as above.
 */
struct ec_watch;
int ec_watch_new(struct ec_scan *s, ec_candidate_fn *fn, void *ctx,
		 struct ec_watch **out);
void ec_watch_free(struct ec_watch *w);
int ec_watch_fd(const struct ec_watch *w); /* one for all CPUs, to wait on: POLLIN */
size_t ec_watch_count(const struct ec_watch *w); /* of CPUs */
int ec_watch_read(struct ec_watch *w);		 /* when it is readable; fn's value */
/* Processes as they come and go, told by ec_watch_read(). Each may be NULL. */
struct ec_watch_ops {
	void (*fork)(void *ctx, pid_t parent, pid_t child);
	void (*exec)(void *ctx, pid_t pid);
	void (*exit)(void *ctx, pid_t pid);
};
void ec_watch_processes(struct ec_watch *w, const struct ec_watch_ops *ops, void *ctx);
/*
 * Nobody tells of CPUs that came, and the watch of one that was off, as when the host
 * sleeps, is gone for good: call this now and then. How many CPUs are watched anew (what
 * happened there before was not seen), or -errno, or fn's value.
 */
int ec_watch_cpus(struct ec_watch *w);
uint64_t ec_watch_lost(const struct ec_watch *w);

/*
 * Folders of the library search path: a library that is put there (an upgrade) is handed
 * on before a program loads it. One descriptor to wait on; 0 or -errno.
 */
struct ec_places;
int ec_places_new(struct ec_scan *s, ec_candidate_fn *fn, void *ctx,
		  struct ec_places **out);
void ec_places_free(struct ec_places *p);
int ec_places_fd(const struct ec_places *p);
/* All that there is to tell; the first value of fn that is not 0. */
int ec_places_read(struct ec_places *p);

#endif
