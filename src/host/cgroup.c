// SPDX-License-Identifier: GPL-2.0-only
#include "host/cgroup.h"
#include "base/util.h"
#include "host/cgroup_mounts.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define TEXT_MAX (256u << 10) /* a path of PATH_MAX for each of some 20 hierarchies */
#define DELETED	 " (deleted)"
#define SYSTEMD	 "name=systemd"

static int copy_out(char *out, size_t n, const char *s, size_t len)
{
	if (len >= n)
		return -ENAMETOOLONG;
	memcpy(out, s, len);
	out[len] = 0;
	return 0;
}

static int refused(pid_t pid, int err)
{
	char dir[32];

	if (err == EPERM)
		return -EACCES;
	if (err != ENOENT)
		return -err;
	snprintf(dir, sizeof(dir), "/proc/%d", pid);
	return access(dir, F_OK) ? -ESRCH : -ENOENT;
}

int ec_cgroup_text(pid_t pid, char **text)
{
	_ec_close_ int fd = -1;
	_ec_free_ char *buf = NULL;
	size_t have = 0, cap = 0;
	char path[48];
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return refused(pid, errno);
	do {
		if (cap - have < 2) {
			char *more = realloc(buf, cap ? 2 * cap : 4096);

			if (!more)
				return -ENOMEM;
			buf = more;
			cap = cap ? 2 * cap : 4096;
		}
		got = read(fd, buf + have, cap - have - 1);
		if (got < 0)
			return refused(pid, errno);
		have += (size_t)got;
	} while (got && have < TEXT_MAX);
	buf[have] = 0;
	*text = EC_TAKE_PTR(buf);
	return 0;
}

bool ec_cgroup_next(const char **text, struct ec_cgroup_line *l)
{
	const size_t cut = strlen(DELETED);

	while (**text) {
		const char *at = *text, *nl = strchrnul(at, '\n');
		const char *path;

		*text = *nl ? nl + 1 : nl;
		at = memchr(at, ':', (size_t)(nl - at));
		path = at ? memchr(at + 1, ':', (size_t)(nl - at - 1)) : NULL;
		if (!path || path + 1 == nl || path[1] != '/')
			continue;
		l->names = at + 1;
		l->nnames = (size_t)(path - at - 1);
		l->path = path + 1;
		l->npath = (size_t)(nl - path - 1);
		l->deleted =
			!l->nnames && l->npath > cut && !memcmp(nl - cut, DELETED, cut);
		if (l->deleted)
			l->npath -= cut;
		return true;
	}
	return false;
}

int ec_cgroup_path(pid_t pid, bool v2, char *out, size_t n)
{
	struct ec_cgroup_line l, best = {.path = NULL};
	_ec_free_ char *text = NULL;
	int err = ec_cgroup_text(pid, &text);
	const char *p = text;
	int best_rank = -1;

	if (err)
		return err;
	while (ec_cgroup_next(&p, &l)) {
		bool systemd = l.nnames == strlen(SYSTEMD) &&
			       !memcmp(l.names, SYSTEMD, l.nnames);
		int rank = (l.npath > 1) * 2 + systemd;

		if (v2 == !l.nnames && rank > best_rank) {
			best = l;
			best_rank = rank;
		}
	}
	return best.path ? copy_out(out, n, best.path, best.npath) : -ENOENT;
}

int ec_cgroup_mount(char *out, size_t n)
{
	struct ec_cgroup_place p;
	int err = ec_cgroup_place_v2(&p);

	return err ?: copy_out(out, n, p.point, strlen(p.point));
}

int ec_cgroup_version(const char *folder)
{
	struct statfs fs;

	if (statfs(folder, &fs))
		return -errno;
	if (fs.f_type == CGROUP2_SUPER_MAGIC)
		return 2;
	return fs.f_type == CGROUP_SUPER_MAGIC ? 1 : 0;
}

/* `want` 0: any version. */
static int folder_out(const char *path, int want, char *out, size_t n)
{
	_ec_free_ char *real = realpath(path, NULL);
	int version = real ? ec_cgroup_version(real) : -errno;
	struct stat st;
	int err;

	if (version <= 0 || (want && version != want) || stat(real, &st) ||
	    !S_ISDIR(st.st_mode))
		return -ENOENT;
	err = copy_out(out, n, real, strlen(real));
	return err ?: version;
}

struct finding {
	const char *word;
	int version;
	char *out;
	size_t n;
};

static int try_mount(void *ctx, const struct ec_cgroup_mnt *m)
{
	const struct finding *f = ctx;
	_ec_free_ char *path = NULL;
	const char *rest = ec_cgroup_behind(m->root, f->word);
	int ret;

	if (m->version != f->version || !rest)
		return 0;
	if (asprintf(&path, "%s%s", m->point, rest) < 0)
		path = NULL;
	ret = path ? folder_out(path, f->version, f->out, f->n) : -ENOENT;
	return ret == -ENOENT ? 0 : ret;
}

int ec_cgroup_find(const char *word, char *out, size_t n)
{
	_ec_free_ char *path = NULL;
	struct finding f = {.version = 2, .out = out, .n = n};
	int ret;

	if (!*word)
		return -ENOENT;
	if (*word == '/' && ec_cgroup_version(word) > 0)
		return folder_out(word, 0, out, n);
	if (asprintf(&path, "%s%s", *word == '/' ? "" : "/", word) < 0) {
		path = NULL;
		return -ENOENT;
	}
	f.word = path;
	ret = ec_cgroup_mnt_each(try_mount, &f);
	if (!ret) {
		f.version = 1;
		ret = ec_cgroup_mnt_each(try_mount, &f);
	}
	return ret ?: -ENOENT;
}
