/* SPDX-License-Identifier: GPL-2.0-only */
/* What is known of a process besides its numbers and name. */
#ifndef EC_MODEL_WHO_H
#define EC_MODEL_WHO_H

#include "abi/record.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Strings are "" where not known; all belong to whoever hands it out. */
struct ec_who {
	enum ec_verdict verdict;
	uint32_t ppid;
	uint32_t ns_pid; /* in its own pid namespace; 0: not known */
	uint64_t netns;
	const char *runtime, *container, *exe;
};

static inline bool ec_who_in_container(const struct ec_who *w)
{
	return w && w->container[0];
}

/* A container's id as container tools show it: of 64 digits the first 12, a name whole.
 */
#define EC_CONTAINER_LEN 72
static inline void ec_container_short(const char *id, char out[EC_CONTAINER_LEN])
{
	snprintf(out, EC_CONTAINER_LEN, "%.*s",
		 strlen(id) == 64 ? 12 : EC_CONTAINER_LEN - 1, id);
}

#endif
