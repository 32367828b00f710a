/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cgroups, v1, v2 and both at once (hybrid): cgroups(7). Two kinds of path: a *folder* is
 * a path in our file system ("/sys/fs/cgroup/unified/a"); a *path* is what
 * /proc/PID/cgroup shows ("/a"). In a cgroup namespace paths begin at its root, and what
 * lies outside begins with "/.."; paths of one reader agree with each other.
 */
#ifndef EC_HOST_CGROUP_H
#define EC_HOST_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One line of /proc/PID/cgroup. Pieces of the caller's text, not terminated. */
struct ec_cgroup_line {
	const char *names; /* "cpu,cpuacct", "name=systemd"; of v2 "" */
	size_t nnames;
	const char *path; /* begins with '/' */
	size_t npath;
	bool deleted; /* v2: removed under its process; " (deleted)" is taken off */
};

/* The text of /proc/PID/cgroup, to be freed by the caller. 0; -ESRCH; -EACCES; -ENOENT:
 * a kernel without cgroups; -ENOMEM. */
int ec_cgroup_text(pid_t pid, char **text);
/* The next line that is one; moves *text on. False at the end. Any bytes are fine. */
bool ec_cgroup_next(const char **text, struct ec_cgroup_line *line);
/*
 * The path of a process, in v2, or in v1: there in the hierarchy of systemd, but where it
 * is at the root of that, in the first in which it is not. 0; -ENOENT: no such hierarchy;
 * -ENAMETOOLONG; as ec_cgroup_text().
 */
int ec_cgroup_path(pid_t pid, bool v2, char *out, size_t n);
/* The folder where v2 is mounted; of several, one that shows the whole hierarchy.
 * 0; -ENOENT: nowhere; -ENAMETOOLONG. */
int ec_cgroup_mount(char *out, size_t n);
/* 2 or 1; 0: the folder is on another file system; -errno: it cannot be looked at. */
int ec_cgroup_version(const char *folder);
/*
 * A user's word, which is a folder or a path (the '/' before it may be missing), as a
 * folder without links: the word itself if it is on a cgroup file system, else below the
 * mount of v2, else of v1. 2 or 1, its version; -ENOENT; -ENAMETOOLONG.
 */
int ec_cgroup_find(const char *word, char *out, size_t n);
/*
 * The id of a v2 folder as bpf_get_current_cgroup_id() gives it. Since 5.5 that is the
 * inode's number (kernel commit 40430452fd5d); before, its generation is in the upper
 * half, so the id is read from the file's handle. 0; -EINVAL: not on v2; -errno.
 */
int ec_cgroup_id(const char *folder, uint64_t *id);
/* The path (not folder) of the v2 cgroup with that id, by its handle, and where rights
 * for that are missing by a search of the whole mount. 0; -ENOENT: it is gone or not
 * below our mount; -ENAMETOOLONG. */
int ec_cgroup_of_id(uint64_t id, char *out, size_t n);
/* Is the process in that cgroup or one below it? `word` as with ec_cgroup_find(); a path
 * need not exist and may be of any hierarchy. False where the process is gone. */
bool ec_cgroup_holds(const char *word, pid_t pid);

#endif
