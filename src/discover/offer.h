/* SPDX-License-Identifier: GPL-2.0-only */
/* What the ways of finding files share. For this room only. */
#ifndef EC_DISCOVER_OFFER_H
#define EC_DISCOVER_OFFER_H

#include "discover/scan.h"
#include "base/map.h"

#define EC_OFFER_MODULES 64 /* a set of modules is a bit mask */

struct ec_scan {
	struct ec_map *seen; /* struct ec_seen → time of birth */
	unsigned int denied, unopened;
	bool everything;
	ec_use_fn *use;
	void *use_ctx;
};

struct ec_seen {
	uint64_t dev, ino; /* as stat(2) shows them */
};

/* Set of the modules that want a file of this base name. */
uint64_t ec_offer_wanted(const char *base);
/*
 * Hands on the open file to every module of the set, unless it was seen before. Closes
 * fd. 0 (also for what is no regular file), -errno, or fn's value.
 */
int ec_offer_file(struct ec_scan *s, int fd, const char *path, pid_t pid,
		  const struct ec_mapping *m, uint64_t modules, ec_candidate_fn *fn,
		  void *ctx);
/* Set of the modules whose patterns of the search path a name matches. */
uint64_t ec_offer_searched(const char *name);
/* The file `name` in a folder of the search path, if it is not known yet. As above. */
int ec_offer_name(struct ec_scan *s, int dir, const char *dir_path, const char *name,
		  uint64_t modules, ec_candidate_fn *fn, void *ctx);
/*
 * The file behind a mapping, if a module wants its name and it was not seen before. 0 too
 * when it is gone or may not be opened; fn's value.
 */
int ec_offer_mapping(struct ec_scan *s, pid_t pid, const struct ec_mapping *m,
		     ec_candidate_fn *fn, void *ctx);
/* ec_places_new() by another file than /etc/ld.so.conf. */
int ec_places_new_of(struct ec_scan *s, const char *conf, ec_candidate_fn *fn, void *ctx,
		     struct ec_places **out);

#endif
