/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Namespaces, and what of a process looks different from inside of them: namespaces(7).
 * A namespace is told by its inode's number, as in "net:[4026531840]".
 */
#ifndef EC_HOST_NS_H
#define EC_HOST_NS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* `name` in all of these: "net", "mnt", "pid", "user", "cgroup", "uts", "ipc", "time". */

/* The namespace that a process is in. 0; -EINVAL: no such name; -ENOENT: this kernel has
 * none of the kind; -ESRCH: no such process, or it has ended; -EACCES. */
int ec_ns_id(pid_t pid, const char *name, uint64_t *ino);
/*
 * A user's word for a namespace: its inode's number; "net:[NUMBER]"; a path with a '/' in
 * it (/proc/1/ns/net, /run/netns/blue); with "net" also a name of `ip netns`. A word of
 * digits is a number. 0; -EINVAL: it is none, or of another kind; -ENOENT: no such path
 * or name; -EACCES. A number is not looked up: a namespace may come later.
 */
int ec_ns_parse(const char *word, const char *name, uint64_t *ino);

/* Are we in the host's own one ("pid" or "user")? 1, 0; -EINVAL; -errno: not known. */
int ec_ns_is_host(const char *name);

/* The process's number in its own pid namespace, where it is in one below ours; else
 * pid itself. 0, -ESRCH, -EACCES. */
int ec_proc_ns_pid(pid_t pid, pid_t *inner);
/*
 * The program's path as the process sees it, without " (deleted)". 0; 1: the file is
 * deleted or replaced; -ENOENT: a kernel thread or one that has ended; -ESRCH; -EACCES;
 * -ENAMETOOLONG. It may lead to another file where the process has another root.
 */
int ec_proc_exe(pid_t pid, char *out, size_t n);

#endif
