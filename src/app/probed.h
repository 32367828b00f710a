/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Targets that are probed, in the attacher: who uses them, and when they are done with.
 *
 * A target stays while its file can be found by its name, so that the next program is
 * seen from its first byte (not on file systems that come and go), or while any process
 * maps it, or lives where the file does (a container). Then its probes are taken away:
 * they keep a file system from being unmounted for good, and the kernel's memory from
 * being freed. Without the rights to look at all processes (CAP_SYS_PTRACE,
 * CAP_CHECKPOINT_RESTORE) it stays to the end.
 */
#ifndef EC_APP_PROBED_H
#define EC_APP_PROBED_H

#include "capture/session.h"
#include "discover/scan.h"

struct ec_probed;

struct ec_probed_opts {
	struct ec_scan *scan;
	/* A target that is gone, for the worker. */
	void (*record)(void *ctx, const struct ec_rec_target *t);
	void *ctx;
};

int ec_probed_new(const struct ec_probed_opts *o, struct ec_probed **out);
void ec_probed_session(struct ec_probed *p, struct ec_session *s);
void ec_probed_free(struct ec_probed *p); /* what is probed stays so */

/* A file was probed: its record, and what else tells it. 0 or -ENOMEM */
struct ec_probed_file {
	const struct ec_rec_target *rec;
	const struct ec_plan *plan;
	pid_t pid; /* that maps it; 0: none */
	bool keep; /* named by the user */
	unsigned int probes;
};
int ec_probed_add(struct ec_probed *p, const struct ec_probed_file *f);
/* What was learned of it since, "" for nothing; false: it is gone, and that was told. */
bool ec_probed_version(struct ec_probed *p, uint32_t target, const char *version);
bool ec_probed_has(const struct ec_probed *p, uint64_t dev, uint64_t ino);
unsigned int ec_probed_count(const struct ec_probed *p);
unsigned int ec_probed_probes(const struct ec_probed *p);

/* Processes: an ec_use_fn, and the events of ec_watch_ops. */
void ec_probed_use(void *p, uint64_t dev, uint64_t ino, pid_t pid);
extern const struct ec_watch_ops ec_probed_watch_ops;
/* Both fire for one call: one is taken away if they are copies of one file. */
void ec_probed_twice(struct ec_probed *p, uint32_t first, uint32_t second);
/* Looks for what is gone. Call it some times a second: it looks less often. */
void ec_probed_tick(struct ec_probed *p, uint64_t now);

#endif
