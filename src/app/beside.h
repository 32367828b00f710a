/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is said of a file when it has been probed: remarks of its plan, once for all its
 * copies, and its version where another library beside it has that (OpenSSL 3 keeps it in
 * libcrypto). In the attacher.
 */
#ifndef EC_APP_BESIDE_H
#define EC_APP_BESIDE_H

#include "model/plan.h"
#include <sys/types.h>

#define EC_REMARKS_MAX 64

/* Those that were made, newest over oldest. Zeroed at first. */
struct ec_remarks {
	uint64_t said[EC_REMARKS_MAX];
	unsigned int n;
};

/*
 * The remarks of a plan that are not empty, each once a build, or a name where a file has
 * no build id; `version`: also those that the version is not known.
 */
void ec_remarks_say(struct ec_remarks *r, const char *path, const struct ec_plan *plan,
		    bool version);
/* The same of why a file's secrets cannot be seen. */
void ec_remarks_keys(struct ec_remarks *r, const char *path, const struct ec_plan *plan);

/*
 * Opens the regular file `name` ("lib….so…"; a link that stays in the folder, too) in the
 * folder of `path`, which is (dev, ino) as the process `pid` sees it, or we (0). The
 * descriptor, -ESTALE when another file is there, -errno.
 */
int ec_beside_open(const char *path, pid_t pid, uint64_t dev, uint64_t ino,
		   const char *name);

#endif
