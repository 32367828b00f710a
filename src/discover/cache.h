/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plans that were made before, so that files are not read again at every start and for
 * every container. Found in two ways:
 *
 *   by file       attacher: the very same file, unchanged; nothing of it is read. Files
 *                 that hold nothing to probe are known as well.
 *   by build id   planner: another file of the same contents. A build id can be forged,
 *                 so the whole file is hashed, with a key that is the cache's secret.
 *
 * The planner has the copy that it is forked with. On the disk it is for this build alone
 * and for nobody else; what is not trusted is made anew. Not for several threads.
 */
#ifndef EC_DISCOVER_CACHE_H
#define EC_DISCOVER_CACHE_H

#include "model/plan.h"
#include "target/file.h"
#include <stdbool.h>

/* At most; those that were used longest ago go first. */
#define EC_CACHE_FILES 4096
#define EC_CACHE_PLANS 512
#define EC_CACHE_NOTHINGS                                             \
	256 /* different answers "nothing to probe"; files share them \
	     */

/* A file and the state it is in. Compared as bytes: no padding. */
struct ec_file_id {
	uint64_t dev, ino;
	uint64_t size;
	int64_t mtime, ctime, btime; /* ns since 1970; btime 0: not kept */
	uint64_t fs;		     /* type of file system */
	uint64_t mount;		     /* where `dev` alone may soon be another's, else 0 */
	uint64_t usable; /* 0: changed a moment ago, or times that prove nothing */
};

struct ec_cache;

enum ec_cache_hit { EC_CACHE_MISS, EC_CACHE_PLAN, EC_CACHE_NOTHING };

/*
 * To be had before the file is given to the planner: what is written meanwhile then makes
 * it another one. 0 also when it is not usable (nothing is found and kept for it then);
 * -errno of statx(2), fstatfs(2).
 */
int ec_file_id_get(int fd, struct ec_file_id *out);

/*
 * Reads what is at `path`, if it can be trusted; else, or with NULL (memory only), begins
 * empty. `path` is copied. 0, -ENOMEM
 */
int ec_cache_open(const char *path, struct ec_cache **out);
void ec_cache_free(struct ec_cache *c); /* writes nothing */

/*
 * *err is what the planner answered: 0 for a plan, else as module.h says, with out->why
 * where it gave a reason. `out` and `err` are untouched by a miss. `id` NULL: a miss.
 */
enum ec_cache_hit ec_cache_by_file(struct ec_cache *c, const struct ec_file_id *id,
				   unsigned int module, struct ec_plan *out, int *err);
/* The plan of a file of the same contents. Hashes `f` only if the build id is known. */
bool ec_cache_by_build_id(struct ec_cache *c, const struct ec_file *f,
			  unsigned int module, struct ec_plan *out);
/*
 * Planner: what the module's plan() answers, from the cache where it can be, else by it
 * and kept. Fills build_id, file_size and check where the file has a build id and at most
 * EC_FILE_SNAPSHOT bytes: plan and check must be of the same bytes, so both are taken of
 * a copy. Else someone could have his file planned for and let it become another's, byte
 * for byte, before it is hashed.
 */
int ec_cache_plan(struct ec_cache *c, const struct ec_file *f, unsigned int module,
		  struct ec_plan *out);

/*
 * An answer of the planner; not for one that died over the file. `id` NULL: kept by build
 * id alone. Answers that say nothing of the contents (-ENOMEM) and plans that
 * ec_plan_check() refuses are not kept.
 */
void ec_cache_put(struct ec_cache *c, const struct ec_file_id *id, unsigned int module,
		  int err, const struct ec_plan *plan);

/* At the end: on the disk when it returns, if there is anything new. 0 or -errno, which
 * was said with one debug line. */
int ec_cache_save(struct ec_cache *c);
/* Now and then: the same when the last time is 30 s ago, without waiting for the disk. */
void ec_cache_tick(struct ec_cache *c);

size_t ec_cache_files(const struct ec_cache *c);
size_t ec_cache_plans(const struct ec_cache *c);

#endif
