/* SPDX-License-Identifier: GPL-2.0-only */
/* How many descriptors this process has: before and after, nothing may be left open. */
#ifndef EC_TESTS_OPEN_FILES_H
#define EC_TESTS_OPEN_FILES_H

#include <dirent.h>

static inline int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

#endif
