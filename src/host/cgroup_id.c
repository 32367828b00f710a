// SPDX-License-Identifier: GPL-2.0-only
/* Ids of v2 folders, and what is below a folder. */
#include "host/cgroup.h"
#include "base/util.h"
#include "host/cgroup_mounts.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SEARCH_DEEP	 32	/* systemd and Kubernetes in a container stay below 20 */
#define SEARCH_MAX	 65536u /* folders: as many as there may be by default (CSS ids) */
/* Types of handles: linux/exportfs.h, which is not for programs. The older is what the
 * kernel before 5.5 takes, its 8 bytes are the same. */
#define HANDLE_KERNFS	 0xfe
#define HANDLE_INO32_GEN 1

union handle {
	struct file_handle h;
	char room[sizeof(struct file_handle) + sizeof(uint64_t)];
};

static int id_of(int dir, const char *name, int flags, uint64_t *id)
{
	union handle u = {.h.handle_bytes = sizeof(*id)};
	struct stat st;
	int mount;

	if (!name_to_handle_at(dir, name, &u.h, &mount, flags) &&
	    u.h.handle_bytes == sizeof(*id)) {
		memcpy(id, u.room + offsetof(struct file_handle, f_handle), sizeof(*id));
		return 0;
	}
	if (fstatat(dir, name, &st, flags & AT_EMPTY_PATH))
		return -errno;
	*id = st.st_ino;
	return 0;
}

int ec_cgroup_id(const char *folder, uint64_t *id)
{
	int version = ec_cgroup_version(folder);

	if (version < 0)
		return version;
	return version == 2 ? id_of(AT_FDCWD, folder, AT_SYMLINK_FOLLOW, id) : -EINVAL;
}

struct search {
	bool (*test)(const struct search *s, int dir);
	uint64_t id;
	pid_t pid;
	unsigned int left;
	char path[PATH_MAX]; /* below where it began, of what was found */
};

static bool has_id(const struct search *s, int dir)
{
	uint64_t id;

	return !id_of(dir, "", AT_EMPTY_PATH, &id) && id == s->id;
}

static bool has_process(const struct search *s, int dir)
{
	int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	bool yes = false;
	int pid;

	if (!f) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!yes && fscanf(f, "%d", &pid) == 1)
		yes = pid == s->pid;
	fclose(f);
	return yes;
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* From the folder `dir` (taken over) downwards. 1: found, its path in s->path; 0. */
static int search(struct search *s, int dir, size_t len, int depth)
{
	DIR *d;
	struct dirent *e;
	int ret = s->test(s, dir);

	if (ret || depth == SEARCH_DEEP || !(d = fdopendir(dir))) {
		close(dir);
		return ret;
	}
	while (!ret && s->left && (e = readdir(d))) {
		size_t n = strlen(e->d_name);
		int fd;

		if (e->d_type != DT_DIR || is_dots(e->d_name) || len + n + 2 > PATH_MAX)
			continue;
		fd = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		s->left--;
		s->path[len] = '/';
		memcpy(s->path + len + 1, e->d_name, n + 1);
		ret = search(s, fd, len + 1 + n, depth + 1);
	}
	if (!ret)
		s->path[len] = 0;
	closedir(d);
	return ret;
}

static bool search_from(const char *folder, struct search *s)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	s->left = SEARCH_MAX;
	s->path[0] = 0;
	return fd >= 0 && search(s, fd, 0, 0);
}

/* What is below the mount of the folder with that id, into rest. False: by no handle. */
static bool by_handle(const struct ec_cgroup_place *p, uint64_t id, char rest[PATH_MAX])
{
	_ec_close_ int at = open(p->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	union handle u = {
		.h = {.handle_bytes = sizeof(id), .handle_type = HANDLE_KERNFS}};
	_ec_close_ int fd = -1;
	char link[40], path[PATH_MAX];
	const char *behind;
	uint64_t same;
	ssize_t n;

	memcpy(u.room + offsetof(struct file_handle, f_handle), &id, sizeof(id));
	fd = open_by_handle_at(at, &u.h, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		u.h.handle_type = HANDLE_INO32_GEN;
		fd = open_by_handle_at(at, &u.h, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return false;
	path[n] = 0;
	/* One that was removed, or is not below our mount: no name leads to it. */
	behind = ec_cgroup_behind(p->point, path);
	if (!behind || ec_cgroup_id(path, &same) || same != id)
		return false;
	snprintf(rest, PATH_MAX, "%s", behind);
	return true;
}

int ec_cgroup_of_id(uint64_t id, char *out, size_t n)
{
	struct ec_cgroup_place p;
	struct search s = {.test = has_id, .id = id};
	size_t root, rest;

	if (ec_cgroup_place_v2(&p))
		return -ENOENT;
	if (!by_handle(&p, id, s.path) && !search_from(p.point, &s))
		return -ENOENT;
	root = strlen(p.root);
	rest = strlen(s.path);
	if (EC_MAX(root + rest, (size_t)1) >= n)
		return -ENAMETOOLONG;
	snprintf(out, n, "%s%s", p.root, root || rest ? s.path : "/");
	return 0;
}

/* --- what a folder holds -------------------------------------------------------- */

static unsigned int take_ups(const char **path)
{
	unsigned int n = 0;

	for (; !strncmp(*path, "/..", 3) && ((*path)[3] == '/' || !(*path)[3]); n++)
		*path += 3;
	return n;
}

/*
 * Is `path` in or below `dir`? The kernel goes up no further than it has to, so a path
 * that goes up less than `dir` shares more with our root: it is below only if `dir` is
 * one of our ancestors, which a dir put together from a mount and a folder may be without
 * showing it: then *unsure.
 */
static bool below(const char *dir, const char *path, bool *unsure)
{
	unsigned int du = take_ups(&dir), pu = take_ups(&path);

	if (pu < du) {
		bool ancestor = !*dir || !strcmp(dir, "/");

		*unsure |= !ancestor;
		return ancestor;
	}
	return pu == du && ec_cgroup_behind(dir, path);
}

/* Is one of "a,b" among the options "rw,a,b"? Of v2, whose names are "", always. */
static bool has_controller(const char *options, const struct ec_cgroup_line *l)
{
	const char *comma = memchr(l->names, ',', l->nnames);
	size_t n = comma ? (size_t)(comma - l->names) : l->nnames;

	for (const char *o = options; o; o = strchr(o, ',')) {
		o += *o == ',';
		if (!strncmp(o, l->names, n) && (!n || !o[n] || o[n] == ','))
			return true;
	}
	return false;
}

/* `p` NULL: a path, of any hierarchy. */
static bool line_below(const struct ec_cgroup_place *p, const char *dir,
		       const struct ec_cgroup_line *l, bool *unsure)
{
	char path[PATH_MAX];

	if (l->npath >= sizeof(path))
		return false;
	if (p && ((p->version == 2) != !l->nnames || !has_controller(p->options, l)))
		return false;
	memcpy(path, l->path, l->npath);
	path[l->npath] = 0;
	return below(dir, path, unsure);
}

bool ec_cgroup_holds(const char *word, pid_t pid)
{
	_ec_free_ char *text = NULL, *real = NULL, *dir = NULL;
	bool is_folder = *word == '/' && ec_cgroup_version(word) > 0;
	struct ec_cgroup_place p;
	struct ec_cgroup_line l;
	bool unsure = false;
	const char *at;
	int n;

	if (!*word || ec_cgroup_text(pid, &text))
		return false;
	if (is_folder) {
		real = realpath(word, NULL);
		if (!real || !ec_cgroup_place_of(real, &p))
			return false;
		n = asprintf(&dir, "%s%s", p.root, ec_cgroup_behind(p.point, real));
	} else {
		n = asprintf(&dir, "%s%s", *word == '/' ? "" : "/", word);
	}
	if (n < 0) {
		dir = NULL;
		return false;
	}
	for (at = text; ec_cgroup_next(&at, &l);) {
		if (line_below(is_folder ? &p : NULL, dir, &l, &unsure))
			return true;
	}
	if (is_folder && unsure) {
		struct search s = {.test = has_process, .pid = pid};

		return search_from(real, &s);
	}
	return false;
}
