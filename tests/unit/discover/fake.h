/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table of modules of our own, files that they want, and a callback that notes what is
 * handed on. For the tests of this room, one per program: it defines ec_modules.
 */
#ifndef EC_TESTS_UNIT_DISCOVER_FAKE_H
#define EC_TESTS_UNIT_DISCOVER_FAKE_H

#include "base/util.h"
#include "discover/scan.h"
#include "unit/open_files.h"
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static bool fake_wants_ec(const char *base)
{
	return !fnmatch("libec_*.so*", base, 0);
}
static bool fake_wants_both(const char *base)
{
	return !strcmp(base, "libec_both.so");
}

static const char *const fake_search[] = {"libc.so.[6]", "libno such thing*", NULL};
/* One that wants nothing and searches nothing stands before them. */
static const struct ec_module fake_none = {.name = "none"};
static const struct ec_module fake_one = {
	.name = "one", .wants = fake_wants_ec, .search = fake_search};
static const struct ec_module fake_two = {.name = "two", .wants = fake_wants_both};

const struct ec_module_entry ec_modules[] = {
	{.module = &fake_none}, {.module = &fake_one}, {.module = &fake_two}};
const unsigned int ec_modules_count = EC_ARRAY_SIZE(ec_modules);

static char fake_dir[64];

static inline int fake_dir_make(void)
{
	strcpy(fake_dir, "/tmp/ec_discover_XXXXXX");
	return mkdtemp(fake_dir) ? 0 : -1;
}

static inline void fake_path(char *out, size_t n, const char *name)
{
	snprintf(out, n, "%s/%s", fake_dir, name);
}

/* With the files and empty folders in it. */
static inline void fake_dir_remove(void)
{
	DIR *d = opendir(fake_dir);
	struct dirent *e;
	char path[512];

	while (d && (e = readdir(d))) {
		fake_path(path, sizeof(path), e->d_name);
		if (unlink(path))
			rmdir(path);
	}
	if (d)
		closedir(d);
	rmdir(fake_dir);
}

/* Maps a page of the file of this name, which is made if it is not there, as code. */
static inline void *fake_map(const char *name)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char path[512];
	void *p = MAP_FAILED;
	int fd;

	fake_path(path, sizeof(path), name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0755);
	if (fd >= 0 && !ftruncate(fd, (off_t)page))
		p = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		abort();
	close(fd);
	return p;
}

static inline void fake_unmap(void *p)
{
	munmap(p, (size_t)sysconf(_SC_PAGESIZE));
}

struct fake_seen {
	bool keep; /* the descriptors */
	int ret;
	unsigned int n;
	struct {
		const struct ec_module *module;
		unsigned int index;
		char path[512];
		const char *base;
		uint64_t dev, ino;
		pid_t pid;
		int fd;
		bool readable;
	} v[16];
};

static EC_UNUSED int fake_see(void *ctx, struct ec_candidate *c)
{
	struct fake_seen *s = ctx;
	char byte;

	if (s->n < EC_ARRAY_SIZE(s->v)) {
		snprintf(s->v[s->n].path, sizeof(s->v[0].path), "%s", c->path);
		s->v[s->n].base = strrchr(s->v[s->n].path, '/') + 1;
		s->v[s->n].module = c->module;
		s->v[s->n].index = c->module_index;
		s->v[s->n].dev = c->dev;
		s->v[s->n].ino = c->ino;
		s->v[s->n].pid = c->pid;
		s->v[s->n].readable = pread(c->fd, &byte, 1, 0) == 1;
		s->v[s->n].fd = c->fd;
		if (s->keep)
			c->fd = -1;
	}
	s->n++;
	return s->ret;
}

#endif
