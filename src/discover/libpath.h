/* SPDX-License-Identifier: GPL-2.0-only */
/* The library search path as a list of folders. For this room only. */
#ifndef EC_DISCOVER_LIBPATH_H
#define EC_DISCOVER_LIBPATH_H

#include <sys/types.h>

#define EC_LIBPATH_MAX 128

struct ec_libpath {
	unsigned int n;
	unsigned int files; /* read: includes may go in circles */
	struct {
		char *path;
		dev_t dev;
		ino_t ino;
	} dirs[EC_LIBPATH_MAX];
};

/*
 * Adds the folders of a configuration file with its includes, then the standard ones.
 * What is no folder, and what was named before, is left out. Starts from {0}. 0, -ENOMEM
 */
int ec_libpath_read(struct ec_libpath *l, const char *conf);
int ec_libpath_add(struct ec_libpath *l, const char *path); /* -ENOSPC too */
void ec_libpath_free(struct ec_libpath *l);

#endif
