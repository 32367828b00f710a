/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cache in memory, and as it lies on the disk: head, answers, files, each from the
 * one that was used longest ago to the newest. For this room only.
 */
#ifndef EC_DISCOVER_CACHE_FILE_H
#define EC_DISCOVER_CACHE_FILE_H

#include "base/hash.h"
#include "base/map.h"
#include "discover/cache.h"

#define EC_CACHE_HEAD_LEN offsetof(struct ec_plan, points)

/* What the planner said, of any number of files. Followed by `size` bytes of a plan. */
struct ec_answer {
	uint32_t module;
	int32_t err;
	uint32_t size; /* EC_CACHE_HEAD_LEN and its points */
	uint32_t pad;
	uint8_t plan[];
};

struct ec_known {
	struct ec_file_id id;
	uint64_t answer; /* its hash */
	uint32_t module;
	uint32_t nothing; /* which of the two maps the answer is in */
};

struct ec_cache {
	struct ec_map *files;	   /* device, inode, module → struct ec_known */
	struct ec_map *answers[2]; /* hash → struct ec_answer: plans, nothings */
	struct ec_hash_key key;
	char *path;	/* NULL: memory only */
	uint64_t saved; /* ns, when last */
	bool changed;
};

struct ec_cache_head {
	char magic[8];
	char version[32], rev[48];
	uint32_t sizes[6]; /* of the structures: see cache_file.c */
	uint64_t build;	   /* of the loaded code */
	uint64_t modules;  /* names, programs */
	struct ec_hash_key key;
	uint32_t nanswers, nfiles;
	uint64_t length; /* of the whole file */
	uint64_t sum;	 /* over all of it, with 0 in here */
};

#define EC_CACHE_FILE_MAX (8u << 20)

/* Sum of a whole file, its head at the beginning. */
uint64_t ec_cache_sum(const uint8_t *p, size_t n);
/* Does an answer keep to what this build can use? `size` is what there is of it. */
bool ec_answer_ok(const struct ec_answer *a, size_t size);
/* Both take what they are given, and free it where it is not kept. */
void ec_cache_add_answer(struct ec_cache *c, struct ec_answer *a, uint64_t *hash);
void ec_cache_add_known(struct ec_cache *c, struct ec_known *k);

/* Why it cannot be used; NULL: it was read, or there is none. */
const char *ec_cache_load(struct ec_cache *c);
/* 0 or -errno */
int ec_cache_write(struct ec_cache *c, bool sync);

#endif
