// SPDX-License-Identifier: GPL-2.0-only
#include "host/cgroup_mounts.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Blank, tab, newline and backslash are octal there (kernel: seq_dentry()). */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		unsigned int v;

		if (*s == '\\' && sscanf(s + 1, "%3o", &v) == 1 && v && v < 256) {
			*to++ = (char)v;
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

/* "32 31 0:29 /root /point rw,relatime shared:1 - cgroup cgroup rw,cpu" */
static bool parse_mount(char *line, struct ec_cgroup_mnt *m)
{
	char *rest = strstr(line, " - "), *save = NULL, *root, *point, *type;
	unsigned int maj, min;

	if (!rest || sscanf(line, "%*u %*u %u:%u ", &maj, &min) != 2)
		return false;
	*rest = 0;
	for (int i = 0; i < 3; i++)
		strtok_r(i ? NULL : line, " ", &save);
	root = strtok_r(NULL, " ", &save);
	point = strtok_r(NULL, " ", &save);
	type = strtok_r(rest + 3, " \n", &save);
	if (!type || strncmp(type, "cgroup", 6) || !point)
		return false;
	strtok_r(NULL, " \n", &save);
	m->options = strtok_r(NULL, " \n", &save) ?: "";
	m->version = !strcmp(type, "cgroup2") ? 2 : !strcmp(type, "cgroup") ? 1 : 0;
	m->dev = makedev(maj, min);
	unescape(root);
	unescape(point);
	m->root = root;
	m->point = point;
	return m->version;
}

int ec_cgroup_mnt_each(ec_cgroup_mnt_fn *fn, void *ctx)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	_ec_free_ char *line = NULL;
	size_t n = 0;
	int ret = 0;

	if (!f)
		return 0;
	while (!ret && getline(&line, &n, f) > 0) {
		struct ec_cgroup_mnt m;
		struct stat st;

		if (parse_mount(line, &m) && !stat(m.point, &st) && st.st_dev == m.dev)
			ret = fn(ctx, &m);
	}
	fclose(f);
	return ret;
}

static void keep_place(struct ec_cgroup_place *p, const struct ec_cgroup_mnt *m)
{
	snprintf(p->point, sizeof(p->point), "%s", m->point);
	snprintf(p->root, sizeof(p->root), "%s", strcmp(m->root, "/") ? m->root : "");
	snprintf(p->options, sizeof(p->options), "%s", m->options);
	p->version = m->version;
}

static int pick_v2(void *ctx, const struct ec_cgroup_mnt *m)
{
	struct ec_cgroup_place *p = ctx;

	if (m->version != 2 || (p->version && strcmp(m->root, "/")))
		return 0;
	keep_place(p, m);
	return !strcmp(m->root, "/");
}

int ec_cgroup_place_v2(struct ec_cgroup_place *p)
{
	p->version = 0;
	ec_cgroup_mnt_each(pick_v2, p);
	return p->version ? 0 : -ENOENT;
}

const char *ec_cgroup_behind(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	while (n && dir[n - 1] == '/')
		n--;
	return !strncmp(dir, path, n) && (!path[n] || path[n] == '/') ? path + n : NULL;
}

struct on_mount {
	const char *folder;
	dev_t dev;
	struct ec_cgroup_place *place;
	size_t best;
};

static int pick_longest(void *ctx, const struct ec_cgroup_mnt *m)
{
	struct on_mount *o = ctx;
	size_t n = strlen(m->point);

	if (m->dev == o->dev && n >= o->best && ec_cgroup_behind(m->point, o->folder)) {
		keep_place(o->place, m);
		o->best = n;
	}
	return 0;
}

bool ec_cgroup_place_of(const char *folder, struct ec_cgroup_place *p)
{
	struct on_mount o = {.folder = folder, .place = p};
	struct stat st;

	if (stat(folder, &st))
		return false;
	o.dev = st.st_dev;
	ec_cgroup_mnt_each(pick_longest, &o);
	return o.best;
}
