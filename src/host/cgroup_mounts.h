/* SPDX-License-Identifier: GPL-2.0-only */
/* Where cgroup hierarchies are mounted; for cgroup*.c. Words as in host/cgroup.h. */
#ifndef EC_HOST_CGROUP_MOUNTS_H
#define EC_HOST_CGROUP_MOUNTS_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct ec_cgroup_mnt {
	dev_t dev;
	int version;
	const char *root;    /* the path that is mounted */
	const char *point;   /* the folder it is mounted on */
	const char *options; /* of the file system: names of its controllers */
};
/* Strings end with the callback. Non-zero ends and is returned. */
typedef int ec_cgroup_mnt_fn(void *ctx, const struct ec_cgroup_mnt *m);
/* From /proc/self/mountinfo; a mount that another one hides is left out. */
int ec_cgroup_mnt_each(ec_cgroup_mnt_fn *fn, void *ctx);

struct ec_cgroup_place {
	char point[PATH_MAX];
	char root[PATH_MAX]; /* "" for "/" */
	char options[PATH_MAX];
	int version;
};
/* A mount of v2, whole if there is one. 0, -ENOENT. */
int ec_cgroup_place_v2(struct ec_cgroup_place *p);
/* The mount that a folder, given without links, is on. */
bool ec_cgroup_place_of(const char *folder, struct ec_cgroup_place *p);
/* What is behind `dir` in `path`, "" or "/…"; NULL: it is not below. */
const char *ec_cgroup_behind(const char *dir, const char *path);

#endif
