/* SPDX-License-Identifier: GPL-2.0-only */
/* The planner process: gets descriptors of target files, answers with plans. Hostile
 * bytes, no rights; a crash or a time-out costs the file at hand. */
#ifndef EC_APP_PLANNER_H
#define EC_APP_PLANNER_H

#include "discover/cache.h"
#include "privsep/child.h"

#define EC_PLANNER_MEMORY (4ull << 30) /* address space, bytes: files are mapped */
#define EC_PLANNER_TIME	  10	       /* seconds of the processor that a file may take */
/* Seconds until it is given up, with others before it: disks are slow, hosts are busy. */
#define EC_PLANNER_WAIT	  80

/* It goes on with a copy of the cache as it is now, which stays the caller's; NULL: none.
 */
int ec_planner_spawn_with(struct ec_cache *cache, struct ec_child *out);
int ec_planner_spawn(struct ec_child *out); /* without a cache */

#endif
