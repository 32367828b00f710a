// SPDX-License-Identifier: GPL-2.0-only
/* The folders that the dynamic linker searches: ld.so(8), ldconfig(8). */
#include "discover/libpath.h"
#include "base/log.h"
#include "base/util.h"
#include "discover/offer.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CONF_DEPTH 8   /* of includes in each other */
#define CONF_FILES 256 /* in all: a file may include its own folder */

#if defined(__aarch64__)
#define TRIPLE "aarch64-linux-gnu"
#else
#define TRIPLE "x86_64-linux-gnu"
#endif

static const char *const standard[] = {
	"/lib64", "/usr/lib64", "/lib/" TRIPLE, "/usr/lib/" TRIPLE, "/lib", "/usr/lib",
};

/* Once by device and inode: /lib is a link to /usr/lib on most systems of today. */
int ec_libpath_add(struct ec_libpath *l, const char *path)
{
	struct stat st;
	char *copy;

	if (*path != '/' || stat(path, &st) || !S_ISDIR(st.st_mode))
		return 0;
	for (unsigned int i = 0; i < l->n; i++) {
		if (l->dirs[i].dev == st.st_dev && l->dirs[i].ino == st.st_ino)
			return 0;
	}
	if (l->n == EC_LIBPATH_MAX)
		return -ENOSPC;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	l->dirs[l->n].path = copy;
	l->dirs[l->n].dev = st.st_dev;
	l->dirs[l->n++].ino = st.st_ino;
	return 0;
}

void ec_libpath_free(struct ec_libpath *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		free(l->dirs[i].path);
	l->n = l->files = 0;
}

static int read_conf(struct ec_libpath *l, const char *path, int depth);

/* Patterns without a leading '/' are meant from the folder of the file that has them. */
static int include(struct ec_libpath *l, const char *conf, const char *pattern, int depth)
{
	const char *slash = strrchr(conf, '/');
	char full[PATH_MAX];
	glob_t g = {0};
	int n, err = 0;

	if (*pattern == '/' || !slash)
		n = snprintf(full, sizeof(full), "%s", pattern);
	else
		n = snprintf(full, sizeof(full), "%.*s/%s", (int)(slash - conf), conf,
			     pattern);
	if (n >= (int)sizeof(full) || depth >= CONF_DEPTH)
		return 0;
	if (!glob(full, 0, NULL, &g)) {
		for (size_t i = 0; i < g.gl_pathc && !err; i++)
			err = read_conf(l, g.gl_pathv[i], depth + 1);
	}
	globfree(&g);
	return err;
}

/* A line names folders, or is an include; "hwcap" lines are of glibc before 2.33. */
static int conf_line(struct ec_libpath *l, const char *conf, char *line, int depth)
{
	static const char blanks[] = " \t\r\n\v\f";
	char *save = NULL, *word;
	int err = 0;

	line[strcspn(line, "#")] = 0;
	word = line + strspn(line, blanks);
	if (!strncmp(word, "include", 7) && word[7] && strchr(blanks, word[7])) {
		for (word = strtok_r(word + 7, blanks, &save); word && !err;
		     word = strtok_r(NULL, blanks, &save))
			err = include(l, conf, word, depth);
		return err;
	}
	if (!strncmp(word, "hwcap", 5) && word[5] && strchr(blanks, word[5]))
		return 0;
	for (word = strtok_r(word, " \t\r\n\v\f:,", &save); word && !err;
	     word = strtok_r(NULL, " \t\r\n\v\f:,", &save)) {
		word[strcspn(word, "=")] = 0; /* "dir=libc6", of old */
		err = ec_libpath_add(l, word);
	}
	return err;
}

static int read_conf(struct ec_libpath *l, const char *path, int depth)
{
	FILE *f = l->files < CONF_FILES ? fopen(path, "re") : NULL;
	_ec_free_ char *line = NULL;
	size_t cap = 0;
	int err = 0;

	if (!f)
		return 0;
	l->files++;
	while (!err && getline(&line, &cap, f) >= 0)
		err = conf_line(l, path, line, depth);
	fclose(f);
	return err;
}

int ec_libpath_read(struct ec_libpath *l, const char *conf)
{
	int err = read_conf(l, conf, 0);

	for (size_t i = 0; i < EC_ARRAY_SIZE(standard) && !err; i++)
		err = ec_libpath_add(l, standard[i]);
	return err == -ENOSPC ? 0 : err;
}

/* Before fnmatch(3): thousands of names end at their first letters. */
static bool may_match(const char *pattern, const char *name)
{
	size_t n = strcspn(pattern, "*?[\\");

	return !strncmp(pattern, name, n);
}

uint64_t ec_offer_searched(const char *name)
{
	unsigned int n = EC_MIN(ec_modules_count, (unsigned int)EC_OFFER_MODULES);
	uint64_t set = 0;

	for (unsigned int i = 0; i < n; i++) {
		const char *const *p = ec_modules[i].module->search;

		for (; p && *p; p++) {
			if (may_match(*p, name) && !fnmatch(*p, name, 0))
				set |= UINT64_C(1) << i;
		}
	}
	return set;
}

/* The file's own name where `name` is a link to it. */
static const char *real_name(int fd, char *out, size_t n)
{
	char link[40];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, out, n - 1);
	if (len <= 0 || *out != '/')
		return NULL;
	out[len] = 0;
	return out;
}

int ec_offer_name(struct ec_scan *s, int dir, const char *dir_path, const char *name,
		  uint64_t modules, ec_candidate_fn *fn, void *ctx)
{
	/* Root alone writes here, but a pipe must not hold us up. */
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char path[PATH_MAX], made[PATH_MAX];
	const char *real;

	if (fd < 0)
		return 0;
	real = real_name(fd, path, sizeof(path));
	if (!real) {
		snprintf(made, sizeof(made), "%s/%s", dir_path, name);
		real = made;
	}
	return ec_offer_file(s, fd, real, 0, NULL, modules, fn, ctx);
}

static int see_dir(struct ec_scan *s, const char *path, ec_candidate_fn *fn, void *ctx)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int ret = 0;

	if (!d)
		return 0;
	while (!ret && (e = readdir(d))) {
		uint64_t modules;

		if (e->d_type != DT_REG && e->d_type != DT_LNK && e->d_type != DT_UNKNOWN)
			continue;
		modules = ec_offer_searched(e->d_name);
		if (modules)
			ret = ec_offer_name(s, dirfd(d), path, e->d_name, modules, fn,
					    ctx);
	}
	closedir(d);
	return ret;
}

int ec_scan_search_path(struct ec_scan *s, ec_candidate_fn *fn, void *ctx)
{
	struct ec_libpath l = {0};
	int ret = ec_libpath_read(&l, "/etc/ld.so.conf");

	for (unsigned int i = 0; i < l.n && !ret; i++)
		ret = see_dir(s, l.dirs[i].path, fn, ctx);
	ec_libpath_free(&l);
	return ret;
}
