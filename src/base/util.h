/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_BASE_UTIL_H
#define EC_BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EC_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define EC_MIN(a, b)	 ((a) < (b) ? (a) : (b))
#define EC_MAX(a, b)	 ((a) > (b) ? (a) : (b))
#define EC_PRINTF(f, a)	 __attribute__((format(printf, f, a)))
#define EC_UNUSED	 __attribute__((unused))

/*
 * Cleanup attributes. Contract: the variable is initialised where it is declared; -1 and
 * NULL mean nothing to do; a value that is handed on is taken out with EC_TAKE_*.
 */
static inline void ec_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
static inline void ec_cleanup_free(void *p)
{
	free(*(void **)p);
}
#define _ec_close_ __attribute__((cleanup(ec_cleanup_close)))
#define _ec_free_  __attribute__((cleanup(ec_cleanup_free)))
static inline int ec_take_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}
#define EC_TAKE_FD(fd) ec_take_fd(&(fd))
#define EC_TAKE_PTR(p)                  \
	({                              \
		__typeof__(p) _v = (p); \
		(p) = NULL;             \
		_v;                     \
	})

/* Behind the last '/'. */
static inline const char *ec_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

#endif
