/* SPDX-License-Identifier: GPL-2.0-only */
/* What is known of a process besides its numbers and name. */
#ifndef EC_MODEL_WHO_H
#define EC_MODEL_WHO_H

#include "abi/record.h"
#include <stdbool.h>
#include <stdint.h>

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

#endif
