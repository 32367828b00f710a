/* SPDX-License-Identifier: GPL-2.0-only */
/* Plans and files by number, and a folder to keep them in. For the tests of the cache. */
#ifndef EC_TESTS_UNIT_DISCOVER_CACHES_H
#define EC_TESTS_UNIT_DISCOVER_CACHES_H

#include "base/util.h"
#include "discover/cache_file.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Sound for the first module, and no two alike. */
static inline struct ec_plan caches_plan(unsigned int n)
{
	struct ec_plan p;

	memset(&p, 0, sizeof(p));
	p.npoints = 8;
	p.build_id_len = 20;
	p.file_size = 1000 + n;
	p.check = n;
	memcpy(p.build_id, &n, sizeof(n));
	snprintf(p.library, sizeof(p.library), "Library");
	snprintf(p.version, sizeof(p.version), "3.0.%u", n);
	snprintf(p.how, sizeof(p.how), "by number");
	for (unsigned int i = 0; i < p.npoints; i++) {
		p.points[i].offset = 4096 + 64 * i + n;
		p.points[i].is_return = i & 1;
		p.points[i].use = EC_USE_DATA;
		p.points[i].shape = i % EC_SHAPE__N;
		snprintf(p.points[i].name, sizeof(p.points[i].name), "function_%u", i);
	}
	return p;
}

static inline struct ec_file_id caches_id(unsigned int n)
{
	return (struct ec_file_id){.dev = 0x801,
				   .ino = 100 + n,
				   .size = 1000 + n,
				   .mtime = 1000000007,
				   .ctime = 1000000009 + n,
				   .btime = 1000000005,
				   .fs = 0xef53,
				   .usable = 1};
}

/* For ec_map_each(): makes a plan that no module makes. */
#define CACHES_MARK "found in the cache"
static inline bool caches_mark(void *ctx, const void *key, void *value)
{
	struct ec_answer *a = value;

	strcpy((char *)a->plan + offsetof(struct ec_plan, how), CACHES_MARK);
	return true;
}

static char caches_dir[64];

static inline void caches_dir_make(void)
{
	strcpy(caches_dir, "/tmp/ec_cache_XXXXXX");
	if (!mkdtemp(caches_dir))
		abort();
}

static inline void caches_path(char out[256], const char *name)
{
	snprintf(out, 256, "%s/%s", caches_dir, name);
}

/* How many files are in it. */
static inline int caches_dir_count(void)
{
	DIR *d = opendir(caches_dir);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static inline void caches_dir_remove(void)
{
	DIR *d = opendir(caches_dir);
	struct dirent *e;
	char path[512];

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", caches_dir, e->d_name);
		if (unlink(path))
			rmdir(path);
	}
	if (d)
		closedir(d);
	rmdir(caches_dir);
}

#endif
