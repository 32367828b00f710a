/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Real files for tests of parsers, and copies of them that end where memory ends: one
 * byte read too far is a crash.
 */
#ifndef EC_TESTS_REAL_H
#define EC_TESTS_REAL_H

#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct real {
	uint8_t *p;
	size_t n;
};

/* First file that a pattern finds, NULL if none; for as long as the test runs. */
static inline const char *real_path(const char *const *patterns)
{
	static char path[4096];
	glob_t g;

	for (; *patterns; patterns++) {
		if (glob(*patterns, 0, NULL, &g))
			continue;
		snprintf(path, sizeof(path), "%s", g.gl_pathv[0]);
		globfree(&g);
		return path;
	}
	return NULL;
}

static inline const char *real_libssl(void)
{
	static const char *const patterns[] = {"/usr/lib/*/libssl.so.3",
					       "/usr/lib64/libssl.so.3",
					       "/usr/lib/libssl.so.3", NULL};

	return real_path(patterns);
}

static inline const char *real_libcrypto(void)
{
	static const char *const patterns[] = {"/usr/lib/*/libcrypto.so.3",
					       "/usr/lib64/libcrypto.so.3",
					       "/usr/lib/libcrypto.so.3", NULL};

	return real_path(patterns);
}

static inline struct real real_read(const char *path)
{
	struct real r = {NULL, 0};
	struct stat st;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return r;
	if (!fstat(fd, &st) && (r.p = malloc(st.st_size)) != NULL)
		while (r.n < (size_t)st.st_size) {
			ssize_t n = read(fd, r.p + r.n, st.st_size - r.n);

			if (n <= 0)
				break;
			r.n += n;
		}
	close(fd);
	return r;
}

/* A place for up to `max` bytes whose end is the end of readable memory. */
struct guard {
	uint8_t *map;
	size_t size;
};

static inline struct guard guard_new(size_t max)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct guard g = {NULL, (max + page - 1) / page * page};

	g.map = mmap(NULL, g.size + page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g.map == MAP_FAILED || mprotect(g.map + g.size, page, PROT_NONE))
		abort();
	return g;
}

static inline uint8_t *guard_put(const struct guard *g, const void *p, size_t n)
{
	uint8_t *at = g->map + g->size - n;

	memcpy(at, p, n);
	return at;
}

static inline void guard_free(struct guard *g)
{
	munmap(g->map, g->size + sysconf(_SC_PAGESIZE));
}

/* The same numbers every time. */
static inline uint32_t real_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

#endif
