/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which container a process is in, from the names of its cgroups. Runtimes name a cgroup
 * after the container; sources are given at the tables in container.c.
 *
 * Who may make cgroups chooses their names: a container that was given a part of the tree
 * can claim below its own cgroup to be another one. So this names, it does not protect.
 */
#ifndef EC_HOST_CONTAINER_H
#define EC_HOST_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ec_container {
	char runtime[16]; /* "docker", "containerd", "podman", "cri-o", "kubernetes" (pod
			   * on a host where the name does not tell which), "lxc",
			   * "libvirt-lxc", "systemd-nspawn", "runc", "crun", "garden";
			   * "unknown": 64 hex digits as all runtimes of the OCI use
			   * them, but whose is not told; "": no container */
	char id[72];	  /* 64 hex digits, or the runtime's own name; "": no container.
			   * Printable ASCII without blanks, always terminated */
};

/*
 * From the text of /proc/PID/cgroup (v1, v2 or both). The innermost container wins where
 * one is in another, and of several hierarchies the one that tells most. true if there is
 * one; else *out is untouched. What stands beside a container (conmon, lxc.monitor, the
 * supervisor of nspawn, pods, services, virtual machines) is none. No allocation, linear.
 */
bool ec_container_parse(const char *cgroup_text, struct ec_container *out);
/* The same from one path in a hierarchy, as ec_cgroup_path() and ec_cgroup_of_id() give
 * it. Names over 71 bytes or with other bytes than those above are no container's. */
bool ec_container_parse_path(const char *path, struct ec_container *out);
/* Reads /proc/PID/cgroup. 0; -ENOENT: in no container; -ESRCH, -EACCES. */
int ec_container_of(pid_t pid, struct ec_container *out);
/* Does a user's word name it? The whole id, or of 64 hex digits the first 4 or more;
 * upper and lower case differ. */
bool ec_container_matches(const struct ec_container *c, const char *word);

#endif
