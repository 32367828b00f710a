// SPDX-License-Identifier: GPL-2.0-only
#include "base/fds.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NR_CLOSE_RANGE 436 /* 5.9; the same number everywhere */

static int by_number(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Those that are open, by name: the limit may be 2^30, and nearly all are free. */
static int close_listed(int first, int last)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d))) {
		int fd = strtol(e->d_name, NULL, 10);

		if (e->d_name[0] != '.' && fd >= first && fd <= last && fd != dirfd(d))
			close(fd);
	}
	closedir(d);
	return 0;
}

static void close_between(int first, unsigned int last)
{
	long max;

	if ((unsigned int)first > last || !syscall(NR_CLOSE_RANGE, first, last, 0) ||
	    !close_listed(first, last < 0x7fffffff ? (int)last : 0x7fffffff))
		return;
	max = sysconf(_SC_OPEN_MAX);
	for (long fd = first; fd <= max && fd <= (long)last; fd++)
		close(fd);
}

void ec_fds_close_others(int first, int *keep, size_t n)
{
	qsort(keep, n, sizeof(*keep), by_number);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < first)
			continue;
		if (keep[i] > first)
			close_between(first, keep[i] - 1);
		first = keep[i] + 1;
	}
	close_between(first, ~0u);
}
