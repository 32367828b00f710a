// SPDX-License-Identifier: GPL-2.0-only
#include "app/beside.h"
#include "base/log.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* FNV-1a */
static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)p)[i]) * 1099511628211ull;
	return h;
}

static bool said_before(struct ec_remarks *r, const char *path,
			const struct ec_plan *plan, const char *text)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	uint64_t h = mix(14695981039346656037ull, text, strlen(text));

	h = plan->build_id_len ? mix(h, plan->build_id, plan->build_id_len)
			       : mix(h, name, strlen(name));

	for (unsigned int i = 0; i < EC_MIN(r->n, (unsigned int)EC_REMARKS_MAX); i++)
		if (r->said[i] == h)
			return true;
	r->said[r->n++ % EC_REMARKS_MAX] = h;
	return false;
}

void ec_remarks_say(struct ec_remarks *r, const char *path, const struct ec_plan *plan,
		    bool version)
{
	for (int i = 0; i < EC_PLAN_WARN__N; i++)
		if (plan->warn[i][0] && (version || i != EC_PLAN_WARN_VERSION) &&
		    !said_before(r, path, plan, plan->warn[i]))
			ec_warn("%s: %s", path, plan->warn[i]);
	if (plan->note[0] && !said_before(r, path, plan, plan->note))
		ec_info("%s: %s", path, plan->note);
}

void ec_remarks_keys(struct ec_remarks *r, const char *path, const struct ec_plan *plan)
{
	if (!said_before(r, path, plan, plan->keys))
		ec_warn("%s: no key log: %s", path, plan->keys);
}

/* Below `dir`, by what `resolve` lets links do; before 5.6 by none at its end. */
static int open_below(int dir, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_PATH | O_CLOEXEC,
			       .resolve = resolve | RESOLVE_NO_MAGICLINKS};
	int fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS) {
		while (*path == '/')
			path++;
		fd = openat(dir, *path ? path : ".", how.flags | O_NOFOLLOW);
	}
	return fd < 0 ? -errno : fd;
}

static bool is_file(int dir, const char *name, uint64_t dev, uint64_t ino)
{
	struct stat st;

	return !fstatat(dir, name, &st, 0) && st.st_dev == dev && st.st_ino == ino;
}

/* The folder of `path`, as seen from `root`, if the file is in it. */
static int open_folder(const char *root_path, const char *path, uint64_t dev,
		       uint64_t ino)
{
	const char *slash = strrchr(path, '/');
	_ec_close_ int root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_ec_close_ int dir = -1;
	char folder[PATH_MAX];

	if (root < 0)
		return -errno;
	if ((size_t)(slash - path) + 2 > sizeof(folder))
		return -ENAMETOOLONG;
	memcpy(folder, path, slash - path + 1);
	folder[slash - path + 1] = 0;
	dir = open_below(root, folder, O_DIRECTORY, RESOLVE_IN_ROOT);
	if (dir < 0)
		return dir;
	return is_file(dir, slash + 1, dev, ino) ? EC_TAKE_FD(dir) : -ESTALE;
}

static int open_in(const char *root_path, const char *path, uint64_t dev, uint64_t ino,
		   const char *name)
{
	_ec_close_ int dir = open_folder(root_path, path, dev, ino), fd = -1;
	char again[40];
	struct stat st;
	int reader;

	if (dir < 0)
		return dir;
	/*
	 * Who may write to the folder must not have us open other files for him with our
	 * rights: links lead to other names in it at most. A device must not even be
	 * opened.
	 */
	fd = open_below(dir, name, 0, RESOLVE_BENEATH | RESOLVE_NO_XDEV);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return -ENOENT;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
	reader = open(again, O_RDONLY | O_CLOEXEC);
	return reader < 0 ? -errno : reader;
}

int ec_beside_open(const char *path, pid_t pid, uint64_t dev, uint64_t ino,
		   const char *name)
{
	char root[40];
	int fd = -ENOENT;

	/* from the planner, which sees what we open: libraries, nothing else */
	if (path[0] != '/' || strchr(name, '/') || fnmatch("lib*.so*", name, 0))
		return -EINVAL;
	snprintf(root, sizeof(root), "/proc/%d/root", pid);
	if (pid)
		fd = open_in(root, path, dev, ino, name);
	return fd >= 0 ? fd : open_in("/", path, dev, ino, name);
}
